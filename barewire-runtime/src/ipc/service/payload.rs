//! Values in their places: as a fixed layout, or as BARE octets if the type is unbounded.

use std::alloc::{Layout, handle_alloc_error};
use std::fmt::Display;

use zerocopy::{FromBytes, FromZeros};

use crate::codec::{self, Decode, Encode};
use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;

/// Whether values of `T` travel as BARE octets.
pub(super) const fn is_encoded<T: FixedLayout>() -> bool {
    const { T::TYPE.layout().is_none() }
}

fn too_large(name: &str, detail: String) -> Error {
    Error::new(ErrorKind::TooLarge, name, detail)
}

/// The octets of a value for which there is so much room.
pub(super) fn encode<T: Encode>(name: &str, room: usize, value: &T) -> Result<Vec<u8>> {
    let octets = codec::encode(value);
    let bytes = octets.len();
    if bytes > room {
        let detail = format!("the value takes {bytes} bytes, the service has room for {room}");
        return Err(too_large(name, detail));
    }
    Ok(octets)
}

/// Writes a value; returns how many bytes it takes.
pub(super) fn store<T: FixedLayout + Encode>(
    name: &str,
    place: &mut [u8],
    value: &T,
) -> Result<usize> {
    if is_encoded::<T>() {
        let octets = encode(name, place.len(), value)?;
        place[..octets.len()].copy_from_slice(&octets);
        return Ok(octets.len());
    }
    let stored = value.store(layout_mut::<T>(place));
    stored.map_err(|error| too_large(name, error.to_string()))?;
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
        // A place has the layout's size and starts where its alignment lets it: both
        // follow from the sizes, which are checked when attaching.
        Err(_) => unreachable!("a place holds the layout"),
    }
}

pub(super) fn layout_mut<T: FixedLayout>(bytes: &mut [u8]) -> &mut T::Layout {
    match T::Layout::mut_from_bytes(bytes) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a place holds the layout"),
    }
}

/// A layout of all zeroes in memory of this process.
pub(super) fn zeroed<T: FixedLayout>() -> Box<T::Layout> {
    let layout = T::Layout::new_box_zeroed();
    layout.unwrap_or_else(|_| handle_alloc_error(Layout::new::<T::Layout>()))
}
