//! Rules of a domain: what `range` and `validate` say of a value.

use super::{LayoutError, LayoutErrorKind};
use crate::codec::{DecodeError, DecodeErrorKind};

/// What a validator says of a value: `bool`, or `Result<(), &'static str>` with the reason.
#[diagnostic::on_unimplemented(
    message = "a validator returns `bool` or `Result<(), &'static str>`, and not `{Self}`",
    label = "no verdict"
)]
pub trait Verdict {
    /// Why the value is refused, if it is.
    ///
    /// # Errors
    ///
    /// The reason.
    fn verdict(self) -> Result<(), &'static str>;
}

impl Verdict for bool {
    #[inline]
    fn verdict(self) -> Result<(), &'static str> {
        if self { Ok(()) } else { Err("") }
    }
}

impl Verdict for Result<(), &'static str> {
    #[inline]
    fn verdict(self) -> Result<(), &'static str> {
        self
    }
}

/// A value that breaks a rule of its type.
#[derive(Debug)]
pub struct Refusal {
    rule: &'static str,
    why: &'static str,
}

impl Refusal {
    /// The error of a decoder that stood at `offset` before the value.
    #[cold]
    #[must_use]
    pub fn decoding(self, offset: usize) -> DecodeError {
        DecodeError::new(offset, DecodeErrorKind::Refused { rule: self.rule, why: self.why })
    }

    /// The error of a reader or writer of a layout.
    #[cold]
    #[must_use]
    pub fn in_layout(self) -> LayoutError {
        LayoutError::new(LayoutErrorKind::Refused { rule: self.rule, why: self.why })
    }
}

/// Whether a rule holds.
///
/// # Errors
///
/// If the verdict is against the value.
#[inline]
pub fn rule(rule: &'static str, verdict: impl Verdict) -> Result<(), Refusal> {
    verdict.verdict().map_err(|why| Refusal { rule, why })
}
