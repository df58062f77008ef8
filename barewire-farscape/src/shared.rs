//! A C struct in memory that programs of Rust and of C have mapped at once.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use barewire_runtime::memory;
use barewire_runtime::shared_memory::Mapping;
use barewire_runtime::value::Value;
use barewire_schema::{Schema, Type};

use crate::c::StructDefinition;
use crate::error::{Error, ErrorKind, Result};

/// A C struct in a file that several programs have mapped: it begins at offset 0, as C lays it out.
///
/// A field that is a number is read and written in one step, so that no program sees half of it.
/// Larger ones, and several fields together, are not: for whole values between processes there is
/// [`SharedRegion`](barewire_runtime::ipc::SharedRegion), which C can read through
/// [`c_header`](crate::c_header).
///
/// ```
/// use barewire_farscape::SharedStruct;
/// use barewire_farscape::c::{CType, StructDefinition};
/// use barewire_runtime::value::Value;
///
/// # fn main() -> barewire_farscape::Result<()> {
/// let reading = StructDefinition::new("reading")
///     .field("sensor", CType::UNSIGNED)
///     .field("celsius", CType::Double.array(3));
/// let path = std::env::temp_dir().join(format!("docs-reading-{}", std::process::id()));
/// let ours = SharedStruct::create(&path, &reading)?;
/// let others = SharedStruct::open(&path, &reading)?; // or `struct reading *` in C, after mmap
/// ours.set("celsius[2]", &Value::F64(81.5))?;
/// assert_eq!(others.get("celsius[2]")?, Value::F64(81.5));
/// # std::fs::remove_file(path).ok();
/// # Ok(()) }
/// ```
pub struct SharedStruct {
    map: Mapping,
    schema: Schema,
}

impl fmt::Debug for SharedStruct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedStruct({})", self.schema.root_name())
    }
}

fn invalid(what: &str, told: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidArgument, what, told.to_string())
}

impl SharedStruct {
    fn shape(definition: &StructDefinition) -> Result<(Schema, u64)> {
        let schema = definition.schema().map_err(|error| invalid(definition.name(), error))?;
        let size = schema.root().layout().map_or(0, |layout| layout.size);
        // A mapping is a whole number of words.
        Ok((schema, size.next_multiple_of(8).max(8)))
    }

    fn mapped(file: &File, path: &Path, schema: Schema) -> Result<Self> {
        let shown = path.display().to_string();
        let map =
            Mapping::new(file).map_err(|error| Error::io(&shown, "cannot be mapped", error))?;
        Ok(Self { map, schema })
    }

