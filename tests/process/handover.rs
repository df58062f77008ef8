//! Segments without a name, handed from process to process as descriptors.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use barewire::{ErrorKind, MessageQueue, Service, Topic};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

use crate::harness::{Process, Scratch, start_with};

const PATIENCE: Duration = Duration::from_secs(20);
const COUNT: u64 = 1000;

type Numbers = MessageQueue<u64>;
type Doubling = Service<u64, u64>;

/// What this child has inherited as its input.
fn inherited() -> OwnedFd {
    std::io::stdin().as_fd().try_clone_to_owned().expect("it is open")
}

fn send_descriptors(socket: &UnixStream, descriptors: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)), "there is room");
    let sent = sendmsg(socket, &[IoSlice::new(b"x")], &mut control, SendFlags::empty());
    assert_eq!(sent.expect("somebody listens"), 1);
}

fn receive_descriptors(socket: &UnixStream) -> Vec<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut bytes = [IoSliceMut::new(&mut byte)];
    recvmsg(socket, &mut bytes, &mut control, RecvFlags::CMSG_CLOEXEC).expect("somebody sends");
    let rights = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => Some(descriptors),
        _ => None,
    });
    rights.flatten().collect()
}

fn open_numbers(descriptor: OwnedFd) -> Numbers {
    Numbers::builder("numbers").open_descriptor(descriptor).expect("it is such a queue")
}

/// Says what the numbers are together.
pub(crate) fn queue() {
    let queue = open_numbers(inherited());
    let sum: u64 = (0..COUNT).map(|_| *queue.dequeue().expect("it works")).sum();
    println!("\nsum {sum}");
}

/// Publishes numbers.
pub(crate) fn topic() {
    let topic =
        Topic::<u64>::builder("numbers").open_descriptor(inherited()).expect("it is such a topic");
    let mut publisher = topic.publisher().expect("a place");
    (0..COUNT).for_each(|number| publisher.publish(&number).expect("it works"));
}

fn double(descriptor: OwnedFd) -> ! {
    let service =
        Doubling::builder("doubling").open_descriptor(descriptor).expect("it is such a service");
    let server = service.server().expect("a place");
    println!("\nserving");
    loop {
        let call = server.next().expect("it works");
        let number = *call;
        call.reply(&(number * 2)).expect("it fits");
    }
}

/// Doubles numbers, until it is killed.
pub(crate) fn service() {
    double(inherited());
}

fn numbers() -> Numbers {
    Numbers::builder("numbers").isolated().create_anonymous().expect("a new queue")
}

fn doubling() -> Doubling {
    Doubling::builder("doubling").isolated().create_anonymous().expect("a new service")
}

#[test]
fn a_queue_a_topic_and_a_service_are_inherited() {
    let scratch = Scratch::new("inherited");
    let start = |role: &str, descriptor: OwnedFd| start_with(role, scratch.path(), &[], descriptor);

    let queue = numbers();
    let mut child = start("handed_queue", queue.share_descriptor().expect("it has no name"));
    (0..COUNT).for_each(|number| queue.enqueue(&number).expect("it works"));
    assert_eq!(child.line("sum"), (COUNT * (COUNT - 1) / 2).to_string());
    child.finish(PATIENCE);

    let topic = Topic::<u64>::builder("numbers").create_anonymous().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    let child = start("handed_topic", topic.share_descriptor().expect("it has no name"));
    for number in 0..COUNT {
        let message = subscriber.take_timeout(PATIENCE).expect("it works");
        assert_eq!(*message.expect("it was published"), number);
    }
    child.finish(PATIENCE);

    let service = doubling();
    let mut child = start("handed_service", service.share_descriptor().expect("it has no name"));
    child.line("serving");
    let client = service.client().expect("a line");
    for number in 0..COUNT {
        assert_eq!(*client.call(&number, PATIENCE).expect("answered"), number * 2);
    }
    let killed = client.start(&1).expect("a free call");
    child.kill();
    let taken = killed.is_taken();
    match killed.wait_timeout(if taken { PATIENCE } else { Duration::ZERO }) {
        Ok(reply) => assert_eq!(*reply, 2),
        Err(error) => assert!(error.is_server_died() == taken, "{error}"),
    }
    assert_eq!(service.servers(), 0, "the kernel says who is alive, also here");
    assert_eq!(scratch.files(), [""; 0]);
}

