//! One call: arguments are laid out in shared memory, it is made, what came back is checked.

use std::ffi::{CStr, CString};
use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use barewire_runtime::layout::FixedLayout;
use barewire_runtime::shared_memory::Mapping;
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes};

use crate::arena::{Block, Buffer};
use crate::engine::{Answer, status};
use crate::error::{Error, ErrorKind, Result};
use crate::instance::Instance;
use crate::mailbox::{ADDRESS, IN_ARENA, SCRATCH, SCRATCH_BYTES, Words};
use crate::pool::Seat;
use crate::remote::Fault;

/// Arguments up to this size stand in the scratch and not in the arena.
const SMALL: usize = 8 << 10;

/// A pointer of the library, by the number that its worker gave it.
///
/// It belongs to one worker. Once that has crashed, been replaced or been given the handle to end,
/// a call with the handle is an error, [`ErrorKind::StaleHandle`], and never another's pointer.
pub struct Handle<T> {
    pub(crate) life: u64,
    pub(crate) number: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle({:#x} of worker {})", self.number, self.life)
    }
}

impl<T> Handle<T> {
    pub(crate) fn new(life: u64, number: u64) -> Self {
        Self { life, number, kind: PhantomData }
    }

    /// The worker that it belongs to.
    #[doc(hidden)]
    #[must_use]
    pub fn route(&self) -> Option<u64> {
        Some(self.life)
    }
}

/// A place in shared memory that this call uses.
#[derive(Debug, Clone, Copy)]
pub struct Area {
    address: u64,
    offset: usize,
    len: usize,
}

/// A call that is being made; for generated code.
pub struct Stage<'i> {
    instance: &'i Instance,
    seat: Option<Seat>,
    function: u32,
    words: Words,
    count: usize,
    scratch: usize,
    blocks: Vec<Block>,
    text: Option<Area>,
    /// Whether an argument stands in a buffer, whose owner may use it again at once.
    in_place: bool,
    timeout: Duration,
    pub(crate) fault: Option<Fault>,
}

impl fmt::Debug for Stage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Stage({} arguments)", self.count)
    }
}

impl Drop for Stage<'_> {
    fn drop(&mut self) {
        if let Some(seat) = self.seat.take() {
            self.instance.pool.give(seat, self.fault.is_some());
        }
    }
}

impl<'i> Stage<'i> {
    pub(crate) fn new(
        instance: &'i Instance,
        seat: Seat,
        function: u32,
        timeout: Duration,
    ) -> Self {
        Self {
            instance,
            seat: Some(seat),
            function,
            words: Words::default(),
            count: 0,
            scratch: 0,
            blocks: Vec::new(),
            text: None,
            in_place: false,
            timeout,
            fault: None,
        }
    }

    fn life(&self) -> u64 {
        self.seat.as_ref().map_or(0, Seat::life)
    }

    fn map(&self, area: &Area) -> Option<&Mapping> {
        match area.address & IN_ARENA {
            0 => self.seat.as_ref().map(Seat::map),
            _ => Some(&self.instance.pool.arena.map),
        }
    }

    /// Room for this call.
    fn room(&mut self, len: usize) -> Result<Area> {
        let start = self.scratch;
        let end = start + len.next_multiple_of(16);
        if len <= SMALL && end <= SCRATCH_BYTES {
            self.scratch = end;
            return Ok(Area { address: ADDRESS | start as u64, offset: SCRATCH + start, len });
        }
        let block = self.instance.pool.block(len)?;
        let offset = block.offset;
        self.blocks.push(block);
        Ok(Area { address: ADDRESS | IN_ARENA | offset as u64, offset, len })
    }

    fn write(&self, area: &Area, bytes: &[u8]) {
        if let Some(map) = self.map(area) {
            map.write_volatile(area.offset, &bytes[..bytes.len().min(area.len)]);
        }
    }

    fn read(&self, area: &Area, bytes: &mut [u8]) {
        let len = bytes.len().min(area.len);
        if let Some(map) = self.map(area) {
            map.read_volatile(area.offset, &mut bytes[..len]);
        }
    }

    /// The next argument: a number, as the bits that C sees.
    #[inline]
    pub fn value(&mut self, bits: u64) {
        if let Some(word) = self.words.get_mut(self.count) {
            *word = bits;
        }
        self.count += 1;
    }

    /// The next argument: an address.
    #[inline]
    pub fn address(&mut self, area: &Area) {
        self.value(area.address);
    }

    /// The next argument: a handle.
    pub fn handle<T>(&mut self, handle: &Handle<T>) -> Result<()> {
        if handle.life != self.life() {
            let detail = "two handles of different workers in one call";
            return Err(Error::new(ErrorKind::StaleHandle, "", detail));
        }
        self.value(handle.number);
        Ok(())
    }

