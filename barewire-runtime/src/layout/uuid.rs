//! A UUID in shared memory and in BARE.

use barewire_schema::{BareSchema, Type};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, FixedLayout, Layout, LayoutError};
use crate::codec::{Alike, Decode, DecodeError, Decoder, Encode, Encoder, Plain, Sink, Steady};

/// A UUID: `data[16]` in BARE, the octets in network order.
///
/// ```
/// use barewire_runtime::layout::Uuid;
/// let id = Uuid::from(uuid::Uuid::from_u128(7));
/// assert_eq!(uuid::Uuid::from(id).as_u128(), 7);
/// ```
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    FromBytes,
    IntoBytes,
    Immutable,
    KnownLayout,
)]
#[repr(transparent)]
pub struct Uuid(pub [u8; 16]);

impl From<uuid::Uuid> for Uuid {
    fn from(id: uuid::Uuid) -> Self {
        Self(id.into_bytes())
    }
}

impl From<Uuid> for uuid::Uuid {
    fn from(id: Uuid) -> Self {
        Self::from_bytes(id.0)
    }
}

impl Layout for Uuid {
    type Word = u8;
}

impl Access for Uuid {
    type Ref<'a> = Uuid;

    fn get(&self) -> Result<Self, LayoutError> {
        Ok(*self)
    }
}

impl Assign<Uuid> for Uuid {
    fn assign(&mut self, value: Self) -> Result<(), LayoutError> {
        *self = value;
        Ok(())
    }
}

impl BareSchema for Uuid {
    const TYPE: &'static Type = &Type::DataFixed { len: 16 };
}

impl Encode for Uuid {
    // SAFETY: encoding gives the octets of the array, which cannot change while borrowed.
    const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };
    // SAFETY: it is an array of octets.
    const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::Always) };

    fn encode<S: Sink>(&self, out: &mut S) {
        out.fixed(self.0);
    }
}

impl<'de> Decode<'de> for Uuid {
    const LEAST: usize = 16;
    // SAFETY: it is an array of octets, any of which are an id.
    const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::Always) };

    fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
        <[u8; 16]>::decode(input).map(Self)
    }
}

impl FixedLayout for Uuid {
    type Layout = Self;

    fn store(&self, out: &mut Self) -> Result<(), LayoutError> {
        *out = *self;
        Ok(())
    }

    fn load(layout: &Self) -> Result<Self, LayoutError> {
        Ok(*layout)
    }

    fn encode_layout(layout: &Self, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        layout.encode(out);
        Ok(())
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self) -> Result<(), DecodeError> {
        *out = Self::decode(input)?;
        Ok(())
    }
}
