//! The figures of codecs as tables and as JSON.

use serde_json::{Map, Value, json};

use crate::machine;

/// One codec in one row.
pub(super) struct Figure {
    pub(super) name: String,
    pub(super) system: &'static str,
    pub(super) p50_ns: f64,
    pub(super) bytes: usize,
}

/// The system that all others are compared with.
const OURS: &str = "barewire";

/// Which systems take part, and how each is used.
const SYSTEMS: [(&str, &str); 12] = [
    ("memcpy", "the BARE octets, copied: the floor"),
    ("clone", "the value, copied: what memory of its own takes, and no octet is read"),
    ("barewire", "encode_into a reused Vec; decode, decode_into, verify"),
    ("serde_bare", "0.5, to_writer into a reused Vec; from_slice"),
    ("vbare", "0.2, encode into a reused Vec; decode (its text shares the input), verify"),
    ("postcard", "1.2, to_slice; from_bytes"),
    ("bincode", "2.0, fixed widths, encode_into_slice; decode_from_slice"),
    ("borsh", "1.8, to_writer into a reused Vec; from_slice"),
    ("serde-zap", "0.1, to_slice; from_bytes; full_vec and pod_vec for the longest list"),
    ("bitcode", "0.6, by columns, one Buffer"),
    ("wincode", "0.6, serialize_into a slice; deserialize"),
    ("rkyv", "0.8, one arena and AlignedVec; from_bytes and access are checked, fields are not"),
];

/// The systems that take part.
pub(super) fn systems() -> impl Iterator<Item = &'static str> {
    SYSTEMS.iter().map(|(name, _)| *name)
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 100.0 => format!("{ns:.2} ns"),
        ns if ns < 1e6 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.2} ms", ns / 1e6),
    }
}

/// Prints what is measured, and how.
pub(super) fn print_head() {
    println!("Codecs, one pinned core, the middle run of the best turn; glibc keeps its memory");
    println!("(M_MMAP_THRESHOLD, M_TRIM_THRESHOLD and M_TOP_PAD are raised for all alike)\n");
    for (system, how) in SYSTEMS {
        println!("  {system:<12}{how}");
    }
    println!("\n{:<38}{:<13}{:>12}{:>12}{:>10}", "row", "system", "p50", "bytes", "× ours");
}

/// Prints one row, the fastest first.
pub(super) fn print_row(row: &[Figure]) {
    let ours = row.iter().find(|figure| figure.system == OURS).map(|figure| figure.p50_ns);
    let mut sorted: Vec<&Figure> = row.iter().collect();
    sorted.sort_by(|left, right| left.p50_ns.total_cmp(&right.p50_ns));
    for (index, figure) in sorted.into_iter().enumerate() {
        let name = if index == 0 { &figure.name } else { "" };
        let ratio = ours.map_or_else(String::new, |ours| format!("{:.2}", figure.p50_ns / ours));
        println!(
            "{name:<38}{:<13}{:>12}{:>12}{ratio:>10}",
            figure.system,
            time(figure.p50_ns),
            figure.bytes,
        );
    }
}

/// Prints how ours stands in each row.
pub(super) fn print_foot(figures: &[Figure]) {
    println!("\nHow many times as long as {OURS} each takes");
    print!("{:<38}{:>10}", "row", OURS);
    let others = || systems().filter(|name| *name != OURS);
    others().for_each(|name| print!("{name:>11}"));
    println!();
    for ours in figures.iter().filter(|figure| figure.system == OURS) {
        print!("{:<38}{:>10}", ours.name, time(ours.p50_ns));
        for system in others() {
            let theirs = figures.iter().find(|it| it.system == system && it.name == ours.name);
            let ratio = theirs.map(|theirs| format!("{:.2}", theirs.p50_ns / ours.p50_ns));
            print!("{:>11}", ratio.unwrap_or_else(|| "–".to_owned()));
        }
        println!();
    }
}

/// The figures as JSON.
pub(super) fn document(figures: &[Figure]) -> String {
    let systems: Map<String, Value> =
        SYSTEMS.iter().map(|(name, how)| ((*name).to_owned(), (*how).into())).collect();
    let rows: Vec<Value> = figures
        .iter()
        .map(|figure| {
            let p50_ns = (figure.p50_ns * 1000.0).round() / 1000.0;
            json!({
                "name": figure.name,
                "system": figure.system,
                "p50_ns": p50_ns,
                "bytes": figure.bytes,
            })
        })
        .collect();
    let document = json!({
        "machine": machine::name(),
        "allocator": "glibc, which keeps its memory (mallopt)",
        "systems": systems,
        "rows": rows,
    });
    format!("{document:#}\n")
}
