//! Why a value is none of a type, or bytes hold no value of it.

use std::fmt;

use barewire_schema::Type;

use super::{Value, kind_of};
use crate::codec::prefix;

/// Why a value is none of a type, or bytes hold no value of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ValueErrorKind {
    /// The value is of another type.
    Mismatch {
        /// What the type asks for.
        expected: String,
        /// What there is.
        found: String,
    },
    /// A fixed length is not kept.
    Length {
        /// The octets, items or fields that the type asks for.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// More octets, items or pairs than the cap.
    OverCap {
        /// How many.
        count: u64,
        /// The cap.
        cap: u64,
    },
    /// Text is not UTF-8.
    NotUtf8,
    /// A bool, or the flag of an optional, is neither 0 nor 1.
    NotFlag(u64),
    /// No member of the enum has this value.
    UnknownValue(u64),
    /// No member of the union has this tag.
    UnknownTag(u64),
    /// A key stands twice in a map.
    DuplicateKey,
    /// The type has no cap, or is larger than a segment can be, and so has no fixed layout.
    NoLayout,
    /// The bytes are not as many as the layout takes.
    Size {
        /// The size of the layout.
        expected: u64,
        /// The bytes there are.
        found: u64,
    },
    /// A name has no definition: the schema has not been validated.
    Unresolved(String),
}

/// Why a value is none of a type, or bytes hold no value of it, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueError(Box<(String, ValueErrorKind)>);

impl ValueError {
    #[cold]
    pub(crate) fn new(kind: ValueErrorKind) -> Self {
        Self(Box::new((String::new(), kind)))
    }

    #[cold]
    pub(super) fn mismatch(ty: &Type, value: &Value) -> Self {
        let (expected, found) = (kind_of(ty), value.kind().to_owned());
        Self::new(ValueErrorKind::Mismatch { expected, found })
    }

    #[cold]
    pub(super) fn unresolved(ty: &Type) -> Self {
        Self::new(ValueErrorKind::Unresolved(kind_of(ty)))
    }

    #[cold]
    pub(super) fn at_field(mut self, field: &str) -> Self {
        prefix(&mut self.0.0, field);
        self
    }

    #[cold]
    pub(super) fn at_index(self, index: usize) -> Self {
        self.at_field(&format!("[{index}]"))
    }

    /// The way from the value to the fault, as in `messages[3].content`.
    #[must_use]
    #[inline]
    pub fn path(&self) -> &str {
        &self.0.0
    }

    /// What is wrong.
    #[must_use]
    #[inline]
    pub fn kind(&self) -> &ValueErrorKind {
        &self.0.1
    }
}

impl fmt::Display for ValueError {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.path().is_empty() {
            write!(f, "{}: ", self.path())?;
        }
        write!(f, "{}", self.kind())
    }
}

impl fmt::Display for ValueErrorKind {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Length { expected, found } => {
                write!(f, "expected a length of {expected}, found {found}")
            }
            Self::OverCap { count, cap } => {
                write!(f, "expected at most {cap}, the cap, found {count}")
            }
            Self::NotUtf8 => f.write_str("expected UTF-8, found other octets"),
            Self::NotFlag(found) => write!(f, "expected a flag of 0 or 1, found {found}"),
            Self::UnknownValue(value) => write!(f, "the enum has no member {value}"),
            Self::UnknownTag(tag) => write!(f, "the union has no member with tag {tag}"),
            Self::DuplicateKey => f.write_str("a key stands twice in the map"),
            Self::NoLayout => f.write_str("the type has no cap, and so no fixed layout"),
            Self::Size { expected, found } => {
                write!(f, "expected {expected} bytes of layout, found {found}")
            }
            Self::Unresolved(name) => {
                write!(f, "{name} has no definition: validate the schema first")
            }
        }
    }
}

impl std::error::Error for ValueError {}
