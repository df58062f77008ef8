//! barewire itself, through its public facade alone.

mod calls;
mod pipe;
mod queue;
mod state;
mod topic;

use barewire::Wait;

use super::Place;
use crate::payload::Size;
use crate::plan::{Kind, Row, Shape};

pub(crate) use calls::Call;
pub(crate) use pipe::Pipe;
pub(crate) use queue::{Queue, QueueInPlace};
pub(crate) use state::State;
pub(crate) use topic::{Topic, TopicInPlace};

pub(crate) const HOW: &str = "queue: MessageQueue, at least once, dropped is acknowledged; topic: \
                              Topic, lossless; service: Service, limits set to what the row \
                              needs; by value where messages are small, else by loan; \
                              Wait::Park where receivers sleep, Wait::Spin elsewhere \
                              (a topic has its own way); state: SharedRegion; pipe: NamedPipe, \
                              streams of 1 KiB fed, which gathers 64 KiB, 1 MiB sent by a call \
                              that waits and read where it came; rows in \
                              /default: limits as they come";

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        (Shape::Service, Kind::Try) => Err("is not measured there"),
        (Shape::State, Kind::Oneway) if row.size != Size::MiB1 => Ok(()),
        (Shape::State, _) => Err("is not measured there"),
        _ => Ok(()),
    }
}

/// How both sides wait.
fn waiting(place: &Place) -> Wait {
    if place.sleeping { Wait::Park } else { Wait::Spin }
}
