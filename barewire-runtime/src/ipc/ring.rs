//! The queue's protocol: a ring of cells over a pool of blocks, words only.
//!
//! ```text
//! cell    63 …… 30 29 … 22 21 … 2 1 0        block   63 …… 12 11 … 4  3  2 1 0
//!          turn     owner   block state               version  owner  R   state
//! ```
//!
//! A block is owned by one participant at a time: FREE → WRITING(owner) → READING(owner) → FREE,
//! claimed and by whom in one compare-and-swap. A message becomes visible in one step, the cell's
//! FREE → FULL(block). A consumer takes it in one step as well, FULL → TAKEN(block, owner); the two
//! steps that follow, the block's WRITING → READING(owner) and the cell's TAKEN → FREE of the next
//! turn, may be made by anyone. So nobody waits for a process that stands still, and a kill between
//! two steps leaves words that say who held what:
//!
//! | killed after | left behind | what others do |
//! |---|---|---|
//! | claiming a block | WRITING(dead), in no cell | sweep: FREE |
//! | filling the cell | a whole message | tail is helped forward |
//! | taking the cell | TAKEN(dead) | finish, then as below |
//! | marking the block | READING(dead) | sweep: RETURNED, delivered again |
//! | freeing the block | nothing | |
//! | part of a sweep | words of a participant still dead | sweep again, each step once |
//!
//! `head` and `tail` only ever move forward and are hints: the truth is in the cells. A block's
//! version changes with every claim, so that a helper that was stopped cannot act on a later life.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};

use crate::sync::Event;
use crate::sys::map::Mapping;

const CELL_FREE: u64 = 0;
const CELL_FULL: u64 = 1;
const CELL_TAKEN: u64 = 2;
const BLOCK_BITS: u32 = 20;
const TURN_SHIFT: u32 = 30;
const TURN_MASK: u64 = (1 << (64 - TURN_SHIFT)) - 1;

const BLOCK_FREE: u64 = 0;
const BLOCK_WRITING: u64 = 1;
const BLOCK_READING: u64 = 2;
const BLOCK_RETURNED: u64 = 3;
const REDELIVERED: u64 = 1 << 3;
const VERSION_SHIFT: u32 = 12;
const VERSION_MASK: u64 = (1 << (64 - VERSION_SHIFT)) - 1;

/// The most blocks that a cell can name.
pub(super) const MAX_BLOCKS: u64 = 1 << BLOCK_BITS;

/// Each on a cache line of its own, from the start of the body.
const TAIL: usize = 0;
const HEAD: usize = 128;
const RETURNED: usize = 256;
const ITEMS_EVENT: usize = 384;
const SPACE_EVENT: usize = 512;
const CELLS: usize = 640;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Cell(u64);

impl Cell {
    fn new(state: u64, turn: u64, block: u32, owner: u8) -> Self {
        let block = u64::from(block) << 2;
        let owner = u64::from(owner) << (2 + BLOCK_BITS);
        Self(state | block | owner | (turn & TURN_MASK) << TURN_SHIFT)
    }
    fn state(self) -> u64 {
        self.0 & 3
    }
    fn block(self) -> u32 {
        (self.0 >> 2) as u32 & ((1 << BLOCK_BITS) - 1)
    }
    fn owner(self) -> u8 {
        (self.0 >> (2 + BLOCK_BITS)) as u8
    }
    fn turn(self) -> u64 {
        self.0 >> TURN_SHIFT
    }
    /// How many turns this cell is ahead of `turn`, negative if behind; turns wrap.
    fn ahead(self, turn: u64) -> i64 {
        let shift = 64 - (64 - TURN_SHIFT);
        ((self.turn().wrapping_sub(turn) << shift) as i64) >> shift
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Block(u64);

impl Block {
    fn new(state: u64, owner: u8, version: u64) -> Self {
        Self(state | u64::from(owner) << 4 | (version & VERSION_MASK) << VERSION_SHIFT)
    }
    fn state(self) -> u64 {
        self.0 & 7
    }
    fn owner(self) -> u8 {
        (self.0 >> 4) as u8
    }
    fn version(self) -> u64 {
        self.0 >> VERSION_SHIFT
    }
}

/// A message that this participant has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) block: u32,
    pub(super) redelivered: bool,
}

/// Where the words are; a private copy, never read from the segment again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) base: usize,
    pub(super) capacity: u64,
    pub(super) blocks: u64,
}

impl Shape {
    /// The bytes that the words take, from the start of the body.
    pub(super) fn word_bytes(capacity: u64, blocks: u64) -> usize {
        (CELLS + (capacity as usize + blocks as usize) * 8).next_multiple_of(64)
    }
}

/// The words of one queue, as one participant works on them.
pub(super) struct Ring<'a> {
    pub(super) map: &'a Mapping,
    pub(super) shape: Shape,
    pub(super) me: u8,
}

