//! The end of a pipe that values come out of.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use barewire_schema::BareSchema;

use super::fifo::Reopen;
use super::frame::{DEFAULT_MESSAGE_BYTES, Fault, Frame, Inbox, Kind};
use super::handshake::{self, Offer};
use super::link::{Link, Patience, Taken};
use crate::codec::{self, Decode, DecodeError};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::files::Direction;

/// The end of a pipe that values come out of; one half of a [`NamedPipe`](super::NamedPipe), or a
/// stream of values from a [`Fifo`](super::Fifo) or a file.
///
/// What comes is read many messages at a time, and taken from there without another system call.
#[derive(Debug)]
pub struct PipeReceiver<R> {
    link: Arc<Link>,
    inbox: Inbox,
    files: VecDeque<OwnedFd>,
    /// What is known of a stream that nobody answers.
    one_way: Option<OneWay>,
    /// Why nothing more can be made of what comes.
    failed: Option<Error>,
    _value: PhantomData<fn() -> R>,
}

#[derive(Debug, Default)]
struct OneWay {
    /// Whether its hello has come.
    greeted: bool,
    /// Whether what comes is thrown away, up to the end of this writer's.
    skips: bool,
    /// How a FIFO is opened for the next writer, and whether this one has ended.
    fifo: Option<Reopen>,
    ended: bool,
}

/// What a connection has brought with its handshake already.
#[derive(Debug)]
pub(super) struct Intake {
    pub(super) inbox: Inbox,
    pub(super) files: VecDeque<OwnedFd>,
}

impl<R: BareSchema> PipeReceiver<R> {
    pub(super) fn new(link: Arc<Link>, intake: Intake) -> Self {
        let Intake { inbox, files } = intake;
        Self { link, inbox, files, one_way: None, failed: None, _value: PhantomData }
    }

    /// Reads a stream of values that [`PipeSender::to_stream`](super::PipeSender::to_stream) has
    /// written: from a file, the standard input, or whatever a descriptor leads to.
    ///
    /// The name serves in errors. Messages may be as large as
    /// [`DEFAULT_MESSAGE_BYTES`](super::DEFAULT_MESSAGE_BYTES).
    ///
    /// # Errors
    ///
    /// None today.
    pub fn from_stream(name: &str, stream: impl Into<OwnedFd>) -> Result<Self> {
        let link = Link::stream(name, stream.into());
        Ok(Self::one_way(link, DEFAULT_MESSAGE_BYTES, None))
    }

    pub(super) fn one_way(link: Link, largest: usize, fifo: Option<Reopen>) -> Self {
        let intake = Intake { inbox: Inbox::new(largest, 0), files: VecDeque::new() };
        let mut receiver = Self::new(Arc::new(link), intake);
        receiver.one_way = Some(OneWay { fifo, ..OneWay::default() });
        receiver
    }

