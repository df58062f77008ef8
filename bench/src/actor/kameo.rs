//! kameo, in one process, with a mailbox as deep as the others'.

use std::time::Instant;

use kameo::prelude::*;

use super::{ASK, Length, Load, Seen, TELL, Trips, rate, runtime};
use crate::Outcome;
use crate::stats::Spread;

const DEPTH: usize = 1024;

#[derive(Actor, Default)]
#[cfg_attr(feature = "actor-peers", derive(RemoteActor))]
pub(super) struct Adder(Seen);

#[cfg_attr(feature = "actor-peers", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Tell(pub(super) Load);
#[cfg_attr(feature = "actor-peers", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Ask(pub(super) Load);

#[cfg_attr(feature = "actor-peers", remote_message)]
impl Message<Tell> for Adder {
    type Reply = ();

    async fn handle(&mut self, tell: Tell, _: &mut Context<Self, ()>) {
        self.0.add(&tell.0);
    }
}

#[cfg_attr(feature = "actor-peers", remote_message)]
impl Message<Ask> for Adder {
    type Reply = u64;

    async fn handle(&mut self, ask: Ask, _: &mut Context<Self, u64>) -> u64 {
        self.0.answer(&ask.0)
    }
}

pub(super) fn tell(length: Length) -> Outcome<f64> {
    runtime()?.block_on(async {
        let adder = Adder::spawn_with_mailbox(Adder::default(), mailbox::bounded(DEPTH));
        let (begun, seen) = tokio::spawn(async move {
            let begun = Instant::now();
            for number in 0..length.messages {
                let told = adder.tell(Tell(Load::new(number, TELL))).await;
                told.map_err(|error| error.to_string())?;
            }
            let seen = adder.ask(Ask(Load::new(0, ASK))).await.map_err(|e| e.to_string())?;
            Ok::<_, String>((begun, seen))
        })
        .await??;
        rate(length.messages, begun, seen)
    })
}

pub(super) fn ask(length: Length) -> Outcome<Spread> {
    runtime()?.block_on(async {
        let adder = Adder::spawn_with_mailbox(Adder::default(), mailbox::bounded(DEPTH));
        let trips = tokio::spawn(async move {
            let mut trips = Trips::new(length.questions);
            while !trips.is_full() {
                trips.begin();
                let answer = adder.ask(Ask(Load::new(1, ASK))).await;
                trips.end();
                answer.map_err(|error| error.to_string())?;
            }
            Ok::<_, String>(trips)
        })
        .await??;
        trips.spread()
    })
}
