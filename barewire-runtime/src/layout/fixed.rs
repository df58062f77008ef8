//! How Rust's own types are laid out.

use std::collections::{BTreeMap, HashMap};

use barewire_schema::{BareSchema, Max};
use zerocopy::IntoBytes;

use super::{Bool, Layout, LayoutError, LayoutErrorKind, List, Optional, Str, Unbounded};
use crate::codec::{
    Decode, DecodeError, DecodeErrorKind, Decoder, Encode, Encoder, Int, Sink, UInt,
};

/// A type whose values have a place in shared memory.
///
/// `C` are the caps from outside, as for [`BareSchema`]. A type without a cap has the layout
/// [`Unbounded`], and an error where a value should be stored; whatever needs a layout refuses such
/// a type when it is compiled.
///
/// The law, for values that keep the rules of their domain: `encode(value)` equals
/// `encode_layout` of what `store` has written, and
/// `decode_layout` accepts what [`Decode`] accepts, caps aside.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no fixed layout with these caps",
    label = "no fixed layout",
    note = "derive BareSchema for it; a type with capacities has one for those that \
            #[bare(capacities(..))] lists, and a tuple has one where a field's type is written as \
            a tuple"
)]
pub trait FixedLayout<C = ()>: BareSchema<C> + Sized {
    /// The bytes.
    type Layout: Layout;

    /// Whether a value may break a rule of its domain that no accessor of its parts checks.
    #[doc(hidden)]
    const WHOLE: bool = false;

    /// Writes the value; whatever the value does not need is zero afterwards.
    ///
    /// # Errors
    ///
    /// If the value exceeds a cap.
    fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError>;

    /// The value, checked.
    ///
    /// # Errors
    ///
    /// If the bytes are no value of the type.
    fn load(layout: &Self::Layout) -> Result<Self, LayoutError>;

    /// The BARE octets of the value that stands there.
    ///
    /// # Errors
    ///
    /// If the bytes are no value of the type.
    fn encode_layout(layout: &Self::Layout, out: &mut Encoder<'_>) -> Result<(), LayoutError>;

    /// Writes the value that the octets encode; whatever it does not need is zero afterwards.
    ///
    /// # Errors
    ///
    /// If the octets are no value of the type, or it exceeds a cap.
    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self::Layout) -> Result<(), DecodeError>;

    /// [`store`](Self::store) for all items.
    #[doc(hidden)]
    #[inline]
    fn store_all(items: &[Self], places: &mut [Self::Layout]) -> Result<(), LayoutError> {
        for (index, (item, place)) in items.iter().zip(places).enumerate() {
            item.store(place).map_err(|error| error.at_index(index))?;
        }
        Ok(())
    }

    /// [`load`](Self::load) for all items.
    #[doc(hidden)]
    #[inline]
    fn load_all(places: &[Self::Layout]) -> Result<Vec<Self>, LayoutError> {
        let load = |(index, place)| Self::load(place).map_err(|error| error.at_index(index));
        places.iter().enumerate().map(load).collect()
    }

    /// [`encode_layout`](Self::encode_layout) for all items, without a count.
    #[doc(hidden)]
    fn encode_all(places: &[Self::Layout], out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        for (index, place) in places.iter().enumerate() {
            Self::encode_layout(place, out).map_err(|error| error.at_index(index))?;
        }
        Ok(())
    }

    /// [`decode_layout`](Self::decode_layout) for all items.
    #[doc(hidden)]
    fn decode_all(input: &mut Decoder<'_>, places: &mut [Self::Layout]) -> Result<(), DecodeError> {
        for (index, place) in places.iter_mut().enumerate() {
            Self::decode_layout(input, place).map_err(|error| error.at_index(index))?;
        }
        Ok(())
    }
}

