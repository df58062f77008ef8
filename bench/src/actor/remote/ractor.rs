//! ractor_cluster, over TCP.

use std::time::{Duration, Instant};

use ractor::{Actor, ActorRef, BytesConvertable};
use ractor_cluster::{NodeServer, client_connect};

use super::{Length, Receiver, Shared, announce, free_port};
use crate::Outcome;
use crate::actor::ractor::{Adder, Message, ask_all, tell_all};
use crate::actor::{Load, runtime};
use crate::stats::Spread;

const GROUP: &str = "adders";
const PATIENCE: Duration = Duration::from_secs(10);

impl BytesConvertable for Load {
    fn into_bytes(self) -> Vec<u8> {
        self.octets().to_vec()
    }

    fn from_bytes(bytes: Vec<u8>) -> Self {
        Self::from_octets(&bytes)
    }
}

fn server(name: &str, port: u16) -> NodeServer {
    let text = str::to_owned;
    NodeServer::new(port, text("bench"), text(name), text("localhost"), None, None)
}

pub(crate) fn serve() -> Outcome<()> {
    let runtime = runtime()?;
    let port = free_port()?;
    let _node = runtime.block_on(async {
        let node = Actor::spawn(None, server("far", port), ()).await?;
        let (adder, _) = Actor::spawn(None, Adder, ()).await?;
        ractor::pg::join(GROUP.to_owned(), vec![adder.get_cell()]);
        Ok::<_, ractor::SpawnErr>(node)
    })?;
    announce(&format!("127.0.0.1:{port}"))
}

struct Link {
    runtime: tokio::runtime::Runtime,
    adder: ActorRef<Message>,
    _receiver: Receiver,
}

static LINK: Shared<Link> = Shared::new();

fn connect() -> Outcome<Link> {
    let receiver = Receiver::start("ractor")?;
    let runtime = runtime()?;
    let adder = runtime.block_on(async {
        let (node, _) = Actor::spawn(None, server("near", free_port()?), ()).await?;
        client_connect(&node, receiver.address.as_str()).await?;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(adder) = ractor::pg::get_members(&GROUP.to_owned()).pop() {
                return Ok(adder.into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err::<_, Box<dyn std::error::Error>>("the other node was not found".into())
    })?;
    Ok(Link { runtime, adder, _receiver: receiver })
}

pub(crate) fn tell(length: Length) -> Outcome<f64> {
    LINK.with(connect, |link| {
        let told = tell_all(link.adder.clone(), length.messages / 4);
        Ok(link.runtime.block_on(link.runtime.spawn(told))??)
    })
}

pub(crate) fn ask(length: Length) -> Outcome<Spread> {
    LINK.with(connect, |link| {
        let asked = ask_all(link.adder.clone(), length.questions / 4);
        Ok(link.runtime.block_on(link.runtime.spawn(asked))??)
    })
}
