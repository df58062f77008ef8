//! Named pipes: streams one way, and calls over both directions of one connection.

use std::thread::JoinHandle;
use std::time::Duration;

use barewire::NamedPipe;

use crate::Outcome;
use crate::payload::{Payload, check, check_bytes};
use crate::systems::{Calls, Client, Place, Receiver, Sender, Server, Transport};

/// How long the other side may take to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// From how many bytes on a message is sent by a call that waits, and read where it came.
const LARGE_BYTES: usize = 64 << 10;

/// A named pipe.
pub(crate) struct Pipe;

type Both<P> = NamedPipe<<P as Payload>::Message, <P as Payload>::Message>;

/// The end that serves: its client comes before `start`, and wants an answer then.
pub(crate) struct Serving<P: Payload> {
    coming: Option<JoinHandle<barewire::Result<Both<P>>>>,
    pipe: Option<PipeEnd<P>>,
}

/// An end, with the message that is used again.
pub(crate) struct PipeEnd<P: Payload> {
    pipe: Both<P>,
    message: Box<P::Message>,
}

fn serve<P: Payload>(place: &Place) -> Outcome<Serving<P>> {
    let builder = NamedPipe::builder(&*place.name).directory(&place.directory);
    let mut server = builder.server()?;
    let coming = std::thread::spawn(move || server.accept());
    Ok(Serving { coming: Some(coming), pipe: None })
}

fn connect<P: Payload>(place: &Place) -> Outcome<PipeEnd<P>> {
    let builder = NamedPipe::builder(&*place.name).directory(&place.directory);
    PipeEnd::new(builder.connect(PATIENCE)?)
}

impl<P: Payload> Serving<P> {
    fn begin(&mut self) -> Outcome<()> {
        let coming = self.coming.take().ok_or("started twice")?;
        let pipe = coming.join().map_err(|_| "accepting failed")??;
        self.pipe = Some(PipeEnd::new(pipe)?);
        Ok(())
    }

    #[inline(always)]
    fn end(&mut self) -> Outcome<&mut PipeEnd<P>> {
        Ok(self.pipe.as_mut().ok_or("nobody has connected")?)
    }
}

impl<P: Payload> PipeEnd<P> {
    fn new(pipe: Both<P>) -> Outcome<Self> {
        // Decoded in place, since it may be too large for the stack.
        let octets = vec![0; P::BYTES];
        let message = barewire::codec::decode(&octets)?;
        Ok(Self { pipe, message })
    }

    #[inline(always)]
    fn put(&mut self, stamp: u64) -> Outcome<bool> {
        P::restamp(&mut self.message, stamp);
        if P::BYTES >= LARGE_BYTES {
            self.pipe.send(&self.message)?;
            return Ok(true);
        }
        accepted(self.pipe.try_send(&self.message))
    }

    /// As `put`, for one of many.
    #[inline(always)]
    fn put_one_of_many(&mut self, stamp: u64) -> Outcome<bool> {
        if P::BYTES >= LARGE_BYTES {
            return self.put(stamp);
        }
        P::restamp(&mut self.message, stamp);
        accepted(self.pipe.sender().try_feed(&self.message))
    }

    #[inline(always)]
    fn take(&mut self) -> Outcome<Option<u64>> {
        let Some(message) = self.pipe.try_receive_message()? else { return Ok(None) };
        if P::BYTES >= LARGE_BYTES {
            return check_bytes(message.bytes()).map(Some);
        }
        message.read_into(&mut self.message)?;
        check(P::words_of(&self.message)).map(Some)
    }
}

#[inline(always)]
fn accepted(sent: barewire::Result<()>) -> Outcome<bool> {
    match sent {
        Ok(()) => Ok(true),
        Err(error) if error.is_full() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

impl Transport for Pipe {
    type Sender<P: Payload> = Serving<P>;
    type Receiver<P: Payload> = PipeEnd<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<Serving<P>> {
        serve(place)
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<PipeEnd<P>> {
        connect(place)
    }
}

impl<P: Payload> Sender for Serving<P> {
    fn start(&mut self) -> Outcome<()> {
        self.begin()
    }

    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        self.end()?.put_one_of_many(stamp)
    }

    fn finish(&mut self) -> Outcome<()> {
        Ok(self.end()?.pipe.sender().flush()?)
    }
}

impl<P: Payload> Receiver for PipeEnd<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        self.take()
    }

    fn receive(&mut self) -> Outcome<u64> {
        check_bytes(self.pipe.receive_message()?.bytes())
    }
}

impl Calls for Pipe {
    type Client<P: Payload> = PipeEnd<P>;
    type Server<P: Payload> = Serving<P>;

    fn server<P: Payload>(place: &Place) -> Outcome<Serving<P>> {
        serve(place)
    }

    fn client<P: Payload>(place: &Place) -> Outcome<PipeEnd<P>> {
        connect(place)
    }
}

impl<P: Payload> Client for PipeEnd<P> {
    #[inline(always)]
    fn call(&mut self, stamp: u64) -> Outcome<u64> {
        while !self.put(stamp)? {}
        loop {
            if let Some(stamp) = self.take()? {
                return Ok(stamp);
            }
        }
    }
}

impl<P: Payload> Server for Serving<P> {
    fn start(&mut self) -> Outcome<()> {
        self.begin()
    }

    #[inline(always)]
    fn try_serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<Option<u64>> {
        let end = self.end()?;
        let Some(stamp) = end.take()? else { return Ok(None) };
        while !end.put(answer(stamp))? {}
        Ok(Some(stamp))
    }
}
