//! Services: by value, and in place.

use std::time::Duration;

use barewire::ipc::ServiceBuilder;
use barewire::{Client, Server, Service};

use super::waiting;
use crate::Outcome;
use crate::payload::{Payload, check, fill};
use crate::systems::{self, Calls, Place};

/// The longest that a call may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// A service whose requests and replies are given as values, or written in their slots.
pub(crate) struct Call<const IN_PLACE: bool>;

/// The side that asks.
pub(crate) struct Asking<P: Payload, const IN_PLACE: bool>(Client<P::Message, P::Message>);
/// The side that answers.
pub(crate) struct Answering<P: Payload, const IN_PLACE: bool>(Server<P::Message, P::Message>);

fn builder<P: Payload>(place: &Place) -> ServiceBuilder<P::Message, P::Message> {
    let builder = Service::builder(&*place.name).directory(&place.directory);
    builder.wait(waiting(place))
}

fn server<P: Payload>(place: &Place) -> Outcome<Server<P::Message, P::Message>> {
    let builder = builder::<P>(place);
    // Each call of a row has one reply.
    let builder = if place.untuned { builder } else { builder.clients(1).frames(1) };
    Ok(builder.create()?.server()?)
}

impl Calls for Call<false> {
    type Client<P: Payload> = Asking<P, false>;
    type Server<P: Payload> = Answering<P, false>;

    fn server<P: Payload>(place: &Place) -> Outcome<Answering<P, false>> {
        server::<P>(place).map(Answering)
    }

    fn client<P: Payload>(place: &Place) -> Outcome<Asking<P, false>> {
        Ok(Asking(builder::<P>(place).open()?.client()?))
    }
}

impl Calls for Call<true> {
    type Client<P: Payload> = Asking<P, true>;
    type Server<P: Payload> = Answering<P, true>;

    fn server<P: Payload>(place: &Place) -> Outcome<Answering<P, true>> {
        server::<P>(place).map(Answering)
    }

    fn client<P: Payload>(place: &Place) -> Outcome<Asking<P, true>> {
        Ok(Asking(builder::<P>(place).open()?.client()?))
    }
}

impl<P: Payload> systems::Client for Asking<P, false> {
    #[inline(always)]
    fn call(&mut self, stamp: u64) -> Outcome<u64> {
        check(P::placed(&*self.0.call(&P::message(stamp), PATIENCE)?))
    }

    fn call_asleep(&mut self, stamp: u64) -> Outcome<u64> {
        self.call(stamp)
    }
}

impl<P: Payload> systems::Client for Asking<P, true> {
    #[inline(always)]
    fn call(&mut self, stamp: u64) -> Outcome<u64> {
        let mut request = self.0.loan()?;
        fill(P::placed_mut(&mut request), stamp);
        check(P::placed(&*request.send()?.wait_timeout(PATIENCE)?))
    }
}

impl<P: Payload> systems::Server for Answering<P, false> {
    #[inline(always)]
    fn try_serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<Option<u64>> {
        let Some(call) = self.0.try_next()? else {
            return Ok(None);
        };
        let stamp = check(P::placed(&call))?;
        call.reply(&P::message(answer(stamp)))?;
        Ok(Some(stamp))
    }

    fn serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<u64> {
        let call = self.0.next()?;
        let stamp = check(P::placed(&call))?;
        call.reply(&P::message(answer(stamp)))?;
        Ok(stamp)
    }
}

impl<P: Payload> systems::Server for Answering<P, true> {
    #[inline(always)]
    fn try_serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<Option<u64>> {
        let Some(call) = self.0.try_next()? else {
            return Ok(None);
        };
        let stamp = check(P::placed(&call))?;
        let mut reply = call.loan();
        fill(P::placed_mut(&mut reply), answer(stamp));
        reply.send();
        Ok(Some(stamp))
    }
}
