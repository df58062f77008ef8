//! The names of pipes, and who may be at their ends.

use std::io::{Read, Write};
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use barewire::ipc::{Fifo, NamedPipe};
use barewire::{ErrorKind, MessageQueue};

use super::{WAIT, at, kind, stop};
use crate::harness::{Scratch, directory, start, start_with};

#[test]
fn a_name_has_one_living_server_and_nothing_is_left_of_dead_ones() {
    let scratch = Scratch::new("pipe-names");
    let builder = || at::<u64, u64>(&scratch, "again");
    assert_eq!(kind(builder().connect(Duration::from_millis(5))), ErrorKind::NotFound);
    let server = builder().server().expect("a new pipe");
    assert_eq!(kind(builder().server()), ErrorKind::AlreadyExists);
    let facts = std::fs::symlink_metadata(scratch.path().join("again")).expect("it is there");
    assert!(facts.file_type().is_socket());
    assert_eq!(facts.permissions().mode() & 0o777, 0o600);
    server.close();
    assert_eq!(scratch.files(), [""; 0]);

    // One that lives and stands still is alive.
    let mut child = start("pipe_serve_once", scratch.path(), &[]);
    child.line("serving");
    stop(&child);
    assert_eq!(kind(builder().server()), ErrorKind::AlreadyExists);
    assert_eq!(kind(builder().connect(Duration::from_millis(20))), ErrorKind::TimedOut);
    child.kill();
    assert_eq!(scratch.files(), ["again"]);
    drop(builder().server().expect("the name of a dead one is free"));

    for how in ["a client", "whoever makes a segment"] {
        let mut child = start("pipe_serve_once", scratch.path(), &[]);
        child.line("serving");
        child.kill();
        assert_eq!(scratch.files(), ["again"]);
        if how == "a client" {
            assert_eq!(kind(builder().connect(Duration::ZERO)), ErrorKind::NotFound);
        } else {
            let queue = MessageQueue::<u64>::builder("queue").directory(scratch.path());
            drop(queue.create().expect("a new queue"));
        }
        assert_eq!(scratch.files(), [""; 0], "{how} cleans up");
    }
    let long = "x".repeat(128);
    let mut server = at::<u64, u64>(&scratch, &long).server().expect("a long name is one");
    let client = at::<u64, u64>(&scratch, &long);
    let client = std::thread::spawn(move || client.connect(WAIT).expect("it is found"));
    drop(server.accept().expect("it has come"));
    drop(client.join().expect("it has ended"));
    for name in ["../x", "a/b", "", ".x"] {
        assert_eq!(kind(at::<u64, u64>(&scratch, name).server()), ErrorKind::InvalidName);
        let found = at::<u64, u64>(&scratch, name).connect(Duration::ZERO);
        assert_eq!(kind(found), ErrorKind::InvalidName);
    }
}

#[test]
fn a_squatted_name_and_an_open_directory_are_refused_and_left_alone() {
    let scratch = Scratch::new("pipe-squatted");
    let path = |name: &str| scratch.path().join(name);
    let both = |name: &str| {
        let connected = at::<u64, u64>(&scratch, name).connect(Duration::from_millis(5));
        (kind(at::<u64, u64>(&scratch, name).server()), kind(connected))
    };
    std::fs::write(path("file"), b"mine").expect("it can be written");
    assert_eq!(both("file"), (ErrorKind::AlreadyExists, ErrorKind::Untrusted));
    assert_eq!(std::fs::read(path("file")).expect("it is there"), b"mine");
    symlink(path("elsewhere"), path("link")).expect("a link");
    assert_eq!(both("link"), (ErrorKind::Untrusted, ErrorKind::Untrusted));
    std::fs::create_dir(path("folder")).expect("a folder");
    assert_eq!(both("folder"), (ErrorKind::Untrusted, ErrorKind::Untrusted));
    let _open = std::os::unix::net::UnixListener::bind(path("open")).expect("a socket");
    std::fs::set_permissions(path("open"), PermissionsExt::from_mode(0o666))
        .expect("its owner may");
    assert_eq!(both("open"), (ErrorKind::Untrusted, ErrorKind::Untrusted));
    let wide = path("wide");
    std::fs::create_dir(&wide).expect("a folder");
    std::fs::set_permissions(&wide, PermissionsExt::from_mode(0o777)).expect("its owner may");
    let server = NamedPipe::<u64, u64>::builder("x").directory(&wide).server();
    assert_eq!(kind(server), ErrorKind::Untrusted);
    let _server = at::<u64, u64>(&scratch, "pipe").server().expect("a new pipe");
    let fifo = Fifo::<u64>::open_at(scratch.path(), "pipe");
    assert_eq!(kind(fifo), ErrorKind::Untrusted);
}

