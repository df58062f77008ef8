//! Where the words, the requests and the replies of a service stand in its segment.
//!
//! ```text
//! body    0      8  how many lines were ever in use
//!        64      8  event: servers that wait for a call
//!       128   1024  a word for each participant: whether it serves
//!      1152  8 × n  a word for each line: who owns it
//!         …  256 n  the lines: call words, ack words, end words (64 each), two events
//!         …         the slots, eight to a line: request, frames (word, payload)
//! ```

use super::slots::CallId;
use crate::segment::MAX_PARTICIPANTS;
use crate::sync::EVENT_BYTES;

/// The calls that a client can have at a time: their words fill a cache line.
pub(super) const SLOTS: usize = 8;

/// From the start of the body: each on cache lines of its own.
const HIGH: usize = 0;
const CALLS_EVENT: usize = 64;
const SERVERS: usize = 128;

const LINE_BYTES: usize = 256;
const ACKS: usize = 64;
const ENDS: usize = 128;
const REPLIES_EVENT: usize = 192;
const ROOM_EVENT: usize = 208;
/// Neighbouring cache lines are fetched together: what is used together is aligned to both.
const PAIR_BYTES: usize = 128;

/// The bytes of a frame before its payload.
const FRAME_HEADER: usize = 8;

/// Where everything is; a private copy, never read from the segment again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) clients: usize,
    /// To a line; [`SLOTS`] but in models.
    pub(super) slots: usize,
    /// A power of two.
    pub(super) frames: usize,
    /// [`MAX_PARTICIPANTS`] but in models.
    pub(super) participants: usize,
    base: usize,
    owners_at: usize,
    lines_at: usize,
    slots_at: usize,
    request_area: usize,
    frame_stride: usize,
    slot_stride: usize,
}

impl Shape {
    /// The shape of a body at `base` for so many clients, frames a call, and bytes; `None` if it
    /// would be larger than memory.
    pub(super) fn new(
        base: usize,
        clients: usize,
        frames: usize,
        request_bytes: usize,
        reply_bytes: usize,
    ) -> Option<Self> {
        // The request stands first: behind the frames, who runs through them would fetch it too.
        let request_area = request_bytes.checked_next_multiple_of(PAIR_BYTES)?;
        let frame_stride = reply_bytes.checked_add(FRAME_HEADER)?.checked_next_multiple_of(64)?;
        let slot_stride = frame_stride.checked_mul(frames)?.checked_add(request_area)?;
        let slot_stride = slot_stride.checked_next_multiple_of(PAIR_BYTES)?;
        let shape = Self {
            clients,
            slots: SLOTS,
            frames,
            participants: MAX_PARTICIPANTS,
            base,
            owners_at: 0,
            lines_at: 0,
            slots_at: 0,
            request_area,
            frame_stride,
            slot_stride,
        };
        shape.placed()
    }

    fn placed(mut self) -> Option<Self> {
        self.owners_at = self.base + SERVERS + self.participants * 8;
        self.lines_at = (self.owners_at + self.clients * 8).next_multiple_of(PAIR_BYTES);
        self.slots_at = self.lines_at + self.clients * LINE_BYTES;
        let slots = self.slot_stride.checked_mul(self.clients * self.slots)?;
        slots.checked_add(self.slots_at)?;
        Some(self)
    }

    /// The bytes of the body.
    pub(super) fn body_bytes(&self) -> usize {
        self.slots_at - self.base + self.clients * self.slots * self.slot_stride
    }

    pub(super) fn high(&self) -> usize {
        self.base + HIGH
    }
    pub(super) fn server(&self, participant: usize) -> usize {
        self.base + SERVERS + participant * 8
    }
    pub(super) fn owner(&self, line: usize) -> usize {
        self.owners_at + line * 8
    }
    fn line(&self, line: usize) -> usize {
        self.lines_at + line * LINE_BYTES
    }
    pub(super) fn call(&self, line: usize, slot: usize) -> usize {
        self.line(line) + slot * 8
    }
    pub(super) fn ack(&self, call: CallId) -> usize {
        self.line(call.line) + ACKS + call.slot * 8
    }
    pub(super) fn end(&self, call: CallId) -> usize {
        self.line(call.line) + ENDS + call.slot * 8
    }
    fn slot(&self, call: CallId) -> usize {
        self.slots_at + (call.line * self.slots + call.slot) * self.slot_stride
    }

    /// Where the frame of that index is: its word, then its payload.
    pub(super) fn frame(&self, call: CallId, index: u64) -> usize {
        let frame = index as usize & (self.frames - 1);
        self.slot(call) + self.request_area + frame * self.frame_stride
    }

    /// Where the reply of so many bytes in a frame is. It ends where the frame does, which is a
    /// multiple of 64, so it is aligned to whatever its size is a multiple of.
    #[inline]
    pub(super) fn reply(&self, call: CallId, index: u64, bytes: usize) -> usize {
        let before = (self.frame_stride - bytes) & !7;
        debug_assert!(before >= FRAME_HEADER);
        self.frame(call, index) + before
    }

    /// Where the request of the slot is.
    pub(super) fn request(&self, call: CallId) -> usize {
        self.slot(call)
    }

    /// The event that servers without a call wait on.
    pub(super) fn calls_event(&self) -> usize {
        self.base + CALLS_EVENT
    }

    /// The event that a client's waiters wait on: for replies and for free slots.
    pub(super) fn replies_event(&self, line: usize) -> usize {
        self.line(line) + REPLIES_EVENT
    }

    /// The event that servers wait on whose frames are all full.
    pub(super) fn room_event(&self, line: usize) -> usize {
        self.line(line) + ROOM_EVENT
    }

    /// Whether the frame of that index was filled an odd number of times before.
    pub(super) fn is_odd_turn(&self, index: u64) -> bool {
        (index >> self.frames.trailing_zeros()) & 1 != 0
    }
}

#[cfg(test)]
impl Shape {
    /// The smallest shape that shows everything, since a model tries every interleaving.
    pub(super) fn model(clients: usize, frames: usize) -> Self {
        let shape = Self::new(0, clients, frames, 8, 8).expect("it is small");
        let small = Self { slots: 1, participants: 4, request_area: 0, frame_stride: 8, ..shape };
        Self { slot_stride: frames * 8, ..small }.placed().expect("it is small")
    }
}

const _: () = assert!(SLOTS * 8 == ACKS && ENDS + SLOTS * 8 == REPLIES_EVENT);
const _: () = assert!(REPLIES_EVENT + EVENT_BYTES <= ROOM_EVENT);
const _: () = assert!(ROOM_EVENT + EVENT_BYTES <= LINE_BYTES);
const _: () = assert!(CALLS_EVENT + EVENT_BYTES <= SERVERS);
const _: () = assert!(LINE_BYTES.is_multiple_of(PAIR_BYTES) && SERVERS.is_multiple_of(PAIR_BYTES));
