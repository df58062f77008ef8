//! Named pipes between processes: many clients, slow, stopped, killed, wrong and old ones.

#[path = "pipes/fifo.rs"]
pub(crate) mod fifo;
#[path = "pipes/names.rs"]
pub(crate) mod names;

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use barewire::ipc::{NamedPipe, PipeBuilder, PipeReceiver};
use barewire::{BareSchema, ErrorKind, MessageQueue};

use crate::harness::{Process, Scratch, argument, start};

const WAIT: Duration = Duration::from_secs(60);
const CLIENTS: u64 = 100;

/// A message of a client's, or to it.
#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Numbered {
    client: u64,
    number: u64,
    filling: Vec<u8>,
}

impl Numbered {
    fn new(client: u64, number: u64) -> Self {
        let length = if number.is_multiple_of(1000) { 50_000 } else { number % 50 };
        let filling = (0..length).map(|at| (at + number + client) as u8).collect();
        Self { client, number, filling }
    }
}

type Talk = NamedPipe<Numbered, Numbered>;

/// Makes a pipe whose server is in the directory of the test.
fn at<S: BareSchema, R: BareSchema>(scratch: &Scratch, name: &str) -> PipeBuilder<S, R> {
    NamedPipe::builder(name).directory(scratch.path())
}

fn kind<T>(result: barewire::Result<T>) -> ErrorKind {
    let Err(error) = result else { panic!("this must fail") };
    println!("{error}");
    error.kind()
}

/// Stops a child, and waits until it stands still.
fn stop(child: &Process) {
    child.signal(libc::SIGSTOP);
    let deadline = Instant::now() + WAIT;
    let stands_still = || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id()));
        stat.expect("it is there").rsplit(')').next().is_some_and(|rest| rest.starts_with(" T"))
    };
    while !stands_still() {
        assert!(Instant::now() < deadline, "a signal arrives");
        std::thread::yield_now();
    }
}

/// Sends so many messages of one client, some of them together with others.
fn send_all(mut sender: barewire::PipeSender<Numbered>, client: u64, count: u64) {
    for number in 0..count {
        let message = Numbered::new(client, number);
        let sent = if number % 3 == 0 { sender.send(&message) } else { sender.feed(&message) };
        sent.expect("somebody reads");
    }
    sender.flush().expect("somebody reads");
}

fn receive_all(receiver: &mut PipeReceiver<Numbered>, client: u64, count: u64) {
    for number in 0..count {
        let message = receiver.receive().expect("it was sent");
        assert!(message == Numbered::new(client, number), "{client}: {number}");
    }
}

/// A client: sends and receives at the same time.
pub(crate) fn talk() {
    let (client, count) = (argument(0).parse().expect("a number"), argument(1));
    let count: u64 = count.parse().expect("a number");
    let mut pipe = Talk::connect("talk", WAIT).expect("there is a server");
    pipe.send(&Numbered::new(client, 0)).expect("somebody reads");
    let (sender, mut receiver) = pipe.split();
    let sending = std::thread::spawn(move || send_all(sender, client, count));
    receive_all(&mut receiver, client, count);
    sending.join().expect("all was sent");
}

#[test]
fn a_hundred_clients_lose_and_reorder_nothing_each_way() {
    let wanted = std::env::var("BAREWIRE_PIPE_MESSAGES");
    let total: u64 = wanted.map_or(1_000_000, |count| count.parse().expect("a number"));
    let each = total / CLIENTS;
    let scratch = Scratch::new("pipe-talk");
    let mut server = at::<Numbered, Numbered>(&scratch, "talk").server().expect("a new pipe");
    let begun = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| start("pipe_talk", scratch.path(), &[&client.to_string(), &each.to_string()]))
        .collect();
    let threads: Vec<_> = clients
        .iter()
        .flat_map(|_| {
            let mut pipe =
                server.accept_timeout(WAIT).expect("a good client").expect("it has come");
            let client = pipe.receive().expect("its number").client;
            let (sender, mut receiver) = pipe.split();
            [
                std::thread::spawn(move || send_all(sender, client, each)),
                std::thread::spawn(move || {
                    receive_all(&mut receiver, client, each);
                    assert!(receiver.receive().expect_err("it has ended").is_closed());
                }),
            ]
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("nothing is lost"));
    clients.into_iter().for_each(|client| client.finish(WAIT));
    let took = begun.elapsed();
    println!("{} messages each way, {CLIENTS} clients, {took:?}", each * CLIENTS);
    assert_eq!(server.clients(), 0);
    server.close();
    assert_eq!(scratch.files(), [""; 0]);
}

