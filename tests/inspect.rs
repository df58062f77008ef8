//! Looking at segments from outside while others go on, and at segments that make no sense.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use barewire::inspect::{Contents, Inspected, entries};
use barewire::segment::Directory;
use barewire::{BareSchema, MessageQueue, Service, SharedRegion, Topic};

#[path = "support/random.rs"]
mod random;
use random::Random;

/// A directory on tmpfs that is removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = format!("/dev/shm/barewire-inspect-{}-{name}", std::process::id());
        Directory::at(&path).expect("a new directory");
        Self(path.into())
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn open(&self, name: &str) -> Inspected {
        let directory = Directory::at(&self.0).expect("it is there");
        Inspected::open(&directory, name).expect("it is a segment")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Twice the same, so that a torn one is seen.
type Message = [u64; 24];

/// Says that it is over, also when a look failed: a scope waits for its threads.
struct Over<'flag>(&'flag AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Lets `write` write for a while, again and again, while `look` looks.
fn meanwhile(mut write: impl FnMut(u64) + Send, mut look: impl FnMut()) {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut number = 0;
            while !over.load(Ordering::Relaxed) {
                write(number);
                number += 1;
            }
        });
        let _over = Over(&over);
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(500) {
            look();
        }
    });
}

/// The number that a whole message holds everywhere.
fn whole(segment: &Inspected, bytes: &[u8]) -> u64 {
    let value = segment.value(bytes).expect("a value");
    let shown = value.show(segment.ty()).to_string();
    let mut numbers = shown.trim_matches(['[', ']']).split(", ");
    let first = numbers.next().expect("there are many").to_owned();
    assert!(numbers.all(|number| number == first), "torn: {shown}");
    first.parse().expect("a number")
}

#[test]
fn a_region_is_never_seen_torn() {
    let scratch = Scratch::new("region");
    let region = SharedRegion::<Message>::builder("value").directory(scratch.path());
    let region = region.create(&[0; 24]).expect("a new region");
    let segment = scratch.open("value");
    let Some(Contents::Region(look)) = segment.contents() else { panic!("it is a region") };
    let (mut last, mut seen) = (0, 0);
    meanwhile(
        |number| region.update(|value| *value = [number + 1; 24]).expect("it is ours"),
        || {
            // A writer may be faster than the look; what is seen is whole and never goes back.
            if let Some((version, bytes)) = look.read() {
                assert!(version >= last && whole(&segment, &bytes) == version);
                (last, seen) = (version, seen + 1);
            }
        },
    );
    assert!(seen > 0 && last > 0);
}

#[test]
fn a_tap_sees_whole_messages_and_counts_the_others() {
    let scratch = Scratch::new("queue");
    let queue = MessageQueue::<Message>::builder("queue").capacity(32).directory(scratch.path());
    let queue = queue.create().expect("a new queue");
    let segment = scratch.open("queue");
    let Some(Contents::Queue(look)) = segment.contents() else { panic!("it is a queue") };
    let mut tap = look.tap();
    let mut next = 0;
    let mut watch = || {
        let passed = tap.look(&look);
        let mut missed = passed.missed;
        for message in &passed.messages {
            let number = whole(&segment, &message.bytes);
            assert_eq!(number, message.header.sequence());
            // Nothing comes twice, nothing out of order, and nothing is missed unsaid.
            let gap = number.checked_sub(next).expect("in order");
            missed = missed.checked_sub(gap).expect("it is said what was missed");
            next = number + 1;
        }
        assert_eq!(missed, 0);
        let figures = look.figures();
        assert!(figures.depth <= 32 + 8 && figures.published >= next, "{figures:?}");
    };
    meanwhile(
        |number| {
            queue.enqueue(&[number; 24]).expect("it is ours");
            drop(queue.dequeue().expect("it is ours"));
        },
        &mut watch,
    );
    watch();
    assert!(next > 1000, "{next}");
    assert_eq!(look.figures().published, next);
    assert_eq!(queue.len(), 0);
}

#[test]
fn waiting_messages_are_seen_whole_while_others_take_them() {
    let scratch = Scratch::new("waiting");
    let queue = MessageQueue::<Message>::builder("queue").capacity(64).directory(scratch.path());
    let queue = queue.create().expect("a new queue");
    let segment = scratch.open("queue");
    let Some(Contents::Queue(look)) = segment.contents() else { panic!("it is a queue") };
    let mut seen = 0;
    meanwhile(
        |number| {
            queue.enqueue(&[number; 24]).expect("it is ours");
            if queue.len() > 40 {
                drop(queue.dequeue().expect("it is ours"));
            }
        },
        || {
            let found = look.waiting();
            assert!(found.len() <= 64 + 8);
            for message in &found {
                assert_eq!(whole(&segment, &message.bytes), message.header.sequence());
                seen += 1;
            }
        },
    );
    assert!(seen > 0);
}

