//! Calls within one process, through handles that do not know of each other.

use std::task::Poll;
use std::time::{Duration, Instant};

use super::{Client, Server, Service};
use crate::error::ErrorKind;
use crate::sync::Wait;

const SOON: Duration = Duration::from_secs(5);

fn service<Request: crate::layout::FixedLayout, R: crate::layout::FixedLayout>(
    name: &str,
) -> (Service<Request, R>, Client<Request, R>, Server<Request, R>) {
    let name = format!("unit-service-{name}-{}", std::process::id());
    let service = Service::<Request, R>::builder(&name).create().expect("a new service");
    let client = Service::<Request, R>::open(&name).expect("it exists").client();
    let server = service.server().expect("a place");
    (service, client.expect("a line"), server)
}

#[test]
fn a_call_is_answered_by_value_and_in_place() {
    let (_service, client, server) = service::<u32, [u64; 2]>("answer");
    let pending = client.start(&7).expect("a free call");
    assert!(!pending.is_taken());
    let call = server.try_next().expect("works").expect("a call waits");
    assert!(pending.is_taken());
    assert_eq!((*call, call.read().expect("valid")), (7, 7));
    call.reply(&[7, 8]).expect("it fits");
    let reply = pending.wait_timeout(SOON).expect("it was sent");
    assert_eq!((*reply, reply.read().expect("valid")), ([7, 8], [7, 8]));
    drop(reply);

    let mut request = client.loan().expect("a free call");
    *request = 9;
    let pending = request.send().expect("sent");
    let mut reply = server.next().expect("a call waits").loan();
    assert_eq!(*reply, [0, 0], "nobody sees an earlier reply");
    reply[1] = u64::from(**reply.call()) * 2;
    reply.send();
    assert_eq!(*pending.wait_timeout(SOON).expect("it was sent"), [0, 18]);
}

#[test]
fn eight_calls_at_a_time_and_no_more() {
    let (_service, client, server) = service::<u32, u32>("eight");
    let pending: Vec<_> = (0..8).map(|n| client.try_start(&n).expect("a free call")).collect();
    assert!(client.try_start(&8).expect_err("all are in use").is_full());
    let late = client.start_timeout(&8, Duration::from_millis(5)).expect_err("in use");
    assert!(late.is_timed_out());
    let mut calls: Vec<_> =
        (0..8).map(|_| server.try_next().expect("works").expect("it waits")).collect();
    assert!(server.try_next().expect("works").is_none());
    while let Some(call) = calls.pop() {
        let answer = *call + 100;
        call.reply(&answer).expect("it fits");
    }
    for (number, pending) in pending.into_iter().enumerate() {
        assert_eq!(*pending.wait_timeout(SOON).expect("answered"), number as u32 + 100);
    }
    drop(client.try_start(&8).expect("free again"));
}

#[test]
fn a_late_call_says_whether_anybody_serves() {
    let (service, client, server) = service::<u32, u32>("late");
    let wait = Duration::from_millis(10);
    assert_eq!(service.servers(), 1);
    let error = client.call(&1, wait).expect_err("nobody takes it");
    assert!(error.is_timed_out() && error.to_string().contains("busy"), "{error}");
    assert!(server.try_next().expect("works").is_none(), "the call was withdrawn");
    drop(server);
    assert_eq!(service.servers(), 0);
    let error = client.call(&1, wait).expect_err("nobody takes it");
    assert!(error.is_timed_out() && error.to_string().contains("no server"), "{error}");
    assert!(error.subject().contains("late"), "the error names the service");
}

#[test]
fn a_cancelled_call_is_seen_by_its_server_and_its_reply_by_nobody() {
    let (_service, client, server) = service::<u32, u32>("cancel");
    let withdrawn = client.start(&1).expect("a free call");
    drop(withdrawn);
    assert!(server.try_next().expect("works").is_none());
    let mut taken = Vec::new();
    for number in 0..8 {
        let pending = client.start(&number).expect("a free call");
        let call = server.try_next().expect("works").expect("a call waits");
        assert!(!call.is_cancelled());
        pending.cancel();
        assert!(call.is_cancelled());
        taken.push(call);
    }
    // The server has all the slots and lets go of one: only that one is used again.
    assert!(client.try_start(&9).expect_err("the server has them").is_full());
    taken.pop().expect("eight").reply(&66).expect("it fits");
    let pending = client.try_start(&9).expect("one is free");
    for call in taken {
        call.reply(&66).expect("it fits");
    }
    server.next().expect("a call waits").reply(&77).expect("it fits");
    assert_eq!(*pending.wait_timeout(SOON).expect("answered"), 77);
}