/// A server that sends back what it gets, whoever comes, for ever.
pub(crate) fn echo() {
    let mut server = NamedPipe::<String, String>::server("echo").expect("a new pipe");
    println!("\nserving");
    loop {
        match server.accept() {
            Ok(mut pipe) => drop(std::thread::spawn(move || {
                while let Ok(text) = pipe.receive() {
                    if pipe.send(&text).is_err() {
                        break;
                    }
                }
            })),
            Err(error) => println!("\nrefused {:?} {error}", error.kind()),
        }
    }
}

#[test]
fn clients_that_send_garbage_and_stop_anywhere_delay_no_other() {
    let scratch = Scratch::new("pipe-garbage");
    let mut child = start("pipe_echo", scratch.path(), &[]);
    child.line("serving");
    let path = scratch.path().join("echo");
    let mut good = at::<String, String>(&scratch, "echo").connect(WAIT).expect("there is a server");
    let mut check = |text: &str| {
        good.send(&text.to_owned()).expect("it is open");
        assert_eq!(good.receive().expect("it comes back"), text);
    };
    check("first");
    // One that says nothing.
    let _silent = UnixStream::connect(&path).expect("there is a server");
    check("beside a silent one");
    let garbage: [&[u8]; 4] = [
        b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
        &[0xff; 500],
        // A hello of more than may be; a message before any hello.
        &[0xff, 0xff, 0xff, 0x7f, 1, 0, 0, 0],
        &[1, 0, 0, 0, 3, 0, 0, 0, 0],
    ];
    for (octets, expected) in
        garbage.iter().zip(["Malformed", "Malformed", "TooLarge", "Malformed"])
    {
        let mut bad = UnixStream::connect(&path).expect("there is a server");
        bad.write_all(octets).expect("it is open");
        let told = child.line("refused");
        assert!(told.starts_with(expected), "{told}");
        check("beside garbage");
    }
    for cut in 0..20 {
        let hello = [200, 0, 0, 0, 1, 0, 0, 0, b'B', b'A', b'R', b'E', b'P', b'I', b'P', b'E'];
        let mut bad = UnixStream::connect(&path).expect("there is a server");
        bad.write_all(&hello[..cut.min(hello.len())]).expect("it is open");
        drop(bad);
        let told = child.line("refused");
        assert!(told.starts_with("Closed"), "{told}");
    }
    check("last");
    child.kill();
}

