//! Publishing values to a topic whose type is known only at run time.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use barewire_schema::Type;

use super::ring::Writer;
use super::{Shared, malformed, read_shape, sweep_segment};
use crate::error::{Error, ErrorKind, Result};
use crate::ipc::queue::octets;
use crate::segment::{Directory, Kind, Place, Plan, Segment, type_of};
use crate::sync::Wait;
use crate::sys;
use crate::value::Value;

/// A publisher of a topic whose type this program does not have: it is read from the segment.
///
/// For tools. It is attached as any publisher is, and is one of those that the topic was made for.
///
/// ```
/// use std::time::Duration;
/// use barewire_runtime::ipc::{DynamicPublisher, Topic};
/// use barewire_runtime::segment::Directory;
/// use barewire_runtime::value::Value;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-dynamic-topic-{}", std::process::id());
/// let topic = Topic::<u32>::create(&name)?;
/// let mut subscriber = topic.subscriber()?;
///
/// let mut other = DynamicPublisher::open(&Directory::standard()?, &name)?; // in another process
/// other.publish_timeout(&Value::U32(7), 0, Duration::from_secs(1))?;
/// assert_eq!(*subscriber.take()?, 7);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct DynamicPublisher {
    shared: Shared,
    ty: Type,
    lane: usize,
    writer: Writer,
}

impl DynamicPublisher {
    /// Attaches to a topic that somebody has made, as one of its publishers.
    ///
    /// # Errors
    ///
    /// `NotFound`, `Malformed`, `Untrusted`, `InvalidName`, `TooManyParticipants`, `Io`.
    #[inline]
    pub fn open(directory: &Directory, name: &str) -> Result<Self> {
        let ty = type_of(directory, name)?;
        let place = Place::Directory(directory.path().to_path_buf());
        let plan = Plan { name, place, kind: Kind::Topic, ty: &ty };
        let segment = Segment::open(&plan, &sweep_segment)?;
        let shape = read_shape(&segment).filter(|shape| match ty.layout() {
            Some(layout) => !shape.choice.encoded && shape.choice.payload == layout.size,
            None => shape.choice.encoded,
        });
        let Some(shape) = shape else { return Err(malformed(name)) };
        let shared = Shared { segment, shape, wait: Wait::Park };
        let random = |error| Error::system(name, "cannot become a publisher", error);
        let incarnation = sys::random_u128().map_err(random)?;
        let me = shared.segment.index();
        let claimed = shared.or_recover(|| {
            let mut lanes = 0..shared.shape.lanes();
            lanes.find_map(|lane| Some((lane, shared.lane(lane).claim(me, incarnation)?)))
        });
        let Some((lane, writer)) = claimed else {
            let detail = "has as many publishers as it was made for";
            return Err(Error::new(ErrorKind::TooManyParticipants, name, detail));
        };
        Ok(Self { shared, ty, lane, writer })
    }

    /// The type of the messages.
    #[must_use]
    #[inline]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// Publishes a value, and waits up to `timeout` while a subscriber is too far behind; `kind`
    /// stands in the header.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if it is no value of the type, with its path; `TooLarge`, `TimedOut`.
    #[inline]
    pub fn publish_timeout(&mut self, value: &Value, kind: u32, timeout: Duration) -> Result<()> {
        let most = self.shared.shape.choice.payload as usize;
        let bytes = octets(self.shared.name(), &self.ty, value, most)?;
        self.wait_for_room(Instant::now().checked_add(timeout))?;
        let Self { shared, lane: number, writer, .. } = self;
        let (shape, lane) = (&shared.shape, shared.lane(*number));
        let position = writer.tail;
        if kind != 0 && !writer.kinds {
            lane.use_kinds(writer);
        }
        let set = |at: usize, value: u64| shared.map().u64(at).store(value, Ordering::Relaxed);
        if writer.kinds || shape.choice.encoded {
            set(shape.note(*number, position), u64::from(kind) | (bytes.len() as u64) << 32);
        }
        if shape.choice.stamped {
            set(shape.stamp(*number, position), sys::now_ns());
        }
        if shape.is_express() {
            let mut words = vec![0; shape.stride / 8];
            for (word, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
                let mut whole = [0; 8];
                whole[..chunk.len()].copy_from_slice(chunk);
                *word = u64::from_le_bytes(whole);
            }
            lane.publish_express(writer, &words);
        } else {
            shared.map().write_volatile(shape.slot(*number, position), &bytes);
            lane.publish(writer, 1);
        }
        shared.items().notify_all();
        Ok(())
    }

    #[inline]
    fn wait_for_room(&mut self, deadline: Option<Instant>) -> Result<()> {
        let Self { shared, lane, writer, .. } = self;
        let attempt = || Ok::<_, Error>((shared.lane(*lane).room(writer) > 0).then_some(()));
        let found = shared.space().wait_as(shared.wait, deadline, attempt, || shared.recover())?;
        found.ok_or_else(|| {
            shared.error(ErrorKind::TimedOut, "a subscriber was too far behind all the time")
        })
    }
}

impl Drop for DynamicPublisher {
    #[inline]
    fn drop(&mut self) {
        self.shared.lane(self.lane).give_back(&self.writer);
    }
}
