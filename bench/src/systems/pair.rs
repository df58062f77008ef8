//! Calls over two opposite channels, for systems that have no calls of their own.

use super::{Calls, Client, Place, Receiver, Sender, Server, Transport};
use crate::Outcome;
use crate::payload::Payload;

/// Two channels of `T`.
pub(crate) struct Pair<T>(std::marker::PhantomData<T>);

pub(crate) struct PairClient<T: Transport, P: Payload> {
    requests: T::Sender<P>,
    replies: T::Receiver<P>,
}

pub(crate) struct PairServer<T: Transport, P: Payload> {
    place: Place,
    replies: T::Sender<P>,
    requests: Option<T::Receiver<P>>,
}

fn named(place: &Place, suffix: &str) -> Place {
    Place { name: format!("{}-{suffix}", place.name), ..place.clone() }
}

impl<T: Transport> Calls for Pair<T> {
    type Client<P: Payload> = PairClient<T, P>;
    type Server<P: Payload> = PairServer<T, P>;

    fn server<P: Payload>(place: &Place) -> Outcome<PairServer<T, P>> {
        let replies = T::sender(&named(place, "replies"))?;
        Ok(PairServer { place: place.clone(), replies, requests: None })
    }

    fn client<P: Payload>(place: &Place) -> Outcome<PairClient<T, P>> {
        let requests = T::sender(&named(place, "requests"))?;
        let replies = T::receiver(&named(place, "replies"))?;
        Ok(PairClient { requests, replies })
    }
}

impl<T: Transport, P: Payload> Client for PairClient<T, P> {
    fn start(&mut self) -> Outcome<()> {
        self.replies.start()?;
        self.requests.start()
    }

    #[inline(always)]
    fn prepare(&mut self) -> Outcome<()> {
        self.requests.prepare()
    }

    #[inline(always)]
    fn call(&mut self, stamp: u64) -> Outcome<u64> {
        while !self.requests.try_send(stamp)? {}
        loop {
            if let Some(stamp) = self.replies.try_receive()? {
                return Ok(stamp);
            }
        }
    }

    fn call_asleep(&mut self, stamp: u64) -> Outcome<u64> {
        self.requests.send(stamp)?;
        self.replies.receive()
    }
}

impl<T: Transport, P: Payload> Server for PairServer<T, P> {
    fn start(&mut self) -> Outcome<()> {
        let mut requests = T::receiver(&named(&self.place, "requests"))?;
        requests.start()?;
        self.requests = Some(requests);
        self.replies.start()
    }

    #[inline(always)]
    fn try_serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<Option<u64>> {
        let Some(requests) = &mut self.requests else {
            return Ok(None);
        };
        let Some(stamp) = requests.try_receive()? else {
            return Ok(None);
        };
        while !self.replies.try_send(answer(stamp))? {}
        self.replies.prepare()?;
        Ok(Some(stamp))
    }

    fn serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<u64> {
        let requests = self.requests.as_mut().ok_or("the server has not started")?;
        let stamp = requests.receive()?;
        self.replies.send(answer(stamp))?;
        Ok(stamp)
    }
}
