//! Opening takes no longer when many that opened before were killed.
//!
//! An ordinary run kills 1,000 processes; `BAREWIRE_KILLS=10000` says how many.

use std::time::{Duration, Instant};

use barewire::{MessageQueue, Service, SharedRegion, Topic};

use crate::harness::{Process, Scratch, start};
use crate::queue::Numbered;

type Asking = Service<u64, u64>;
type Queue = MessageQueue<Numbered>;

/// So many are killed at a time.
const AT_ONCE: u32 = 8;
const SAMPLES: usize = 401;
/// At most so many times as long as on segments that nobody was killed on. What leftovers would
/// cost grows with the kills: an entry to pass for each would be a thousand times as much.
const MOST: f64 = 1.5;

/// Attaches to all four in each way there is, leaves a message in each, and waits to be killed.
pub(crate) fn attach() {
    let queue = Queue::open("killed-queue").expect("the parent has made it");
    queue.enqueue_timeout(&Numbered::new(1, 1), Duration::from_secs(20)).expect("there is room");
    let held = queue.try_dequeue().expect("it works");
    let topic = Topic::<Numbered>::open("killed-topic").expect("the parent has made it");
    let (subscriber, publisher) = (topic.subscriber(), topic.publisher());
    let service = Asking::open("killed-service").expect("the parent has made it");
    let (server, client) = (service.server(), service.client());
    let region = SharedRegion::<u64>::open("killed-region").expect("the parent has made it");
    let value = region.read().expect("it works");
    println!("\nattached");
    std::thread::sleep(Duration::from_secs(60));
    drop((held, subscriber, publisher, server, client, value));
}

/// Each kind of segment, made once more as `NAME-queue` and so on.
struct Segments {
    name: &'static str,
    queue: Queue,
    _topic: Topic<Numbered>,
    _service: Asking,
    _region: SharedRegion<u64>,
}

impl Segments {
    fn create(name: &'static str, scratch: &Scratch) -> Self {
        let path = scratch.path();
        let queue = Queue::builder(format!("{name}-queue")).directory(path).capacity(64);
        let topic = Topic::builder(format!("{name}-topic")).directory(path).lossy();
        let service = Asking::builder(format!("{name}-service")).directory(path);
        let region = SharedRegion::builder(format!("{name}-region")).directory(path);
        Self {
            name,
            queue: queue.create().expect("a new queue"),
            _topic: topic.create().expect("a new topic"),
            _service: service.create().expect("a new service"),
            _region: region.create(&7).expect("a new region"),
        }
    }

    /// How long it takes to open one, attach and pass a first message, for each kind.
    fn open(&self, scratch: &Scratch) -> [Duration; 4] {
        let (path, name) = (scratch.path(), self.name);
        let message = Numbered::new(2, 2);
        let queue = {
            let begun = Instant::now();
            let queue = Queue::builder(format!("{name}-queue")).directory(path);
            let queue = queue.open().expect("it is there");
            queue.enqueue(&message).expect("there is room");
            let taken = queue.try_dequeue().expect("it works").expect("a message");
            assert_eq!(taken.number, 2);
            begun.elapsed()
        };
        let topic = {
            let begun = Instant::now();
            let topic = Topic::<Numbered>::builder(format!("{name}-topic")).directory(path);
            let topic = topic.open().expect("it is there");
            let mut subscriber = topic.subscriber().expect("a place");
            let mut publisher = topic.publisher().expect("a lane");
            publisher.publish(&message).expect("it is taken");
            let taken = subscriber.try_take().expect("it works").expect("a message");
            assert_eq!(taken.number, 2);
            begun.elapsed()
        };
        let service = {
            let begun = Instant::now();
            let service = Asking::builder(format!("{name}-service")).directory(path);
            let service = service.open().expect("it is there");
            let (server, client) = (service.server(), service.client());
            let (server, client) = (server.expect("a place"), client.expect("a line"));
            let call = client.start(&3).expect("a free call");
            server.next().expect("a call").reply(&4).expect("it fits");
            assert_eq!(call.wait().expect("answered").read().expect("valid"), 4);
            begun.elapsed()
        };
        let region = {
            let begun = Instant::now();
            let region = SharedRegion::<u64>::builder(format!("{name}-region")).directory(path);
            assert_eq!(region.open().expect("it is there").read().expect("it works"), 7);
            begun.elapsed()
        };
        [queue, topic, service, region]
    }
}

fn median(mut samples: Vec<Duration>) -> Duration {
    samples.sort_unstable();
    samples[samples.len() / 2]
}

#[test]
fn opening_is_as_fast_after_many_kills_as_before() {
    let kills = std::env::var("BAREWIRE_KILLS").map(|kills| kills.parse().expect("a number"));
    let kills: u32 = kills.unwrap_or(1_000);
    let scratch = Scratch::new("opening");
    let (killed, fresh) =
        (Segments::create("killed", &scratch), Segments::create("fresh", &scratch));
    for _ in 0..kills.div_ceil(AT_ONCE) {
        let mut children: Vec<_> =
            (0..AT_ONCE).map(|_| start("attach", scratch.path(), &[])).collect();
        children.iter_mut().for_each(|child| _ = child.line("attached"));
        children.into_iter().for_each(Process::kill);
        while killed.queue.dequeue_timeout(Duration::from_millis(1)).expect("works").is_some() {}
    }
    // The two by turns, so that what the machine does meanwhile concerns both.
    let (mut after, mut before) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        after.push(killed.open(&scratch));
        before.push(fresh.open(&scratch));
    }
    for (index, kind) in ["queue", "topic", "service", "region"].into_iter().enumerate() {
        let [after, before] =
            [&after, &before].map(|all| median(all.iter().map(|one| one[index]).collect()));
        let ratio = after.as_secs_f64() / before.as_secs_f64();
        println!("{kind}: after {kills} kills {after:?}, else {before:?}: {ratio:.2}");
        assert!(ratio <= MOST, "opening a {kind} takes {ratio:.2} times as long");
    }
    drop((killed, fresh));
    assert_eq!(scratch.files(), [""; 0]);
}
