//! Pipes within one process: what needs no other.

use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::frame::{self, Kind};
use super::*;

const WAIT: Duration = Duration::from_secs(10);

fn pair<A: BareSchema + Send + 'static, B: BareSchema + Send + 'static>(
    here: PipeBuilder<A, B>,
    there: PipeBuilder<B, A>,
) -> (NamedPipe<A, B>, NamedPipe<B, A>) {
    let (one, two) = UnixStream::pair().expect("sockets");
    let there = std::thread::spawn(move || there.over(two, WAIT).expect("a pipe"));
    (here.over(one, WAIT).expect("a pipe"), there.join().expect("it has ended"))
}

fn plain<A: BareSchema + Send + 'static>() -> (NamedPipe<A, A>, NamedPipe<A, A>) {
    pair(NamedPipe::builder("here"), NamedPipe::builder("there"))
}

#[test]
fn values_of_every_size_arrive_whole_and_in_order() {
    let (mut here, mut there) = plain::<Vec<u8>>();
    let sizes = [0, 1, 100, 4096, 32 << 10, (32 << 10) + 1, 64 << 10, 1 << 20, 3 << 20, 7];
    let value = |size: usize| (0..size).map(|at| (at * 31 + size) as u8).collect::<Vec<u8>>();
    let sending = std::thread::spawn(move || {
        for size in sizes.into_iter().cycle().take(40) {
            here.send(&value(size)).expect("somebody reads");
        }
        here
    });
    for size in sizes.into_iter().cycle().take(40) {
        assert!(there.receive().expect("it was sent") == value(size), "{size} bytes");
    }
    sending.join().expect("it has ended").close().expect("all was sent");
    assert!(there.receive().expect_err("it is closed").is_closed());
}

#[test]
fn a_full_pipe_refuses_and_times_out_and_loses_nothing() {
    for size in [100, 50_000, 300_000] {
        let (mut here, mut there) = plain::<Vec<u8>>();
        let mut sent = 0_usize;
        loop {
            let value = vec![sent as u8; size];
            match here.try_send(&value) {
                Ok(()) => sent += 1,
                Err(error) if error.is_full() => break,
                Err(error) => panic!("{error}"),
            }
        }
        let late = here.send_timeout(&vec![0xee; size], Duration::from_millis(5));
        assert!(late.expect_err("there is no room").is_timed_out());
        let (mut sender, _receiver) = here.split();
        let flushing = std::thread::spawn(move || sender.flush().map(|()| sender));
        for number in 0..sent {
            let value = there.receive().expect("it was accepted");
            assert!(value == vec![number as u8; size], "message {number} of {sent}");
        }
        flushing.join().expect("it has ended").expect("all goes out");
        assert!(there.try_receive().expect("it is open").is_none());
    }
}

#[test]
fn fed_messages_go_out_together() {
    let (mut here, mut there) = plain::<u64>();
    for number in 0..10 {
        here.sender().feed(&number).expect("there is room");
    }
    assert!(there.try_receive().expect("it is open").is_none());
    here.sender().flush().expect("there is room");
    for number in 0..10 {
        assert_eq!(there.try_receive().expect("it is open"), Some(number));
    }
}

#[test]
fn a_message_larger_than_the_other_side_takes_is_refused_here() {
    let there = NamedPipe::builder("there").message_bytes(1000);
    let (mut here, mut there) = pair::<String, String>(NamedPipe::builder("here"), there);
    for size in [999, 40_000, 2 << 20] {
        let error = here.send(&"x".repeat(size)).expect_err("it is too large");
        assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    }
    here.send(&"x".repeat(998)).expect("it fits");
    assert_eq!(there.receive().expect("it was sent").len(), 998);
}

