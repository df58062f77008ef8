//! README.md and the pages of docs/ as documentation tests: `cargo test` compiles their blocks of
//! Rust and runs those that are not marked `no_run`.
//!
//! `build.rs` finds the pages; `tests/commands.rs` runs their command lines.

pub mod plot;

use std::path::PathBuf;

#[cfg(doctest)]
include!(concat!(env!("OUT_DIR"), "/pages.rs"));

/// Gives this process a directory of its own for segments and pipes, until the result is dropped.
///
/// A process that a block starts has the same one.
pub fn apart() -> Apart {
    let variable = barewire::segment::DIRECTORY_VARIABLE;
    if let Some(inherited) = std::env::var_os(variable) {
        return Apart { path: inherited.into(), made: false };
    }
    let path = std::env::temp_dir().join(format!("barewire-guide-{}", std::process::id()));
    // SAFETY: a block of a page calls this first, before it has started a thread that could read
    // the environment; rustdoc gives each block a process.
    unsafe { std::env::set_var(variable, &path) };
    Apart { path, made: true }
}

/// A directory that goes with whoever has made it.
pub struct Apart {
    path: PathBuf,
    made: bool,
}

impl Drop for Apart {
    fn drop(&mut self) {
        if self.made {
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
