//! The end of a pipe that values go into.

use std::io::IoSlice;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use barewire_schema::{BareSchema, Schema};

use super::frame::{self, HEADER_BYTES, Kind, MAX_MESSAGE_BYTES};
use super::handshake::{Agreement, Offer};
use super::link::{Link, Patience};
use crate::codec::{Encode, Taker, append_value, give_pieces, is_steady, length_of};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::files::Direction;
use crate::sys::fifo;
use crate::sys::socket::MOST_FILES;
use crate::value::Value;

/// From how many octets on a value is not put together in a buffer before it is sent.
const LARGE_BYTES: usize = 32 << 10;
/// So many octets of fed messages go out together.
const BATCH_BYTES: usize = 64 << 10;
/// How much memory the buffer keeps between messages.
const KEPT_BYTES: usize = 1 << 20;

/// The end of a pipe that values go into; one half of a [`NamedPipe`](super::NamedPipe), or a
/// stream of values into a [`Fifo`](super::Fifo) or a file.
///
/// A message goes out as one frame, and waits while the other side does not take what there is
/// already: its buffer in the kernel is the only one there is.
#[derive(Debug)]
pub struct PipeSender<S> {
    link: Arc<Link>,
    /// Whole frames, of which the first `sent` octets have gone out.
    out: Vec<u8>,
    sent: usize,
    agreement: Agreement,
    /// In a FIFO: each frame goes out in one piece or not at all.
    in_whole_frames: bool,
    /// The hello of a stream that nobody answers, and whether it has gone out.
    hello: Vec<u8>,
    greeted: bool,
    _value: PhantomData<fn(S)>,
}

impl<S: BareSchema> PipeSender<S> {
    pub(super) fn new(link: Arc<Link>, agreement: Agreement) -> Self {
        Self {
            link,
            out: Vec::new(),
            sent: 0,
            agreement,
            in_whole_frames: false,
            hello: Vec::new(),
            greeted: true,
            _value: PhantomData,
        }
    }

    /// Writes a stream of values that [`PipeReceiver::from_stream`] reads: into a file, a pipe of
    /// this process's, or whatever a descriptor leads to.
    ///
    /// The name serves in errors.
    ///
    /// [`PipeReceiver::from_stream`]: super::PipeReceiver::from_stream
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if the text of the schema is longer than 256 KiB.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use barewire::ipc::{PipeReceiver, PipeSender};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let path = std::env::temp_dir().join(format!("numbers-{}", std::process::id()));
    /// let mut sender = PipeSender::<u32>::to_stream("numbers", std::fs::File::create(&path)?)?;
    /// sender.send_batch(&[1, 2, 3])?;
    /// let mut receiver =
    ///     PipeReceiver::<u32>::from_stream("numbers", std::fs::File::open(&path)?)?;
    /// assert_eq!(receiver.receive()?, 1);
    /// assert_eq!(receiver.receive()?, 2);
    /// assert_eq!(receiver.receive()?, 3);
    /// assert!(receiver.receive().is_err_and(|error| error.is_closed()));
    /// # std::fs::remove_file(&path)?;
    /// # Ok(()) }
    /// ```
    pub fn to_stream(name: &str, stream: impl Into<OwnedFd>) -> Result<Self> {
        Self::one_way(Link::stream(name, stream.into()), false)
    }

    pub(super) fn one_way(link: Link, in_whole_frames: bool) -> Result<Self> {
        let largest = MAX_MESSAGE_BYTES;
        let offer = Offer { sends: Some(S::TYPE), receives: None, largest, files: 0 };
        let hello = offer.hello(&link.name)?;
        let agreement = Agreement { contract: None, largest, files: 0 };
        let mut sender = Self::new(Arc::new(link), agreement);
        (sender.in_whole_frames, sender.hello, sender.greeted) = (in_whole_frames, hello, false);
        Ok(sender)
    }

    /// The pipe's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// The schema whose values alone the other side knows, if it is an older version's.
    #[must_use]
    pub fn keeps_to(&self) -> Option<&Schema> {
        self.agreement.contract.as_ref()
    }

