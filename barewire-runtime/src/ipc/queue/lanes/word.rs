//! The words of the queue's protocol, bit by bit.
//!
//! ```text
//! front   63 … 21            20 … 0
//!          blocks passed      block + 1, 0 if there is none
//!
//! next    63 … 21            20 … 0
//!          stamp              block + 1, or 0: open, or all ones: sealed, or that less one: ended
//!
//! owner   63 … 16            15 … 8  1 … 0
//!          stamp              lane    free, acquired or linked
//!
//! claim   63 … 21            20 … 13  12 … 6  5 … 2  1 … 0
//!          stamp              returns  owner   count  state
//! ```
//!
//! mark    63 … 0
//!          stamp of the block in whose life the message was published
//!
//! A block's stamp rises each time that it is acquired. A claim word stands beside every slot and
//! means something where a run of taken messages starts; one whose stamp is smaller than the
//! block's stands for a message that nobody has taken yet.

/// The most messages of one block.
pub(in super::super) const MAX_SLOTS: u32 = 8;
/// The most blocks that a queue can have.
pub(in super::super) const MAX_BLOCKS: u64 = 1 << 20;

const LINK_BITS: u32 = 21;
const LINK_MASK: u64 = (1 << LINK_BITS) - 1;
const _: () = assert!(MAX_BLOCKS < LINK_MASK - 1);

/// Where a lane is being read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Front(pub(super) u64);

impl Front {
    pub(super) fn new(passed: u64, block: Option<u64>) -> Self {
        Self(passed << LINK_BITS | block.map_or(0, |block| block + 1))
    }
    /// How many blocks of the lane were passed: the order of the one that is being read.
    pub(super) fn passed(self) -> u64 {
        self.0 >> LINK_BITS
    }
    pub(super) fn block(self) -> Option<u64> {
        (self.0 & LINK_MASK).checked_sub(1)
    }
    /// Whether the block of that order was passed; orders wrap as the count of passed blocks does.
    pub(super) fn has_passed(self, order: u64) -> bool {
        (self.passed().wrapping_sub(order) << LINK_BITS).cast_signed() > 0
    }
    /// How many of `linked` blocks were not passed.
    pub(super) fn left_of(self, linked: u64) -> u64 {
        let left = (linked.wrapping_sub(self.passed()) << LINK_BITS).cast_signed() >> LINK_BITS;
        left.max(0).cast_unsigned()
    }
}

/// The block that follows a block in its lane.
///
/// Only a block that is open may come to have more messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Next(pub(super) u64);

impl Next {
    const SEALED: u64 = LINK_MASK;
    const ENDED: u64 = LINK_MASK - 1;

    /// Nothing follows yet.
    pub(super) fn open(stamp: u64) -> Self {
        Self(stamp << LINK_BITS)
    }
    /// Nothing follows yet, and the producer that has filled the block so far is gone.
    pub(super) fn ended(stamp: u64) -> Self {
        Self(stamp << LINK_BITS | Self::ENDED)
    }
    pub(super) fn to(stamp: u64, block: u64) -> Self {
        Self(stamp << LINK_BITS | (block + 1) & LINK_MASK)
    }
    /// Nothing will ever follow: the block was passed, and the lane goes on at its front.
    pub(super) fn sealed(stamp: u64) -> Self {
        Self(stamp << LINK_BITS | Self::SEALED)
    }
    pub(super) fn stamp(self) -> u64 {
        self.0 >> LINK_BITS
    }
    pub(super) fn is_open(self) -> bool {
        self.0 & LINK_MASK == 0
    }
    /// Whether another block may still be put behind this one.
    pub(super) fn is_last(self) -> bool {
        self.is_open() || self.0 & LINK_MASK == Self::ENDED
    }
    pub(super) fn block(self) -> Option<u64> {
        let link = self.0 & LINK_MASK;
        if link >= Self::ENDED { None } else { link.checked_sub(1) }
    }
}

/// What a block is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Use {
    Free = 0,
    Acquired = 1,
    Linked = 2,
}

/// Who uses a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Owner(pub(super) u64);

