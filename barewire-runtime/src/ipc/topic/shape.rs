//! Where everything stands in the body of a topic: a private copy, taken once and checked.
//!
//! ```text
//!      0   64  items event: subscribers wait for messages       } as `sync::event` draws it
//!     64   64  space event: lossless publishers wait for room   }
//!    128       places: one word for each subscriber             63 …… 10 9 …… 2 1 0
//!              (none in a lossy topic), rounded up to 64         version  owner state
//!      …  384  each lane:      0  owner, as a place's word
//!                              8  tenures: how many publishers have published here
//!                             16  1 once a message was published with a kind
//!                            128  tail: the position after the last message published
//!                            256  reserved: slots of positions before it may change
//!      …   64  cursors, lane by lane, one for each place: the position that it reads next
//!      …   24  tenures, lane by lane, `slots` + 1: first position, incarnation
//!      …    8  notes, lane by lane, one for each slot: kind, bytes of the message
//!      …    8  stamps, likewise: nanoseconds since 1970; only if the topic has them
//!      …       slots, lane by lane: `stride` bytes each, dense
//! ```
//!
//! The message at position `p` of a lane stands in slot `p % slots`. A topic keeps `depth` messages
//! of each lane; there are more slots than that, a power of two, so that publishers may reserve
//! some ahead ([`Shape::chunk`]) while late readers still find `depth`.

use crate::segment::{Geometry, MAX_PARTICIPANTS, MAX_SEGMENT_BYTES};
use crate::sync::EVENT_BYTES;

/// The most messages that a publisher can be ahead.
pub const MAX_DEPTH: usize = 1 << 24;
/// The most publishers of a topic at a time.
pub const MAX_PUBLISHERS: usize = MAX_PARTICIPANTS;
/// The most subscribers of a lossless topic at a time.
pub const MAX_SUBSCRIBERS: usize = MAX_PARTICIPANTS;

/// Slots after the last message published that are kept empty.
pub(super) const AHEAD: u64 = 2;
/// The largest message whose last word says that it is there; one cache line.
pub(super) const EXPRESS_BYTES: usize = 64;

/// How many messages `tail` may lag behind, if there are enough of them.
const LAG: u64 = 8;
const MIN_DEPTH_TO_LAG: u64 = 64;

const LANE_BYTES: u64 = 384;
pub(super) const OWNER: usize = 0;
pub(super) const TENURES: usize = 8;
pub(super) const KINDS: usize = 16;
pub(super) const TAIL: usize = 128;
pub(super) const RESERVED: usize = 256;
pub(super) const TENURE_BYTES: usize = 24;

pub(super) const ITEMS: usize = 0;
pub(super) const SPACE: usize = 64;
const PLACES: u64 = 128;
const _: () = assert!(ITEMS + EVENT_BYTES <= SPACE && (SPACE + EVENT_BYTES) as u64 <= PLACES);

const LOSSY: u64 = 1;
const STAMPED: u64 = 2;
const ENCODED: u64 = 4;
const ISOLATED: u64 = 8;

/// What the creator of a topic decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Choice {
    pub(super) depth: u64,
    pub(super) lanes: u64,
    pub(super) places: u64,
    pub(super) payload: u64,
    pub(super) lossy: bool,
    pub(super) stamped: bool,
    pub(super) encoded: bool,
    pub(super) isolated: bool,
}

/// The same, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) base: usize,
    pub(super) choice: Choice,
    pub(super) slots: u64,
    pub(super) stride: usize,
    lanes_at: usize,
    cursors_at: usize,
    tenures_at: usize,
    notes_at: usize,
    stamps_at: usize,
    data_at: usize,
    /// A subscriber wakes publishers whenever its position changes in other bits than these.
    pub(super) wake_mask: u64,
    /// `tail` counts messages that announce themselves so many at a time; a power of two.
    pub(super) lag: u64,
    /// The bytes of the body.
    pub(super) bytes: u64,
}

