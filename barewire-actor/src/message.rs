//! What can be sent: typed values, what answers them, and how they stand in a slot.

use std::cell::RefCell;

use barewire_derive::BareSchema;
use barewire_runtime::codec::{self, Decode, Encode};
use barewire_runtime::layout::FixedLayout;
use barewire_runtime::schema::Type;
use zerocopy::FromBytes;

use crate::process::frames::{ANSWER_BYTES, LARGE_BYTES, MEDIUM_BYTES, SMALL_BYTES};

/// A value that travels between processes: whatever derives `BareSchema` and may change threads.
pub trait Value: FixedLayout + Encode + for<'de> Decode<'de> + Send + 'static {}

impl<T: FixedLayout + Encode + for<'de> Decode<'de> + Send + 'static> Value for T {}

/// What an actor takes, and what answers it.
///
/// ```
/// use barewire_actor::{Message, Nothing};
/// use barewire_derive::BareSchema;
///
/// #[derive(BareSchema)]
/// # #[bare(crate = "::barewire_runtime")]
/// enum Tally {
///     Add(u64),
///     Total,
/// }
///
/// impl Message for Tally {
///     type Reply = u64; // `Nothing` if it is never asked anything
/// }
/// # let _: Option<Nothing> = None;
/// ```
pub trait Message: Value {
    /// What answers an `ask`.
    type Reply: Value;
}

/// The answer of those that have nothing to say but that they are done.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq, Default)]
#[bare(crate = "::barewire_runtime")]
pub enum Nothing {
    /// Done.
    #[default]
    Done,
}

/// The slots that a type's messages travel in, chosen once for the type, so that the messages
/// between two actors stay in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    Small,
    Medium,
    Large,
    /// Larger than any slot, or aligned to more than slots are.
    None,
}

/// What is set aside for want of room stands in words.
const MOST_ALIGNED: u64 = 8;

const fn size_of_type(ty: &Type, small_bytes: usize) -> Size {
    let Some(layout) = ty.layout() else { return Size::Large };
    if layout.align > MOST_ALIGNED {
        Size::None
    } else if layout.size <= small_bytes as u64 {
        Size::Small
    } else if layout.size <= MEDIUM_BYTES as u64 {
        Size::Medium
    } else if layout.size <= LARGE_BYTES as u64 {
        Size::Large
    } else {
        Size::None
    }
}

const fn fingerprint(ty: &Type) -> u128 {
    // What travels in place must be laid out alike; of octets, the structure is enough.
    let id = if ty.layout().is_some() { ty.layout_id() } else { ty.wire_id() };
    u128::from_le_bytes(id.0)
}

/// What is known of a type at compile time.
pub(crate) trait Known: Value {
    const SIZE: Size = size_of_type(Self::TYPE, SMALL_BYTES);
    const ANSWER_SIZE: Size = size_of_type(Self::TYPE, ANSWER_BYTES);
    const BOUNDED: bool = Self::TYPE.layout().is_some();
}

impl<T: Value> Known for T {}

/// What two ends of a reference must have in common: the types of the messages and of the answers.
pub(crate) trait Contract: Message {
    const CONTRACT: u128 = fingerprint(Self::TYPE)
        ^ fingerprint(<Self::Reply as barewire_runtime::BareSchema>::TYPE).rotate_left(64);
}

impl<M: Message> Contract for M {}

/// Why a value was not written.
#[derive(Debug)]
pub(crate) struct DoesNotFit(pub(crate) String);

thread_local! {
    static OCTETS: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes a value at the end of a slot, in place if it has a fixed layout; the bytes used.
#[inline]
pub(crate) fn write<T: Value>(value: &T, slot: &mut [u8]) -> Result<usize, DoesNotFit> {
    if T::BOUNDED {
        let Ok((_, layout)) = T::Layout::mut_from_suffix(slot) else {
            return Err(DoesNotFit("the type's layout is larger than a slot".to_owned()));
        };
        let stored = value.store(layout);
        return match stored {
            Ok(()) => Ok(size_of::<T::Layout>()),
            Err(error) => Err(DoesNotFit(error.to_string())),
        };
    }
    OCTETS.with_borrow_mut(|octets| {
        codec::encode_into(value, octets);
        let (len, most) = (octets.len(), slot.len());
        let Some(start) = most.checked_sub(len) else {
            return Err(DoesNotFit(format!("{len} octets exceed the {most} of a slot")));
        };
        slot[start..].copy_from_slice(octets);
        Ok(len)
    })
}

/// Reads a value that `write` has put into the last `length` bytes of a slot.
#[inline]
pub(crate) fn read<T: Value>(slot: &[u8], length: usize) -> Result<T, String> {
    if T::BOUNDED {
        return match T::Layout::ref_from_suffix(slot) {
            Ok((_, layout)) => T::load(layout).map_err(|error| error.to_string()),
            Err(_) => Err("the slot is smaller than the type's layout".to_owned()),
        };
    }
    let start = slot.len().checked_sub(length).ok_or("a length beyond the slot")?;
    codec::decode(&slot[start..]).map_err(|error| error.to_string())
}