    /// The pipe's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.link.name
    }

    /// Receives the next value; waits until it is there.
    ///
    /// # Errors
    ///
    /// `Closed` once everything has been received and the other side is gone, `Truncated` if that
    /// was in the middle of a message. `Malformed` and `TooLarge` for what is no frame, or too
    /// large a one; the connection is of no use then. `InvalidValue` if the message is no value of
    /// the type; the next one can be received. `Io`.
    #[inline]
    pub fn receive(&mut self) -> Result<R>
    where
        R: for<'de> Decode<'de>,
    {
        self.receive_message()?.read()
    }

    /// Receives the next value; `None` if none has come within `timeout`.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub fn receive_timeout(&mut self, timeout: Duration) -> Result<Option<R>>
    where
        R: for<'de> Decode<'de>,
    {
        self.receive_message_timeout(timeout)?.map(|message| message.read()).transpose()
    }

    /// Receives the next value, if it is there.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    #[inline]
    pub fn try_receive(&mut self) -> Result<Option<R>>
    where
        R: for<'de> Decode<'de>,
    {
        self.try_receive_message()?.map(|message| message.read()).transpose()
    }

    /// As [`receive`](Self::receive), but lets the thread do other work while it waits.
    ///
    /// The future runs on every executor. If it is dropped before it is done, nothing is lost.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive).
    pub async fn receive_async(&mut self) -> Result<R>
    where
        R: for<'de> Decode<'de>,
    {
        self.receive_message_async().await?.read()
    }

    /// Receives the next message without making a value of it; waits until it is there.
    ///
    /// # Errors
    ///
    /// As [`receive`](Self::receive), without `InvalidValue`.
    #[inline]
    pub fn receive_message(&mut self) -> Result<PipeMessage<'_, R>> {
        match self.fetch(Patience::Forever)? {
            Some(frame) => Ok(self.message(&frame)),
            None => Err(self.link.closed()),
        }
    }

    /// Receives the next message without making a value of it; `None` if none has come within
    /// `timeout`.
    ///
    /// # Errors
    ///
    /// As [`receive_message`](Self::receive_message).
    pub fn receive_message_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<PipeMessage<'_, R>>> {
        let frame = self.fetch(Patience::timeout(timeout))?;
        Ok(frame.map(|frame| self.message(&frame)))
    }

    /// Receives the next message without making a value of it, if it is there.
    ///
    /// # Errors
    ///
    /// As [`receive_message`](Self::receive_message).
    #[inline]
    pub fn try_receive_message(&mut self) -> Result<Option<PipeMessage<'_, R>>> {
        let frame = self.fetch(Patience::None)?;
        Ok(frame.map(|frame| self.message(&frame)))
    }

    /// As [`receive_message`](Self::receive_message), but lets the thread do other work while it
    /// waits.
    ///
    /// # Errors
    ///
    /// As [`receive_message`](Self::receive_message).
    pub async fn receive_message_async(&mut self) -> Result<PipeMessage<'_, R>> {
        let frame = std::future::poll_fn(|context| {
            use std::task::Poll;
            match self.fetch(Patience::None).transpose() {
                Some(found) => Poll::Ready(found),
                // The link of a FIFO changes with its writers, so it is looked up each time.
                None => match self.link.wake(Direction::Read, context) {
                    Ok(()) => Poll::Pending,
                    Err(error) => Poll::Ready(Err(error)),
                },
            }
        })
        .await?;
        Ok(self.message(&frame))
    }

    fn message(&mut self, frame: &Frame) -> PipeMessage<'_, R> {
        let files = self.files.drain(..frame.files.min(self.files.len())).collect();
        PipeMessage {
            name: &self.link.name,
            octets: self.inbox.body(frame),
            files,
            _value: PhantomData,
        }
    }

    /// The next message, if it comes before the patience ends.
    #[inline]
    pub(super) fn fetch(&mut self, patience: Patience) -> Result<Option<Frame>> {
        if let Some(error) = &self.failed {
            return Err(error.again());
        }
        loop {
            match self.inbox.next() {
                Ok(Some(frame)) if frame.kind == Kind::Message && self.one_way.is_none() => {
                    return self.with_files(frame).map(Some);
                }
                Ok(Some(frame)) => {
                    if let Some(frame) = self.unusual(frame)? {
                        return Ok(Some(frame));
                    }
                }
                Ok(None) => {
                    if !self.look(patience)? {
                        return Ok(None);
                    }
                }
                Err(fault) => return Err(self.fail(fault)),
            }
        }
    }

    #[inline]
    fn with_files(&mut self, frame: Frame) -> Result<Frame> {
        if frame.files > self.files.len() {
            let what = "a message comes without the descriptors that it announces".to_owned();
            return Err(self.fail(Fault::Malformed(what)));
        }
        Ok(frame)
    }

    /// Looks for more octets; whether there were any before the patience ended.
    #[inline]
    fn look(&mut self, patience: Patience) -> Result<bool> {
        if self.one_way.is_some() {
            return self.look_one_way(patience);
        }
        match self.link.take_in(&mut self.inbox, &mut self.files, patience) {
            Ok(Taken::Some) => Ok(true),
            Ok(Taken::Nothing) => Ok(false),
            Ok(Taken::End) => Err(self.ended()),
            Err(error) => {
                self.failed = Some(error.again());
                Err(error)
            }
        }
    }

    /// The error of a stream that has ended.
    fn ended(&self) -> Error {
        if self.inbox.is_between_messages() { self.link.closed() } else { self.link.truncated() }
    }

    /// What comes in a stream in one direction, or where it should not.
    fn unusual(&mut self, frame: Frame) -> Result<Option<Frame>> {
        let Some(one_way) = &mut self.one_way else {
            let what = "a part of a handshake comes after its end".to_owned();
            return Err(self.fail(Fault::Malformed(what)));
        };
        match frame.kind {
            Kind::Message if one_way.greeted => return Ok(Some(frame)),
            Kind::Hello => {
                let offer = Offer { sends: None, receives: Some(R::TYPE), largest: 0, files: 0 };
                let body = self.inbox.body(&frame);
                match handshake::check_one_way(&self.link.name, &offer, body) {
                    Ok(()) => one_way.greeted = true,
                    Err(error) => return Err(self.give_up(error)),
                }
            }
            _ => {
                let what = "a stream begins with a hello, and this one does not".to_owned();
                return Err(self.fail(Fault::Malformed(what)));
            }
        }
        Ok(None)
    }

    #[cold]
    fn fail(&mut self, fault: Fault) -> Error {
        let broken_off = fault == Fault::BrokenOff;
        let error = self.link.fault(fault);
        if broken_off && self.one_way.is_some() {
            // Another writer's stream follows.
            return error;
        }
        self.give_up(error)
    }

    /// Makes nothing more of what comes: from this writer, if there may be others.
    fn give_up(&mut self, error: Error) -> Error {
        match &mut self.one_way {
            Some(one_way) if one_way.fifo.is_some() => {
                one_way.skips = true;
                self.inbox.clear();
            }
            _ => {
                self.failed = Some(error.again());
                self.files.clear();
                self.link.shut_down();
            }
        }
        error
    }

    fn look_one_way(&mut self, patience: Patience) -> Result<bool> {
        loop {
            let Some(one_way) = &mut self.one_way else { return Ok(false) };
            if std::mem::take(&mut one_way.ended) {
                self.reopen()?;
                continue;
            }
            let taken = self.link.take_in(&mut self.inbox, &mut self.files, patience)?;
            match taken {
                Taken::Some if one_way.skips => self.inbox.clear(),
                Taken::Some => return Ok(true),
                Taken::Nothing => return Ok(false),
                Taken::End if one_way.fifo.is_none() => return Err(self.ended()),
                Taken::End => {
                    let begun = one_way.greeted || !self.inbox.is_between_messages();
                    let skipped = one_way.skips;
                    (one_way.ended, one_way.greeted, one_way.skips) = (true, false, false);
                    let error = self.ended();
                    self.inbox.clear();
                    if begun && !skipped {
                        return Err(error);
                    }
                    // No writer has come yet, or nothing from it.
                    self.reopen()?;
                    if let Some(one_way) = &mut self.one_way {
                        one_way.ended = false;
                    }
                    if matches!(patience, Patience::None)
                        || !self.link.ready((true, false), patience)?
                    {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Opens a FIFO anew: the kernel tells of the end of writers only who has it open meanwhile.
    fn reopen(&mut self) -> Result<()> {
        if let Some(fifo) = self.one_way.as_ref().and_then(|one_way| one_way.fifo.as_ref()) {
            self.link = Arc::new(fifo.open()?);
        }
        Ok(())
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

/// A message that has come, in the buffer that it was read into.
pub struct PipeMessage<'m, R> {
    name: &'m str,
    octets: &'m [u8],
    files: Vec<OwnedFd>,
    _value: PhantomData<fn() -> R>,
}

impl<'m, R: BareSchema> PipeMessage<'m, R> {
    /// The octets of the value, in BARE; nothing was checked.
    #[must_use]
    pub fn bytes(&self) -> &'m [u8] {
        self.octets
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// `InvalidValue` if the message is no value of the type.
    #[inline]
    pub fn read(&self) -> Result<R>
    where
        R: Decode<'m>,
    {
        codec::decode(self.octets).map_err(|error| self.invalid(&error))
    }

    /// Replaces a value, and uses its memory again.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read). Some value of `R` stands there then.
    #[inline]
    pub fn read_into(&self, place: &mut R) -> Result<()>
    where
        R: Decode<'m>,
    {
        codec::decode_into(place, self.octets).map_err(|error| self.invalid(&error))
    }

    /// The value as another type of the same structure, one whose texts and data are borrowed from
    /// the message, so that nothing is copied.
    ///
    /// That the structure is the same is checked when the program is compiled.
    ///
    /// ```
    /// # extern crate barewire_runtime as barewire;
    /// # use barewire::ipc::{PipeReceiver, PipeSender};
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (output, input) = std::io::pipe()?;
    /// let mut sender = PipeSender::<String>::to_stream("lines", input)?;
    /// sender.send(&"boiling".to_owned())?;
    ///
    /// let mut receiver = PipeReceiver::<String>::from_stream("lines", output)?;
    /// let message = receiver.receive_message()?;
    /// let line = message.view::<&str>()?; // checked, and nothing copied
    /// assert_eq!(line, "boiling");
    /// assert_eq!(line.as_ptr(), message.bytes()[1..].as_ptr());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn view<V: BareSchema + Decode<'m>>(&self) -> Result<V> {
        const {
            let (ours, other) = (R::TYPE.wire_id().0, V::TYPE.wire_id().0);
            let mut at = 0;
            while at < ours.len() {
                assert!(ours[at] == other[at], "the view has another structure than the message");
                at += 1;
            }
        };
        codec::decode(self.octets).map_err(|error| self.invalid(&error))
    }

    /// The file descriptors that came with the message; what is not taken is closed.
    #[must_use]
    pub fn take_descriptors(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.files)
    }

    #[cold]
    fn invalid(&self, error: &DecodeError) -> Error {
        let detail = format!("the message is no value of the type: {error}");
        Error::new(ErrorKind::InvalidValue, self.name, detail)
    }
}

impl<R> fmt::Debug for PipeMessage<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.octets.len();
        f.debug_struct("PipeMessage").field("bytes", &bytes).field("files", &self.files).finish()
    }
}
