//! What holds between the ends of one process.

use std::time::{Duration, Instant};

use barewire_cluster::Incarnation;
use barewire_cluster::transport::{LEAST_FRAME, Sent};

use crate::end::{SOON, Way, ends, wait_until};
use crate::support::Place;

pub(crate) fn frames_arrive_whole_up_to_the_largest_and_larger_ones_are_refused(way: Way) {
    let place = Place::new("whole");
    let mut ends = ends(way, &place, 2);
    let [one, other] = &mut ends[..] else { unreachable!("two were made") };
    let largest = one.transport.largest_frame();
    assert!(largest >= LEAST_FRAME, "{way:?}");
    let frames: Vec<_> = (0..40_u8)
        .map(|number| {
            let length = if number % 4 == 0 { largest } else { 100 + usize::from(number) };
            let mut frame = one.frame(other.me, length, number);
            if number % 4 == 0 {
                // Whatever its last octets are.
                frame.resize(largest, 0);
            }
            frame
        })
        .collect();
    for frame in &frames {
        assert_eq!(one.transport.send(other.me, frame), Ok(Sent::Taken), "{way:?}");
        other.receive(Duration::from_millis(50));
    }
    wait_until("all frames", || {
        other.receive(Duration::from_millis(50));
        other.frames.len() >= frames.len()
    });
    // Nobody has promised an order.
    let (mut found, mut sent) = (other.frames.clone(), frames);
    found.sort();
    sent.sort();
    assert_eq!(found, sent, "{way:?}");

    other.frames.clear();
    let too_large = vec![1; largest + 1];
    assert_eq!(one.transport.send(other.me, &too_large), Ok(Sent::NoWay), "{way:?}");
    assert_eq!(one.transport.broadcast(&too_large), Ok(Sent::NoWay), "{way:?}");
    let after = one.frame(other.me, 200, 1);
    assert_eq!(one.transport.send(other.me, &after), Ok(Sent::Taken), "{way:?}");
    wait_until("what is sent after it", || {
        other.receive(Duration::from_millis(50));
        other.frames.contains(&after)
    });
    assert_eq!(other.frames, [after], "{way:?}: nothing of the larger ones");
}

pub(crate) fn a_broadcast_reaches_all_and_a_stranger_none(way: Way) {
    let place = Place::new("all");
    let mut ends = ends(way, &place, 3);
    let frame = ends[0].frame(Incarnation::EVERYBODY, 200, 7);
    assert_eq!(ends[0].transport.broadcast(&frame), Ok(Sent::Taken), "{way:?}");
    for end in &mut ends[1..] {
        wait_until("the broadcast", || {
            end.receive(Duration::from_millis(50));
            end.frames.contains(&frame)
        });
    }
    let stranger = Incarnation::random().expect("random bits");
    assert_eq!(ends[0].transport.send(stranger, &frame), Ok(Sent::NoWay), "{way:?}");
}

pub(crate) fn nobody_waits_for_one_who_does_not_read(way: Way) {
    let place = Place::new("full");
    let mut ends = ends(way, &place, 2);
    let [one, other] = &mut ends[..] else { unreachable!("two were made") };
    let frame = one.frame(other.me, one.transport.largest_frame() - 20, 7);
    let begun = Instant::now();
    let full =
        (0..20_000).any(|_| one.transport.send(other.me, &frame).expect("it lives") == Sent::Full);
    assert!(begun.elapsed() < SOON, "{way:?}");
    assert_eq!(full, way.tells_full(), "{way:?}");
    wait_until("what had room", || {
        other.receive(Duration::from_millis(10));
        !other.frames.is_empty()
    });
    assert!(other.frames.iter().all(|found| *found == frame), "{way:?}");
}

pub(crate) fn a_wake_ends_a_wait_also_one_that_comes_before_it(way: Way) {
    let place = Place::new("wake");
    let mut ends = ends(way, &place, 1);
    let end = &mut ends[0];
    end.receive(Duration::ZERO);
    end.transport.waker().wake();
    let begun = Instant::now();
    end.receive(SOON);
    let waker = end.transport.waker();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        waker.wake();
    });
    end.receive(SOON);
    assert!(begun.elapsed() < SOON / 2, "{way:?}: {:?}", begun.elapsed());
    thread.join().expect("it only wakes");
}

pub(crate) fn an_end_that_is_closed_leaves_nothing_behind(way: Way) {
    let place = Place::new("closed");
    let mut ends = ends(way, &place, 2);
    let other = ends.pop().expect("two");
    let gone = other.me;
    drop(other);
    let one = &mut ends[0];
    if one.transport.tells_deaths() {
        wait_until("the one that was closed is lost", || {
            one.receive(Duration::from_millis(10));
            one.lost.contains(&gone)
        });
    }
    drop(ends);
    assert_eq!(place.files(), Vec::<String>::new(), "{way:?}");
}
