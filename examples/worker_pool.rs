//! A supervised pool of worker processes that are killed at random while work goes on.
//!
//! ```text
//! cargo run --release --features actor --example worker_pool
//! ```
//!
//! The parent shares jobs out to whoever is in the group `workers`. A job whose worker is killed is
//! given to another one, so in the end every job has exactly one accepted result.

use std::process::Command;
use std::time::{Duration, Instant};

use barewire::BareSchema;
use barewire::actor::{
    Actor, ActorRef, ActorSystem, Context, Message, News, Outcome, Strategy, Supervisor, Worker,
    WorkerProcess,
};

const WORKERS: usize = 3;
const JOBS: u64 = 400;
const KILLS: u32 = 10;
const DEADLINE: Duration = Duration::from_secs(2);

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// A job: how many primes are there below `limit`?
#[derive(BareSchema, Debug, Clone, Copy)]
struct Job {
    limit: u64,
}

#[derive(BareSchema, Debug, Clone, Copy)]
struct Done {
    primes: u64,
    process: u32,
}

impl Message for Job {
    type Reply = Done;
}

struct Counter;

impl Actor for Counter {
    type Message = Job;

    async fn handle(&mut self, job: Job, context: &mut Context<Self>) -> Outcome {
        let is_prime = |n: u64| (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
        let primes = (2..job.limit).filter(|n| is_prime(*n)).count() as u64;
        context.reply(Done { primes, process: std::process::id() });
        Ok(())
    }
}

/// Has a job done by one of the workers, and by another one if that dies.
async fn done(system: &ActorSystem, number: u64) -> Result<(Done, u32)> {
    let job = Job { limit: 2000 + number };
    let mut attempts = 0;
    loop {
        let workers: Vec<ActorRef<Job>> = system.members("workers")?;
        if workers.is_empty() {
            tokio::time::sleep(Duration::from_millis(1)).await;
            continue;
        }
        let worker = &workers[(number as usize + attempts as usize) % workers.len()];
        attempts += 1;
        match worker.ask(job, DEADLINE).await {
            Ok(done) => return Ok((done, attempts)),
            Err(error) if error.is_gone() => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Kills a worker now and then.
async fn murder(system: ActorSystem) -> Result<u32> {
    let mut random = std::process::id();
    for _ in 0..KILLS {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        tokio::time::sleep(Duration::from_millis(30 + u64::from(random >> 26))).await;
        let victims: Vec<ActorRef<Job>> = system.members("workers")?;
        if let Some(victim) = victims.get(random as usize % victims.len().max(1)) {
            let Ok(done) = victim.ask(Job { limit: 0 }, DEADLINE).await else { continue };
            Command::new("kill").args(["-9", &done.process.to_string()]).status()?;
        }
    }
    Ok(KILLS)
}

async fn parent() -> Result<()> {
    let system = ActorSystem::builder(format!("pool-{}", std::process::id())).start()?;
    let mut supervisor =
        Supervisor::new(Strategy::OneForOne).intensity(2 * KILLS as usize, DEADLINE);
    for number in 0..WORKERS {
        supervisor = supervisor.process(format!("worker {number}"), WorkerProcess::new("counter"));
    }
    let supervision = supervisor.start(&system).await?;
    let mut news = supervision.news();
    let begun = Instant::now();
    let murderer = tokio::spawn(murder(system.clone()));
    let (mut results, mut again) = (0, 0);
    let mut number = 0;
    while number < JOBS || !murderer.is_finished() {
        let round = (number..number + 8).map(|number| {
            let system = system.clone();
            tokio::spawn(async move { done(&system, number).await })
        });
        for job in round.collect::<Vec<_>>() {
            let (_, attempts) = job.await??;
            results += 1;
            again += attempts - 1;
        }
        number += 8;
    }
    murderer.await??;
    let mut ends = 0;
    while let Ok(news) = news.try_recv() {
        if let News::Ended { child, cause, .. } = news {
            println!("{child}: {cause}");
            ends += 1;
        }
    }
    println!(
        "{results} of {number} jobs done in {:?}; {ends} workers killed, {again} jobs begun again",
        begun.elapsed()
    );
    supervision.stop().await;
    system.shutdown().await;
    if results == number && ends > 0 { Ok(()) } else { Err("some work was lost".into()) }
}

fn main() -> Result<()> {
    let worker = Worker::here();
    let runtime = tokio::runtime::Runtime::new()?;
    match worker {
        Some(worker) => runtime.block_on(worker.run(|system| async move {
            let counter = system.spawn(Counter);
            system.join("workers", &counter)
        }))?,
        None => runtime.block_on(parent())?,
    }
    Ok(())
}
