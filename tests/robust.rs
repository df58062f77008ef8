//! A bounded run of what the fuzz targets do without end, over a fixed corpus; and the defences
//! against input that claims more than it is.
//!
//! `BAREWIRE_CASES=1000000 cargo test --test robust` tries more inputs than the usual 20,000 of
//! each target. `fuzz/README.md` says how to run the targets themselves.

#[path = "support/random.rs"]
mod random;
#[path = "support/targets.rs"]
mod targets;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::BTreeMap;

use barewire::BareSchema;
use barewire::codec::{Decode, DecodeErrorKind, decode, decode_into, verify};
use barewire::value::Value;
use barewire_schema::Schema;

use random::Random;
use targets::Scratch;

thread_local! {
    static CLAIMED: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts what each thread asks for.
struct Counting;

// SAFETY: all calls are passed on as they are.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = CLAIMED.try_with(|claimed| claimed.set(claimed.get() + layout.size()));
        // SAFETY: what the caller has promised.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: what the caller has promised.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// How many bytes something asks the allocator for.
fn claimed(act: impl FnOnce()) -> usize {
    let before = CLAIMED.with(Cell::get);
    act();
    CLAIMED.with(Cell::get) - before
}

fn cases() -> u64 {
    let wanted = std::env::var("BAREWIRE_CASES");
    wanted.map_or(20_000, |count| count.parse().expect("BAREWIRE_CASES is a number"))
}

/// Octets of the corpus of a target, with a few of them changed, or any octets.
fn mutated(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    const TELLING: [u8; 10] = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xc0, 0xed, 0xf4, 0xff];
    let mut octets = match corpus.get(random.below(corpus.len() as u64 + 1) as usize) {
        Some(seed) => seed.clone(),
        None => (0..random.below(64)).map(|_| random.next() as u8).collect(),
    };
    for _ in 0..random.below(6) {
        let at = random.below(octets.len() as u64 + 1) as usize;
        let octet = match random.below(2) {
            0 => random.next() as u8,
            _ => TELLING[random.below(10) as usize],
        };
        match (random.below(6), octets.get_mut(at)) {
            (0, _) => octets.truncate(at),
            (1, _) => octets.insert(at, octet),
            (2, Some(_)) => drop(octets.remove(at)),
            (3, _) => octets.extend_from_within(at..),
            (_, Some(old)) => *old = octet,
            (_, None) => octets.push(octet),
        }
        octets.truncate(1 << 14);
    }
    octets
}

fn bounded(name: &str, cases: u64, mut target: impl FnMut(&[u8])) {
    let corpus = targets::corpus(name);
    assert!(corpus.len() >= 4, "the corpus of {name} has {} seeds", corpus.len());
    corpus.iter().for_each(|seed| target(seed));
    for seed in 0..cases {
        let octets = mutated(&mut Random(seed), &corpus);
        // The seed is named by whatever panics inside.
        let shown = Shown(name, seed);
        target(&octets);
        std::mem::forget(shown);
    }
}

/// Says which seed it was when a target panics.
struct Shown<'n>(&'n str, u64);

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        eprintln!("{}: seed {}", self.0, self.1);
    }
}

#[test]
fn any_octets_are_decoded_alike_in_every_way_or_refused() {
    bounded("decode", cases(), targets::decode_octets);
}

#[test]
fn any_text_is_a_schema_that_prints_as_itself_or_is_refused() {
    bounded("schema", cases(), targets::schema_text);
}

#[test]
fn any_bytes_of_a_layout_are_a_value_or_refused() {
    bounded("layout", cases(), targets::layout_bytes);
}

#[test]
fn any_header_of_a_segment_is_opened_or_refused() {
    let scratch = Scratch::new("bounded");
    // Each case is a file that is written and opened.
    bounded("segment", cases() / 10, |octets| targets::segment_header(&scratch, octets));
}

#[test]
fn any_octets_through_a_pipe_are_messages_or_an_error_however_they_are_cut() {
    // Each case is a few system calls for every piece.
    bounded("pipe", cases() / 4, targets::pipe_frames);
}

