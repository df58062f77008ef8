//! Calls between processes: load, deadlines, and servers and clients that are killed.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use barewire::{BareSchema, Client, Service};

use crate::harness::{Process, Random, Scratch, argument, start};

/// A question that no other call asks.
#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Question {
    client: u32,
    number: u64,
    check: u64,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    client: u32,
    server: u32,
    number: u64,
    check: u64,
}

type Asking = Service<Question, Answer>;

const PATIENCE: Duration = Duration::from_secs(20);
/// So soon after a death, every call that the dead had taken is over.
const AT_ONCE: Duration = Duration::from_millis(10);

fn question(client: u32, number: u64) -> Question {
    Question { client, number, check: number.wrapping_mul(31) ^ u64::from(client) }
}

fn check(client: u32, number: u64, answer: &Answer) {
    let check = number.wrapping_mul(37) ^ u64::from(client);
    assert_eq!((answer.client, answer.number, answer.check), (client, number, check), "foreign");
}

/// The client whose questions take a server long to answer.
const SLOW: u32 = 7;
const WORK: Duration = Duration::from_millis(50);

/// Answers until it is asked for number `u64::MAX`.
pub(crate) fn serve() {
    let me: u32 = argument(0).parse().expect("a number");
    let service = Asking::open("asking").expect("the parent has made it");
    let server = service.server().expect("a place");
    println!("\nserving");
    let mut answered = 0_u64;
    loop {
        let call = server.next().expect("it works");
        let (client, number) = (call.client, call.number);
        assert_eq!(call.check, number.wrapping_mul(31) ^ u64::from(client), "torn");
        let check = number.wrapping_mul(37) ^ u64::from(client);
        let begun = Instant::now();
        while client == SLOW && begun.elapsed() < WORK {
            std::hint::spin_loop();
        }
        let reply = call.reply(&Answer { client, server: me, number, check });
        reply.expect("it fits");
        if number == u64::MAX {
            break;
        }
        answered += 1;
    }
    println!("\nanswered {answered}");
}

const CLIENTS: u32 = 4;
const SERVERS: u32 = 4;
const EACH: u64 = 25_000;

/// Asks so many questions, several at a time.
pub(crate) fn ask() {
    let me: u32 = argument(0).parse().expect("a number");
    let client = Asking::open("asking").expect("the parent has made it").client().expect("a line");
    let mut servers = HashMap::<u32, u64>::new();
    for first in (0..EACH).step_by(5) {
        let numbers = first..first + 5;
        let calls = numbers.clone().map(|number| client.start(&question(me, number)));
        let calls: Vec<_> = calls.map(|call| call.expect("a free call")).collect();
        for (number, call) in numbers.zip(calls) {
            let answer = call.wait_timeout(PATIENCE).expect("answered").read().expect("valid");
            check(me, number, &answer);
            *servers.entry(answer.server).or_default() += 1;
        }
    }
    println!("\nasked {}", servers.values().sum::<u64>());
}

#[test]
fn a_hundred_thousand_calls_are_answered_once_each_with_its_own_answer() {
    let scratch = Scratch::new("asking");
    let service = Asking::builder("asking").directory(scratch.path()).create().expect("new");
    let mut servers: Vec<_> =
        (0..SERVERS).map(|n| start("serve", scratch.path(), &[&n.to_string()])).collect();
    servers.iter_mut().for_each(|server| drop(server.line("serving")));
    let clients: Vec<_> =
        (0..CLIENTS).map(|n| start("ask", scratch.path(), &[&n.to_string()])).collect();
    for mut client in clients {
        assert_eq!(client.line("asked"), EACH.to_string());
        client.finish(PATIENCE);
    }
    let client = service.client().expect("a line");
    for _ in 0..SERVERS {
        client.call(&question(0, u64::MAX), PATIENCE).expect("answered");
    }
    let mut answered = 0;
    for mut server in servers {
        answered += server.line("answered").parse::<u64>().expect("a number");
        server.finish(PATIENCE);
    }
    assert_eq!(answered, u64::from(CLIENTS) * EACH, "each question once");
    drop((client, service));
    assert_eq!(scratch.files(), [""; 0]);
}

const KILLS: usize = 300;
const AT_A_TIME: usize = 4;
/// Who asks the question of that number: one in four is slow to answer.
fn asker(number: u64) -> u32 {
    if number.is_multiple_of(AT_A_TIME as u64) { SLOW } else { 1 }
}

/// Nine in ten are over at once; the machine may be busy with other tests for the others.
pub(crate) fn at_once(mut waits: Vec<Duration>) {
    waits.sort();
    let (most, slowest) = (waits[waits.len() * 9 / 10], waits[waits.len() - 1]);
    println!("of {} waits, nine in ten took at most {most:?}, all {slowest:?}", waits.len());
    assert!(most < AT_ONCE && slowest < AT_ONCE * 50, "{most:?} {slowest:?}");
}

