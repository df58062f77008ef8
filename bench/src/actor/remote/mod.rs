//! Peers between processes: this one sends, another one receives.
//!
//! Behind the feature `actor-peers`, since they take minutes to build.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;

use super::Length;
use crate::Outcome;

pub(super) mod kameo;
pub(super) mod ractor;
pub(super) mod zenoh;

/// The process that receives; it ends with this one.
pub(super) struct Receiver {
    child: Child,
    address: String,
}

impl Receiver {
    fn start(system: &str) -> Outcome<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["far", system])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("its output is piped")?;
        let mut address = String::new();
        BufReader::new(output).read_line(&mut address)?;
        let address = address.trim().to_owned();
        let receiver = Self { child, address };
        if receiver.address.is_empty() {
            return Err("the process that receives has failed".into());
        }
        Ok(receiver)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Says where this process receives, and waits until the one who has started it ends.
fn announce(address: &str) -> Outcome<()> {
    println!("{address}");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    std::process::exit(0);
}

/// A port that nobody listens on.
fn free_port() -> Outcome<u16> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// A connection that all rows of a system share: most can be made once in a process.
struct Shared<L>(Mutex<Option<L>>);

impl<L> Shared<L> {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    fn with<R>(
        &self,
        connect: impl FnOnce() -> Outcome<L>,
        work: impl FnOnce(&mut L) -> Outcome<R>,
    ) -> Outcome<R> {
        let mut place = self.0.lock().map_err(|_| "another row has failed")?;
        let link = match place.take() {
            Some(link) => link,
            None => connect()?,
        };
        work(place.insert(link))
    }
}
