//! The one error of the runtime: what went wrong, with which segment, and what to do.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// The result of everything here that may fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to be matched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The name is not one that a segment or a pipe can have.
    InvalidName,
    /// An argument is out of its range (a capacity of 0, a slot too large).
    InvalidArgument,
    /// No segment of that name exists, or nobody alive is attached to it; no server of that pipe.
    NotFound,
    /// A segment of that name exists and somebody is attached to it; the pipe has a server.
    AlreadyExists,
    /// The segment was made with another schema, or the other side of the pipe has another one.
    SchemaMismatch,
    /// The file is not a segment of this format, is truncated, or is of another kind; what came
    /// through the pipe is no frame, or not the one that was due.
    Malformed,
    /// The directory or the file could be changed by somebody else, or is a link.
    Untrusted,
    /// The file system has no room for the segment.
    NoSpace,
    /// As many participants as a segment can hold are attached already.
    TooManyParticipants,
    /// The queue is full.
    Full,
    /// The deadline passed.
    TimedOut,
    /// The message does not fit into its slot, or a value exceeds its cap.
    TooLarge,
    /// A value in the segment is not one of its type.
    InvalidValue,
    /// The server that had taken the call died, or left, before it answered.
    ServerDied,
    /// The server let the call go without a reply.
    Unanswered,
    /// The caller has given the call up.
    Cancelled,
    /// The other side of the pipe has closed it, or has ended.
    Closed,
    /// The other side of the pipe ended in the middle of a message, or the file ends there.
    Truncated,
    /// The other side of the pipe does not accept this one.
    Refused,
    /// The operating system refused.
    Io,
}

struct Inner {
    kind: ErrorKind,
    subject: String,
    detail: Cow<'static, str>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What went wrong with which segment.
///
/// ```
/// use barewire_runtime::{ErrorKind, segment::Directory};
/// let error = Directory::at("/proc/no-such-directory/x").unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Io);
/// assert!(error.to_string().contains("no-such-directory"));
/// ```
pub struct Error(Box<Inner>);

impl Error {
    pub(crate) fn new(
        kind: ErrorKind,
        subject: impl Into<String>,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Box::new(Inner { kind, subject: subject.into(), detail: detail.into(), source: None }))
    }

    pub(crate) fn with(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    /// An error of the operating system; a full file system keeps a kind of its own.
    pub(crate) fn system(subject: &str, doing: &'static str, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull
            | std::io::ErrorKind::QuotaExceeded
            | std::io::ErrorKind::FileTooLarge => ErrorKind::NoSpace,
            _ => ErrorKind::Io,
        };
        Self::new(kind, subject, doing).with(source)
    }

    /// What went wrong, to be matched on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The name of the segment, or the path, that the error is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Whether no segment of that name exists.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }

    /// Whether a segment of that name exists already.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.0.kind == ErrorKind::AlreadyExists
    }

    /// Whether the two sides have different schemas.
    #[must_use]
    pub fn is_schema_mismatch(&self) -> bool {
        self.0.kind == ErrorKind::SchemaMismatch
    }

    /// Whether the queue was full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.kind == ErrorKind::Full
    }

    /// Whether the deadline passed.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
    }

    /// Whether the server that had taken the call died before it answered.
    #[must_use]
    pub fn is_server_died(&self) -> bool {
        self.0.kind == ErrorKind::ServerDied
    }

    /// Whether the server let the call go without a reply.
    #[must_use]
    pub fn is_unanswered(&self) -> bool {
        self.0.kind == ErrorKind::Unanswered
    }

    /// Whether the other side of the pipe has closed it, or has ended.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.kind == ErrorKind::Closed
    }

    /// Whether the other side of the pipe ended in the middle of a message.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        self.0.kind == ErrorKind::Truncated
    }

    /// Whether what came is not of the format.
    #[must_use]
    pub fn is_malformed(&self) -> bool {
        self.0.kind == ErrorKind::Malformed
    }

    /// Whether a message was larger than it may be.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        self.0.kind == ErrorKind::TooLarge
    }

    /// Whether the other side of the pipe does not accept this one.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.0.kind == ErrorKind::Refused
    }

    /// What went wrong, without the subject; for the other crates of the project.
    #[doc(hidden)]
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The same error once more, without its source.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.0.kind, self.0.subject.clone(), self.0.detail.clone())
    }

    /// Whether the caller has given the call up.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.kind == ErrorKind::Cancelled
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.subject, self.0.detail)?;
        match &self.0.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

impl From<crate::layout::LayoutError> for Error {
    fn from(error: crate::layout::LayoutError) -> Self {
        let kind = match error.kind() {
            crate::layout::LayoutErrorKind::OverCap { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::InvalidValue,
        };
        Self::new(kind, "fixed layout", error.to_string())
    }
}
