//! zenoh: a publication for messages and questions, and one for answers, over TCP.

use std::sync::Mutex;
use std::sync::mpsc::{Receiver as Answers, channel};
use std::time::{Duration, Instant};

use zenoh::pubsub::Publisher;
use zenoh::qos::CongestionControl;
use zenoh::{Config, Session, Wait};

use super::{Length, Receiver, Shared, announce, free_port};
use crate::Outcome;
use crate::actor::{ASK, Load, Seen, TELL, Trips, rate};
use crate::stats::Spread;

const LOADS: &str = "bench/loads";
const ANSWERS: &str = "bench/answers";
const PATIENCE: Duration = Duration::from_secs(10);

/// zenoh's errors can be sent, and so are no `Box<dyn Error>`.
fn fault(error: zenoh::Error) -> Box<dyn std::error::Error> {
    error.to_string().into()
}

fn open(listen: Option<&str>, connect: Option<&str>) -> Outcome<Session> {
    let mut config = Config::default();
    let list = |address: Option<&str>| match address {
        Some(address) => format!("[\"{address}\"]"),
        None => "[]".to_owned(),
    };
    for (key, value) in [
        ("mode", "\"peer\"".to_owned()),
        ("listen/endpoints", list(listen)),
        ("connect/endpoints", list(connect)),
        ("scouting/multicast/enabled", "false".to_owned()),
        // A sender waits for as long as it takes, or messages would be lost.
        ("transport/link/tx/queue/congestion_control/block/wait_before_close", "60000000".into()),
    ] {
        config.insert_json5(key, &value).map_err(fault)?;
    }
    zenoh::open(config).wait().map_err(fault)
}

/// `express` sends each message at once, instead of several together.
fn publisher(session: &Session, key: &'static str, express: bool) -> Outcome<Publisher<'static>> {
    let publisher = session.declare_publisher(key).congestion_control(CongestionControl::Block);
    publisher.express(express).wait().map_err(fault)
}

pub(crate) fn serve() -> Outcome<()> {
    let address = format!("tcp/127.0.0.1:{}", free_port()?);
    let session = open(Some(&address), None)?;
    let answers = publisher(&session, ANSWERS, true)?;
    let seen = Mutex::new(Seen::default());
    let subscriber = session.declare_subscriber(LOADS).callback(move |sample| {
        let load = Load::from_octets(&sample.payload().to_bytes());
        let Ok(mut seen) = seen.lock() else { return };
        if load.kind == ASK {
            let answer = seen.answer(&load).to_le_bytes();
            let _ = answers.put(answer.as_slice()).wait();
        } else {
            seen.add(&load);
        }
    });
    let _subscriber = subscriber.wait().map_err(fault)?;
    announce(&address)
}

struct Link {
    many: Publisher<'static>,
    single: Publisher<'static>,
    answers: Answers<u64>,
    _session: Session,
    _receiver: Receiver,
}

static LINK: Shared<Link> = Shared::new();

impl Link {
    fn ask(&self) -> Outcome<u64> {
        let load = Load::new(1, ASK).octets();
        self.single.put(load.as_slice()).wait().map_err(fault)?;
        Ok(self.answers.recv_timeout(PATIENCE)?)
    }
}

fn connect() -> Outcome<Link> {
    let receiver = Receiver::start("zenoh")?;
    let session = open(None, Some(&receiver.address))?;
    let (sender, answers) = channel();
    let subscriber = session.declare_subscriber(ANSWERS).callback(move |sample| {
        let mut words = sample.payload().to_bytes().into_owned();
        words.resize(8, 0);
        let word: [u8; 8] = words.try_into().unwrap_or_default();
        let _ = sender.send(u64::from_le_bytes(word));
    });
    subscriber.background().wait().map_err(fault)?;
    let link = Link {
        many: publisher(&session, LOADS, false)?,
        single: publisher(&session, LOADS, true)?,
        answers,
        _session: session,
        _receiver: receiver,
    };
    // Early messages get lost: the other side hears once it answers.
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let load = Load::new(1, ASK).octets();
        link.single.put(load.as_slice()).wait().map_err(fault)?;
        if link.answers.recv_timeout(Duration::from_millis(100)).is_ok() {
            while link.answers.recv_timeout(Duration::from_millis(200)).is_ok() {}
            return Ok(link);
        }
    }
    Err("the other session was not found".into())
}

pub(crate) fn tell(length: Length) -> Outcome<f64> {
    LINK.with(connect, |link| {
        let begun = Instant::now();
        for number in 0..length.messages {
            let load = Load::new(number, TELL).octets();
            link.many.put(load.as_slice()).wait().map_err(fault)?;
        }
        // In the order of the others: a question that is sent at once may overtake them.
        let load = Load::new(1, ASK).octets();
        link.many.put(load.as_slice()).wait().map_err(fault)?;
        let seen = link.answers.recv_timeout(PATIENCE)?;
        rate(length.messages, begun, seen)
    })
}

pub(crate) fn ask(length: Length) -> Outcome<Spread> {
    LINK.with(connect, |link| {
        let mut trips = Trips::new(length.questions / 4);
        while !trips.is_full() {
            trips.begin();
            let answer = link.ask();
            trips.end();
            answer?;
        }
        trips.spread()
    })
}