#[test]
fn descriptors_come_with_their_messages_and_none_is_left() {
    let open = || std::fs::read_dir("/proc/self/fd").expect("Linux has it").count();
    let builder = || NamedPipe::<u32, u32>::builder("files").descriptors(2);
    let (mut here, mut there) = pair(builder(), builder());
    here.send(&1).expect("it works");
    let (output, input) = std::io::pipe().expect("a pipe");
    here.send_with_descriptors(&2, &[input.as_fd(), output.as_fd()]).expect("it works");
    here.send(&3).expect("it works");
    drop((input, output));
    assert_eq!(there.receive().expect("it was sent"), 1);
    let mut message = there.receive_message().expect("it was sent");
    assert_eq!(message.read().expect("a number"), 2);
    let files = message.take_descriptors();
    let [input, output] = <[_; 2]>::try_from(files).expect("two of them");
    for file in [&input, &output] {
        let flags = rustix::io::fcntl_getfd(file).expect("it is open");
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC), "no other program inherits it");
    }
    std::fs::File::from(input).write_all(b"through").expect("it is open");
    let mut text = [0; 7];
    std::fs::File::from(output).read_exact(&mut text).expect("it is open");
    assert_eq!(&text, b"through");
    assert_eq!(there.receive().expect("it was sent"), 3);
    let three = [std::io::stderr(), std::io::stderr(), std::io::stderr()];
    let error = here.send_with_descriptors(&5, &three).expect_err("too many");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);

    // Other tests of this program open and close files as well, so many are looked at.
    let before = open();
    for number in 0..500 {
        here.send_with_descriptors(&number, &three[..2]).expect("it works");
        drop(there.receive_message().expect("it was sent"));
    }
    assert!(open() < before + 200, "{} open files grew to {}", before, open());
}

#[test]
fn whoever_takes_no_descriptors_is_sent_none() {
    let (mut here, _there) = plain::<u32>();
    let error = here.send_with_descriptors(&1, &[std::io::stderr()]).expect_err("none are taken");
    assert_eq!(error.kind(), ErrorKind::InvalidArgument, "{error}");
}

#[test]
fn a_message_for_which_there_is_room_in_part_goes_on_where_it_was_cut() {
    // Put together in the buffer, or given to the kernel where it stands.
    for size in [30, 40_000] {
        let (mut here, mut there) = plain::<Vec<u8>>();
        let value = |number: usize| (0..size).map(|at| (at + number) as u8).collect::<Vec<u8>>();
        let frame = frame::HEADER_BYTES + if size < 128 { 1 } else { 3 } + size;
        let cuts = (0..60.min(frame)).chain((60..frame).step_by(997)).chain([frame - 1, frame]);
        for cut in cuts {
            link::room::set(Some(cut));
            let sent = here.try_send(&value(cut));
            link::room::set(None);
            if cut == 0 {
                assert!(sent.expect_err("there is no room").is_full());
                here.send(&value(cut)).expect("there is room");
            } else {
                sent.expect("a part of it has gone out");
                assert_eq!(here.sender().is_flushed(), cut == frame, "{size} cut at {cut}");
                assert_eq!(there.try_receive().expect("it is open").is_some(), cut == frame);
                here.sender().flush().expect("there is room");
            }
            if cut != frame {
                assert!(there.receive().expect("it is whole") == value(cut), "{size} at {cut}");
            }
            here.send(&value(1)).expect("there is room");
            assert!(there.receive().expect("it is whole") == value(1), "after {size} at {cut}");
        }
    }
}

/// A pipe whose other end is a bare socket, after a handshake.
fn half() -> (NamedPipe<u32, u32>, UnixStream) {
    let (one, two) = UnixStream::pair().expect("sockets");
    let other = std::thread::spawn(move || {
        let builder = NamedPipe::<u32, u32>::builder("bare");
        let copy = two.try_clone().expect("it is open");
        let pipe = builder.over(two, WAIT).expect("a pipe");
        // Without an orderly end: the copy goes on.
        std::mem::forget(pipe);
        copy
    });
    let pipe = NamedPipe::builder("half").over(one, WAIT).expect("a pipe");
    (pipe, other.join().expect("it has ended"))
}

#[test]
fn a_frame_cut_anywhere_is_waited_for_and_its_end_is_missed() {
    let mut octets = Vec::new();
    frame::append(&mut octets, Kind::Message, &7_u32.to_le_bytes());
    for cut in 0..octets.len() {
        let (mut pipe, mut bare) = half();
        bare.write_all(&octets[..cut]).expect("it is open");
        assert!(pipe.try_receive().expect("it is open").is_none(), "{cut}");
        bare.write_all(&octets[cut..]).expect("it is open");
        assert_eq!(pipe.receive().expect("it is whole"), 7, "{cut}");
        bare.write_all(&octets[..cut]).expect("it is open");
        let _ = bare.shutdown(std::net::Shutdown::Both);
        let kind = pipe.receive().expect_err("the other side is gone").kind();
        let expected = if cut == 0 { ErrorKind::Closed } else { ErrorKind::Truncated };
        assert_eq!(kind, expected, "{cut}");
    }
}