/// A user that is nobody's.
const OTHER_USER: u32 = 65_534;

/// A process of another user: tries to get in by every way that there is.
pub(crate) fn other_user() {
    // SAFETY: takes no list; a process that has no groups any more keeps none of root's.
    let groups = unsafe { libc::setgroups(0, std::ptr::null()) };
    // SAFETY: plain numbers.
    let group = unsafe { libc::setgid(OTHER_USER) };
    // SAFETY: a plain number.
    let user = unsafe { libc::setuid(OTHER_USER) };
    assert_eq!((groups, group, user), (0, 0, 0), "root may become somebody else");
    let path = directory().join("private");
    println!("\nasks {:?}", NamedPipe::<u64, u64>::connect("private", WAIT).map_err(|e| e.kind()));
    println!("knocks {:?}", UnixStream::connect(&path).map_err(|error| error.kind()));
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("the door is open now");
    let mut socket = UnixStream::connect(&path).expect("everybody may connect");
    let mut told = Vec::new();
    socket.read_to_end(&mut told).expect("it is told, and then left alone");
    println!("told {}", String::from_utf8_lossy(&told).replace('\n', " "));
}

#[test]
fn another_user_is_kept_out_by_the_folder_the_socket_and_the_server() {
    if rustix::process::geteuid().as_raw() != 0 {
        println!("SKIPPED: only root can become another user");
        return;
    }
    let scratch = Scratch::new("pipe-user");
    let mut server = at::<u64, u64>(&scratch, "private").server().expect("a new pipe");
    let (input, mut door) = std::io::pipe().expect("a pipe");
    // Others may look into the folder, so that the socket itself is what keeps them out.
    let open = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).expect("its owner may");
    };
    open(scratch.path(), 0o755);
    let mut other = start_with("pipe_other_user", scratch.path(), &[], input);
    assert_eq!(other.line("asks "), "Err(Untrusted)");
    assert_eq!(other.line("knocks "), "Err(PermissionDenied)");
    assert!(server.try_accept().expect("nobody has come").is_none());
    // Somebody has opened the socket to all: now the kernel's word on who has come counts.
    open(&scratch.path().join("private"), 0o666);
    writeln!(door, "open").expect("it reads");
    let error = server.accept_timeout(WAIT).expect_err("another user");
    assert!(error.is_refused() && error.to_string().contains("user 65534"), "{error}");
    assert!(other.line("told ").contains("is not accepted"));
    other.finish(WAIT);
    assert_eq!(server.clients(), 0);
}

#[test]
fn whoever_may_not_be_there_is_told_so() {
    let scratch = Scratch::new("pipe-refused");
    let connect = || {
        let client = at::<u64, u64>(&scratch, "few");
        std::thread::spawn(move || client.connect(WAIT))
    };
    let builder = at::<u64, u64>(&scratch, "few").clients(1);
    let mut server = builder.server().expect("a new pipe");
    let first = connect();
    let kept = server.accept().expect("there is room");
    assert_eq!(kept.peer().process, std::process::id().cast_signed());
    assert!(first.join().expect("it has ended").is_ok());
    // The first is gone, but its connection here is not.
    let second = connect();
    let error = server.accept().expect_err("one too many");
    assert!(error.is_refused(), "{error}");
    let told = second.join().expect("it has ended").expect_err("refused");
    assert!(told.is_refused() && told.to_string().contains("limit"), "{told}");
    drop(kept);
    let third = connect();
    drop(server.accept().expect("there is room again"));
    let _ = third.join().expect("it has ended");
    drop(server);

    let builder = at::<u64, u64>(&scratch, "few").peers(|peer| peer.process == 1);
    let mut server = builder.server().expect("a new pipe");
    let client = connect();
    assert!(server.accept().expect_err("not that one").is_refused());
    let told = client.join().expect("it has ended").expect_err("refused");
    assert!(told.is_refused() && told.to_string().contains("is not accepted"), "{told}");
}
