//! ractor, in one process.

use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, rpc::CallResult};

use super::{ASK, Length, Load, Seen, TELL, Trips, rate, runtime};
use crate::Outcome;
use crate::stats::Spread;

pub(super) struct Adder;

#[cfg_attr(feature = "actor-peers", derive(ractor_cluster::RactorClusterMessage))]
pub(super) enum Message {
    Tell(Load),
    #[cfg_attr(feature = "actor-peers", rpc)]
    Ask(Load, RpcReplyPort<u64>),
}

impl Actor for Adder {
    type Msg = Message;
    type State = Seen;
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<Seen, ActorProcessingErr> {
        Ok(Seen::default())
    }

    async fn handle(
        &self,
        _: ActorRef<Message>,
        message: Message,
        seen: &mut Seen,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Tell(load) => drop(seen.add(&load)),
            Message::Ask(load, reply) => reply.send(seen.answer(&load))?,
        }
        Ok(())
    }
}

async fn ask_once(adder: &ActorRef<Message>) -> Result<u64, String> {
    let answer = adder.call(|reply| Message::Ask(Load::new(1, ASK), reply), None).await;
    match answer {
        Ok(CallResult::Success(answer)) => Ok(answer),
        _ => Err("no answer".to_owned()),
    }
}

pub(super) async fn tell_all(adder: ActorRef<Message>, messages: u64) -> Result<f64, String> {
    let begun = Instant::now();
    for number in 0..messages {
        adder.cast(Message::Tell(Load::new(number, TELL))).map_err(|e| e.to_string())?;
    }
    let seen = ask_once(&adder).await?;
    rate(messages, begun, seen).map_err(|error| error.to_string())
}

pub(super) async fn ask_all(adder: ActorRef<Message>, questions: usize) -> Result<Spread, String> {
    let mut trips = Trips::new(questions);
    while !trips.is_full() {
        trips.begin();
        let answer = ask_once(&adder).await;
        trips.end();
        answer?;
    }
    trips.spread().map_err(|error| error.to_string())
}

pub(super) fn tell(length: Length) -> Outcome<f64> {
    runtime()?.block_on(async {
        let (adder, ended) = Actor::spawn(None, Adder, ()).await?;
        let rate = tokio::spawn(tell_all(adder.clone(), length.messages)).await?;
        adder.stop(None);
        ended.await?;
        Ok(rate?)
    })
}

pub(super) fn ask(length: Length) -> Outcome<Spread> {
    runtime()?.block_on(async {
        let (adder, ended) = Actor::spawn(None, Adder, ()).await?;
        let spread = tokio::spawn(ask_all(adder.clone(), length.questions)).await?;
        adder.stop(None);
        ended.await?;
        Ok(spread?)
    })
}
