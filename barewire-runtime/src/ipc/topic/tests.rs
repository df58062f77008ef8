//! Topics within one process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::ring::EMPTY;
use super::{Topic, TopicBuilder};
use crate::ErrorKind;
use crate::layout::FixedLayout;

fn name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("unit-topic-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn topic<T: FixedLayout>(depth: usize) -> TopicBuilder<T> {
    Topic::builder(name()).depth(depth)
}

const SHORT: Duration = Duration::from_millis(20);

#[test]
fn every_subscriber_gets_every_message() {
    let topic = topic::<u32>(8).create().expect("a new topic");
    let mut subscribers: Vec<_> = (0..3).map(|_| topic.subscriber().expect("a place")).collect();
    let mut publisher = topic.publisher().expect("a lane");
    for number in 0..1000_u32 {
        publisher.publish(&number).expect("there is room");
        for subscriber in &mut subscribers {
            assert_eq!(*subscriber.take().expect("a message"), number);
        }
    }
    assert!(subscribers[0].try_take().expect("it works").is_none());
}

#[test]
fn a_lossless_publisher_waits_for_the_slowest() {
    let topic = topic::<u64>(5).create().expect("a new topic");
    let mut fast = topic.subscriber().expect("a place");
    let mut slow = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    for number in 0..5 {
        publisher.try_publish(&number).expect("there is room");
        assert_eq!(*fast.take().expect("a message"), number);
    }
    assert!(publisher.try_publish(&5).expect_err("it is full").is_full());
    assert!(publisher.publish_timeout(&5, SHORT).expect_err("it is full").is_timed_out());
    let held = slow.take().expect("a message");
    let held_number = *held;
    assert_eq!(held_number, 0);
    drop(held);
    publisher.try_publish(&5).expect("there is room for one");
    assert!(publisher.try_publish(&6).expect_err("it is full").is_full());
    drop(slow);
    publisher.try_publish(&6).expect("the slow one has gone");
    assert_eq!(*fast.take().expect("a message"), 5);
    assert_eq!(*fast.take().expect("a message"), 6);
}

#[test]
fn messages_that_look_like_an_empty_slot_arrive_as_well() {
    let topic = topic::<u64>(4).create().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    for round in 0..100 {
        let numbers = [EMPTY, round, EMPTY];
        publisher.publish_batch(&numbers).expect("there is room");
        publisher.publish(&EMPTY).expect("there is room");
        for number in numbers.into_iter().chain([EMPTY]) {
            assert_eq!(*subscriber.take().expect("a message"), number);
        }
        assert!(subscriber.try_take().expect("it works").is_none());
    }
}

#[test]
fn batches_arrive_in_order_and_whole() {
    let topic = topic::<[u64; 20]>(16).create().expect("a new topic");
    let small = self::topic::<u64>(16).create().expect("a new topic");
    let mut wide = (topic.publisher().expect("a lane"), topic.subscriber().expect("a place"));
    let mut narrow = (small.publisher().expect("a lane"), small.subscriber().expect("a place"));
    let mut next = 0;
    for count in [1, 2, 3, 7, 16, 1, 15, 16, 16, 4] {
        let numbers: Vec<u64> = (next..next + count).collect();
        let blocks: Vec<[u64; 20]> = numbers.iter().map(|number| [*number; 20]).collect();
        wide.0.publish_batch(&blocks).expect("there is room");
        narrow.0.publish_batch(&numbers).expect("there is room");
        let mut seen = (0, 0);
        while seen.0 < count {
            let batch = wide.1.take_batch(5).expect("messages");
            assert!((1..=5).contains(&batch.len()));
            for message in batch.iter() {
                assert_eq!(*message, [next + seen.0; 20]);
                seen.0 += 1;
            }
        }
        while seen.1 < count {
            for message in narrow.1.take_batch(5).expect("messages").iter() {
                assert_eq!(*message, next + seen.1);
                assert_eq!(message.header().sequence(), next + seen.1);
                seen.1 += 1;
            }
        }
        next += count;
    }
    assert_eq!(narrow.0.try_publish_batch(&[0; 20]).expect("no fault"), 16);
    assert!(wide.1.try_take_batch(5).expect("it works").is_none());
    assert!(wide.1.take_batch_timeout(5, SHORT).expect("it works").is_none());
}

#[test]
fn loans_are_filled_in_place_and_leave_no_trace_if_dropped() {
    let small = topic::<u64>(4).create().expect("a new topic");
    let wide = topic::<[u64; 32]>(4).create().expect("a new topic");
    let mut narrow = (small.publisher().expect("a lane"), small.subscriber().expect("a place"));
    let mut broad = (wide.publisher().expect("a lane"), wide.subscriber().expect("a place"));
    for round in 0..20 {
        *narrow.0.loan().expect("there is room") = 77;
        broad.0.loan().expect("there is room")[31] = 77;
        assert!(narrow.1.try_take().expect("it works").is_none());
        assert!(broad.1.try_take().expect("it works").is_none());
        let mut loan = narrow.0.loan().expect("there is room");
        assert_eq!(*loan, 0, "a loan starts as zeroes");
        *loan = round;
        loan.set_kind(round as u32);
        loan.send().expect("it works");
        let mut loan = broad.0.try_loan().expect("there is room");
        assert_eq!(*loan, [0; 32]);
        loan[0] = round;
        loan.send().expect("it works");
        let message = narrow.1.take().expect("a message");
        assert_eq!((*message, message.header().kind()), (round, round as u32));
        assert_eq!(broad.1.take().expect("a message")[0], round);
    }
}

