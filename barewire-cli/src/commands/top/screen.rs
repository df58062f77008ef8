//! The live screen: a line about everything, then segments, processes, actors and nodes.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Cell, Paragraph, Row as TableRow, Table};

use super::View;
use super::nodes::Node;
use super::sample::{Actors, Process, Row, Sample};
use crate::text;

/// How many processes, actors and nodes have a line of their own, at most.
const MOST_LINES: usize = 8;

pub(super) fn draw(frame: &mut Frame<'_>, sample: &Sample, view: View, interval: Duration) {
    let lines = |count: usize| if count == 0 { 0 } else { count.min(MOST_LINES) as u16 + 2 };
    let areas = Layout::vertical([
        Constraint::Length(2),
        Constraint::Min(3),
        Constraint::Length(lines(sample.processes.len())),
        Constraint::Length(lines(sample.actors.len())),
        Constraint::Length(lines(sample.nodes.len())),
        Constraint::Length(1),
    ]);
    let [head, segments, processes, actors, nodes, foot] = areas.areas(frame.area());
    frame.render_widget(summary(sample, interval), head);
    draw_segments(frame, segments, sample, view);
    if !sample.processes.is_empty() {
        draw_processes(frame, processes, &sample.processes);
    }
    if !sample.actors.is_empty() {
        draw_actors(frame, actors, &sample.actors);
    }
    if !sample.nodes.is_empty() {
        draw_nodes(frame, nodes, &sample.nodes);
    }
    let paused = if view.paused { "  PAUSED" } else { "" };
    let keys = format!("q quit  s sort (by {})  p pause  ↑↓ scroll{paused}", view.order.word());
    frame.render_widget(Paragraph::new(Line::styled(keys, dim())), foot);
}

fn dim() -> Style {
    Style::new().fg(Color::DarkGray)
}

fn head() -> Style {
    Style::new().add_modifier(Modifier::REVERSED)
}

fn summary(sample: &Sample, interval: Duration) -> Paragraph<'_> {
    let many =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let told = format!(
        "  {}, {}, {}/s, every {:.1} s  ",
        many(sample.rows.len(), "segment"),
        many(sample.processes.len(), "process").replace("processs", "processes"),
        text::count(sample.rate()),
        interval.as_secs_f64(),
    );
    Paragraph::new(Line::from(vec![
        Span::styled("barewire", Style::new().add_modifier(Modifier::BOLD)),
        Span::raw(told),
        Span::styled(sample.path.as_str(), dim()),
    ]))
}

fn table<'a>(
    names: &[&'static str],
    widths: &[Constraint],
    rows: impl IntoIterator<Item = TableRow<'a>>,
) -> Table<'a> {
    let names = names.iter().map(|&name| Cell::from(name));
    Table::new(rows, widths.to_vec()).header(TableRow::new(names).style(head())).column_spacing(1)
}

/// A figure at the right of its column.
fn figure(text: String) -> Cell<'static> {
    Cell::from(Line::from(text).right_aligned())
}

/// Likewise, in a colour if it is one to worry about.
fn warning(count: u64) -> Cell<'static> {
    let cell = figure(text::count(count as f64));
    if count > 0 { cell.style(Style::new().fg(Color::Red)) } else { cell }
}

fn draw_segments(frame: &mut Frame<'_>, area: Rect, sample: &Sample, view: View) {
    let rows = sample.rows.iter().skip(view.first).map(|row: &Row| {
        TableRow::new(vec![
            Cell::from(text::name(&row.name)),
            Cell::from(row.kind.to_string()),
            Cell::from(row.type_name.as_str()),
            figure(row.rate.map_or("-".to_owned(), text::count)),
            figure(row.depth.clone()),
            warning(row.figures.dropped + row.figures.lost),
            warning(row.figures.redelivered),
            figure(row.figures.waiters().to_string()),
            figure(row.alive.to_string()),
            warning(row.dead as u64),
            figure(row.age.clone()),
        ])
    });
    let names = [
        "NAME", "KIND", "TYPE", "RATE/S", "DEPTH", "DROPS", "AGAIN", "WAIT", "ALIVE", "DEAD", "AGE",
    ];
    let widths = [
        Constraint::Min(12),
        Constraint::Length(7),
        Constraint::Max(18),
        Constraint::Length(7),
        Constraint::Length(11),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(4),
        Constraint::Length(5),
        Constraint::Length(4),
        Constraint::Length(5),
    ];
    frame.render_widget(table(&names, &widths, rows), area);
}

fn shown_names(names: &[String]) -> String {
    names.iter().map(|name| text::name(name)).collect::<Vec<_>>().join(" ")
}

fn draw_processes(frame: &mut Frame<'_>, area: Rect, processes: &[Process]) {
    let shown = processes.iter().take(MOST_LINES).map(|process| {
        TableRow::new(vec![
            figure(process.id.to_string()),
            Cell::from(process.command.as_str()),
            Cell::from(shown_names(&process.segments)),
        ])
    });
    let widths = [Constraint::Length(8), Constraint::Length(16), Constraint::Min(10)];
    frame.render_widget(table(&["PID", "COMMAND", "SEGMENTS"], &widths, shown), area);
}

fn draw_actors(frame: &mut Frame<'_>, area: Rect, actors: &[Actors]) {
    let shown = actors.iter().take(MOST_LINES).map(|one| {
        let deepest = one.deepest.as_ref();
        TableRow::new(vec![
            Cell::from(one.system.as_str()),
            figure(one.process.to_string()),
            figure(one.actors.to_string()),
            figure(one.rate.map_or("-".to_owned(), text::count)),
            warning(one.restarts),
            warning(one.dead_letters),
            Cell::from(deepest.map_or(String::new(), |(name, depth)| format!("{name} ({depth})"))),
        ])
    });
    let widths = [
        Constraint::Min(12),
        Constraint::Length(8),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(12),
        Constraint::Length(20),
    ];
    let names = ["ACTORS", "PID", "ALIVE", "RATE/S", "RESTARTS", "DEAD LETTERS", "DEEPEST"];
    frame.render_widget(table(&names, &widths, shown), area);
}

fn draw_nodes(frame: &mut Frame<'_>, area: Rect, nodes: &[Node]) {
    let shown = nodes.iter().take(MOST_LINES).map(|one| {
        TableRow::new(vec![
            Cell::from(one.cluster.as_str()),
            Cell::from(one.name.as_str()),
            Cell::from(one.role.as_str()),
            figure(one.process.to_string()),
            figure(one.known.to_string()),
            warning(one.silent),
            figure(one.tasks.to_string()),
            figure(text::count(one.finished as f64)),
            warning(one.retried),
            figure(one.rate.map_or("-".to_owned(), text::count)),
            warning(one.refused),
        ])
    });
    let widths = [
        Constraint::Min(10),
        Constraint::Length(12),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(5),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(7),
        Constraint::Length(7),
        Constraint::Length(8),
        Constraint::Length(7),
    ];
    let names = [
        "CLUSTER", "NODE", "ROLE", "PID", "KNOWN", "SILENT", "TASKS", "DONE", "RETRIED",
        "FRAMES/S", "REFUSED",
    ];
    frame.render_widget(table(&names, &widths, shown), area);
}
