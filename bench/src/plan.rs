//! What a row is, and what each process of it is told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::payload::Size;
use crate::stats::Spread;

/// What messages go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// Each message to one of many, from many.
    Queue,
    /// Each message to all, from one.
    Topic,
    /// Requests and replies.
    Service,
    /// The latest value.
    State,
    /// A stream between two, through the kernel.
    Pipe,
}

impl Shape {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shape::Queue => "queue",
            Shape::Topic => "topic",
            Shape::Service => "service",
            Shape::State => "state",
            Shape::Pipe => "pipe",
        }
    }
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// Half of a round trip over two opposite channels, both sides spinning.
    Oneway,
    /// Messages a second, none lost.
    Stream { producers: usize, consumers: usize, batch: usize },
    /// A request and its reply, both sides spinning.
    Roundtrip,
    /// As `Oneway`, but both sides sleep until they are woken.
    Wake { one_core: bool },
    /// The shared memory of what nobody uses, in bytes.
    Idle,
    /// A look at what is empty.
    Try,
    /// Creating; and opening until the first message is there.
    Open,
}

/// A row: what is measured, with which messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) shape: Shape,
    pub(crate) kind: Kind,
    pub(crate) size: Size,
    /// The system as it comes, where the row of its name is the system as it is best.
    pub(crate) untuned: bool,
}

impl Row {
    pub(crate) fn name(&self) -> String {
        let (shape, size) = (self.shape.name(), self.size.name());
        let name = match self.kind {
            Kind::Oneway => format!("{shape}/oneway/{size}"),
            Kind::Stream { .. } if self.shape == Shape::Pipe => format!("{shape}/stream/{size}"),
            Kind::Stream { producers, consumers, batch: 1 } => {
                format!("{shape}/stream/{size}/{producers}to{consumers}")
            }
            Kind::Stream { producers, consumers, batch } => {
                format!("{shape}/stream/{size}/{producers}to{consumers}/batch{batch}")
            }
            Kind::Roundtrip => format!("{shape}/roundtrip/{size}"),
            Kind::Wake { one_core: false } => format!("{shape}/wake/{size}"),
            Kind::Wake { one_core: true } => format!("{shape}/wake/{size}/1core"),
            Kind::Idle => format!("{shape}/idle/{size}"),
            Kind::Try => format!("{shape}/idle/{size}/try"),
            Kind::Open => format!("{shape}/open/{size}"),
        };
        if self.untuned { format!("{name}/default") } else { name }
    }

    /// How many processes write and how many read.
    pub(crate) fn mesh(&self) -> (usize, usize) {
        match self.kind {
            Kind::Stream { producers, consumers, .. } => (producers, consumers),
            _ => (1, 1),
        }
    }

    /// How many processes take part.
    pub(crate) fn participants(&self) -> usize {
        let (producers, consumers) = self.mesh();
        producers + consumers
    }
}

/// What one process of a row is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Plan {
    pub(crate) row: Row,
    pub(crate) system: String,
    /// Where the row's files are; nothing else is there.
    pub(crate) directory: PathBuf,
    /// Which process this is: first the producers, then the consumers.
    pub(crate) role: usize,
    pub(crate) core: usize,
    /// Whether processes share cores, so that one that waits must let others run.
    pub(crate) crowded: bool,
    /// How long the measured part runs.
    pub(crate) millis: u64,
    /// Set if only so many round trips are to be made, for counting system calls.
    pub(crate) trips: Option<u64>,
}

/// What one process of a row found.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) spread: Option<Spread>,
    /// Clock at its first and after its last message.
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// Messages sent or received, and the sum of their stamps.
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) stamps: u64,
    /// One way of a cache line, before and after; from the first producer.
    pub(crate) line_ns: Option<[f64; 2]>,
    /// One way of that line once in a thousand times.
    pub(crate) line_p999_ns: Option<f64>,
    /// One way where each side writes a line of its own, in the middle; from the first producer.
    pub(crate) lines_ns: Option<f64>,
    /// One way of a raw wake, before and after; from the first producer.
    pub(crate) futex_ns: Option<[f64; 2]>,
    /// The part of the measured time in which somebody else had its core.
    pub(crate) waited: f64,
    /// Shared files that it mapped: device and inode, and bytes.
    pub(crate) mapped: Vec<(String, u64)>,
    /// Round trips made.
    pub(crate) trips: u64,
}
