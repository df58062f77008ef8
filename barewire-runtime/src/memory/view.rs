//! Views: a typed value inside a memory, by name, by checked path, or in place.

use std::marker::PhantomData;

use barewire_schema::check;
use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::path::Guard;
use super::{FieldPath, InPlace, Memory, Offset, Path, Place, Private, Tag};
use crate::layout::{FixedLayout, LayoutError, LayoutErrorKind};
use crate::value::{Value, ValueError, ValueErrorKind};
use crate::{Error, ErrorKind, Result};

/// A `T` in a memory, to be read.
#[derive(Debug)]
pub struct View<'r, T, R: Tag = Private> {
    memory: &'r Memory<R>,
    at: Offset,
    value: PhantomData<fn() -> T>,
}

/// A `T` in a memory, to be read and written.
#[derive(Debug)]
pub struct ViewMut<'r, T, R: Tag = Private> {
    memory: &'r mut Memory<R>,
    at: Offset,
    value: PhantomData<fn(T) -> T>,
}

/// The path of an error: the part that was asked for, then the way on from there.
#[inline]
fn joined(path: &str, rest: &str) -> String {
    match (path, rest) {
        ("", "") => "the value".to_owned(),
        ("", path) | (path, "") => path.to_owned(),
        (path, rest) if rest.starts_with('[') => format!("{path}{rest}"),
        (path, rest) => format!("{path}.{rest}"),
    }
}

#[inline]
fn value_error(path: &str, error: &ValueError) -> Error {
    let kind = match error.kind() {
        ValueErrorKind::OverCap { .. } => ErrorKind::TooLarge,
        _ => ErrorKind::InvalidValue,
    };
    Error::new(kind, joined(path, error.path()), error.kind().to_string())
}

#[inline]
fn layout_error(path: &str, error: &LayoutError) -> Error {
    let kind = match error.kind() {
        LayoutErrorKind::OverCap { .. } => ErrorKind::TooLarge,
        _ => ErrorKind::InvalidValue,
    };
    let whole = error.to_string();
    let detail = whole.strip_prefix(&format!("{}: ", error.path())).unwrap_or(&whole).to_owned();
    Error::new(kind, joined(path, error.path()), detail)
}

#[inline]
fn misaligned(path: &str, align: usize, at: Offset) -> Error {
    let detail = format!("expected a place aligned to {align} bytes, found {at}");
    Error::new(ErrorKind::InvalidArgument, joined(path, ""), detail)
}

#[inline]
fn check<T: FixedLayout, R: Tag>(memory: &Memory<R>, at: Offset) -> Result<()> {
    const { check::assert_bounded(T::TYPE) };
    memory.place(at, size_of::<T::Layout>())?;
    // Regions begin at a multiple of at least 64, which no layout's alignment exceeds.
    match at.get().is_multiple_of(align_of::<T::Layout>() as u64) {
        true => Ok(()),
        false => Err(misaligned("", align_of::<T::Layout>(), at)),
    }
}

impl<'r, T: FixedLayout, R: Tag> View<'r, T, R> {
    /// The `T` at an offset of a memory.
    ///
    /// # Errors
    ///
    /// If it does not lie inside the memory, or the offset is not aligned as `T` is.
    #[inline]
    pub fn new(memory: &'r Memory<R>, at: Offset) -> Result<Self> {
        check::<T, R>(memory, at)?;
        Ok(Self { memory, at, value: PhantomData })
    }

    /// The part that a path leads to.
    ///
    /// # Errors
    ///
    /// If the path leads nowhere, or the bytes there hold no value.
    #[inline]
    pub fn get(&self, path: &str) -> Result<Value> {
        let path = Path::parse(path)?;
        let place = path.resolve(T::TYPE)?;
        let size = place.ty().layout().map_or(0, |layout| layout.size);
        let mut bytes = vec![0; super::Bytes::new(size).to_usize()?];
        self.memory.read(self.start(path.as_str(), &place)?, &mut bytes)?;
        Value::load(place.ty(), &bytes).map_err(|error| value_error(path.as_str(), &error))
    }

