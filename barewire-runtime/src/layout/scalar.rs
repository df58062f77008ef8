//! Numbers, `bool`, and the place of what has no layout.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, Layout, LayoutError, LayoutErrorKind, Word};

/// A `bool` as one byte, which is checked when it is read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout,
)]
#[repr(transparent)]
pub struct Bool(u8);

impl Bool {
    /// A flag.
    #[must_use]
    pub fn new(value: bool) -> Self {
        Self(u8::from(value))
    }

    /// The flag.
    ///
    /// # Errors
    ///
    /// If the byte is neither 0 nor 1.
    pub fn get(self) -> Result<bool, LayoutError> {
        self.0.flag().ok_or_else(|| LayoutError::new(LayoutErrorKind::NotBool))
    }
}

impl Layout for Bool {
    type Word = u8;
}

impl Access for Bool {
    type Ref<'a> = bool;

    fn get(&self) -> Result<bool, LayoutError> {
        Self::get(*self)
    }
}

impl Assign<bool> for Bool {
    fn assign(&mut self, value: bool) -> Result<(), LayoutError> {
        *self = Self::new(value);
        Ok(())
    }
}

/// Stands where a type without a cap would be; such a type has no fixed layout.
#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct Unbounded;

impl Layout for Unbounded {
    type Word = u8;
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        impl Access for $name {
            type Ref<'a> = $name;

            fn get(&self) -> Result<$name, LayoutError> {
                Ok(*self)
            }
        }

        impl Assign<$name> for $name {
            fn assign(&mut self, value: $name) -> Result<(), LayoutError> {
                *self = value;
                Ok(())
            }
        }
    )*};
}

numbers!(u8, u16, u32, u64, i8, i16, i32, i64, f32, f64);

macro_rules! signed {
    ($($name:ident: $word:ident),*) => {$(
        impl Layout for $name {
            type Word = $word;
        }
    )*};
}

signed!(i8: u8, i16: u16, i32: u32, i64: u64, f32: u32, f64: u64);
