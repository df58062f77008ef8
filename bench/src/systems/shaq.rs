//! shaq: one to one, many to many, and one to all.

use std::fs::{File, OpenOptions};
use std::num::NonZeroUsize;

use shaq::broadcast::{self, BroadcastConfig, ProducerId};
use shaq::{mpmc, spsc};

use super::{Place, Receiver, Sender, Transport};
use crate::Outcome;
use crate::payload::{Payload, check, fill_new};
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "queue: mpmc; topic: spsc, or broadcast where several read; written \
                              and read in place; read_timeout to sleep";

/// The longest a receiver sleeps before it looks again.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(1);

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        (Shape::Topic, _) if row.mesh().0 > 1 => Err("is asked for one producer here"),
        (Shape::Queue | Shape::Topic, _)
        | (Shape::Service, Kind::Roundtrip | Kind::Wake { .. }) => Ok(()),
        _ => Err("has no such thing"),
    }
}

fn create(place: &Place) -> Outcome<File> {
    let mut options = OpenOptions::new();
    Ok(options.read(true).write(true).create_new(true).open(place.file(".shaq"))?)
}

fn open(place: &Place) -> Outcome<File> {
    Ok(OpenOptions::new().read(true).write(true).open(place.file(".shaq"))?)
}

fn one_or_more(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN)
}

pub(crate) struct OneToOne;

pub(crate) struct OneSender<P: Payload>(spsc::Producer<P::Words>);
pub(crate) struct OneReceiver<P: Payload>(spsc::Consumer<P::Words>);

impl Transport for OneToOne {
    type Sender<P: Payload> = OneSender<P>;
    type Receiver<P: Payload> = OneReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<OneSender<P>> {
        let bytes = spsc::minimum_file_size::<P::Words>(place.depth);
        // SAFETY: a new file, of which this is the only producer; the other side has the same type.
        let producer = unsafe { spsc::Producer::create(&create(place)?, bytes)? };
        Ok(OneSender(producer))
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<OneReceiver<P>> {
        // SAFETY: the only consumer of a file that is complete, with the same type.
        Ok(OneReceiver(unsafe { spsc::Consumer::join(&open(place)?)? }))
    }
}

impl<P: Payload> Sender for OneSender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        self.try_send_batch(stamp, 1).map(|sent| sent == 1)
    }

    #[inline(always)]
    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        let mut batch = self.0.write_batch();
        for sent in 0..count {
            // SAFETY: the slot is written right away.
            let Some(slot) = (unsafe { batch.try_as_mut() }) else {
                return Ok(sent);
            };
            fill_new::<P>(slot, first + sent as u64);
        }
        Ok(count)
    }
}

impl<P: Payload> Receiver for OneReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        let Some(batch) = self.0.try_reserve_read_batch(NonZeroUsize::MIN) else {
            return Ok(None);
        };
        check(batch[0].as_ref()).map(Some)
    }

    #[inline(always)]
    fn try_receive_batch(
        &mut self,
        most: usize,
        each: &mut impl FnMut(u64) -> Outcome<()>,
    ) -> Outcome<usize> {
        let Some(batch) = self.0.try_reserve_read_batch(one_or_more(most)) else {
            return Ok(0);
        };
        for words in &batch {
            each(check(words.as_ref())?)?;
        }
        Ok(batch.len())
    }

    fn receive(&mut self) -> Outcome<u64> {
        let batch = self.0.reserve_read_batch_timeout(NonZeroUsize::MIN, PATIENCE);
        check(batch.map_err(|error| format!("{error:?}"))?[0].as_ref())
    }
}

pub(crate) struct ManyToMany;

pub(crate) struct ManySender<P: Payload>(mpmc::Producer<P::Words>);
pub(crate) struct ManyReceiver<P: Payload>(mpmc::Consumer<P::Words>);

