//! BARE octets: a strict decoder and an encoder into a buffer that is used again.
//!
//! The encoding is BARE as of draft -14: octet-aligned, little-endian, without framing. The decoder
//! refuses whatever a strict one must, with the offset and the path of the fault.

mod copy;
mod decoder;
mod encoder;
mod error;
mod impls;
mod order;
mod pieces;
mod place;
mod plain;
mod raw;
mod sink;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod text;
mod tuples;

pub use decoder::{Decode, Decoder};
pub use encoder::{Encode, Encoder};
pub(crate) use error::prefix;
pub use error::{DecodeError, DecodeErrorKind};
pub use impls::{Int, UInt};
pub(crate) use order::{ascending, in_order, repeated};
pub(crate) use pieces::{Taker, append_value, give_pieces, is_steady, length_of};
#[doc(hidden)]
pub use place::{Made, Place, make};
#[doc(hidden)]
pub use plain::{plain_at, plain_value};
#[doc(hidden)]
pub use raw::{Alike, Level, Plain, Steady};
pub use sink::Sink;

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
    Encoder::new(buffer).value(value);
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

/// Replaces a value by the one that all of `bytes` encode, and uses its memory again.
///
/// ```
/// use barewire_runtime::codec::{decode_into, encode};
/// let mut names = vec![String::from("somebody"), String::from("with a name")];
/// let first = names[0].as_ptr();
/// decode_into(&mut names, &encode(&vec!["Ada"])).unwrap();
/// assert_eq!(names, ["Ada"]);
/// assert_eq!(names[0].as_ptr(), first);
/// ```
///
/// # Errors
///
/// As [`decode`]. Some value of `T` stands there then, neither the old one nor a new one.
pub fn decode_into<'de, T: Decode<'de>>(
    place: &mut T,
    bytes: &'de [u8],
) -> Result<(), DecodeError> {
    let mut input = Decoder::new(bytes);
    T::decode_into(place, &mut input)?;
    input.finish()
}

/// Whether all of `bytes` encode a value, without making one.
///
/// ```
/// use barewire_runtime::codec::verify;
/// assert!(verify::<Vec<String>>(&[1, 2, 0xc3, 0xa9]).is_ok());
/// assert!(verify::<Vec<String>>(&[1, 2, 0xc3]).is_err());
/// ```
///
/// # Errors
///
/// As [`decode`].
pub fn verify<'de, T: Decode<'de>>(bytes: &'de [u8]) -> Result<(), DecodeError> {
    let mut input = Decoder::new(bytes);
    T::verify(&mut input)?;
    input.finish()
}
