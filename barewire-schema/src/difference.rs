//! What two types differ in, for people to read.

use std::fmt;

use crate::model::{Type, slice};

/// One place in which two types differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The way to the place, as in `messages[].content`; empty for the type itself.
    pub path: String,
    /// What stands there in the segment, or on the other side; `None` if nothing does.
    pub found: Option<String>,
    /// What stands there in this program; `None` if nothing does.
    pub expected: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() {
            "the type"
        } else {
            &self.path
        };
        match (&self.found, &self.expected) {
            (Some(found), Some(expected)) => {
                write!(f, "`{path}`: {found} in the segment, {expected} here")
            }
            (Some(found), None) => write!(f, "`{path}`: {found} in the segment, missing here"),
            (None, Some(expected)) => {
                write!(f, "`{path}`: missing in the segment, {expected} here")
            }
            (None, None) => write!(f, "`{path}`"),
        }
    }
}

/// Where the type of a segment differs from the one that this program expects.
///
/// ```
/// use barewire_schema::{difference, i64, structure, u64};
/// let here = structure([("timestamp", u64())]);
/// let there = structure([("timestamp", i64())]);
/// let found = difference(&here, &there);
/// assert_eq!(found[0].to_string(), "`timestamp`: i64 in the segment, u64 here");
/// ```
#[must_use]
pub fn difference(expected: &Type, found: &Type) -> Vec<Difference> {
    let mut differences = Vec::new();
    compare(expected, found, String::new(), &mut differences);
    differences
}

fn compare(expected: &Type, found: &Type, path: String, out: &mut Vec<Difference>) {
    let mut differ = |expected: String, found: String| {
        out.push(Difference {
            path: path.clone(),
            found: Some(found),
            expected: Some(expected),
        });
    };
    if let (Type::User { name: left, .. }, Type::User { name: right, .. }) = (expected, found) {
        if left != right {
            differ(format!("the type {left}"), format!("the type {right}"));
        }
    }
    let (left, right) = (expected.resolved(), found.resolved());
    match (left, right) {
        (Type::Struct(ours), Type::Struct(theirs)) => {
            let (ours, theirs) = (slice(ours), slice(theirs));
            for index in 0..ours.len().max(theirs.len()) {
                let dot = if path.is_empty() { "" } else { "." };
                match (ours.get(index), theirs.get(index)) {
                    (Some(our), Some(their)) if our.name == their.name => {
                        let path = format!("{path}{dot}{}", our.name);
                        compare(our.ty.get(), their.ty.get(), path, out);
                    }
                    (our, their) => {
                        let show = |field: &crate::model::Field| {
                            format!("field {} of type {}", field.name, field.ty.get())
                        };
                        let name = our.or(their).map_or("", |field| field.name.as_ref());
                        out.push(Difference {
                            path: format!("{path}{dot}{name}"),
                            found: their.map(show),
                            expected: our.map(show),
                        });
                    }
                }
            }
        }
        (Type::Optional(ours), Type::Optional(theirs)) => {
            compare(ours.get(), theirs.get(), path, out);
        }
        (
            Type::List {
                item: ours,
                cap: our,
            },
            Type::List {
                item: theirs,
                cap: their,
            },
        ) => {
            if our != their {
                differ(cap("a list", *our), cap("a list", *their));
            }
            compare(ours.get(), theirs.get(), format!("{path}[]"), out);
        }
        (
            Type::ListFixed {
                item: ours,
                len: our,
            },
            Type::ListFixed {
                item: theirs,
                len: their,
            },
        ) if our == their => {
            compare(ours.get(), theirs.get(), format!("{path}[]"), out);
        }
        (
            Type::Map {
                key: our_key,
                value: ours,
                cap: our,
            },
            Type::Map {
                key: their_key,
                value: theirs,
                cap: their,
            },
        ) => {
            if our != their {
                differ(cap("a map", *our), cap("a map", *their));
            }
            compare(our_key.get(), their_key.get(), format!("{path}[key]"), out);
            compare(ours.get(), theirs.get(), format!("{path}[value]"), out);
        }
        (Type::Union(ours), Type::Union(theirs))
            if slice(ours)
                .iter()
                .map(|member| member.tag)
                .eq(slice(theirs).iter().map(|member| member.tag)) =>
        {
            for (our, their) in slice(ours).iter().zip(slice(theirs)) {
                let path = format!("{path}|{}", our.tag);
                compare(our.ty.get(), their.ty.get(), path, out);
            }
        }
        _ => {
            if left != right {
                differ(left.to_string(), right.to_string());
            }
        }
    }
}

fn cap(what: &str, cap: Option<u64>) -> String {
    match cap {
        Some(cap) => format!("{what} of at most {cap}"),
        None => format!("{what} without a cap"),
    }
}