#[test]
fn a_large_loan_starts_as_what_its_slot_held_and_can_be_zeroed() {
    for isolated in [false, true] {
        let builder = topic::<[u64; 1000]>(1);
        let topic = if isolated { builder.isolated() } else { builder }.create().expect("new");
        let mut publisher = topic.publisher().expect("a lane");
        for round in 1..20 {
            let mut loan = publisher.loan().expect("nobody holds it back");
            assert!(loan.iter().all(|word| *word < round), "octets of earlier messages");
            if round % 2 == 0 {
                loan.zero();
                assert_eq!(*loan, [0; 1000]);
            }
            loan.fill(round);
            loan.send().expect("it works");
        }
    }
}

#[test]
fn an_isolated_topic_does_all_that_another_does() {
    let small = topic::<[u64; 3]>(8).isolated().timestamps().create().expect("a new topic");
    let wide = topic::<[u64; 33]>(8).isolated().create().expect("a new topic");
    let texts = topic::<String>(8).isolated().slot_bytes(64).create().expect("a new topic");
    let mut narrow = (small.publisher().expect("a lane"), small.subscriber().expect("a place"));
    let mut broad = (wide.publisher().expect("a lane"), wide.subscriber().expect("a place"));
    let mut text = (texts.publisher().expect("a lane"), texts.subscriber().expect("a place"));
    for round in 0..50_u64 {
        narrow.0.publish_batch(&[[round; 3], [round + 1; 3]]).expect("there is room");
        broad.0.publish(&[round; 33]).expect("there is room");
        let mut loan = broad.0.loan().expect("there is room");
        assert_eq!(*loan, [0; 33]);
        loan[32] = round;
        loan.set_kind(9);
        loan.send().expect("it works");
        text.0.publish(&format!("é{round}")).expect("there is room");
        for message in narrow.1.take_batch(1).expect("a message").iter() {
            assert_eq!(*message, [round; 3]);
            assert!(message.header().timestamp().is_some());
        }
        assert_eq!(*narrow.1.take().expect("a message"), [round + 1; 3]);
        assert_eq!(*broad.1.take().expect("a message"), [round; 33]);
        let message = broad.1.take().expect("a message");
        assert_eq!((message[32], message.header().kind()), (round, 9));
        assert_eq!(message.header().sequence(), round * 2 + 1);
        drop(message);
        let message = text.1.take().expect("a message");
        assert_eq!(message.read().expect("text"), format!("é{round}"));
    }
    let many = (0..).find(|_| narrow.0.try_publish(&[0; 3]).is_err());
    assert_eq!(many, Some(8), "a subscriber of an isolated topic holds back as well");
}

#[test]
fn a_late_subscriber_gets_the_last_messages_it_asks_for() {
    for lossy in [false, true] {
        let builder = topic::<u64>(8);
        let topic = if lossy { builder.lossy() } else { builder }.create().expect("a new topic");
        let mut publisher = topic.publisher().expect("a lane");
        for count in 1..100_u64 {
            publisher.publish(&(count - 1)).expect("nobody holds it back");
            for wanted in [0, 1, 5, 8, 1000] {
                let mut late = topic.subscriber_from_last(wanted as usize).expect("a place");
                let expected = count.saturating_sub(wanted.min(8))..count;
                for number in expected {
                    let message = late.try_take().expect("it works").expect("it is kept");
                    assert_eq!((*message, message.missed()), (number, 0), "{count} {wanted}");
                }
                assert!(late.try_take().expect("it works").is_none());
            }
        }
    }
}

#[test]
fn a_lossy_subscriber_is_told_what_it_missed() {
    let topic = topic::<[u64; 2]>(8).lossy().create().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    let (mut published, mut received) = (0_u64, 0_u64);
    for burst in (1..60).chain([1000, 3]) {
        for _ in 0..burst {
            publisher.publish(&[published, !published]).expect("it never waits");
            published += 1;
        }
        let mut told = 0;
        while let Some(message) = subscriber.try_take().expect("it works") {
            told += message.missed();
            assert_eq!(message[0], !message[1], "torn");
            let header = message.header();
            assert_eq!((header.sequence(), header.sender()), (message[0], publisher.id()));
            received += 1;
        }
        assert_eq!(received + subscriber.missed(), published);
        assert!(told > 0 || burst <= 16, "{burst} at once do not fit");
    }
    assert!(subscriber.missed() > 1000 - 16);
}

