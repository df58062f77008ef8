//! How two declarations of one kind of tasks differ.

use barewire_runtime::schema::{Schema, difference as differences};

use crate::wire::Declaration;

/// How a declaration differs from the one that the cluster knows, in words.
pub(crate) fn difference(known: &Declaration, found: &Declaration) -> String {
    let sides = [
        ("request", &known.request, &found.request),
        ("response", &known.response, &found.response),
    ];
    let mut lines = Vec::new();
    for (side, known, found) in sides {
        let (Ok(known), Ok(found)) = (Schema::read(side, known), Schema::read(side, found)) else {
            lines.push(format!("the {side}'s schema cannot be read"));
            continue;
        };
        for line in differences(known.root(), found.root()) {
            let path = if line.path.is_empty() { "the type" } else { &line.path };
            let (known, found) = (line.expected, line.found);
            let (known, found) = (
                known.unwrap_or_else(|| "missing".to_owned()),
                found.unwrap_or_else(|| "missing".to_owned()),
            );
            lines.push(format!("{side} `{path}`: {known} in the cluster, {found} here"));
        }
    }
    lines.join("; ")
}