fn serving(scratch: &Scratch) -> Process {
    let mut child = start("serve", scratch.path(), &["0"]);
    child.line("serving");
    child
}

/// Keeps calls going until `until`, each checked.
fn load(client: &Client<Question, Answer>, number: &mut u64, until: Instant) {
    while Instant::now() < until {
        *number += 1;
        match client.call(&question(1, *number), PATIENCE) {
            Ok(reply) => check(1, *number, &reply.read().expect("valid")),
            Err(error) => assert!(error.is_server_died(), "{error}"),
        }
    }
}

#[test]
fn a_killed_server_ends_its_calls_at_once_and_nobody_gets_a_foreign_answer() {
    let scratch = Scratch::new("killed-servers");
    let service = Asking::builder("asking").directory(scratch.path()).create().expect("new");
    let client = service.client().expect("a line");
    let seed = 23;
    println!("seed {seed}");
    let (mut random, mut number) = (Random(seed), 0);
    let (mut died, mut waits) = (0_u32, Vec::new());
    let (mut answered, mut untaken) = (0_u32, 0_u32);
    for _ in 0..KILLS {
        let mut server = Some(serving(&scratch));
        load(&client, &mut number, Instant::now() + Duration::from_micros(random.below(300)));
        // Calls are under way when the server is killed: those that it had taken end at once.
        let first = number + 1;
        number += AT_A_TIME as u64;
        let calls: Vec<_> = (first..=number)
            .map(|number| client.start(&question(asker(number), number)).expect("a free call"))
            .collect();
        let patience = Instant::now() + PATIENCE;
        let awaited = random.below(AT_A_TIME as u64) as usize;
        while !calls[awaited].is_taken() {
            assert!(Instant::now() < patience, "the server takes nothing");
        }
        let wait = Instant::now() + Duration::from_nanos(random.below(3_000));
        while Instant::now() < wait {
            std::hint::spin_loop();
        }
        server.take().expect("it is there").kill();
        let killed = Instant::now();
        for (number, call) in (first..).zip(calls) {
            let taken = call.is_taken();
            match call.wait_timeout(if taken { PATIENCE } else { Duration::ZERO }) {
                Ok(reply) => {
                    check(asker(number), number, &reply.read().expect("valid"));
                    answered += 1;
                }
                Err(error) if taken => {
                    assert!(error.is_server_died(), "{error}");
                    died += 1;
                }
                Err(error) => {
                    assert!(error.to_string().contains("no server"), "{error}");
                    untaken += 1;
                }
            }
        }
        waits.push(killed.elapsed());
    }
    println!(
        "{KILLS} kills; {answered} calls answered, {untaken} not taken, {died} ended by a death"
    );
    assert!(died > KILLS as u32 / 4, "the kills came too early or too late: {died}");
    at_once(waits);
    // The service works on, with all its slots.
    let server = serving(&scratch);
    let calls: Vec<_> =
        (0..8).map(|number| client.try_start(&question(2, number)).expect("a free call")).collect();
    for (number, call) in (0..).zip(calls) {
        let reply = call.wait_timeout(PATIENCE).expect("answered");
        check(2, number, &reply.read().expect("valid"));
    }
    server.kill();
    drop((client, service));
    assert_eq!(scratch.files(), [""; 0]);
}

/// Asks without end, several at a time, and gives some of the calls up.
pub(crate) fn ask_on() {
    let me: u32 = argument(0).parse().expect("a number");
    let client = Asking::open("asking").expect("the parent has made it").client().expect("a line");
    println!("\nasking");
    for number in 0.. {
        let given_up = client.start(&question(me, number)).expect("a free call");
        let call = client.start(&question(me, number + 1)).expect("a free call");
        drop(given_up);
        let reply = call.wait_timeout(PATIENCE).expect("answered");
        check(me, number + 1, &reply.read().expect("valid"));
    }
}

