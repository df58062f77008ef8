//! The systems that are measured, each behind the same traits, so that one loop measures all.

#[cfg(feature = "aeron")]
mod aeron;
mod barewire;
mod floor;
mod iceoryx2;
mod ipc_channel;
mod octets;
mod pair;
mod pipe;
mod ringfire;
mod shaq;
mod unix_socket;

use std::path::PathBuf;

use crate::Outcome;
use crate::loops::{self, Context};
use crate::payload::{B64, KiB1, KiB8, MiB1, Payload, Size};
use crate::plan::{Kind, Report, Row, Shape};

/// The name under which the floors run through the same loops as the systems.
pub(crate) const FLOOR: &str = "floor";
/// The system that is measured beside its peers.
pub(crate) const OURS: &str = "barewire";
/// Why a size is not there.
const TOO_LARGE: &str = "is not measured at this size";

/// Why a service has no row of sleepers.
const NO_SLEEP: &str = "has no calls that sleep";

/// Where a channel is, and what is asked of it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// A directory that is empty before the row.
    pub(crate) directory: PathBuf,
    /// The channel's name, unique in the row.
    pub(crate) name: String,
    /// How many messages it shall hold.
    pub(crate) depth: usize,
    pub(crate) producers: usize,
    pub(crate) consumers: usize,
    /// Which of the producers, or of the consumers, this is. Producer 0 creates the channel, before
    /// any other opens it.
    pub(crate) index: usize,
    /// Whether receivers sleep instead of looking again and again.
    pub(crate) sleeping: bool,
    /// Whether limits stay as the system has them, instead of what the row needs.
    pub(crate) untuned: bool,
}

impl Place {
    /// A file of this channel's.
    pub(crate) fn file(&self, suffix: &str) -> PathBuf {
        self.directory.join(format!("{}{suffix}", self.name))
    }
}

/// A way to send messages in one direction.
pub(crate) trait Transport {
    type Sender<P: Payload>: Sender;
    type Receiver<P: Payload>: Receiver;

    /// Creates the channel (producer 0) or opens it.
    fn sender<P: Payload>(place: &Place) -> Outcome<Self::Sender<P>>;

    /// Opens the channel; all senders are there.
    fn receiver<P: Payload>(place: &Place) -> Outcome<Self::Receiver<P>>;
}

