//! Sizes and offsets in bytes, as types of their own, so that neither passes for the other.

use std::fmt;

use crate::{Error, ErrorKind, Result};

/// A number of bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

/// A distance in bytes from the start of a memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

fn checked(result: Option<u64>, what: impl FnOnce() -> String) -> Result<u64> {
    result.ok_or_else(|| {
        Error::new(ErrorKind::InvalidArgument, what(), "expected a result that fits into 64 bits")
    })
}

impl Bytes {
    /// None.
    pub const ZERO: Self = Self(0);

    /// That many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// That many times 1024 bytes.
    ///
    /// # Errors
    ///
    /// If the result exceeds 64 bits.
    pub fn kib(count: u64) -> Result<Self> {
        Self(1 << 10).checked_mul(count)
    }

    /// That many times 1024 × 1024 bytes.
    ///
    /// # Errors
    ///
    /// If the result exceeds 64 bits.
    pub fn mib(count: u64) -> Result<Self> {
        Self(1 << 20).checked_mul(count)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The sum.
    ///
    /// # Errors
    ///
    /// If it exceeds 64 bits.
    pub fn checked_add(self, other: Self) -> Result<Self> {
        checked(self.0.checked_add(other.0), || format!("{self} + {other}")).map(Self)
    }

    /// The difference.
    ///
    /// # Errors
    ///
    /// If `other` is larger.
    pub fn checked_sub(self, other: Self) -> Result<Self> {
        checked(self.0.checked_sub(other.0), || format!("{self} - {other}")).map(Self)
    }

    /// The product.
    ///
    /// # Errors
    ///
    /// If it exceeds 64 bits.
    pub fn checked_mul(self, count: u64) -> Result<Self> {
        checked(self.0.checked_mul(count), || format!("{self} x {count}")).map(Self)
    }

    /// The number, if this machine can address so much.
    pub(crate) fn to_usize(self) -> Result<usize> {
        usize::try_from(self.0).map_err(|_| {
            let detail = "expected a size that this machine can address";
            Error::new(ErrorKind::InvalidArgument, self.to_string(), detail)
        })
    }
}

impl Offset {
    /// The start.
    pub const ZERO: Self = Self(0);

    /// That many bytes from the start.
    #[must_use]
    pub const fn new(offset: u64) -> Self {
        Self(offset)
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The offset so many bytes further on.
    ///
    /// # Errors
    ///
    /// If it exceeds 64 bits.
    pub fn checked_add(self, bytes: Bytes) -> Result<Self> {
        checked(self.0.checked_add(bytes.0), || format!("{self} + {bytes}")).map(Self)
    }

    /// The bytes between `start` and this offset.
    ///
    /// # Errors
    ///
    /// If `start` is further on.
    pub fn checked_since(self, start: Self) -> Result<Bytes> {
        checked(self.0.checked_sub(start.0), || format!("{self} - {start}")).map(Bytes)
    }

    /// The nearest multiple of `align` at or after this offset.
    ///
    /// # Errors
    ///
    /// If it exceeds 64 bits, or `align` is 0.
    pub fn checked_align(self, align: Bytes) -> Result<Self> {
        let aligned = self.0.checked_next_multiple_of(align.0);
        checked(aligned, || format!("{self} aligned to {align}")).map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "offset {}", self.0)
    }
}