/// Takes a number, publishes it and doubles what it is asked, all over what a socket brings.
pub(crate) fn all() {
    let socket = UnixStream::from(inherited());
    let [queue, topic, service] =
        receive_descriptors(&socket).try_into().expect("three descriptors");
    let queue = open_numbers(queue);
    let topic =
        Topic::<u64>::builder("numbers").open_descriptor(topic).expect("it is such a topic");
    let number = *queue.dequeue().expect("it works");
    topic.publisher().expect("a place").publish(&number).expect("it works");
    double(service);
}

#[test]
fn descriptors_come_over_a_socket() {
    let scratch = Scratch::new("over-a-socket");
    let (here, there) = UnixStream::pair().expect("sockets");
    let mut child = start_with("handed_all", scratch.path(), &[], OwnedFd::from(there));
    let (queue, service) = (numbers(), doubling());
    let topic = Topic::<u64>::builder("numbers").create_anonymous().expect("a new topic");
    let mut subscriber = topic.subscriber().expect("a place");
    queue.enqueue(&7).expect("there is room");
    let descriptors =
        [queue.share_descriptor(), topic.share_descriptor(), service.share_descriptor()];
    let descriptors = descriptors.map(|descriptor| descriptor.expect("it has no name"));
    send_descriptors(&here, &descriptors.each_ref().map(AsFd::as_fd));
    let message = subscriber.take_timeout(PATIENCE).expect("it works");
    assert_eq!(*message.expect("it was published"), 7);
    child.line("serving");
    let client = service.client().expect("a line");
    assert_eq!(*client.call(&21, PATIENCE).expect("answered"), 42);
    child.kill();
}

