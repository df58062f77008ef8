//! A named, typed, versioned piece of shared memory, and who is attached to it.
//!
//! A segment is a file in a private directory. It is made whole before it has a name; it lives for
//! as long as a participant does, and liveness is a lock that the kernel releases on any death.
//! One without a name lives in sealed memory, and goes to others as a file descriptor.

mod directory;
mod glance;
mod handed;
mod header;
mod in_place;
mod participants;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use barewire_schema::{Schema, Type, Validated, compatibility};

pub(crate) use directory::check_name;
pub use directory::{DIRECTORY_VARIABLE, Directory, MAX_NAME_BYTES};
pub use header::{FORMAT_VERSION, MAX_PARTICIPANTS, MAX_SEGMENT_BYTES, MAX_TEXT_BYTES};
pub use in_place::{InPlace, StructLook};

use crate::error::{Error, ErrorKind, Result};
use crate::sync::Event;
use crate::sys::map::Mapping;
use crate::sys::{self, barrier, file, lock};
use directory::is_inhabited;
pub use glance::Participant;
pub(crate) use glance::{Description, Glance, type_of};
use header::Header;

/// How long to wait for somebody who is attaching or detaching right now.
const GATE_PATIENCE: Duration = Duration::from_secs(5);

/// What a segment holds; the number stands in its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One value: a [`SharedRegion`](crate::ipc::SharedRegion).
    Region = 1,
    /// Messages for one consumer each: a [`MessageQueue`](crate::ipc::MessageQueue).
    Queue = 2,
    /// Messages for all subscribers: a [`Topic`](crate::ipc::Topic).
    Topic = 3,
    /// Requests and replies: a [`Service`](crate::ipc::Service).
    Service = 4,
    /// One value that all read and write where it stands: a struct of C.
    Struct = 5,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Region => "region",
            Self::Queue => "queue",
            Self::Topic => "topic",
            Self::Service => "service",
            Self::Struct => "struct",
        })
    }
}

impl Kind {
    pub(crate) fn of(number: u32) -> Option<Self> {
        let known = [Self::Region, Self::Queue, Self::Topic, Self::Service, Self::Struct];
        known.into_iter().find(|kind| *kind as u32 == number)
    }

    fn name(number: u32) -> &'static str {
        match number {
            1 => "a shared region",
            2 => "a message queue",
            3 => "a topic",
            4 => "a service",
            5 => "a struct",
            _ => "of an unknown kind",
        }
    }
}

pub(crate) type Geometry = [u64; header::GEOMETRY_WORDS];

/// Where a segment is found.
#[derive(Debug, Clone, Default)]
pub(crate) enum Place {
    /// Under its name in the standard directory.
    #[default]
    Standard,
    /// Under its name in another directory.
    Directory(PathBuf),
    /// In sealed memory, to which only descriptors lead.
    Memory,
    /// Behind a descriptor of such memory.
    Descriptor(Arc<OwnedFd>),
}

/// What the creator of a segment decides, and what an opener expects.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    pub(crate) name: &'a str,
    pub(crate) place: Place,
    pub(crate) kind: Kind,
    pub(crate) ty: &'a Type,
}

impl Plan<'_> {
    /// The directory of a segment that has one.
    fn directory(&self) -> Result<Option<Directory>> {
        directory::check_name(self.name)?;
        match &self.place {
            Place::Standard => Directory::standard().map(Some),
            Place::Directory(path) => Directory::at(path).map(Some),
            Place::Memory | Place::Descriptor(_) => Ok(None),
        }
    }

    fn fault(&self, doing: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        let name = self.name;
        move |error| Error::system(name, doing, error)
    }
}

/// Gives back what a dead participant held; called with its index.
///
/// Many may do this at once for the same dead participant, and any of them may die while doing it:
/// every step must be harmless when repeated. `still_dead` must be asked after a word has been
/// read and before it is changed by compare-and-swap.
pub(crate) type Sweep<'a> = &'a dyn Fn(&Segment, u8, &dyn Fn() -> bool);

/// A segment that this process is attached to.
#[derive(Debug)]
pub(crate) struct Segment {
    name: String,
    /// None of a segment in sealed memory.
    directory: Option<Directory>,
    file: File,
    map: Mapping,
    body: usize,
    body_bytes: usize,
    geometry: Geometry,
    index: u8,
    incarnation: u128,
    /// Whether a barrier that another process asks for reaches this one.
    reached: bool,
    /// The schema that the segment was made with, if its readers do not know all values of this
    /// program's: whatever is put in must be a value of that one.
    contract: Option<Schema<Validated>>,
}

