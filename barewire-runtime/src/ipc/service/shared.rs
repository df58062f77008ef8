//! What the clients and the servers of one process share: the segment and what is known of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use barewire_schema::{Field, Link, Type};

use super::payload::is_encoded;
use super::place::Place;
use super::shape::Shape;
use super::slots::{CallId, MAX_PAYLOAD_BYTES, Slots};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::{Geometry, Segment};
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
pub(super) const FLAGS: usize = 4;

/// Participants do not trust each other.
pub(super) const ISOLATED: u64 = 1;

const _: () = assert!(MAX_CALL_BYTES <= MAX_PAYLOAD_BYTES);

/// The type that stands in the segment of a service: a struct of the request and the reply.
pub(super) struct Pair<Request, Reply>(std::marker::PhantomData<(Request, Reply)>);

impl<Request: FixedLayout, Reply: FixedLayout> Pair<Request, Reply> {
    const FIELDS: &'static [Field] =
        &[Self::field("request", Request::TYPE), Self::field("reply", Reply::TYPE)];
    const fn field(name: &'static str, ty: &'static Type) -> Field {
        Field { name: std::borrow::Cow::Borrowed(name), ty: Link::Static(ty), align: None }
    }
    pub(super) const TYPE: &'static Type = &Type::Struct(std::borrow::Cow::Borrowed(Self::FIELDS));
}

/// An attached service.
#[derive(Debug)]
pub(super) struct Shared {
    segment: Segment,
    shape: Shape,
    request_bytes: usize,
    reply_bytes: usize,
    isolated: bool,
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
        let isolated = segment.geometry()[FLAGS] & ISOLATED != 0;
        let serving = Mutex::new(0);
        Ok(Self { segment, shape, request_bytes, reply_bytes, isolated, wait, serving })
    }

    pub(super) fn segment(&self) -> &Segment {
        &self.segment
    }

    pub(super) fn name(&self) -> &str {
        self.segment.name()
    }

    pub(super) fn error(&self, kind: ErrorKind, detail: &'static str) -> Error {
        Error::new(kind, self.name(), detail)
    }

    #[inline]
    pub(super) fn is_isolated(&self) -> bool {
        self.isolated
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

    /// How many processes serve, the dead not counted.
    pub(super) fn servers(&self) -> usize {
        self.recover();
        self.slots().servers()
    }

    /// The place of a request, behind its length if it is encoded. It belongs to the client that
    /// has the slot, and to the server that has taken the call.
    #[inline]
    pub(super) fn request_place(&self, call: CallId, encoded: bool) -> Place {
        let at = self.shape.request(call) + if encoded { LENGTH_BYTES } else { 0 };
        Place { at, len: self.request_bytes }
    }

    fn request_length_word(&self, call: CallId) -> &AtomicU64 {
        self.segment.map().u64(self.shape.request(call))
    }

    /// Writes the length of an encoded request.
    pub(super) fn set_request_length(&self, call: CallId, bytes: usize) {
        self.request_length_word(call).store(bytes as u64, Ordering::Relaxed);
    }

    /// The length of an encoded request, as its client says.
    pub(super) fn request_length(&self, call: CallId) -> usize {
        let bytes = self.request_length_word(call).load(Ordering::Relaxed);
        usize::try_from(bytes).unwrap_or(usize::MAX)
    }

    /// The place of a frame. It belongs to the server until it is published, then to the client.
    #[inline]
    pub(super) fn frame_place(&self, call: CallId, index: u64) -> Place {
        Place { at: self.shape.reply(call, index, self.reply_bytes), len: self.reply_bytes }
    }

    #[inline]
    pub(super) fn bytes(&self, place: Place) -> &[u8] {
        let address = self.segment.map().bytes(place.at, place.len);
        // SAFETY: in bounds, as `Mapping::bytes` checks; nobody writes there, because the protocol
        // gives a request to its server and a frame to its client until they let it go
        // (cooperative peers: an isolated service never comes here).
        unsafe { std::slice::from_raw_parts(address, place.len) }
    }

    #[inline]
    #[expect(clippy::mut_from_ref, reason = "the ownership of the slot is what is exclusive")]
    pub(super) fn bytes_mut(&self, place: Place) -> &mut [u8] {
        let address = self.segment.map().bytes(place.at, place.len);
        // SAFETY: in bounds, as `Mapping::bytes` checks; a free slot is its client's to fill, and
        // an unpublished frame its server's; each is filled through one handle at a time
        // (cooperative peers: an isolated service never comes here).
        unsafe { std::slice::from_raw_parts_mut(address, place.len) }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.segment.leave(&sweep_segment);
    }
}

/// The shape that the header describes, if it fits into the body; bytes of request and reply.
fn read_geometry(segment: &Segment) -> Option<(Shape, usize, usize)> {
    shape_of(segment.geometry(), segment.body())
}

/// Likewise, of a header's geometry, and of where the body is and its bytes.
pub(super) fn shape_of(
    geometry: &Geometry,
    (base, bytes): (usize, usize),
) -> Option<(Shape, usize, usize)> {
    let [clients, frames, request, reply] =
        [CLIENTS, FRAMES, REQUEST, REPLY].map(|at| usize::try_from(geometry[at]).ok());
    let (clients, frames, request, reply) = (clients?, frames?, request?, reply?);
    let sane = (1..=MAX_CLIENTS).contains(&clients)
        && frames.is_power_of_two()
        && frames <= MAX_FRAMES
        && request <= MAX_PAYLOAD_BYTES
        && reply <= MAX_PAYLOAD_BYTES
        && geometry[FLAGS] & !ISOLATED == 0;
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
