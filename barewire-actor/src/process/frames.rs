//! What stands in a slot of an inbox.
//!
//! The payload is the fixed layout of the message, or its BARE octets. It ends where the head
//! begins, behind which the queue writes what makes the message visible: so what is small comes in
//! one line of the cache, or in two.
//!
//! ```text
//!     payload  right-aligned
//!  0  to       the actor's number
//!  8  node     where it comes from: low half, high half
//! 24  from     the actor that sends; 0 if none does
//! 32  ask      the question's number at the one who asks; 0 for a message that asks nothing
//! 40  trace    what the message belongs to; 0 if nothing is traced
//! 48  kind, length of the payload
//!
//!     payload  of a small answer
//!  0  to       the question's number
//!  8  kind, length of the payload
//! ```

use barewire_derive::BareSchema;
use barewire_runtime::codec::{Decode, Encode};
use barewire_runtime::layout::FixedLayout;
use zerocopy::IntoBytes;

use crate::address::{ActorId, NodeId};

/// The payloads of the three sizes of slots.
pub(crate) const SMALL_BYTES: usize = 64;
pub(crate) const MEDIUM_BYTES: usize = 1024;
pub(crate) const LARGE_BYTES: usize = 64 * 1024;

/// That of small answers.
pub(crate) const ANSWER_BYTES: usize = 104;

/// What stands behind the payload.
pub(crate) const HEAD_BYTES: usize = 56;
const _: () = assert!(size_of::<<Head as FixedLayout>::Layout>() == HEAD_BYTES);

/// The sender found that its message does not fit, when it had the slot already.
pub(crate) const VOID: u32 = 0;
pub(crate) const FILLED: u32 = 1;

const NOBODY: ActorId = ActorId::new(NodeId::from_u128(0), 0);

#[derive(BareSchema, Debug, Clone, Copy)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Head {
    pub(crate) to: u64,
    pub(crate) node_low: u64,
    pub(crate) node_high: u64,
    pub(crate) from: u64,
    pub(crate) ask: u64,
    pub(crate) trace: u64,
    pub(crate) kind: u32,
    pub(crate) length: u32,
}

/// A slot with a head and a payload.
pub(crate) trait Frame: FixedLayout + Encode + for<'de> Decode<'de> + 'static {
    fn set_head(slot: &mut Self::Layout, head: &Head);
    fn payload_mut(slot: &mut Self::Layout) -> &mut [u8];
    fn payload(slot: &Self::Layout) -> &[u8];
    fn head(slot: &Self::Layout) -> Head;
    /// A message that nobody handles.
    fn void() -> Box<Self>;
}

macro_rules! frames {
    ($($(#[$doc:meta])* $name:ident: $words:expr;)*) => {$(
        $(#[$doc])*
        #[derive(BareSchema, Debug, Clone)]
        #[bare(crate = "::barewire_runtime")]
        pub(crate) struct $name {
            payload: [u64; $words],
            head: Head,
        }

        impl Frame for $name {
            #[inline]
            fn set_head(slot: &mut Self::Layout, head: &Head) {
                let place = &mut slot.head;
                place.to = head.to;
                place.node_low = head.node_low;
                place.node_high = head.node_high;
                place.from = head.from;
                place.ask = head.ask;
                place.trace = head.trace;
                place.kind = head.kind;
                place.length = head.length;
            }

            #[inline]
            fn payload_mut(slot: &mut Self::Layout) -> &mut [u8] {
                slot.payload.as_mut_bytes()
            }

            #[inline]
            fn payload(slot: &Self::Layout) -> &[u8] {
                slot.payload.as_bytes()
            }

            #[inline]
            fn head(slot: &Self::Layout) -> Head {
                let place = &slot.head;
                Head {
                    to: place.to,
                    node_low: place.node_low,
                    node_high: place.node_high,
                    from: place.from,
                    ask: place.ask,
                    trace: place.trace,
                    kind: place.kind,
                    length: place.length,
                }
            }

            fn void() -> Box<Self> {
                let head = Head { kind: VOID, ..Head::new(0, NOBODY, 0, 0) };
                Box::new(Self { payload: [0; $words], head })
            }
        }
    )*};
}

frames! {
    /// Most messages.
    Small: SMALL_BYTES / 8;
    /// Larger ones of a bounded type.
    Medium: MEDIUM_BYTES / 8;
    /// The largest, and all of an unbounded type.
    Large: LARGE_BYTES / 8;
}

/// Small answers. Whoever has asked knows the rest.
#[derive(BareSchema, Debug, Clone)]
#[bare(crate = "::barewire_runtime")]
pub(crate) struct Answer {
    payload: [u64; ANSWER_BYTES / 8],
    to: u64,
    kind: u32,
    length: u32,
}

impl Frame for Answer {
    #[inline]
    fn set_head(slot: &mut Self::Layout, head: &Head) {
        slot.to = head.to;
        slot.kind = head.kind;
        slot.length = head.length;
    }

    #[inline]
    fn payload_mut(slot: &mut Self::Layout) -> &mut [u8] {
        slot.payload.as_mut_bytes()
    }

    #[inline]
    fn payload(slot: &Self::Layout) -> &[u8] {
        slot.payload.as_bytes()
    }

    #[inline]
    fn head(slot: &Self::Layout) -> Head {
        Head { kind: slot.kind, length: slot.length, ..Head::new(slot.to, NOBODY, 0, 0) }
    }

    fn void() -> Box<Self> {
        Box::new(Self { payload: [0; ANSWER_BYTES / 8], to: 0, kind: VOID, length: 0 })
    }
}

/// A message that has arrived from another process.
#[derive(Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) to: u64,
    pub(crate) from: ActorId,
    pub(crate) ask: u64,
    pub(crate) trace: u64,
    pub(crate) length: usize,
    pub(crate) filled: bool,
    pub(crate) payload: &'a [u8],
}

impl<'a> Arrival<'a> {
    #[inline]
    pub(crate) fn of<F: Frame>(frame: &'a F::Layout) -> Self {
        Self::new(&F::head(frame), F::payload(frame))
    }

    pub(crate) fn new(head: &Head, payload: &'a [u8]) -> Self {
        let node = u128::from(head.node_high) << 64 | u128::from(head.node_low);
        Self {
            to: head.to,
            from: ActorId::new(NodeId::from_u128(node), head.from),
            ask: head.ask,
            trace: head.trace,
            length: (head.length as usize).min(payload.len()),
            filled: head.kind == FILLED,
            payload,
        }
    }
}

impl Head {
    pub(crate) fn new(to: u64, from: ActorId, ask: u64, trace: u64) -> Self {
        let node = from.node().as_u128();
        Self {
            to,
            node_low: node as u64,
            node_high: (node >> 64) as u64,
            from: from.number(),
            ask,
            trace,
            kind: FILLED,
            length: 0,
        }
    }
}
