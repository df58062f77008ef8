//! Values in the segment: read and filled in place, or through copies if the peers are not trusted.

use barewire_schema::check;
use zerocopy::{FromZeros, IntoBytes};

use super::payload::{self, is_encoded};
use super::shared::Shared;
use crate::codec::{Decode, Encode};
use crate::error::Result;
use crate::layout::FixedLayout;

/// Bytes of the segment that the protocol gives to one handle for now.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) at: usize,
    pub(super) len: usize,
}

/// A value that another participant has written.
pub(super) enum Received<T: FixedLayout> {
    /// Where it was written; nobody writes there while this handle lives.
    InPlace(Place),
    /// Copied out, because others may write there all the same.
    Layout(Box<T::Layout>),
    Octets(Vec<u8>),
}

impl<T: FixedLayout> Received<T> {
    #[cold]
    fn copied(shared: &Shared, place: Place) -> Self {
        let map = shared.segment().map();
        if is_encoded::<T>() {
            let mut octets = vec![0; place.len];
            map.read_volatile(place.at, &mut octets);
            return Self::Octets(octets);
        }
        let mut layout = payload::zeroed::<T>();
        map.read_volatile(place.at, layout.as_mut_bytes());
        Self::Layout(layout)
    }

    pub(super) fn bytes<'a>(&'a self, shared: &'a Shared) -> &'a [u8] {
        match self {
            Self::InPlace(place) => shared.bytes(*place),
            Self::Layout(layout) => layout.as_bytes(),
            Self::Octets(octets) => octets,
        }
    }

    #[inline]
    pub(super) fn layout<'a>(&'a self, shared: &'a Shared) -> &'a T::Layout {
        const { check::assert_bounded(T::TYPE) };
        match self {
            Self::Layout(layout) => layout,
            _ => payload::layout::<T>(self.bytes(shared)),
        }
    }

    pub(super) fn read(&self, shared: &Shared) -> Result<T>
    where
        T: for<'de> Decode<'de>,
    {
        payload::read(shared.name(), self.bytes(shared))
    }
}

/// A value that is being filled in place; all zeroes at first.
pub(super) enum Draft<T: FixedLayout> {
    InPlace(Place),
    /// In memory that nobody else can write to; copied to its place when it is sent.
    Copy(Box<T::Layout>, Place),
}

impl<T: FixedLayout> Draft<T> {
    pub(super) fn layout<'a>(&'a self, shared: &'a Shared) -> &'a T::Layout {
        match self {
            Self::InPlace(place) => payload::layout::<T>(shared.bytes(*place)),
            Self::Copy(layout, _) => layout,
        }
    }

    pub(super) fn layout_mut<'a>(&'a mut self, shared: &'a Shared) -> &'a mut T::Layout {
        match self {
            Self::InPlace(place) => payload::layout_mut::<T>(shared.bytes_mut(*place)),
            Self::Copy(layout, _) => layout,
        }
    }

    /// Puts the value where its receiver reads it.
    pub(super) fn write(&self, shared: &Shared) {
        if let Self::Copy(layout, place) = self {
            shared.segment().map().write_volatile(place.at, layout.as_bytes());
        }
    }
}

impl Shared {
    /// What another participant has written to a place, of which `bytes` count if the type is
    /// encoded.
    #[inline]
    pub(super) fn receive<T: FixedLayout>(&self, place: Place, bytes: usize) -> Received<T> {
        let len = if is_encoded::<T>() { bytes.min(place.len) } else { place.len };
        let place = Place { len, ..place };
        if self.is_isolated() { Received::copied(self, place) } else { Received::InPlace(place) }
    }

    /// Begins to fill a place.
    pub(super) fn draft<T: FixedLayout>(&self, place: Place) -> Draft<T> {
        if self.is_isolated() {
            return Draft::Copy(payload::zeroed::<T>(), place);
        }
        payload::layout_mut::<T>(self.bytes_mut(place)).zero();
        Draft::InPlace(place)
    }

    /// Writes a value to a place; returns how many bytes it takes.
    #[inline]
    pub(super) fn store<T: FixedLayout + Encode>(&self, place: Place, value: &T) -> Result<usize> {
        if self.is_isolated() {
            return self.store_copy(place, value);
        }
        payload::store(self.name(), self.bytes_mut(place), value)
    }

    #[cold]
    fn store_copy<T: FixedLayout + Encode>(&self, place: Place, value: &T) -> Result<usize> {
        let map = self.segment().map();
        if is_encoded::<T>() {
            let octets = payload::encode(self.name(), place.len, value)?;
            map.write_volatile(place.at, &octets);
            return Ok(octets.len());
        }
        let mut layout = payload::zeroed::<T>();
        let bytes = payload::store(self.name(), layout.as_mut_bytes(), value)?;
        map.write_volatile(place.at, layout.as_bytes());
        Ok(bytes)
    }
}
