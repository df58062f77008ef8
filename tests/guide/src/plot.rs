//! A plot of the benchmark's figures: a point for each system, on a scale of powers of ten.
//!
//! Points and not bars, since a scale of powers of ten has no zero that bars could stand on.

use std::fmt::Write;

use serde_json::Value;

/// The rows that are shown, under the names that the benchmark gives them.
const LATENCIES: &[(&str, &str)] = &[
    ("topic/oneway/64B", "topic, 64 B"),
    ("queue/oneway/64B", "queue, 64 B"),
    ("queue/oneway/8KiB", "queue, 8 KiB"),
    ("queue/oneway/1MiB", "queue, 1 MiB"),
    ("service/roundtrip/64B", "call, there and back"),
    ("pipe/roundtrip/64B", "pipe, there and back"),
];
const RATES: &[(&str, &str)] = &[
    ("topic/stream/64B/1to1", "topic, 64 B, 1 to 1"),
    ("topic/stream/64B/1to4", "topic, 64 B, 1 to 4"),
    ("queue/stream/64B/1to1", "queue, 64 B, 1 to 1"),
    ("queue/stream/64B/4to1", "queue, 64 B, 4 to 1"),
    ("topic/stream/1KiB/1to1", "topic, 1 KiB"),
    ("pipe/stream/1KiB", "pipe, 1 KiB"),
];

/// The systems in the order of the legend, with a shape for those who see no colours.
const SYSTEMS: &[(&str, &str, Shape)] = &[
    ("barewire", "a", Shape::Disc),
    ("iceoryx2", "b", Shape::Square),
    ("shaq", "c", Shape::Diamond),
    ("ringfire", "d", Shape::Triangle),
    ("ipc-channel", "e", Shape::Cross),
    ("unix-socket", "f", Shape::Plus),
];

#[derive(Clone, Copy)]
enum Shape {
    Disc,
    Square,
    Diamond,
    Triangle,
    Cross,
    Plus,
}

const WIDTH: f64 = 880.0;
const ROW: f64 = 26.0;
const TOP: f64 = 64.0;
const LABELS: f64 = 160.0;
const PANEL: f64 = 245.0;

