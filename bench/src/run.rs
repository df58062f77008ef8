//! The whole run: floors, then row after row, each until its two floors agree.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::duel::{self, Duel, Found};
use crate::payload::Size;
use crate::plan::{Kind, Report, Row, Shape};
use crate::process::{Order, Scratch};
use crate::stats::{Spread, median_by};
use crate::systems::{self, FLOOR, OURS};
use crate::{Options, Outcome, floor, json, machine, rows, table};

/// Two floors of a row that differ by more than this part have a row between them that moved.
const STEADY: f64 = 0.2;
/// The part of a row's time that others may have its cores for.
const SHARED: f64 = 0.02;
/// How often a row is tried for each time that it is wanted.
const TRIES: usize = 3;
/// Round trips whose system calls are counted.
const COUNTED_TRIPS: u64 = 100;
/// Sizes that are copied, in the first cache and far beyond the last.
const COPIES: [usize; 2] = [16 << 10, 64 << 20];

/// What this machine can do at all.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Floor {
    pub(crate) line_ns: Option<f64>,
    pub(crate) line_p999_ns: Option<f64>,
    pub(crate) lines_ns: Option<f64>,
    pub(crate) ring_msgs_per_s: Option<f64>,
    pub(crate) ring_1kib_msgs_per_s: Option<f64>,
    pub(crate) touch_8kib_ns: Option<f64>,
    pub(crate) touch_1mib_ns: Option<f64>,
    pub(crate) memcpy_gb_per_s: f64,
    pub(crate) memcpy_64mib_gb_per_s: f64,
    pub(crate) futex_ns: Option<f64>,
    pub(crate) futex_1core_ns: Option<f64>,
}

/// A figure: one system in one row.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) row: Row,
    pub(crate) name: String,
    pub(crate) system: &'static str,
    pub(crate) spread: Option<Spread>,
    pub(crate) msgs_per_s: Option<f64>,
    pub(crate) syscalls: Option<f64>,
    pub(crate) bytes: Option<u64>,
    /// The floors beside this row, before and after; the line's middle is `line_ns`.
    pub(crate) lines: Option<[f64; 2]>,
    pub(crate) line_p999_ns: Option<f64>,
    pub(crate) lines_ns: Option<f64>,
    pub(crate) futex_ns: Option<f64>,
    /// The part of its time in which others had its cores, where each process has one of its own.
    pub(crate) waited: f64,
    /// The raw ring in the same row: messages a second, or one way in nanoseconds.
    pub(crate) raw: Option<f64>,
}

impl Figure {
    pub(crate) fn line_ns(&self) -> Option<f64> {
        self.lines.map(|[before, after]| (before + after) / 2.0)
    }

    pub(crate) fn is_steady(&self) -> bool {
        let differs =
            |[before, after]: [f64; 2]| (before - after).abs() > STEADY * before.min(after);
        !self.lines.is_some_and(differs) && self.waited <= SHARED
    }

    /// What is compared: the better, the lower.
    fn cost(&self) -> f64 {
        let line = self.line_ns().unwrap_or(1.0);
        match (self.msgs_per_s, self.spread) {
            (Some(rate), _) => 1.0 / (rate * line),
            (None, Some(spread)) => spread.p50_ns / line,
            (None, None) => 0.0,
        }
    }
}

/// What was left out, by system and reason: the rows.
pub(crate) type LeftOut = BTreeMap<(String, String), Vec<String>>;

struct Bench<'a> {
    options: &'a Options,
    scratch: Scratch,
    cores: Vec<usize>,
}

/// Measures, prints, and writes the figures.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let cores = machine::cores()?;
    if cores.len() < 2 {
        return Err("this needs two cores".into());
    }
    let bench = Bench { options, scratch: Scratch::new()?, cores };
    println!("{}; {} cores; a pair on cores {:?}", machine::name(), bench.cores.len(), {
        &bench.cores[..2]
    });
    for (system, how) in systems::peers() {
        println!("  {system} {how}");
    }
    let floor = bench.floor()?;
    table::print_floor(&floor);
    let (figures, left_out) = bench.rows();
    table::print_rows(&figures);
    table::print_comparison(&figures);
    let duels = bench.duels();
    duel::print(&duels);
    table::print_left_out(&left_out);
    if let Some(path) = &options.json {
        let text = serde_json::to_string_pretty(&json::document(&floor, &figures, &duels))?;
        std::fs::write(path, text + "\n")?;
        println!("\nwritten to {}", path.display());
    }
    Ok(())
}

