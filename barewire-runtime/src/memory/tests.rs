//! Units, memory of each kind, paths and views.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use barewire_schema::build::{
    data_max, list_max, map_max, optional, string_max, structure, u8, u16, u32, union, user,
};
use barewire_schema::{BareSchema, Max, Type};

use super::{Bytes, FieldPath, Mapped, Memory, Offset, Path, Private, Shared, View, ViewMut};
use crate::ErrorKind;
use crate::codec::{DecodeError, Decoder, Encoder};
use crate::layout::{FixedLayout, LayoutError, List, Str};
use crate::value::Value;

/// Three rows of three optional numbers.
type Grid = [[Option<u32>; 3]; 3];

struct TestFile(PathBuf);

impl TestFile {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("barewire-memory-{}-{number}", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TestFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn units_do_not_overflow() {
    assert_eq!(Bytes::kib(2).unwrap(), Bytes::new(2048));
    assert_eq!(Bytes::mib(1).unwrap().get(), 1 << 20);
    assert!(Bytes::mib(u64::MAX).is_err());
    let error = Bytes::new(u64::MAX).checked_add(Bytes::new(1)).unwrap_err();
    assert!(error.to_string().starts_with("18446744073709551615 bytes + 1 bytes"), "{error}");
    assert!(Bytes::ZERO.checked_sub(Bytes::new(1)).is_err());
    let at = Offset::new(5).checked_align(Bytes::new(8)).unwrap();
    assert_eq!(at, Offset::new(8));
    assert!(at.checked_align(Bytes::ZERO).is_err());
    assert_eq!(at.checked_since(Offset::new(5)).unwrap(), Bytes::new(3));
    assert!(Offset::ZERO.checked_since(at).is_err());
}

#[test]
fn a_view_reads_and_writes_by_name_by_path_and_in_place() {
    let mut memory = Memory::<Private>::owned(Bytes::new(200)).unwrap();
    let mut view = ViewMut::<Grid>::new(&mut memory, Offset::new(64)).unwrap();
    view.set("[1][2]", Value::optional(Some(7_u32.into()))).unwrap();
    assert_eq!(view.get("[1][2]").unwrap(), Value::optional(Some(Value::U32(7))));
    assert_eq!(view.as_layout().unwrap()[1][2].get().unwrap(), Some(&7));
    assert_eq!(view.load().unwrap()[1], [None, None, Some(7)]);

    let row = FieldPath::<Grid, [Option<u32>; 3]>::new("[1]").unwrap();
    assert_eq!((row.offset(), row.as_str()), (Offset::new(24), "[1]"));
    view.write(&row, &[Some(1), None, Some(3)]).unwrap();
    assert_eq!(view.as_view().field(&row).unwrap()[2].get().unwrap(), Some(&3));
    view.as_layout_mut().unwrap()[0][0].set(Some(9));
    assert_eq!(
        view.read(&FieldPath::<Grid, Option<u32>>::new("[0][0]").unwrap()).unwrap(),
        Some(9)
    );

    let error = FieldPath::<Grid, u64>::new("[1]").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert_eq!(error.to_string(), "[1]: expected u64, found list[3]");
    let error = view.set("[1][2]", 5_u8.into()).unwrap_err();
    assert_eq!(error.to_string(), "[1][2]: expected optional, found u8");
    assert!(view.get("[3]").unwrap_err().to_string().contains("an index below 3, the length"));
    view.store(&[[None; 3]; 3]).unwrap();
    assert!(memory.bytes().iter().all(|byte| *byte == 0));
}

#[test]
fn foreign_bytes_are_errors_with_their_path() {
    let mut memory = Memory::<Private>::owned(Bytes::new(72)).unwrap();
    memory.write(Offset::new(24), &[2]).unwrap();
    let view = View::<Grid>::new(&memory, Offset::ZERO).unwrap();
    let error = view.load().unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::InvalidValue, "[1][0]"));
    let error = view.get("[1]").unwrap_err();
    assert_eq!(error.to_string(), "[1][0]: expected a flag of 0 or 1, found 2");
}

