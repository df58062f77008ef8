//! `barewire top`: how everything stands, and how fast it goes, as long as one looks.

mod nodes;
mod sample;
mod screen;

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};

use crate::args::Top;
use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;
use crate::json;
use crate::stop::{Stop, span};
use sample::{Order, Sample, Sampler};

/// The shortest time between two looks.
const LEAST: Duration = Duration::from_millis(50);
/// How soon a signal to end is heeded.
const STEP: Duration = Duration::from_millis(100);

pub(crate) fn run(place: &Place, arguments: &Top) -> Outcome {
    let interval = span(arguments.interval).max(LEAST);
    let count = arguments.count.unwrap_or(u64::MAX);
    let stop = Stop::after(None)?;
    let sampler = Sampler::new(place.clone());
    if arguments.format.json {
        return lines(sampler, interval, count, &stop);
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let failure = Failure::new(Code::Usage, "top: needs a terminal");
        return Err(failure.help("`--json` writes one line for each look instead"));
    }
    let mut terminal = ratatui::try_init()?;
    let result = live(&mut terminal, sampler, interval, count, &stop);
    ratatui::try_restore()?;
    result
}

/// One line of JSON for each look.
fn lines(mut sampler: Sampler, interval: Duration, count: u64, stop: &Stop) -> Outcome {
    for look in 0..count {
        if look > 0 {
            stop.sleep(interval);
        }
        if stop.is_due() {
            break;
        }
        let sample = sampler.look()?;
        let mut out = std::io::stdout().lock();
        json::line(&mut out, &sample.to_json())?;
        out.flush()?;
    }
    Ok(())
}

/// What the keys have chosen.
#[derive(Debug, Clone, Copy)]
struct View {
    order: Order,
    paused: bool,
    /// How many segments are scrolled away.
    first: usize,
}

fn live(
    terminal: &mut ratatui::DefaultTerminal,
    mut sampler: Sampler,
    interval: Duration,
    count: u64,
    stop: &Stop,
) -> Outcome {
    let mut view = View { order: Order::Rate, paused: false, first: 0 };
    let mut sample = sampler.look()?;
    let (mut looks, mut due) = (1, Instant::now() + interval);
    while !stop.is_due() {
        sample.sort(view.order);
        view.first = view.first.min(sample.rows.len().saturating_sub(1));
        terminal.draw(|frame| screen::draw(frame, &sample, view, interval))?;
        if !wait(&mut view, due, stop)? || looks >= count {
            break;
        }
        if Instant::now() >= due {
            due = Instant::now() + interval;
            looks += 1;
            if !view.paused {
                sample = sampler.look()?;
            }
        }
    }
    Ok(())
}

/// Waits for a key, a new size or the next look; false if it is to end.
fn wait(view: &mut View, due: Instant, stop: &Stop) -> Outcome<bool> {
    while !stop.is_due() {
        let left = due.saturating_duration_since(Instant::now());
        if !event::poll(left.min(STEP))? {
            if left <= STEP {
                return Ok(true);
            }
            continue;
        }
        match event::read()? {
            Event::Key(key) if key.kind == KeyEventKind::Press => match key.code {
                KeyCode::Char('q') | KeyCode::Esc => return Ok(false),
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                    return Ok(false);
                }
                KeyCode::Char('s') => view.order = view.order.next(),
                KeyCode::Char('p') => view.paused = !view.paused,
                KeyCode::Down | KeyCode::Char('j') => view.first += 1,
                KeyCode::Up | KeyCode::Char('k') => view.first = view.first.saturating_sub(1),
                _ => continue,
            },
            Event::Resize(..) => {}
            _ => continue,
        }
        return Ok(true);
    }
    Ok(false)
}

impl Sample {
    fn sort(&mut self, order: Order) {
        self.rows.sort_by(|one, other| order.compare(one, other));
    }
}
