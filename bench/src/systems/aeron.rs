//! Aeron: its C client and media driver, by way of rusteron; over its IPC channel.

use std::ffi::{CStr, CString};
use std::marker::PhantomData;
use std::os::unix::ffi::OsStrExt;
use std::time::{Duration, Instant};

use rusteron_client::{
    Aeron, AeronExclusivePublication, AeronOfferError, AeronPublication, AeronSubscription,
    Handlers,
};
use rusteron_media_driver::bindings::aeron_threading_mode_enum::AERON_THREADING_MODE_SHARED;
use rusteron_media_driver::{AeronDriver, AeronDriverContext, EmbeddedMediaDriver};
use zerocopy::IntoBytes;

use super::{Place, Receiver, Sender, Transport, is_batch};
use crate::Outcome;
use crate::payload::{Payload, Size, check_bytes};
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "topic: IPC, offer (exclusive where one publishes), polled one by \
                              one; the driver is a thread of the first producer that sleeps";

/// Messages of up to 8 KiB travel in one piece.
const CHANNEL: &CStr = c"aeron:ipc?mtu=16k";
const STREAM: i32 = 1;
/// The longest wait for the driver or for the other side.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        _ if row.size == Size::MiB1 => Err("cuts messages of this size into pieces"),
        _ if is_batch(row) => Err("has no batches"),
        (Shape::Topic, Kind::Oneway | Kind::Stream { .. }) | (Shape::Service, Kind::Roundtrip) => {
            Ok(())
        }
        _ => Err("has no such thing"),
    }
}

fn directory(place: &Place) -> Outcome<CString> {
    Ok(CString::new(place.file(".aeron").as_os_str().as_bytes())?)
}

fn drive(place: &Place) -> Outcome<EmbeddedMediaDriver> {
    let context = AeronDriverContext::new()?;
    context.set_dir(&directory(place)?)?;
    context.set_threading_mode(AERON_THREADING_MODE_SHARED)?;
    context.set_shared_idle_strategy(c"sleep-ns")?;
    context.set_shared_idle_strategy_init_args(c"1ms")?;
    Ok(AeronDriver::launch_embedded_guard(context, false))
}

fn connect(place: &Place) -> Outcome<Aeron> {
    Ok(Aeron::connect_dir(directory(place)?.to_str()?)?)
}

fn wait_for(connected: impl Fn() -> bool) -> Outcome<()> {
    let start = Instant::now();
    while !connected() {
        if start.elapsed() > PATIENCE {
            return Err("the other side of the channel did not come".into());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    Ok(())
}

pub(crate) struct Ipc;

enum Publication {
    Exclusive(AeronExclusivePublication),
    Shared(AeronPublication),
}

// In the order in which they are closed.
pub(crate) struct IpcSender<P> {
    publication: Publication,
    _client: Aeron,
    _driver: Option<EmbeddedMediaDriver>,
    _payload: PhantomData<P>,
}

pub(crate) struct IpcReceiver<P> {
    subscription: AeronSubscription,
    _client: Aeron,
    _payload: PhantomData<P>,
}

impl Transport for Ipc {
    type Sender<P: Payload> = IpcSender<P>;
    type Receiver<P: Payload> = IpcReceiver<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<IpcSender<P>> {
        let driver = if place.index == 0 { Some(drive(place)?) } else { None };
        let client = connect(place)?;
        let publication = if place.producers == 1 {
            let adding = client.async_add_exclusive_publication(CHANNEL, STREAM)?;
            Publication::Exclusive(adding.poll_blocking(PATIENCE)?)
        } else {
            let adding = client.async_add_publication(CHANNEL, STREAM)?;
            Publication::Shared(adding.poll_blocking(PATIENCE)?)
        };
        Ok(IpcSender { publication, _client: client, _driver: driver, _payload: PhantomData })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<IpcReceiver<P>> {
        let client = connect(place)?;
        let adding =
            client.async_add_subscription(CHANNEL, STREAM, Handlers::NONE, Handlers::NONE)?;
        let subscription = adding.poll_blocking(PATIENCE)?;
        Ok(IpcReceiver { subscription, _client: client, _payload: PhantomData })
    }
}

impl<P: Payload> Sender for IpcSender<P> {
    fn start(&mut self) -> Outcome<()> {
        wait_for(|| match &self.publication {
            Publication::Exclusive(publication) => publication.is_connected(),
            Publication::Shared(publication) => publication.is_connected(),
        })
    }

    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        let words = P::words(stamp);
        let octets = words.as_ref().as_bytes();
        let sent = match &self.publication {
            Publication::Exclusive(publication) => publication.offer(octets),
            Publication::Shared(publication) => publication.offer(octets),
        };
        match sent {
            Ok(_) => Ok(true),
            Err(AeronOfferError::BackPressured | AeronOfferError::AdminAction) => Ok(false),
            Err(error) => Err(format!("{error:?}").into()),
        }
    }
}

impl<P: Payload> Receiver for IpcReceiver<P> {
    fn start(&mut self) -> Outcome<()> {
        wait_for(|| self.subscription.is_connected())
    }

    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        let mut found = Ok(None);
        self.subscription.poll_fn(|octets, _| found = check_bytes(octets).map(Some), 1)?;
        found
    }

    fn receive(&mut self) -> Outcome<u64> {
        Err("does not sleep".into())
    }
}
