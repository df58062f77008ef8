//! Schemas of many shapes in the hands of vbare, another strict implementation of BARE.
//!
//! For the tests alone. `every_shape!(name)` calls the macro `name` with
//! `shape { its types } …`, so that a test can have this project's types for them as well.

use vbare::{Bytes, Wire};

/// What vbare's compiler makes of each schema.
#[allow(warnings, clippy::all, clippy::undocumented_unsafe_blocks)]
mod theirs {
    include!(concat!(env!("OUT_DIR"), "/combined_imports.rs"));
}

/// One schema, and vbare's opinion on octets.
pub struct Shape {
    /// A name for people.
    pub name: &'static str,
    /// BARE text; the root is its last type.
    pub text: &'static str,
    /// Whether octets are a value, and which.
    pub answer: fn(&[u8]) -> Result<Answer, String>,
}

/// What vbare makes of octets that it accepts.
pub struct Answer {
    /// The value encoded again as it was read in place.
    pub in_place: Vec<u8>,
    /// The owned value encoded again, which sorts maps by key.
    pub sorted: Vec<u8>,
}

include!(concat!(env!("OUT_DIR"), "/table.rs"));
include!(concat!(env!("OUT_DIR"), "/every_shape.rs"));

fn answer<W: Wire>(octets: &[u8]) -> Result<Answer, String> {
    let octets = Bytes::copy_from_slice(octets);
    let owned = vbare::decode::<W>(&octets).map_err(|error| error.to_string())?;
    let seen = vbare::verify::<W>(&octets).map_err(|error| error.to_string())?;
    let (mut in_place, mut sorted) = (Vec::new(), Vec::new());
    W::encode_ref(seen, &mut in_place);
    W::encode(&owned, &mut sorted);
    Ok(Answer { in_place, sorted })
}
