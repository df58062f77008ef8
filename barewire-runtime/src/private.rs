//! What derived code refers to; not for people.

pub use ::core;
pub use ::std;
pub use barewire_schema::{
    BareSchema, EnumMember, Field, Link, Max, PairCaps, Type, UnionMember, pads,
};
pub use zerocopy;

pub use crate::codec::{
    Alike, Decode, DecodeError, Decoder, Encode, Encoder, Int, Level, Made, Place, Plain, Sink,
    Steady, UInt, make, plain_value,
};
pub use crate::layout::{
    Access, Aligned, AlignedWord, Assign, FixedLayout, Layout, LayoutError, LayoutErrorKind,
    Unbounded, Word,
};
pub use crate::sync::set_longest_sleep;