macro_rules! scalar {
    ($($name:ident),*) => {$(
        impl FixedLayout for $name {
            type Layout = $name;

            #[inline]
            fn store(&self, out: &mut $name) -> Result<(), LayoutError> {
                *out = *self;
                Ok(())
            }

            #[inline]
            fn load(layout: &$name) -> Result<Self, LayoutError> {
                Ok(*layout)
            }

            fn encode_layout(layout: &$name, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
                layout.encode(out);
                Ok(())
            }

            fn decode_layout(input: &mut Decoder<'_>, out: &mut $name) -> Result<(), DecodeError> {
                *out = <$name as Decode>::decode(input)?;
                Ok(())
            }

            #[inline]
            fn store_all(items: &[$name], places: &mut [$name]) -> Result<(), LayoutError> {
                places.copy_from_slice(items);
                Ok(())
            }

            #[inline]
            fn load_all(places: &[$name]) -> Result<Vec<$name>, LayoutError> {
                Ok(places.to_vec())
            }

            fn encode_all(places: &[$name], out: &mut Encoder<'_>) -> Result<(), LayoutError> {
                Sink::items(out, places);
                Ok(())
            }

            fn decode_all(
                input: &mut Decoder<'_>,
                places: &mut [$name],
            ) -> Result<(), DecodeError> {
                let octets = input.take(size_of_val(places))?;
                places.as_mut_bytes().copy_from_slice(octets);
                Ok(())
            }
        }
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

macro_rules! through {
    ($($rust:ty => $layout:ty, $to:expr, $from:expr;)*) => {$(
        impl FixedLayout for $rust {
            type Layout = $layout;

            #[inline]
            fn store(&self, out: &mut $layout) -> Result<(), LayoutError> {
                *out = $to(*self);
                Ok(())
            }

            #[inline]
            fn load(layout: &$layout) -> Result<Self, LayoutError> {
                $from(*layout)
            }

            fn encode_layout(layout: &$layout, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
                Self::load(layout)?.encode(out);
                Ok(())
            }

            fn decode_layout(
                input: &mut Decoder<'_>,
                out: &mut $layout,
            ) -> Result<(), DecodeError> {
                *out = $to(<$rust as Decode>::decode(input)?);
                Ok(())
            }
        }
    )*};
}

through! {
    bool => Bool, Bool::new, Bool::get;
    UInt => u64, |value: UInt| value.0, |value| Ok(UInt(value));
    Int => i64, |value: Int| value.0, |value| Ok(Int(value));
}

macro_rules! unbounded {
    ($([$($generics:tt)*] $rust:ty;)*) => {$(
        impl<$($generics)*> FixedLayout for $rust
        where
            Self: BareSchema,
        {
            type Layout = Unbounded;

            #[inline]
            fn store(&self, _: &mut Unbounded) -> Result<(), LayoutError> {
                Err(LayoutError::new(LayoutErrorKind::Unbounded))
            }

            #[inline]
            fn load(_: &Unbounded) -> Result<Self, LayoutError> {
                Err(LayoutError::new(LayoutErrorKind::Unbounded))
            }

            fn encode_layout(_: &Unbounded, _: &mut Encoder<'_>) -> Result<(), LayoutError> {
                Err(LayoutError::new(LayoutErrorKind::Unbounded))
            }

            fn decode_layout(
                input: &mut Decoder<'_>,
                _: &mut Unbounded,
            ) -> Result<(), DecodeError> {
                Err(DecodeError::new(input.offset(), DecodeErrorKind::Unbounded))
            }
        }
    )*};
}

unbounded! {
    [] String;
    [T] Vec<T>;
    [K, V] BTreeMap<K, V>;
    [K, V, S] HashMap<K, V, S>;
    // A tuple has a layout where the derive sees that it is one.
    [A, B] (A, B);
    [A, B, C] (A, B, C);
    [A, B, C, D] (A, B, C, D);
    [A, B, C, D, E] (A, B, C, D, E);
    [A, B, C, D, E, F] (A, B, C, D, E, F);
    [A, B, C, D, E, F, G] (A, B, C, D, E, F, G);
    [A, B, C, D, E, F, G, H] (A, B, C, D, E, F, G, H);
}

impl<const N: usize> FixedLayout<Max<N>> for String {
    type Layout = Str<N>;

    #[inline]
    fn store(&self, out: &mut Str<N>) -> Result<(), LayoutError> {
        out.set(self)
    }

    #[inline]
    fn load(layout: &Str<N>) -> Result<Self, LayoutError> {
        layout.as_str().map(str::to_owned)
    }

    fn encode_layout(layout: &Str<N>, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        out.str(layout.as_str()?);
        Ok(())
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Str<N>) -> Result<(), DecodeError> {
        let start = input.offset();
        out.set(input.str()?).map_err(|error| error.while_decoding(start))
    }
}

impl<T: FixedLayout<C>, C, const N: usize> FixedLayout<Max<N, C>> for Vec<T> {
    type Layout = List<T::Layout, N>;

    const WHOLE: bool = T::WHOLE;

    #[inline]
    fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
        let places = out.start(self.len())?;
        T::store_all(self, places)
    }

    #[inline]
    fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
        T::load_all(layout.as_slice()?)
    }

    fn encode_layout(layout: &Self::Layout, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        let items = layout.as_slice()?;
        out.uint(items.len() as u64);
        T::encode_all(items, out)
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self::Layout) -> Result<(), DecodeError> {
        let start = input.offset();
        let count = input.count(least_size::<T, C>())?;
        let places = out.start(count).map_err(|error| error.while_decoding(start))?;
        T::decode_all(input, places)
    }
}

impl<T: FixedLayout<C>, C, const N: usize> FixedLayout<C> for [T; N] {
    type Layout = [T::Layout; N];

    const WHOLE: bool = T::WHOLE;

    #[inline]
    fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
        T::store_all(self, out)
    }

    #[inline]
    fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
        let items: Vec<T> = T::load_all(layout)?;
        items.try_into().map_err(|items: Vec<T>| LayoutError::over_cap(items.len(), N))
    }

    fn encode_layout(layout: &Self::Layout, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        T::encode_all(layout, out)
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self::Layout) -> Result<(), DecodeError> {
        T::decode_all(input, out)
    }
}

pub(super) fn least_size<T: BareSchema<C>, C>() -> usize {
    usize::try_from(const { T::TYPE.min_size() }).unwrap_or(usize::MAX)
}

impl<T: FixedLayout<C>, C> FixedLayout<C> for Option<T> {
    type Layout = Optional<T::Layout>;

    const WHOLE: bool = T::WHOLE;

    #[inline]
    fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
        let place = out.start(self.is_some());
        self.as_ref().map_or(Ok(()), |value| value.store(place))
    }

    #[inline]
    fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
        layout.get()?.map(T::load).transpose()
    }

    fn encode_layout(layout: &Self::Layout, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        let value = layout.get()?;
        out.bool(value.is_some());
        value.map_or(Ok(()), |value| T::encode_layout(value, out))
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self::Layout) -> Result<(), DecodeError> {
        let present = input.bool()?;
        let place = out.start(present);
        if present { T::decode_layout(input, place) } else { Ok(()) }
    }
}

impl<T: FixedLayout<C>, C> FixedLayout<C> for Box<T> {
    type Layout = T::Layout;

    const WHOLE: bool = T::WHOLE;

    #[inline]
    fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
        (**self).store(out)
    }

    #[inline]
    fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
        T::load(layout).map(Self::new)
    }

    fn encode_layout(layout: &Self::Layout, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        T::encode_layout(layout, out)
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self::Layout) -> Result<(), DecodeError> {
        T::decode_layout(input, out)
    }
}
