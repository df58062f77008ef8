//! kameo with its feature `remote`: libp2p, here over TCP and without discovery.

use std::time::{Duration, Instant};

use kameo::actor::{RemoteActorRef, Spawn};
use kameo::{mailbox, remote};
use libp2p::futures::StreamExt;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, noise, tcp, yamux};

use super::{Length, Receiver, Shared, announce};
use crate::Outcome;
use crate::actor::kameo::{Adder, Ask, Tell};
use crate::actor::{ASK, Load, TELL, Trips, rate, runtime};
use crate::stats::Spread;

const NAME: &str = "adder";
const DEPTH: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(10);
/// Other rows are measured between those of this system.
const IDLE: Duration = Duration::from_secs(3600);
/// How many messages are on their way at most: nothing else holds the sender back.
const ON_THEIR_WAY: usize = 64;

#[derive(NetworkBehaviour)]
struct Behaviour {
    kameo: remote::Behaviour,
}

fn swarm() -> Outcome<Swarm<Behaviour>> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_behaviour(|key| {
            let config = remote::messaging::Config::default();
            Behaviour { kameo: remote::Behaviour::new(key.public().to_peer_id(), config) }
        })?
        .with_swarm_config(|config| config.with_idle_connection_timeout(IDLE))
        .build();
    swarm.behaviour().kameo.try_init_global()?;
    Ok(swarm)
}

async fn run(mut swarm: Swarm<Behaviour>) {
    loop {
        swarm.select_next_some().await;
    }
}

pub(crate) fn serve() -> Outcome<()> {
    let runtime = runtime()?;
    let address = runtime.block_on(async {
        let mut swarm = swarm()?;
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        let address = loop {
            if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
                break address;
            }
        };
        let peer = *swarm.local_peer_id();
        tokio::spawn(run(swarm));
        let adder = Adder::spawn_with_mailbox(Adder::default(), mailbox::bounded(DEPTH));
        adder.register(NAME).await?;
        Ok::<_, Box<dyn std::error::Error>>(format!("{peer} {address}"))
    })?;
    announce(&address)
}

struct Link {
    runtime: tokio::runtime::Runtime,
    adder: RemoteActorRef<Adder>,
    _receiver: Receiver,
}

static LINK: Shared<Link> = Shared::new();

fn connect() -> Outcome<Link> {
    let receiver = Receiver::start("kameo")?;
    let (peer, address) = receiver.address.split_once(' ').ok_or("a peer and its address")?;
    let (peer, address): (PeerId, Multiaddr) = (peer.parse()?, address.parse()?);
    let runtime = runtime()?;
    let adder = runtime.block_on(async {
        let mut swarm = swarm()?;
        swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
        swarm.add_peer_address(peer, address.clone());
        swarm.dial(address)?;
        tokio::spawn(run(swarm));
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(adder) = RemoteActorRef::<Adder>::lookup(NAME).await? {
                return Ok(adder);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err::<_, Box<dyn std::error::Error>>("the actor was not found".into())
    })?;
    Ok(Link { runtime, adder, _receiver: receiver })
}

async fn tell_all(adder: RemoteActorRef<Adder>, messages: u64) -> Result<f64, String> {
    let begun = Instant::now();
    let mut pending = libp2p::futures::stream::FuturesUnordered::new();
    for number in 0..messages {
        if pending.len() == ON_THEIR_WAY {
            let told: Option<Result<(), String>> = pending.next().await;
            told.unwrap_or(Ok(()))?;
        }
        let adder = adder.clone();
        pending.push(async move {
            let load = Tell(Load::new(number, TELL));
            adder.tell(&load).send_ack().await.map_err(|error| error.to_string())
        });
    }
    while let Some(told) = pending.next().await {
        told?;
    }
    let seen = adder.ask(&Ask(Load::new(0, ASK))).await.map_err(|error| error.to_string())?;
    rate(messages, begun, seen).map_err(|error| error.to_string())
}

pub(crate) fn tell(length: Length) -> Outcome<f64> {
    LINK.with(connect, |link| {
        let told = tell_all(link.adder.clone(), length.messages / 50);
        Ok(link.runtime.block_on(link.runtime.spawn(told))??)
    })
}

pub(crate) fn ask(length: Length) -> Outcome<Spread> {
    LINK.with(connect, |link| {
        let (adder, questions) = (link.adder.clone(), length.questions / 10);
        let asked = async move {
            let mut trips = Trips::new(questions);
            while !trips.is_full() {
                trips.begin();
                let answer = adder.ask(&Ask(Load::new(1, ASK))).await;
                trips.end();
                answer.map_err(|error| error.to_string())?;
            }
            trips.spread().map_err(|error| error.to_string())
        };
        Ok(link.runtime.block_on(link.runtime.spawn(asked))??)
    })
}
