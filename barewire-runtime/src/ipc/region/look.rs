//! A region as somebody sees it who is not attached.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use super::{BUFFERS, CHANGE_EVENT, CURRENT, DATA, SIZE, STRIDE, TOLERATED, TURN_EVENT, WRITER};
use crate::ipc::looked::copied;
use crate::segment::Glance;
use crate::sync::Event;

/// How often a look tries again that was overtaken by writers.
const ATTEMPTS: u32 = 1000;

/// A region as somebody sees it who is not attached; see [`crate::inspect`].
#[derive(Debug)]
pub struct RegionLook<'a> {
    glance: &'a Glance,
    stride: u64,
    size: usize,
}

/// How a region stands, at about the time of the look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegionFigures {
    /// How often the value was changed.
    pub version: u64,
    /// The participant that is changing it.
    pub writer: Option<u8>,
    /// How many wait for a change; one that was killed while it waited may count for a while.
    pub waiting_readers: u32,
    /// How many wait for their turn to change it; likewise.
    pub waiting_writers: u32,
}

impl<'a> RegionLook<'a> {
    /// `None` if the header's geometry is not that of a region of `bytes`.
    #[inline]
    pub(crate) fn new(glance: &'a Glance, bytes: u64) -> Option<Self> {
        let (stride, size) = (glance.header.geometry[STRIDE], glance.header.geometry[SIZE]);
        let all = BUFFERS.checked_mul(stride)?.checked_add(DATA as u64)?;
        let sane = size == bytes
            && size.checked_next_multiple_of(64)? == stride
            && all <= glance.header.body.1 as u64;
        sane.then_some(Self { glance, stride, size: usize::try_from(size).ok()? })
    }

    #[inline]
    fn at(&self, offset: usize) -> usize {
        self.glance.header.body.0 + offset
    }

    #[inline]
    fn word(&self, offset: usize) -> &AtomicU64 {
        self.glance.map.u64(self.at(offset))
    }

    #[inline]
    fn waiting_for(&self, offset: usize) -> u32 {
        Event { map: &self.glance.map, at: self.at(offset), reached: false }.open_tickets()
    }

    /// How the region stands.
    #[must_use]
    #[inline]
    pub fn figures(&self) -> RegionFigures {
        let writer = self.word(WRITER).load(Ordering::Acquire) & 0xff;
        RegionFigures {
            version: self.word(CURRENT).load(Ordering::Acquire),
            writer: writer.checked_sub(1).map(|index| index as u8),
            waiting_readers: self.waiting_for(CHANGE_EVENT),
            waiting_writers: self.waiting_for(TURN_EVENT),
        }
    }

    /// The fixed layout of the value as it is now, whole, and its version; `None` if writers were
    /// faster than the look all the time.
    #[must_use]
    #[inline]
    pub fn read(&self) -> Option<(u64, Vec<u8>)> {
        self.read_by(|buffer| copied(&self.glance.map, buffer, self.size))
    }

    /// Likewise, with `copy` of the buffer at an offset.
    #[inline]
    fn read_by<R>(&self, mut copy: impl FnMut(usize) -> R) -> Option<(u64, R)> {
        for _ in 0..ATTEMPTS {
            let version = self.word(CURRENT).load(Ordering::Acquire);
            let buffer = self.at(DATA) + ((version % BUFFERS) * self.stride) as usize;
            let bytes = copy(buffer);
            // Whoever overwrites this buffer has seen the third later version published first.
            fence(Ordering::Acquire);
            let now = self.word(CURRENT).load(Ordering::Relaxed);
            if now.wrapping_sub(version) <= TOLERATED {
                return Some((version, bytes));
            }
            std::hint::spin_loop();
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::SharedRegion;
    use crate::segment::Directory;

    #[test]
    fn a_value_that_was_overwritten_meanwhile_is_read_again() {
        let name = format!("look-region-{}", std::process::id());
        let region = SharedRegion::<u64>::create(&name, &0).expect("a new region");
        let directory = Directory::standard().expect("it can be made");
        let glance = Glance::open(&directory, &name).expect("it is there");
        let look = RegionLook::new(&glance, 8).expect("it is a region");
        for changes in 0..6 {
            let mut copies = 0;
            let found = look.read_by(|_| {
                copies += 1;
                if copies == 1 {
                    (0..changes).for_each(|_| region.update(|value| *value += 1).expect("ours"));
                }
                copies
            });
            // The buffer of a version is another one's four versions later, from the third on.
            assert_eq!(found.expect("writers rest").1, if changes <= 2 { 1 } else { 2 });
        }
        assert!(
            look.read_by(|_| (0..3).for_each(|_| region.update(|_| ()).expect("ours"))).is_none()
        );
    }
}
