//! barewire itself, through its public facade alone.

use barewire::{ErrorKind, MessageQueue, SharedRegion};

use super::{Place, Receiver, Sender, Transport, is_batch};
use crate::Outcome;
use crate::payload::{Payload, Size, check, fill};
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "queue: MessageQueue, at least once, dropped is acknowledged; up to \
                              1 KiB by value, above by loan; state: SharedRegion";

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        (Shape::Queue, _) if is_batch(row) => Err("has no batches yet"),
        (Shape::Queue, _) => Ok(()),
        (Shape::State, Kind::Oneway) if row.size != Size::MiB1 => Ok(()),
        (Shape::State, _) => Err("is not measured there"),
        (Shape::Topic, _) => Err("has no topics yet"),
        (Shape::Service, _) => Err("has no services yet"),
    }
}

/// A queue whose messages are given and taken as values.
pub(crate) struct Queue;
/// A queue whose messages are written and read in their slots.
pub(crate) struct QueueInPlace;

/// Either end of a queue.
pub(crate) struct QueueEnd<P: Payload>(MessageQueue<P::Message>);
/// The end that lends slots.
pub(crate) struct QueueLoans<P: Payload>(MessageQueue<P::Message>);

fn queue_sender<P: Payload>(place: &Place) -> Outcome<MessageQueue<P::Message>> {
    let builder = MessageQueue::builder(&*place.name).directory(&place.directory);
    if place.index > 0 {
        return Ok(builder.open()?);
    }
    Ok(builder.capacity(place.depth).create()?)
}

fn queue_receiver<P: Payload>(place: &Place) -> Outcome<QueueEnd<P>> {
    Ok(QueueEnd(MessageQueue::builder(&*place.name).directory(&place.directory).open()?))
}

impl Transport for Queue {
    type Sender<P: Payload> = QueueEnd<P>;
    type Receiver<P: Payload> = QueueEnd<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<QueueEnd<P>> {
        queue_sender::<P>(place).map(QueueEnd)
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<QueueEnd<P>> {
        queue_receiver(place)
    }
}

impl Transport for QueueInPlace {
    type Sender<P: Payload> = QueueLoans<P>;
    type Receiver<P: Payload> = QueueEnd<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<QueueLoans<P>> {
        queue_sender::<P>(place).map(QueueLoans)
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<QueueEnd<P>> {
        queue_receiver(place)
    }
}

impl<P: Payload> Sender for QueueEnd<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        match self.0.try_enqueue(&P::message(stamp)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Full => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl<P: Payload> Sender for QueueLoans<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        let mut loan = self.0.loan()?;
        fill(P::placed_mut(&mut loan), stamp);
        loan.send()?;
        Ok(true)
    }
}

impl<P: Payload> Receiver for QueueEnd<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.0.try_dequeue()? {
            Some(message) => check(P::placed(&message)).map(Some),
            None => Ok(None),
        }
    }

    fn receive(&mut self) -> Outcome<u64> {
        check(P::placed(&*self.0.dequeue()?))
    }
}

/// The latest value.
pub(crate) struct State;

/// Either end of a region, with the version that it has seen.
pub(crate) struct StateEnd<P: Payload> {
    region: SharedRegion<P::Message>,
    seen: u64,
}

impl Transport for State {
    type Sender<P: Payload> = StateEnd<P>;
    type Receiver<P: Payload> = StateEnd<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<StateEnd<P>> {
        let builder = SharedRegion::builder(&*place.name).directory(&place.directory);
        let region = builder.create(&P::message(0))?;
        Ok(StateEnd { seen: region.version(), region })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<StateEnd<P>> {
        let region = SharedRegion::builder(&*place.name).directory(&place.directory).open()?;
        Ok(StateEnd { seen: region.version(), region })
    }
}

impl<P: Payload> Sender for StateEnd<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        self.region.update(|message| P::restamp(message, stamp))?;
        Ok(true)
    }
}

impl<P: Payload> Receiver for StateEnd<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        let version = self.region.version();
        if version == self.seen {
            return Ok(None);
        }
        self.seen = version;
        check(P::words_of(&self.region.read()?)).map(Some)
    }

    fn receive(&mut self) -> Outcome<u64> {
        Err("a region has nobody to wake".into())
    }
}
