//! Tests on token streams.