impl Transport for ManyToMany {
    type Sender<P: Payload> = ManySender<P>;
    type Receiver<P: Payload> = ManyReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<ManySender<P>> {
        let bytes = mpmc::minimum_file_size::<P::Words>(place.depth);
        let producer = if place.index == 0 {
            // SAFETY: a new file, made by this process alone; all sides have the same type.
            unsafe { mpmc::Producer::create(&create(place)?, bytes)? }
        } else {
            // SAFETY: the file is complete, and of the same type.
            unsafe { mpmc::Producer::join(&open(place)?)? }
        };
        Ok(ManySender(producer))
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<ManyReceiver<P>> {
        // SAFETY: the file is complete, and of the same type.
        Ok(ManyReceiver(unsafe { mpmc::Consumer::join(&open(place)?)? }))
    }
}

impl<P: Payload> Sender for ManySender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        // SAFETY: the slot is written right away.
        let Some(mut slot) = (unsafe { self.0.try_reserve_write() }) else {
            return Ok(false);
        };
        fill_new::<P>(slot.as_mut(), stamp);
        Ok(true)
    }

    #[inline(always)]
    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        // SAFETY: all slots are written right away.
        let batch = unsafe { self.0.try_reserve_write_batch(one_or_more(count)) };
        let Some(mut batch) = batch else {
            return Ok(0);
        };
        for number in 0..batch.len() {
            // SAFETY: the number is below the batch's length.
            fill_new::<P>(unsafe { batch.as_mut(number) }, first + number as u64);
        }
        Ok(batch.len())
    }
}

impl<P: Payload> Receiver for ManyReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.0.try_reserve_read() {
            Some(words) => check(words.as_ref().as_ref()).map(Some),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn try_receive_batch(
        &mut self,
        most: usize,
        each: &mut impl FnMut(u64) -> Outcome<()>,
    ) -> Outcome<usize> {
        let Some(batch) = self.0.try_reserve_read_batch(one_or_more(most)) else {
            return Ok(0);
        };
        for words in &batch {
            each(check(words.as_ref())?)?;
        }
        Ok(batch.len())
    }

    fn receive(&mut self) -> Outcome<u64> {
        let words = self.0.reserve_read_timeout(PATIENCE);
        check(words.map_err(|error| format!("{error:?}"))?.as_ref().as_ref())
    }
}

pub(crate) struct Broadcast;

pub(crate) struct AllSender<P: Payload>(broadcast::Producer<P::Words>);
pub(crate) struct AllReceiver<P: Payload>(broadcast::Consumer<P::Words>);

impl Transport for Broadcast {
    type Sender<P: Payload> = AllSender<P>;
    type Receiver<P: Payload> = AllReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<AllSender<P>> {
        let config = BroadcastConfig {
            capacity: place.depth,
            producer_slots: place.producers,
            consumer_slots: place.consumers,
        };
        // SAFETY: a new file, made by this process alone; all sides have the same type.
        let producer =
            unsafe { broadcast::Producer::create(&create(place)?, config, ProducerId::new(0))? };
        Ok(AllSender(producer))
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<AllReceiver<P>> {
        // SAFETY: the file is complete, and of the same type.
        Ok(AllReceiver(unsafe { broadcast::Consumer::join(&open(place)?)? }))
    }
}

impl<P: Payload> Sender for AllSender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        // SAFETY: the slot is written right away.
        let Some(mut slot) = (unsafe { self.0.try_reserve_write() }) else {
            return Ok(false);
        };
        fill_new::<P>(slot.as_mut(), stamp);
        Ok(true)
    }

    #[inline(always)]
    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        // SAFETY: all slots are written right away.
        let batch = unsafe { self.0.try_reserve_write_batch(one_or_more(count)) };
        let Some(mut batch) = batch else {
            return Ok(0);
        };
        for number in 0..batch.len() {
            // SAFETY: the number is below the batch's length.
            fill_new::<P>(unsafe { batch.as_mut(number) }, first + number as u64);
        }
        Ok(batch.len())
    }
}

impl<P: Payload> Receiver for AllReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.0.try_reserve_read() {
            Some(words) => check(words.read().as_ref()).map(Some),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn try_receive_batch(
        &mut self,
        most: usize,
        each: &mut impl FnMut(u64) -> Outcome<()>,
    ) -> Outcome<usize> {
        let Some(batch) = self.0.try_reserve_read_batch(one_or_more(most)) else {
            return Ok(0);
        };
        let (first, rest) = batch.as_slices();
        for words in first.iter().chain(rest) {
            each(check(words.as_ref())?)?;
        }
        Ok(batch.len())
    }

    fn receive(&mut self) -> Outcome<u64> {
        let words = self.0.read_timeout(PATIENCE).map_err(|error| format!("{error:?}"))?;
        check(words.as_ref())
    }
}