#[test]
fn three_hundred_killed_clients_leave_nothing_behind() {
    let scratch = Scratch::new("killed-clients");
    let builder = || Asking::builder("asking").directory(scratch.path());
    let service = builder().clients(3).create().expect("new");
    let client = service.client().expect("a line");
    let server = serving(&scratch);
    let seed = 29;
    println!("seed {seed}");
    let (mut random, mut number) = (Random(seed), 0);
    for round in 0..KILLS as u32 {
        // With three lines, those of the dead must be used again.
        let mut child = start("ask_on", scratch.path(), &[&(round + 10).to_string()]);
        child.line("asking");
        load(&client, &mut number, Instant::now() + Duration::from_micros(random.below(400)));
        child.kill();
        let begun = Instant::now();
        load(&client, &mut number, Instant::now() + Duration::from_micros(50));
        assert!(begun.elapsed() < Duration::from_secs(1), "round {round} took too long");
    }
    // All three lines are there again, and all their slots.
    let clients: Vec<_> = (0..2).map(|_| service.client().expect("a line")).collect();
    for client in clients.iter().chain([&client]) {
        let calls: Vec<_> = (0..8)
            .map(|number| client.start_timeout(&question(3, number), PATIENCE).expect("a call"))
            .collect();
        for (number, call) in (0..).zip(calls) {
            let reply = call.wait_timeout(PATIENCE).expect("answered");
            check(3, number, &reply.read().expect("valid"));
        }
    }
    server.kill();
    drop((client, clients, service));
    assert_eq!(scratch.files(), [""; 0]);
}

#[test]
fn a_stopped_server_delays_a_call_to_its_deadline_and_harms_no_later_one() {
    let scratch = Scratch::new("stopped-server");
    let service = Asking::builder("asking").directory(scratch.path()).create().expect("new");
    let client = service.client().expect("a line");
    let stopped = serving(&scratch);
    let seed = 31;
    println!("seed {seed}");
    let (mut random, mut number) = (Random(seed), 0);
    for _ in 0..50 {
        load(&client, &mut number, Instant::now() + Duration::from_micros(random.below(100)));
        number += 1;
        let call = client.start(&question(1, number)).expect("a free call");
        stopped.signal(libc::SIGSTOP);
        match call.wait_timeout(Duration::from_millis(5)) {
            Ok(reply) => check(1, number, &reply.read().expect("valid")),
            Err(error) => assert!(error.is_timed_out(), "alive, so not dead: {error}"),
        }
        // Another server answers meanwhile; then the first one goes on with what it had.
        let server = service.server().expect("a place");
        number += 1;
        let call = client.start(&question(1, number)).expect("a free call");
        if let Some(call) = server.next_timeout(PATIENCE).expect("works") {
            let (client, number) = (call.client, call.number);
            let check = number.wrapping_mul(37) ^ u64::from(client);
            call.reply(&Answer { client, server: 9, number, check }).expect("it fits");
        }
        stopped.signal(libc::SIGCONT);
        let reply = call.wait_timeout(PATIENCE).expect("answered");
        check(1, number, &reply.read().expect("valid"));
    }
    stopped.kill();
    drop((client, service));
    assert_eq!(scratch.files(), [""; 0]);
}

/// Streams numbers without end.
pub(crate) fn stream() {
    let service = Service::<u64, [u64; 16]>::open("stream").expect("the parent has made it");
    let server = service.server().expect("a place");
    println!("\nserving");
    loop {
        let mut answer = server.next().expect("it works").stream();
        let first = **answer.call();
        for number in first.. {
            if answer.send(&[number; 16]).is_err() {
                break;
            }
        }
    }
}

#[test]
fn a_server_killed_in_a_stream_gives_what_was_whole_and_then_the_error() {
    let scratch = Scratch::new("streams");
    let builder = Service::<u64, [u64; 16]>::builder("stream").directory(scratch.path());
    let service = builder.create().expect("new");
    let client = service.client().expect("a line");
    let seed = 37;
    println!("seed {seed}");
    let mut random = Random(seed);
    let (mut parts, mut waits) = (0, Vec::new());
    for round in 0..60 {
        let mut server = start("stream", scratch.path(), &[]);
        server.line("serving");
        // One that is given up in the middle, and one whose server is killed.
        let mut given_up = client.call_stream(&7).expect("a free call");
        assert!(given_up.next_part_timeout(PATIENCE).expect("works").is_some());
        drop(given_up);
        let first = round * 1_000_000;
        let mut stream = client.call_stream(&first).expect("a free call");
        let mut expected = first;
        // After the first part, so that the server surely has taken the call.
        let kill_at = first + 1 + random.below(200);
        let mut server = Some(server);
        let mut killed = Instant::now();
        let error = loop {
            if expected == kill_at {
                server.take().expect("it is there").kill();
                killed = Instant::now();
            }
            match stream.next_part_timeout(PATIENCE) {
                Ok(part) => {
                    assert_eq!(*part.expect("it has no end"), [expected; 16], "torn or foreign");
                    expected += 1;
                }
                Err(error) => break error,
            }
        };
        assert!(error.is_server_died(), "{error}");
        assert!(expected - kill_at <= 4, "no more than there are frames");
        waits.push(killed.elapsed());
        parts += expected - first;
    }
    println!("{parts} parts");
    at_once(waits);
    drop((client, service));
    assert_eq!(scratch.files(), [""; 0]);
}