#[test]
fn a_server_that_lets_a_call_go_ends_it_at_once() {
    let (_service, client, server) = service::<u32, u32>("unanswered");
    let pending = client.start(&1).expect("a free call");
    drop(server.next().expect("a call waits"));
    let error = pending.wait().expect_err("no reply");
    assert!(error.is_unanswered(), "{error}");
    let pending = client.start(&1).expect("free again");
    std::mem::forget(server.next().expect("a call waits"));
    drop(server);
    drop(_service);
    // The server's process leaves with the call: that fails the call, as its death would.
    let error = pending.wait().expect_err("no reply");
    assert!(error.is_server_died(), "{error}");
}

#[test]
fn parts_arrive_in_order_and_the_server_waits_for_a_slow_client() {
    let (_service, client, server) = service::<u32, u32>("stream");
    for round in 0..3 {
        let mut stream = client.call_stream(&round).expect("a free call");
        assert!(matches!(stream.try_next_part(), Ok(Poll::Pending)));
        let mut answer = server.next().expect("a call waits").stream();
        let (mut sent, mut seen) = (0, 0);
        while seen < 20 {
            while sent < 20 && answer.try_send(&(round * 100 + sent)).is_ok() {
                sent += 1;
            }
            assert!(sent == 20 || sent == seen + 4, "four frames ahead");
            let part = stream.next_part().expect("works").expect("not the end");
            assert_eq!(*part, round * 100 + seen);
            seen += 1;
        }
        answer.finish();
        assert!(stream.next_part().expect("works").is_none());
        assert!(stream.next_part().expect("works").is_none());
    }
}

#[test]
fn a_stream_that_is_cut_short_gives_what_was_sent_and_then_the_error() {
    let (_service, client, server) = service::<u32, u32>("cut");
    let mut stream = client.call_stream(&0).expect("a free call");
    let mut answer = server.next().expect("a call waits").stream();
    answer.send(&5).expect("sent");
    drop(answer);
    assert_eq!(*stream.next_part().expect("works").expect("it was sent"), 5);
    assert!(stream.next_part().expect_err("cut short").is_unanswered());
    assert!(stream.next_part().expect("works").is_none());
}

#[test]
fn a_cancelled_stream_frees_a_server_that_waits() {
    let (_service, client, server) = service::<u32, u32>("cancel-stream");
    let mut stream = client.call_stream(&0).expect("a free call");
    let serving = std::thread::spawn(move || {
        let mut answer = server.next().expect("a call waits").stream();
        let mut sent = 0;
        loop {
            match answer.send(&sent) {
                Ok(()) => sent += 1,
                Err(error) => return (sent, error.kind()),
            }
        }
    });
    for number in 0..10 {
        assert_eq!(*stream.next_part().expect("works").expect("endless"), number);
    }
    let begun = Instant::now();
    drop(stream);
    let (sent, kind) = serving.join().expect("it ends");
    assert!((10..=14).contains(&sent), "{sent}");
    assert_eq!(kind, ErrorKind::Cancelled);
    assert!(begun.elapsed() < SOON);
}

#[test]
fn a_single_reply_is_a_stream_of_one_and_a_stream_is_no_single_reply() {
    let (_service, client, server) = service::<u32, u32>("single");
    let mut stream = client.call_stream(&0).expect("a free call");
    server.next().expect("a call waits").reply(&3).expect("it fits");
    assert_eq!(*stream.next_part().expect("works").expect("the reply"), 3);
    assert!(stream.next_part().expect("works").is_none());
    let pending = client.start(&0).expect("a free call");
    let mut answer = server.next().expect("a call waits").stream();
    answer.send(&1).expect("sent");
    let error = pending.wait().expect_err("a stream");
    assert!(error.kind() == ErrorKind::InvalidValue && error.to_string().contains("call_stream"));
    assert!(answer.call().is_cancelled());
}

