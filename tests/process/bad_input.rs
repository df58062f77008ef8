//! Wrong names, wrong files, wrong directories: each a clear error, and nothing left behind.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::Duration;

use barewire::{BareSchema, ErrorKind, MessageQueue, SharedRegion};

use crate::harness::{Scratch, argument, start};

fn create<T: barewire::layout::FixedLayout>(
    scratch: &Scratch,
    name: &str,
) -> barewire::Result<MessageQueue<T>> {
    MessageQueue::builder(name).directory(scratch.path()).capacity(4).create()
}

fn open<T: barewire::layout::FixedLayout>(
    scratch: &Scratch,
    name: &str,
) -> barewire::Result<MessageQueue<T>> {
    MessageQueue::builder(name).directory(scratch.path()).open()
}

fn kind<T>(result: barewire::Result<T>) -> ErrorKind {
    let Err(error) = result else { panic!("this must fail") };
    println!("{error}");
    error.kind()
}

#[test]
fn names_that_do_not_exist_or_exist_already() {
    let scratch = Scratch::new("names");
    assert_eq!(kind(open::<u32>(&scratch, "nobody")), ErrorKind::NotFound);
    let queue = create::<u32>(&scratch, "taken").expect("new");
    assert_eq!(kind(create::<u32>(&scratch, "taken")), ErrorKind::AlreadyExists);
    for name in ["../escape", "a/../b", "", ".", "a b", "x/y"] {
        assert_eq!(kind(create::<u32>(&scratch, name)), ErrorKind::InvalidName);
        assert_eq!(kind(open::<u32>(&scratch, name)), ErrorKind::InvalidName);
    }
    let region = SharedRegion::<u32>::builder("taken").directory(scratch.path()).open();
    assert_eq!(kind(region), ErrorKind::Malformed);
    drop(queue);
    assert_eq!(scratch.files(), [""; 0]);
}

mod here {
    #[derive(barewire::BareSchema, Debug)]
    pub(crate) struct Event {
        pub(crate) id: u32,
        pub(crate) timestamp: u64,
    }
}

mod there {
    #[derive(barewire::BareSchema, Debug)]
    pub(crate) struct Event {
        pub(crate) id: u32,
        pub(crate) timestamp: i64,
    }
}

#[test]
fn another_schema_is_refused_with_the_field_that_differs() {
    let scratch = Scratch::new("schema");
    let _queue = create::<there::Event>(&scratch, "events").expect("new");
    let error = open::<here::Event>(&scratch, "events").expect_err("another schema");
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    let text = error.to_string();
    assert!(text.contains("`timestamp`: i64 in the segment, u64 here"), "{text}");
}

#[test]
fn files_that_are_no_segments() {
    let scratch = Scratch::new("files");
    let write = |name: &str, bytes: &[u8]| {
        let path = scratch.path().join(name);
        std::fs::write(&path, bytes).expect("writable");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("own file");
    };
    write("empty", b"");
    write("small", &[7; 100]);
    write("foreign", &[7; 100_000]);
    for name in ["empty", "small", "foreign"] {
        assert_eq!(kind(open::<u32>(&scratch, name)), ErrorKind::Malformed);
        assert_eq!(kind(create::<u32>(&scratch, name)), ErrorKind::AlreadyExists);
    }
    write("open", &[7; 100_000]);
    let path = scratch.path().join("open");
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o666)).expect("own file");
    assert_eq!(kind(open::<u32>(&scratch, "open")), ErrorKind::Untrusted);
    symlink("/etc/hostname", scratch.path().join("link")).expect("a link");
    assert_eq!(kind(open::<u32>(&scratch, "link")), ErrorKind::Untrusted);
    assert_eq!(kind(create::<u32>(&scratch, "link")), ErrorKind::Untrusted);
    std::fs::create_dir(scratch.path().join("directory")).expect("a directory");
    assert_eq!(kind(open::<u32>(&scratch, "directory")), ErrorKind::Untrusted);

    let queue = create::<u32>(&scratch, "cut").expect("new");
    let path = scratch.path().join("cut");
    let whole = std::fs::read(&path).expect("readable");
    drop(queue);
    write("cut", &whole[..whole.len() / 2]);
    assert_eq!(kind(open::<u32>(&scratch, "cut")), ErrorKind::Malformed);
    let mut version = whole.clone();
    version[8] = 99;
    write("version", &version);
    assert_eq!(kind(open::<u32>(&scratch, "version")), ErrorKind::Malformed);
    // Whole, but nobody is attached: what a killed process has left behind.
    write("abandoned", &whole);
    assert_eq!(kind(open::<u32>(&scratch, "abandoned")), ErrorKind::NotFound);
    write("abandoned", &whole);
    create::<u32>(&scratch, "abandoned").expect("takes the place of the abandoned one");
}

#[test]
fn directories_that_cannot_be_trusted() {
    let scratch = Scratch::new("directories");
    let at = |name: &str| {
        let path = scratch.path().join(name);
        MessageQueue::<u32>::builder("q").directory(path).create()
    };
    std::fs::create_dir(scratch.path().join("shared")).expect("new");
    let shared = scratch.path().join("shared");
    std::fs::set_permissions(shared, PermissionsExt::from_mode(0o777)).expect("own directory");
    assert_eq!(kind(at("shared")), ErrorKind::Untrusted);
    symlink("/tmp", scratch.path().join("link")).expect("a link");
    assert_eq!(kind(at("link")), ErrorKind::Untrusted);
    std::fs::write(scratch.path().join("file"), b"").expect("writable");
    assert_eq!(kind(at("file")), ErrorKind::Untrusted);
    assert_eq!(kind(at("missing/deep")), ErrorKind::Io);
    drop(at("fresh").expect("a directory of its own is made"));
    assert_eq!(std::fs::read_dir(scratch.path().join("fresh")).expect("made").count(), 0);
}

