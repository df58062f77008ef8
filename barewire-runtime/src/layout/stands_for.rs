//! Types of other crates whose values travel as those of another type.

/// Makes a type a value that travels, in both forms, as one of another type.
///
/// `$to` makes the other value of a reference to this one; `$from` makes this one of the other, or
/// says why there is none. For parts of this project whose types are generic, which the derive does
/// not take; what is unsafe about a field's type stays here.
#[doc(hidden)]
#[macro_export]
macro_rules! __stands_for {
    ([$($generics:tt)*] $rust:ty => $other:ty, $to:expr, $from:expr) => {
        impl<$($generics)*> $crate::BareSchema for $rust {
            const TYPE: &'static $crate::schema::Type =
                <$other as $crate::BareSchema>::TYPE;
        }

        impl<$($generics)*> $crate::codec::Encode for $rust {
            fn encode<S: $crate::codec::Sink>(&self, out: &mut S) {
                $crate::codec::Encode::encode(&$to(self), out);
            }
        }

        impl<'de, $($generics)*> $crate::codec::Decode<'de> for $rust {
            const LEAST: usize = <$other as $crate::codec::Decode<'static>>::LEAST;

            fn decode(
                input: &mut $crate::codec::Decoder<'de>,
            ) -> ::core::result::Result<Self, $crate::codec::DecodeError> {
                let offset = input.offset();
                let other = <$other as $crate::codec::Decode<'_>>::decode(input)?;
                $from(other).map_err(|refusal: $crate::__private::Refusal| refusal.decoding(offset))
            }
        }

        impl<$($generics)*> $crate::layout::FixedLayout for $rust {
            type Layout = <$other as $crate::layout::FixedLayout>::Layout;
            const WHOLE: bool = true;

            fn store(
                &self,
                out: &mut Self::Layout,
            ) -> ::core::result::Result<(), $crate::layout::LayoutError> {
                $crate::layout::FixedLayout::store(&$to(self), out)
            }

            fn load(
                layout: &Self::Layout,
            ) -> ::core::result::Result<Self, $crate::layout::LayoutError> {
                let other = <$other as $crate::layout::FixedLayout>::load(layout)?;
                $from(other).map_err($crate::__private::Refusal::in_layout)
            }

            fn encode_layout(
                layout: &Self::Layout,
                out: &mut $crate::codec::Encoder<'_>,
            ) -> ::core::result::Result<(), $crate::layout::LayoutError> {
                <$other as $crate::layout::FixedLayout>::encode_layout(layout, out)
            }

            fn decode_layout(
                input: &mut $crate::codec::Decoder<'_>,
                out: &mut Self::Layout,
            ) -> ::core::result::Result<(), $crate::codec::DecodeError> {
                let offset = input.offset();
                <$other as $crate::layout::FixedLayout>::decode_layout(input, out)?;
                let loaded = <Self as $crate::layout::FixedLayout>::load(out);
                loaded.map(drop).map_err(|error| error.while_decoding(offset))
            }
        }

        // SAFETY: its place is that of the other type, which says of its size and padding what is
        // so; all else is as `FixedLayout`, `Encode` and `Decode` have it.
        unsafe impl<$($generics)*> $crate::__private::Piece<()> for $rust {
            type Itself = Self;
            type Layout = <$other as $crate::layout::FixedLayout>::Layout;
            type Place<'a> = &'a <$other as $crate::layout::FixedLayout>::Layout;
        }
    };
}
