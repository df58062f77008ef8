//! Olivier.

use std::time::{Duration, Instant};

use barewire::actor::{
    Actor, ActorRef, ActorSystem, Context, Message, Outcome as Handled, Strategy, Supervisor, Wait,
    Worker, WorkerProcess,
};

use super::{ASK, Length, Load, PAUSE, Pinned, Seen, TELL, Trips, parked, rate, runtime};
use crate::Outcome;
use crate::stats::Spread;

const PARK: &str = "park";
const PATIENCE: Duration = Duration::from_secs(20);

impl Message for Load {
    type Reply = u64;
}

#[derive(Default)]
struct Adder(Seen);

impl Actor for Adder {
    type Message = Load;

    async fn handle(&mut self, load: Load, context: &mut Context<Self>) -> Handled {
        if load.kind == ASK {
            context.reply(self.0.answer(&load));
        } else {
            self.0.add(&load);
        }
        Ok(())
    }
}

pub(super) fn tell_local(length: Length) -> Outcome<f64> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let system = ActorSystem::builder("bench").local().start()?;
        let adder = system.spawn(Adder::default());
        let found = tokio::spawn(async move { tell(&adder, length).await }).await?;
        system.shutdown().await;
        found.map_err(Into::into)
    })
}

async fn tell(adder: &ActorRef<Load>, length: Length) -> Result<f64, String> {
    let begun = Instant::now();
    for number in 0..length.messages {
        let told = adder.tell(Load::new(number, TELL)).await;
        told.map_err(|error| error.to_string())?;
    }
    let seen = loop {
        // A question does not wait for room.
        match adder.ask(Load::new(0, ASK), PATIENCE).await {
            Err(barewire::actor::AskError::Full) => tokio::task::yield_now().await,
            seen => break seen.map_err(|error| error.to_string())?,
        }
    };
    rate(length.messages, begun, seen).map_err(|error| error.to_string())
}

async fn ask(adder: ActorRef<Load>, questions: usize) -> Result<Spread, String> {
    let mut trips = Trips::new(questions);
    for number in 0..questions as u64 / 10 {
        let warm = adder.ask(Load::new(number, ASK), PATIENCE).await;
        warm.map_err(|error| error.to_string())?;
    }
    while !trips.is_full() {
        trips.begin();
        let answer = adder.ask(Load::new(1, ASK), PATIENCE).await;
        trips.end();
        answer.map_err(|error| error.to_string())?;
    }
    trips.spread().map_err(|error| error.to_string())
}

pub(super) fn ask_local(length: Length) -> Outcome<Spread> {
    runtime()?.block_on(async {
        let system = ActorSystem::builder("bench").local().start()?;
        let adder = system.spawn(Adder::default());
        let spread = tokio::spawn(ask(adder, length.questions)).await??;
        system.shutdown().await;
        Ok(spread)
    })
}

fn wait(role: &str) -> Wait {
    match role {
        "spin" => Wait::Spin,
        PARK => Wait::Park,
        _ => Wait::SpinThenPark,
    }
}

/// A worker of the rows between processes.
pub(crate) fn work(worker: Worker) -> Outcome<()> {
    let wait = wait(worker.role());
    if wait == Wait::Park {
        Pinned::far()?;
    }
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(1).enable_all().build()?;
    runtime.block_on(worker.with(|builder| builder.wait(wait)).run(|system| async move {
        system.actor(Adder::default()).name("adder").on_dispatcher().spawn().map(drop)
    }))?;
    Ok(())
}

async fn with_worker<R>(
    role: &str,
    measure: impl AsyncFnOnce(ActorSystem, ActorRef<Load>) -> Outcome<R>,
) -> Outcome<R> {
    let name = format!("bench-{}", std::process::id());
    let system = ActorSystem::builder(name).wait(wait(role)).start()?;
    let supervisor =
        Supervisor::new(Strategy::OneForOne).process("worker", WorkerProcess::new(role));
    let supervision = supervisor.start(&system).await?;
    let adder = system.lookup::<Load>("adder")?;
    let found = measure(system.clone(), adder).await;
    supervision.stop().await;
    system.shutdown().await;
    found
}

pub(super) fn tell_process(length: Length) -> Outcome<f64> {
    runtime()?.block_on(with_worker("stream", async |_, adder| {
        let told = tokio::spawn(async move { tell(&adder, length).await }).await?;
        told.map_err(Into::into)
    }))
}

/// Both sides run on their dispatchers, as it is meant for the shortest way.
pub(super) fn ask_process(length: Length) -> Outcome<Spread> {
    runtime()?.block_on(with_worker("spin", async |system, adder| {
        let asked = system.on_dispatcher(ask(adder, length.questions)).await;
        Ok(asked.ok_or("the system has ended")??)
    }))
}

/// Nobody spins: the other side sleeps when a question is asked, and this one until it is answered.
pub(super) fn ask_parked(length: Length) -> Outcome<Spread> {
    runtime()?.block_on(with_worker(PARK, async |system, adder| {
        let asked = system.on_dispatcher(async move {
            let _near = Pinned::near().map_err(|error| error.to_string())?;
            let mut trips = Trips::new(parked(length));
            while !trips.is_full() {
                // On the dispatcher's own thread, as the floor does it.
                std::thread::sleep(PAUSE);
                trips.begin();
                let answer = adder.ask(Load::new(1, ASK), PATIENCE).await;
                trips.end();
                answer.map_err(|error| error.to_string())?;
            }
            trips.spread().map_err(|error| error.to_string())
        });
        Ok(asked.await.ok_or("the system has ended")??)
    }))
}