impl Choice {
    fn is_sane(&self) -> bool {
        (1..=MAX_DEPTH as u64).contains(&self.depth)
            && (1..=MAX_PUBLISHERS as u64).contains(&self.lanes)
            && self.places <= MAX_SUBSCRIBERS as u64
            && (self.places == 0) == self.lossy
            && self.payload <= MAX_SEGMENT_BYTES
    }

    pub(super) fn to_geometry(self) -> Geometry {
        let mut geometry = Geometry::default();
        let flag = |set: bool, bit: u64| if set { bit } else { 0 };
        let flags = flag(self.lossy, LOSSY)
            | flag(self.stamped, STAMPED)
            | flag(self.encoded, ENCODED)
            | flag(self.isolated, ISOLATED);
        geometry[..5].copy_from_slice(&[self.depth, self.lanes, self.places, self.payload, flags]);
        geometry
    }

    pub(super) fn from_geometry(geometry: &Geometry) -> Option<Self> {
        let [depth, lanes, places, payload, flags, ..] = *geometry;
        let choice = Self {
            depth,
            lanes,
            places,
            payload,
            lossy: flags & LOSSY != 0,
            stamped: flags & STAMPED != 0,
            encoded: flags & ENCODED != 0,
            isolated: flags & ISOLATED != 0,
        };
        (choice.to_geometry() == *geometry).then_some(choice)
    }
}

impl Shape {
    /// Everything's place in a body that starts at `base`; `None` if there is no such topic.
    pub(super) fn new(base: usize, choice: Choice) -> Option<Self> {
        if !choice.is_sane() {
            return None;
        }
        let ahead = (choice.depth / 8).max(1) + AHEAD;
        let slots = (choice.depth + ahead).next_power_of_two();
        let stride = choice.payload.next_multiple_of(8).max(8);
        let mut end = PLACES + (choice.places * 8).next_multiple_of(64);
        let mut room = |each: u64, count: Option<u64>| -> Option<usize> {
            let at = end;
            end = count?.checked_mul(each)?.checked_add(end)?.checked_next_multiple_of(128)?;
            (end <= MAX_SEGMENT_BYTES).then_some(at as usize)
        };
        let lanes = choice.lanes;
        let lanes_at = room(LANE_BYTES, Some(lanes))?;
        let cursors_at = room(64, Some(lanes * choice.places))?;
        let tenures_at = room(TENURE_BYTES as u64, Some(lanes * (slots + 1)))?;
        let notes_at = room(8, Some(lanes * slots))?;
        let stamps_at = room(8, Some(if choice.stamped { lanes * slots } else { 0 }))?;
        let data_at = room(stride, Some(lanes * slots))?;
        let stride = stride as usize;
        let bytes = end;
        let at = |offset: usize| base + offset;
        Some(Self {
            base,
            choice,
            slots,
            stride,
            lanes_at: at(lanes_at),
            cursors_at: at(cursors_at),
            tenures_at: at(tenures_at),
            notes_at: at(notes_at),
            stamps_at: at(stamps_at),
            data_at: at(data_at),
            wake_mask: (choice.depth / 8).max(1).next_power_of_two() - 1,
            lag: if choice.depth < MIN_DEPTH_TO_LAG { 1 } else { LAG },
            bytes,
        })
    }

    /// How many slots a publisher reserves at a time.
    pub(super) fn chunk(&self) -> u64 {
        self.slots - AHEAD - self.choice.depth
    }

    /// Whether a message's last word says that it is there.
    #[inline]
    pub(super) fn is_express(&self) -> bool {
        !self.choice.encoded && self.choice.payload <= EXPRESS_BYTES as u64
    }

    pub(super) fn lanes(&self) -> usize {
        self.choice.lanes as usize
    }

    pub(super) fn places(&self) -> usize {
        self.choice.places as usize
    }

    pub(super) fn place(&self, place: usize) -> usize {
        self.base + PLACES as usize + place * 8
    }

