//! What a queue promises, as seen by one process that is attached several times.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use barewire::{BareSchema, MessageQueue, Overflow};

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Item {
    number: u64,
}

/// More than a block's worth of bytes, so that every message has a block of its own.
#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Large {
    words: [u64; 1000],
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Free {
    text: String,
}

/// A directory of the test's own, removed with everything in it.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(format!("/dev/shm/barewire-queue-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).expect("a new directory in /dev/shm");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, private).expect("its owner may");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn items(numbers: impl IntoIterator<Item = u64>) -> Vec<Item> {
    numbers.into_iter().map(|number| Item { number }).collect()
}

fn take_all(queue: &MessageQueue<Item>) -> Vec<u64> {
    let mut all = Vec::new();
    while let Some(message) = queue.try_dequeue().expect("it works") {
        all.push(message.number);
    }
    all
}

#[test]
fn full_means_at_least_the_capacity_and_never_a_block_more() {
    for capacity in [1, 2, 7, 100, 128, 1000] {
        let scratch = Scratch::new(&format!("full-{capacity}"));
        let queue = MessageQueue::<Item>::builder("q")
            .directory(&scratch.0)
            .capacity(capacity)
            .create()
            .expect("a new queue");
        for round in 0..50 {
            let mut sent = 0;
            while queue.try_enqueue(&Item { number: sent }).is_ok() {
                sent += 1;
            }
            let held = queue.len();
            assert!(held >= capacity && held < capacity + 8, "{held} of {capacity}, {round}");
            // An uneven number, so that the next round begins in the middle of a block.
            for _ in 0..held.min(1 + 3 * round) {
                queue.try_dequeue().expect("it works").expect("there are that many");
            }
        }
    }
}

/// A loan takes its block before it is filled, also one that is dropped, and a value takes another.
#[test]
fn loans_that_were_dropped_leave_an_isolated_queue_its_room() {
    let scratch = Scratch::new("dropped-loans");
    for capacity in [1, 4] {
        let name = format!("of-{capacity}");
        let queue = MessageQueue::<Item>::builder(&name).directory(&scratch.0).isolated();
        let queue = queue.capacity(capacity).create().expect("a new queue");
        for number in 0..capacity as u64 {
            drop(queue.try_loan().expect("there is room"));
            queue.try_enqueue(&Item { number }).expect("there is room");
        }
        assert_eq!(take_all(&queue), (0..capacity as u64).collect::<Vec<_>>());
    }
}

#[test]
fn a_full_queue_waits_refuses_or_drops_as_it_was_made() {
    let scratch = Scratch::new("overflow");
    let make = |name: &str, overflow| {
        MessageQueue::<Item>::builder(name)
            .directory(&scratch.0)
            .capacity(16)
            .overflow(overflow)
            .create()
            .expect("a new queue")
    };
    let waits = make("waits", Overflow::Block);
    waits.enqueue_batch(&items(0..16)).expect("there is room");
    let begun = Instant::now();
    let late = waits.enqueue_timeout(&Item { number: 16 }, Duration::from_millis(20));
    assert!(late.expect_err("nobody takes").is_timed_out());
    assert!(begun.elapsed() >= Duration::from_millis(20));

    let refuses = make("refuses", Overflow::Reject);
    refuses.enqueue_batch(&items(0..16)).expect("there is room");
    assert!(refuses.enqueue(&Item { number: 16 }).expect_err("it is full").is_full());
    assert_eq!(refuses.try_enqueue_batch(&items(16..20)).expect("it says how many"), 0);
    assert_eq!(take_all(&refuses), (0..16).collect::<Vec<_>>());

    let drops = make("drops", Overflow::DropOldest);
    drops.enqueue_batch(&items(0..40)).expect("there always is room");
    assert_eq!(drops.counters().dropped, 24);
    assert_eq!(take_all(&drops), (24..40).collect::<Vec<_>>());
}

#[test]
fn what_a_vanished_reader_had_is_delivered_again_or_counted_as_lost() {
    let scratch = Scratch::new("again");
    for at_most_once in [false, true] {
        let builder = MessageQueue::<Item>::builder("q").directory(&scratch.0);
        let builder = if at_most_once { builder.at_most_once() } else { builder };
        let queue = builder.create().expect("a new queue");
        queue.enqueue_batch(&items(0..10)).expect("there is room");
        let reader =
            MessageQueue::<Item>::builder("q").directory(&scratch.0).open().expect("it is there");
        std::mem::forget(reader.dequeue().expect("a message"));
        std::mem::forget(reader.dequeue_batch(4).expect("messages"));
        reader.close();
        let mut seen = Vec::new();
        while let Some(message) = queue.try_dequeue().expect("it works") {
            seen.push((message.number, message.header().redelivered()));
        }
        seen.sort_unstable();
        let again = (0..5).map(|number| (number, true)).filter(|_| !at_most_once);
        assert_eq!(seen, again.chain((5..10).map(|number| (number, false))).collect::<Vec<_>>());
        assert_eq!(queue.counters().lost, if at_most_once { 5 } else { 0 });
    }
}

