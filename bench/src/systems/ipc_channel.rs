//! ipc-channel: channels of octets, set up through a one-shot server as its documents show.

use std::fs;
use std::marker::PhantomData;

use ipc_channel::TryRecvError;
use ipc_channel::ipc::{
    IpcBytesReceiver, IpcBytesSender, IpcOneShotServer, IpcSender, bytes_channel,
};

use super::{Place, Receiver, Sender, Transport, is_batch};
use crate::Outcome;
use crate::payload::{Payload, check_bytes, fill};
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "bytes_channel; try_recv where others spin; unbounded by the kernel's \
                              buffers alone";

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        _ if row.mesh().1 > 1 => Err("has one receiver"),
        (Shape::Queue | Shape::Service, Kind::Oneway | Kind::Roundtrip | Kind::Wake { .. }) => {
            Ok(())
        }
        (Shape::Queue, Kind::Stream { .. }) if !is_batch(row) => Ok(()),
        (Shape::Pipe, _) => Ok(()),
        (Shape::Queue, Kind::Open | Kind::Try) => Ok(()),
        (Shape::Queue, _) => Err("has no such thing, or it is in the kernel"),
        _ => Err("is a queue only"),
    }
}

pub(crate) struct Octets;

/// The end that waits in `start` for the receiver to hand it a sender.
pub(crate) struct Waiting<P> {
    server: Option<IpcOneShotServer<IpcBytesSender>>,
    sender: Option<IpcBytesSender>,
    words: Vec<u64>,
    octets: Vec<u8>,
    _payload: PhantomData<P>,
}

pub(crate) struct Octetwise<P>(IpcBytesReceiver, PhantomData<P>);

fn rendezvous(place: &Place, producer: usize) -> std::path::PathBuf {
    place.file(&format!(".server{producer}"))
}

impl Transport for Octets {
    type Sender<P: Payload> = Waiting<P>;
    type Receiver<P: Payload> = Octetwise<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<Waiting<P>> {
        let (server, name) = IpcOneShotServer::new()?;
        fs::write(rendezvous(place, place.index), name)?;
        Ok(Waiting {
            server: Some(server),
            sender: None,
            words: vec![0; P::BYTES / 8],
            octets: vec![0; P::BYTES],
            _payload: PhantomData,
        })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<Octetwise<P>> {
        let (sender, receiver) = bytes_channel()?;
        for producer in 0..place.producers {
            let name = fs::read_to_string(rendezvous(place, producer))?;
            IpcSender::connect(name)?.send(sender.clone())?;
        }
        Ok(Octetwise(receiver, PhantomData))
    }
}

impl<P: Payload> Sender for Waiting<P> {
    fn start(&mut self) -> Outcome<()> {
        let server = self.server.take().ok_or("started twice")?;
        self.sender = Some(server.accept()?.1);
        Ok(())
    }

    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        let sender = self.sender.as_ref().ok_or("nobody has connected")?;
        fill(&mut self.words, stamp);
        for (octets, word) in self.octets.as_chunks_mut().0.iter_mut().zip(&self.words) {
            *octets = word.to_le_bytes();
        }
        sender.send(&self.octets)?;
        Ok(true)
    }
}

impl<P: Payload> Receiver for Octetwise<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.0.try_recv() {
            Ok(octets) => check_bytes(&octets).map(Some),
            Err(TryRecvError::Empty) => Ok(None),
            Err(error) => Err(format!("{error:?}").into()),
        }
    }

    fn receive(&mut self) -> Outcome<u64> {
        check_bytes(&self.0.recv().map_err(|error| format!("{error:?}"))?)
    }
}
