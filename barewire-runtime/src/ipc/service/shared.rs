//! What the clients and the servers of one process share: the segment and what is known of it.

use std::sync::{Mutex, PoisonError};

use barewire_schema::{Field, Link, Type};

use super::payload::is_encoded;
use super::shape::{FRAME_HEADER, Shape};
use super::slots::{CallId, MAX_PAYLOAD_BYTES, Slots};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::Segment;
use crate::sync::{Event, Wait};
use crate::sys::map::Mapping;

/// The most clients of one service at a time.
pub const MAX_CLIENTS: usize = 1024;
/// The largest request or reply of an unbounded type, in bytes.
pub const MAX_CALL_BYTES: usize = 1 << 27;
/// The most frames of a call.
pub(super) const MAX_FRAMES: usize = 64;
/// Before a request of an unbounded type stands how many bytes it takes.
pub(super) const LENGTH_BYTES: usize = 8;

pub(super) const CLIENTS: usize = 0;
pub(super) const FRAMES: usize = 1;
pub(super) const REQUEST: usize = 2;
pub(super) const REPLY: usize = 3;

const _: () = assert!(MAX_CALL_BYTES <= MAX_PAYLOAD_BYTES);

/// The type that stands in the segment of a service: a struct of the request and the reply.
pub(super) struct Pair<Request, Reply>(std::marker::PhantomData<(Request, Reply)>);

impl<Request: FixedLayout, Reply: FixedLayout> Pair<Request, Reply> {
    const FIELDS: &'static [Field] = &[
        Field { name: std::borrow::Cow::Borrowed("request"), ty: Link::Static(Request::TYPE) },
        Field { name: std::borrow::Cow::Borrowed("reply"), ty: Link::Static(Reply::TYPE) },
    ];
    pub(super) const TYPE: &'static Type = &Type::Struct(std::borrow::Cow::Borrowed(Self::FIELDS));
}

/// An attached service.
#[derive(Debug)]
pub(super) struct Shared {
    segment: Segment,
    shape: Shape,
    request_bytes: usize,
    reply_bytes: usize,
    wait: Wait,
    /// How many handles of this process serve.
    serving: Mutex<usize>,
}

impl Shared {
    pub(super) fn new<Request: FixedLayout, Reply: FixedLayout>(
        segment: Segment,
        wait: Wait,
    ) -> Result<Self> {
        let legal = |encoded: bool, found: usize, size: usize| {
            if encoded { found <= MAX_CALL_BYTES } else { found == size }
        };
        let read = read_geometry(&segment).and_then(|(shape, request, reply)| {
            let encoded = is_encoded::<Request>();
            let request = request.checked_sub(if encoded { LENGTH_BYTES } else { 0 })?;
            let fits = legal(encoded, request, size_of::<Request::Layout>())
                && legal(is_encoded::<Reply>(), reply, size_of::<Reply::Layout>());
            fits.then_some((shape, request, reply))
        });
        let Some((shape, request_bytes, reply_bytes)) = read else {
            let detail = "has a header whose sizes do not fit together";
            return Err(Error::new(ErrorKind::Malformed, segment.name(), detail));
        };
        let serving = Mutex::new(0);
        Ok(Self { segment, shape, request_bytes, reply_bytes, wait, serving })
    }

    pub(super) fn name(&self) -> &str {
        self.segment.name()
    }

    pub(super) fn error(&self, kind: ErrorKind, detail: &'static str) -> Error {
        Error::new(kind, self.name(), detail)
    }

    pub(super) fn wait(&self) -> Wait {
        self.wait
    }

    pub(super) fn shape(&self) -> &Shape {
        &self.shape
    }

