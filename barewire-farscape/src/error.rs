//! The error of a call: which function, what happened, what to do.

use std::fmt;

/// The result of everything here that may fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, to be matched on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The worker died by this signal while it had the call.
    Crashed {
        /// As in `<signal.h>`: 11 is SIGSEGV, 6 SIGABRT, 31 SIGSYS (the sandbox).
        signal: i32,
    },
    /// The worker ended by itself while it had the call.
    Exited {
        /// What it said to `exit`.
        code: i32,
    },
    /// The deadline passed; the worker has been ended.
    TimedOut,
    /// The worker answered what the function cannot have answered; it has been ended.
    Violation,
    /// The handle is of a worker that is gone, has been given back, or is of another type.
    StaleHandle,
    /// The arguments contradict each other, or do not fit into their C types.
    InvalidArgument,
    /// A text or an argument is larger than there is room for.
    TooLarge,
    /// The library, or a function of it, was not found.
    NotFound,
    /// A value that came back is not one of its type.
    InvalidValue,
    /// What is there has another schema.
    SchemaMismatch,
    /// No worker could be started.
    NotStarted,
    /// The operating system refused.
    Io,
}

struct Inner {
    kind: ErrorKind,
    subject: String,
    detail: String,
}

/// What went wrong in a call or with a library.
///
/// ```
/// use barewire_farscape::{Dynamic, ErrorKind, Options};
/// // SAFETY: there is no such library, so nothing of it is called.
/// let options = unsafe { Options::in_process() };
/// let error = Dynamic::start(&options, &["libno-such.so.1"], &["int f(void)"]).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// assert!(error.to_string().contains("libno-such.so.1"));
/// ```
pub struct Error(Box<Inner>);

impl Error {
    #[cold]
    pub(crate) fn new(
        kind: ErrorKind,
        subject: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self(Box::new(Inner { kind, subject: subject.into(), detail: detail.into() }))
    }

    #[cold]
    pub(crate) fn io(subject: &str, doing: &str, error: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Io, subject, format!("{doing}: {error}"))
    }

    /// The same error, of this function.
    #[cold]
    pub(crate) fn of(mut self, function: &str) -> Self {
        if self.0.subject.is_empty() {
            function.clone_into(&mut self.0.subject);
        }
        self
    }

    /// What went wrong, to be matched on.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The function or the library that the error is about.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// Whether the worker died while it had the call.
    #[must_use]
    pub fn is_crash(&self) -> bool {
        matches!(self.0.kind, ErrorKind::Crashed { .. } | ErrorKind::Exited { .. })
    }

    /// Whether the deadline passed.
    #[must_use]
    pub fn is_timed_out(&self) -> bool {
        self.0.kind == ErrorKind::TimedOut
    }

    /// Whether the handle is of a worker that is gone, or has been given back.
    #[must_use]
    pub fn is_stale_handle(&self) -> bool {
        self.0.kind == ErrorKind::StaleHandle
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.subject, self.0.detail)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}

impl std::error::Error for Error {}

/// So that `?` works in a program that calls C and shares memory.
///
/// ```
/// use barewire_farscape::ErrorKind;
/// use barewire_runtime::ipc::MessageQueue;
///
/// fn open() -> barewire_farscape::Result<MessageQueue<u32>> {
///     Ok(MessageQueue::open("docs-no-such-queue")?)
/// }
/// assert_eq!(open().unwrap_err().kind(), ErrorKind::NotFound);
/// ```
impl From<barewire_runtime::Error> for Error {
    fn from(error: barewire_runtime::Error) -> Self {
        use barewire_runtime::ErrorKind as Kind;
        let kind = match error.kind() {
            Kind::NotFound => ErrorKind::NotFound,
            Kind::SchemaMismatch => ErrorKind::SchemaMismatch,
            Kind::TimedOut => ErrorKind::TimedOut,
            Kind::TooLarge => ErrorKind::TooLarge,
            Kind::InvalidValue => ErrorKind::InvalidValue,
            Kind::InvalidName | Kind::AlreadyExists | Kind::InvalidArgument => {
                ErrorKind::InvalidArgument
            }
            _ => ErrorKind::Io,
        };
        Self::new(kind, error.subject(), error.detail())
    }
}
