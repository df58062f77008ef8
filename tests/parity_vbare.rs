//! The same octets as vbare, and the same opinion on damaged ones, over schemas of many shapes.
//!
//! Each shape is written in BARE and stands here three times: read at run time, as this project's
//! types by `schema!`, and as vbare's types by its own compiler (`tests/shapes` has the schemas
//! and makes the code). `BAREWIRE_CASES=1000000 cargo test --test parity_vbare` tries more values
//! than the usual 50,000 of each test; `BAREWIRE_SHAPES=100` before it generates more schemas.
//!
//! vbare follows draft -11 strictly. In what a decoder accepts, nothing has changed since, so here
//! both must agree on everything. What differs lies elsewhere, and is left out of the shapes:
//!
//! - `data` as a key of a map is allowed since draft -13; vbare refuses such a schema.
//! - A user type named `S` breaks vbare's generated code.
//! - Pairs of a map may stand in any order. vbare keeps them in place and sorts them in an owned
//!   value, as a `BTreeMap` does. Both are compared with their like.

#[path = "support/random.rs"]
mod random;
#[path = "support/values.rs"]
mod values;

use barewire::codec::{Decode, Encode, decode, encode};
use barewire::value::Value;
use barewire_schema::{Schema, Validated};
use barewire_shapes::{SHAPES, Shape};

use random::Random;
use values::any_value;

/// Decodes octets as one of this project's types, and encodes the value again.
type Again = fn(&[u8]) -> Result<Vec<u8>, String>;

macro_rules! our_types {
    ($($name:ident { $($types:tt)* })*) => {
        mod ours {
            $(pub(crate) mod $name { barewire::schema! { $($types)* } })*
        }
        const OURS: &[(&str, Again)] = &[$((stringify!($name), again::<ours::$name::Root>)),*];
    };
}

barewire_shapes::every_shape!(our_types);

fn again<T: Encode + for<'de> Decode<'de>>(octets: &[u8]) -> Result<Vec<u8>, String> {
    decode::<T>(octets).map(|value| encode(&value)).map_err(|error| error.to_string())
}

/// A schema in three hands.
struct Trio {
    theirs: &'static Shape,
    ours: Again,
    schema: Schema<Validated>,
}

fn trios() -> Vec<Trio> {
    assert_eq!(SHAPES.len(), OURS.len());
    let trio = |(theirs, &(name, ours)): (&'static Shape, &(&'static str, Again))| {
        assert_eq!(theirs.name, name);
        let schema = Schema::parse(name, theirs.text).expect("BARE").validate().expect("valid");
        Trio { theirs, ours, schema }
    };
    SHAPES.iter().zip(OURS).map(trio).collect()
}

fn cases() -> u64 {
    let wanted = std::env::var("BAREWIRE_CASES");
    wanted.map_or(50_000, |count| count.parse().expect("BAREWIRE_CASES is a number"))
}

impl Trio {
    fn value(&self, random: &mut Random) -> Vec<u8> {
        let ty = self.schema.root();
        any_value(random, ty).to_bytes(ty).expect("a value of the type")
    }

    /// Whether all three accept the octets; if so, they must have read the same.
    fn accepts(&self, octets: &[u8], seed: u64) -> bool {
        let place = || format!("{}, seed {seed}, octets {octets:02x?}", self.theirs.name);
        let ty = self.schema.root();
        let dynamic = Value::decode(ty, octets);
        let theirs = (self.theirs.answer)(octets);
        match ((self.ours)(octets), theirs) {
            (Ok(ours), Ok(theirs)) => {
                let dynamic = dynamic.unwrap_or_else(|error| panic!("{}: {error}", place()));
                let dynamic = dynamic.to_bytes(ty).expect("it was decoded");
                assert_eq!(dynamic, octets, "read at run time: {}", place());
                assert_eq!(theirs.in_place, octets, "vbare in place: {}", place());
                assert_eq!(ours, theirs.sorted, "owned values: {}", place());
                true
            }
            (Err(_), Err(_)) => {
                assert!(dynamic.is_err(), "accepted at run time alone: {}", place());
                false
            }
            (Ok(_), Err(error)) => panic!("vbare alone refuses: {error}: {}", place()),
            (Err(error), Ok(_)) => panic!("vbare alone accepts: {error}: {}", place()),
        }
    }
}

/// Octets of which a few have been changed, added, taken out or cut off.
fn damage(random: &mut Random, octets: &mut Vec<u8>) {
    // What is near to a length, a flag or the end of a number is wrong more interestingly.
    const TELLING: [u8; 8] = [0x00, 0x01, 0x02, 0x7f, 0x80, 0x81, 0xc0, 0xff];
    for _ in 0..=random.below(3) {
        let at = random.below(octets.len().max(1) as u64) as usize;
        let octet = match random.below(2) {
            0 => random.next() as u8,
            _ => TELLING[random.below(8) as usize],
        };
        match (random.below(8), octets.get_mut(at)) {
            (0, _) => octets.truncate(at),
            (1, _) => octets.insert(at, octet),
            (2, Some(_)) => drop(octets.remove(at)),
            // One item or pair again in the place of another.
            (3, _) => {
                let len = random.below(1 + (octets.len() - at).min(12) as u64) as usize;
                let to = random.below((octets.len() - len + 1) as u64) as usize;
                octets.copy_within(at..at + len, to);
            }
            (4, Some(old)) => *old ^= 1 << random.below(8),
            (_, Some(old)) => *old = octet,
            (_, None) => octets.push(octet),
        }
    }
}

#[test]
fn the_octets_of_values_are_those_of_vbare() {
    let trios = trios();
    for seed in 0..cases() {
        let trio = &trios[seed as usize % trios.len()];
        let octets = trio.value(&mut Random(seed));
        assert!(trio.accepts(&octets, seed), "{}, seed {seed}: refused", trio.theirs.name);
    }
}

#[test]
fn damaged_octets_are_accepted_by_both_or_by_neither() {
    let (trios, cases) = (trios(), cases());
    let mut accepted = 0;
    for seed in 0..cases {
        let trio = &trios[seed as usize % trios.len()];
        let mut random = Random(!seed);
        let mut octets = trio.value(&mut random);
        damage(&mut random, &mut octets);
        accepted += u64::from(trio.accepts(&octets, seed));
    }
    // Were all of them refused, or none, the damage would be of the wrong kind.
    assert!((cases / 20..cases - cases / 20).contains(&accepted), "{accepted} accepted");
    println!("{accepted} of {cases} accepted");
}

#[test]
fn pairs_of_a_map_may_stand_in_any_order_but_no_key_twice() {
    let trios = trios();
    let map = trios.iter().find(|trio| trio.theirs.name == "alias").expect("map<u32><…>");
    let pairs: [&[u8]; 2] = [&[7, 0, 0, 0, 0], &[5, 0, 0, 0, 1, 0]];
    let of = |pairs: &[&[u8]]| [&[2_u8][..], pairs[0], pairs[1]].concat();
    assert!(map.accepts(&of(&pairs), 0));
    assert!(map.accepts(&of(&[pairs[1], pairs[0]]), 0));
    assert!(!map.accepts(&of(&[pairs[0], pairs[0]]), 0));
}
