//! The queues of one process, by which all others reach it.

use std::path::PathBuf;

use barewire_runtime::ipc::{MessageQueue, QueueBuilder, SharedRegion};
use barewire_runtime::layout::FixedLayout;
use barewire_runtime::segment::Directory;
use barewire_runtime::{Error, Result};

use super::frames::{Answer, Frame, Head, Large, Medium, Small, VOID};
use crate::address::NodeId;
use crate::builder::Memory;
use crate::core::packet::Packet;
use crate::error::TellError;
use crate::message::{self, Known, Size, Value};

/// Where the segments of a system are, and what they are called.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) system: String,
    pub(crate) directory: Option<PathBuf>,
}

impl Place {
    fn queue<T: FixedLayout>(&self, node: NodeId, what: &str) -> QueueBuilder<T> {
        let builder = MessageQueue::builder(format!("{}.{node}.{what}", self.system));
        match &self.directory {
            Some(path) => builder.directory(path),
            None => builder,
        }
    }

    /// The segment that only the node itself is attached to: it exists as long as the node lives.
    fn lifeline(&self, node: NodeId) -> barewire_runtime::ipc::RegionBuilder<u64> {
        self.region(format!("{}.{node}", self.system))
    }

    pub(crate) fn region<T: FixedLayout>(
        &self,
        name: String,
    ) -> barewire_runtime::ipc::RegionBuilder<T> {
        let builder = SharedRegion::builder(name);
        match &self.directory {
            Some(path) => builder.directory(path),
            None => builder,
        }
    }

    /// Whether a node lives, as the kernel knows.
    pub(crate) fn is_alive(&self, node: NodeId) -> bool {
        // If that cannot be asked, nobody is declared dead.
        self.lifeline(node).exists().unwrap_or(true)
    }

    /// Removes what dead processes have left and nobody else was attached to.
    pub(crate) fn remove_abandoned(&self) -> Result<()> {
        let directory = match &self.directory {
            Some(path) => Directory::at(path),
            None => Directory::standard(),
        };
        directory?.remove_abandoned()
    }

    pub(crate) fn live(&self, node: NodeId) -> Result<SharedRegion<u64>> {
        self.lifeline(node).create(&0)
    }
}

/// The queues of one process.
#[derive(Debug)]
pub(crate) struct Lanes {
    pub(crate) system: MessageQueue<Packet>,
    pub(crate) small: MessageQueue<Small>,
    pub(crate) medium: MessageQueue<Medium>,
    pub(crate) large: MessageQueue<Large>,
    /// Answers have queues of their own: whoever waits for one must get it, however many messages
    /// wait for room in a mailbox.
    pub(crate) small_replies: MessageQueue<Answer>,
    pub(crate) large_replies: MessageQueue<Large>,
}

impl Lanes {
    pub(crate) fn create(place: &Place, node: NodeId, memory: &Memory) -> Result<Self> {
        let most = |queue: QueueBuilder<_>| queue.capacity(memory.system_messages).create();
        Ok(Self {
            system: most(place.queue(node, "system"))?,
            small: place.queue(node, "small").capacity(memory.small_messages).create()?,
            medium: place.queue(node, "medium").capacity(memory.medium_messages).create()?,
            large: place.queue(node, "large").capacity(memory.large_messages).create()?,
            small_replies: place
                .queue(node, "small-replies")
                .capacity(memory.small_replies)
                .create()?,
            large_replies: place
                .queue(node, "large-replies")
                .capacity(memory.large_replies)
                .create()?,
        })
    }

    pub(crate) fn open(place: &Place, node: NodeId) -> Result<Self> {
        Ok(Self {
            system: place.queue(node, "system").open()?,
            small: place.queue(node, "small").open()?,
            medium: place.queue(node, "medium").open()?,
            large: place.queue(node, "large").open()?,
            small_replies: place.queue(node, "small-replies").open()?,
            large_replies: place.queue(node, "large-replies").open()?,
        })
    }

