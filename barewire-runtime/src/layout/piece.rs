//! Everything that a field's type must be able to do, as one trait.
//!
//! Derived code asks for this alone, so that a type that is not derived gives one error.

use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, Hash};
use std::time::{Duration, SystemTime};

use barewire_schema::{BareSchema, Max, PairCaps, Type};

use super::{Assign, FixedLayout, Layout, LayoutError, Uuid};
use crate::codec::{
    Decode, DecodeError, Decoder, Encode, Encoder, Int, Made, Place, Plain, Sink, Steady, UInt,
};

/// A type that can be a field of a message, with the caps `C` from outside.
///
/// # Safety
///
/// Everything but the layout is as it is given here: derived code promises of `encode` and of the
/// constants what holds for those of [`Encode`] and [`Decode`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be in a message with these caps",
    label = "no BARE type, or none with these caps",
    note = "derive it: #[derive(BareSchema)]",
    note = "`max` belongs on strings, lists, maps and data; a type that is derived has caps of \
            its own",
    note = "a type with capacities has a fixed layout for those that #[bare(capacities(..))] lists"
)]
pub unsafe trait Piece<C>: FixedLayout<C> + Encode + for<'de> Decode<'de> {
    /// The type itself, as it is written in a tuple: where it is no piece, the tuple is one of
    /// which the compiler knows that it is wrong, and tells nothing more of it.
    type Itself;
    /// As in [`FixedLayout`].
    type Layout: Layout;
    /// A reference to it. It is asked for by this name where a type holds one: that the layout
    /// outlives the reference need not be shown then, which would be a mistake of its own where
    /// no layout is known.
    type Place<'a>: Copy;
    /// As in [`BareSchema`].
    const TYPE: &'static Type = <Self as BareSchema<C>>::TYPE;
    /// As in [`Decode`].
    const LEAST: usize = <Self as Decode<'static>>::LEAST;
    /// As in [`Encode`].
    const STEADY: Steady<Self> = <Self as Encode>::STEADY;
    /// As in [`Encode`].
    const ENCODES_PLAIN: Plain<Self> = <Self as Encode>::PLAIN;
    /// As in [`Decode`].
    const DECODES_PLAIN: Plain<Self> = <Self as Decode<'static>>::PLAIN;
    /// As in [`FixedLayout`].
    const WHOLE: bool = <Self as FixedLayout<C>>::WHOLE;

    /// As in [`Encode`].
    #[inline(always)]
    fn encode<S: Sink>(&self, out: &mut S) {
        <Self as Encode>::encode(self, out);
    }

    /// As in [`Decode`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn decode(input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        <Self as Decode<'_>>::decode(input)
    }

    /// As in [`Decode`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn decode_at<'p>(
        place: Place<'p, Self>,
        input: &mut Decoder<'_>,
    ) -> Result<Made<'p, Self>, DecodeError> {
        <Self as Decode<'_>>::decode_at(place, input)
    }

    /// As in [`Decode`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn decode_into(place: &mut Self, input: &mut Decoder<'_>) -> Result<(), DecodeError> {
        <Self as Decode<'_>>::decode_into(place, input)
    }

    /// As in [`Decode`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn verify(input: &mut Decoder<'_>) -> Result<(), DecodeError> {
        <Self as Decode<'_>>::verify(input)
    }

    /// As in [`FixedLayout`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn store(&self, out: &mut <Self as FixedLayout<C>>::Layout) -> Result<(), LayoutError> {
        <Self as FixedLayout<C>>::store(self, out)
    }

    /// As in [`FixedLayout`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn load(layout: &<Self as FixedLayout<C>>::Layout) -> Result<Self, LayoutError> {
        <Self as FixedLayout<C>>::load(layout)
    }

    /// Checks a place whose value may break a rule that no accessor of its parts checks.
    ///
    /// # Errors
    ///
    /// If the bytes are no value of the type.
    #[inline(always)]
    fn check(layout: &<Self as FixedLayout<C>>::Layout) -> Result<(), LayoutError> {
        if const { <Self as FixedLayout<C>>::WHOLE } {
            <Self as FixedLayout<C>>::load(layout).map(drop)
        } else {
            Ok(())
        }
    }

    /// As in [`FixedLayout`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn encode_layout(
        layout: &<Self as FixedLayout<C>>::Layout,
        out: &mut Encoder<'_>,
    ) -> Result<(), LayoutError> {
        <Self as FixedLayout<C>>::encode_layout(layout, out)
    }

    /// As in [`FixedLayout`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    fn decode_layout(
        input: &mut Decoder<'_>,
        out: &mut <Self as FixedLayout<C>>::Layout,
    ) -> Result<(), DecodeError> {
        <Self as FixedLayout<C>>::decode_layout(input, out)
    }
}

