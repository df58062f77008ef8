//! Why a value does not fit into its layout, or a layout holds no value.

use std::fmt;

use crate::codec::{DecodeError, DecodeErrorKind, prefix};

/// Why a value does not fit into its layout, or a layout holds no value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum LayoutErrorKind {
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
    NotBool,
    /// No member of the enum has this value.
    UnknownValue {
        /// The enum.
        name: &'static str,
        /// The value.
        value: u64,
    },
    /// No member of the union has this tag.
    UnknownTag {
        /// The union.
        name: &'static str,
        /// The tag.
        tag: u64,
    },
    /// A key stands twice in a map.
    DuplicateKey,
    /// The value breaks a rule of its type: a range, or a validator.
    Refused {
        /// The rule.
        rule: &'static str,
        /// What the validator says, if it says anything.
        why: &'static str,
    },
    /// The type has no cap, and so no fixed layout.
    Unbounded,
}

/// Why a value does not fit into its layout, or a layout holds no value, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayoutError(Box<(String, LayoutErrorKind)>);

impl LayoutError {
    /// A fault at the value itself.
    #[cold]
    #[must_use]
    pub fn new(kind: LayoutErrorKind) -> Self {
        Self(Box::new((String::new(), kind)))
    }

    #[doc(hidden)]
    #[cold]
    #[must_use]
    pub fn unknown_value(name: &'static str, value: u64) -> Self {
        Self::new(LayoutErrorKind::UnknownValue { name, value })
    }

    #[doc(hidden)]
    #[cold]
    #[must_use]
    pub fn unknown_tag(name: &'static str, tag: u64) -> Self {
        Self::new(LayoutErrorKind::UnknownTag { name, tag })
    }

    pub(crate) fn over_cap(count: usize, cap: usize) -> Self {
        Self::new(LayoutErrorKind::OverCap { count: count as u64, cap: cap as u64 })
    }

    /// The same fault, seen from the struct whose field it is in.
    #[cold]
    #[must_use]
    pub fn at_field(mut self, field: &str) -> Self {
        prefix(&mut self.0.0, field);
        self
    }

    /// The same fault, seen from the list whose item it is in.
    #[cold]
    #[must_use]
    pub fn at_index(self, index: usize) -> Self {
        self.at_field(&format!("[{index}]"))
    }

    /// The way from the value to the fault, as in `messages[3].content`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.0
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> LayoutErrorKind {
        self.0.1
    }

    /// The same fault, met at an offset of an input.
    #[doc(hidden)]
    #[cold]
    #[must_use]
    pub fn while_decoding(self, offset: usize) -> DecodeError {
        let kind = match self.kind() {
            LayoutErrorKind::OverCap { count, cap } => DecodeErrorKind::OverCap { count, cap },
            LayoutErrorKind::NotUtf8 => DecodeErrorKind::NotUtf8,
            LayoutErrorKind::NotBool => DecodeErrorKind::NotBool(u8::MAX),
            LayoutErrorKind::UnknownValue { name, value } => {
                DecodeErrorKind::UnknownValue { name, value }
            }
            LayoutErrorKind::UnknownTag { name, tag } => DecodeErrorKind::UnknownTag { name, tag },
            LayoutErrorKind::DuplicateKey => DecodeErrorKind::DuplicateKey,
            LayoutErrorKind::Refused { rule, why } => DecodeErrorKind::Refused { rule, why },
            LayoutErrorKind::Unbounded => DecodeErrorKind::Unbounded,
        };
        let error = DecodeError::new(offset, kind);
        if self.path().is_empty() { error } else { error.at_field(self.path()) }
    }
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.0.is_empty() {
            write!(f, "{}: ", self.0.0)?;
        }
        match self.kind() {
            LayoutErrorKind::OverCap { count, cap } => {
                write!(f, "{count} exceeds the cap of {cap}")
            }
            LayoutErrorKind::NotUtf8 => f.write_str("the text is not UTF-8"),
            LayoutErrorKind::NotBool => f.write_str("a flag is neither 0 nor 1"),
            LayoutErrorKind::UnknownValue { name, value } => {
                write!(f, "{name} has no member {value}")
            }
            LayoutErrorKind::UnknownTag { name, tag } => {
                write!(f, "{name} has no member with tag {tag}")
            }
            LayoutErrorKind::DuplicateKey => f.write_str("a key stands twice in the map"),
            LayoutErrorKind::Refused { rule, why: "" } => {
                write!(f, "the value breaks a rule: {rule}")
            }
            LayoutErrorKind::Refused { rule, why } => {
                write!(f, "the value breaks a rule: {rule}: {why}")
            }
            LayoutErrorKind::Unbounded => {
                f.write_str("the type has no cap, and so no fixed layout")
            }
        }
    }
}

impl std::error::Error for LayoutError {}