    /// How many items there are, if that fits into the C type that has so many bytes.
    pub fn counted(&self, counts: &[usize], name: &str, bytes: u64, signed: bool) -> Result<u64> {
        let first = counts.first().copied().unwrap_or(0);
        if let Some(other) = counts.iter().find(|count| **count != first) {
            let detail =
                format!("`{name}` counts items of {first} and of {other}: make them equal");
            return Err(Error::new(ErrorKind::InvalidArgument, "", detail));
        }
        let bits = (bytes * 8) as u32 - u32::from(signed);
        if bits < 64 && first as u64 >= 1 << bits {
            let detail =
                format!("{first} items, and `{name}` counts up to {}", (1_u64 << bits) - 1);
            return Err(Error::new(ErrorKind::InvalidArgument, "", detail));
        }
        Ok(first as u64)
    }

    /// Text that ends with a zero.
    pub fn lay_text(&mut self, text: &CStr) -> Result<Area> {
        self.lay_bytes(text.to_bytes_with_nul())
    }

    /// A copy of these bytes.
    pub fn lay_bytes(&mut self, bytes: &[u8]) -> Result<Area> {
        let area = self.room(bytes.len())?;
        self.write(&area, bytes);
        Ok(area)
    }

    /// The fixed layout of a value.
    pub fn lay_one<T: FixedLayout>(&mut self, value: &T) -> Result<Area> {
        let invalid =
            |told: &dyn fmt::Display| Error::new(ErrorKind::InvalidArgument, "", told.to_string());
        let mut layout =
            T::Layout::new_box_zeroed().map_err(|_| invalid(&"no memory for a copy"))?;
        value.store(&mut layout).map_err(|error| invalid(&error))?;
        self.lay_bytes(layout.as_bytes())
    }

    /// Zeroed room for the fixed layout of a value.
    pub fn lay_room<T: FixedLayout>(&mut self) -> Result<Area> {
        let area = self.room(size_of::<T::Layout>())?;
        self.write(&area, &vec![0; area.len]);
        Ok(area)
    }

    /// Room for a handle.
    pub fn lay_handle(&mut self) -> Result<Area> {
        self.lay_bytes(&[0; 8])
    }

    /// Room for a text that is returned.
    pub fn expect_text(&mut self) -> Result<()> {
        self.text = Some(self.room(self.instance.text_bytes)?);
        Ok(())
    }

    /// Makes the call.
    ///
    /// # Errors
    ///
    /// What became of the worker, or of a handle.
    #[inline]
    pub fn run(&mut self) -> Result<Returned> {
        let text = self.text.map(|area| [area.address, area.len as u64]);
        let how = (self.instance.wait, self.timeout);
        let words = &self.words[..self.count.min(self.words.len())];
        let Some(seat) = self.seat.as_mut() else {
            return Err(Error::new(ErrorKind::Violation, "", "a call without a worker"));
        };
        match seat.call(self.function, words, text, how) {
            Ok(answer) if answer.status == status::DONE => Ok(Returned { answer }),
            Ok(answer) => Err(self.refused(answer)),
            Err(fault) => Err(self.failed(fault)),
        }
    }

    /// The worker is dead or too slow: it is ended before memory that it uses is given to others.
    #[cold]
    fn failed(&mut self, fault: Fault) -> Error {
        self.fault = Some(fault);
        let blocks = &mut self.blocks;
        let died = match self.seat.as_mut() {
            Some(seat) if fault == Fault::TimedOut || self.in_place => seat.end(),
            Some(seat) => seat.end_soon(blocks),
            None => ErrorKind::Violation,
        };
        if fault == Fault::TimedOut {
            let detail =
                format!("the call took more than {:?}; its worker was ended", self.timeout);
            return Error::new(ErrorKind::TimedOut, "", detail);
        }
        let detail = match died {
            ErrorKind::Crashed { signal } => format!("the worker died of signal {signal}"),
            ErrorKind::Exited { code } => format!("the worker ended itself with code {code}"),
            _ => "the worker is gone".to_owned(),
        };
        Error::new(died, "", detail)
    }

    #[cold]
    fn refused(&mut self, answer: Answer) -> Error {
        let room = self.text.map_or(0, |area| area.len);
        let (kind, detail) = match answer.status {
            status::BAD_HANDLE => {
                (ErrorKind::StaleHandle, "the handle was given back, or is of another type".into())
            }
            status::TEXT_TOO_LONG => {
                let help = "make the library with a larger `text_bytes`";
                (ErrorKind::TooLarge, format!("the text has more than {room} bytes: {help}"))
            }
            status::TOO_MANY_HANDLES => {
                (ErrorKind::TooLarge, "the worker has given out as many handles as it can".into())
            }
            other => {
                let detail = format!("the worker answered with status {other}");
                return self.violation(&detail);
            }
        };
        Error::new(kind, "", detail)
    }

    /// A worker that answers nonsense is ended.
    #[cold]
    pub fn violation(&mut self, detail: &str) -> Error {
        self.fault = Some(Fault::Dead { began: true });
        if let Some(seat) = self.seat.as_mut() {
            seat.end();
        }
        Error::new(ErrorKind::Violation, "", format!("{detail}; the worker was ended"))
    }