#[test]
fn messages_name_their_publisher_though_the_lane_changes_hands() {
    let topic = topic::<u64>(16).timestamps().create().expect("a new topic");
    let mut ids = Vec::new();
    let mut subscriber = topic.subscriber().expect("a place");
    for round in 0..50 {
        drop(topic.publisher().expect("one that publishes nothing"));
        let mut publisher = topic.publisher().expect("the lane is free again");
        let others = topic.publisher().expect_err("there is one lane");
        assert_eq!(others.kind(), ErrorKind::TooManyParticipants);
        for number in 0..1 + round % 3 {
            publisher.publish(&number).expect("there is room");
        }
        drop(topic.subscriber_from_last(16).expect("a place"));
        ids.push(publisher.id());
        if round % 5 == 4 {
            for (id, back) in ids.drain(..).zip(round - 4..) {
                for number in 0..1 + back % 3 {
                    let message = subscriber.take().expect("a message");
                    let header = message.header();
                    assert_eq!((header.sender(), header.sequence()), (id, number));
                    assert!(header.timestamp().is_some());
                }
            }
        }
    }
}

#[test]
fn several_publishers_are_each_in_order() {
    let topic = topic::<[u64; 2]>(4).publishers(3).create().expect("a new topic");
    let mut publishers: Vec<_> = (0..3).map(|_| topic.publisher().expect("a lane")).collect();
    let mut subscriber = topic.subscriber().expect("a place");
    let mut next = [0_u64; 3];
    for number in 0..100 {
        for (lane, publisher) in publishers.iter_mut().enumerate() {
            publisher.publish(&[lane as u64, number]).expect("there is room");
        }
        for _ in 0..3 {
            let message = subscriber.take().expect("a message");
            let [lane, number] = *message;
            assert_eq!(number, next[lane as usize]);
            next[lane as usize] += 1;
        }
    }
}

#[test]
fn unbounded_messages_travel_as_bare() {
    for lossy in [false, true] {
        let builder = topic::<Vec<String>>(4).slot_bytes(16);
        let topic = if lossy { builder.lossy() } else { builder }.create().expect("a new topic");
        let mut subscriber = topic.subscriber().expect("a place");
        let mut publisher = topic.publisher().expect("a lane");
        let words = vec!["a".to_owned(), "bé".to_owned()];
        for _ in 0..20 {
            publisher.publish(&words).expect("it fits");
            let long = vec!["x".repeat(17)];
            let error = publisher.publish(&long).expect_err("it does not fit");
            assert_eq!(error.kind(), ErrorKind::TooLarge);
            let message = subscriber.take().expect("a message");
            assert_eq!(message.bytes(), [2, 1, b'a', 3, b'b', 0xc3, 0xa9]);
            assert_eq!(message.read().expect("a value"), words);
        }
        publisher.publish_batch(&[words.clone(), words.clone()]).expect("they fit");
        let batch = subscriber.take_batch(4).expect("messages");
        assert!(batch.iter().all(|message| message.read().expect("a value") == words));
    }
}

#[test]
fn numbers_out_of_range_are_refused_with_a_reason() {
    let kinds = [
        topic::<u8>(0).create(),
        topic::<u8>(usize::MAX).create(),
        topic::<u8>(1).publishers(0).create(),
        topic::<u8>(1).subscribers(129).create(),
        topic::<u8>(1).slot_bytes(8).create(),
    ];
    for refused in kinds {
        assert_eq!(refused.expect_err("refused").kind(), ErrorKind::InvalidArgument);
    }
    assert!(topic::<String>(1).create().expect_err("no size").to_string().contains("slot_bytes"));
}

#[test]
fn a_topic_for_one_subscriber_refuses_another() {
    let topic = topic::<u8>(4).subscribers(1).create().expect("a new topic");
    let first = topic.subscriber().expect("a place");
    let error = topic.subscriber().expect_err("there is one place");
    assert!(error.to_string().contains(".subscribers(2)"), "{error}");
    drop(first);
    topic.subscriber().expect("the place is free again");
}

#[test]
fn a_stream_through_two_threads_is_whole_in_every_form() {
    let topic = topic::<[u64; 8]>(64).create().expect("a new topic");
    let mut single = topic.subscriber().expect("a place");
    let mut many = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    const COUNT: u64 = 200_000;
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for number in 0..COUNT {
                let message = single.take().expect("a message");
                assert_eq!(*message, [number; 8]);
            }
        });
        scope.spawn(move || {
            let mut next = 0;
            while next < COUNT {
                for message in many.take_batch(100).expect("messages").iter() {
                    assert_eq!(*message, [next; 8]);
                    next += 1;
                }
            }
        });
        let mut number = 0;
        while number < COUNT {
            publisher.publish(&[number; 8]).expect("there is room in time");
            number += 1;
            let batch: Vec<_> =
                (number..COUNT.min(number + 30)).map(|number| [number; 8]).collect();
            publisher.publish_batch(&batch).expect("there is room in time");
            number += batch.len() as u64;
        }
    });
}
