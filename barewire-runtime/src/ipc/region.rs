//! `SharedRegion<T>`: one value that many processes read and, by turns, change.
//!
//! The value stands in one of four buffers: version `v` in buffer `v % 4`. A writer fills the next
//! buffer and publishes it with one store to `current`, so a writer that is killed at any point
//! leaves the last whole value where it was. A reader copies the current buffer and then looks at
//! `current` again: its buffer is overwritten only by the writer after the third later version.
//!
//! ```text
//!   0      8  current: the version, and so the buffer, that readers copy
//!  64      8  the writers' lock
//! 128     12  event: the lock was given back
//! 192     12  event: a version was published
//! 256         four buffers, each at a multiple of 64
//! ```
//!
//! | killed after | left behind | what others do |
//! |---|---|---|
//! | taking the writers' lock | the lock names the dead | sweep: the lock is free again |
//! | filling part of the next buffer | bytes that no version names | overwrite them |
//! | publishing | the new value, the lock as above, sleepers not told | sleepers look again soon |

mod look;

use std::marker::PhantomData;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::{Duration, Instant};

use barewire_schema::check;
use zerocopy::{FromZeros, IntoBytes};

use crate::error::{Error, ErrorKind, Result};
use crate::layout::FixedLayout;
use crate::segment::{Geometry, Kind, Place, Plan, Segment};
use crate::sync::{EVENT_BYTES, Event};
pub use look::{RegionFigures, RegionLook};

const BUFFERS: u64 = 4;
/// How many versions may be published while a reader copies, and the copy still be whole.
const TOLERATED: u64 = BUFFERS - 2;

const CURRENT: usize = 0;
const WRITER: usize = 64;
const TURN_EVENT: usize = 128;
const CHANGE_EVENT: usize = 192;
const DATA: usize = 256;
const _: () = assert!(TURN_EVENT + EVENT_BYTES <= CHANGE_EVENT);
const _: () = assert!(CHANGE_EVENT + EVENT_BYTES <= DATA);

const STRIDE: usize = 0;
const SIZE: usize = 1;

/// What a region is opened or made with; see [`SharedRegion::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `create` or `open`"]
pub struct RegionBuilder<T> {
    name: String,
    place: Place,
    _value: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> RegionBuilder<T> {
    /// Another directory than the standard one.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.place = Place::Directory(path.into());
        self
    }

    /// Whether a region of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(&self) -> Result<bool> {
        Segment::exists(&self.plan())
    }

    fn plan(&self) -> Plan<'_> {
        Plan { name: &self.name, place: self.place.clone(), kind: Kind::Region, ty: T::TYPE }
    }

    /// Opens the region, or makes it with its first value if nobody has: what every participant can
    /// do that may be the first. If it exists, it has the value that it has.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open) and [`create`](Self::create).
    ///
    /// ```
    /// use barewire_runtime::ipc::SharedRegion;
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-region-either-{}", std::process::id());
    /// let first = SharedRegion::<u64>::builder(&name).open_or_create(&1)?;
    /// let second = SharedRegion::<u64>::builder(&name).open_or_create(&2)?;
    /// assert_eq!((first.read()?, second.read()?), (1, 1));
    /// # Ok(()) }
    /// ```
    pub fn open_or_create(self, initial: &T) -> Result<SharedRegion<T>> {
        crate::segment::open_or_create(|| self.attach(), || self.make(initial))
    }

    /// Makes the region with its first value.
    ///
    /// # Errors
    ///
    /// `AlreadyExists`, `InvalidName`, `TooLarge` if the value exceeds a cap, `NoSpace`,
    /// `Untrusted` for the directory, `Io`.
    pub fn create(self, initial: &T) -> Result<SharedRegion<T>> {
        self.make(initial)
    }

    fn make(&self, initial: &T) -> Result<SharedRegion<T>> {
        const { check::assert_bounded(T::TYPE) };
        let stride = size_of::<T::Layout>().next_multiple_of(64) as u64;
        let mut geometry = Geometry::default();
        geometry[STRIDE] = stride;
        geometry[SIZE] = size_of::<T::Layout>() as u64;
        let body = DATA as u64 + BUFFERS * stride;
        let segment = Segment::create(&self.plan(), geometry, body, |segment| {
            let mut layout = zeroed::<T>(segment.name())?;
            store(segment.name(), initial, &mut layout)?;
            Words { segment }.write(0, layout.as_bytes());
            Ok(())
        })?;
        SharedRegion::attached(segment)
    }

    /// Opens a region that somebody has made.
    ///
    /// # Errors
    ///
    /// `NotFound`, `SchemaMismatch` with the difference, `Malformed`, `Untrusted`, `InvalidName`,
    /// `TooManyParticipants`, `Io`.
    pub fn open(self) -> Result<SharedRegion<T>> {
        self.attach()
    }

    fn attach(&self) -> Result<SharedRegion<T>> {
        const { check::assert_bounded(T::TYPE) };
        SharedRegion::attached(Segment::open(&self.plan(), &sweep_segment)?)
    }
}

