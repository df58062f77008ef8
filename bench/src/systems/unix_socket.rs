//! A Unix socket, as a stream.

use std::os::unix::net::{UnixListener, UnixStream};

use super::octets::End;
use super::{Place, Receiver, Sender, Transport, is_batch, is_mesh};
use crate::Outcome;
use crate::payload::Payload;
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "kernel; a stream, write and read; not blocking where others spin";

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        _ if is_mesh(row) => Err("connects two"),
        (Shape::Queue | Shape::Service, Kind::Oneway | Kind::Roundtrip | Kind::Wake { .. }) => {
            Ok(())
        }
        (Shape::Queue, Kind::Stream { .. }) if !is_batch(row) => Ok(()),
        (Shape::Pipe, _) => Ok(()),
        (Shape::Queue, Kind::Open) => Ok(()),
        (Shape::Queue, _) => Err("has no such thing, or it is in the kernel"),
        _ => Err("is a queue only"),
    }
}

pub(crate) struct Stream;

/// The end that listens until `start`.
pub(crate) struct Listening<P: Payload> {
    listener: UnixListener,
    sleeping: bool,
    end: Option<End<P>>,
}

/// The end that connects.
pub(crate) struct Connected<P: Payload>(End<P>);

impl Transport for Stream {
    type Sender<P: Payload> = Listening<P>;
    type Receiver<P: Payload> = Connected<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<Listening<P>> {
        let listener = UnixListener::bind(place.file(".socket"))?;
        Ok(Listening { listener, sleeping: place.sleeping, end: None })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<Connected<P>> {
        let stream = UnixStream::connect(place.file(".socket"))?;
        End::new(stream, place.sleeping).map(Connected)
    }
}

impl<P: Payload> Sender for Listening<P> {
    fn start(&mut self) -> Outcome<()> {
        let (stream, _) = self.listener.accept()?;
        self.end = Some(End::new(stream, self.sleeping)?);
        Ok(())
    }

    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        self.end.as_mut().ok_or("nobody has connected")?.try_send(stamp)
    }
}

impl<P: Payload> Receiver for Connected<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        self.0.try_receive()
    }

    fn receive(&mut self) -> Outcome<u64> {
        self.0.receive()
    }
}
