//! A value that may be missing: a flag as wide as the value's alignment, then the value.

use std::fmt;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, Layout, LayoutError, LayoutErrorKind, Word};

/// A `T` or nothing; the memory of a missing value is zero.
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Optional<T: Layout> {
    flag: T::Word,
    value: T,
}

// SAFETY: `IntoBytes` asks that no byte is uninitialised. The flag has the alignment of the value
// and that size, so nothing stands between the two; the sum is a multiple of the alignment, so
// nothing follows. `SOUND` asserts both. Flag and value are `IntoBytes` themselves.
unsafe impl<T: Layout> IntoBytes for Optional<T> {
    fn only_derive_is_allowed_to_implement_this_trait() {}
}

impl<T: Layout> Layout for Optional<T> {
    type Word = T::Word;
}

impl<T: Layout> Optional<T> {
    const SOUND: () = assert!(
        size_of::<Self>() == align_of::<T>() + size_of::<T>()
            && size_of::<T::Word>() == align_of::<T>()
            && align_of::<T::Word>() == align_of::<T>()
    );

    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        const { Self::SOUND };
        Self::new_zeroed()
    }

    /// The value, if there is one.
    ///
    /// # Errors
    ///
    /// If the flag is neither 0 nor 1.
    pub fn get(&self) -> Result<Option<&T>, LayoutError> {
        const { Self::SOUND };
        match self.flag.flag() {
            Some(present) => Ok(present.then_some(&self.value)),
            None => Err(LayoutError::new(LayoutErrorKind::NotBool)),
        }
    }

    /// Replaces the value; a missing one leaves zeroes.
    pub fn set(&mut self, value: Option<T>) {
        const { Self::SOUND };
        self.zero();
        if let Some(value) = value {
            self.flag = T::Word::from_flag(true);
            self.value = value;
        }
    }

    /// Makes a value of zeroes, or nothing, and yields its place.
    pub(crate) fn start(&mut self, present: bool) -> &mut T {
        const { Self::SOUND };
        self.zero();
        self.flag = T::Word::from_flag(present);
        &mut self.value
    }
}

impl<T: Layout + fmt::Debug> fmt::Debug for Optional<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.get() {
            Ok(value) => fmt::Debug::fmt(&value, f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl<T: Layout + Access> Access for Optional<T> {
    type Ref<'a> = Option<T::Ref<'a>>;

    fn get(&self) -> Result<Self::Ref<'_>, LayoutError> {
        Self::get(self)?.map(Access::get).transpose()
    }
}

impl<T: Layout + Assign<V>, V> Assign<Option<V>> for Optional<T> {
    fn assign(&mut self, value: Option<V>) -> Result<(), LayoutError> {
        let place = |value| {
            let mut place = T::new_zeroed();
            place.assign(value).map(|()| place)
        };
        self.set(value.map(place).transpose()?);
        Ok(())
    }
}
