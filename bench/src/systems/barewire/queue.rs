//! Queues: by value, and in place.

use barewire::{ErrorKind, MessageQueue};

use super::waiting;
use crate::Outcome;
use crate::payload::{Payload, check, fill};
use crate::systems::{Place, Receiver, Sender, Transport};

/// A queue whose messages are given and taken as values.
pub(crate) struct Queue;
/// A queue whose messages are written and read in their slots.
pub(crate) struct QueueInPlace;

/// Either end of a queue.
pub(crate) struct QueueEnd<P: Payload> {
    queue: MessageQueue<P::Message>,
    batch: Vec<P::Message>,
}
/// The end that lends slots.
pub(crate) struct QueueLoans<P: Payload>(MessageQueue<P::Message>);

impl<P: Payload> QueueEnd<P> {
    fn new(queue: MessageQueue<P::Message>) -> Self {
        Self { queue, batch: Vec::new() }
    }
}

fn queue_sender<P: Payload>(place: &Place) -> Outcome<MessageQueue<P::Message>> {
    let builder = MessageQueue::builder(&*place.name).directory(&place.directory);
    let builder = builder.wait(waiting(place));
    if place.index > 0 {
        return Ok(builder.open()?);
    }
    Ok(builder.capacity(place.depth).create()?)
}

fn queue_receiver<P: Payload>(place: &Place) -> Outcome<QueueEnd<P>> {
    let builder = MessageQueue::builder(&*place.name).directory(&place.directory);
    Ok(QueueEnd::new(builder.wait(waiting(place)).open()?))
}

impl Transport for Queue {
    type Sender<P: Payload> = QueueEnd<P>;
    type Receiver<P: Payload> = QueueEnd<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<QueueEnd<P>> {
        queue_sender::<P>(place).map(QueueEnd::new)
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
        match self.queue.try_enqueue_with(|layout| fill(P::placed_mut(layout), stamp)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::Full => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    #[inline(always)]
    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        self.batch.clear();
        self.batch.extend((first..).take(count).map(P::message));
        Ok(self.queue.try_enqueue_batch(&self.batch)?)
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
        match self.queue.try_dequeue()? {
            Some(message) => check(P::placed(&message)).map(Some),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn try_receive_batch(
        &mut self,
        most: usize,
        each: &mut impl FnMut(u64) -> Outcome<()>,
    ) -> Outcome<usize> {
        let Some(batch) = self.queue.try_dequeue_batch(most)? else {
            return Ok(0);
        };
        for message in batch.iter() {
            each(check(P::placed(&message))?)?;
        }
        Ok(batch.len())
    }

    fn receive(&mut self) -> Outcome<u64> {
        check(P::placed(&*self.queue.dequeue()?))
    }
}
