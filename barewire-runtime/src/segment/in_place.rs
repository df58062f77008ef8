//! A segment whose body is one value, which everybody reads and writes where it stands.
//!
//! ```text
//!   0         the value, in its fixed layout; geometry word 0 is its size
//! ```

use std::path::Path;

use barewire_schema::Type;

use super::{Geometry, Glance, Kind, Place, Plan, Segment};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::map::Mapping;

/// The word of the geometry that holds the size of the value.
const SIZE: usize = 0;

/// A value in place: nothing keeps two writers apart, and nothing is left behind by a dead one.
#[derive(Debug)]
pub struct InPlace {
    segment: Segment,
}

/// What is planned: under a name in a directory, or in the standard one.
fn plan<'a>(name: &'a str, directory: Option<&Path>, ty: &'a Type) -> Plan<'a> {
    let place = directory.map_or(Place::Standard, |path| Place::Directory(path.to_path_buf()));
    Plan { name, place, kind: Kind::Struct, ty }
}

fn size(name: &str, ty: &Type) -> Result<u64> {
    let unbounded = || Error::new(ErrorKind::InvalidArgument, name, "its type has no fixed layout");
    Ok(ty.layout().ok_or_else(unbounded)?.size)
}

impl InPlace {
    /// Makes the segment, zeroed.
    ///
    /// # Errors
    ///
    /// As for a region.
    pub fn create(name: &str, directory: Option<&Path>, ty: &Type) -> Result<Self> {
        let size = size(name, ty)?;
        let mut geometry = Geometry::default();
        geometry[SIZE] = size;
        let plan = plan(name, directory, ty);
        // Its length is a whole number of words.
        let body = size.next_multiple_of(8).max(8);
        Ok(Self { segment: Segment::create(&plan, geometry, body, |_| Ok(()))? })
    }

    /// Opens a segment that somebody alive has.
    ///
    /// # Errors
    ///
    /// As for a region.
    pub fn open(name: &str, directory: Option<&Path>, ty: &Type) -> Result<Self> {
        let size = size(name, ty)?;
        let segment = Segment::open(&plan(name, directory, ty), &|_, _, _| ())?;
        let made = Self { segment };
        if made.segment.geometry()[SIZE] != size || (made.segment.body().1 as u64) < size {
            let detail = "has a header whose sizes do not fit together";
            return Err(Error::new(ErrorKind::Malformed, name, detail));
        }
        Ok(made)
    }

    /// The whole segment.
    #[must_use]
    pub fn map(&self) -> &Mapping {
        self.segment.map()
    }

    /// Where the value begins in it.
    #[must_use]
    pub fn start(&self) -> usize {
        self.segment.body().0
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }
}

/// A value in place as somebody sees it who is not attached; see [`crate::inspect`].
#[derive(Debug)]
pub struct StructLook<'a> {
    glance: &'a Glance,
    size: usize,
}

impl<'a> StructLook<'a> {
    /// `None` if the header's geometry is not that of a value of `bytes`.
    pub(crate) fn new(glance: &'a Glance, bytes: u64) -> Option<Self> {
        let sane = glance.header.geometry[SIZE] == bytes && bytes <= glance.header.body.1 as u64;
        sane.then_some(Self { glance, size: usize::try_from(bytes).ok()? })
    }

    /// The fixed layout of the value. Nothing says whether somebody was writing it just then, so
    /// it may be partly older and partly newer.
    #[must_use]
    pub fn read(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.size];
        self.glance.map.read_volatile(self.glance.header.body.0, &mut bytes);
        bytes
    }
}

impl Drop for InPlace {
    fn drop(&mut self) {
        self.segment.leave(&|_, _, _| ());
    }
}
