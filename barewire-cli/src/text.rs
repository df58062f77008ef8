//! Figures for people: bytes, ages, numbers, times of day, and tables.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `512 B`, `4.0 KiB`, `1.5 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut figure, mut unit) = (count as f64 / 1024.0, 0);
    while figure >= 1023.95 && unit + 1 < UNITS.len() {
        (figure, unit) = (figure / 1024.0, unit + 1);
    }
    format!("{figure:.1} {}", UNITS[unit])
}

/// `0.4s`, `12s`, `5m`, `3h`, `2d`.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        0..10 => format!("{:.1}s", age.as_secs_f64()),
        seconds @ 10..120 => format!("{seconds}s"),
        seconds @ 120..7_200 => format!("{}m", seconds / 60),
        seconds @ 7_200..172_800 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// A name in which numbers of 32 digits, which nobody reads, are cut: `mill.06d4ffaa….inbox`.
pub(crate) fn name(name: &str) -> String {
    const DIGITS: usize = 32;
    const SHOWN: usize = 8;
    let short = |part: &str| {
        let long = part.len() == DIGITS && part.bytes().all(|octet| octet.is_ascii_hexdigit());
        if long { format!("{}…", &part[..SHOWN]) } else { part.to_owned() }
    };
    name.split('.').map(short).collect::<Vec<_>>().join(".")
}

/// How old something is that was made at that time.
pub(crate) fn since(made: SystemTime) -> Duration {
    SystemTime::now().duration_since(made).unwrap_or_default()
}

/// `7`, `12.3k`, `4.56M`: three or four figures.
pub(crate) fn count(number: f64) -> String {
    match number {
        n if n < 999.5 && n.fract() == 0.0 => format!("{n:.0}"),
        n if n < 99.95 => format!("{n:.1}"),
        n if n < 999.5 => format!("{n:.0}"),
        n if n < 999_950.0 => format!("{:.1}k", n / 1e3),
        n if n < 999_995_000.0 => format!("{:.2}M", n / 1e6),
        n => format!("{:.2}G", n / 1e9),
    }
}

/// Nanoseconds since 1970.
pub(crate) fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The time of day in UTC, to the microsecond.
pub(crate) fn time_of_day(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (day, micros) = (since.as_secs() % 86_400, since.subsec_micros());
    format!("{:02}:{:02}:{:02}.{micros:06}", day / 3600, day / 60 % 60, day % 60)
}

/// Rows under a head, each column as wide as it must be; those that `right` names are aligned to
/// the right.
pub(crate) fn table(head: &[&str], right: &[usize], rows: &[Vec<String>]) -> String {
    let mut widths: Vec<usize> = head.iter().map(|cell| cell.len()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let head: Vec<String> = head.iter().map(|&cell| cell.to_owned()).collect();
    let mut out = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column > 0 {
                line += "  ";
            }
            let space = " ".repeat(width - cell.chars().count());
            line += &if right.contains(&column) { space + cell } else { cell.clone() + &space };
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!([1023, 4096, 1_572_864].map(bytes), ["1023 B", "4.0 KiB", "1.5 MiB"]);
        let ages = [0.44, 12.0, 119.0, 300.0, 10_000.0, 200_000.0];
        let shown = ages.map(|seconds| age(Duration::from_secs_f64(seconds)));
        assert_eq!(shown, ["0.4s", "12s", "119s", "5m", "2h", "2d"]);
        let counts = [0.0, 7.0, 7.25, 250.4, 12_345.0, 4_560_000.0, 2e9].map(count);
        assert_eq!(counts, ["0", "7", "7.2", "250", "12.3k", "4.56M", "2.00G"]);
        let time = UNIX_EPOCH + Duration::from_micros(86_400_000_000 + 3_723_000_004);
        assert_eq!(time_of_day(time), "01:02:03.000004");
        let long = "mill.06d4ffaa5f7d8dcbba50e4eb31e7a45f.inbox";
        assert_eq!(
            [long, "a.b", "06d4ffaa"].map(name),
            ["mill.06d4ffaa….inbox", "a.b", "06d4ffaa"]
        );
    }

    #[test]
    fn tables_are_aligned() {
        let rows = vec![vec!["a".to_owned(), "10".to_owned()], vec!["bcd".into(), "7".into()]];
        assert_eq!(table(&["NAME", "N"], &[1], &rows), "NAME   N\na     10\nbcd    7\n");
    }
}
