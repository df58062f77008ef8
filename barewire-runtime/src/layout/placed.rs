//! The place of a derived type: initialised bytes, seen as the fields that they are.

use std::fmt;
use std::ops::{Deref, DerefMut};

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, FixedLayout, Layout, LayoutError};

/// The fields of a fixed layout, written out with their padding; only derived code implements it.
///
/// # Safety
///
/// The type is `repr(C)`, every field of it is a [`Layout`] and it has no padding, so that every
/// bit pattern is valid. `Bytes` has its size and alignment; [`Placed`] asserts that.
pub unsafe trait Parts: Sized + 'static {
    /// Integers as large and as aligned as the fields.
    type Bytes: Layout;

    /// What checked reading gives.
    type Ref<'a>;

    /// Reads the piece, checked.
    ///
    /// # Errors
    ///
    /// If its bytes are no value of its type.
    fn read(place: &Placed<Self>) -> Result<Self::Ref<'_>, LayoutError>;
}

/// The fields of the layout of a type, and not of a variant alone.
pub trait Whole: Parts {
    /// The type whose layout it is.
    type Owned: FixedLayout<Self::Caps, Layout = Placed<Self>>;

    /// The caps of that type.
    type Caps;
}

/// The fixed layout of a derived type, which gives its fields by dereferencing.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Placed<P: Parts>(P::Bytes);

impl<P: Parts> Clone for Placed<P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Parts> Copy for Placed<P> {}

impl<P: Parts> Layout for Placed<P> {
    type Word = <P::Bytes as Layout>::Word;
}

impl<P: Parts> Placed<P> {
    const SAME: () = assert!(
        size_of::<P>() == size_of::<P::Bytes>() && align_of::<P>() == align_of::<P::Bytes>(),
        "the fields and the bytes of a layout are of one size"
    );
}

impl<P: Parts> Deref for Placed<P> {
    type Target = P;

    #[inline]
    fn deref(&self) -> &P {
        const { Self::SAME };
        // SAFETY: `Parts` promises that every bit pattern is valid; `SAME` asserts size and
        // alignment; all bytes are initialised, as those of integers always are.
        unsafe { &*std::ptr::from_ref(self).cast::<P>() }
    }
}

impl<P: Parts> DerefMut for Placed<P> {
    #[inline]
    fn deref_mut(&mut self) -> &mut P {
        const { Self::SAME };
        // SAFETY: as in `deref`; and `Parts` promises that there is no padding, so whatever is
        // written leaves all bytes initialised.
        unsafe { &mut *std::ptr::from_mut(self).cast::<P>() }
    }
}

impl<P: Whole> fmt::Debug for Placed<P>
where
    P::Owned: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match P::Owned::load(self) {
            Ok(value) => value.fmt(f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl<P: Parts> Access for Placed<P> {
    type Ref<'a> = P::Ref<'a>;

    #[inline]
    fn get(&self) -> Result<P::Ref<'_>, LayoutError> {
        P::read(self)
    }
}

impl<P: Whole> Assign<&P::Owned> for Placed<P> {
    fn assign(&mut self, value: &P::Owned) -> Result<(), LayoutError> {
        value.store(self)
    }
}
