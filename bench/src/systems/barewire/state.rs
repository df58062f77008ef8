//! A shared region as a channel: the latest value.

use barewire::SharedRegion;

use crate::Outcome;
use crate::payload::{Payload, check};
use crate::systems::{Place, Receiver, Sender, Transport};

/// The latest value.
pub(crate) struct State;

/// Either end of a region, with the version that it has seen.
pub(crate) struct StateEnd<P: Payload> {
    region: SharedRegion<P::Message>,
    seen: u64,
}

impl Transport for State {
    type Sender<P: Payload> = StateEnd<P>;
    type Receiver<P: Payload> = StateEnd<P>;

    fn sender<P: Payload>(place: &Place) -> Outcome<StateEnd<P>> {
        let builder = SharedRegion::builder(&*place.name).directory(&place.directory);
        let region = builder.create(&P::message(0))?;
        Ok(StateEnd { seen: region.version(), region })
    }

    fn receiver<P: Payload>(place: &Place) -> Outcome<StateEnd<P>> {
        let region = SharedRegion::builder(&*place.name).directory(&place.directory).open()?;
        Ok(StateEnd { seen: region.version(), region })
    }
}

impl<P: Payload> Sender for StateEnd<P> {
    #[inline(always)]
    fn try_send(&mut self, stamp: u64) -> Outcome<bool> {
        self.region.update(|message| P::restamp(message, stamp))?;
        Ok(true)
    }
}

impl<P: Payload> Receiver for StateEnd<P> {
    #[inline(always)]
    fn try_receive(&mut self) -> Outcome<Option<u64>> {
        let version = self.region.version();
        if version == self.seen {
            return Ok(None);
        }
        self.seen = version;
        check(P::words_of(&self.region.read()?)).map(Some)
    }

    fn receive(&mut self) -> Outcome<u64> {
        Err("a region has nobody to wake".into())
    }
}
