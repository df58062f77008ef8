//! A UUID in shared memory and in BARE.

use std::fmt;

use barewire_schema::{BareSchema, Type};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, FixedLayout, Layout, LayoutError};
use crate::codec::{Alike, Decode, DecodeError, Decoder, Encode, Encoder, Plain, Sink, Steady};

/// The place of a UUID: `data[16]` in BARE, the octets in network order.
///
/// A field can be this or `uuid::Uuid`, which is laid out and encoded alike.
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

impl PartialEq<uuid::Uuid> for Uuid {
    fn eq(&self, other: &uuid::Uuid) -> bool {
        self.0 == *other.as_bytes()
    }
}

impl PartialEq<Uuid> for uuid::Uuid {
    fn eq(&self, other: &Uuid) -> bool {
        other == self
    }
}

/// As `uuid::Uuid` shows it, in groups of hexadecimal digits.
impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        uuid::Uuid::from(*self).fmt(f)
    }
}

impl Assign<uuid::Uuid> for Uuid {
    fn assign(&mut self, value: uuid::Uuid) -> Result<(), LayoutError> {
        *self = value.into();
        Ok(())
    }
}

impl BareSchema for Uuid {
    const TYPE: &'static Type = &Type::DataFixed { len: 16 };
}

/// What both types do, given the octets of a value and a value of octets.
macro_rules! octets {
    ($($uuid:ty: $octets:expr, $make:expr;)*) => {$(
        impl Encode for $uuid {
            // SAFETY: encoding gives the octets, which cannot change while they are borrowed.
            const STEADY: Steady<Self> = unsafe { Steady::of_parts(&[]) };
            // SAFETY: it is an array of octets, in `repr(transparent)`.
            const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::Always) };

            fn encode<S: Sink>(&self, out: &mut S) {
                out.fixed($octets(self));
            }
        }

        impl<'de> Decode<'de> for $uuid {
            const LEAST: usize = 16;
            // SAFETY: as above, and any octets are an id.
            const PLAIN: Plain<Self> = unsafe { Plain::new(Alike::Always) };

            fn decode(input: &mut Decoder<'de>) -> Result<Self, DecodeError> {
                <[u8; 16]>::decode(input).map($make)
            }
        }

        impl FixedLayout for $uuid {
            type Layout = Uuid;

            fn store(&self, out: &mut Uuid) -> Result<(), LayoutError> {
                *out = (*self).into();
                Ok(())
            }

            fn load(layout: &Uuid) -> Result<Self, LayoutError> {
                Ok((*layout).into())
            }

            fn encode_layout(layout: &Uuid, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
                layout.encode(out);
                Ok(())
            }

            fn decode_layout(input: &mut Decoder<'_>, out: &mut Uuid) -> Result<(), DecodeError> {
                *out = Uuid::decode(input)?;
                Ok(())
            }
        }
    )*};
}

octets! {
    Uuid: |id: &Uuid| id.0, Uuid;
    uuid::Uuid: |id: &uuid::Uuid| id.into_bytes(), uuid::Uuid::from_bytes;
}