    /// The length that a worker says it has written, if there is room for it.
    pub fn written(&mut self, count: u64, room: usize) -> Result<usize> {
        match usize::try_from(count).ok().filter(|count| *count <= room) {
            Some(count) => Ok(count),
            None => Err(self.violation(&format!("{count} items written, with room for {room}"))),
        }
    }

    /// A checked copy of a value that the worker has written.
    pub fn fetch_one<T: FixedLayout>(&mut self, area: &Area) -> Result<T> {
        let invalid =
            |told: &dyn fmt::Display| Error::new(ErrorKind::InvalidValue, "", told.to_string());
        let mut layout =
            T::Layout::new_box_zeroed().map_err(|_| invalid(&"no memory for a copy"))?;
        self.read(area, layout.as_mut_bytes());
        T::load(&layout).map_err(|error| invalid(&error))
    }

    /// The number of a handle that the worker has written.
    pub fn fetch_handle<T>(&mut self, area: &Area) -> Option<Handle<T>> {
        let mut number = [0; 8];
        self.read(area, &mut number);
        self.new_handle(u64::from_le_bytes(number))
    }

    /// The handle with a number; `None` for null.
    pub fn new_handle<T>(&self, number: u64) -> Option<Handle<T>> {
        (number != 0).then(|| Handle::new(self.life(), number))
    }

    /// A checked copy of the text that was returned; `None` for null.
    pub fn fetch_text(&mut self, returned: &Returned) -> Result<Option<CString>> {
        let (result, area) = (returned.answer.result, self.text);
        let (Some(len), Some(area)) = (result.checked_sub(1), area) else {
            return Ok(None);
        };
        let len = self.written(len, area.len)?;
        let mut bytes = vec![0; len];
        self.read(&area, &mut bytes);
        match CString::new(bytes) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(self.violation("a text with a zero inside")),
        }
    }
}

/// What a call gave back.
#[derive(Debug, Clone, Copy)]
pub struct Returned {
    answer: Answer,
}

impl Returned {
    /// The result as bits.
    #[must_use]
    #[inline]
    pub fn bits(&self) -> u64 {
        self.answer.result
    }

    /// `errno` after the call.
    #[must_use]
    pub fn errno(&self) -> i32 {
        self.answer.errno
    }
}

/// A number that arrays of C hold.
pub trait Number: FromBytes + IntoBytes + Immutable + Copy {}
impl<T: FromBytes + IntoBytes + Immutable + Copy> Number for T {}

/// What can be an `in` argument: a slice, which is copied, or a [`Buffer`], which is not.
pub trait Input<T> {
    /// How many items there are.
    fn count(&self) -> usize;
    #[doc(hidden)]
    fn lay(&self, stage: &mut Stage<'_>) -> Result<Area>;
}

/// What can be an `out` or `inout` argument: a slice, which is copied, or a [`Buffer`], which is
/// not.
pub trait Output<T>: Input<T> {
    #[doc(hidden)]
    fn lay_out(&mut self, stage: &mut Stage<'_>) -> Result<Area> {
        self.lay(stage)
    }
    #[doc(hidden)]
    fn fetch(&mut self, stage: &mut Stage<'_>, area: &Area, count: usize) -> Result<()>;
}

impl<T: Number> Input<T> for [T] {
    fn count(&self) -> usize {
        self.len()
    }

    fn lay(&self, stage: &mut Stage<'_>) -> Result<Area> {
        stage.lay_bytes(self.as_bytes())
    }
}

impl<T: Number> Output<T> for [T] {
    fn fetch(&mut self, stage: &mut Stage<'_>, area: &Area, count: usize) -> Result<()> {
        let count = count.min(self.len());
        stage.read(area, self[..count].as_mut_bytes());
        Ok(())
    }
}

macro_rules! as_slices {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<T: Number, $($generics)*> Input<T> for $type {
            fn count(&self) -> usize {
                self.len()
            }

            fn lay(&self, stage: &mut Stage<'_>) -> Result<Area> {
                self[..].lay(stage)
            }
        }

        impl<T: Number, $($generics)*> Output<T> for $type {
            fn fetch(&mut self, stage: &mut Stage<'_>, area: &Area, count: usize) -> Result<()> {
                self[..].fetch(stage, area, count)
            }
        }
    )*};
}

as_slices! {
    [] Vec<T>;
    [const N: usize] [T; N];
}

impl Input<u8> for Buffer {
    fn count(&self) -> usize {
        self.len()
    }

    fn lay(&self, stage: &mut Stage<'_>) -> Result<Area> {
        let address = self.place(&stage.instance.pool.arena)?;
        stage.in_place = true;
        let offset = (address & (IN_ARENA - 1)) as usize;
        Ok(Area { address, offset, len: self.len() })
    }
}

impl Output<u8> for Buffer {
    fn fetch(&mut self, _: &mut Stage<'_>, _: &Area, _: usize) -> Result<()> {
        Ok(())
    }
}