#[test]
fn a_topic_is_watched_without_holding_it_back() {
    // Small messages announce themselves by their last word, large ones do not.
    for lossy in [false, true] {
        let scratch = Scratch::new(if lossy { "lossy" } else { "lossless" });
        let topic = Topic::<Message>::builder("topic").depth(64).directory(scratch.path());
        let topic = if lossy { topic.lossy() } else { topic }.create().expect("a new topic");
        let mut publisher = topic.publisher().expect("there is a lane");
        let segment = scratch.open("topic");
        let Some(Contents::Topic(look)) = segment.contents() else { panic!("it is a topic") };
        let (mut tap, mut next) = (look.tap(), 0);
        let mut watch = || {
            let passed = tap.look(&look);
            let mut missed = passed.missed;
            for message in &passed.messages {
                let number = whole(&segment, &message.bytes);
                assert_eq!(number, message.header.sequence());
                let gap = number.checked_sub(next).expect("in order");
                missed = missed.checked_sub(gap).expect("it is said what was missed");
                next = number + 1;
            }
            // What was skipped last is told before the message that comes after it.
            next += missed;
        };
        // Nobody subscribes, so nothing holds the publisher back.
        meanwhile(|number| publisher.publish(&[number; 24]).expect("it is ours"), &mut watch);
        watch();
        assert!(next > 1000, "{next}");
        assert_eq!(look.figures().published, next);
        let last = look.history(3);
        assert_eq!(last.len(), 3);
        assert_eq!(whole(&segment, &last[2].bytes), next - 1);
    }
}

#[test]
fn calls_are_seen_with_their_requests() {
    let scratch = Scratch::new("service");
    let service = Service::<Message, u64>::builder("service").directory(scratch.path());
    let service = service.create().expect("a new service");
    let (client, server) = (service.client().expect("a line"), service.server().expect("it may"));
    let segment = scratch.open("service");
    let Some(Contents::Service(look)) = segment.contents() else { panic!("it is a service") };
    meanwhile(
        |number| {
            let pending = client.start(&[number; 24]).expect("there is a slot");
            let call = server.next().expect("one was made");
            call.reply(&number).expect("it is ours");
            assert_eq!(*pending.wait().expect("it was answered"), number);
        },
        || {
            for call in look.calls() {
                let value = segment.request(&call.request).expect("a request");
                let shown = value.show(segment.request_type()).to_string();
                let mut numbers = shown.trim_matches(['[', ']']).split(", ");
                let first = numbers.next();
                assert!(numbers.all(|number| Some(number) == first), "torn: {shown}");
            }
        },
    );
    let figures = look.figures();
    assert!(figures.calls > 100 && figures.waiting == 0 && figures.serving == 0, "{figures:?}");
    assert_eq!((figures.servers.len(), figures.clients.len()), (1, 1));
}

#[derive(BareSchema, Debug, Clone)]
struct Note {
    text: String,
}

/// Looks at everything that can be looked at in a segment.
fn look_at_all(segment: &Inspected) {
    let _ = segment.participants();
    match segment.contents() {
        None => {}
        Some(Contents::Region(look)) => {
            let _ = look.figures();
            let _ = look.read().map(|(_, bytes)| segment.value(&bytes).is_ok());
        }
        Some(Contents::Struct(look)) => {
            let _ = segment.value(&look.read());
        }
        Some(Contents::Queue(look)) => {
            let (_, _) = (look.figures(), look.roles());
            for message in look.waiting() {
                let _ = (segment.value(&message.bytes), message.header.id());
            }
            let mut tap = look.tap();
            let _ = tap.look(&look);
        }
        Some(Contents::Topic(look)) => {
            let _ = look.figures();
            for message in look.history(u64::MAX) {
                let _ = segment.value(&message.bytes);
            }
            let mut tap = look.tap();
            let _ = tap.look(&look);
        }
        Some(Contents::Service(look)) => {
            let _ = look.figures();
            for call in look.calls() {
                let _ = segment.request(&call.request);
            }
        }
    }
}

#[test]
fn whatever_stands_in_a_segment_a_look_ends() {
    let scratch = Scratch::new("scribbled");
    let at = scratch.path();
    let region = SharedRegion::<Message>::builder("region").directory(at).create(&[1; 24]);
    let queue = MessageQueue::<Message>::builder("queue").capacity(16).directory(at).create();
    let notes = MessageQueue::<Note>::builder("notes").capacity(16).slot_bytes(40).directory(at);
    let topic = Topic::<Message>::builder("topic").depth(16).directory(at).create();
    let small = Topic::<u64>::builder("small").depth(16).directory(at).create();
    let texts = Topic::<Note>::builder("texts").depth(8).slot_bytes(40).lossy().directory(at);
    let service = Service::<Note, u64>::builder("service").request_bytes(64).directory(at);
    let held = (region, queue, notes.create(), topic, small, texts.create(), service.create());
    let names = ["region", "queue", "notes", "topic", "small", "texts", "service"];
    let files: Vec<Vec<u8>> =
        names.iter().map(|name| std::fs::read(at.join(name)).expect("readable")).collect();
    drop(held);

    let mut random = Random(7);
    let directory = Directory::at(at).expect("it is there");
    let path = at.join("scribbled");
    let (mut opened, rounds) = (0, 400);
    for round in 0..rounds {
        let mut bytes = files[round % files.len()].clone();
        // The first half of the rounds leaves the header alone, so that all the rest is reached.
        let start = if round < rounds / 2 { 8448 + 64 } else { 0 };
        let body = 12_288.min(bytes.len() - 8);
        let changes = 1 + random.below(64);
        for _ in 0..changes {
            let from = if random.below(3) == 0 { start } else { start.max(body) };
            let place = from + random.below((bytes.len() - from) as u64) as usize;
            let (at, word) = (place & !7, random.next());
            // Small numbers are the more dangerous ones.
            let word = if random.below(2) == 0 { word } else { word >> random.below(64) };
            bytes[at..at + 8].copy_from_slice(&word.to_le_bytes());
        }
        std::fs::write(&path, &bytes).expect("it can be written");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&path, private).expect("it is ours");
        if let Ok(segment) = Inspected::open(&directory, "scribbled") {
            opened += 1;
            look_at_all(&segment);
        }
    }
    assert!(opened >= rounds / 2, "{opened}");
    assert!(entries(&directory).expect("readable").len() == 1);
}
