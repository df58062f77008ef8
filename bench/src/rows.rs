//! The rows, in the order of the table.

use crate::payload::Size;
use crate::plan::{Kind, Row, Shape};

/// How many messages a batch has.
const BATCH: usize = 256;
/// Producers and consumers of a stream.
const MESHES: [(usize, usize); 3] = [(1, 1), (4, 1), (1, 4)];

/// All rows.
pub(crate) fn all() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut add = |shape, kind, size| rows.push(Row { shape, kind, size, untuned: false });
    for shape in [Shape::Queue, Shape::Topic] {
        for size in [Size::B64, Size::KiB8, Size::MiB1] {
            add(shape, Kind::Oneway, size);
        }
        for size in [Size::B64, Size::KiB1] {
            for (producers, consumers) in MESHES {
                add(shape, Kind::Stream { producers, consumers, batch: 1 }, size);
            }
            add(shape, Kind::Stream { producers: 1, consumers: 1, batch: BATCH }, size);
        }
        add(shape, Kind::Wake { one_core: false }, Size::B64);
        add(shape, Kind::Wake { one_core: true }, Size::B64);
        add(shape, Kind::Idle, Size::B64);
        add(shape, Kind::Try, Size::B64);
        add(shape, Kind::Open, Size::B64);
    }
    add(Shape::Service, Kind::Roundtrip, Size::B64);
    add(Shape::Service, Kind::Roundtrip, Size::KiB8);
    add(Shape::Service, Kind::Wake { one_core: false }, Size::B64);
    add(Shape::Service, Kind::Wake { one_core: true }, Size::B64);
    add(Shape::Service, Kind::Open, Size::B64);
    add(Shape::Service, Kind::Idle, Size::B64);
    add(Shape::Service, Kind::Idle, Size::MiB1);
    add(Shape::Pipe, Kind::Roundtrip, Size::B64);
    for size in [Size::KiB1, Size::MiB1] {
        add(Shape::Pipe, Kind::Stream { producers: 1, consumers: 1, batch: 1 }, size);
    }
    add(Shape::State, Kind::Oneway, Size::B64);
    add(Shape::State, Kind::Oneway, Size::KiB8);
    let untuned = rows.iter().filter(|row| has_default(row)).copied();
    let untuned: Vec<Row> = untuned.map(|row| Row { untuned: true, ..row }).collect();
    rows.extend(untuned);
    rows
}

/// Rows that are shown with the configuration that a system comes with as well.
fn has_default(row: &Row) -> bool {
    let single = row.mesh() == (1, 1) && !matches!(row.kind, Kind::Stream { batch: BATCH, .. });
    let shown = !matches!(row.kind, Kind::Wake { .. });
    matches!(row.shape, Shape::Topic | Shape::Service) && row.size == Size::B64 && single && shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rows_have_one_name() {
        let mut names: Vec<String> = all().iter().map(Row::name).collect();
        let before = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), before);
    }

    #[test]
    fn names_are_those_that_readers_of_the_figures_look_for() {
        let names: Vec<String> = all().iter().map(Row::name).collect();
        for expected in [
            "queue/oneway/64B",
            "queue/stream/64B/4to1",
            "topic/stream/64B/1to4",
            "queue/stream/64B/1to1/batch256",
            "service/roundtrip/64B",
            "queue/wake/64B",
            "queue/idle/64B",
            "queue/open/64B",
            "state/oneway/64B",
            "pipe/roundtrip/64B",
            "pipe/stream/1KiB",
            "pipe/stream/1MiB",
        ] {
            assert!(names.iter().any(|name| name == expected), "{expected} is missing");
        }
    }
}
