//! What the fuzz targets do with octets: shared by the targets and the bounded run in the tests.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use barewire::codec::{Decode, Encode, Encoder, decode, decode_into, encode, verify};
use barewire::layout::FixedLayout;
use barewire::value::Value;
use barewire::{BareSchema, ErrorKind, NamedPipe, PipeReceiver, PipeSender, SharedRegion};
use barewire_schema::Schema;

/// A type with everything that is decoded in a way of its own.
#[derive(BareSchema, Debug, Clone, PartialEq, Default)]
pub(crate) struct Everything {
    #[bare(varint)]
    number: u64,
    #[bare(varint)]
    signed: i64,
    #[bare(max = 40)]
    text: String,
    #[bare(max = 40)]
    octets: Vec<u8>,
    #[bare(max = 16)]
    flags: Vec<bool>,
    #[bare(max = 4)]
    points: Vec<Point>,
    fixed: [u16; 3],
    #[bare(max = 3, item(max = 9))]
    names: Vec<String>,
    #[bare(max = 8)]
    maybe: Option<String>,
    kind: Kind,
    #[bare(max = 3)]
    shapes: Vec<Shape>,
    #[bare(max = 3, key(max = 5))]
    sorted: BTreeMap<String, u8>,
    #[bare(max = 3)]
    hashed: HashMap<u16, bool>,
}

/// Plain, as it stands in memory.
#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Default)]
struct Point {
    x: f32,
    y: f32,
    at: [u8; 4],
}

#[derive(BareSchema, Debug, Clone, Copy, PartialEq, Default)]
enum Kind {
    #[default]
    First,
    Second = 5,
    Far = 300,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Shape {
    Nothing,
    Number(u32),
    Named {
        #[bare(max = 12)]
        name: String,
        on: bool,
    },
}

#[derive(BareSchema, Debug, PartialEq)]
struct Borrowed<'a> {
    text: &'a str,
    octets: &'a [u8],
}

/// All ways to read the same octets agree, and what is accepted is written as it was read.
pub(crate) fn decode_octets(octets: &[u8]) {
    agree::<Everything>(octets);
    agree::<Vec<Point>>(octets);
    agree::<Vec<Vec<Option<String>>>>(octets);
    agree::<BTreeMap<String, Vec<bool>>>(octets);
    let borrowed = decode::<Borrowed<'_>>(octets);
    assert_eq!(borrowed.is_ok(), verify::<Borrowed<'_>>(octets).is_ok());
    if let Ok(borrowed) = borrowed {
        assert_eq!(encode(&borrowed), octets);
    }
}

fn agree<T: BareSchema + Encode + for<'de> Decode<'de> + Default>(octets: &[u8]) {
    let read = decode::<T>(octets);
    let dynamic = Value::decode(T::TYPE, octets);
    let mut place = T::default();
    let into = decode_into(&mut place, octets);
    assert_eq!(read.as_ref().err(), into.as_ref().err());
    assert_eq!(read.as_ref().err(), verify::<T>(octets).as_ref().err());
    assert_eq!(read.is_ok(), dynamic.is_ok());
    let (Ok(value), Ok(dynamic)) = (read, dynamic) else { return };
    let written = encode(&value);
    assert_eq!(written.len(), octets.len());
    assert_eq!(encode(&place), written);
    assert_eq!(dynamic.to_bytes(T::TYPE).expect("it was read"), octets);
    // Checked, part by part, without the room that is measured first.
    let mut checked = Vec::new();
    value.encode(&mut Encoder::new(&mut checked));
    assert_eq!(checked, written);
    // Into a value that is of this kind already.
    decode_into(&mut place, &written).expect("its own octets");
    assert_eq!(encode(&place), written);
}

/// A schema is printed as a schema that prints the same.
pub(crate) fn schema_text(octets: &[u8]) {
    let Ok(text) = std::str::from_utf8(octets) else { return };
    let Ok(schema) = Schema::parse("fuzzed", text) else { return };
    let Ok(schema) = schema.validate() else { return };
    let printed = schema.to_string();
    let again = Schema::parse("fuzzed", &printed).expect("what was printed is BARE");
    assert_eq!(again.validate().expect("and valid").to_string(), printed);
    // Of a type that somebody else wrote, values are read without harm.
    let _ = Value::decode(schema.root(), octets);
}

/// The bytes of a layout are read alike by the typed and the dynamic side.
///
/// After an even octet come the bytes; after an odd one, changes of a layout that holds a value.
pub(crate) fn layout_bytes(octets: &[u8]) {
    use barewire::__private::zerocopy::IntoBytes;
    let Some((how, octets)) = octets.split_first() else { return };
    let ty = <Everything as BareSchema>::TYPE;
    let mut layout: Box<<Everything as FixedLayout>::Layout> = zeroed();
    if how % 2 == 0 {
        let bytes = layout.as_mut_bytes();
        let len = octets.len().min(bytes.len());
        bytes[..len].copy_from_slice(&octets[..len]);
    } else {
        full().store(&mut layout).expect("it is within its caps");
        change(layout.as_mut_bytes(), octets);
    }
    let typed = Everything::load(&layout);
    let dynamic = Value::load(ty, layout.as_bytes());
    assert_eq!(typed.is_ok(), dynamic.is_ok());
    let mut written = Vec::new();
    let encoded = Everything::encode_layout(&layout, &mut Encoder::new(&mut written));
    assert_eq!(typed.as_ref().err(), encoded.as_ref().err());
    let Ok(value) = typed else { return };
    decode::<Everything>(&written).expect("what a layout holds is a value");
    let mut stored: Box<<Everything as FixedLayout>::Layout> = zeroed();
    value.store(&mut stored).expect("it was there");
    let same = Everything::load(&stored).expect("it was stored");
    assert_eq!(encode(&same), encode(&value));
}

/// A value in which no part is empty.
fn full() -> Everything {
    Everything {
        number: 300,
        signed: -65,
        text: "é and more".into(),
        octets: vec![1, 2, 3],
        flags: vec![true, false],
        points: vec![Point { x: 1.0, y: -1.0, at: [1; 4] }],
        fixed: [1, 2, 3],
        names: vec!["a".into(), String::new()],
        maybe: Some("hi".into()),
        kind: Kind::Far,
        shapes: vec![Shape::Nothing, Shape::Number(1), Shape::Named { name: "n".into(), on: true }],
        sorted: BTreeMap::from([("k".into(), 7), ("l".into(), 8)]),
        hashed: HashMap::from([(1, true), (2, false)]),
    }
}

/// Each three octets say at which of the first 16 KiB another octet stands.
fn change(bytes: &mut [u8], octets: &[u8]) {
    let len = bytes.len().min(1 << 14);
    let (changes, _) = octets.as_chunks::<3>();
    for [low, high, octet] in changes {
        bytes[usize::from(u16::from_le_bytes([*low, *high])) % len] = *octet;
    }
}

fn zeroed<T: barewire::__private::zerocopy::FromZeros>() -> Box<T> {
    Box::new(T::new_zeroed())
}

/// A directory of its own for segments.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        use std::os::unix::fs::PermissionsExt;
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
        let path = base.join(format!("barewire-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a directory");
        let mode = PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, mode).expect("own directory");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The start of a segment is changed while somebody is attached, and somebody else opens it.
pub(crate) fn segment_header(scratch: &Scratch, octets: &[u8]) {
    use std::os::unix::fs::FileExt;
    let builder = || SharedRegion::<u32>::builder("changed").directory(&scratch.0);
    let first = builder().create(&7).expect("a new region");
    let path = scratch.0.join("changed");
    let mut bytes = std::fs::read(&path).expect("a file");
    change(&mut bytes, octets);
    let file = std::fs::OpenOptions::new().write(true).open(&path).expect("own file");
    file.write_all_at(&bytes, 0).expect("writable");
    if let Ok(second) = builder().open() {
        let _ = second.read();
    }
    drop(first);
    let _ = std::fs::remove_file(&path);
}

/// What comes through a pipe: frames, after a good hello or without one, or a handshake.
///
/// The first octet says which, and how small the pieces are that the others come in. In whatever
/// pieces, the same messages are found, and the same error ends them.
pub(crate) fn pipe_frames(octets: &[u8]) {
    let Some((how, octets)) = octets.split_first() else { return };
    let octets = &octets[..octets.len().min(1 << 14)];
    if how & 2 != 0 {
        return pipe_handshake(octets);
    }
    let hello = if how & 1 == 0 { &HELLO[..] } else { &[] };
    let pieces = received(hello, octets, 1 + usize::from(how >> 2));
    assert_eq!(received(hello, octets, usize::MAX), pieces);
}

/// The hello of a stream of values.
static HELLO: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| {
    let (mut output, input) = std::io::pipe().expect("a pipe");
    let mut sender = PipeSender::<Everything>::to_stream("fuzzed", input).expect("a stream");
    sender.flush().expect("there is room");
    drop(sender);
    let mut hello = Vec::new();
    output.read_to_end(&mut hello).expect("it is there");
    hello
});

