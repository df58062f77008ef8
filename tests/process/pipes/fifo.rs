//! FIFOs of values between processes and ordinary tools.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::{Duration, Instant};

use barewire::ErrorKind;
use barewire::ipc::{Fifo, PipeReceiver};

use super::{Numbered, WAIT, kind, receive_all};
use crate::harness::{Scratch, argument, start};

/// Writes so many messages into a FIFO, some of them large, or until it is killed.
pub(crate) fn write_fifo() {
    let fifo = Fifo::<Numbered>::open("stream").expect("it is there");
    let mut writer = fifo.writer(WAIT).expect("somebody reads");
    println!("\nwriting");
    for number in 0..argument(0).parse().expect("a number") {
        writer.send(&Numbered::new(3, number)).expect("somebody reads");
    }
}

#[test]
fn a_fifo_goes_through_ordinary_tools_and_into_a_file_and_back() {
    let scratch = Scratch::new("pipe-fifo");
    let fifo = Fifo::<Numbered>::open_at(scratch.path(), "stream").expect("a new FIFO");
    let facts = std::fs::symlink_metadata(fifo.path()).expect("it is there");
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    let kept = scratch.path().join("kept");
    let shell = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line]).env("FIFO", fifo.path()).env("KEPT", &kept);
        command.spawn().expect("a shell")
    };
    let mut cat = shell("cat \"$FIFO\" | tee \"$KEPT\" > /dev/null");
    start("pipe_write_fifo", scratch.path(), &["3001"]).finish(WAIT);
    assert!(cat.wait().expect("it ends").success());
    let file = std::fs::File::open(&kept).expect("it was kept");
    let mut reader = PipeReceiver::<Numbered>::from_stream("kept", file).expect("a stream");
    receive_all(&mut reader, 3, 3001);
    assert!(reader.receive().expect_err("the end").is_closed());

    let mut reader = fifo.reader().expect("nobody else reads");
    assert_eq!(kind(fifo.reader()), ErrorKind::AlreadyExists);
    assert!(reader.try_receive().expect("nobody has come").is_none());
    for _ in 0..3 {
        let mut cat = shell("cat \"$KEPT\" > \"$FIFO\"");
        receive_all(&mut reader, 3, 3001);
        assert!(reader.receive().expect_err("the writer has ended").is_closed());
        assert!(cat.wait().expect("it ends").success());
        let nothing = reader.receive_timeout(Duration::from_millis(5));
        assert!(nothing.expect("nobody has come").is_none());
    }
    let writer = fifo.writer(WAIT).expect("somebody reads");
    assert_eq!(kind(fifo.writer(WAIT)), ErrorKind::AlreadyExists);
    drop((writer, reader));
    // A process that another test starts just now has copies until it runs its own program.
    let deadline = Instant::now() + WAIT;
    while fifo.writer(Duration::from_millis(5)).map_or_else(|error| !error.is_timed_out(), |_| true)
    {
        assert!(Instant::now() < deadline, "nobody reads");
    }
    let other = PipeReceiver::<u32>::from_stream("kept", std::fs::File::open(&kept).expect("kept"));
    assert_eq!(kind(other.expect("a stream").receive()), ErrorKind::SchemaMismatch);
    drop(fifo);
    assert_eq!(scratch.files(), ["kept"]);
}

#[test]
fn a_killed_writer_of_a_fifo_loses_its_last_message_at_most_and_the_next_goes_on() {
    let scratch = Scratch::new("pipe-fifo-kill");
    let fifo = Fifo::<Numbered>::open_at(scratch.path(), "stream").expect("a new FIFO");
    let mut reader = fifo.reader().expect("nobody else reads");
    let mut broken_off = 0;
    for round in 0..20 {
        let mut child = start("pipe_write_fifo", scratch.path(), &["100000000"]);
        child.line("writing");
        let mut next = 0;
        let mut received = |reader: &mut PipeReceiver<Numbered>| match reader.receive() {
            Ok(message) => {
                assert!(message == Numbered::new(3, next), "{next}");
                next += 1;
                Ok(next)
            }
            Err(error) => Err(error),
        };
        // Up to a large message, of which a part fits, or anywhere.
        while received(&mut reader).expect("it writes") < 900 + 20 * round {}
        // Time enough to fill the FIFO again.
        std::thread::sleep(Duration::from_millis(5));
        child.kill();
        let error = loop {
            if let Err(error) = received(&mut reader) {
                break error;
            }
        };
        assert!(error.is_truncated() || error.is_closed(), "{error}");
        broken_off += usize::from(error.is_truncated());
    }
    println!("{broken_off} of 20 messages broke off");
}
