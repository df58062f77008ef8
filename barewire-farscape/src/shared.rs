//! A C struct in memory that programs of Rust and of C have mapped at once.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use barewire_runtime::memory;
use barewire_runtime::segment::Directory;
use barewire_runtime::shared_memory::InPlace;
use barewire_runtime::value::Value;
use barewire_schema::{Schema, Type};

use crate::c::StructDefinition;
use crate::error::{Error, ErrorKind, Result};
use crate::header::named_root;

/// A C struct that several programs have mapped, as C lays it out: a segment like all others, with
/// a header, the schema and its fingerprint.
///
/// A field that is a number is read and written in one step, so that no program sees half of it.
/// Larger ones, and several fields together, are not: for whole values between processes there is
/// [`SharedRegion`](barewire_runtime::ipc::SharedRegion), which C can read, and Rust alone writes.
///
/// It lasts for as long as a program of Rust has it. A program of C maps the file at
/// [`path`](Self::path) and finds the struct by `barewire_struct`, which stands in what
/// [`c_header`](crate::c_header) writes: it yields null unless the segment holds this very layout.
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
/// let name = format!("docs-reading-{}", std::process::id());
/// let ours = SharedStruct::create(&name, &reading)?;
/// let others = SharedStruct::open(&name, &reading)?; // in another process, as a rule
/// ours.set("celsius[2]", &Value::F64(81.5))?;
/// assert_eq!(others.get("celsius[2]")?, Value::F64(81.5));
/// # Ok(()) }
/// ```
pub struct SharedStruct {
    segment: InPlace,
    schema: Schema,
    directory: PathBuf,
}

impl fmt::Debug for SharedStruct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharedStruct({} {})", self.segment.name(), self.schema.root_name())
    }
}

fn invalid(what: &str, told: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidArgument, what, told.to_string())
}

impl SharedStruct {
    /// Makes a segment in the standard directory, zeroed.
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the struct cannot be shared, with the reason, or the name cannot be
    /// had; `Io`.
    pub fn create(name: &str, definition: &StructDefinition) -> Result<Self> {
        Self::made(name, None, definition, InPlace::create)
    }

    /// As [`create`](Self::create), in a directory of this user's own.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create).
    pub fn create_at(
        directory: impl AsRef<Path>,
        name: &str,
        definition: &StructDefinition,
    ) -> Result<Self> {
        Self::made(name, Some(directory.as_ref()), definition, InPlace::create)
    }

    /// Opens a segment in the standard directory.
    ///
    /// # Errors
    ///
    /// `NotFound`; `SchemaMismatch` with the difference; `InvalidArgument` if the struct cannot be
    /// shared; `Io`.
    pub fn open(name: &str, definition: &StructDefinition) -> Result<Self> {
        Self::made(name, None, definition, InPlace::open)
    }

    /// As [`open`](Self::open), in another directory.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn open_at(
        directory: impl AsRef<Path>,
        name: &str,
        definition: &StructDefinition,
    ) -> Result<Self> {
        Self::made(name, Some(directory.as_ref()), definition, InPlace::open)
    }

    fn made(
        name: &str,
        directory: Option<&Path>,
        definition: &StructDefinition,
        make: impl FnOnce(&str, Option<&Path>, &Type) -> barewire_runtime::Result<InPlace>,
    ) -> Result<Self> {
        let validated = definition.schema().map_err(|error| invalid(definition.name(), error))?;
        let root = named_root(&validated);
        let segment = make(name, directory, &root)?;
        let directory = match directory {
            Some(path) => path.to_path_buf(),
            None => Directory::standard()?.path().to_path_buf(),
        };
        Ok(Self { segment, schema: validated, directory })
    }

    /// The file that a program of C maps.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(self.segment.name())
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
            _ => self.segment.map().write_volatile(self.segment.start() + offset, &bytes),
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
                self.segment.map().read_volatile(self.segment.start() + offset, &mut bytes);
                give(0, &bytes);
            }
        }
    }

    /// An atomic integer in the mapping, at a multiple of its size.
    fn atom<A: Atom>(&self, offset: usize) -> &A {
        assert!(offset.is_multiple_of(size_of::<A>()), "a number is aligned");
        let at = self.segment.start() + offset;
        let place = self.segment.map().bytes(at, size_of::<A>()).cast::<A>();
        // SAFETY: `bytes` has checked the bounds; mappings begin at a page, and the value in one at
        // a multiple of 4096, so it is aligned; the mapping lasts as long as `self`; atomics may be
        // shared with whoever else writes.
        unsafe { &*place }
    }
}

/// The atomic integers.
trait Atom {}
impl Atom for AtomicU8 {}
impl Atom for AtomicU16 {}
impl Atom for AtomicU32 {}
impl Atom for AtomicU64 {}