    /// Makes the file, zeroed; it must not exist.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the struct cannot be shared, with the reason; `Io`.
    pub fn create(path: impl AsRef<Path>, definition: &StructDefinition) -> Result<Self> {
        let path = path.as_ref();
        let shown = path.display().to_string();
        let (schema, size) = Self::shape(definition)?;
        let made =
            OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| Error::io(&shown, "cannot be made", error))?;
        let none = rustix::fs::FallocateFlags::empty();
        rustix::fs::fallocate(&file, none, 0, size)
            .map_err(|error| Error::io(&shown, "no room", error))?;
        Self::mapped(&file, path, schema)
    }

    /// Opens a file that another program has made.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the struct cannot be shared, or the file is smaller than it; `Io`.
    pub fn open(path: impl AsRef<Path>, definition: &StructDefinition) -> Result<Self> {
        let path = path.as_ref();
        let shown = path.display().to_string();
        let (schema, size) = Self::shape(definition)?;
        let opened = OpenOptions::new().read(true).write(true).open(path);
        let file = opened.map_err(|error| Error::io(&shown, "cannot be opened", error))?;
        let found = file.metadata().map_err(|error| Error::io(&shown, "no facts", error))?.len();
        let least = schema.root().layout().map_or(0, |layout| layout.size);
        if found < least {
            let told = format!("expected at least {least} bytes of {size}, found {found}");
            return Err(invalid(&shown, told));
        }
        Self::mapped(&file, path, schema)
    }

    /// The schema of the struct.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    fn place(&self, path: &str) -> Result<(usize, Type)> {
        let parsed = memory::Path::parse(path).map_err(|error| invalid(path, error))?;
        let place = parsed.resolve(self.schema.root()).map_err(|error| invalid(path, error))?;
        let offset = usize::try_from(place.offset().get()).map_err(|error| invalid(path, error))?;
        Ok((offset, place.ty().clone()))
    }

    /// A checked copy of the field that a path leads to; the empty path is the whole struct.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if it leads nowhere, `InvalidValue` if what stands there has no meaning.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (offset, ty) = self.place(path)?;
        let mut bytes = vec![0; ty.layout().map_or(0, |layout| layout.size as usize)];
        self.copy(offset, bytes.len(), |at, place| {
            bytes[at..at + place.len()].copy_from_slice(place)
        });
        Value::load(&ty, &bytes)
            .map_err(|error| Error::new(ErrorKind::InvalidValue, path, error.to_string()))
    }

    /// Replaces the field that a path leads to.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if it leads nowhere, or the value is of another type.
    pub fn set(&self, path: &str, value: &Value) -> Result<()> {
        let (offset, ty) = self.place(path)?;
        let mut bytes = vec![0; ty.layout().map_or(0, |layout| layout.size as usize)];
        value.store(&ty, &mut bytes).map_err(|error| invalid(path, error))?;
        match *bytes.as_slice() {
            [byte] => self.atom::<AtomicU8>(offset).store(byte, Ordering::Release),
            [a, b] if offset.is_multiple_of(2) => {
                let word = u16::from_le_bytes([a, b]);
                self.atom::<AtomicU16>(offset).store(word, Ordering::Release);
            }
            [a, b, c, d] if offset.is_multiple_of(4) => {
                let word = u32::from_le_bytes([a, b, c, d]);
                self.atom::<AtomicU32>(offset).store(word, Ordering::Release);
            }
            [a, b, c, d, e, f, g, h] if offset.is_multiple_of(8) => {
                let word = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
                self.atom::<AtomicU64>(offset).store(word, Ordering::Release);
            }
            _ => self.map.write_volatile(offset, &bytes),
        }
        Ok(())
    }

    /// Copies bytes out, in one step if they are a number.
    fn copy(&self, offset: usize, len: usize, mut give: impl FnMut(usize, &[u8])) {
        match len {
            1 => give(0, &[self.atom::<AtomicU8>(offset).load(Ordering::Acquire)]),
            2 if offset.is_multiple_of(2) => {
                give(0, &self.atom::<AtomicU16>(offset).load(Ordering::Acquire).to_le_bytes());
            }
            4 if offset.is_multiple_of(4) => {
                give(0, &self.atom::<AtomicU32>(offset).load(Ordering::Acquire).to_le_bytes());
            }
            8 if offset.is_multiple_of(8) => {
                give(0, &self.atom::<AtomicU64>(offset).load(Ordering::Acquire).to_le_bytes());
            }
            _ => {
                let mut bytes = vec![0; len];
                self.map.read_volatile(offset, &mut bytes);
                give(0, &bytes);
            }
        }
    }

    /// An atomic integer in the mapping, at a multiple of its size.
    fn atom<A: Atom>(&self, offset: usize) -> &A {
        assert!(offset.is_multiple_of(size_of::<A>()), "a number is aligned");
        let place = self.map.bytes(offset, size_of::<A>()).cast::<A>();
        // SAFETY: `bytes` has checked the bounds, mappings begin at a page, so it is aligned, and
        // the mapping lasts as long as `self`; atomics may be shared with whoever else writes.
        unsafe { &*place }
    }
}

/// The atomic integers.
trait Atom {}
impl Atom for AtomicU8 {}
impl Atom for AtomicU16 {}
impl Atom for AtomicU32 {}
impl Atom for AtomicU64 {}