impl<'a> Ring<'a> {
    fn word(&self, at: usize) -> &'a AtomicU64 {
        self.map.u64(self.shape.base + at)
    }
    fn tail(&self) -> &'a AtomicU64 {
        self.word(TAIL)
    }
    fn head(&self) -> &'a AtomicU64 {
        self.word(HEAD)
    }
    fn cell(&self, position: u64) -> &'a AtomicU64 {
        self.word(CELLS + (position & (self.shape.capacity - 1)) as usize * 8)
    }
    fn turn(&self, position: u64) -> u64 {
        (position >> self.shape.capacity.trailing_zeros()) & TURN_MASK
    }
    /// A cell names a block; a foreign number is brought into range, never out of bounds.
    fn block(&self, block: u32) -> &'a AtomicU64 {
        let block = u64::from(block) % self.shape.blocks;
        self.word(CELLS + (self.shape.capacity + block) as usize * 8)
    }
    fn event(&self, at: usize) -> Event<'a> {
        let word = |at: usize| -> &'a AtomicU32 { self.map.u32(self.shape.base + at) };
        Event { sequence: word(at), sleepers: word(at + 4) }
    }

    /// Notified when a message has become visible.
    pub(super) fn items(&self) -> Event<'a> {
        self.event(ITEMS_EVENT)
    }
    /// Notified when a cell or a block has become free.
    pub(super) fn space(&self) -> Event<'a> {
        self.event(SPACE_EVENT)
    }

    /// How many messages stand in the ring, at some moment during the call.
    pub(super) fn len(&self) -> u64 {
        let head = self.head().load(Ordering::Acquire);
        let tail = self.tail().load(Ordering::Acquire);
        tail.saturating_sub(head).min(self.shape.capacity)
    }

    /// Makes a free block this participant's, beginning the search at `hint`.
    pub(super) fn claim(&self, hint: &AtomicUsize) -> Option<u32> {
        let count = self.shape.blocks as usize;
        let start = hint.load(Ordering::Relaxed) % count;
        for step in 0..count {
            let index = if start + step < count { start + step } else { start + step - count };
            let word = self.block(index as u32);
            let seen = Block(word.load(Ordering::Relaxed));
            if seen.state() != BLOCK_FREE {
                continue;
            }
            let claimed = Block::new(BLOCK_WRITING, self.me, seen.version().wrapping_add(1));
            if exchange(word, seen.0, claimed.0) {
                hint.store(index + 1, Ordering::Relaxed);
                return Some(index as u32);
            }
        }
        None
    }

    /// Puts a filled block into the ring; false if the ring is full.
    pub(super) fn publish(&self, block: u32) -> bool {
        loop {
            let position = self.tail().load(Ordering::Acquire);
            let turn = self.turn(position);
            let word = self.cell(position);
            let seen = Cell(word.load(Ordering::Acquire));
            match (seen.ahead(turn), seen.state()) {
                (0, CELL_FREE) => {
                    let full = Cell::new(CELL_FULL, turn, block, self.me);
                    if exchange(word, seen.0, full.0) {
                        self.forward(self.tail(), position);
                        self.items().notify();
                        return true;
                    }
                }
                (ahead, CELL_TAKEN) if ahead < 0 => self.finish(position, seen),
                (ahead, _) if ahead < 0 => return false,
                _ => self.forward(self.tail(), position),
            }
        }
    }

    /// Takes the oldest message; one that a dead consumer had taken goes first.
    pub(super) fn take(&self) -> Option<Taken> {
        if self.word(RETURNED).load(Ordering::Acquire) & 1 != 0
            && let Some(block) = self.take_returned()
        {
            return Some(Taken { block, redelivered: true });
        }
        loop {
            let position = self.head().load(Ordering::Acquire);
            let turn = self.turn(position);
            let word = self.cell(position);
            let seen = Cell(word.load(Ordering::Acquire));
            match (seen.ahead(turn), seen.state()) {
                (0, CELL_FULL) => {
                    let taken = Cell::new(CELL_TAKEN, turn, seen.block(), self.me);
                    if exchange(word, seen.0, taken.0) {
                        self.finish(position, taken);
                        self.forward(self.head(), position);
                        self.space().notify();
                        return Some(Taken { block: seen.block(), redelivered: false });
                    }
                }
                (0, CELL_TAKEN) => {
                    self.finish(position, seen);
                    self.forward(self.head(), position);
                }
                (ahead, _) if ahead > 0 => self.forward(self.head(), position),
                _ => return None,
            }
        }
    }

    /// The block at the head, if it still is there after `look` has looked at it.
    pub(super) fn peek<R>(&self, mut look: impl FnMut(u32) -> R) -> Option<R> {
        loop {
            let position = self.head().load(Ordering::Acquire);
            let word = self.cell(position);
            let seen = Cell(word.load(Ordering::Acquire));
            match (seen.ahead(self.turn(position)), seen.state()) {
                (0, CELL_FULL) => {
                    let found = look(seen.block());
                    std::sync::atomic::fence(Ordering::Acquire);
                    if word.load(Ordering::Relaxed) == seen.0 {
                        return Some(found);
                    }
                }
                (0, CELL_TAKEN) => {
                    self.finish(position, seen);
                    self.forward(self.head(), position);
                }
                (ahead, _) if ahead > 0 => self.forward(self.head(), position),
                _ => return None,
            }
        }
    }

    /// Gives a block back that this participant writes or reads.
    pub(super) fn release(&self, block: u32) {
        let word = self.block(block);
        let seen = Block(word.load(Ordering::Relaxed));
        let held = matches!(seen.state(), BLOCK_WRITING | BLOCK_READING) && seen.owner() == self.me;
        if held && exchange(word, seen.0, Block::new(BLOCK_FREE, 0, seen.version()).0) {
            self.space().notify();
        }
    }

    /// The two steps after a cell was taken, which anyone may make.
    fn finish(&self, position: u64, taken: Cell) {
        let word = self.cell(position);
        let block = self.block(taken.block());
        let seen = Block(block.load(Ordering::Acquire));
        // The cell is left only after the block was marked. So if it still stands as it did, what
        // was seen of the block belongs to this message, and its version fences later lives.
        if word.load(Ordering::Acquire) != taken.0 {
            return;
        }
        if seen.state() == BLOCK_WRITING {
            let reading = Block::new(BLOCK_READING, taken.owner(), seen.version());
            exchange(block, seen.0, reading.0);
        }
        let free = Cell::new(CELL_FREE, taken.turn().wrapping_add(1), 0, 0);
        exchange(word, taken.0, free.0);
    }

    fn forward(&self, cursor: &AtomicU64, position: u64) {
        exchange(cursor, position, position + 1);
    }

    fn take_returned(&self) -> Option<u32> {
        let flag = self.word(RETURNED);
        let seen_flag = flag.load(Ordering::Acquire);
        for index in 0..self.shape.blocks as u32 {
            let word = self.block(index);
            let seen = Block(word.load(Ordering::Acquire));
            if seen.state() == BLOCK_RETURNED {
                let version = seen.version().wrapping_add(1);
                let reading = Block::new(BLOCK_READING, self.me, version).0 | REDELIVERED;
                if exchange(word, seen.0, reading) {
                    return Some(index);
                }
            }
        }
        // Whoever returned a block meanwhile has changed the flag, and this step fails.
        exchange(flag, seen_flag, seen_flag & !1);
        None
    }

    /// Gives back what `dead` held. Many may do it at once, and each may die at any step.
    pub(super) fn sweep(&self, dead: u8, still_dead: &dyn Fn() -> bool) {
        let cells = 0..self.shape.capacity;
        for position in cells.clone() {
            let seen = Cell(self.cell(position).load(Ordering::Acquire));
            if seen.state() == CELL_TAKEN && seen.owner() == dead {
                self.finish(position, seen);
            }
        }
        let mut returned = false;
        for index in 0..self.shape.blocks as u32 {
            let word = self.block(index);
            let seen = Block(word.load(Ordering::Acquire));
            returned |= seen.state() == BLOCK_RETURNED;
            if seen.owner() != dead {
                continue;
            }
            match seen.state() {
                BLOCK_READING if still_dead() => {
                    let back = Block::new(BLOCK_RETURNED, 0, seen.version());
                    exchange(word, seen.0, back.0);
                    // Also if another sweeper was faster: it may die before it raises the flag.
                    returned = true;
                }
                BLOCK_WRITING => {
                    // A block that stands in a cell is a whole message. One that leaves its cell
                    // during this search was marked before, and the exchange fails.
                    let published = cells.clone().any(|position| {
                        let cell = Cell(self.cell(position).load(Ordering::Acquire));
                        cell.state() != CELL_FREE && cell.block() == index
                    });
                    if !published && still_dead() {
                        exchange(word, seen.0, Block::new(BLOCK_FREE, 0, seen.version()).0);
                    }
                }
                _ => {}
            }
        }
        if returned {
            let flag = self.word(RETURNED);
            let mut seen = flag.load(Ordering::Relaxed);
            while !exchange(flag, seen, (seen | 1).wrapping_add(2)) {
                seen = flag.load(Ordering::Relaxed);
            }
            self.items().notify();
        }
        self.space().notify();
    }
}

fn exchange(word: &AtomicU64, from: u64, to: u64) -> bool {
    word.compare_exchange(from, to, Ordering::AcqRel, Ordering::Relaxed).is_ok()
}
