//! The figures as JSON.

use serde_json::{Map, Value, json};

use crate::duel::Duel;
use crate::run::{Figure, Floor};
use crate::{machine, systems};

/// The whole document.
pub(crate) fn document(floor: &Floor, figures: &[Figure], duels: &[Duel]) -> Value {
    let versions: Map<String, Value> =
        systems::peers().into_iter().map(|(name, how)| (name.to_owned(), how.into())).collect();
    json!({
        "machine": machine::name(),
        "systems": versions,
        "floor": of_floor(floor),
        "rows": figures.iter().map(of_figure).collect::<Vec<_>>(),
        "by_turns": duels.iter().map(Duel::json).collect::<Vec<_>>(),
    })
}

/// An object of those that are there, each rounded to a thousandth.
fn object<const N: usize>(pairs: [(&str, Option<f64>); N]) -> Map<String, Value> {
    let round = |number: f64| (number * 1000.0).round() / 1000.0;
    let there = pairs.into_iter().filter_map(|(key, number)| Some((key, number?)));
    there.map(|(key, number)| (key.to_owned(), round(number).into())).collect()
}

fn of_floor(floor: &Floor) -> Value {
    Value::Object(object([
        ("line_ns", floor.line_ns),
        ("line_p999_ns", floor.line_p999_ns),
        ("lines_ns", floor.lines_ns),
        ("ring_msgs_per_s", floor.ring_msgs_per_s),
        ("ring_1kib_msgs_per_s", floor.ring_1kib_msgs_per_s),
        ("touch_8kib_ns", floor.touch_8kib_ns),
        ("touch_1mib_ns", floor.touch_1mib_ns),
        ("memcpy_gb_per_s", Some(floor.memcpy_gb_per_s)),
        ("memcpy_64mib_gb_per_s", Some(floor.memcpy_64mib_gb_per_s)),
        ("futex_ns", floor.futex_ns),
        ("futex_1core_ns", floor.futex_1core_ns),
    ]))
}

fn of_figure(figure: &Figure) -> Value {
    let mut row = Map::new();
    row.insert("name".to_owned(), figure.name.clone().into());
    row.insert("system".to_owned(), figure.system.into());
    let spread = figure.spread;
    let streams = figure.msgs_per_s.is_some();
    row.extend(object([
        ("p50_ns", spread.map(|spread| spread.p50_ns)),
        ("p99_ns", spread.map(|spread| spread.p99_ns)),
        ("p999_ns", spread.map(|spread| spread.p999_ns)),
        ("msgs_per_s", figure.msgs_per_s),
        ("syscalls", figure.syscalls),
        ("line_ns", figure.line_ns()),
        ("line_p999_ns", figure.line_p999_ns),
        ("lines_ns", figure.lines_ns),
        ("futex_ns", figure.futex_ns),
        ("raw_msgs_per_s", figure.raw.filter(|_| streams)),
        ("raw_ns", figure.raw.filter(|_| !streams)),
    ]));
    if let Some(bytes) = figure.bytes {
        row.insert("bytes".to_owned(), bytes.into());
    }
    if !figure.is_steady() {
        row.insert("unsteady".to_owned(), true.into());
    }
    Value::Object(row)
}