#[test]
fn unbounded_types_travel_as_octets() {
    let name = format!("unit-service-octets-{}", std::process::id());
    let builder = || Service::<String, Vec<String>>::builder(&name);
    let error = builder().create().expect_err("no room was given");
    assert!(error.to_string().contains("request_bytes"), "{error}");
    let service = builder().request_bytes(16).reply_bytes(64).create().expect("a new service");
    let (client, server) = (service.client().expect("a line"), service.server().expect("a place"));
    let error = client.start(&"x".repeat(16)).expect_err("17 octets");
    assert_eq!(error.kind(), ErrorKind::TooLarge);
    for text in ["a b", "", "é è"] {
        let pending = client.start(&text.to_owned()).expect("it fits");
        let call = server.next().expect("a call waits");
        assert_eq!(call.read().expect("valid"), text);
        let words: Vec<String> = text.split(' ').map(str::to_owned).collect();
        call.reply(&words).expect("it fits");
        assert_eq!(pending.wait().expect("answered").read().expect("valid"), words);
    }
}

#[test]
fn other_types_are_refused_with_the_difference() {
    let name = format!("unit-service-types-{}", std::process::id());
    let _service = Service::<u32, u64>::builder(&name).create().expect("a new service");
    let error = Service::<u32, i64>::open(&name).expect_err("another reply");
    assert!(error.is_schema_mismatch());
    assert!(error.to_string().contains("`reply`: u64 in the segment, i64 here"), "{error}");
    let error = Service::<f32, u64>::open(&name).expect_err("another request");
    assert!(error.to_string().contains("`request`: u32 in the segment, f32 here"), "{error}");
    let error = crate::ipc::MessageQueue::<u32>::open(&name).expect_err("no queue");
    assert!(error.to_string().contains("a service"), "{error}");
}

#[test]
fn clients_are_limited_and_their_lines_used_again() {
    let name = format!("unit-service-lines-{}", std::process::id());
    let service = Service::<u32, u32>::builder(&name).clients(2).create().expect("a new service");
    let first = service.client().expect("a line");
    let _second = service.client().expect("a line");
    let error = service.client().expect_err("two are there");
    assert_eq!(error.kind(), ErrorKind::TooManyParticipants);
    std::mem::forget(first.start(&1).expect("a free call"));
    drop(first);
    let server = service.server().expect("a place");
    assert!(server.try_next().expect("works").is_none(), "a forgotten call goes with its client");
    let first = service.client().expect("the line is free");
    let pending = first.start(&2).expect("a free call");
    server.next().expect("a call waits").reply(&3).expect("it fits");
    assert_eq!(*pending.wait().expect("answered"), 3);
}

#[test]
fn an_idle_service_of_small_values_takes_little_memory() {
    let name = format!("unit-service-idle-{}", std::process::id());
    let directory = std::env::temp_dir().join(&name);
    let service = Service::<[u64; 8], [u64; 8]>::builder(&name)
        .directory(&directory)
        .create()
        .expect("a new service");
    let bytes = std::fs::metadata(directory.join(&name)).expect("it is a file").len();
    println!("{bytes} bytes");
    assert!(bytes <= 256 << 10, "{bytes}");
    drop(service);
    std::fs::remove_dir(&directory).expect("nothing is left in it");
}