    /// Sends a message in the slots of its type's size; never waits.
    #[inline]
    pub(crate) fn send<M: Value>(&self, head: Head, message: &M) -> Result<(), TellError> {
        let write = |slot: &mut [u8]| message::write(message, slot);
        match M::SIZE {
            Size::Small => put(&self.small, head, write),
            Size::Medium => put(&self.medium, head, write),
            Size::Large => put(&self.large, head, write),
            Size::None => Err(too_large()),
        }
    }

    pub(crate) fn answer<R: Value>(&self, head: Head, reply: &R) -> Result<(), TellError> {
        let write = |slot: &mut [u8]| message::write(reply, slot);
        match R::ANSWER_SIZE {
            Size::Small => put(&self.small_replies, head, write),
            Size::Medium | Size::Large => put(&self.large_replies, head, write),
            Size::None => Err(too_large()),
        }
    }

    /// Waits until there may be room for a message of that size, or for a moment.
    pub(crate) async fn room(&self, size: Size) {
        match size {
            Size::Small => wait_for_room(&self.small).await,
            Size::Medium => wait_for_room(&self.medium).await,
            Size::Large | Size::None => wait_for_room(&self.large).await,
        }
    }
}

fn too_large() -> TellError {
    TellError::TooLarge(
        "the type's layout is larger than the largest slot, or aligned to more".to_owned(),
    )
}

/// Waits until a queue has room, by putting a message into it that nobody handles.
async fn wait_for_room<F: Frame>(queue: &MessageQueue<F>) {
    let filler = F::void();
    let moment = std::time::Duration::from_millis(20);
    let _ = tokio::time::timeout(moment, queue.enqueue_async(&filler)).await;
}

#[inline]
fn put<F: Frame>(
    queue: &MessageQueue<F>,
    mut head: Head,
    write: impl FnOnce(&mut [u8]) -> Result<usize, message::DoesNotFit>,
) -> Result<(), TellError> {
    let mut fits = Ok(());
    let sent = queue.try_enqueue_with(|slot| {
        match write(F::payload_mut(slot)) {
            Ok(length) => head.length = length as u32,
            Err(why) => {
                head.kind = VOID;
                fits = Err(TellError::TooLarge(why.0));
            }
        }
        F::set_head(slot, &head);
    });
    match sent {
        Ok(()) => fits,
        Err(error) => Err(as_tell_error(&error)),
    }
}

pub(crate) fn as_tell_error(error: &Error) -> TellError {
    if error.is_full() { TellError::Full } else { TellError::Transport(error.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::ActorId;
    use crate::process::frames::Arrival;

    /// Whether an answer has come through the lane of small ones, and back as it was.
    fn is_small<R: Value + PartialEq>(lanes: &Lanes, answer: &R) -> bool {
        let asker = ActorId::new(NodeId::from_u128(1), 2);
        lanes.answer(Head::new(3, asker, 0, 0), answer).expect("there is room");
        let same = |arrival: &Arrival<'_>| {
            let read = message::read::<R>(arrival.payload, arrival.length);
            assert!(arrival.to == 3 && arrival.filled && read.as_ref() == Ok(answer));
        };
        if let Some(small) = lanes.small_replies.try_dequeue().expect("it works") {
            same(&Arrival::of::<Answer>(&small));
            return true;
        }
        let large = lanes.large_replies.try_dequeue().expect("it works").expect("it is there");
        same(&Arrival::of::<Large>(&large));
        false
    }

    #[test]
    fn answers_of_all_sizes_come_back_as_they_were() {
        let path = std::env::temp_dir().join(format!("barewire-inbox-{}", std::process::id()));
        let place = Place { system: "inbox".to_owned(), directory: Some(path.clone()) };
        let few = Memory { small_messages: 64, medium_messages: 4, ..Memory::default() };
        let lanes = Lanes::create(&place, NodeId::from_u128(7), &few).expect("a directory");
        assert!(is_small(&lanes, &7_u8) && is_small(&lanes, &u64::MAX));
        let (most, more) = ([7_u8; 104], [7_u8; 105]);
        assert!(is_small(&lanes, &most) && !is_small(&lanes, &more));
        assert!(!is_small(&lanes, &"of any length".to_owned()));
        assert!(!is_small(&lanes, &String::new()));
        drop(lanes);
        std::fs::remove_dir_all(path).expect("it is this test's");
    }
}