#[test]
fn a_view_lies_inside_its_memory_and_is_aligned() {
    let memory = Memory::<Private>::owned(Bytes::new(72)).unwrap();
    assert!(View::<Grid>::new(&memory, Offset::ZERO).is_ok());
    let error = View::<Grid>::new(&memory, Offset::new(4)).unwrap_err();
    assert!(error.to_string().contains("expected 72 bytes at offset 4"), "{error}");
    assert!(View::<u64>::new(&memory, Offset::new(4)).is_err());
    assert!(View::<u8>::new(&memory, Offset::new(u64::MAX)).is_err());
}

/// A larger type, in which paths alone are followed.
fn chat() -> Type {
    structure([
        ("version", u8()),
        ("messages", list_max(structure([("id", u16()), ("content", string_max(10))]), 4)),
        ("extra", optional(structure([("raw", data_max(4))]))),
        ("names", map_max(u8(), u32(), 2)),
        ("event", union([(1, u8()), (7, u32())])),
    ])
}

#[test]
fn paths_find_places_and_faults_name_what_was_expected() {
    let ty = chat();
    let offset = |path: &str| Path::parse(path).unwrap().resolve(&ty).unwrap().offset().get();
    // An item is 2 + 14 bytes, the count before them 4.
    assert_eq!(offset("messages"), 2);
    assert_eq!(offset("messages[3].content"), 2 + 4 + 3 * 16 + 2);
    assert_eq!(offset("extra.raw[2]"), 70 + 1 + 4 + 2);
    assert_eq!(offset("names[1].value"), 79 + 4 + 5 + 1);
    assert_eq!(offset("event.7"), 96 + 4);
    for (path, expected) in [
        ("messages[4]", "messages[4]: expected an index below 4, the cap, found 4"),
        ("mesages", "expected one of the fields version, messages, extra, names, event"),
        ("version.x", "version.x: expected a struct before `x`, found u8"),
        ("event[0]", "event[0]: expected a list before [0], found union"),
        ("event.2", "the name or the tag of a member of union, found `2`"),
        ("names[0]", "expected `.key` or `.value`"),
    ] {
        let error = Path::parse(path).unwrap().resolve(&ty).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    for path in ["a..b", "a.", ".a", "a[", "a[x]", "a[+1]", "a[0]b", "a b"] {
        assert_eq!(Path::parse(path).unwrap_err().kind(), ErrorKind::InvalidArgument, "{path}");
    }
    assert!(Path::parse("").unwrap().resolve(&user("Draft")).is_err());
}

#[test]
fn a_part_that_is_not_there_is_an_error() {
    type Cell = [Option<[u16; 2]>; 2];
    let mut memory = Memory::<Private>::owned(Bytes::new(64)).unwrap();
    let mut view = ViewMut::<Cell>::new(&mut memory, Offset::ZERO).unwrap();
    let second = FieldPath::<Cell, u16>::new("[0][1]").unwrap();
    let error = view.read(&second).unwrap_err();
    let expected = "[0][1]: expected the flag 1 of a value that is there, found 0";
    assert_eq!(error.to_string(), expected);
    assert!(view.write(&second, &5).is_err());
    view.store(&[Some([1, 2]), None]).unwrap();
    view.write(&second, &5).unwrap();
    assert_eq!(view.load().unwrap(), [Some([1, 5]), None]);
    assert_eq!(<Cell as BareSchema>::TYPE.layout().unwrap().size, 12);
    assert!(FieldPath::<Cell, String, Max<4>>::new("[0]").is_err());
}

#[test]
fn a_mapped_file_keeps_its_bytes_and_one_owner() {
    let file = TestFile::new();
    let mut memory = Memory::<Mapped>::create_file(&file.0, Bytes::new(4096)).unwrap();
    let again = Memory::<Mapped>::create_file(&file.0, Bytes::new(4096)).unwrap_err();
    assert!(again.is_already_exists());
    let locked = Memory::<Mapped>::map_file(&file.0).unwrap_err();
    assert!(locked.to_string().contains("found it locked"), "{locked}");
    assert!(Memory::<Shared>::share_file(&file.0).is_err());

    let mut view = ViewMut::<Grid, Mapped>::new(&mut memory, Offset::new(128)).unwrap();
    view.as_layout_mut().unwrap()[2][2].set(Some(11));
    memory.flush().unwrap();
    drop(memory);

    let memory = Memory::<Mapped>::map_file(&file.0).unwrap();
    assert_eq!(memory.size(), Bytes::new(4096));
    let view = View::<Grid, Mapped>::new(&memory, Offset::new(128)).unwrap();
    assert_eq!(view.as_layout().unwrap()[2][2].get().unwrap(), Some(&11));
}

#[test]
fn shared_memory_is_seen_by_all() {
    let file = TestFile::new();
    let mut left = Memory::<Shared>::create_shared_file(&file.0, Bytes::new(100)).unwrap();
    let right = Memory::<Shared>::share_file(&file.0).unwrap();
    let mut view = ViewMut::<Grid, Shared>::new(&mut left, Offset::ZERO).unwrap();
    view.set("[0][1]", Value::optional(Some(3_u32.into()))).unwrap();
    let view = View::<Grid, Shared>::new(&right, Offset::ZERO).unwrap();
    assert_eq!(view.load().unwrap()[0], [None, Some(3), None]);
    assert!(Memory::<Mapped>::map_file(&file.0).is_err());
}

#[test]
fn files_that_cannot_be_memory_are_refused() {
    let file = TestFile::new();
    assert!(Memory::<Mapped>::map_file(&file.0).unwrap_err().is_not_found());
    let empty = Memory::<Mapped>::create_file(&file.0, Bytes::ZERO).unwrap_err();
    assert_eq!(empty.kind(), ErrorKind::InvalidArgument);
    std::fs::write(&file.0, []).unwrap();
    assert_eq!(Memory::<Mapped>::map_file(&file.0).unwrap_err().kind(), ErrorKind::Malformed);
    assert!(Memory::<Mapped>::map_file(std::env::temp_dir()).is_err());
    let mut none = Memory::<Private>::owned(Bytes::ZERO).unwrap();
    assert_eq!(none.size(), Bytes::ZERO);
    assert!(none.write(Offset::ZERO, &[1]).is_err());
    assert!(Memory::<Private>::owned(Bytes::new(u64::MAX)).is_err());
}

/// A list of at most four names of at most eight octets.
#[derive(Debug, PartialEq)]
struct Names(Vec<String>);

type Caps = Max<4, Max<8>>;

impl BareSchema for Names {
    const TYPE: &'static Type = <Vec<String> as BareSchema<Caps>>::TYPE;
}

impl FixedLayout for Names {
    type Layout = List<Str<8>, 4>;

    fn store(&self, out: &mut Self::Layout) -> Result<(), LayoutError> {
        FixedLayout::<Caps>::store(&self.0, out)
    }

    fn load(layout: &Self::Layout) -> Result<Self, LayoutError> {
        <Vec<String> as FixedLayout<Caps>>::load(layout).map(Self)
    }

    fn encode_layout(layout: &Self::Layout, out: &mut Encoder<'_>) -> Result<(), LayoutError> {
        <Vec<String> as FixedLayout<Caps>>::encode_layout(layout, out)
    }

    fn decode_layout(input: &mut Decoder<'_>, out: &mut Self::Layout) -> Result<(), DecodeError> {
        <Vec<String> as FixedLayout<Caps>>::decode_layout(input, out)
    }
}

#[test]
fn items_beyond_the_count_and_over_the_cap_are_errors() {
    let mut memory = Memory::<Private>::owned(Bytes::new(64)).unwrap();
    let mut view = ViewMut::<Names>::new(&mut memory, Offset::ZERO).unwrap();
    view.store(&Names(vec!["ann".into(), "bob".into()])).unwrap();
    let second = FieldPath::<Names, String, Max<8>>::new("[1]").unwrap();
    let third = FieldPath::<Names, String, Max<8>>::new("[2]").unwrap();
    assert_eq!(view.read(&second.clone()).unwrap(), "bob");
    assert_eq!(view.as_view().field(&second).unwrap().as_str().unwrap(), "bob");
    let error = view.read(&third).unwrap_err();
    assert_eq!(error.to_string(), "[2]: expected between 3 and 4 items, found 2");
    assert!(view.set("[2]", "eve".into()).is_err());

    let error = view.write(&second, &"far too long".to_owned()).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::TooLarge, "[1]"));
    let error = view.set("[1]", "far too long".into()).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::TooLarge, "[1]"));
    assert_eq!(view.load().unwrap(), Names(vec!["ann".into(), "bob".into()]));
    let error = FieldPath::<Names, String, Max<9>>::new("[1]").unwrap_err();
    assert_eq!(error.to_string(), "[1]: expected str of at most 9, found str of at most 8");
}
