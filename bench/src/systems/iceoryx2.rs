//! iceoryx2: publish and subscribe, request and response, an event beside them to sleep on.

use std::cell::RefCell;

use iceoryx2::config::Config;
use iceoryx2::port::client::Client as ClientPort;
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::server::Server as ServerPort;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::{
    BackpressureStrategy, FileName, LogLevel, Node, NodeBuilder, Path, SemanticString, ServiceName,
    SignalHandlingMode, ipc, set_log_level,
};
use iceoryx2::request_mut_uninit::RequestMutUninit;
use iceoryx2::sample_mut_uninit::SampleMutUninit;

use super::{Calls, Client, Place, Receiver, Sender, Server, Transport, is_batch, is_mesh};
use crate::Outcome;
use crate::payload::{Payload, Size, check, fill_new};
use crate::plan::{Kind, Row, Shape};

pub(crate) const HOW: &str = "publish/subscribe, request/response, loans taken before they are \
                              needed, limits set to what the row needs, RetryUntilDelivered; to \
                              sleep, an event and its Listener; rows in /default: limits as they \
                              come, loans when needed";

type Service = ipc::Service;
type Room<P> = std::mem::MaybeUninit<<P as Payload>::Words>;

pub(crate) fn offers(row: &Row) -> Result<(), &'static str> {
    match (row.shape, row.kind) {
        _ if row.untuned && (row.size != Size::B64 || is_mesh(row)) => Err("is shown at 64 B only"),
        (Shape::State, _) => Err("is not measured there"),
        (Shape::Queue, _) if row.mesh().1 > 1 => Err("gives every message to all"),
        (Shape::Service, Kind::Roundtrip | Kind::Idle | Kind::Open) => Ok(()),
        (Shape::Queue | Shape::Topic, _) if !is_batch(row) => Ok(()),
        _ => Err("has no such thing"),
    }
}

thread_local! {
    /// The node of this process; there is one in any program that uses iceoryx2.
    static NODE: RefCell<Option<Node<Service>>> = const { RefCell::new(None) };
}

/// What iceoryx2's names in `/dev/shm` begin with, for a row in that directory.
pub(crate) fn prefix(directory: &std::path::Path) -> String {
    let name = directory.file_name().map(|name| name.to_string_lossy().into_owned());
    format!("{}_", name.unwrap_or_default())
}

/// Makes the node, if it is not there yet.
pub(crate) fn begin(directory: &std::path::Path) -> Outcome<()> {
    set_log_level(LogLevel::Fatal);
    let mut config = Config::default();
    config.global.prefix = FileName::new(prefix(directory).as_bytes())?;
    config.global.set_root_path(&Path::new(directory.as_os_str().as_encoded_bytes())?);
    let node = NodeBuilder::new()
        .config(&config)
        .signal_handling_mode(SignalHandlingMode::Disabled)
        .create::<Service>()?;
    NODE.with_borrow_mut(|place| *place = Some(node));
    Ok(())
}

/// Gives the node back.
pub(crate) fn end() {
    NODE.with_borrow_mut(Option::take);
}

fn with_node<R>(work: impl FnOnce(&Node<Service>) -> Outcome<R>) -> Outcome<R> {
    NODE.with_borrow(|node| work(node.as_ref().ok_or("there is no node")?))
}

/// Publish and subscribe; `TUNED` to the row, or as it comes.
pub(crate) struct PubSub<const TUNED: bool>;

pub(crate) struct Publishing<P: Payload, const TUNED: bool> {
    publisher: Publisher<Service, P::Words, ()>,
    loan: Option<SampleMutUninit<Service, Room<P>, ()>>,
    notifier: Option<Notifier<Service>>,
}

pub(crate) struct Subscribed<P: Payload> {
    subscriber: Subscriber<Service, P::Words, ()>,
    listener: Option<Listener<Service>>,
}

fn event(place: &Place) -> Outcome<ServiceName> {
    Ok(ServiceName::new(&format!("{}-event", place.name))?)
}

impl<const TUNED: bool> Transport for PubSub<TUNED> {
    type Sender<P: Payload> = Publishing<P, TUNED>;
    type Receiver<P: Payload> = Subscribed<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<Publishing<P, TUNED>> {
        with_node(|node| {
            let name = ServiceName::new(&place.name)?;
            let builder = node.service_builder(&name).publish_subscribe::<P::Words>();
            let service = if place.index > 0 {
                builder.open()?
            } else if TUNED {
                builder
                    .max_publishers(place.producers)
                    .max_subscribers(place.consumers)
                    .max_nodes(place.producers + place.consumers)
                    .history_size(0)
                    .subscriber_max_buffer_size(place.depth)
                    .subscriber_max_borrowed_samples(1)
                    .enable_safe_overflow(false)
                    .create()?
            } else {
                builder.enable_safe_overflow(false).create()?
            };
            let publisher = service
                .publisher_builder()
                .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
                .create()?;
            let notifier = if place.sleeping {
                let events = node.service_builder(&event(place)?).event().open_or_create()?;
                Some(events.notifier_builder().create()?)
            } else {
                None
            };
            Ok(Publishing { publisher, loan: None, notifier })
        })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<Subscribed<P>> {
        with_node(|node| {
            let name = ServiceName::new(&place.name)?;
            let service = node.service_builder(&name).publish_subscribe::<P::Words>().open()?;
            let subscriber = service.subscriber_builder().create()?;
            let listener = if place.sleeping {
                let events = node.service_builder(&event(place)?).event().open_or_create()?;
                Some(events.listener_builder().create()?)
            } else {
                None
            };
            Ok(Subscribed { subscriber, listener })
        })
    }
}

impl<P: Payload, const TUNED: bool> Sender for Publishing<P, TUNED> {
    #[inline(always)]
    fn prepare(&mut self) -> Outcome<()> {
        if TUNED && self.loan.is_none() {
            self.loan = Some(self.publisher.loan_uninit()?);
        }
        Ok(())
    }

    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        let mut sample = match self.loan.take() {
            Some(sample) => sample,
            None => self.publisher.loan_uninit()?,
        };
        fill_new::<P>(sample.payload_mut(), stamp);
        // SAFETY: the payload was written.
        unsafe { sample.assume_init() }.send()?;
        Ok(true)
    }