impl Segment {
    /// Makes a segment, calls `fill` for its zeroed body, and then gives it its name.
    pub(crate) fn create(
        plan: &Plan<'_>,
        geometry: Geometry,
        body_bytes: u64,
        fill: impl FnOnce(&Segment) -> Result<()>,
    ) -> Result<Self> {
        let directory = plan.directory()?;
        if let Some(directory) = &directory {
            directory.remove_abandoned()?;
            // An early answer, without the work; the link below decides.
            if let Some(error) = existing(directory, plan.name) {
                return Err(error);
            }
        }
        let text = Schema::from_type(plan.ty).to_string();
        let body = (header::TEXT_START + text.len()).next_multiple_of(header::BODY_ALIGN);
        let total = (body as u64).checked_add(body_bytes);
        let total = total.filter(|total| *total <= header::MAX_SEGMENT_BYTES);
        let (Some(total), true) = (total, text.len() <= header::MAX_TEXT_BYTES) else {
            let detail = "would be larger than a segment can be";
            return Err(Error::new(ErrorKind::InvalidArgument, plan.name, detail));
        };
        let file = match &directory {
            Some(directory) => file::create_unnamed(&directory.handle, total),
            None => file::create_sealed(plan.name, total),
        };
        let file = file.map_err(plan.fault("cannot reserve the memory of the segment"))?;
        let map = Mapping::new(&file).map_err(plan.fault("cannot map the segment"))?;
        write_header(&map, plan, &text, body, body_bytes, &geometry);
        let found = (body, body_bytes as usize, geometry, None);
        let mut segment = Self::new(plan, directory, file, map, found);
        segment.join(&|_, _, _| ())?;
        fill(&segment)?;
        segment.take_name(plan)?;
        Ok(segment)
    }

    /// A segment that nobody is attached to through this handle yet.
    fn new(
        plan: &Plan<'_>,
        directory: Option<Directory>,
        file: File,
        map: Mapping,
        (body, body_bytes, geometry, contract): Found,
    ) -> Self {
        let name = plan.name.to_owned();
        let reached = barrier::register();
        let (index, incarnation) = (0, 0);
        Self {
            name,
            directory,
            file,
            map,
            body,
            body_bytes,
            geometry,
            index,
            incarnation,
            reached,
            contract,
        }
    }

