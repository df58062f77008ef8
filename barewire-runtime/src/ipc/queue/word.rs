//! The two words of the queue's protocol, bit by bit.
//!
//! ```text
//! write   63 … 38  37 … 13  12 … 6  5 … 2  1     0
//!          turn     content  owner   count  held  closed
//!
//! claim   63 … 14  13           12 … 6  5 … 2  1 0
//!          stamp    redelivered  owner   count  state
//! ```
//!
//! A block's write word says in which turn of the ring it was last opened or passed over (`turn`),
//! in which turn the messages that stand in it were written (`content`), how many are visible
//! (`count`), and whether their writer still writes (`held`) and may still publish (not `closed`).
//!
//! A claim word stands beside every slot; it means something where a run of taken messages starts.
//! Its stamp is the turn whose messages were taken: a smaller one than the block's is a slot that
//! nobody has taken yet.

const TURN_BITS: u32 = 26;
const TURN_SHIFT: u32 = 38;
const CONTENT_BITS: u32 = 25;
const CONTENT_SHIFT: u32 = 13;
const OWNER_SHIFT: u32 = 6;
const OWNER_MASK: u64 = 0x7f;
const COUNT_SHIFT: u32 = 2;
const COUNT_MASK: u64 = 0xf;
const HELD: u64 = 1 << 1;
const CLOSED: u64 = 1;
const REDELIVERED: u64 = 1 << 13;
const STAMP_SHIFT: u32 = 14;

const _: () = assert!(TURN_SHIFT + TURN_BITS == 64);
const _: () = assert!(CONTENT_SHIFT + CONTENT_BITS == TURN_SHIFT);
const _: () = assert!(crate::segment::MAX_PARTICIPANTS as u64 <= OWNER_MASK + 1);

/// The most messages of one block.
pub(super) const MAX_SLOTS: u32 = 8;
const _: () = assert!(MAX_SLOTS as u64 <= COUNT_MASK);

/// What stands in a block, and who writes it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Write(pub(super) u64);

impl Write {
    /// A block that `owner` has just opened in `turn`.
    pub(super) fn opened(turn: u64, owner: u8) -> Self {
        let turn_bits = turn << TURN_SHIFT;
        let content = (turn & ((1 << CONTENT_BITS) - 1)) << CONTENT_SHIFT;
        Self(turn_bits | content | (u64::from(owner) & OWNER_MASK) << OWNER_SHIFT | HELD)
    }

    /// How many turns the block is ahead of `turn`, negative if behind; turns wrap.
    pub(super) fn ahead(self, turn: u64) -> i64 {
        let unused = 64 - TURN_BITS;
        let difference = (self.0 >> TURN_SHIFT).wrapping_sub(turn) << unused;
        (difference as i64) >> unused
    }

    /// The turn that its messages were written in, as seen from `turn`, which is not before it.
    pub(super) fn content(self, turn: u64) -> u64 {
        let back = turn.wrapping_sub(self.0 >> CONTENT_SHIFT) & ((1 << CONTENT_BITS) - 1);
        turn.saturating_sub(back)
    }

    pub(super) fn owner(self) -> u8 {
        (self.0 >> OWNER_SHIFT & OWNER_MASK) as u8
    }

    /// How many messages are visible; never more than a block can have.
    pub(super) fn count(self) -> u32 {
        ((self.0 >> COUNT_SHIFT & COUNT_MASK) as u32).min(MAX_SLOTS)
    }

    pub(super) fn held(self) -> bool {
        self.0 & HELD != 0
    }

    pub(super) fn closed(self) -> bool {
        self.0 & CLOSED != 0
    }

    /// With `more` messages visible; the writer lets go of a block that is full.
    pub(super) fn with_more(self, more: u32, slots: u32) -> Self {
        let word = Self(self.0 + (u64::from(more) << COUNT_SHIFT));
        if word.count() >= slots { word.released() } else { word }
    }

    pub(super) fn released(self) -> Self {
        Self(self.0 & !HELD)
    }

    pub(super) fn shut(self) -> Self {
        Self(self.0 | CLOSED)
    }

    /// Passed over in `turn`: what stands in it stays, and its writer may not publish any more.
    pub(super) fn passed(self, turn: u64) -> Self {
        Self(self.0 & ((1 << TURN_SHIFT) - 1) | turn << TURN_SHIFT | CLOSED)
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
    pub(super) fn new(state: State, stamp: u64, owner: u8, count: u32) -> Self {
        let owner = (u64::from(owner) & OWNER_MASK) << OWNER_SHIFT;
        Self(stamp << STAMP_SHIFT | owner | u64::from(count) << COUNT_SHIFT | state as u64)
    }

    pub(super) fn stamp(self) -> u64 {
        self.0 >> STAMP_SHIFT
    }

    pub(super) fn is(self, state: State) -> bool {
        self.0 & 3 == state as u64
    }

    pub(super) fn owner(self) -> u8 {
        (self.0 >> OWNER_SHIFT & OWNER_MASK) as u8
    }

    /// How many messages the run has; at least one, so that a walk always goes on.
    pub(super) fn count(self) -> u32 {
        ((self.0 >> COUNT_SHIFT & COUNT_MASK) as u32).clamp(1, MAX_SLOTS)
    }

    pub(super) fn redelivered(self) -> bool {
        self.0 & REDELIVERED != 0
    }

    pub(super) fn marked(self) -> Self {
        Self(self.0 | REDELIVERED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_word_keeps_its_parts_apart() {
        let turn = (1_u64 << 40) + 5;
        let word = Write::opened(turn, 127).with_more(3, 8);
        assert_eq!((word.owner(), word.count(), word.held()), (127, 3, true));
        assert_eq!((word.ahead(turn), word.ahead(turn + 1), word.ahead(turn - 1)), (0, -1, 1));
        assert_eq!(word.content(turn + 3), turn);
        let passed = word.passed(turn + 2);
        assert_eq!((passed.ahead(turn + 2), passed.content(turn + 2)), (0, turn));
        assert!(passed.closed() && passed.held() && passed.count() == 3);
        assert!(!word.with_more(5, 8).held());
    }

    #[test]
    fn a_claim_word_keeps_its_parts_apart() {
        let claim = Claim::new(State::Reading, 77, 126, 8).marked();
        assert_eq!((claim.stamp(), claim.owner(), claim.count()), (77, 126, 8));
        assert!(claim.is(State::Reading) && claim.redelivered() && !claim.is(State::Done));
        assert_eq!(Claim(0).count(), 1);
    }
}
