//! Values in their places: as a fixed layout, or as BARE octets if the type is unbounded.

use std::fmt::Display;

use zerocopy::{FromBytes, FromZeros};

use crate::codec::{self, Decode, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;

/// Whether values of `T` travel as BARE octets.
pub(super) const fn is_encoded<T: FixedLayout>() -> bool {
    const { T::TYPE.layout().is_none() }
}

/// Writes a value; returns how many bytes it takes.
pub(super) fn store<T: FixedLayout + Encode>(
    name: &str,
    place: &mut [u8],
    value: &T,
) -> Result<usize> {
    let too_large = |detail: String| Error::new(ErrorKind::TooLarge, name, detail);
    if is_encoded::<T>() {
        let octets = codec::encode(value);
        let room = place.len();
        let Some(target) = place.get_mut(..octets.len()) else {
            let detail =
                format!("the value takes {} bytes, the service has room for {room}", octets.len());
            return Err(too_large(detail));
        };
        target.copy_from_slice(&octets);
        return Ok(octets.len());
    }
    value.store(layout_mut::<T>(place)).map_err(|error| too_large(error.to_string()))?;
    Ok(size_of::<T::Layout>())
}

/// The value that stands in `bytes`, checked.
pub(super) fn read<T>(name: &str, bytes: &[u8]) -> Result<T>
where
    T: FixedLayout + for<'de> Decode<'de>,
{
    let invalid =
        |error: &dyn Display| Error::new(ErrorKind::InvalidValue, name, error.to_string());
    if is_encoded::<T>() {
        codec::decode(bytes).map_err(|error| invalid(&error))
    } else {
        T::load(layout::<T>(bytes)).map_err(|error| invalid(&error))
    }
}

pub(super) fn layout<T: FixedLayout>(bytes: &[u8]) -> &T::Layout {
    match T::Layout::ref_from_bytes(bytes) {
        Ok(layout) => layout,
        // A place has the layout's size and starts at a multiple of 8: checked when attaching.
        Err(_) => unreachable!("a place holds the layout"),
    }
}

pub(super) fn layout_mut<T: FixedLayout>(bytes: &mut [u8]) -> &mut T::Layout {
    match T::Layout::mut_from_bytes(bytes) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a place holds the layout"),
    }
}

/// The place as a layout of all zeroes.
pub(super) fn zero<T: FixedLayout>(bytes: &mut [u8]) {
    layout_mut::<T>(bytes).zero();
}