    /// A copy of the part that a checked path leads to.
    ///
    /// # Errors
    ///
    /// If the bytes there hold no value, or the part is not there: an item beyond the count, the
    /// value of an optional that is none, another member of a union.
    #[inline]
    pub fn read<F: FixedLayout<C>, C>(&self, path: &FieldPath<T, F, C>) -> Result<F> {
        let at = self.start(path.as_str(), &path.place)?;
        self.copy(path.as_str(), at)
    }

    /// A copy of the whole value.
    ///
    /// # Errors
    ///
    /// If the bytes hold no value.
    #[inline]
    pub fn load(&self) -> Result<T> {
        self.copy("", self.at)
    }

    #[inline]
    fn copy<F: FixedLayout<C>, C>(&self, path: &str, at: Offset) -> Result<F> {
        let mut layout = F::Layout::new_box_zeroed().map_err(|_| no_memory::<F::Layout>(path))?;
        self.memory.read(at, layout.as_mut_bytes())?;
        F::load(&layout).map_err(|error| layout_error(path, &error))
    }

    /// Where a place begins in the memory, if it is there.
    #[inline]
    fn start(&self, path: &str, place: &Place<'_>) -> Result<Offset> {
        for (guard, offset, width) in &place.guards {
            let mut bytes = [0; 8];
            let at = self.at.checked_add(super::Bytes::new(offset.get()))?;
            self.memory.read(at, &mut bytes[..*width])?;
            let found = u64::from_le_bytes(bytes);
            let expected = match *guard {
                Guard::Count { index, cap } if index < found && found <= cap => continue,
                Guard::Present if found == 1 => continue,
                Guard::Tag(tag) if found == tag => continue,
                Guard::Count { index, cap } => format!("between {} and {cap} items", index + 1),
                Guard::Present => "the flag 1 of a value that is there".to_owned(),
                Guard::Tag(tag) => format!("the union's tag {tag}"),
            };
            let detail = format!("expected {expected}, found {found}");
            return Err(Error::new(ErrorKind::InvalidValue, joined(path, ""), detail));
        }
        self.at.checked_add(super::Bytes::new(place.offset().get()))
    }
}

#[inline]
fn no_memory<L>(path: &str) -> Error {
    let detail = format!("expected {} bytes of memory for a copy, found less", size_of::<L>());
    Error::new(ErrorKind::NoSpace, joined(path, ""), detail)
}

impl<'r, T: FixedLayout, R: InPlace> View<'r, T, R> {
    /// The fixed layout, in place. What its fields mean is checked when they are read.
    ///
    /// # Errors
    ///
    /// If it does not lie inside the memory; [`new`](Self::new) has seen to it that it does.
    #[inline]
    pub fn as_layout(&self) -> Result<&'r T::Layout> {
        self.in_place("", self.at)
    }

    /// The part that a checked path leads to, in place.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and for parts of a map's pairs, which need not be aligned.
    #[inline]
    pub fn field<F: FixedLayout<C>, C>(&self, path: &FieldPath<T, F, C>) -> Result<&'r F::Layout> {
        let at = self.start(path.as_str(), &path.place)?;
        self.in_place(path.as_str(), at)
    }

    #[inline]
    fn in_place<L: crate::layout::Layout>(&self, path: &str, at: Offset) -> Result<&'r L> {
        let start = self.memory.place(at, size_of::<L>())?;
        L::ref_from_bytes(&self.memory.bytes()[start..start + size_of::<L>()])
            .map_err(|_| misaligned(path, align_of::<L>(), at))
    }
}

impl<'r, T: FixedLayout, R: Tag> ViewMut<'r, T, R> {
    /// The `T` at an offset of a memory.
    ///
    /// # Errors
    ///
    /// If it does not lie inside the memory, or the offset is not aligned as `T` is.
    #[inline]
    pub fn new(memory: &'r mut Memory<R>, at: Offset) -> Result<Self> {
        check::<T, R>(memory, at)?;
        Ok(Self { memory, at, value: PhantomData })
    }

