//! An actor on another machine: told and asked over the network, until that machine is gone.
//!
//! ```text
//! cargo run --release --features actor,cluster --example machines
//! ```
//!
//! starts a second process in the place of the other machine: its actors share no memory with those
//! of this one. On two machines of a network, run it with `carry mill` on one, and with `ask mill`
//! on the other.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barewire::BareSchema;
use barewire::actor::{Actor, ActorSystem, Context, Message, Outcome};
use barewire::cluster::{Method, Node, Role};

const PATIENCE: Duration = Duration::from_secs(20);

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(BareSchema)]
enum Tally {
    Add(u64),
    Total,
}

impl Message for Tally {
    type Reply = u64;
}

#[derive(Default)]
struct Counter {
    total: u64,
}

impl Actor for Counter {
    type Message = Tally;

    async fn handle(&mut self, message: Tally, context: &mut Context<Self>) -> Outcome {
        match message {
            Tally::Add(number) => self.total += number,
            Tally::Total => context.reply(self.total),
        }
        Ok(())
    }
}

fn node(cluster: &str, name: &str) -> Result<Node> {
    Ok(Node::builder(cluster, Role::Client, name).method(Method::udp()).start()?)
}

/// A system of this process alone: others of the machine have other names.
fn system() -> barewire::actor::SystemBuilder {
    ActorSystem::builder(format!("machines-{}", std::process::id()))
}

async fn carry(cluster: &str) -> Result<()> {
    let node = node(cluster, "there")?;
    let actors = node.actors(system())?;
    let tally = actors.system().spawn(Counter::default());
    actors.publish("tally", &tally)?;
    actors.system().watch(tally.id()).await;
    Ok(())
}

/// Uses the tally, and kills its process if that is known.
async fn ask(cluster: &str, other: Option<&mut Child>) -> Result<()> {
    let node = node(cluster, "here")?;
    let actors = node.actors(system())?;
    let tally = actors.lookup_within::<Tally>("tally", PATIENCE).await?;
    for number in 1..=1000 {
        tally.tell(Tally::Add(number)).await?; // waits if the other side does not keep up
    }
    println!("the tally on the other machine: {}", tally.ask(Tally::Total, PATIENCE).await?);
    let Some(other) = other else { return Ok(()) };
    let end = actors.system().watch(tally.id());
    other.kill()?;
    let killed = Instant::now();
    let ended = end.await;
    println!("gone after {:.1?}: {}", killed.elapsed(), ended.cause);
    actors.system().shutdown().await;
    Ok(())
}

/// A process that ends with this one.
struct Other(Child);

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["carry", cluster] => carry(cluster).await,
        ["ask", cluster] => ask(cluster, None).await,
        _ => {
            let cluster = format!("machines-{}", std::process::id());
            let mut other = Command::new(std::env::current_exe()?);
            other.args(["carry", &cluster]).stdin(Stdio::null());
            let mut other = Other(other.spawn()?);
            ask(&cluster, Some(&mut other.0)).await
        }
    }
}