/// One value of `T` that many processes read, and change by turns.
///
/// ```
/// use barewire_runtime::ipc::SharedRegion;
///
/// # fn main() -> barewire_runtime::Result<()> {
/// let name = format!("docs-region-{}", std::process::id());
/// let region = SharedRegion::<u64>::create(&name, &1)?;
/// region.update(|value| *value += 1)?;
///
/// let other = SharedRegion::<u64>::open(&name)?;       // in another process, as a rule
/// assert_eq!(other.read()?, 2);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct SharedRegion<T: FixedLayout> {
    segment: Segment,
    _value: PhantomData<fn() -> T>,
}

impl<T: FixedLayout> SharedRegion<T> {
    /// Begins to describe a region to create or open.
    pub fn builder(name: impl Into<String>) -> RegionBuilder<T> {
        RegionBuilder { name: name.into(), place: Place::Standard, _value: PhantomData }
    }

    /// Makes a region in the standard directory with its first value.
    ///
    /// # Errors
    ///
    /// As [`RegionBuilder::create`].
    pub fn create(name: impl Into<String>, initial: &T) -> Result<Self> {
        Self::builder(name).create(initial)
    }

    /// Opens a region in the standard directory.
    ///
    /// # Errors
    ///
    /// As [`RegionBuilder::open`].
    pub fn open(name: impl Into<String>) -> Result<Self> {
        Self::builder(name).open()
    }

    /// Whether a region of that name exists that somebody alive is attached to.
    ///
    /// # Errors
    ///
    /// `InvalidName`, `Untrusted` or `Io`.
    pub fn exists(name: impl Into<String>) -> Result<bool> {
        Self::builder(name).exists()
    }

    fn attached(segment: Segment) -> Result<Self> {
        let size = size_of::<T::Layout>() as u64;
        let stride = size.next_multiple_of(64);
        let sane = segment.geometry()[SIZE] == size
            && segment.geometry()[STRIDE] == stride
            && segment.body().1 as u64 >= DATA as u64 + BUFFERS * stride;
        if sane {
            return Ok(Self { segment, _value: PhantomData });
        }
        let detail = "has a header whose sizes do not fit together";
        Err(Error::new(ErrorKind::Malformed, segment.name(), detail))
    }