/// An end that messages go into.
pub(crate) trait Sender {
    /// Whatever has to be done once the other side is there.
    fn start(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Whatever can be done for the next message before there is something to send.
    fn prepare(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Sends a message with this stamp, if there is room.
    fn try_send(&mut self, stamp: u64) -> Outcome<bool>;

    /// Sends messages with stamps from `first` on, in one call; how many.
    fn try_send_batch(&mut self, first: u64, count: usize) -> Outcome<usize> {
        let _ = count;
        self.try_send(first).map(usize::from)
    }

    /// Sends what was accepted and kept; nothing follows.
    fn finish(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Sends a message to one that may sleep, and wakes it.
    fn send(&mut self, stamp: u64) -> Outcome<()> {
        while !self.try_send(stamp)? {
            std::hint::spin_loop();
        }
        Ok(())
    }
}

/// An end that messages come out of.
pub(crate) trait Receiver {
    /// Whatever has to be done before the first message is sent.
    fn start(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// The stamp of the next message, if there is one; all of it is checked.
    fn try_receive(&mut self) -> Outcome<Option<u64>>;

    /// Up to so many messages in one call; each stamp goes to `each`.
    fn try_receive_batch(
        &mut self,
        most: usize,
        each: &mut impl FnMut(u64) -> Outcome<()>,
    ) -> Outcome<usize> {
        let _ = most;
        match self.try_receive()? {
            Some(stamp) => each(stamp).map(|()| 1),
            None => Ok(0),
        }
    }

    /// The next message; sleeps until it is there.
    fn receive(&mut self) -> Outcome<u64>;
}

/// A way to ask and to answer.
pub(crate) trait Calls {
    type Client<P: Payload>: Client;
    type Server<P: Payload>: Server;

    /// Creates the service.
    fn server<P: Payload>(place: &Place) -> Outcome<Self::Server<P>>;

    /// Opens the service; the server is there.
    fn client<P: Payload>(place: &Place) -> Outcome<Self::Client<P>>;
}

/// The side that asks.
pub(crate) trait Client {
    /// Whatever has to be done once the server is there.
    fn start(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Whatever can be done for the next request before there is something to ask.
    fn prepare(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Asks with a stamp and spins for the reply; the reply's stamp.
    fn call(&mut self, stamp: u64) -> Outcome<u64>;

    /// Asks with a stamp and sleeps until the reply is there; the reply's stamp.
    fn call_asleep(&mut self, stamp: u64) -> Outcome<u64> {
        let _ = stamp;
        Err(NO_SLEEP.into())
    }
}

/// The side that answers.
pub(crate) trait Server {
    /// Whatever has to be done once the client is there.
    fn start(&mut self) -> Outcome<()> {
        Ok(())
    }

    /// Answers a request, if there is one, with what `answer` makes of its stamp; the request's.
    fn try_serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<Option<u64>>;

    /// Sleeps until a request comes, and answers it; the request's stamp.
    fn serve(&mut self, answer: impl Fn(u64) -> u64) -> Outcome<u64> {
        let _ = answer;
        Err(NO_SLEEP.into())
    }
}

pub(crate) use iceoryx2::prefix as iceoryx2_prefix;

/// The systems in the order of the table, with versions and how they are used.
pub(crate) fn peers() -> Vec<(&'static str, String)> {
    let lock = include_str!("../../../Cargo.lock");
    let version = |name: &str| {
        let entry = lock
            .split("[[package]]")
            .find(|entry| entry.lines().any(|line| line == format!("name = \"{name}\"")));
        let line = entry.and_then(|entry| entry.lines().find(|line| line.starts_with("version")));
        line.and_then(|line| line.split('"').nth(1)).unwrap_or("?").to_owned()
    };
    let with = |name: &'static str, how: &str| (name, format!("{} ({how})", version(name)));
    vec![
        with("barewire", barewire::HOW),
        with("iceoryx2", iceoryx2::HOW),
        #[cfg(feature = "aeron")]
        ("aeron", format!("rusteron {} ({})", version("rusteron-client"), aeron::HOW)),
        with("ringfire", ringfire::HOW),
        with("shaq", shaq::HOW),
        with("ipc-channel", ipc_channel::HOW),
        ("unix-socket", unix_socket::HOW.to_owned()),
        ("pipe", pipe::HOW.to_owned()),
    ]
}

/// Whether a system has what a row measures; if not, why.
pub(crate) fn offers(system: &str, row: &Row) -> Result<(), &'static str> {
    if row.untuned && !matches!(system, "barewire" | "iceoryx2") {
        return Err("has one configuration");
    }
    match system {
        FLOOR => Ok(()),
        "barewire" => barewire::offers(row),
        "iceoryx2" => iceoryx2::offers(row),
        #[cfg(feature = "aeron")]
        "aeron" => aeron::offers(row),
        "ringfire" => ringfire::offers(row),
        "shaq" => shaq::offers(row),
        "ipc-channel" => ipc_channel::offers(row),
        "unix-socket" => unix_socket::offers(row),
        "pipe" => pipe::offers(row),
        _ => Err("is not known"),
    }
}

/// Runs this process's part of a row.
pub(crate) fn run(context: &Context) -> Outcome<Report> {
    if context.plan.system != "iceoryx2" {
        return run_in(context);
    }
    iceoryx2::begin(&context.plan.directory)?;
    let report = run_in(context);
    iceoryx2::end();
    report
}

fn run_in(context: &Context) -> Outcome<Report> {
    let row = &context.plan.row;
    let small = matches!(row.size, Size::B64 | Size::KiB1);
    match (context.plan.system.as_str(), row.shape, row.untuned) {
        (FLOOR, ..) => any_size::<floor::Raw>(context),
        ("barewire", Shape::Queue, _) if small => by_value::<barewire::Queue>(context),
        ("barewire", Shape::Queue, _) => any_size::<barewire::QueueInPlace>(context),
        ("barewire", Shape::Topic, _) if small => by_value::<barewire::Topic>(context),
        ("barewire", Shape::Topic, _) => any_size::<barewire::TopicInPlace>(context),
        ("barewire", Shape::Service, _) if row.size == Size::MiB1 => {
            loops::calls::<barewire::Call<true>, MiB1>(context)
        }
        ("barewire", Shape::Service, _) => calls::<barewire::Call<false>>(context),
        ("barewire", Shape::State, _) => by_value::<barewire::State>(context),
        ("barewire", Shape::Pipe, _) => one_or_both_ways::<barewire::Pipe, barewire::Pipe>(context),
        ("iceoryx2", Shape::Queue | Shape::Topic, false) => {
            any_size::<iceoryx2::PubSub<true>>(context)
        }
        ("iceoryx2", Shape::Queue | Shape::Topic, true) => {
            by_value::<iceoryx2::PubSub<false>>(context)
        }
        ("iceoryx2", Shape::Service, false) => match row.size {
            Size::MiB1 => loops::calls::<iceoryx2::RequestResponse<true>, MiB1>(context),
            _ => calls::<iceoryx2::RequestResponse<true>>(context),
        },
        ("iceoryx2", Shape::Service, true) => calls::<iceoryx2::RequestResponse<false>>(context),
        #[cfg(feature = "aeron")]
        ("aeron", Shape::Topic, _) => by_value::<aeron::Ipc>(context),
        #[cfg(feature = "aeron")]
        ("aeron", Shape::Service, _) => calls::<pair::Pair<aeron::Ipc>>(context),
        ("ringfire", Shape::Queue, _) => by_value::<ringfire::Shared>(context),
        ("ringfire", Shape::Topic, _) => by_value::<ringfire::Ring>(context),
        ("ringfire", Shape::Service, _) => calls::<pair::Pair<ringfire::Ring>>(context),
        ("shaq", Shape::Queue, _) => any_size::<shaq::ManyToMany>(context),
        ("shaq", Shape::Topic, _) if row.mesh().1 > 1 => by_value::<shaq::Broadcast>(context),
        ("shaq", Shape::Topic, _) => any_size::<shaq::OneToOne>(context),
        ("shaq", Shape::Service, _) => calls::<pair::Pair<shaq::OneToOne>>(context),
        ("ipc-channel", Shape::Queue, _) => any_size::<ipc_channel::Octets>(context),
        ("ipc-channel", Shape::Service, _) => calls::<pair::Pair<ipc_channel::Octets>>(context),
        ("unix-socket", Shape::Queue, _) => any_size::<unix_socket::Stream>(context),
        ("unix-socket", Shape::Service, _) => calls::<pair::Pair<unix_socket::Stream>>(context),
        ("ipc-channel", Shape::Pipe, _) => {
            one_or_both_ways::<ipc_channel::Octets, pair::Pair<ipc_channel::Octets>>(context)
        }
        ("unix-socket", Shape::Pipe, _) => {
            one_or_both_ways::<unix_socket::Stream, pair::Pair<unix_socket::Stream>>(context)
        }
        ("pipe", Shape::Queue, _) => any_size::<pipe::Fifo>(context),
        ("pipe", Shape::Service, _) => calls::<pair::Pair<pipe::Fifo>>(context),
        (system, shape, _) => Err(format!("{system} has no {}", shape.name()).into()),
    }
}

/// For transports that may put a message on the stack: the largest is left out, which the compiler
/// would be busy with for minutes.
fn by_value<T: Transport>(context: &Context) -> Outcome<Report> {
    match context.plan.row.size {
        Size::B64 => loops::channel::<T, B64>(context),
        Size::KiB1 => loops::channel::<T, KiB1>(context),
        Size::KiB8 => loops::channel::<T, KiB8>(context),
        Size::MiB1 => Err(TOO_LARGE.into()),
    }
}

/// For transports that work in place.
fn any_size<T: Transport>(context: &Context) -> Outcome<Report> {
    match context.plan.row.size {
        Size::MiB1 => loops::channel::<T, MiB1>(context),
        _ => by_value::<T>(context),
    }
}

/// For streams between two: messages one way, or calls.
fn one_or_both_ways<T: Transport, C: Calls>(context: &Context) -> Outcome<Report> {
    match context.plan.row.kind {
        Kind::Roundtrip => calls::<C>(context),
        _ => any_size::<T>(context),
    }
}

fn calls<C: Calls>(context: &Context) -> Outcome<Report> {
    match context.plan.row.size {
        Size::B64 => loops::calls::<C, B64>(context),
        Size::KiB8 => loops::calls::<C, KiB8>(context),
        Size::KiB1 | Size::MiB1 => Err(TOO_LARGE.into()),
    }
}

/// Whether a row has several processes on one side.
fn is_mesh(row: &Row) -> bool {
    row.mesh() != (1, 1)
}

/// Whether a row sends in batches.
fn is_batch(row: &Row) -> bool {
    matches!(row.kind, Kind::Stream { batch, .. } if batch > 1)
}