#[test]
fn a_parked_client_learns_of_an_end_or_a_letting_go_at_once() {
    let name = format!("unit-service-parked-{}", std::process::id());
    let builder = || Service::<u32, u32>::builder(&name).wait(Wait::Park);
    let service = builder().create().expect("a new service");
    let (client, server) = (service.client().expect("a line"), service.server().expect("a place"));
    let serving = std::thread::spawn(move || {
        for _ in 0..20 {
            let mut answer = server.next().expect("a call waits").stream();
            answer.send(&1).expect("there is room");
            // The client sleeps by now, as a rule.
            std::thread::sleep(Duration::from_millis(1));
            answer.finish();
        }
    });
    let begun = Instant::now();
    for _ in 0..20 {
        let mut stream = client.call_stream(&0).expect("a free call");
        assert_eq!(*stream.next_part().expect("works").expect("the part"), 1);
        assert!(stream.next_part().expect("works").is_none());
    }
    serving.join().expect("it ends");
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[test]
fn every_wait_for_a_free_call_has_a_deadline() {
    let (_service, client, server) = service::<u32, u32>("deadlines");
    let pending: Vec<_> = (0..8).map(|n| client.try_start(&n).expect("a free call")).collect();
    let soon = Duration::from_millis(3);
    assert!(client.call_stream_timeout(&8, soon).expect_err("in use").is_timed_out());
    assert!(client.loan_timeout(soon).expect_err("in use").is_timed_out());
    assert!(client.try_call_stream(&8).expect_err("in use").is_full());
    drop(pending);
    let mut request = client.loan_timeout(soon).expect("a free call");
    *request = 5;
    let mut stream = request.send_stream().expect("sent");
    let late = stream.next_part_timeout(soon).expect_err("nobody answers");
    assert!(late.is_timed_out(), "{late}");
    assert!(server.try_next().expect("works").is_none(), "the call was withdrawn");
    let mut stream = client.call_stream_timeout(&6, soon).expect("a free call");
    let mut answer = server.next().expect("a call waits").stream();
    for part in 0..4 {
        answer.send_timeout(&part, soon).expect("there is room");
    }
    assert!(answer.send_timeout(&4, soon).expect_err("four are ahead").is_timed_out());
    assert_eq!(*stream.next_part().expect("works").expect("a part"), 0);
    answer.send_timeout(&4, soon).expect("there is room again");
}

/// The client and the server of an isolated service of names and their lengths.
type Isolated = (Service<String, [u64; 2]>, Client<String, [u64; 2]>, Server<String, [u64; 2]>);

fn isolated(name: &str) -> Isolated {
    let name = format!("unit-service-{name}-{}", std::process::id());
    let builder = || Service::<String, [u64; 2]>::builder(&name).request_bytes(32);
    let service = builder().isolated().create().expect("a new service");
    let client = Service::open(&name).expect("it exists").client().expect("a line");
    let server = service.server().expect("a place");
    (service, client, server)
}

#[test]
fn an_isolated_service_works_as_others_do() {
    let (_service, client, server) = isolated("isolated");
    let pending = client.start(&"four".to_owned()).expect("it fits");
    let call = server.try_next().expect("works").expect("a call waits");
    assert_eq!(call.read().expect("valid"), "four");
    call.reply(&[4, 1]).expect("it fits");
    let reply = pending.wait_timeout(SOON).expect("answered");
    assert_eq!((*reply, reply.read().expect("valid")), ([4, 1], [4, 1]));
    let error = client.start(&"x".repeat(32)).expect_err("33 octets");
    assert_eq!(error.kind(), ErrorKind::TooLarge);

    let mut stream = client.call_stream(&"12345".to_owned()).expect("it fits");
    let mut answer = server.next().expect("a call waits").stream();
    for part in 0..3 {
        answer.send(&[part, 5]).expect("there is room");
    }
    answer.finish();
    for part in 0..3 {
        assert_eq!(*stream.next_part().expect("works").expect("a part"), [part, 5]);
    }
    assert!(stream.next_part().expect("works").is_none());

    let pending = client.start(&String::new()).expect("it fits");
    let mut reply = server.next().expect("a call waits").loan();
    assert_eq!(*reply, [0, 0]);
    reply[1] = 9;
    assert_eq!(reply.call().bytes(), [0], "BARE of an empty string");
    reply.send();
    assert_eq!(*pending.wait_timeout(SOON).expect("answered"), [0, 9]);
}

#[test]
fn what_was_received_of_an_isolated_service_does_not_change_any_more() {
    let (service, client, server) = isolated("copied");
    let pending = client.start(&"old".to_owned()).expect("it fits");
    let call = server.next().expect("a call waits");
    let body = service.segment().body();
    let scribble = |byte: u8| {
        for at in body.0 + 4096..body.0 + body.1 - 8 {
            service.segment().map().write_volatile(at, &[byte]);
        }
    };
    scribble(0x41);
    assert_eq!(call.read().expect("valid"), "old");
    call.reply(&[7, 8]).expect("it fits");
    let reply = pending.wait_timeout(SOON).expect("answered");
    scribble(0x42);
    assert_eq!(*reply, [7, 8]);
}
