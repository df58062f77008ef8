//! BARE octets: a strict decoder and an encoder into a buffer that is used again.
//!
//! The encoding is BARE as of draft -14: octet-aligned, little-endian, without framing. The decoder
//! refuses whatever a strict one must, with the offset and the path of the fault.

mod decoder;
mod encoder;
mod error;
mod impls;
mod tuples;

pub use decoder::{Decode, Decoder};
pub use encoder::{Encode, Encoder};
pub(crate) use encoder::{in_order, repeated};
pub(crate) use error::prefix;
pub use error::{DecodeError, DecodeErrorKind};
pub use impls::{Int, UInt};

/// The octets of a value.
///
/// ```
/// use barewire_runtime::codec::encode;
/// assert_eq!(encode("é"), [0x02, 0xc3, 0xa9]);
/// ```
pub fn encode<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut buffer = Vec::new();
    encode_into(value, &mut buffer);
    buffer
}

/// Replaces what `buffer` holds by the octets of a value, and keeps its memory.
pub fn encode_into<T: Encode + ?Sized>(value: &T, buffer: &mut Vec<u8>) {
    buffer.clear();
    value.encode(&mut Encoder::new(buffer));
}

/// The octets of a value in deterministic mode: equal values always give equal octets.
///
/// Pairs of a map stand in ascending order of their encoded keys, and every NaN is the quiet one
/// without payload. This is an addition to BARE that every BARE decoder reads.
pub fn encode_deterministic<T: Encode + ?Sized>(value: &T) -> Vec<u8> {
    let mut buffer = Vec::new();
    value.encode(&mut Encoder::deterministic(&mut buffer));
    buffer
}

/// The value that all of `bytes` encode; it may borrow from them.
///
/// ```
/// use barewire_runtime::codec::decode;
/// assert_eq!(decode::<&str>(&[2, 0xc3, 0xa9]).unwrap(), "é");
/// assert!(decode::<bool>(&[2]).is_err());
/// ```
///
/// # Errors
///
/// Where and why the octets are no value of `T`; octets left over are an error.
pub fn decode<'de, T: Decode<'de>>(bytes: &'de [u8]) -> Result<T, DecodeError> {
    let mut input = Decoder::new(bytes);
    let value = T::decode(&mut input)?;
    input.finish()?;
    Ok(value)
}
