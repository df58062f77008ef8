//! What derived code refers to; not for people.

pub use ::core;
pub use ::std;
pub use barewire_schema::check::{assert_aligned, assert_layout, assert_reads};
pub use barewire_schema::{
    BareSchema, EnumMember, Field, Link, Max, PairCaps, Type, UnionMember, pads,
};
pub use zerocopy;

pub use crate::codec::{
    Alike, Decode, DecodeError, Decoder, Encode, Encoder, Int, Level, Made, Place, Plain, Sink,
    Steady, UInt, make, plain_at, plain_value,
};
pub use crate::layout::rules::{Refusal, Verdict, rule};
pub use crate::layout::{
    Access, Aligned, AlignedWord, Assign, AssignPiece, FixedLayout, Layout, LayoutError,
    LayoutErrorKind, Parts, Piece, Placed, Unbounded, Whole, Word,
};
pub use crate::sync::set_longest_sleep;

/// An error that can say which field it is of.
pub trait Located: Sized {
    /// The same error, seen from the struct.
    #[must_use]
    fn located(self, name: &'static str) -> Self;
}

impl Located for DecodeError {
    #[cold]
    fn located(self, name: &'static str) -> Self {
        self.at_field(name)
    }
}

impl Located for LayoutError {
    #[cold]
    fn located(self, name: &'static str) -> Self {
        self.at_field(name)
    }
}

/// The result, where an error says which field it is of.
///
/// # Errors
///
/// That of the result.
#[inline(always)]
pub fn at_field<T, E: Located>(result: Result<T, E>, name: &'static str) -> Result<T, E> {
    match result {
        Ok(value) => Ok(value),
        Err(error) => Err(error.located(name)),
    }
}

/// No value has this type.
#[derive(Debug, Clone, Copy)]
pub enum Never {}