#[test]
fn capacities_and_slots_out_of_range() {
    let scratch = Scratch::new("capacity");
    for capacity in [0, usize::MAX, (1 << 19) + 1] {
        let queue = MessageQueue::<u32>::builder("q").directory(scratch.path());
        assert_eq!(kind(queue.capacity(capacity).create()), ErrorKind::InvalidArgument);
    }
    let queue = || MessageQueue::<String>::builder("q").directory(scratch.path()).capacity(2);
    assert_eq!(kind(queue().create()), ErrorKind::InvalidArgument);
    assert_eq!(kind(queue().slot_bytes(0).create()), ErrorKind::InvalidArgument);
    assert_eq!(kind(queue().slot_bytes(usize::MAX).create()), ErrorKind::InvalidArgument);
    assert_eq!(scratch.files(), [""; 0]);
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Note {
    #[bare(max = 8)]
    text: String,
}

#[test]
fn a_message_larger_than_its_slot_leaves_the_queue_unharmed() {
    let scratch = Scratch::new("large");
    let bounded = create::<Note>(&scratch, "bounded").expect("new");
    let error = bounded.enqueue(&Note { text: "123456789".into() });
    assert!(error.as_ref().is_err_and(|error| error.to_string().contains("text")), "{error:?}");
    assert_eq!(kind(error), ErrorKind::TooLarge);
    let unbounded = MessageQueue::<String>::builder("unbounded")
        .directory(scratch.path())
        .capacity(4)
        .slot_bytes(9)
        .create()
        .expect("new");
    assert_eq!(kind(unbounded.enqueue(&"123456789".into())), ErrorKind::TooLarge);
    for round in 0..1000 {
        assert_eq!(bounded.len() + unbounded.len(), 0);
        bounded.enqueue(&Note { text: round.to_string() }).expect("it fits");
        unbounded.enqueue(&format!("{round:08}")).expect("it fits");
        assert_eq!(bounded.peek().expect("whole"), Some(Note { text: round.to_string() }));
        assert_eq!(unbounded.peek().expect("whole"), Some(format!("{round:08}")));
        let note = bounded.try_dequeue().expect("works").expect("there is one");
        assert_eq!(note.read().expect("whole").text, round.to_string());
        let text = unbounded.try_dequeue().expect("works").expect("there is one");
        assert_eq!(text.read().expect("whole"), format!("{round:08}"));
    }
}

#[test]
fn a_full_file_system_is_an_error_at_creation() {
    let scratch = Scratch::new("full");
    let path = scratch.path().join("small");
    std::fs::create_dir(&path).expect("new");
    let target = std::ffi::CString::new(path.to_str().expect("text")).expect("no NUL");
    // SAFETY: every pointer is a NUL-terminated text that outlives the call.
    let mounted = unsafe {
        libc::mount(
            c"tmpfs".as_ptr(),
            target.as_ptr(),
            c"tmpfs".as_ptr(),
            0,
            c"size=65536,mode=0700".as_ptr().cast(),
        )
    };
    if mounted != 0 {
        println!("skipped: only root may mount a small tmpfs");
        return;
    }
    let queue = MessageQueue::<[u8; 1000]>::builder("q").directory(&path).capacity(1024);
    let full = queue.create().map(|_| ());
    let left = std::fs::read_dir(&path).expect("mounted").count();
    // SAFETY: as above.
    let unmounted = unsafe { libc::umount(target.as_ptr()) };
    assert_eq!(unmounted, 0, "nothing in it is open");
    assert_eq!(kind(full), ErrorKind::NoSpace);
    assert_eq!(left, 0);
}

pub(crate) fn race() {
    let start: u128 = argument(0).parse().expect("a time");
    let now = || std::time::UNIX_EPOCH.elapsed().expect("after 1970").as_micros();
    while now() < start {
        std::hint::spin_loop();
    }
    match MessageQueue::<u32>::builder("contested").capacity(4).create() {
        Ok(queue) => {
            println!("\nresult won");
            let message = queue.dequeue_timeout(Duration::from_secs(20)).expect("works");
            assert_eq!(message.map(|message| *message), Some(7));
        }
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::AlreadyExists);
            println!("\nresult lost");
        }
    }
}

#[test]
fn of_many_creators_one_wins() {
    let scratch = Scratch::new("race");
    for _ in 0..20 {
        let soon = std::time::UNIX_EPOCH.elapsed().expect("after 1970") + Duration::from_millis(30);
        let time = soon.as_micros().to_string();
        let mut racers: Vec<_> = (0..4).map(|_| start("race", scratch.path(), &[&time])).collect();
        let won = racers.iter_mut().map(|racer| racer.line("result ")).filter(|line| line == "won");
        assert_eq!(won.count(), 1);
        let queue = open::<u32>(&scratch, "contested").expect("the winner holds it");
        queue.enqueue(&7).expect("there is room");
        racers.into_iter().for_each(|racer| racer.finish(Duration::from_secs(20)));
        drop(queue);
        assert_eq!(scratch.files(), [""; 0]);
    }
}