#[test]
fn batches_keep_the_order_and_come_whole() {
    let scratch = Scratch::new("batches");
    let queue =
        MessageQueue::<Item>::builder("q").directory(&scratch.0).create().expect("a new queue");
    queue.enqueue_batch(&items(0..700)).expect("there is room");
    let mut next = 0;
    for most in [1, 3, 8, 64, 256, 1000, 1000] {
        let Some(batch) = queue.try_dequeue_batch(most).expect("it works") else { break };
        assert!(batch.len() <= most);
        for message in batch.iter() {
            assert_eq!(message.number, next);
            next += 1;
        }
    }
    assert_eq!(next, 700);
    assert!(queue.try_dequeue_batch(8).expect("it works").is_none());
}

#[test]
fn loans_of_every_size_and_unbounded_types_arrive() {
    let scratch = Scratch::new("loans");
    let queue = MessageQueue::<Large>::builder("large")
        .directory(&scratch.0)
        .capacity(4)
        .timestamps()
        .create()
        .expect("a new queue");
    let mut loan = queue.loan().expect("there is room");
    loan.words[999] = 7;
    // What is sent while a loan is being filled does not wait for it.
    queue.enqueue(&Large { words: [1; 1000] }).expect("there is room");
    assert_eq!(queue.dequeue().expect("a message").words[0], 1);
    loan.set_kind(5);
    loan.send().expect("there is room");
    let message = queue.dequeue().expect("a message");
    assert_eq!((message.words[0], message.words[999], message.header().kind()), (0, 7, 5));
    assert!(message.header().timestamp().is_some());
    drop(message);
    for _ in 0..100 {
        drop(queue.loan().expect("a loan that is dropped gives its room back"));
    }

    let queue = MessageQueue::<Free>::builder("free")
        .directory(&scratch.0)
        .slot_bytes(64)
        .create()
        .expect("a new queue");
    for length in 0..=63 {
        let free = Free { text: "x".repeat(length) };
        queue.enqueue(&free).expect("it fits");
        assert_eq!(queue.dequeue().expect("a message").read().expect("a value"), free);
    }
}

#[test]
fn threads_share_one_handle() {
    let scratch = Scratch::new("threads");
    let queue = MessageQueue::<Item>::builder("q")
        .directory(&scratch.0)
        .capacity(64)
        .create()
        .expect("a new queue");
    let mut seen: Vec<u64> = std::thread::scope(|scope| {
        let queue = &queue;
        for thread in 0..3_u64 {
            scope.spawn(move || {
                for number in 0..5000 {
                    queue.enqueue(&Item { number: thread * 5000 + number }).expect("it works");
                }
            });
        }
        let take = move || {
            let mut seen = Vec::new();
            while let Some(message) =
                queue.dequeue_timeout(Duration::from_millis(500)).expect("it works")
            {
                seen.push(message.number);
            }
            seen
        };
        let consumers = [scope.spawn(take), scope.spawn(take)];
        consumers.into_iter().flat_map(|consumer| consumer.join().expect("it ends")).collect()
    });
    seen.sort_unstable();
    assert_eq!(seen, (0..15_000).collect::<Vec<_>>());
}

#[test]
fn producers_that_come_and_go_use_no_room_up() {
    let scratch = Scratch::new("guests");
    let queue = MessageQueue::<Item>::builder("q")
        .directory(&scratch.0)
        .capacity(32)
        .create()
        .expect("a new queue");
    for round in 0..2000 {
        let guest =
            MessageQueue::<Item>::builder("q").directory(&scratch.0).open().expect("it is there");
        guest.enqueue(&Item { number: round }).expect("there is room");
        guest.close();
        assert_eq!(take_all(&queue), [round]);
    }
}

#[test]
fn a_small_loan_starts_as_zeroes_and_a_large_one_can_be_made_so() {
    let scratch = Scratch::new("zeroes");
    let small = MessageQueue::<[u32; 256]>::builder("small").directory(&scratch.0);
    let small = small.create().expect("a new queue");
    let large = MessageQueue::<[u32; 2048]>::builder("large").directory(&scratch.0);
    let large = large.create().expect("a new queue");
    for round in 0..200 {
        let mut loan = small.loan().expect("room");
        assert!(loan.iter().all(|word| *word == 0), "round {round}");
        loan.fill(!0);
        loan.send().expect("it fits");
        small.dequeue().expect("it is there");
        let mut loan = large.loan().expect("room");
        loan.zero();
        assert!(loan.iter().all(|word| *word == 0), "round {round}");
        loan.fill(!0);
        loan.send().expect("it fits");
        assert!(large.dequeue().expect("it is there").iter().all(|word| *word == !0));
    }
}

#[test]
fn filling_in_place_says_that_the_queue_is_full_as_every_form_does() {
    let scratch = Scratch::new("in-place");
    let queue = MessageQueue::<[u32; 4]>::builder("q").directory(&scratch.0).capacity(16);
    let queue = queue.create().expect("a new queue");
    let mut sent = 0;
    while queue.try_enqueue_with(|slot| slot[1] = sent).is_ok() {
        sent += 1;
    }
    assert!(sent >= 16);
    assert!(queue.try_enqueue_with(|_| ()).expect_err("full").is_full());
    let late = queue.enqueue_with_timeout(|_| (), Duration::from_millis(5)).expect_err("full");
    assert_eq!(late.kind(), barewire::ErrorKind::TimedOut);
    for number in 0..sent {
        assert_eq!(*queue.dequeue().expect("it is there"), [0, number, 0, 0]);
    }
    queue.enqueue_with_timeout(|slot| slot[0] = 9, Duration::from_secs(5)).expect("room");
    assert_eq!(*queue.dequeue().expect("it is there"), [9, 0, 0, 0]);
}