/// Writes a value to where a [`Piece`] is laid out: [`Assign`] of its layout, asked of the piece.
pub trait AssignPiece<C, V>: Sized {
    /// As in [`Assign`].
    ///
    /// # Errors
    ///
    /// As there.
    fn assign(place: &mut <Self as Piece<C>>::Layout, value: V) -> Result<(), LayoutError>
    where
        Self: Piece<C>;
}

impl<T, C, V> AssignPiece<C, V> for T
where
    T: Piece<C>,
    <T as Piece<C>>::Layout: Assign<V>,
{
    #[inline(always)]
    fn assign(place: &mut <T as Piece<C>>::Layout, value: V) -> Result<(), LayoutError> {
        place.assign(value)
    }
}

macro_rules! pieces {
    ($([$($generics:tt)*] $rust:ty, $caps:ty;)*) => {$(
        // SAFETY: it has nothing of its own.
        unsafe impl<$($generics)*> Piece<$caps> for $rust {
            type Itself = Self;
            type Layout = <$rust as FixedLayout<$caps>>::Layout;
            type Place<'a> = &'a <$rust as FixedLayout<$caps>>::Layout;
        }
    )*};
}

pieces! {
    [] u8, ();
    [] u16, ();
    [] u32, ();
    [] u64, ();
    [] i8, ();
    [] i16, ();
    [] i32, ();
    [] i64, ();
    [] f32, ();
    [] f64, ();
    [] bool, ();
    [] UInt, ();
    [] Int, ();
    [] Uuid, ();
    [] uuid::Uuid, ();
    [] Duration, ();
    [] SystemTime, ();
    [] String, ();
    [const N: usize] String, Max<N>;
    [T: Piece<C>, C] Option<T>, C;
    [T: Piece<C>, C] Box<T>, C;
    [T: Piece<C>, C, const N: usize] [T; N], C;
    [T: Piece<()>] Vec<T>, ();
    [T: Piece<C>, C, const N: usize] Vec<T>, Max<N, C>;
    [K: Piece<()> + Ord, V: Piece<()>] BTreeMap<K, V>, ();
    [K: Piece<C::Key> + Ord, V: Piece<C::Value>, C: PairCaps, const N: usize]
        BTreeMap<K, V>, Max<N, C>;
    [K: Piece<()> + Eq + Hash, V: Piece<()>, S: BuildHasher + Default] HashMap<K, V, S>, ();
    [K: Piece<C::Key> + Eq + Hash, V: Piece<C::Value>, C: PairCaps, const N: usize,
     S: BuildHasher + Default]
        HashMap<K, V, S>, Max<N, C>;
    [A: Piece<()>, B: Piece<()>] (A, B), ();
    [A: Piece<()>, B: Piece<()>, D: Piece<()>] (A, B, D), ();
    [A: Piece<()>, B: Piece<()>, D: Piece<()>, E: Piece<()>] (A, B, D, E), ();
    [A: Piece<()>, B: Piece<()>, D: Piece<()>, E: Piece<()>, F: Piece<()>] (A, B, D, E, F), ();
    [A: Piece<()>, B: Piece<()>, D: Piece<()>, E: Piece<()>, F: Piece<()>, G: Piece<()>]
        (A, B, D, E, F, G), ();
    [A: Piece<()>, B: Piece<()>, D: Piece<()>, E: Piece<()>, F: Piece<()>, G: Piece<()>,
     H: Piece<()>] (A, B, D, E, F, G, H), ();
    [A: Piece<()>, B: Piece<()>, D: Piece<()>, E: Piece<()>, F: Piece<()>, G: Piece<()>,
     H: Piece<()>, I: Piece<()>] (A, B, D, E, F, G, H, I), ();
}
