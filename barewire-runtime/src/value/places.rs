//! Where the parts of a value stand inside its fixed layout.

use barewire_schema::{Field, Type, count_size};

use super::{ValueError, ValueErrorKind};

#[inline]
fn no_layout() -> ValueError {
    ValueError::new(ValueErrorKind::NoLayout)
}

#[inline]
fn narrow(number: u64) -> Result<usize, ValueError> {
    usize::try_from(number).map_err(|_| no_layout())
}

/// Size and alignment.
#[inline]
pub(super) fn size_and_align(ty: &Type) -> Result<(usize, usize), ValueError> {
    let layout = ty.layout().ok_or_else(no_layout)?;
    Ok((narrow(layout.size)?, narrow(layout.align)?))
}

/// That `bytes` are as many as the layout of `ty` takes.
#[inline]
pub(super) fn check_size(ty: &Type, bytes: &[u8]) -> Result<(), ValueError> {
    let expected = ty.layout().ok_or_else(no_layout)?.size;
    let found = bytes.len() as u64;
    if expected == found {
        return Ok(());
    }
    Err(ValueError::new(ValueErrorKind::Size { expected, found }))
}

/// A count and the items after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items {
    /// The width of the count, which is where the first item stands.
    pub(super) first: usize,
    /// The size of an item.
    pub(super) size: usize,
    cap: u64,
}

impl Items {
    /// Items of this size and alignment.
    #[inline]
    pub(super) fn new((size, align): (usize, usize), cap: Option<u64>) -> Result<Self, ValueError> {
        // The count of a layout never exceeds 32 bits.
        let cap = cap.ok_or_else(no_layout)?.min(u64::from(u32::MAX));
        Ok(Self { first: narrow(count_size(align as u64))?, size, cap })
    }

    /// The count, if it is not over the cap.
    #[inline]
    pub(super) fn check(&self, count: u64) -> Result<usize, ValueError> {
        match usize::try_from(count) {
            Ok(narrow) if count <= self.cap => Ok(narrow),
            _ => Err(ValueError::new(ValueErrorKind::OverCap { count, cap: self.cap })),
        }
    }

    /// The count that stands at the start of `bytes`.
    #[inline]
    pub(super) fn read_count(&self, bytes: &[u8]) -> Result<usize, ValueError> {
        self.check(number(&bytes[..self.first]))
    }

    /// Writes the count.
    #[inline]
    pub(super) fn write_count(&self, bytes: &mut [u8], count: usize) -> Result<(), ValueError> {
        let count = self.check(count as u64)? as u64;
        put(&mut bytes[..self.first], count);
        Ok(())
    }
}

/// Offset and size of each field.
#[inline]
pub(super) fn fields(fields: &[Field]) -> Result<Vec<(usize, usize)>, ValueError> {
    let mut offset = 0_usize;
    let mut places = Vec::with_capacity(fields.len());
    for field in fields {
        let layout = field.layout().ok_or_else(no_layout)?;
        let (size, align) = (narrow(layout.size)?, narrow(layout.align)?);
        offset = offset.next_multiple_of(align);
        places.push((offset, size));
        offset += size;
    }
    Ok(places)
}

/// The little-endian number that up to eight bytes hold, or the first eight.
#[inline]
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// Writes a little-endian number into up to eight bytes, or the first eight.
#[inline]
pub(super) fn put(bytes: &mut [u8], number: u64) {
    for (byte, octet) in bytes.iter_mut().zip(number.to_le_bytes()) {
        *byte = octet;
    }
}

/// The width of an enum's value or a union's tag.
#[inline]
pub(super) fn tag_width(ty: &Type) -> usize {
    if barewire_schema::tag_size(ty) > 4 { 8 } else { 4 }
}

/// Where the payload of a union stands.
#[inline]
pub(super) fn payload(ty: &Type) -> Result<usize, ValueError> {
    narrow(ty.payload_offset().ok_or_else(no_layout)?)
}
