//! ractor, in one process.

use std::time::Instant;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, rpc::CallResult};

use super::{ASK, Length, Load, Seen, TELL, Trips, rate, runtime};
use crate::Outcome;
use crate::stats::Spread;

struct Adder;

enum Message {
    Tell(Load),
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
            Message::Ask(load, reply) => reply.send(seen.add(&load))?,
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

pub(super) fn tell(length: Length) -> Outcome<f64> {
    runtime()?.block_on(async {
        let (adder, ended) = Actor::spawn(None, Adder, ()).await?;
        let target = adder.clone();
        let (begun, seen) = tokio::spawn(async move {
            let begun = Instant::now();
            for number in 0..length.messages {
                target.cast(Message::Tell(Load::new(number, TELL))).map_err(|e| e.to_string())?;
            }
            ask_once(&target).await.map(|seen| (begun, seen))
        })
        .await??;
        let rate = rate(length.messages, begun, seen);
        adder.stop(None);
        ended.await?;
        rate
    })
}

pub(super) fn ask(length: Length) -> Outcome<Spread> {
    runtime()?.block_on(async {
        let (adder, ended) = Actor::spawn(None, Adder, ()).await?;
        let target = adder.clone();
        let trips = tokio::spawn(async move {
            let mut trips = Trips::new(length.questions);
            while !trips.is_full() {
                trips.begin();
                let answer = ask_once(&target).await;
                trips.end();
                answer?;
            }
            Ok::<_, String>(trips)
        })
        .await??;
        adder.stop(None);
        ended.await?;
        trips.spread()
    })
}