impl Owner {
    pub(super) fn new(state: Use, lane: u8, stamp: u64) -> Self {
        Self(stamp << 16 | u64::from(lane) << 8 | state as u64)
    }
    pub(super) fn is(self, state: Use) -> bool {
        self.0 & 3 == state as u64
    }
    pub(super) fn lane(self) -> u8 {
        (self.0 >> 8) as u8 & 0x7f
    }
    pub(super) fn stamp(self) -> u64 {
        self.0 >> 16
    }
}

/// What has become of the messages from one slot on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Reading = 1,
    Returned = 2,
    Done = 3,
}

/// A run of messages that somebody has taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Claim(pub(super) u64);

impl Claim {
    const OWNER: u64 = 0x7f << 6;
    const RETURNS_SHIFT: u32 = 13;
    const RETURNS: u64 = 0xff << Self::RETURNS_SHIFT;
    const STAMP_SHIFT: u32 = 21;

    pub(super) fn new(state: State, stamp: u64, owner: u8, count: u32) -> Self {
        let owner = u64::from(owner & 0x7f) << 6;
        Self(stamp << Self::STAMP_SHIFT | owner | u64::from(count) << 2 | state as u64)
    }
    pub(super) fn stamp(self) -> u64 {
        self.0 >> Self::STAMP_SHIFT
    }
    pub(super) fn is(self, state: State) -> bool {
        self.0 & 3 == state as u64
    }
    /// Whether it is of `count` messages that are done, whoever took them and how often.
    #[inline]
    pub(super) fn is_done(self, stamp: u64, count: u32) -> bool {
        let done = Self::new(State::Done, stamp, 0, count);
        (self.0 ^ done.0) & !(Self::OWNER | Self::RETURNS) == 0
    }
    pub(super) fn owner(self) -> u8 {
        (self.0 >> 6) as u8 & 0x7f
    }
    /// How many messages the run has; at least one, so that a walk always goes on.
    pub(super) fn count(self) -> u32 {
        ((self.0 >> 2 & 15) as u32).clamp(1, MAX_SLOTS)
    }
    pub(super) fn redelivered(self) -> bool {
        self.0 & Self::RETURNS != 0
    }
    /// With the count of returns of another word.
    pub(super) fn returned_as(self, other: Self) -> Self {
        Self(self.0 & !Self::RETURNS | other.0 & Self::RETURNS)
    }
    /// Returned once more. Every return makes another word, so that a sweeper that stood still
    /// cannot take the next delivery for the one that it meant to return.
    pub(super) fn returned_again(self) -> Self {
        let returns = (self.0 & Self::RETURNS) >> Self::RETURNS_SHIFT;
        Self(self.0 & !Self::RETURNS | (returns % 255 + 1) << Self::RETURNS_SHIFT)
    }
}

const _: () = assert!(crate::segment::MAX_PARTICIPANTS <= 128);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_parts_apart() {
        let front = Front::new(1 << 40, Some(MAX_BLOCKS - 1));
        assert_eq!((front.passed(), front.block()), (1 << 40, Some(MAX_BLOCKS - 1)));
        assert_eq!(Front::new(3, None).block(), None);
        assert_eq!(Next::to(5, 0).block(), Some(0));
        assert_eq!((Next::open(5).block(), Next::sealed(5).block()), (None, None));
        assert_eq!(Next::to(5, MAX_BLOCKS - 1).block(), Some(MAX_BLOCKS - 1));
        assert_eq!((Next::ended(5).block(), Next::ended(1 << 42).stamp()), (None, 1 << 42));
        let last = [Next::open(5), Next::ended(5), Next::sealed(5), Next::to(5, 0)];
        assert_eq!(last.map(Next::is_last), [true, true, false, false]);
        assert!(Next::open(5).is_open() && !Next::ended(5).is_open());
        let owner = Owner::new(Use::Linked, 127, 1 << 45);
        assert_eq!((owner.stamp(), owner.lane(), owner.is(Use::Linked)), (1 << 45, 127, true));
        let claim = Claim::new(State::Reading, 1 << 42, 126, 8).returned_again();
        assert_eq!((claim.stamp(), claim.owner(), claim.count()), (1 << 42, 126, 8));
        assert!(claim.is(State::Reading) && claim.redelivered() && !claim.is(State::Done));
        assert_eq!(Claim(0).count(), 1);
    }
}
