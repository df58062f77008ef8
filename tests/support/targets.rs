//! What the fuzz targets do with octets: shared by the targets and the bounded run in the tests.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use barewire::codec::{Decode, Encode, Encoder, decode, decode_into, encode, verify};
use barewire::layout::FixedLayout;
use barewire::value::Value;
use barewire::{BareSchema, SharedRegion};
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
    assert_eq!(dynamic.to_octets(T::TYPE).expect("it was read"), octets);
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
