//! The law over generated schemas: the octets of a value are those of its fixed layout.

#[path = "support/random.rs"]
mod random;
#[path = "support/types.rs"]
mod types;
#[path = "support/values.rs"]
mod values;

use barewire::codec::Encoder;
use barewire::value::{Value, encode_layout};
use barewire_schema::build::{data_fixed, string_max};
use barewire_schema::{Schema, Type, Validated};
use proptest::prelude::*;

use random::Random;
use types::any_type;
use values::any_value;

fn schema(random: &mut Random) -> Schema<Validated> {
    let keys = [Type::U8, Type::I32, Type::UInt, Type::Bool, string_max(9), data_fixed(3)];
    let root = any_type(random, 4, &keys);
    Schema::new("Generated").with_type("Root", root).validate().expect("keeps every rule")
}

fn octets(ty: &Type, value: &Value) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(ty, &mut Encoder::new(&mut octets)).expect("a value of the type");
    octets
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4000,
        failure_persistence: None,
        ..Default::default()
    })]

    #[test]
    fn the_octets_of_a_value_are_those_of_its_layout(seed: u64) {
        let mut random = Random(seed);
        let schema = schema(&mut random);
        let ty = schema.root();
        let value = any_value(&mut random, ty);
        let encoded = octets(ty, &value);
        prop_assert!(encoded.len() as u64 >= ty.min_size());
        prop_assert!(encoded.len() as u64 <= ty.max_size().expect("bounded"));
        // Dirty memory: whatever a value does not need must be overwritten.
        let mut memory = vec![0xa5; ty.layout().expect("bounded").size as usize];
        value.store(ty, &mut memory).expect("it fits");
        prop_assert_eq!(&encode_layout(ty, &memory).expect("a value"), &encoded);
        let loaded = Value::load(ty, &memory).expect("a value");
        prop_assert_eq!(&octets(ty, &loaded), &encoded);
        let decoded = Value::decode(ty, &encoded).expect("a value");
        prop_assert_eq!(&octets(ty, &decoded), &encoded);
        // The same value always leaves the same bytes.
        let mut clean = vec![0; memory.len()];
        decoded.store(ty, &mut clean).expect("it fits");
        prop_assert_eq!(memory, clean);
    }

    #[test]
    fn text_and_fingerprints_survive_the_round_trip(seed: u64) {
        let schema = schema(&mut Random(seed));
        let text = schema.to_string();
        let read = Schema::parse("Generated", &text).expect("BARE").validate().expect("valid");
        prop_assert_eq!(read.root().layout_id(), schema.root().layout_id());
        prop_assert_eq!(read.root().wire_id(), schema.root().wire_id());
        prop_assert_eq!(read.to_string(), text);
    }

    #[test]
    fn whatever_is_decoded_from_damaged_octets_encodes_to_them(seed: u64) {
        let mut random = Random(seed);
        let schema = schema(&mut random);
        let ty = schema.root();
        let mut encoded = octets(ty, &any_value(&mut random, ty));
        for _ in 0..1 + random.below(3) {
            let at = random.below(encoded.len().max(1) as u64) as usize;
            match random.below(3) {
                0 => encoded.truncate(at),
                1 => encoded.insert(at, random.next() as u8),
                _ => if let Some(octet) = encoded.get_mut(at) { *octet = random.next() as u8 },
            }
        }
        // Strict: one value has one encoding, so what is accepted was its encoding.
        if let Ok(value) = Value::decode(ty, &encoded) {
            prop_assert_eq!(octets(ty, &value), encoded);
        }
    }
}