#[derive(BareSchema, Debug, PartialEq)]
struct Wide {
    name: String,
    numbers: [u64; 16],
    more: Vec<String>,
}

/// That octets which claim far too much are refused before much memory is asked for.
fn refused_cheaply<'de, T: Decode<'de> + Default>(octets: &'de [u8]) {
    const MOST: usize = 1 << 12;
    let spent = claimed(|| {
        let error = decode::<T>(octets).err().expect("it claims too much");
        assert!(matches!(error.kind(), DecodeErrorKind::UnexpectedEnd { .. }), "{error}");
        assert!(verify::<T>(octets).is_err());
        assert!(decode_into(&mut T::default(), octets).is_err());
    });
    assert!(spent <= MOST, "{spent} bytes for {octets:x?}");
}

#[test]
fn a_count_that_the_input_cannot_hold_is_refused_before_memory_is_asked_for() {
    const COUNTS: [&[u8]; 4] = [
        &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0x81, 0x80, 0x04],
    ];
    for count in COUNTS {
        let octets = [count, &[1; 64]].concat();
        refused_cheaply::<Vec<u8>>(&octets);
        refused_cheaply::<Vec<bool>>(&octets);
        refused_cheaply::<Vec<u64>>(&octets);
        refused_cheaply::<Vec<[f64; 3]>>(&octets);
        refused_cheaply::<Vec<String>>(&octets);
        refused_cheaply::<Vec<Option<u32>>>(&octets);
        refused_cheaply::<Vec<Wide>>(&octets);
        refused_cheaply::<Vec<Vec<Vec<u8>>>>(&octets);
        refused_cheaply::<BTreeMap<u8, String>>(&octets);
        refused_cheaply::<String>(&octets);
        refused_cheaply::<&str>(&octets);
        refused_cheaply::<&[u8]>(&octets);
    }
}

#[test]
fn memory_grows_with_the_input_and_not_with_what_it_claims() {
    // As many items as octets are left, each of them large, and the second is none.
    const ITEMS: usize = 1 << 16;
    let least = 1 + 16 * 8 + 1;
    let mut octets = Vec::new();
    barewire::codec::Encoder::new(&mut octets).uint(ITEMS as u64);
    octets.resize(octets.len() + ITEMS * least, 0);
    let bad = octets.len() - (ITEMS - 1) * least;
    octets[bad] = 0xff;
    let spent = claimed(|| assert!(decode::<Vec<Wide>>(&octets).is_err()));
    assert!(spent <= 9 * octets.len(), "{spent} bytes for {} octets", octets.len());
}

#[test]
fn items_that_take_nothing_do_not_make_a_short_input_last_for_ever() {
    let octets = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    assert!(decode::<Vec<()>>(&octets).is_err());
    assert!(verify::<Vec<()>>(&octets).is_err());
    assert!(decode_into(&mut vec![()], &octets).is_err());
}

#[test]
fn a_schema_that_nests_too_deep_is_refused_and_a_deep_one_is_read_without_harm() {
    let nested = |depth: usize| {
        let (open, close) = ("optional<".repeat(depth), ">".repeat(depth));
        format!("type Deep {open}u8{close}")
    };
    let refused = [100_usize, 1_000, 100_000].map(nested);
    for text in &refused {
        let schema = Schema::parse("deep", text).map(Schema::validate);
        assert!(!matches!(schema, Ok(Ok(_))), "{} octets of schema are accepted", text.len());
    }
    // The deepest that is accepted, with the deepest value, in half the stack of a usual thread.
    let deepest = (1..100).rev().find_map(|depth| {
        let schema = Schema::parse("deep", &nested(depth)).ok()?.validate().ok()?;
        Some((depth, schema))
    });
    let (depth, schema) = deepest.expect("some depth is accepted");
    assert!(depth >= 8, "only {depth}");
    let octets = [vec![1; depth], vec![7]].concat();
    let half = std::thread::Builder::new().stack_size(1 << 20);
    let read = half.spawn(move || {
        let value = Value::decode(schema.root(), &octets).expect("a value");
        assert_eq!(value.to_bytes(schema.root()).expect("it was read"), octets);
    });
    read.expect("a thread").join().expect("the stack is large enough");
}