    pub(super) fn lane(&self, lane: usize) -> usize {
        self.lanes_at + lane * LANE_BYTES as usize
    }

    pub(super) fn cursor(&self, lane: usize, place: usize) -> usize {
        self.cursors_at + (lane * self.places() + place) * 64
    }

    /// The record of a lane's tenure, which a later one replaces after `slots` + 1 of them.
    pub(super) fn tenure(&self, lane: usize, tenure: u64) -> usize {
        let records = self.slots as usize + 1;
        let record = (tenure % records as u64) as usize;
        self.tenures_at + (lane * records + record) * TENURE_BYTES
    }

    #[inline]
    fn slot_index(&self, lane: usize, position: u64) -> usize {
        lane * self.slots as usize + (position & (self.slots - 1)) as usize
    }

    pub(super) fn note(&self, lane: usize, position: u64) -> usize {
        self.notes_at + self.slot_index(lane, position) * 8
    }

    pub(super) fn stamp(&self, lane: usize, position: u64) -> usize {
        self.stamps_at + self.slot_index(lane, position) * 8
    }

    /// The slot of a position, which may be any number.
    #[inline]
    pub(super) fn slot(&self, lane: usize, position: u64) -> usize {
        self.data_at + self.slot_index(lane, position) * self.stride
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(depth: u64) -> Choice {
        Choice {
            depth,
            lanes: 3,
            places: 5,
            payload: 64,
            lossy: false,
            stamped: true,
            encoded: false,
            isolated: true,
        }
    }

    #[test]
    fn late_readers_find_the_whole_depth() {
        for depth in [1, 2, 3, 4, 5, 13, 14, 1000, 1024, 1 << 24] {
            let shape = Shape::new(4096, choice(depth)).expect("a topic");
            assert!(shape.slots.is_power_of_two() && shape.chunk() >= 1, "{depth}");
            assert!(shape.slots - AHEAD - shape.chunk() >= depth, "{depth}");
        }
    }

    #[test]
    fn the_parts_do_not_overlap() {
        let shape = Shape::new(4096, choice(9)).expect("a topic");
        let parts = [
            (shape.base, 128),
            (shape.place(0), 5 * 8),
            (shape.lane(0), 3 * 384),
            (shape.cursor(0, 0), 15 * 64),
            (shape.tenure(0, 0), 3 * (shape.slots as usize + 1) * 24),
            (shape.note(0, 0), 3 * shape.slots as usize * 8),
            (shape.stamp(0, 0), 3 * shape.slots as usize * 8),
            (shape.slot(0, 0), 3 * shape.slots as usize * 64),
        ];
        assert!(parts.windows(2).all(|pair| pair[0].0 + pair[0].1 <= pair[1].0), "{parts:?}");
        let (last, len) = parts[7];
        assert!(last + len <= 4096 + shape.bytes as usize);
        assert_eq!(last % 64, 0, "a message of 64 bytes is one cache line");
        assert_eq!(shape.slot(2, u64::MAX) + 64, last + len);
    }

    #[test]
    fn a_header_that_makes_no_sense_is_refused() {
        let geometry = choice(8).to_geometry();
        assert_eq!(Choice::from_geometry(&geometry), Some(choice(8)));
        let mut odd = geometry;
        odd[4] |= 16;
        assert_eq!(Choice::from_geometry(&odd), None);
        for fault in [
            Choice { depth: 0, ..choice(8) },
            Choice { depth: u64::MAX, ..choice(8) },
            Choice { lanes: 0, ..choice(8) },
            Choice { lanes: u64::MAX, ..choice(8) },
            Choice { places: 0, ..choice(8) },
            Choice { payload: u64::MAX, ..choice(8) },
            Choice { payload: MAX_SEGMENT_BYTES, ..choice(8) },
        ] {
            assert!(Shape::new(4096, fault).is_none(), "{fault:?}");
        }
    }
}