    /// The region's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.segment.name()
    }

    /// How often the value was changed.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.words().current().load(Ordering::Acquire)
    }

    /// The value as it is now: whole, whatever writers do meanwhile.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if what stands there is no value of `T`.
    pub fn read(&self) -> Result<T> {
        let mut layout = zeroed::<T>(self.name())?;
        self.words().read(layout.as_mut_bytes());
        self.load(&layout)
    }

    /// Waits until the version is another one than `since`, and yields it.
    ///
    /// A change that was made before the call counts, so none is missed between the look at a
    /// version and the wait for the next one. Of changes that follow closely, the last is seen.
    ///
    /// # Errors
    ///
    /// None today; a region may come to be closed.
    ///
    /// ```
    /// use barewire_runtime::ipc::SharedRegion;
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-region-changed-{}", std::process::id());
    /// let region = SharedRegion::<u64>::create(&name, &1)?;
    /// let other = SharedRegion::<u64>::open(&name)?;       // in another process, as a rule
    /// let seen = other.version();
    /// region.update(|value| *value = 2)?;
    /// assert!(other.changed(seen)? > seen);
    /// assert_eq!(other.read()?, 2);
    /// # Ok(()) }
    /// ```
    pub fn changed(&self, since: u64) -> Result<u64> {
        let changed = self.changed_until(None, since)?;
        changed.ok_or_else(|| Error::new(ErrorKind::TimedOut, self.name(), "nothing changed"))
    }

    /// As [`changed`](Self::changed); `None` if nothing has changed within `timeout`.
    ///
    /// # Errors
    ///
    /// None today; a region may come to be closed.
    pub fn changed_timeout(&self, since: u64, timeout: Duration) -> Result<Option<u64>> {
        self.changed_until(Instant::now().checked_add(timeout), since)
    }

    /// As [`changed`](Self::changed), but lets the thread do other work meanwhile.
    ///
    /// The future runs on every executor.
    ///
    /// # Errors
    ///
    /// `Io` if the thread that waits cannot be started.
    ///
    /// ```
    /// use barewire_runtime::ipc::SharedRegion;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-region-changed-async-{}", std::process::id());
    /// let region = SharedRegion::<u64>::create(&name, &1)?;
    /// let seen = region.version();
    /// let (changed, updated) =
    ///     tokio::join!(region.changed_async(seen), async { region.update(|value| *value = 2) });
    /// updated?;
    /// assert_eq!(changed?, seen + 1);
    /// # Ok(()) }
    /// ```
    pub async fn changed_async(&self, since: u64) -> Result<u64> {
        let words = self.words();
        let attempt = || Ok(words.other_than(since));
        let recover = || self.recover();
        words.change().wait_async(self.name(), attempt, recover).await
    }

    fn changed_until(&self, deadline: Option<Instant>, since: u64) -> Result<Option<u64>> {
        let words = self.words();
        words.change().wait(deadline, || Ok(words.other_than(since)), || self.recover())
    }

    fn recover(&self) {
        self.segment.recover(&sweep_segment);
    }

    /// Changes the value; writers take turns. Nothing is changed if `change` panics.
    ///
    /// # Errors
    ///
    /// `TooLarge` if the new value exceeds a cap (the old one stays), `InvalidValue` as for `read`.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        self.update_until(None, change)
    }

    /// As [`update`](Self::update), but waits no longer than `timeout` for its turn.
    ///
    /// # Errors
    ///
    /// `TimedOut` if another writer kept its turn, and as [`update`](Self::update).
    pub fn update_timeout<R>(
        &self,
        timeout: Duration,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        self.update_until(Instant::now().checked_add(timeout), change)
    }

    /// As [`update`](Self::update), if no other writer has its turn; `None` if one has.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update).
    ///
    /// ```
    /// use barewire_runtime::ipc::SharedRegion;
    ///
    /// # fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-region-try-{}", std::process::id());
    /// let region = SharedRegion::<u64>::create(&name, &1)?;
    /// let inner = region.update(|_| region.try_update(|value| *value = 3))?;
    /// assert!(inner?.is_none());
    /// assert!(region.try_update(|value| *value = 2)?.is_some());
    /// # Ok(()) }
    /// ```
    pub fn try_update<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<Option<R>> {
        let words = self.words();
        let turn = words.try_begin().or_else(|| {
            // It may be that of a writer that has died.
            self.recover();
            words.try_begin()
        });
        turn.map(|turn| self.change_in(turn, change)).transpose()
    }

    fn update_until<R>(
        &self,
        deadline: Option<Instant>,
        change: impl FnOnce(&mut T) -> R,
    ) -> Result<R> {
        let words = self.words();
        let attempt = || Ok::<_, Error>(words.try_begin());
        let Some(turn) = words.turn().wait(deadline, attempt, || self.recover())? else {
            let detail = "another writer kept its turn until the deadline";
            return Err(Error::new(ErrorKind::TimedOut, self.name(), detail));
        };
        self.change_in(turn, change)
    }

    /// As [`update`](Self::update), but lets the thread do other work until it is its turn.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing has changed.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update), and `Io` if the thread that waits cannot be started.
    ///
    /// ```
    /// use barewire_runtime::ipc::SharedRegion;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> barewire_runtime::Result<()> {
    /// let name = format!("docs-region-update-async-{}", std::process::id());
    /// let region = SharedRegion::<u64>::create(&name, &1)?;
    /// region.update_async(|value| *value += 1).await?;
    /// assert_eq!(region.read()?, 2);
    /// # Ok(()) }
    /// ```
    pub async fn update_async<R>(&self, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        let words = self.words();
        let attempt = || Ok(words.try_begin());
        let turn = words.turn().wait_async(self.name(), attempt, || self.recover()).await?;
        self.change_in(turn, change)
    }

    fn change_in<R>(&self, turn: Turn<'_>, change: impl FnOnce(&mut T) -> R) -> Result<R> {
        let words = self.words();
        let mut layout = zeroed::<T>(self.name())?;
        words.read(layout.as_mut_bytes());
        let mut value = self.load(&layout)?;
        let result = change(&mut value);
        store(self.name(), &value, &mut layout)?;
        turn.publish(layout.as_bytes());
        Ok(result)
    }

    /// Detaches from the region; the last one out removes it. Dropping it does the same.
    pub fn close(self) {}

    fn words(&self) -> Words<'_> {
        Words { segment: &self.segment }
    }

    fn load(&self, layout: &T::Layout) -> Result<T> {
        T::load(layout)
            .map_err(|error| Error::new(ErrorKind::InvalidValue, self.name(), error.to_string()))
    }
}

