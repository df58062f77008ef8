//! A service as somebody sees it who is not attached.

use std::sync::atomic::Ordering;

use barewire_schema::Type;

use super::shape::{SLOTS, Shape};
use super::shared::{FLAGS, ISOLATED, LENGTH_BYTES, shape_of};
use super::slots::{Phase, Slots};
use crate::ipc::looked::copied;
use crate::segment::Glance;
use crate::sync::Event;
use crate::sys::map::Mapping;

/// A service as somebody sees it who is not attached; see [`crate::inspect`].
#[derive(Debug)]
pub struct ServiceLook<'a> {
    glance: &'a Glance,
    shape: Shape,
    request_bytes: usize,
    reply_bytes: usize,
    /// Whether requests are BARE octets behind their length.
    encoded: bool,
}

/// How a service stands, at about the time of the look.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceFigures {
    /// The participants that serve.
    pub servers: Vec<u8>,
    /// The participant of each client.
    pub clients: Vec<u8>,
    /// Calls ever made.
    pub calls: u64,
    /// Calls that no server has taken.
    pub waiting: u64,
    /// Calls that a server works on.
    pub serving: u64,
    /// How many servers wait for a call; one that was killed while it waited may count for a while.
    pub waiting_servers: u32,
    /// How many clients wait for a reply; likewise.
    pub waiting_clients: u32,
}

/// A call that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LookedCall {
    /// The participant that has made it.
    pub client: u8,
    /// Its number among the calls of its place.
    pub number: u64,
    /// The participant that serves it; `None` while none has taken it.
    pub server: Option<u8>,
    /// Whether its client has given it up.
    pub cancelled: bool,
    /// The octets of the request: the fixed layout, or BARE if the type is unbounded.
    pub request: Vec<u8>,
}

impl<'a> ServiceLook<'a> {
    /// `None` if the header's geometry is that of no service, or `ty` no pair of a request and a
    /// reply.
    #[inline]
    pub(crate) fn new(glance: &'a Glance, ty: &Type) -> Option<Self> {
        let (shape, request_bytes, reply_bytes) =
            shape_of(&glance.header.geometry, glance.header.body)?;
        let Type::Struct(fields) = ty.resolved() else { return None };
        let encoded = fields.first()?.ty.get().layout().is_none();
        Some(Self { glance, shape, request_bytes, reply_bytes, encoded })
    }

    #[inline]
    fn slots(&self) -> Slots<'_, Mapping> {
        Slots { words: &self.glance.map, shape: &self.shape, me: 0 }
    }

    #[inline]
    fn waiting_for(&self, at: usize) -> u32 {
        Event { map: &self.glance.map, at, reached: false }.open_tickets()
    }

    /// How many clients it can have.
    #[must_use]
    #[inline]
    pub fn most_clients(&self) -> u64 {
        self.shape.clients as u64
    }

    /// How many parts of a stream its client can be behind.
    #[must_use]
    #[inline]
    pub fn frames(&self) -> u64 {
        self.shape.frames as u64
    }

    /// The most bytes of a request.
    #[must_use]
    #[inline]
    pub fn request_bytes(&self) -> u64 {
        (self.request_bytes - if self.encoded { LENGTH_BYTES } else { 0 }) as u64
    }

    /// The most bytes of a reply.
    #[must_use]
    #[inline]
    pub fn reply_bytes(&self) -> u64 {
        self.reply_bytes as u64
    }

    /// Whether its participants do not trust each other.
    #[must_use]
    #[inline]
    pub fn is_isolated(&self) -> bool {
        self.glance.header.geometry[FLAGS] & ISOLATED != 0
    }

    /// How the service stands.
    #[must_use]
    #[inline]
    pub fn figures(&self) -> ServiceFigures {
        let slots = self.slots();
        let mut figures = ServiceFigures {
            servers: slots.serving(),
            clients: Vec::new(),
            calls: 0,
            waiting: 0,
            serving: 0,
            waiting_servers: self.waiting_for(self.shape.calls_event()),
            waiting_clients: 0,
        };
        for line in slots.lines() {
            figures.clients.extend(slots.client_of(line));
            figures.waiting_clients += self.waiting_for(self.shape.replies_event(line));
            for slot in 0..SLOTS {
                let found = slots.glimpse(line, slot);
                figures.calls += found.call.number();
                match found.phase {
                    Phase::Requested => figures.waiting += 1,
                    Phase::Serving(_) => figures.serving += 1,
                    Phase::Over => {}
                }
            }
        }
        figures
    }

    /// The calls that are under way; one that ends during the look is left out.
    #[must_use]
    #[inline]
    pub fn calls(&self) -> Vec<LookedCall> {
        let slots = self.slots();
        let lines = slots.lines().filter_map(|line| Some((line, slots.client_of(line)?)));
        let places = lines.flat_map(|(line, client)| (0..SLOTS).map(move |at| (line, client, at)));
        places.filter_map(|(line, client, slot)| self.call(line, client, slot)).collect()
    }

    #[inline]
    fn call(&self, line: usize, client: u8, slot: usize) -> Option<LookedCall> {
        let slots = self.slots();
        let found = slots.glimpse(line, slot);
        let server = match found.phase {
            Phase::Requested => None,
            Phase::Serving(server) => Some(server),
            Phase::Over => return None,
        };
        let at = self.shape.request(found.call);
        let (at, bytes) = if self.encoded {
            let said = self.glance.map.u64(at).load(Ordering::Relaxed);
            let most = self.request_bytes.saturating_sub(LENGTH_BYTES);
            (at + LENGTH_BYTES, usize::try_from(said).unwrap_or(usize::MAX).min(most))
        } else {
            (at, self.request_bytes)
        };
        let request = copied(&self.glance.map, at, bytes);
        std::sync::atomic::fence(Ordering::Acquire);
        // The request is the client's to overwrite only once the call is over.
        let now = slots.glimpse(line, slot);
        if now.call != found.call || now.phase == Phase::Over {
            return None;
        }
        let (number, cancelled) = (found.call.number(), found.cancelled);
        Some(LookedCall { client, number, server, cancelled, request })
    }
}
