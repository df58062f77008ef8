//! ringfire: its single-producer ring with back pressure, and its (lossy) many-producer ring.

use ringfire::{
    FlowControl, FutexWait, MpmcProducer, MpmcQueueConsumer, RingConsumer, RingProducer,
    RingProducerBuilder,
};

use super::{Place, Receiver, Sender, Transport, is_batch};
use crate::Outcome;
use crate::payload::{Payload, Size, check};
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "topic: RingProducer, LosslessBackpressure; queue: MpmcProducer, \
                              which may lose, so no streams; FutexWait without spinning to sleep";

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        _ if row.size == Size::MiB1 => Err("copies messages by value over the stack"),
        _ if row.mesh().0 > 1 => Err("has one producer where nothing may be lost"),
        (Shape::Topic, _) => Ok(()),
        (Shape::Service, Kind::Roundtrip | Kind::Wake { .. }) => Ok(()),
        (Shape::Queue, Kind::Stream { .. }) => Err("loses messages when its queue is full"),
        (Shape::Queue, _) if !is_batch(row) => Ok(()),
        _ => Err("has no such thing"),
    }
}

/// Spins nothing before it sleeps, and looks again after a while in any case.
fn sleeper() -> FutexWait {
    FutexWait::new(0, Some(std::time::Duration::from_millis(50)))
}

pub(crate) struct Ring;

pub(crate) struct RingSender<P: Payload> {
    ring: RingProducer<P::Words>,
    batch: Vec<P::Words>,
}

pub(crate) struct RingReceiver<P: Payload> {
    ring: RingConsumer<P::Words>,
    batch: Vec<P::Words>,
}

impl Transport for Ring {
    type Sender<P: Payload> = RingSender<P>;
    type Receiver<P: Payload> = RingReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<RingSender<P>> {
        let ring = RingProducerBuilder::new(place.depth as u64)
            .flow_control(FlowControl::LosslessBackpressure)
            .build(place.file(".ring"))?;
        Ok(RingSender { ring, batch: Vec::new() })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<RingReceiver<P>> {
        let ring = RingConsumer::attach(place.file(".ring"))?;
        Ok(RingReceiver { ring, batch: Vec::new() })
    }
}

impl<P: Payload> Sender for RingSender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        // `push` waits for room by itself, and costs less than `try_push`.
        self.ring.push(&P::words(stamp));
        Ok(true)
    }

    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        self.batch.clear();
        self.batch.extend((first..).take(count).map(P::words));
        self.ring.push_batch(&self.batch);
        Ok(count)
    }
}

impl<P: Payload> Receiver for RingReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.ring.try_recv() {
            Some(words) => check(words.as_ref()).map(Some),
            None => Ok(None),
        }
    }

    fn try_receive_batch(
        &mut self,
        most: usize,
        each: &mut impl FnMut(u64) -> Outcome<()>,
    ) -> Outcome<usize> {
        self.batch.resize(most, P::words(0));
        let count = self.ring.recv_batch(&mut self.batch);
        for words in &self.batch[..count] {
            each(check(words.as_ref())?)?;
        }
        Ok(count)
    }

    fn receive(&mut self) -> Outcome<u64> {
        check(self.ring.recv_blocking(&mut sleeper()).as_ref())
    }
}

pub(crate) struct Shared;

pub(crate) struct SharedSender<P: Payload>(MpmcProducer<P::Words>);
pub(crate) struct SharedReceiver<P: Payload>(MpmcQueueConsumer<P::Words>);

impl Transport for Shared {
    type Sender<P: Payload> = SharedSender<P>;
    type Receiver<P: Payload> = SharedReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<SharedSender<P>> {
        let path = place.file(".ring");
        let ring = if place.index == 0 {
            MpmcProducer::create(path, place.depth as u64)?
        } else {
            MpmcProducer::attach(path)?
        };
        Ok(SharedSender(ring))
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<SharedReceiver<P>> {
        Ok(SharedReceiver(MpmcQueueConsumer::attach(place.file(".ring"))?))
    }
}

impl<P: Payload> Sender for SharedSender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        self.0.push(&P::words(stamp));
        Ok(true)
    }
}

impl<P: Payload> Receiver for SharedReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.0.try_recv() {
            Some(words) => check(words.as_ref()).map(Some),
            None => Ok(None),
        }
    }

    fn receive(&mut self) -> Outcome<u64> {
        check(self.0.recv_blocking(&mut sleeper()).as_ref())
    }
}