    fn send(&mut self, stamp: u64) -> Outcome<()> {
        self.try_send(stamp)?;
        self.notifier.as_ref().ok_or("there is no event")?.notify()?;
        Ok(())
    }
}

impl<P: Payload> Receiver for Subscribed<P> {
    /// Until a subscriber has looked once, what is published does not reach it.
    fn start(&mut self) -> Outcome<()> {
        self.try_receive().map(|_| ())
    }

    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        match self.subscriber.receive()? {
            Some(sample) => check(sample.payload().as_ref()).map(Some),
            None => Ok(None),
        }
    }

    fn receive(&mut self) -> Outcome<u64> {
        loop {
            if let Some(stamp) = self.try_receive()? {
                return Ok(stamp);
            }
            self.listener.as_ref().ok_or("there is no event")?.blocking_wait(|_| ())?;
        }
    }
}

/// Request and response; `TUNED` to the row, or as it comes.
pub(crate) struct RequestResponse<const TUNED: bool>;

type Port<P> = ClientPort<Service, <P as Payload>::Words, (), <P as Payload>::Words, ()>;
type Loan<P> = RequestMutUninit<Service, Room<P>, (), <P as Payload>::Words, ()>;

pub(crate) struct Asking<P: Payload, const TUNED: bool> {
    client: Port<P>,
    loan: Option<Loan<P>>,
}

pub(crate) struct Answering<P: Payload> {
    server: ServerPort<Service, P::Words, (), P::Words, ()>,
}

impl<const TUNED: bool> Calls for RequestResponse<TUNED> {
    type Client<P: Payload> = Asking<P, TUNED>;
    type Server<P: Payload> = Answering<P>;

    fn server<P: Payload>(place: &Place) -> Outcome<Answering<P>> {
        with_node(|node| {
            let name = ServiceName::new(&place.name)?;
            let builder = node.service_builder(&name).request_response::<P::Words, P::Words>();
            let service = if TUNED {
                builder
                    .max_servers(1)
                    .max_clients(1)
                    .max_nodes(2)
                    .max_active_requests_per_client(1)
                    .max_loaned_requests(1)
                    .max_response_buffer_size(1)
                    .max_borrowed_responses_per_pending_response(1)
                    .create()?
            } else {
                builder.create()?
            };
            Ok(Answering { server: service.server_builder().create()? })
        })
    }

    fn client<P: Payload>(place: &Place) -> Outcome<Asking<P, TUNED>> {
        with_node(|node| {
            let name = ServiceName::new(&place.name)?;
            let builder = node.service_builder(&name).request_response::<P::Words, P::Words>();
            let client = builder.open()?.client_builder().create()?;
            Ok(Asking { client, loan: None })
        })
    }
}

impl<P: Payload, const TUNED: bool> Client for Asking<P, TUNED> {
    #[inline(always)]
    fn prepare(&mut self) -> Outcome<()> {
        if TUNED && self.loan.is_none() {
            self.loan = Some(self.client.loan_uninit()?);
        }
        Ok(())
    }

    #[inline(always)]
    fn call(&mut self, stamp: u64) -> Outcome<u64> {
        let mut request = match self.loan.take() {
            Some(request) => request,
            None => self.client.loan_uninit()?,
        };
        fill_new::<P>(request.payload_mut(), stamp);
        // SAFETY: the payload was written.
        let pending = unsafe { request.assume_init() }.send()?;
        loop {
            if let Some(response) = pending.receive()? {
                return check(response.payload().as_ref());
            }
        }
    }
}

impl<P: Payload> Server for Answering<P> {
    #[inline(always)]
    fn try_serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<Option<u64>> {
        let Some(request) = self.server.receive()? else {
            return Ok(None);
        };
        let stamp = check(request.payload().as_ref())?;
        let mut response = request.loan_uninit()?;
        fill_new::<P>(response.payload_mut(), answer(stamp));
        // SAFETY: the payload was written.
        unsafe { response.assume_init() }.send()?;
        Ok(Some(stamp))
    }
}
