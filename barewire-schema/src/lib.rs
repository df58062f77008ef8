//! What both sides agree on: BARE types, their rules, sizes, fixed layout and fingerprints.
//!
//! One model, [`Type`], serves schemas that a derive made at compile time, that a program put
//! together, and that were read from BARE text. Everything that is computed from it is a constant
//! function, so that the compiler and a running program come to the same result.
//!
//! ```
//! use barewire_schema::Schema;
//! let schema = Schema::parse("demo", "type Point struct { x: f32 y: f32 }")?.validate()?;
//! assert_eq!(schema.root().fixed_size(), Some(8));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

pub mod build;
#[cfg(feature = "c")]
pub mod c;
pub mod check;
mod compatibility;
mod difference;
mod fingerprint;
mod layout;
mod message;
mod model;
mod parse;
mod print;
mod rust;
mod schema;
mod size;
mod validate;
#[doc(hidden)]
pub mod words;

pub use compatibility::{Compatibility, Reason, Relation, Verdict, compatibility};
pub use difference::{Difference, difference};
pub use fingerprint::Fingerprint;
pub use layout::{Layout, MAX_ALIGN, MAX_LAYOUT_BYTES, count_size, is_alignment, pads, tag_size};
pub use model::{BareSchema, EnumMember, Field, Link, Max, Name, Type, UnionMember};
pub use parse::{ParseError, ParseErrors};
pub use rust::PairCaps;
pub use schema::{Draft, Schema, Validated};
pub use size::Class;
pub use validate::{
    MAX_DEPTH, MAX_NODES, SchemaError, SchemaErrors, is_field_name, is_member_name, is_type_name,
};
