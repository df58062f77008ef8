//! Text with a cap.

use std::fmt;

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, Data, Layout, LayoutError, LayoutErrorKind};

/// UTF-8 text of at most `N` octets, which is checked when it is read.
///
/// ```
/// use barewire_runtime::layout::Str;
/// let mut label = Str::<8>::new();
/// label.set("boiler").unwrap();
/// assert_eq!(label.as_str().unwrap(), "boiler");
/// assert!(label.set("far too long").is_err());
/// ```
#[derive(Clone, Copy, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(transparent)]
pub struct Str<const N: usize>(Data<N>);

impl<const N: usize> Layout for Str<N> {
    type Word = u8;
}

impl<const N: usize> Str<N> {
    /// Empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The text.
    ///
    /// # Errors
    ///
    /// If the length exceeds the cap, or the octets are not UTF-8.
    pub fn as_str(&self) -> Result<&str, LayoutError> {
        std::str::from_utf8(self.0.as_slice()?)
            .map_err(|_| LayoutError::new(LayoutErrorKind::NotUtf8))
    }

    /// Replaces the text.
    ///
    /// # Errors
    ///
    /// If it exceeds the cap; the old text stays then.
    pub fn set(&mut self, text: &str) -> Result<(), LayoutError> {
        self.0.assign(text.as_bytes())
    }
}

impl<const N: usize> fmt::Debug for Str<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_str() {
            Ok(text) => fmt::Debug::fmt(text, f),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl<const N: usize> Access for Str<N> {
    type Ref<'a> = &'a str;

    fn get(&self) -> Result<&str, LayoutError> {
        self.as_str()
    }
}

impl<const N: usize> Assign<&str> for Str<N> {
    fn assign(&mut self, value: &str) -> Result<(), LayoutError> {
        self.set(value)
    }
}

impl<const N: usize> Assign<&String> for Str<N> {
    fn assign(&mut self, value: &String) -> Result<(), LayoutError> {
        self.set(value)
    }
}