/// A client that reads one message, and stands still until it is continued.
pub(crate) fn read_and_stop() {
    let mut pipe = Talk::connect("talk", WAIT).expect("there is a server");
    receive_all(pipe.receiver(), 0, 1);
    println!("\nreading");
    for number in 1..argument(0).parse().expect("a number") {
        assert_eq!(pipe.receive().expect("it was sent"), Numbered::new(0, number));
        if argument(1) == "slow" {
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    println!("\nread all");
}

#[test]
fn a_slow_and_a_stopped_reader_hold_up_their_writer_alone() {
    const COUNT: u64 = 6001;
    let scratch = Scratch::new("pipe-stopped");
    let mut server = at::<Numbered, Numbered>(&scratch, "talk").server().expect("a new pipe");
    let mut accept = || server.accept_timeout(WAIT).expect("a good one").expect("it has come");
    let count = COUNT.to_string();
    let mut slow = start("pipe_read_and_stop", scratch.path(), &[&count, "slow"]);
    let mut to_slow = accept();
    let mut stopped = start("pipe_read_and_stop", scratch.path(), &[&count, "stops"]);
    let mut to_stopped = accept();
    to_stopped.send(&Numbered::new(0, 0)).expect("there is room");
    stopped.line("reading");
    stop(&stopped);
    let mut sent = 1;
    while sent < COUNT {
        match to_stopped.send_timeout(&Numbered::new(0, sent), Duration::from_millis(30)) {
            Ok(()) => sent += 1,
            Err(error) => {
                assert!(error.is_timed_out(), "{error}");
                break;
            }
        }
    }
    assert!(sent < COUNT, "a stopped reader takes no more than its buffer");
    let error = to_stopped.try_send(&Numbered::new(0, sent)).expect_err("it stands still");
    assert!(error.is_full(), "{error}");
    for number in 0..COUNT {
        to_slow.send(&Numbered::new(0, number)).expect("it reads");
    }
    slow.line("read all");
    stopped.signal(libc::SIGCONT);
    for number in sent..COUNT {
        to_stopped.send(&Numbered::new(0, number)).expect("it reads again");
    }
    to_stopped.close().expect("all is sent");
    stopped.line("read all");
    slow.finish(WAIT);
    stopped.finish(WAIT);
}

#[test]
fn a_killed_reader_is_noticed_by_its_writer() {
    let scratch = Scratch::new("pipe-reader");
    let mut server = at::<Numbered, Numbered>(&scratch, "talk").server().expect("a new pipe");
    let child = start("pipe_read_and_stop", scratch.path(), &["1000000", "stops"]);
    let mut pipe = server.accept_timeout(WAIT).expect("a good one").expect("it has come");
    assert_eq!(pipe.peer().process, child.id(), "the kernel says who it is");
    pipe.send(&Numbered::new(0, 0)).expect("it reads");
    let writing = std::thread::spawn(move || {
        (1..)
            .find_map(|number| pipe.send(&Numbered::new(0, number)).err())
            .map(|error| error.kind())
    });
    std::thread::sleep(Duration::from_millis(20));
    child.kill();
    assert_eq!(writing.join().expect("it has ended"), Some(ErrorKind::Closed));
}

/// A client that sends large messages until it is killed.
pub(crate) fn write_for_ever() {
    let mut pipe = Talk::connect("talk", WAIT).expect("there is a server");
    println!("\nwriting");
    for number in 0.. {
        let filling = vec![number as u8; 4 << 20];
        pipe.send(&Numbered { client: 0, number, filling }).expect("somebody reads");
    }
}

#[test]
fn a_writer_killed_in_the_middle_of_a_message_is_reported_and_others_go_on() {
    let scratch = Scratch::new("pipe-writer");
    let mut server = at::<Numbered, Numbered>(&scratch, "talk").server().expect("a new pipe");
    let mut truncated = 0;
    for round in 0..8 {
        let mut child = start("pipe_write_for_ever", scratch.path(), &[]);
        let mut pipe = server.accept_timeout(WAIT).expect("a good one").expect("it has come");
        child.line("writing");
        // Its buffer is full as soon as something has come, as 4 MiB do not fit.
        for _ in 0..round {
            pipe.receive().expect("it is whole");
        }
        // Some octets of the next one are read, and perhaps all.
        let _ = pipe.receive_timeout(Duration::from_millis(1)).expect("it lives");
        child.kill();
        let mut expected = None;
        let error = loop {
            match pipe.receive() {
                Ok(message) => {
                    let number = *expected.get_or_insert(message.number);
                    assert_eq!(message.number, number);
                    assert!(message.filling.iter().all(|octet| *octet == number as u8));
                    expected = Some(number + 1);
                }
                Err(error) => break error,
            }
        };
        assert!(error.is_truncated() || error.is_closed(), "{error}");
        truncated += usize::from(error.is_truncated());
    }
    assert!(truncated > 0, "some were killed in the middle of a message");
}

/// A server that answers one client's calls with its own number, until it is killed.
pub(crate) fn serve_once() {
    let mut server = NamedPipe::<u64, u64>::server("again").expect("the name is free");
    println!("\nserving");
    let mut pipe = server.accept().expect("a good client");
    while let Ok(number) = pipe.receive() {
        pipe.send(&(number + u64::from(std::process::id()))).expect("it reads");
    }
}

#[test]
fn a_restarted_server_is_found_again_by_a_client_that_asked_for_it() {
    let scratch = Scratch::new("pipe-again");
    let serve = || {
        let mut child = start("pipe_serve_once", scratch.path(), &[]);
        child.line("serving");
        child
    };
    let mut child = serve();
    let builder = at::<u64, u64>(&scratch, "again");
    let mut pipe = builder.clone().reconnect(WAIT).connect(WAIT).expect("there is a server");
    for number in 0..5 {
        pipe.send(&number).expect("somebody serves");
        assert_eq!(pipe.receive().expect("answered"), number + child.id() as u64);
        child.kill();
        child = serve();
    }
    assert_eq!(pipe.connections(), 5);
    // While it waits for an answer that the dead server owes.
    let receiving = std::thread::spawn(move || pipe.receive_timeout(Duration::from_millis(1)));
    assert!(receiving.join().expect("it has ended").expect("it was found").is_none());
    child.kill();

    child = serve();
    let mut pipe = builder.connect(WAIT).expect("there is a server");
    child.kill();
    let _child = serve();
    assert!(pipe.receive().expect_err("nobody asked to look again").is_closed());
    assert!(pipe.send(&1).expect_err("it is gone").is_closed());
    pipe.reconnect(WAIT).expect("it is there");
    pipe.send(&1).expect("somebody serves");
}

#[test]
fn calls_that_never_wait_and_futures_leave_it_to_the_caller_to_look_again() {
    let scratch = Scratch::new("pipe-by-hand");
    let serve = || {
        let mut child = start("pipe_serve_once", scratch.path(), &[]);
        child.line("serving");
        child
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let mut child = serve();
    let builder = at::<u64, u64>(&scratch, "again").reconnect(WAIT);
    let mut pipe = builder.connect(WAIT).expect("there is a server");
    for way in 0..4 {
        child.kill();
        child = serve();
        let error = match way {
            0 => pipe.try_receive().map(drop),
            1 => pipe.try_send(&1),
            2 => runtime.block_on(pipe.receive_async()).map(drop),
            _ => runtime.block_on(pipe.send_async(&1)),
        };
        assert!(error.expect_err("its server is gone").is_closed(), "way {way}");
        assert_eq!(pipe.connections(), 1 + way, "nobody has looked");
        runtime.block_on(pipe.reconnect_async(WAIT)).expect("it is there");
        assert_eq!(pipe.connections(), 2 + way);
        pipe.try_send(&way).expect("somebody serves");
        assert_eq!(pipe.receive().expect("answered"), way + child.id() as u64);
    }
}

/// The version of yesterday.
mod old {
    #[derive(barewire::BareSchema, Debug, Clone, PartialEq)]
    pub(crate) enum Event {
        Said { id: u64, text: String },
        Left,
    }
}

/// The next one: a field has another name, and there is one more member.
mod new {
    #[derive(barewire::BareSchema, Debug, Clone, PartialEq)]
    pub(crate) enum Event {
        Said { number: u64, text: String },
        Left,
        Waved { at: u32 },
    }
}

/// A client of the older version: sends back what it gets, until somebody has left.
pub(crate) fn old_client() {
    let mut pipe = NamedPipe::<old::Event, old::Event>::connect("events", WAIT).expect("a server");
    loop {
        let event = pipe.receive().expect("a value of its own version");
        pipe.send(&event).expect("it reads");
        if event == old::Event::Left {
            break;
        }
    }
    pipe.close().expect("all is sent");
}

/// A client of a third kind: says what is wrong.
pub(crate) fn other_client() {
    let error = NamedPipe::<u32, old::Event>::connect("events", WAIT).expect_err("another schema");
    println!("\ntold {:?} {error}", error.kind());
}

#[test]
fn an_older_client_is_kept_from_what_it_does_not_know_and_another_schema_is_explained() {
    let scratch = Scratch::new("pipe-versions");
    let builder = at::<new::Event, new::Event>(&scratch, "events");
    let mut server = builder.server().expect("a new pipe");
    let mut other = start("pipe_other", scratch.path(), &[]);
    let error = server.accept().expect_err("another schema");
    assert!(error.is_schema_mismatch(), "{error}");
    let text = error.to_string();
    assert!(text.contains("u32 sent there") && text.contains("received here"), "{text}");
    let told = other.line("told SchemaMismatch");
    assert!(told.contains("received there") && told.contains("u32 sent here"), "{told}");
    other.finish(WAIT);

    let child = start("pipe_old", scratch.path(), &[]);
    let mut pipe = server.accept_timeout(WAIT).expect("an older one").expect("it has come");
    assert!(pipe.sender().keeps_to().is_some());
    for number in 0..100 {
        let said = new::Event::Said { number, text: format!("{number}") };
        pipe.send(&said).expect("it knows that");
        let error = pipe.send(&new::Event::Waved { at: 7 }).expect_err("it does not know that");
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{error}");
        assert_eq!(pipe.receive().expect("it comes back"), said);
    }
    pipe.send(&new::Event::Left).expect("it knows that");
    assert_eq!(pipe.receive().expect("it comes back"), new::Event::Left);
    assert!(pipe.receive().expect_err("it has ended").is_closed());
    child.finish(WAIT);
}

/// Takes a queue out of a pipe, and doubles what comes through it.
pub(crate) fn take_queue() {
    let builder = NamedPipe::<u64, String>::builder("hand").descriptors(1);
    let mut pipe = builder.connect(WAIT).expect("there is a server");
    let mut message = pipe.receive_message().expect("it was sent");
    let descriptor = message.take_descriptors().pop().expect("one");
    let name = message.read().expect("a name");
    let queue =
        MessageQueue::<u64>::builder(name).open_descriptor(descriptor).expect("such a queue");
    for _ in 0..1000 {
        let number = *queue.dequeue().expect("it works");
        pipe.send(&(number * 2)).expect("it reads");
    }
}

#[test]
fn an_isolated_queue_is_handed_over_through_a_pipe() {
    let scratch = Scratch::new("pipe-hand");
    let mut server = at::<String, u64>(&scratch, "hand").server().expect("a new pipe");
    let child = start("pipe_take_queue", scratch.path(), &[]);
    let mut pipe = server.accept_timeout(WAIT).expect("a good one").expect("it has come");
    let queue = MessageQueue::<u64>::builder("jobs").isolated().create_anonymous().expect("new");
    let descriptor = queue.share_descriptor().expect("it has no name");
    pipe.send_with_descriptors(&"jobs".to_owned(), &[descriptor]).expect("it takes one");
    for number in 0..1000 {
        queue.enqueue(&number).expect("there is room");
        assert_eq!(pipe.receive().expect("it answers"), number * 2);
    }
    child.finish(WAIT);
}