impl Bench<'_> {
    fn millis(&self) -> u64 {
        if self.options.quick { 80 } else { 400 }
    }

    fn order<'a>(&'a self, system: &'a str, row: Row) -> Order<'a> {
        let (scratch, cores) = (&self.scratch, &self.cores[..]);
        // Rows that sleep spend most of their time in pauses.
        let pauses = if matches!(row.kind, Kind::Wake { .. }) { 3 } else { 1 };
        Order { scratch, cores, system, row, millis: self.millis() * pauses }
    }

    fn floor(&self) -> Outcome<Floor> {
        let row = |kind, size| Row { shape: Shape::Queue, kind, size, untuned: false };
        let ring = Kind::Stream { producers: 1, consumers: 1, batch: 1 };
        let rate = |size| self.raw(row(ring, size));
        let touch = |size| self.raw(row(Kind::Oneway, size));
        let futex = |one_core| -> Outcome<Option<f64>> {
            let reports = self.order(FLOOR, row(Kind::Wake { one_core }, Size::B64)).measure()?;
            Ok(reports[0].futex_ns.map(|[before, after]| (before + after) / 2.0))
        };
        let lines = self.order(FLOOR, row(Kind::Try, Size::B64)).measure()?.swap_remove(0);
        let core = self.cores[0];
        let copies = std::thread::spawn(move || {
            let pinned = machine::pin(core).map_err(|error| error.to_string());
            pinned.map(|()| COPIES.map(floor::copying))
        });
        let [memcpy_gb_per_s, memcpy_64mib_gb_per_s] =
            copies.join().map_err(|_| "copying failed")??;
        Ok(Floor {
            line_ns: lines.line_ns.map(|[before, after]| (before + after) / 2.0),
            line_p999_ns: lines.line_p999_ns,
            lines_ns: lines.lines_ns,
            ring_msgs_per_s: rate(Size::B64),
            ring_1kib_msgs_per_s: rate(Size::KiB1),
            touch_8kib_ns: touch(Size::KiB8),
            touch_1mib_ns: touch(Size::MiB1),
            memcpy_gb_per_s,
            memcpy_64mib_gb_per_s,
            futex_ns: futex(false)?,
            futex_1core_ns: futex(true)?,
        })
    }

    /// The raw ring in a row that it can do.
    fn raw(&self, row: Row) -> Option<f64> {
        let single = row.mesh() == (1, 1);
        let row = match row.kind {
            Kind::Oneway => Row { untuned: false, ..row },
            Kind::Stream { producers, consumers, .. } if single => {
                let kind = Kind::Stream { producers, consumers, batch: 1 };
                Row { kind, untuned: false, ..row }
            }
            _ => return None,
        };
        let figures = self.measure(FLOOR, row).ok()?;
        let figure = figures.into_iter().next()?;
        figure.msgs_per_s.or(figure.spread.map(|spread| spread.p50_ns))
    }

    fn rows(&self) -> (Vec<Figure>, LeftOut) {
        let mut left_out = LeftOut::new();
        let mut leave_out = |system: &str, why: String, name: String| {
            left_out.entry((system.to_owned(), why)).or_default().push(name);
        };
        let mut work = Vec::new();
        for row in rows::all() {
            for (system, _) in systems::peers() {
                let name = format!("{} {system}", row.name());
                let wanted = self.options.only.as_ref().is_none_or(|only| name.contains(only));
                match systems::offers(system, &row) {
                    _ if !wanted => {}
                    Ok(()) => work.push((row, system)),
                    Err(_) if row.untuned => {}
                    Err(why) => leave_out(system, why.to_owned(), row.name()),
                }
            }
        }
        let bar = ProgressBar::new(work.len() as u64);
        let style = "{bar:30} {pos}/{len} {elapsed} left {eta} {msg}";
        bar.set_style(ProgressStyle::with_template(style).unwrap_or(ProgressStyle::default_bar()));
        let mut figures = Vec::new();
        let mut raw = (None, None);
        for (row, system) in work {
            bar.set_message(format!("{} {system}", row.name()));
            if raw.0 != Some(row) {
                raw = (Some(row), self.raw(row));
            }
            match self.measure(system, row) {
                Ok(found) => {
                    figures.extend(found.into_iter().map(|figure| Figure { raw: raw.1, ..figure }));
                }
                Err(error) => {
                    bar.println(format!("{} {system}: left out: {error}", row.name()));
                    leave_out(system, error.to_string(), row.name());
                }
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        (figures, left_out)
    }

    /// Rows against their rivals, by turns.
    fn duels(&self) -> Vec<Duel> {
        let rounds = if self.options.quick { 9 } else { 31 };
        let mut duels = Vec::new();
        for row in rows::all() {
            for &rival in duel::rivals(&row) {
                let name = format!("{} {OURS} {rival}", row.name());
                let wanted = self.options.only.as_ref().is_none_or(|only| name.contains(only));
                if !wanted || systems::offers(rival, &row).is_err() {
                    continue;
                }
                duels.push(Duel::run(row, rival, rounds, |system| {
                    let order = Order { millis: duel::ROUND_MILLIS, ..self.order(system, row) };
                    let found = figures(system, row, &order.measure().ok()?).ok()?;
                    let figure = found.into_iter().next()?;
                    let time = figure.spread.map(|spread| spread.p50_ns);
                    let multiple = table::multiple(&figure).map(|(times, _)| times);
                    Some(Found { cost: figure.msgs_per_s.or(time)?, multiple })
                }));
            }
        }
        duels
    }

    /// Measures a row as often as it is wanted, each time until it is steady, and takes the middle.
    fn measure(&self, system: &'static str, row: Row) -> Outcome<Vec<Figure>> {
        let once = self.options.quick || matches!(row.kind, Kind::Idle);
        let times = if once { 1 } else { 3 };
        let (mut steady, mut moved) = (Vec::new(), Vec::new());
        for _ in 0..times * TRIES {
            let figures = figures(system, row, &self.order(system, row).measure()?)?;
            if figures.iter().all(Figure::is_steady) {
                steady.push(figures);
            } else {
                moved.push(figures);
            }
            if steady.len() == times {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        // Without a steady one, the one that was disturbed least.
        if steady.is_empty() {
            moved.sort_by(|a, b| waited(a).total_cmp(&waited(b)));
            steady.extend(moved.into_iter().next());
        }
        let middle = median_by(steady, |figures| figures.first().map_or(0.0, Figure::cost));
        let mut figures = middle.ok_or("nothing was measured")?;
        if matches!(row.kind, Kind::Wake { one_core: false }) {
            let counted = self.order(system, row).count_syscalls(COUNTED_TRIPS);
            figures.iter_mut().for_each(|figure| figure.syscalls = counted.as_ref().ok().copied());
        }
        Ok(figures)
    }
}

fn waited(figures: &[Figure]) -> f64 {
    figures.iter().map(|figure| figure.waited).fold(0.0, f64::max)
}

/// Makes figures of what the processes of a row have found; an error if something was lost.
fn figures(system: &'static str, row: Row, reports: &[Report]) -> Outcome<Vec<Figure>> {
    let (producers, _) = row.mesh();
    let (left, right) = reports.split_at(producers);
    let (Some(first), Some(last)) = (left.first(), right.first()) else {
        return Err("a side is missing".into());
    };
    let waited = reports.iter().map(|report| report.waited).fold(0.0, f64::max);
    let alone = row.mesh() == (1, 1) && !matches!(row.kind, Kind::Wake { .. } | Kind::Open);
    let figure = Figure {
        row,
        name: row.name(),
        system,
        spread: None,
        msgs_per_s: None,
        syscalls: None,
        bytes: None,
        lines: first.line_ns,
        line_p999_ns: first.line_p999_ns,
        lines_ns: first.lines_ns,
        futex_ns: first.futex_ns.map(|[before, after]| (before + after) / 2.0),
        waited: if alone { waited } else { 0.0 },
        raw: None,
    };
    Ok(match row.kind {
        Kind::Oneway | Kind::Wake { .. } | Kind::Roundtrip => {
            vec![Figure { spread: Some(first.spread.ok_or("there are no samples")?), ..figure }]
        }
        Kind::Try => vec![Figure { spread: last.spread, ..figure }],
        Kind::Open => {
            // A service is created by the side that is called.
            let (creates, opens) =
                if row.shape == Shape::Service { (last, first) } else { (first, last) };
            let create = Figure { spread: creates.spread, ..figure.clone() };
            let name = format!("{}/create", row.name());
            vec![Figure { spread: opens.spread, ..figure }, Figure { name, ..create }]
        }
        Kind::Stream { .. } => vec![Figure { msgs_per_s: Some(rate(row, left, right)?), ..figure }],
        Kind::Idle => {
            let mut files: BTreeMap<&str, u64> = BTreeMap::new();
            for (file, bytes) in reports.iter().flat_map(|report| &report.mapped) {
                let most = files.entry(file).or_default();
                *most = (*most).max(*bytes);
            }
            vec![Figure { bytes: Some(files.values().sum()), ..figure }]
        }
    })
}

/// Messages a second, if all of them arrived, once.
fn rate(row: Row, producers: &[Report], consumers: &[Report]) -> Outcome<f64> {
    let sum = |reports: &[Report], of: fn(&Report) -> u64| {
        reports.iter().map(of).fold(0, u64::wrapping_add)
    };
    let sent = (sum(producers, |report| report.sent), sum(producers, |report| report.stamps));
    let groups: Vec<&[Report]> =
        if row.shape == Shape::Topic { consumers.chunks(1).collect() } else { vec![consumers] };
    for group in groups {
        let got = (sum(group, |report| report.received), sum(group, |report| report.stamps));
        if got != sent {
            return Err(format!("lost messages: {} sent, {} received", sent.0, got.0).into());
        }
    }
    let start = producers.iter().map(|report| report.start).min().unwrap_or(0);
    let end = consumers.iter().map(|report| report.end).max().unwrap_or(0);
    let ticks = end.checked_sub(start).filter(|ticks| *ticks > 0).ok_or("took no time")?;
    Ok(sent.0 as f64 * 1e9 / (ticks as f64 * machine::ns_per_tick()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(sent: u64, received: u64, stamps: u64) -> Report {
        Report { sent, received, stamps, start: 100, end: 200, ..Report::default() }
    }

    fn stream(shape: Shape, producers: usize, consumers: usize) -> Row {
        let kind = Kind::Stream { producers, consumers, batch: 1 };
        Row { shape, kind, size: Size::B64, untuned: false }
    }

    #[test]
    fn a_lost_or_doubled_message_makes_no_figure() {
        let row = stream(Shape::Queue, 1, 2);
        let sent = [report(10, 0, 45)];
        assert!(rate(row, &sent, &[report(0, 4, 20), report(0, 6, 25)]).is_ok());
        assert!(rate(row, &sent, &[report(0, 4, 20), report(0, 5, 16)]).is_err());
        assert!(rate(row, &sent, &[report(0, 4, 20), report(0, 6, 26)]).is_err());
    }

    #[test]
    fn every_reader_of_a_topic_must_get_all() {
        let row = stream(Shape::Topic, 1, 2);
        let sent = [report(10, 0, 45)];
        assert!(rate(row, &sent, &[report(0, 10, 45), report(0, 10, 45)]).is_ok());
        assert!(rate(row, &sent, &[report(0, 10, 45), report(0, 9, 36)]).is_err());
    }

    #[test]
    fn floors_that_differ_by_more_than_a_fifth_are_not_steady() {
        let row = stream(Shape::Queue, 1, 1);
        let report = |after| Report { line_ns: Some([100.0, after]), ..report(1, 1, 0) };
        let steady = |after| {
            let found = figures("pipe", row, &[report(after), report(after)]).expect("whole");
            found[0].is_steady()
        };
        assert!(steady(119.0) && steady(84.0));
        assert!(!steady(121.0) && !steady(83.0));
    }
}
