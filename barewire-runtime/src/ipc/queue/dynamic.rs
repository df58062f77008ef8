//! Putting values into a queue whose type is known only at run time.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::geometry::{self, Plan};
use super::send::Patience;
use super::{MessageQueue, lanes};
use crate::codec::Encoder;
use crate::error::{Error, ErrorKind, Result};
use crate::segment::{self, Directory, Kind, Place, Segment, type_of};
use crate::sync::Wait;
use crate::value::{Value, ValueError};

/// A queue whose type this program does not have: it is read from the segment.
///
/// For tools. It is attached as any producer is.
///
/// ```
/// use std::time::Duration;
/// use barewire_runtime::ipc::{DynamicQueue, MessageQueue};
/// use barewire_runtime::segment::Directory;
/// use barewire_runtime::value::Value;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-dynamic-{}", std::process::id());
/// let queue = MessageQueue::<u32>::builder(&name).create()?;
///
/// let other = DynamicQueue::open(&Directory::standard()?, &name)?; // in another process
/// other.enqueue_timeout(&Value::U32(7), 0, Duration::from_secs(1))?;
/// assert_eq!(*queue.dequeue()?, 7);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct DynamicQueue {
    /// Only what does not depend on the type of the messages is called.
    queue: MessageQueue<u8>,
    ty: barewire_schema::Type,
}

impl DynamicQueue {
    /// Attaches to a queue that somebody has made.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Malformed`, `Untrusted`, `InvalidName`, `TooManyParticipants`, `Io`.
    #[inline]
    pub fn open(directory: &Directory, name: &str) -> Result<Self> {
        let ty = type_of(directory, name)?;
        let place = Place::Directory(directory.path().to_path_buf());
        let plan = segment::Plan { name, place, kind: Kind::Queue, ty: &ty };
        let segment = Segment::open(&plan, &geometry::sweep)?;
        let encoded = ty.layout().is_none();
        let Some(plan) = Plan::read(&segment, encoded).filter(|plan| fits(plan, &ty)) else {
            let detail = "has a header whose sizes do not fit together";
            return Err(Error::new(ErrorKind::Malformed, name, detail));
        };
        Ok(Self { queue: MessageQueue::planned(segment, plan, Wait::Park), ty })
    }

    /// The type of the messages.
    #[must_use]
    #[inline]
    pub fn ty(&self) -> &barewire_schema::Type {
        &self.ty
    }

    /// Puts a value into the queue, and waits up to `timeout` for room; `kind` stands in the
    /// header.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if it is no value of the type, with its path; `TooLarge`; `TimedOut`, or
    /// `Full` without a `timeout`.
    #[inline]
    pub fn enqueue_timeout(&self, value: &Value, kind: u32, timeout: Duration) -> Result<()> {
        let bytes = octets(self.queue.name(), &self.ty, value, self.queue.plan.payload)?;
        let patience = if timeout.is_zero() { Patience::None } else { Patience::timeout(timeout) };
        self.queue.send_octets(&bytes, kind, patience)
    }
}

#[inline]
fn fits(plan: &Plan, ty: &barewire_schema::Type) -> bool {
    ty.layout().is_none_or(|layout| {
        plan.payload as u64 == layout.size.max(1) && plan.align as u64 >= layout.align
    })
}

/// What stands in a slot of so many bytes: the fixed layout, or BARE.
#[inline]
pub(in crate::ipc) fn octets(
    name: &str,
    ty: &barewire_schema::Type,
    value: &Value,
    most: usize,
) -> Result<Vec<u8>> {
    let refused = |error: ValueError| {
        let kind = match error.kind() {
            crate::value::ValueErrorKind::OverCap { .. } => ErrorKind::TooLarge,
            _ => ErrorKind::InvalidValue,
        };
        Error::new(kind, name, error.to_string())
    };
    if let Some(layout) = ty.layout() {
        let mut bytes = vec![0; usize::try_from(layout.size).unwrap_or(0)];
        value.store(ty, &mut bytes).map_err(refused)?;
        return Ok(bytes);
    }
    let mut bytes = Vec::new();
    value.encode(ty, &mut Encoder::new(&mut bytes)).map_err(refused)?;
    if bytes.len() > most {
        let detail = format!("the message takes {} bytes, the slots have {most}", bytes.len());
        return Err(Error::new(ErrorKind::TooLarge, name, detail));
    }
    Ok(bytes)
}

impl MessageQueue<u8> {
    /// Sends octets that stand in a slot as they are, whatever the type of the messages is.
    #[inline]
    fn send_octets(&self, bytes: &[u8], kind: u32, patience: Patience) -> Result<()> {
        if self.plan.shape.slots > 1 {
            let mut writer = self.writer(patience)?;
            let Some(slot) = writer.place() else { return Err(self.full()) };
            self.write_octets(slot, bytes, kind);
            self.publish(&mut writer, 1);
            return Ok(());
        }
        let acquired = self.acquire(patience)?;
        self.write_octets(self.slot_of(acquired), bytes, kind);
        self.send_block(acquired, kind);
        Ok(())
    }

    #[inline]
    fn write_octets(&self, slot: lanes::Slot, bytes: &[u8], kind: u32) {
        let map = self.segment.map();
        map.write_volatile(self.plan.payload_at(slot), bytes);
        if self.plan.encoded {
            map.u64(self.plan.length_at(slot)).store(bytes.len() as u64, Ordering::Relaxed);
        }
        self.stamp(slot, kind);
    }
}