#[test]
fn what_is_no_message_is_told_apart() {
    let cases: [(&[u8], ErrorKind); 6] = [
        (b"GET / HTTP/1.1\r\n\r\n", ErrorKind::Malformed),
        (&[0xff; 64], ErrorKind::Malformed),
        (&[0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0], ErrorKind::TooLarge),
        (&[4, 0, 0, 0, 3, 1, 0, 0, 1, 2, 3, 4], ErrorKind::Malformed),
        (&[4, 0, 0, 0, 1, 0, 0, 0, 1, 2, 3, 4], ErrorKind::Malformed),
        (&[2, 0, 0, 0, 3, 0, 0, 0, 1, 2], ErrorKind::InvalidValue),
    ];
    for (octets, expected) in cases {
        let (mut pipe, mut bare) = half();
        bare.write_all(octets).expect("it is open");
        let error = pipe.receive().expect_err("it is no message");
        assert_eq!(error.kind(), expected, "{error}");
        let mut good = Vec::new();
        frame::append(&mut good, Kind::Message, &7_u32.to_le_bytes());
        let _ = bare.write_all(&good);
        match pipe.receive() {
            Ok(number) => assert_eq!((number, expected), (7, ErrorKind::InvalidValue)),
            Err(again) => assert_eq!(again.kind(), expected, "the connection is of no use"),
        }
    }
}

#[test]
fn whoever_speaks_first_and_is_no_pipe_is_refused() {
    let mut foreign = Vec::new();
    frame::append(&mut foreign, Kind::Hello, b"something else");
    let mut newer = Vec::new();
    frame::append(&mut newer, Kind::Hello, b"BAREPIPE\x02\x00 and more");
    for (octets, text) in [
        (&b"SSH-2.0-OpenSSH_9.9\r\n"[..], "no frame"),
        (&foreign, "no pipe of barewire"),
        (&newer, "version 2 of the protocol, this one 1"),
    ] {
        let (one, mut two) = UnixStream::pair().expect("sockets");
        two.write_all(octets).expect("it is open");
        let error = NamedPipe::<u32, u32>::builder("asked").over(one, WAIT).expect_err("foreign");
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert!(error.to_string().contains(text), "{error}");
    }
    let (one, _two) = UnixStream::pair().expect("sockets");
    let silent = NamedPipe::<u32, u32>::builder("silent").over(one, Duration::from_millis(10));
    assert!(silent.expect_err("nobody answers").is_timed_out());
}

#[test]
fn both_sides_of_a_mismatch_are_told_what_differs() {
    let (one, two) = UnixStream::pair().expect("sockets");
    let there = std::thread::spawn(move || {
        NamedPipe::<String, u64>::builder("there").over(two, WAIT).expect_err("another type")
    });
    let here = NamedPipe::<u32, String>::builder("here").over(one, WAIT).expect_err("another type");
    let there = there.join().expect("it has ended");
    assert!(here.is_schema_mismatch() && there.is_schema_mismatch(), "{here}; {there}");
    for (error, text) in
        [(here, "u64 received there, u32 sent here"), (there, "u32 sent there, u64 received here")]
    {
        assert!(error.to_string().contains(text), "{error}");
    }
}

#[test]
fn tasks_share_a_pipe_on_any_executor() {
    let runtime = tokio::runtime::Builder::new_multi_thread().build().expect("a runtime");
    let (here, there) = plain::<Vec<u8>>();
    let ((mut to, mut from), (mut back, mut forth)) = (here.split(), there.split());
    let echo = runtime.spawn(async move {
        while let Ok(value) = forth.receive_async().await {
            back.send_async(&value).await.expect("somebody reads");
        }
    });
    let size = |number: usize| [1, 300, 70_000][number % 3];
    let sending = runtime.spawn(async move {
        for number in 0..300 {
            to.send_async(&vec![number as u8; size(number)]).await.expect("somebody reads");
        }
        to
    });
    let received = runtime.block_on(async move {
        for number in 0..300 {
            let value = from.receive_async().await.expect("it comes back");
            assert!(value == vec![number as u8; size(number)], "{number}");
        }
        from
    });
    let to = runtime.block_on(sending).expect("it has ended");
    drop((to, received));
    runtime.block_on(echo).expect("it has ended");
}