    /// The same value, to be read.
    #[must_use]
    #[inline]
    pub fn as_view(&self) -> View<'_, T, R> {
        View { memory: self.memory, at: self.at, value: PhantomData }
    }

    /// As [`View::get`].
    ///
    /// # Errors
    ///
    /// As [`View::get`].
    #[inline]
    pub fn get(&self, path: &str) -> Result<Value> {
        self.as_view().get(path)
    }

    /// As [`View::read`].
    ///
    /// # Errors
    ///
    /// As [`View::read`].
    #[inline]
    pub fn read<F: FixedLayout<C>, C>(&self, path: &FieldPath<T, F, C>) -> Result<F> {
        self.as_view().read(path)
    }

    /// As [`View::load`].
    ///
    /// # Errors
    ///
    /// As [`View::load`].
    #[inline]
    pub fn load(&self) -> Result<T> {
        self.as_view().load()
    }

    /// Replaces the part that a path leads to; after an error it is what it was.
    ///
    /// # Errors
    ///
    /// If the path leads nowhere, to a part that is not there, or to a map's key, which is set with
    /// the whole map; if the value is of another type or exceeds a cap.
    #[inline]
    pub fn set(&mut self, path: &str, value: Value) -> Result<()> {
        let path = Path::parse(path)?;
        let place = path.resolve(T::TYPE)?;
        let at = self.writable(path.as_str(), &place)?;
        let size = place.ty().layout().map_or(0, |layout| layout.size);
        let mut bytes = vec![0; super::Bytes::new(size).to_usize()?];
        value.store(place.ty(), &mut bytes).map_err(|error| value_error(path.as_str(), &error))?;
        self.memory.write(at, &bytes)
    }

    /// Replaces the part that a checked path leads to; after an error it is what it was.
    ///
    /// # Errors
    ///
    /// As [`set`](Self::set), types aside.
    #[inline]
    pub fn write<F: FixedLayout<C>, C>(
        &mut self,
        path: &FieldPath<T, F, C>,
        value: &F,
    ) -> Result<()> {
        let at = self.writable(path.as_str(), &path.place)?;
        self.put(path.as_str(), at, value)
    }

    /// Replaces the whole value; after an error it is what it was.
    ///
    /// # Errors
    ///
    /// If the value exceeds a cap.
    #[inline]
    pub fn store(&mut self, value: &T) -> Result<()> {
        self.put("", self.at, value)
    }

    #[inline]
    fn put<F: FixedLayout<C>, C>(&mut self, path: &str, at: Offset, value: &F) -> Result<()> {
        let mut layout = F::Layout::new_box_zeroed().map_err(|_| no_memory::<F::Layout>(path))?;
        value.store(&mut layout).map_err(|error| layout_error(path, &error))?;
        self.memory.write(at, layout.as_bytes())
    }

    #[inline]
    fn writable(&self, path: &str, place: &Place<'_>) -> Result<Offset> {
        if place.in_key {
            let detail = "expected a path beside the keys of a map, found one of them: \
                          set the whole map";
            return Err(Error::new(ErrorKind::InvalidArgument, path, detail));
        }
        self.as_view().start(path, place)
    }
}

impl<T: FixedLayout, R: InPlace> ViewMut<'_, T, R> {
    /// As [`View::as_layout`].
    ///
    /// # Errors
    ///
    /// As [`View::as_layout`].
    #[inline]
    pub fn as_layout(&self) -> Result<&T::Layout> {
        self.as_view().as_layout()
    }

    /// The fixed layout, in place, to be changed.
    ///
    /// # Errors
    ///
    /// As [`View::as_layout`].
    #[inline]
    pub fn as_layout_mut(&mut self) -> Result<&mut T::Layout> {
        let size = size_of::<T::Layout>();
        let start = self.memory.place(self.at, size)?;
        T::Layout::mut_from_bytes(&mut self.memory.bytes_mut()[start..start + size])
            .map_err(|_| misaligned("", align_of::<T::Layout>(), self.at))
    }
}