/// Colours that can be told from both grounds, and from each other.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.small { font-size: 11px; fill: #57606a; }
.title { font-weight: 600; }
.grid { stroke: #d0d7de; stroke-width: 1; }
.a { fill: #0969da; stroke: #0969da; } .b { fill: #bc4c00; stroke: #bc4c00; }
.c { fill: #1a7f37; stroke: #1a7f37; } .d { fill: #8250df; stroke: #8250df; }
.e { fill: #bf3989; stroke: #bf3989; } .f { fill: #6e7781; stroke: #6e7781; }
.mark { stroke-width: 1.8; stroke-linejoin: round; }
.moved { fill-opacity: 0; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .small { fill: #9198a1; } .grid { stroke: #3d444d; }
.a { fill: #4493f8; stroke: #4493f8; } .b { fill: #f0883e; stroke: #f0883e; }
.c { fill: #3fb950; stroke: #3fb950; } .d { fill: #ab7df8; stroke: #ab7df8; }
.e { fill: #db61a2; stroke: #db61a2; } .f { fill: #9198a1; stroke: #9198a1; }
}
";

/// One figure of one system.
struct Point {
    system: usize,
    value: f64,
    steady: bool,
}

/// One side of the plot.
struct Panel<'a> {
    title: &'a str,
    rows: &'a [(&'a str, &'a str)],
    key: &'a str,
    unit: fn(f64) -> String,
    left: f64,
}

/// The plot of the benchmark's document, as SVG.
///
/// # Panics
///
/// If a row that is shown is not in it.
#[must_use]
pub fn svg(document: &Value) -> String {
    let rows = LATENCIES.len().max(RATES.len()) as f64;
    let height = TOP + rows * ROW + 62.0;
    let mut out = String::new();
    let view = format!("viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\"");
    put(&mut out, format_args!("<svg xmlns=\"http://www.w3.org/2000/svg\" {view} role=\"img\">"));
    let title = "Latency and messages a second of barewire and its peers";
    put(&mut out, format_args!("<title>{title}</title>\n<style>\n{STYLE}</style>"));
    legend(&mut out);
    let panels = [
        Panel {
            title: "one way, p50 (less is better)",
            rows: LATENCIES,
            key: "p50_ns",
            unit: time,
            left: 0.0,
        },
        Panel {
            title: "messages a second (more is better)",
            rows: RATES,
            key: "msgs_per_s",
            unit: rate,
            left: WIDTH / 2.0 + 4.0,
        },
    ];
    for panel in &panels {
        panel.draw(&mut out, document);
    }
    let machine = document["machine"].as_str().unwrap_or_default();
    let note = format!(
        "{machine}, two cores, one run of `barewire-bench ipc --quick`; hollow: not steady, the \
         cores moved or were shared"
    );
    let at = height - 8.0;
    put(&mut out, format_args!("<text class=\"small\" x=\"8\" y=\"{at}\">{note}</text>\n</svg>"));
    out
}

fn put(out: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(out, "{line}").expect("a String takes everything");
}

fn legend(out: &mut String) {
    let mut x = 14.0;
    for (name, class, shape) in SYSTEMS {
        mark(out, *shape, class, x, 16.0);
        put(out, format_args!("<text x=\"{}\" y=\"20\">{name}</text>", x + 11.0));
        x += 42.0 + 7.6 * name.len() as f64;
    }
}

fn mark(out: &mut String, shape: Shape, class: &str, x: f64, y: f64) {
    let points = |points: &[(f64, f64)]| -> String {
        let points = points.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy));
        points.collect::<Vec<_>>().join(" ")
    };
    let lines = |first: [f64; 4], second: [f64; 4]| -> String {
        let line = |[a, b, c, d]: [f64; 4]| {
            format!("M{:.1},{:.1}L{:.1},{:.1}", x + a, y + b, x + c, y + d)
        };
        format!("<path d=\"{}{}\"", line(first), line(second))
    };
    let polygon = |corners: &[(f64, f64)]| format!("<polygon points=\"{}\"", points(corners));
    let start = match shape {
        Shape::Disc => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.2\""),
        Shape::Square => polygon(&[(-4.2, -4.2), (4.2, -4.2), (4.2, 4.2), (-4.2, 4.2)]),
        Shape::Diamond => polygon(&[(0.0, -5.6), (5.6, 0.0), (0.0, 5.6), (-5.6, 0.0)]),
        Shape::Triangle => polygon(&[(0.0, -5.2), (5.2, 4.2), (-5.2, 4.2)]),
        Shape::Cross => lines([-4.2, -4.2, 4.2, 4.2], [-4.2, 4.2, 4.2, -4.2]),
        Shape::Plus => lines([-5.2, 0.0, 5.2, 0.0], [0.0, -5.2, 0.0, 5.2]),
    };
    put(out, format_args!("{start} class=\"mark {class}\"/>"));
}

impl Panel<'_> {
    fn points(&self, document: &Value, row: &str) -> Vec<Point> {
        let all = document["rows"].as_array().expect("rows");
        let found = all.iter().filter(|one| one["name"] == row).filter_map(|one| {
            let system = SYSTEMS.iter().position(|(name, ..)| one["system"] == *name)?;
            let steady = one["unsteady"] != true;
            Some(Point { system, value: one[self.key].as_f64()?, steady })
        });
        let points: Vec<Point> = found.collect();
        assert!(!points.is_empty(), "no figures for {row}");
        points
    }

    fn draw(&self, out: &mut String, document: &Value) {
        let rows: Vec<_> =
            self.rows.iter().map(|(row, label)| (label, self.points(document, row))).collect();
        let values = || rows.iter().flat_map(|(_, points)| points).map(|point| point.value.log10());
        let low = values().fold(f64::INFINITY, f64::min).floor();
        let high = values().fold(f64::NEG_INFINITY, f64::max).ceil();
        let start = self.left + LABELS;
        let x = |value: f64| start + (value.log10() - low) / (high - low) * PANEL;
        let bottom = TOP + rows.len() as f64 * ROW;
        let head = TOP - 20.0;
        put(
            out,
            format_args!("<text class=\"title\" x=\"{start}\" y=\"{head}\">{}</text>", self.title),
        );
        for power in low as i32..=high as i32 {
            let value = 10_f64.powi(power);
            let (at, label) = (x(value), (self.unit)(value));
            put(
                out,
                format_args!(
                    "<path class=\"grid\" d=\"M{at:.1},{:.1}V{bottom:.1}\"/>\n\
                     <text class=\"small\" x=\"{at:.1}\" y=\"{:.1}\" \
                     text-anchor=\"middle\">{label}</text>",
                    TOP - 8.0,
                    bottom + 15.0
                ),
            );
        }
        for (number, (label, points)) in rows.iter().enumerate() {
            let y = TOP + (number as f64 + 0.5) * ROW;
            put(
                out,
                format_args!(
                    "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
                    start - 14.0,
                    y + 4.5
                ),
            );
            // Ours last, so that it is not covered.
            for point in points.iter().rev() {
                let (_, class, shape) = SYSTEMS[point.system];
                let class = if point.steady { class.to_owned() } else { format!("{class} moved") };
                mark(out, shape, &class, x(point.value), y);
            }
        }
    }
}

fn time(ns: f64) -> String {
    match ns {
        ns if ns < 1e3 => format!("{ns} ns"),
        ns if ns < 1e6 => format!("{} µs", ns / 1e3),
        ns => format!("{} ms", ns / 1e6),
    }
}

fn rate(per_second: f64) -> String {
    match per_second {
        rate if rate < 1e6 => format!("{} k", rate / 1e3),
        rate => format!("{} M", rate / 1e6),
    }
}
