//! How any segment stands, in the same words for all kinds.

use barewire::inspect::{Contents, Inspected};
use barewire::segment::Kind;
use serde_json::{Map, Value as Json, json};

/// How a segment stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// Messages or calls that wait: in a queue, for the slowest subscriber of a topic, or for a
    /// server.
    pub(crate) depth: Option<u64>,
    /// How many can wait.
    pub(crate) capacity: Option<u64>,
    /// Messages sent, calls made, or changes of a region, ever.
    pub(crate) passed: u64,
    pub(crate) dropped: u64,
    pub(crate) lost: u64,
    pub(crate) redelivered: u64,
    /// Who waits for what, and how many.
    pub(crate) waiting: Vec<(&'static str, u32)>,
}

impl Figures {
    /// `None` if the segment's header makes no sense.
    pub(crate) fn of(segment: &Inspected) -> Option<Self> {
        Some(match segment.contents()? {
            Contents::Struct(_) => Self::default(),
            Contents::Region(look) => {
                let found = look.figures();
                Self {
                    passed: found.version,
                    waiting: vec![
                        ("readers", found.waiting_readers),
                        ("writers", found.waiting_writers),
                    ],
                    ..Self::default()
                }
            }
            Contents::Queue(look) => {
                let found = look.figures();
                Self {
                    depth: Some(found.depth),
                    capacity: Some(look.capacity()),
                    passed: found.published,
                    dropped: found.counters.dropped,
                    lost: found.counters.lost,
                    redelivered: found.counters.redelivered,
                    waiting: vec![
                        ("consumers", found.waiting_consumers),
                        ("producers", found.waiting_producers),
                    ],
                }
            }
            Contents::Topic(look) => {
                let found = look.figures();
                let slowest = found.subscribers.iter().map(|one| one.behind).max();
                Self {
                    depth: look.most_subscribers().map(|_| slowest.unwrap_or(0)),
                    capacity: Some(look.depth()),
                    passed: found.published,
                    waiting: vec![
                        ("subscribers", found.waiting_subscribers),
                        ("publishers", found.waiting_publishers),
                    ],
                    ..Self::default()
                }
            }
            Contents::Service(look) => {
                let found = look.figures();
                Self {
                    depth: Some(found.waiting),
                    capacity: None,
                    passed: found.calls,
                    waiting: vec![
                        ("servers", found.waiting_servers),
                        ("clients", found.waiting_clients),
                    ],
                    ..Self::default()
                }
            }
        })
    }

    pub(crate) fn waiters(&self) -> u32 {
        self.waiting.iter().map(|(_, count)| count).sum()
    }

    pub(crate) fn to_json(&self) -> Json {
        let waiting: Map<String, Json> =
            self.waiting.iter().map(|(who, count)| ((*who).to_owned(), json!(count))).collect();
        json!({
            "depth": self.depth,
            "capacity": self.capacity,
            "passed": self.passed,
            "dropped": self.dropped,
            "lost": self.lost,
            "redelivered": self.redelivered,
            "waiting": waiting,
        })
    }
}

/// The name of the type of a segment, for people; of a service, of both.
pub(crate) fn type_name(segment: &Inspected) -> String {
    use barewire::schema::Type;
    let short = |ty: &Type| match ty {
        Type::User { name, .. } => name.to_string(),
        other => {
            let text = other.to_string();
            if text.chars().count() <= 24 {
                return text;
            }
            text.chars().take(23).chain(['…']).collect()
        }
    };
    match (segment.kind(), segment.ty().resolved()) {
        (Kind::Service, Type::Struct(pair)) if pair.len() == 2 => {
            format!("{} → {}", short(pair[0].ty.get()), short(pair[1].ty.get()))
        }
        _ => short(segment.ty()),
    }
}