    /// Whether nothing waits for room that was accepted already.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.sent == self.out.len()
    }

    /// Sends a value; waits while the other side does not take what there is.
    ///
    /// # Errors
    ///
    /// `Closed` if the other side is gone. `TooLarge` if the value has more octets than the other
    /// side takes, and `InvalidValue` if the other side has an older schema that does not know it:
    /// the pipe is unharmed then. `Io`.
    #[inline]
    pub fn send(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        self.put(value, &[], Patience::Forever).map(drop)
    }

    /// As [`send`](Self::send), but waits up to `timeout` for room.
    ///
    /// If the time ends in the middle of a large message, the rest goes out with the next call.
    ///
    /// # Errors
    ///
    /// `TimedOut` if there was no room; nothing of the value was sent then. And as
    /// [`send`](Self::send).
    pub fn send_timeout(&mut self, value: &S, timeout: Duration) -> Result<()>
    where
        S: Encode,
    {
        if self.put(value, &[], Patience::timeout(timeout))? {
            return Ok(());
        }
        let detail = "the other side has not taken what was sent before";
        Err(Error::new(ErrorKind::TimedOut, self.name(), detail))
    }

    /// Sends a value if there is room, and never waits.
    ///
    /// If there is room for a part of it, the rest goes out with the next call, which may be
    /// [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// `Full` if there was no room; nothing of the value was sent then. And as
    /// [`send`](Self::send).
    #[inline]
    pub fn try_send(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        if self.put(value, &[], Patience::None)? { Ok(()) } else { Err(self.full()) }
    }

    /// As [`send`](Self::send), but lets the thread do other work while it waits.
    ///
    /// The future runs on every executor. If it is dropped before it is done, the value may go out
    /// with the next call, or not at all.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    pub async fn send_async(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        let link = Arc::clone(&self.link);
        let attempt = || Ok(self.put(value, &[], Patience::None)?.then_some(()));
        link.wait_async(Direction::Write, attempt).await?;
        self.flush_async().await
    }

    /// Sends a value together with file descriptors, which the other side gets copies of.
    ///
    /// The other side must have asked for descriptors with
    /// [`descriptors`](super::PipeBuilder::descriptors).
    ///
    /// # Errors
    ///
    /// `InvalidArgument` if there are more than the other side takes. As [`send`](Self::send).
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// use std::time::Duration;
    /// use barewire::ipc::{MessageQueue, NamedPipe};
    ///
    /// # fn main() -> barewire::Result<()> {
    /// # let name = format!("docs-files-{}", std::process::id());
    /// let mut server = NamedPipe::<String, u32>::builder(&name).server()?;
    /// # let other = name.clone();
    /// # let child = std::thread::spawn(move || -> barewire::Result<()> {
    /// # let name = other;
    /// // In another process, which may be in a sandbox:
    /// let builder = NamedPipe::<u32, String>::builder(&name).descriptors(1);
    /// let mut pipe = builder.connect(Duration::from_secs(5))?;
    /// let mut message = pipe.receive_message()?;
    /// let queue = message.take_descriptors().remove(0);
    /// let queue = MessageQueue::<u64>::builder(message.read()?).open_descriptor(queue)?;
    /// assert_eq!(*queue.dequeue()?, 7);
    /// # Ok(()) });
    ///
    /// let mut pipe = server.accept()?;
    /// let queue = MessageQueue::<u64>::builder("jobs").isolated().create_anonymous()?;
    /// queue.enqueue(&7)?;
    /// pipe.send_with_descriptors(&"jobs".to_owned(), &[queue.share_descriptor()?])?;
    /// # child.join().unwrap()?;
    /// # Ok(()) }
    /// ```
    pub fn send_with_descriptors(&mut self, value: &S, files: &[impl AsFd]) -> Result<()>
    where
        S: Encode,
    {
        let most = self.agreement.files.min(MOST_FILES);
        if files.len() > most {
            let detail = format!("{} descriptors, and the other side takes {most}", files.len());
            return Err(Error::new(ErrorKind::InvalidArgument, self.name(), detail));
        }
        let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
        self.put(value, &files, Patience::Forever).map(drop)
    }

    /// Sends values, in order, many of them with one system call.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send); values before the one that failed were sent.
    pub fn send_batch(&mut self, values: &[S]) -> Result<()>
    where
        S: Encode,
    {
        for value in values {
            if let Err(error) = self.feed(value) {
                // What was accepted goes out, unless that is what failed.
                let _ = self.flush();
                return Err(error);
            }
        }
        self.flush()
    }

    /// Puts a value beside others that go out together: when there are 64 KiB of them, or with the
    /// next [`flush`](Self::flush) or other call.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send).
    #[inline]
    pub fn feed(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        self.pack(value, 0)?;
        if self.out.len() - self.sent >= BATCH_BYTES { self.flush() } else { Ok(()) }
    }

    /// As [`feed`](Self::feed), but never waits: if so much is there that has to go out first, and
    /// there is no room for it, the value is not accepted.
    ///
    /// # Errors
    ///
    /// `Full`, and as [`send`](Self::send).
    #[inline]
    pub fn try_feed(&mut self, value: &S) -> Result<()>
    where
        S: Encode,
    {
        if self.out.len() - self.sent >= BATCH_BYTES && !self.push(Patience::None)? {
            return Err(self.full());
        }
        self.pack(value, 0).map(drop)
    }

    /// Sends whatever was accepted and has not gone out; waits while there is no room.
    ///
    /// # Errors
    ///
    /// `Closed` and `Io`.
    pub fn flush(&mut self) -> Result<()> {
        self.push(Patience::Forever).map(drop)
    }

    /// Sends what there is room for of what was accepted; whether that was all.
    ///
    /// # Errors
    ///
    /// `Closed` and `Io`.
    pub fn try_flush(&mut self) -> Result<bool> {
        self.push(Patience::None)
    }

    /// As [`flush`](Self::flush), but lets the thread do other work while it waits.
    ///
    /// # Errors
    ///
    /// `Closed` and `Io`.
    pub async fn flush_async(&mut self) -> Result<()> {
        let link = Arc::clone(&self.link);
        let attempt = || Ok(self.push(Patience::None)?.then_some(()));
        link.wait_async(Direction::Write, attempt).await
    }

    fn full(&self) -> Error {
        Error::new(ErrorKind::Full, self.name(), "the other side has not taken what was sent")
    }

    /// Sends a value, after what is there already; false if there was no room for any of it.
    #[inline]
    fn put(&mut self, value: &S, files: &[BorrowedFd<'_>], patience: Patience) -> Result<bool>
    where
        S: Encode,
    {
        if !self.is_flushed() && !self.push(patience)? {
            return Ok(false);
        }
        if self.goes_directly(value, files) {
            return self.put_directly(value, patience);
        }
        let start = self.pack(value, files.len())?;
        if !files.is_empty() {
            return self.push_with(files);
        }
        if !self.push(patience)? && self.sent <= start {
            self.out.truncate(start);
            return Ok(false);
        }
        Ok(true)
    }

    /// Whether a value is given to the kernel where it stands.
    #[inline]
    fn goes_directly(&self, value: &S, files: &[BorrowedFd<'_>]) -> bool
    where
        S: Encode,
    {
        let may_be_large = const {
            let most = S::TYPE.max_size();
            is_steady::<S>() && (most.is_none() || matches!(most, Some(most) if most >= 32 << 10))
        };
        may_be_large
            && self.agreement.contract.is_none()
            && !self.in_whole_frames
            && files.is_empty()
            && length_of(value) >= LARGE_BYTES
    }

    fn put_directly(&mut self, value: &S, patience: Patience) -> Result<bool>
    where
        S: Encode,
    {
        let length = length_of(value);
        self.check_length(length)?;
        self.begin();
        self.out.extend_from_slice(&frame::header(Kind::Message, length, 0));
        let mut direct = Direct { sender: self, patience, begun: false, state: Ok(State::Flows) };
        give_pieces(value, &mut direct);
        let (begun, state) = (direct.begun, direct.state);
        if !matches!(state, Ok(State::Flows | State::Stalled)) {
            self.start_again();
            return state.map(|_| false);
        }
        let all = self.push(patience)?;
        if !all && !begun && self.sent == 0 {
            self.start_again();
            return Ok(false);
        }
        Ok(true)
    }

    fn forget(&mut self) {
        self.out.clear();
        self.sent = 0;
    }

    /// Drops what has not gone out; whoever reads next is greeted again.
    #[cold]
    fn start_again(&mut self) {
        self.forget();
        self.greeted = self.hello.is_empty();
    }

    /// Puts the hello before the first frame of a stream.
    #[inline]
    fn begin(&mut self) {
        if !self.greeted {
            self.out.extend_from_slice(&self.hello);
            self.greeted = true;
        }
    }

    fn check_length(&self, length: usize) -> Result<()> {
        let most = self.agreement.largest;
        if length <= most {
            return Ok(());
        }
        let detail = format!("a message of {length} bytes, and the other side takes {most}");
        Err(Error::new(ErrorKind::TooLarge, self.name(), detail))
    }

    /// Appends the frame of a value to what goes out; where it begins.
    #[inline]
    fn pack(&mut self, value: &S, files: usize) -> Result<usize>
    where
        S: Encode,
    {
        self.begin();
        if self.sent == self.out.len() {
            self.forget();
        }
        let start = self.out.len();
        self.out.extend_from_slice(&[0; HEADER_BYTES]);
        append_value(value, &mut self.out);
        let length = self.out.len() - start - HEADER_BYTES;
        let legal = self.check_length(length).and_then(|()| self.keep(start + HEADER_BYTES));
        if let Err(error) = legal {
            self.out.truncate(start);
            return Err(error);
        }
        if self.in_whole_frames && length + HEADER_BYTES > fifo::WHOLE {
            self.part(start);
        } else {
            let header = frame::header(Kind::Message, length, files);
            self.out[start..start + HEADER_BYTES].copy_from_slice(&header);
        }
        Ok(start)
    }

    /// Cuts the last frame into parts that a FIFO takes whole.
    #[cold]
    fn part(&mut self, start: usize) {
        let body = self.out.split_off(start + HEADER_BYTES);
        self.out.truncate(start);
        let mut parts = body.chunks(fifo::WHOLE - HEADER_BYTES).peekable();
        while let Some(part) = parts.next() {
            let kind = if parts.peek().is_some() { Kind::Part } else { Kind::Message };
            frame::append(&mut self.out, kind, part);
        }
    }

    /// Refuses what an older other side does not know.
    #[inline]
    fn keep(&self, start: usize) -> Result<()> {
        let Some(contract) = &self.agreement.contract else { return Ok(()) };
        let refused = |error| {
            let detail = format!(
                "the other side has an older schema, and does not know this value: {error}"
            );
            Error::new(ErrorKind::InvalidValue, self.name(), detail)
        };
        Value::decode(contract.root(), &self.out[start..]).map(drop).map_err(refused)
    }

    /// Sends what has not gone out yet; whether all has.
    #[inline]
    fn push(&mut self, patience: Patience) -> Result<bool> {
        self.begin();
        while self.sent < self.out.len() {
            let octets = &self.out[self.sent..self.next_end()];
            match self.link.give(&[IoSlice::new(octets)], &[], patience) {
                Ok(0) => return Ok(false),
                Ok(count) => self.sent += count,
                Err(error) => {
                    // Nobody is there to take the rest.
                    self.start_again();
                    return Err(error);
                }
            }
        }
        self.forget();
        if self.out.capacity() > KEPT_BYTES {
            self.out = Vec::new();
        }
        Ok(true)
    }

    /// Up to where octets may go out with one call.
    #[inline]
    fn next_end(&self) -> usize {
        if !self.in_whole_frames {
            return self.out.len();
        }
        let header = self.out[self.sent..].first_chunk::<4>();
        let length = header.map_or(0, |octets| u32::from_le_bytes(*octets) as usize);
        (self.sent + HEADER_BYTES + length).min(self.out.len())
    }

    /// Sends the only frame, with descriptors.
    fn push_with(&mut self, files: &[BorrowedFd<'_>]) -> Result<bool> {
        let given = self.link.give(&[IoSlice::new(&self.out)], files, Patience::Forever);
        if given.is_err() {
            self.start_again();
        }
        self.sent = given?;
        self.push(Patience::Forever)
    }

    /// Sends what there is room for.
    pub(super) fn try_settle(&mut self) {
        // What fails here is reported by whoever receives.
        let _ = self.push(Patience::None);
    }
}

impl<S> PipeSender<S> {
    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

impl<S> Drop for PipeSender<S> {
    fn drop(&mut self) {
        if self.sent < self.out.len() && !self.in_whole_frames {
            let rest = IoSlice::new(&self.out[self.sent..]);
            // As much as there is room for: `close` waits for more.
            let _ = self.link.give(&[rest], &[], Patience::None);
        }
    }
}

/// Gives the large parts of a value to the kernel from where they stand.
struct Direct<'s, S> {
    sender: &'s mut PipeSender<S>,
    patience: Patience,
    /// Whether the frame has begun to go out.
    begun: bool,
    state: Result<State>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Flows,
    /// There is no room just now: what is left is kept in the buffer.
    Stalled,
    /// There was no room for any of it.
    Refused,
}

impl<S> Direct<'_, S> {
    fn give(&mut self, octets: &[u8]) -> Result<State> {
        let mut done = 0;
        let sender = &mut *self.sender;
        while sender.sent < sender.out.len() || done < octets.len() {
            let (small, large) = (&sender.out[sender.sent..], &octets[done..]);
            let parts = [IoSlice::new(small), IoSlice::new(large)];
            let parts = if small.is_empty() { &parts[1..] } else { &parts };
            let small = small.len();
            let count = sender.link.give(parts, &[], self.patience)?;
            if count == 0 && !self.begun {
                return Ok(State::Refused);
            }
            if count == 0 {
                sender.out.extend_from_slice(&octets[done..]);
                return Ok(State::Stalled);
            }
            self.begun = true;
            sender.sent += count.min(small);
            done += count.saturating_sub(small);
        }
        sender.out.clear();
        sender.sent = 0;
        Ok(State::Flows)
    }
}

impl<S> Taker for Direct<'_, S> {
    fn small(&mut self) -> &mut Vec<u8> {
        &mut self.sender.out
    }

    fn large(&mut self, octets: &[u8]) {
        match self.state {
            Ok(State::Flows) => self.state = self.give(octets),
            Ok(State::Stalled) => self.sender.out.extend_from_slice(octets),
            // What is refused or has failed goes nowhere.
            Ok(State::Refused) | Err(_) => {}
        }
    }
}
