//! Where and why octets are no value of their type.

use std::fmt;

/// Why octets are no value of their type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// The input ends too early.
    UnexpectedEnd {
        /// How many octets were needed.
        needed: u64,
        /// How many were left.
        left: u64,
    },
    /// A `uint` or `int` takes more octets than it needs.
    NotMinimal,
    /// A `uint` or `int` does not fit into 64 bits.
    Overflow,
    /// A `bool` or the first octet of an optional is neither 0 nor 1.
    NotBool(u8),
    /// Text is not UTF-8.
    NotUtf8,
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
    /// More octets, items or pairs than the fixed layout has room for.
    OverCap {
        /// How many there are.
        count: u64,
        /// The room.
        cap: u64,
    },
    /// The type has no fixed layout.
    Unbounded,
    /// The value breaks a rule of its type: a range, or a validator.
    Refused {
        /// The rule.
        rule: &'static str,
        /// What the validator says, if it says anything.
        why: &'static str,
    },
    /// Octets are left over after the value.
    Trailing(u64),
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Inner {
    offset: usize,
    path: String,
    kind: DecodeErrorKind,
}

/// Where and why octets are no value of their type.
///
/// ```
/// use barewire_runtime::codec::decode;
/// let error = decode::<Vec<bool>>(&[2, 1, 7]).unwrap_err();
/// assert_eq!(error.offset(), 2);
/// assert_eq!(error.to_string(), "at octet 2, [1]: 7 is no bool: it must be 0 or 1");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

impl DecodeError {
    /// A fault at an offset.
    #[cold]
    #[inline(never)]
    #[must_use]
    pub fn new(offset: usize, kind: DecodeErrorKind) -> Self {
        Self(Box::new(Inner { offset, path: String::new(), kind }))
    }

    #[doc(hidden)]
    #[cold]
    #[must_use]
    pub fn unknown_value(offset: usize, name: &'static str, value: u64) -> Self {
        Self::new(offset, DecodeErrorKind::UnknownValue { name, value })
    }

    #[doc(hidden)]
    #[cold]
    #[must_use]
    pub fn unknown_tag(offset: usize, name: &'static str, tag: u64) -> Self {
        Self::new(offset, DecodeErrorKind::UnknownTag { name, tag })
    }

    /// The same fault, seen from the struct whose field it is in.
    #[cold]
    #[must_use]
    pub fn at_field(mut self, field: &str) -> Self {
        prefix(&mut self.0.path, field);
        self
    }

    /// The same fault, seen from the list whose item it is in.
    #[cold]
    #[must_use]
    pub fn at_index(mut self, index: usize) -> Self {
        prefix(&mut self.0.path, &format!("[{index}]"));
        self
    }

    /// The octet at which the fault begins.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.0.offset
    }

    /// The way from the decoded value to the fault, as in `messages[3].content`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.0.path
    }

    /// What is wrong.
    #[must_use]
    pub fn kind(&self) -> DecodeErrorKind {
        self.0.kind
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at octet {}", self.0.offset)?;
        if !self.0.path.is_empty() {
            write!(f, ", {}", self.0.path)?;
        }
        write!(f, ": {}", self.0.kind)
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::UnexpectedEnd { needed, left } => {
                write!(f, "the input ends too early: {needed} more octets needed, {left} left")
            }
            Self::NotMinimal => f.write_str("a number takes more octets than it needs"),
            Self::Overflow => f.write_str("a number does not fit into 64 bits"),
            Self::NotBool(octet) => write!(f, "{octet} is no bool: it must be 0 or 1"),
            Self::NotUtf8 => f.write_str("the text is not UTF-8"),
            Self::UnknownValue { name, value } => write!(f, "{name} has no member {value}"),
            Self::UnknownTag { name, tag } => write!(f, "{name} has no member with tag {tag}"),
            Self::DuplicateKey => f.write_str("a key stands twice in the map"),
            Self::OverCap { count, cap } => {
                write!(f, "{count} are more than the cap of the fixed layout, {cap}")
            }
            Self::Unbounded => f.write_str("the type has no cap, and so no fixed layout"),
            Self::Refused { rule, why: "" } => write!(f, "the value breaks a rule: {rule}"),
            Self::Refused { rule, why } => write!(f, "the value breaks a rule: {rule}: {why}"),
            Self::Trailing(count) => write!(f, "{count} octets are left over after the value"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Puts one step before a path.
pub(crate) fn prefix(path: &mut String, step: &str) {
    let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
    *path = format!("{step}{dot}{path}");
}