    #[inline]
    pub(super) fn slots(&self) -> Slots<'_, Mapping> {
        Slots { words: self.segment.map(), shape: &self.shape, me: self.segment.index() }
    }

    /// Notified when a call has become visible to the servers.
    pub(super) fn calls(&self) -> Event<'_> {
        self.segment.event(self.shape.calls_event())
    }

    /// Notified when a call of that client has gone on, or one of its slots has become free.
    pub(super) fn replies(&self, line: usize) -> Event<'_> {
        self.segment.event(self.shape.replies_event(line))
    }

    /// Notified when that client has acknowledged a frame or cancelled a call.
    pub(super) fn room(&self, line: usize) -> Event<'_> {
        self.segment.event(self.shape.room_event(line))
    }

    /// Looks for the dead, and gives back what they held.
    pub(super) fn recover(&self) {
        self.segment.recover(&sweep_segment);
    }

    /// One more handle of this process serves, or one less.
    pub(super) fn count_server(&self, more: bool) {
        let mut count = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        *count = if more { *count + 1 } else { count.saturating_sub(1) };
        if *count == usize::from(more) {
            self.slots().set_serving(more);
        }
    }

    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }

    /// Where the request itself stands: after its length, if it is encoded.
    fn request_at(&self, call: CallId, encoded: bool) -> usize {
        self.shape.request(call) + if encoded { LENGTH_BYTES } else { 0 }
    }

    /// The place of a request; its caller is who may fill it now.
    pub(super) fn request_place(&self, call: CallId, encoded: bool) -> &mut [u8] {
        self.bytes_mut(self.request_at(call, encoded), self.request_bytes)
    }

    /// Writes the length of an encoded request; its caller is who may fill it now.
    pub(super) fn set_request_length(&self, call: CallId, bytes: usize) {
        let place = self.bytes_mut(self.shape.request(call), LENGTH_BYTES);
        place.copy_from_slice(&(bytes as u64).to_le_bytes());
    }

    /// The request of a call that this participant serves.
    pub(super) fn request(&self, call: CallId, encoded: bool) -> &[u8] {
        let mut bytes = self.request_bytes;
        if encoded {
            let mut length = [0; LENGTH_BYTES];
            length.copy_from_slice(self.bytes(self.shape.request(call), LENGTH_BYTES));
            let length = u64::from_le_bytes(length);
            bytes = bytes.min(usize::try_from(length).unwrap_or(usize::MAX));
        }
        self.bytes(self.request_at(call, encoded), bytes)
    }

    /// The place of a frame; its caller is who may fill it now.
    pub(super) fn frame_place(&self, call: CallId, index: u64) -> &mut [u8] {
        self.bytes_mut(self.shape.frame(call, index) + FRAME_HEADER, self.reply_bytes)
    }

    /// A published frame that this participant has not yet given back.
    pub(super) fn frame(&self, call: CallId, index: u64, bytes: usize) -> &[u8] {
        self.bytes(self.shape.frame(call, index) + FRAME_HEADER, bytes.min(self.reply_bytes))
    }

    #[inline]
    fn bytes(&self, at: usize, len: usize) -> &[u8] {
        let address = self.segment.map().bytes(at, len);
        // SAFETY: in bounds, as `Mapping::bytes` checks; nobody writes there, because the protocol
        // gives a request to its server and a frame to its client until they let it go
        // (cooperative peers).
        unsafe { std::slice::from_raw_parts(address, len) }
    }

    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the ownership of the slot is what is exclusive")]
    fn bytes_mut(&self, at: usize, len: usize) -> &mut [u8] {
        let address = self.segment.map().bytes(at, len);
        // SAFETY: in bounds, as `Mapping::bytes` checks; a free slot is its client's to fill, and
        // an unpublished frame its server's; each is filled through one handle at a time.
        unsafe { std::slice::from_raw_parts_mut(address, len) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.segment.leave(&sweep_segment);
    }
}

/// The shape that the header describes, if it fits into the body; bytes of request and reply.
fn read_geometry(segment: &Segment) -> Option<(Shape, usize, usize)> {
    let geometry = segment.geometry();
    let (base, bytes) = segment.body();
    let [clients, frames, request, reply] =
        [CLIENTS, FRAMES, REQUEST, REPLY].map(|at| usize::try_from(geometry[at]).ok());
    let (clients, frames, request, reply) = (clients?, frames?, request?, reply?);
    let sane = (1..=MAX_CLIENTS).contains(&clients)
        && frames.is_power_of_two()
        && frames <= MAX_FRAMES
        && request <= MAX_PAYLOAD_BYTES
        && reply <= MAX_PAYLOAD_BYTES;
    let shape = sane.then(|| Shape::new(base, clients, frames, request, reply))??;
    (shape.body_bytes() <= bytes).then_some((shape, request, reply))
}

/// Gives back what a dead participant of a service held.
pub(super) fn sweep_segment(segment: &Segment, dead: u8, still_dead: &dyn Fn() -> bool) {
    let Some((shape, ..)) = read_geometry(segment) else {
        return;
    };
    let map = segment.map();
    Slots { words: map, shape: &shape, me: segment.index() }.sweep(dead, still_dead);
    for line in 0..shape.clients {
        segment.event(shape.replies_event(line)).notify_all();
        segment.event(shape.room_event(line)).notify_all();
    }
}
