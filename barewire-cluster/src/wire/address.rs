//! Who is meant: one life of a node.

use std::fmt;

use barewire_derive::BareSchema;
use barewire_runtime::layout::Uuid;

/// One life of a node: 128 random bits, never used again.
///
/// ```
/// use barewire_cluster::wire::Incarnation;
///
/// let node = Incarnation::from_u128(7);
/// assert_eq!(node.as_u128(), 7);
/// assert_ne!(node, Incarnation::EVERYBODY);
/// ```
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[bare(crate = "::barewire_runtime")]
pub struct Incarnation(Uuid);

impl Incarnation {
    /// No node in particular: the receiver of what is broadcast.
    pub const EVERYBODY: Self = Self::from_u128(0);

    /// The incarnation with these bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(Uuid(bits.to_be_bytes()))
    }

    /// The bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        u128::from_be_bytes(self.0.0)
    }

    /// A new one, from the kernel's random source.
    ///
    /// # Errors
    ///
    /// If the kernel has none to give.
    pub fn random() -> std::io::Result<Self> {
        let mut octets = [0; 16];
        let mut filled = 0;
        while filled < octets.len() {
            let flags = rustix::rand::GetRandomFlags::empty();
            filled += rustix::rand::getrandom(&mut octets[filled..], flags)?;
        }
        Ok(Self(Uuid(octets)))
    }
}

impl fmt::Display for Incarnation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.as_u128())
    }
}

/// What a node is there for.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[bare(crate = "::barewire_runtime")]
pub enum Role {
    /// Hands out tasks and keeps the log; there is one.
    Manager,
    /// Does tasks.
    Worker,
    /// Asks for tasks to be done.
    Client,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manager => "manager",
            Self::Worker => "worker",
            Self::Client => "client",
        })
    }
}
