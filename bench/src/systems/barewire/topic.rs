//! Topics: by value, and in place.

use barewire::{Publisher, Subscriber};

use super::waiting;
use crate::Outcome;
use crate::payload::{Payload, check, fill};
use crate::systems::{Place, Receiver, Sender, Transport};

/// A topic whose messages are given as values.
pub(crate) struct Topic;
/// A topic whose messages are written in their slots.
pub(crate) struct TopicInPlace;

/// The end that publishes values.
pub(crate) struct TopicSender<P: Payload> {
    publisher: Publisher<P::Message>,
    batch: Vec<P::Message>,
}
/// The end that lends slots.
pub(crate) struct TopicLoans<P: Payload>(Publisher<P::Message>);
/// The end that subscribes; it reads in place.
pub(crate) struct TopicReceiver<P: Payload>(Subscriber<P::Message>);

fn publisher<P: Payload>(place: &Place) -> Outcome<Publisher<P::Message>> {
    let builder = barewire::Topic::builder(&*place.name).directory(&place.directory);
    let builder = builder.wait(waiting(place));
    if place.index > 0 {
        return Ok(builder.open()?.publisher()?);
    }
    let builder = builder.depth(place.depth).publishers(place.producers);
    let builder = if place.untuned { builder } else { builder.subscribers(place.consumers) };
    Ok(builder.create()?.publisher()?)
}

fn subscriber<P: Payload>(place: &Place) -> Outcome<TopicReceiver<P>> {
    let builder = barewire::Topic::builder(&*place.name).directory(&place.directory);
    let builder = builder.wait(waiting(place));
    Ok(TopicReceiver(builder.open()?.subscriber()?))
}

impl Transport for Topic {
    type Sender<P: Payload> = TopicSender<P>;
    type Receiver<P: Payload> = TopicReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<TopicSender<P>> {
        Ok(TopicSender { publisher: publisher::<P>(place)?, batch: Vec::new() })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<TopicReceiver<P>> {
        subscriber(place)
    }
}

impl Transport for TopicInPlace {
    type Sender<P: Payload> = TopicLoans<P>;
    type Receiver<P: Payload> = TopicReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<TopicLoans<P>> {
        publisher::<P>(place).map(TopicLoans)
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<TopicReceiver<P>> {
        subscriber(place)
    }
}

impl<P: Payload> Sender for TopicSender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        // `publish` waits for room by itself.
        self.publisher.publish(&P::message(stamp))?;
        Ok(true)
    }

    #[inline(always)]
    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        self.batch.clear();
        self.batch.extend((first..).take(count).map(P::message));
        self.publisher.publish_batch(&self.batch)?;
        Ok(count)
    }
}

impl<P: Payload> Sender for TopicLoans<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        let mut loan = self.0.loan()?;
        fill(P::placed_mut(&mut loan), stamp);
        loan.send()?;
        Ok(true)
    }
}

impl<P: Payload> Receiver for TopicReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.0.try_take()? {
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
        let Some(batch) = self.0.try_take_batch(most)? else {
            return Ok(0);
        };
        for message in batch.iter() {
            each(check(P::placed(&message))?)?;
        }
        Ok(batch.len())
    }

    fn receive(&mut self) -> Outcome<u64> {
        check(P::placed(&*self.0.take()?))
    }
}