    /// Makes the segment visible to all, in one step; without a directory it stays unnamed.
    fn take_name(&self, plan: &Plan<'_>) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        for _ in 0..8 {
            match file::link(&self.file, &directory.handle, plan.name) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                    if let Some(error) = existing(directory, plan.name) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(plan.fault("cannot name the segment")(error)),
            }
        }
        Err(Error::new(ErrorKind::AlreadyExists, plan.name, "is being made by others just now"))
    }

    /// The schema that all values in the segment must keep, if it is not this program's own.
    pub(crate) fn contract(&self) -> Option<&Type> {
        self.contract.as_ref().map(Schema::root)
    }

    /// Opens a segment that somebody alive is attached to, checks it whole, and attaches to it.
    pub(crate) fn open(plan: &Plan<'_>, sweep: Sweep<'_>) -> Result<Self> {
        let Some(directory) = plan.directory()? else {
            return Self::open_handed(plan, sweep);
        };
        let absent = || {
            Error::new(
                ErrorKind::NotFound,
                plan.name,
                "no such segment exists: nobody has made it in this directory, or all have left it",
            )
        };
        let facts = match file::facts_at(&directory.handle, plan.name) {
            Ok(facts) => facts,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(absent()),
            Err(error) => return Err(plan.fault("cannot examine the segment")(error)),
        };
        trusted(plan.name, &facts)?;
        let file = match file::open(&directory.handle, plan.name) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(absent()),
            Err(error) => return Err(plan.fault("cannot open the segment")(error)),
        };
        let facts = file::facts(&file).map_err(plan.fault("cannot examine the segment"))?;
        trusted(plan.name, &facts)?;
        let mut segment = Self::checked(plan, Some(directory), file, &facts)?;
        segment.take_gate()?;
        segment.check_inhabited(plan)?;
        segment.join(sweep)?;
        segment.leave_gate();
        Ok(segment)
    }

    /// Maps a file and checks its header.
    fn checked(
        plan: &Plan<'_>,
        directory: Option<Directory>,
        file: File,
        facts: &file::Facts,
    ) -> Result<Self> {
        if facts.bytes < header::TEXT_START as u64 {
            return Err(malformed(plan.name, "is too small to be a segment"));
        }
        let map = Mapping::new(&file).map_err(plan.fault("cannot map the segment"))?;
        let found = read_header(&map, plan)?;
        Ok(Self::new(plan, directory, file, map, found))
    }

    /// Whether the segment is still in use; what nobody lives in is removed. The gate is held.
    fn check_inhabited(&self, plan: &Plan<'_>) -> Result<()> {
        let facts = file::facts(&self.file).map_err(plan.fault("cannot examine the segment"))?;
        let inhabited = is_inhabited(&self.file).map_err(plan.fault("cannot ask who is alive"))?;
        if !inhabited && facts.links > 0 {
            self.remove();
        }
        if !inhabited || facts.links == 0 {
            let detail = "no such segment exists (everybody who was attached to it has gone)";
            return Err(Error::new(ErrorKind::NotFound, plan.name, detail));
        }
        Ok(())
    }

    /// Removes the segment's name, if it has one and still leads here.
    fn remove(&self) {
        if let Some(directory) = &self.directory {
            directory.remove_same(&self.file, &self.name);
        }
    }

    /// Whether somebody alive is attached to a segment of that name.
    pub(crate) fn exists(plan: &Plan<'_>) -> Result<bool> {
        let Some(directory) = plan.directory()? else { return Ok(false) };
        directory.has_inhabitants(plan.name)
    }

    /// Gives up the place in the segment, and removes the segment if nobody else is there.
    pub(crate) fn leave(&self, sweep: Sweep<'_>) {
        let gate = self.take_gate().is_ok();
        sweep(self, self.index, &|| true);
        self.free_own_entry();
        let last = !is_inhabited(&self.file).unwrap_or(true);
        if gate && last {
            self.remove();
        }
        // In one step. Closing the file would do as well, but only once nobody in this process has
        // the memory mapped any more, which those who sleep on it for others may for a while.
        let _ = lock::unlock(&self.file, header::GATE_BYTE, 1 + header::MAX_PARTICIPANTS as u64);
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// The participant that this handle is.
    #[inline]
    pub(crate) fn index(&self) -> u8 {
        self.index
    }

    pub(crate) fn incarnation(&self) -> u128 {
        self.incarnation
    }

    pub(crate) fn map(&self) -> &Mapping {
        &self.map
    }

    /// Where the body starts in the mapping, and its length.
    pub(crate) fn body(&self) -> (usize, usize) {
        (self.body, self.body_bytes)
    }

    /// The event whose words stand at `at` in the mapping.
    #[inline]
    pub(crate) fn event(&self, at: usize) -> Event<'_> {
        Event { map: &self.map, at, reached: self.reached }
    }

    fn take_gate(&self) -> Result<()> {
        let patience = Instant::now() + GATE_PATIENCE;
        loop {
            let taken = lock::try_lock(&self.file, header::GATE_BYTE, 1)
                .map_err(|error| Error::system(&self.name, "cannot lock the segment", error))?;
            if taken {
                return Ok(());
            }
            if Instant::now() > patience {
                let detail = "somebody stands still in the middle of attaching or leaving";
                return Err(Error::new(ErrorKind::TimedOut, &*self.name, detail));
            }
            std::thread::sleep(Duration::from_micros(50));
        }
    }

    fn leave_gate(&self) {
        // If this fails, closing the file releases the gate all the same.
        let _ = lock::unlock(&self.file, header::GATE_BYTE, 1);
    }
}

/// Opens a segment, or makes it if nobody has; of several who do this at once, one makes it.
pub(crate) fn open_or_create<T>(
    open: impl Fn() -> Result<T>,
    create: impl Fn() -> Result<T>,
) -> Result<T> {
    // Each turn but the last is lost to somebody who made the segment or left it just now.
    for _ in 0..64 {
        match open() {
            Err(error) if error.is_not_found() => {}
            result => return result,
        }
        match create() {
            Err(error) if error.is_already_exists() => {}
            result => return result,
        }
    }
    open()
}

/// The error that `name` exists already; what nobody lives in is removed instead.
fn existing(directory: &Directory, name: &str) -> Option<Error> {
    let facts = file::facts_at(&directory.handle, name).ok()?;
    if let Err(error) = trusted(name, &facts) {
        return Some(error);
    }
    if let Ok(file) = file::open(&directory.handle, name) {
        let mapping = Mapping::new(&file);
        let ours = facts.bytes >= header::TEXT_START as u64
            && mapping.is_ok_and(|map| map.u64(0).load(Ordering::Relaxed) == header::MAGIC);
        if !ours {
            let detail = "exists already and is not a segment; nothing was changed";
            return Some(Error::new(ErrorKind::AlreadyExists, name, detail));
        }
        directory.remove_if_abandoned(&file, name);
    }
    match file::facts_at(&directory.handle, name) {
        Ok(_) => {
            let detail = "exists already; open it instead, or choose another name";
            Some(Error::new(ErrorKind::AlreadyExists, name, detail))
        }
        Err(_) => None,
    }
}