/// The messages that are found, and what ends them.
fn received(hello: &[u8], octets: &[u8], piece: usize) -> (Vec<Vec<u8>>, ErrorKind) {
    let (output, mut input) = std::io::pipe().expect("a pipe");
    let mut receiver = PipeReceiver::<Everything>::from_stream("fuzzed", output).expect("a stream");
    let mut found = Vec::new();
    let mut taken = |receiver: &mut PipeReceiver<Everything>, waits: bool| loop {
        let next = if waits {
            receiver.receive_message().map(Some)
        } else {
            receiver.try_receive_message()
        };
        match next {
            Ok(Some(message)) => {
                let _ = message.read();
                found.push(message.bytes().to_vec());
            }
            Ok(None) => return None,
            Err(error) => return Some(error.kind()),
        }
    };
    input.write_all(hello).expect("there is room");
    for piece in octets.chunks(piece) {
        input.write_all(piece).expect("there is room");
        if let Some(end) = taken(&mut receiver, false) {
            return (found, end);
        }
    }
    drop(input);
    let end = taken(&mut receiver, true).expect("the stream has ended");
    (found, end)
}

/// Whoever says anything at the other end is accepted or refused, and never waited for.
fn pipe_handshake(octets: &[u8]) {
    let (here, mut there) = UnixStream::pair().expect("sockets");
    let patience = Duration::from_secs(60);
    let pipe = NamedPipe::<u32, u32>::builder("fuzzed");
    there.write_all(octets).expect("there is room");
    there.shutdown(Shutdown::Write).expect("it is open");
    match pipe.over(here, patience) {
        Ok(mut pipe) => while pipe.receive().is_ok() {},
        Err(error) => assert!(!error.is_timed_out(), "{error}"),
    }
}

/// The inputs that each target starts from.
pub(crate) fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
    let folder = folder.exists().then_some(folder);
    let folder =
        folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name));
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the seeds")
        .map(|entry| entry.expect("a seed").path())
        .collect();
    paths.sort();
    paths.into_iter().map(|path| std::fs::read(path).expect("a seed")).collect()
}
