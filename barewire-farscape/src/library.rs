//! What the macro knows of a library, as constants: the functions, and what their arguments are.

use std::ffi::c_void;

use crate::mailbox::Words;

/// A library: its name, where it is, and its functions.
#[derive(Debug)]
pub struct Library {
    /// The name that the macro gave it.
    pub name: &'static str,
    /// The names of the file to load; none if the program is linked with the functions.
    pub files: &'static [&'static str],
    /// The functions.
    pub functions: &'static [Function],
}

/// One function.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The name that the linker knows.
    pub symbol: &'static str,
    /// What its arguments are.
    pub slots: &'static [Slot],
    /// What becomes of its result.
    pub give: Give,
    /// Whether a call may be made again.
    pub pure: bool,
    /// Whether callers see `errno`.
    pub errno: bool,
    /// Its address, if the program is linked with it.
    pub address: Option<fn() -> *const c_void>,
    /// Calls the function at an address with arguments of these types.
    pub call: unsafe fn(*const c_void, &Words) -> u64,
}

/// What an argument is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// A number, or a null.
    Value,
    /// An address in shared memory.
    Memory,
    /// A handle of this kind.
    Handle {
        /// A number for the type.
        kind: u32,
        /// Whether the call ends it.
        take: bool,
    },
    /// An address in shared memory, where a handle of this kind goes.
    NewHandle {
        /// A number for the type.
        kind: u32,
    },
}

/// What becomes of a result.
#[derive(Debug, Clone, Copy)]
pub enum Give {
    /// It is a number, or nothing.
    Value,
    /// It is text, to be copied.
    Text {
        /// What frees it.
        free: Option<Free>,
    },
    /// It is a handle of this kind.
    Handle {
        /// A number for the type.
        kind: u32,
    },
}

/// A function that frees a text.
#[derive(Debug, Clone, Copy)]
pub struct Free {
    /// Its name.
    pub symbol: &'static str,
    /// Its address, if the program is linked with it.
    pub address: Option<fn() -> *const c_void>,
}

/// A number for a type of handles (FNV-1a of its name), never 0.
#[must_use]
pub const fn kind_of(name: &str) -> u32 {
    let bytes = name.as_bytes();
    let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
        at += 1;
    }
    if hash == 0 { 1 } else { hash }
}