fn trusted(name: &str, facts: &file::Facts) -> Result<()> {
    let problem = if !facts.regular {
        "is not a plain file (links are not followed)"
    } else if !facts.owned {
        "belongs to another user"
    } else if facts.mode & 0o077 != 0 {
        "others may read or write it; a segment has mode 0600"
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Untrusted, name, problem))
}

fn malformed(name: &str, detail: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::Malformed, name, detail)
}

fn write_header(
    map: &Mapping,
    plan: &Plan<'_>,
    text: &str,
    body: usize,
    body_bytes: u64,
    geometry: &Geometry,
) {
    let set = |at: usize, value: u64| map.u64(at).store(value, Ordering::Relaxed);
    set(0, header::MAGIC);
    map.u32(header::VERSION_AT).store(header::FORMAT_VERSION, Ordering::Relaxed);
    map.u32(header::KIND_AT).store(plan.kind as u32, Ordering::Relaxed);
    set(header::TOTAL_AT, map.len() as u64);
    set(header::TEXT_AT, header::TEXT_START as u64);
    set(header::TEXT_BYTES_AT, text.len() as u64);
    set(header::BODY_AT, body as u64);
    set(header::BODY_BYTES_AT, body_bytes);
    set(header::CREATED_AT, sys::now_ns());
    copy_in(map, header::WIRE_ID_AT, &plan.ty.wire_id().0);
    copy_in(map, header::LAYOUT_ID_AT, &plan.ty.layout_id().0);
    for (word, value) in geometry.iter().enumerate() {
        set(header::GEOMETRY_AT + word * 8, *value);
    }
    copy_in(map, header::TEXT_START, text.as_bytes());
}

fn copy_in(map: &Mapping, at: usize, bytes: &[u8]) {
    let target = map.bytes(at, bytes.len());
    // SAFETY: `bytes` has checked the range; the segment has no name yet, so nobody else is there.
    unsafe { target.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
}

/// What a header says: where the body begins, its bytes, its geometry, and the schema that whatever
/// is put in must keep, if it is not this program's own.
type Found = (usize, usize, Geometry, Option<Schema<Validated>>);

/// Checks everything that the header says, and returns where the body is and its geometry.
fn read_header(map: &Mapping, plan: &Plan<'_>) -> Result<Found> {
    let header = Header::read(map).map_err(|detail| malformed(plan.name, detail))?;
    if header.kind != plan.kind as u32 {
        let detail =
            format!("is {}, not {}", Kind::name(header.kind), Kind::name(plan.kind as u32));
        return Err(malformed(plan.name, detail));
    }
    let mut contract = None;
    if header.layout_id != plan.ty.layout_id() {
        let text = header.text(map);
        let older = older_version(plan, &text).ok_or_else(|| mismatch(plan, &text))?;
        let forward = compatibility(older.root(), plan.ty).encoding.is_forward();
        contract = (!forward).then_some(older);
    }
    Ok((header.body.0, header.body.1, header.geometry, contract))
}

/// The segment's schema, if this program reads all of its values: those are BARE octets in a queue
/// of a type without a largest size. What is read in place must be the same.
fn older_version(plan: &Plan<'_>, text: &[u8]) -> Option<Schema<Validated>> {
    if plan.kind != Kind::Queue || plan.ty.layout().is_some() {
        return None;
    }
    let schema = Schema::read("segment", std::str::from_utf8(text).ok()?).ok()?;
    let readable = schema.root().layout().is_none()
        && compatibility(schema.root(), plan.ty).encoding.is_backward();
    readable.then_some(schema)
}

/// The readable difference between the segment's schema and the one of this program.
fn mismatch(plan: &Plan<'_>, text: &[u8]) -> Error {
    let found = std::str::from_utf8(text)
        .ok()
        .and_then(|text| Schema::parse("segment", text).ok())
        .and_then(|draft| draft.validate().ok());
    let detail = match found {
        Some(schema) => {
            let differences = barewire_schema::difference(plan.ty, schema.root());
            let lines: Vec<String> = differences.iter().map(ToString::to_string).collect();
            if lines.is_empty() {
                "has the same types under other names".to_owned()
            } else {
                format!("has another schema: {}", lines.join("; "))
            }
        }
        None => "has another schema, whose text cannot be read".to_owned(),
    };
    Error::new(ErrorKind::SchemaMismatch, plan.name, detail)
}
