//! Kinds of tasks, by name and types.

use std::fmt;
use std::marker::PhantomData;

use barewire_runtime::BareSchema;
use barewire_runtime::codec::{Decode, Encode};
use barewire_runtime::layout::Uuid;
use barewire_runtime::schema::Schema;

use crate::error::ClusterError;
use crate::wire::Declaration;

/// The longest name of a kind of tasks.
const MAX_NAME_BYTES: usize = 128;

/// A value that travels: BARE octets say all of it.
pub trait Value: BareSchema + Encode + for<'de> Decode<'de> + Send + 'static {}

impl<T: BareSchema + Encode + for<'de> Decode<'de> + Send + 'static> Value for T {}

/// A kind of tasks: what it is called, what it asks and what it answers.
///
/// ```
/// use barewire_cluster::Task;
///
/// const LENGTH: Task<String, u64> = Task::new("length");
/// assert_eq!(LENGTH.name(), "length");
/// ```
pub struct Task<Q, R> {
    name: &'static str,
    _types: PhantomData<fn(Q) -> R>,
}

impl<Q, R> Task<Q, R> {
    /// A kind of that name. All who use the name must use the same types.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name, _types: PhantomData }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<Q, R> Clone for Task<Q, R> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Q, R> Copy for Task<Q, R> {}

impl<Q, R> fmt::Debug for Task<Q, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}

impl<Q: Value, R: Value> Task<Q, R> {
    pub(crate) fn declaration(&self, index: u16) -> Result<Declaration, ClusterError> {
        if self.name.is_empty() || self.name.len() > MAX_NAME_BYTES {
            let reason = format!("a kind of tasks has a name of 1 to {MAX_NAME_BYTES} octets");
            return Err(ClusterError::Invalid(reason));
        }
        Ok(Declaration {
            index,
            name: self.name.to_owned(),
            request: Schema::from_type(Q::TYPE).to_string(),
            response: Schema::from_type(R::TYPE).to_string(),
            wire: (Uuid(Q::TYPE.wire_id().0), Uuid(R::TYPE.wire_id().0)),
        })
    }
}

/// Why an attempt has failed, as the one who does the task says.
///
/// ```
/// use barewire_cluster::Failure;
///
/// let busy = Failure::new("the printer is busy");
/// assert!(busy.is_retried());
/// assert!(!Failure::for_good("there is no such page").is_retried());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub(crate) reason: String,
    pub(crate) retry: bool,
}

impl Failure {
    /// Another attempt may succeed.
    pub fn new(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), retry: true }
    }

    /// No attempt will succeed.
    pub fn for_good(reason: impl fmt::Display) -> Self {
        Self { reason: reason.to_string(), retry: false }
    }

    /// Whether another attempt may succeed.
    #[must_use]
    pub fn is_retried(&self) -> bool {
        self.retry
    }
}
