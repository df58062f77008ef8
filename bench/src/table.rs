//! The figures as tables for people.

use crate::payload::Size;
use crate::plan::Kind;
use crate::run::{Figure, Floor, LeftOut};
use crate::systems::OURS;

/// How many rows are named that a system was left out of, for one reason.
const SHOWN: usize = 3;

/// Prints what the machine itself does.
pub(crate) fn print_floor(floor: &Floor) {
    println!("\nFloors");
    let lines = [
        ("cache line, one way", floor.line_ns.map(time)),
        ("the same, once in a thousand", floor.line_p999_ns.map(time)),
        ("a line of each side's, one way", floor.lines_ns.map(time)),
        ("raw ring, 64 B", floor.ring_msgs_per_s.map(rate)),
        ("raw ring, 1 KiB", floor.ring_1kib_msgs_per_s.map(rate)),
        ("8 KiB written and read, one way", floor.touch_8kib_ns.map(time)),
        ("1 MiB written and read, one way", floor.touch_1mib_ns.map(time)),
        ("memcpy, 16 KiB", Some(format!("{:.0} GB/s", floor.memcpy_gb_per_s))),
        ("memcpy, 64 MiB", Some(format!("{:.0} GB/s", floor.memcpy_64mib_gb_per_s))),
        ("raw wake, two cores, one way", floor.futex_ns.map(time)),
        ("raw wake, one core, one way", floor.futex_1core_ns.map(time)),
    ];
    for (what, figure) in lines {
        println!("  {what:<34}{:>12}", figure.unwrap_or_else(|| "–".to_owned()));
    }
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 10.0 => format!("{ns:.1} ns"),
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 10_000_000.0 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

fn rate(per_second: f64) -> String {
    format!("{:.2} M/s", per_second / 1e6)
}

fn bytes(count: u64) -> String {
    match count {
        count if count < 1 << 20 => format!("{} KiB", count >> 10),
        count => format!("{:.1} MiB", count as f64 / (1 << 20) as f64),
    }
}

/// The figure as a multiple of its own floor: the line, the raw ring, or the raw wake.
pub(crate) fn multiple(figure: &Figure) -> Option<(f64, &'static str)> {
    let p50 = figure.spread.map(|spread| spread.p50_ns);
    match figure.row.kind {
        Kind::Oneway if figure.row.size == Size::B64 => Some((p50? / figure.line_ns()?, "line")),
        Kind::Oneway => Some((p50? / figure.raw?, "raw")),
        Kind::Roundtrip => Some((p50? / (2.0 * figure.line_ns()?), "2 lines")),
        Kind::Wake { .. } => Some((p50? / figure.futex_ns?, "futex")),
        Kind::Stream { .. } => Some((figure.msgs_per_s? / figure.raw?, "raw")),
        Kind::Idle | Kind::Try | Kind::Open => None,
    }
}

/// The figure that systems are compared by.
fn main_figure(figure: &Figure) -> String {
    if let Some(per_second) = figure.msgs_per_s {
        rate(per_second)
    } else if let Some(spread) = figure.spread {
        time(spread.p50_ns)
    } else {
        figure.bytes.map_or_else(|| "–".to_owned(), bytes)
    }
}

/// Prints every figure, with the floor that was taken beside it.
pub(crate) fn print_rows(figures: &[Figure]) {
    println!(
        "\n{:<32}{:<13}{:>12}{:>11}{:>11}{:>15}{:>9}{:>7}",
        "row", "system", "p50 or rate", "p99", "p99.9", "× floor", "line", "calls"
    );
    let mut last = "";
    for figure in figures {
        let name = if figure.name == last { "" } else { &figure.name };
        last = &figure.name;
        let [p99, p999] = figure
            .spread
            .map_or_else(Default::default, |spread| [time(spread.p99_ns), time(spread.p999_ns)]);
        let floor = multiple(figure).map(|(times, of)| format!("{times:.2} {of}"));
        let line = figure.line_ns().map(|ns| format!("{ns:.0} ns"));
        let calls = figure.syscalls.map(|calls| format!("{calls:.1}"));
        println!(
            "{name:<32}{:<13}{:>12}{p99:>11}{p999:>11}{:>15}{:>9}{:>7}{}",
            figure.system,
            main_figure(figure),
            floor.unwrap_or_default(),
            line.unwrap_or_default(),
            calls.unwrap_or_default(),
            if figure.is_steady() { "" } else { "  unsteady" },
        );
    }
}

/// How many times better ours is than theirs, in what the row is about.
fn ratio(ours: &Figure, theirs: &Figure) -> Option<f64> {
    if let (Some(ours), Some(theirs)) = (ours.msgs_per_s, theirs.msgs_per_s) {
        return Some(ours / theirs);
    }
    if let (Some(ours), Some(theirs)) = (ours.bytes, theirs.bytes) {
        return Some(theirs as f64 / ours as f64);
    }
    // Each over its own floor, where it has one: the cores may have moved between the two.
    let cost = |figure: &Figure| {
        let floor = match figure.row.kind {
            Kind::Oneway | Kind::Roundtrip if figure.row.size == Size::B64 => figure.line_ns(),
            Kind::Wake { .. } => figure.futex_ns,
            _ => None,
        };
        Some(figure.spread?.p50_ns / floor.unwrap_or(1.0))
    };
    Some(cost(theirs)? / cost(ours)?)
}

/// Prints ours beside each peer.
pub(crate) fn print_comparison(figures: &[Figure]) {
    let peers: Vec<&str> = crate::systems::peers().into_iter().map(|(name, _)| name).collect();
    let peers: Vec<&str> = peers.into_iter().filter(|name| *name != OURS).collect();
    println!("\nHow many times better {OURS} is (below 1: worse)");
    print!("{:<32}{:>12}{:>15}", "row", OURS, "× floor");
    peers.iter().for_each(|peer| print!("{peer:>13}"));
    println!();
    for ours in figures.iter().filter(|figure| figure.system == OURS) {
        let floor = multiple(ours).map(|(times, of)| format!("{times:.2} {of}"));
        print!("{:<32}{:>12}{:>15}", ours.name, main_figure(ours), floor.unwrap_or_default());
        for peer in &peers {
            let theirs = figures.iter().find(|it| it.system == *peer && it.name == ours.name);
            let ratio = theirs.and_then(|theirs| ratio(ours, theirs));
            print!("{:>13}", ratio.map_or_else(|| "–".to_owned(), |times| format!("{times:.2}")));
        }
        println!();
    }
}

/// Prints what was left out, and why.
pub(crate) fn print_left_out(left_out: &LeftOut) {
    println!("\nLeft out");
    if cfg!(not(feature = "aeron")) {
        println!("  aeron: built with `--features aeron`, which needs cmake and libclang");
    }
    for ((system, why), names) in left_out {
        let more = names.len().saturating_sub(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let shown = names.len().min(SHOWN);
        println!("  {system}: {why}: {}{more}", names[..shown].join(", "));
    }
}