impl<T: FixedLayout> Drop for SharedRegion<T> {
    fn drop(&mut self) {
        self.segment.leave(&sweep_segment);
    }
}

fn zeroed<T: FixedLayout>(name: &str) -> Result<Box<T::Layout>> {
    T::Layout::new_box_zeroed()
        .map_err(|_| Error::new(ErrorKind::NoSpace, name, "no memory for a copy of the value"))
}

fn store<T: FixedLayout>(name: &str, value: &T, layout: &mut T::Layout) -> Result<()> {
    value.store(layout).map_err(|error| Error::new(ErrorKind::TooLarge, name, error.to_string()))
}

/// The words of one region.
#[derive(Clone, Copy)]
struct Words<'a> {
    segment: &'a Segment,
}

/// The right to publish the next version; given back when dropped.
struct Turn<'a> {
    words: Words<'a>,
    lock: u64,
}

impl<'a> Words<'a> {
    fn word(self, at: usize) -> &'a AtomicU64 {
        self.segment.map().u64(self.segment.body().0 + at)
    }

    fn current(self) -> &'a AtomicU64 {
        self.word(CURRENT)
    }

    /// The writers' lock: a count of turns × 256 + the holder's index + 1, or + 0 if free.
    fn writer(self) -> &'a AtomicU64 {
        self.word(WRITER)
    }

    fn turn(self) -> Event<'a> {
        self.segment.event(self.segment.body().0 + TURN_EVENT)
    }

    fn change(self) -> Event<'a> {
        self.segment.event(self.segment.body().0 + CHANGE_EVENT)
    }

    /// The current version, if it is another one.
    fn other_than(self, version: u64) -> Option<u64> {
        let current = self.current().load(Ordering::Acquire);
        (current != version).then_some(current)
    }

    fn buffer(self, version: u64) -> usize {
        let stride = self.segment.geometry()[STRIDE];
        self.segment.body().0 + DATA + ((version % BUFFERS) * stride) as usize
    }

    /// Copies the current version into `target`.
    fn read(self, target: &mut [u8]) {
        loop {
            let version = self.current().load(Ordering::Acquire);
            let base = self.buffer(version);
            for (word, chunk) in target.chunks_mut(8).enumerate() {
                let value = self.segment.map().u64(base + word * 8).load(Ordering::Relaxed);
                chunk.copy_from_slice(&value.to_le_bytes()[..chunk.len()]);
            }
            // Whoever overwrites this buffer has seen the third later version published first.
            fence(Ordering::Acquire);
            let now = self.current().load(Ordering::Relaxed);
            if now.wrapping_sub(version) <= TOLERATED {
                return;
            }
            std::hint::spin_loop();
        }
    }

    fn write(self, version: u64, source: &[u8]) {
        let base = self.buffer(version);
        for (word, chunk) in source.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            let value = u64::from_le_bytes(bytes);
            self.segment.map().u64(base + word * 8).store(value, Ordering::Relaxed);
        }
    }

    fn try_begin(self) -> Option<Turn<'a>> {
        let seen = self.writer().load(Ordering::Relaxed);
        if seen & 0xff != 0 {
            return None;
        }
        let lock = (seen | (u64::from(self.segment.index()) + 1)).wrapping_add(256);
        let (acquire, relaxed) = (Ordering::Acquire, Ordering::Relaxed);
        let taken = self.writer().compare_exchange(seen, lock, acquire, relaxed).is_ok();
        taken.then_some(Turn { words: self, lock })
    }

    /// Frees the lock if it still stands as `held`.
    fn free(self, held: u64) {
        let (release, relaxed) = (Ordering::Release, Ordering::Relaxed);
        if self.writer().compare_exchange(held, held & !0xff, release, relaxed).is_ok() {
            self.turn().notify();
        }
    }
}

impl Turn<'_> {
    fn publish(self, bytes: &[u8]) {
        let version = self.words.current().load(Ordering::Relaxed).wrapping_add(1);
        // A reader that sees a byte of this version also sees that the one before is published.
        fence(Ordering::Release);
        self.words.write(version, bytes);
        self.words.current().store(version, Ordering::Release);
        self.words.change().notify_all();
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.words.free(self.lock);
    }
}

/// Gives back the turn of a dead writer.
fn sweep_segment(segment: &Segment, dead: u8, still_dead: &dyn Fn() -> bool) {
    let words = Words { segment };
    let seen = words.writer().load(Ordering::Acquire);
    if seen & 0xff == u64::from(dead) + 1 && still_dead() {
        words.free(seen);
    }
}
