//! The raw single-producer ring: what this machine can do at all, with nothing kept safe.

use std::fs::OpenOptions;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap2::MmapRaw;

use super::{Place, Receiver, Sender, Transport};
use crate::Outcome;
use crate::payload::{Payload, check, fill};

/// Where head, tail and slots stand: each word alone, slots at a page.
const TAIL_AT: usize = 0;
const HEAD_AT: usize = 128;
const SLOTS_AT: usize = 4096;

/// A ring of slots: tail and head count messages, each side keeps the other's count.
pub(crate) struct Raw;

pub(crate) struct End<P> {
    map: MmapRaw,
    mask: u64,
    mine: u64,
    theirs: u64,
    _payload: PhantomData<P>,
}

impl<P: Payload> End<P> {
    fn open(place: &Place, create: bool) -> Outcome<Self> {
        let depth = place.depth.next_power_of_two();
        let bytes = SLOTS_AT + depth * P::BYTES;
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create_new(create).open(place.file(".ring"))?;
        if create {
            file.set_len(bytes as u64)?;
        }
        let map = MmapRaw::map_raw(&file)?;
        if map.len() < bytes {
            return Err("the ring is too short".into());
        }
        Ok(Self { map, mask: depth as u64 - 1, mine: 0, theirs: 0, _payload: PhantomData })
    }

    #[inline(always)]
    fn count(&self, at: usize) -> &AtomicU64 {
        // SAFETY: both places are inside the first page of the mapping, which is page-aligned.
        let place = unsafe { self.map.as_mut_ptr().add(at) };
        // SAFETY: aligned to 128, mapped for as long as `self`, and only ever used as an atomic.
        unsafe { AtomicU64::from_ptr(place.cast()) }
    }

    #[inline(always)]
    fn slot(&self, number: u64) -> *mut u64 {
        let at = SLOTS_AT + (number & self.mask) as usize * P::BYTES;
        // SAFETY: slot numbers are below the depth, for which `open` checked the length.
        unsafe { self.map.as_mut_ptr().add(at) }.cast()
    }

    #[inline(always)]
    fn has_room(&mut self) -> bool {
        if self.mine.wrapping_sub(self.theirs) <= self.mask {
            return true;
        }
        self.theirs = self.count(HEAD_AT).load(Ordering::Acquire);
        self.mine.wrapping_sub(self.theirs) <= self.mask
    }

    #[inline(always)]
    fn put(&mut self, stamp: u64) {
        let slot = self.slot(self.mine);
        // SAFETY: between head and tail + depth the producer alone uses a slot; it is mapped, and
        // was zeroed by the kernel.
        fill(unsafe { std::slice::from_raw_parts_mut(slot, P::BYTES / 8) }, stamp);
        self.mine += 1;
    }

    #[inline(always)]
    fn get(&mut self) -> Outcome<u64> {
        let slot = self.slot(self.mine);
        // SAFETY: between head and tail the consumer alone uses a slot; it is mapped.
        let stamp = check(unsafe { std::slice::from_raw_parts(slot, P::BYTES / 8) })?;
        self.mine += 1;
        Ok(stamp)
    }

    #[inline(always)]
    fn waiting(&mut self) -> u64 {
        if self.theirs == self.mine {
            self.theirs = self.count(TAIL_AT).load(Ordering::Acquire);
        }
        self.theirs - self.mine
    }
}

/// The producer's end.
pub(crate) struct RawSender<P>(End<P>);
/// The consumer's end.
pub(crate) struct RawReceiver<P>(End<P>);

impl Transport for Raw {
    type Sender<P: Payload> = RawSender<P>;
    type Receiver<P: Payload> = RawReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<RawSender<P>> {
        End::open(place, true).map(RawSender)
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<RawReceiver<P>> {
        End::open(place, false).map(RawReceiver)
    }
}

impl<P: Payload> Sender for RawSender<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        let room = self.0.has_room();
        if room {
            self.0.put(stamp);
            self.0.count(TAIL_AT).store(self.0.mine, Ordering::Release);
        }
        Ok(room)
    }
}

impl<P: Payload> Receiver for RawReceiver<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        if self.0.waiting() == 0 {
            return Ok(None);
        }
        let stamp = self.0.get()?;
        self.0.count(HEAD_AT).store(self.0.mine, Ordering::Release);
        Ok(Some(stamp))
    }

    fn receive(&mut self) -> Outcome<u64> {
        Err("the raw ring has nobody to wake".into())
    }
}
