//! How Rust's own types are written and read.

mod containers;
mod maps;
mod numbers;
mod text;

pub use numbers::{Int, UInt};