/// Takes a message, and stands still with it.
pub(crate) fn take_and_stop() {
    let queue = open_numbers(inherited());
    let _taken = queue.dequeue().expect("it works");
    println!("\ntaken");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn what_a_killed_process_held_of_a_handed_queue_comes_back_however_often() {
    let scratch = Scratch::new("handed-kills");
    let queue = numbers();
    queue.enqueue(&7).expect("there is room");
    let mut longest = Duration::ZERO;
    // More often than there are places for participants.
    for _ in 0..150 {
        let descriptor = queue.share_descriptor().expect("it has no name");
        // A copy that stays here must not keep the child alive for the others.
        let copy = descriptor.try_clone().expect("it is open");
        let mut child = start_with("handed_taken", scratch.path(), &[], descriptor);
        child.line("taken");
        assert!(queue.try_dequeue().expect("it works").is_none(), "it is being read");
        child.kill();
        let killed = Instant::now();
        let message = queue.dequeue_timeout(PATIENCE).expect("it works").expect("it is back");
        longest = longest.max(killed.elapsed());
        assert!(message.header().redelivered());
        drop((message, copy));
        queue.enqueue(&7).expect("there is room");
    }
    println!("back {longest:?} after the kill at the latest");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
}

/// Makes a queue, puts two numbers in, takes one, and hands the queue over.
pub(crate) fn hand_over() {
    let socket = UnixStream::from(inherited());
    let queue = numbers();
    queue.enqueue_batch(&[1, 2]).expect("there is room");
    let _taken = queue.dequeue().expect("it works");
    send_descriptors(&socket, &[queue.share_descriptor().expect("it has no name").as_fd()]);
    std::thread::sleep(Duration::from_secs(60));
}

fn handed_over(scratch: &Scratch) -> (Process, OwnedFd) {
    let (here, there) = UnixStream::pair().expect("sockets");
    let child = start_with("hand_over", scratch.path(), &[], OwnedFd::from(there));
    (child, receive_descriptors(&here).pop().expect("one descriptor"))
}

#[test]
fn the_memory_survives_the_process_that_made_it() {
    let scratch = Scratch::new("handed-creator");
    // Attached to before the creator dies, or after.
    for attached in [true, false] {
        let (child, descriptor) = handed_over(&scratch);
        let copy = descriptor.try_clone().expect("it is open");
        let early = attached.then(|| open_numbers(copy));
        child.kill();
        let queue = early.unwrap_or_else(|| open_numbers(descriptor));
        let mut numbers = [0, 1].map(|_| {
            let message = queue.dequeue_timeout(PATIENCE).expect("it works");
            let message = message.expect("nothing is lost");
            (*message, message.header().redelivered())
        });
        numbers.sort_unstable();
        assert_eq!(numbers, [(1, true), (2, false)]);
    }
}

#[test]
fn what_is_no_sealed_segment_is_refused() {
    let scratch = Scratch::new("refused-descriptors");
    let open = |descriptor: OwnedFd| Numbers::builder("numbers").open_descriptor(descriptor);
    let kind = |descriptor| open(descriptor).expect_err("it is no segment").kind();
    let path = scratch.path().join("plain");
    std::fs::write(&path, [0; 20_000]).expect("it can be written");
    let plain = File::options().read(true).write(true).open(&path).expect("it is there");
    assert_eq!(kind(plain.into()), ErrorKind::Untrusted);
    let (pipe, _writer) = std::io::pipe().expect("a pipe");
    assert_eq!(kind(pipe.into()), ErrorKind::Untrusted);
    assert_eq!(kind(UnixStream::pair().expect("sockets").0.into()), ErrorKind::Untrusted);

    let memory = || memfd_create("x", MemfdFlags::ALLOW_SEALING).expect("memory");
    assert_eq!(kind(memory()), ErrorKind::Untrusted, "its length may change");
    let length = SealFlags::SHRINK | SealFlags::GROW;
    for bytes in [0, 100, 100_000] {
        let sealed = memory();
        let mut file = File::from(sealed.try_clone().expect("it is open"));
        file.write_all(&vec![0x42; bytes]).expect("it can be written");
        fcntl_add_seals(&sealed, length).expect("it can be sealed");
        assert_eq!(kind(sealed), ErrorKind::Malformed, "{bytes} bytes");
    }
    let unwritable = memory();
    let whole = vec![0; 20_000];
    File::from(unwritable.try_clone().expect("it is open")).write_all(&whole).expect("written");
    fcntl_add_seals(&unwritable, length | SealFlags::WRITE).expect("it can be sealed");
    assert_eq!(kind(unwritable), ErrorKind::Io, "it cannot be mapped");

    let service = doubling();
    let error = open(service.share_descriptor().expect("it has no name")).expect_err("no queue");
    assert!(error.to_string().contains("a service"), "{error}");
    let words = MessageQueue::<u32>::builder("words").create_anonymous().expect("a new queue");
    let error = open(words.share_descriptor().expect("it has no name")).expect_err("another type");
    assert!(error.is_schema_mismatch() && error.to_string().contains("u32"), "{error}");

    let named = Numbers::builder("named").directory(scratch.path()).create().expect("a new queue");
    assert_eq!(
        named.share_descriptor().expect_err("it has one").kind(),
        ErrorKind::InvalidArgument
    );
}

#[test]
fn who_gets_a_descriptor_can_neither_cut_the_memory_nor_end_the_giver() {
    let queue = numbers();
    let other = open_numbers(queue.share_descriptor().expect("it has no name"));
    queue.enqueue(&7).expect("there is room");
    let taken = queue.dequeue().expect("it works");
    let file = File::from(queue.share_descriptor().expect("it has no name"));
    let bytes = file.metadata().expect("it has a length").len();
    assert!(file.set_len(0).is_err() && file.set_len(bytes * 2).is_err(), "it is sealed");
    // All locks that this descriptor could hold are given back; it holds none.
    let mut whole = libc::flock {
        l_type: libc::F_UNLCK as i16,
        l_whence: libc::SEEK_SET as i16,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open, and `whole` is a valid `flock`.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw mut whole) };
    assert_eq!(result, 0);
    let stolen = other.dequeue_timeout(Duration::from_millis(30)).expect("it works");
    assert!(stolen.is_none(), "its reader lives");
    drop(taken);
    drop(queue);
    other.enqueue(&8).expect("there is room");
    assert_eq!(*other.dequeue().expect("it works"), 8, "the memory lasts");
}
