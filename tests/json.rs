//! Any value of any type is the same again after it was JSON, text and all.
//!
//! `cargo test --features json --test json`

#[path = "support/random.rs"]
mod random;
#[path = "support/types.rs"]
mod types;
#[path = "support/values.rs"]
mod values;

use barewire::value::{Value, ValueErrorKind};
use barewire_schema::{Schema, Type};
use serde_json::{Value as Json, json};

use random::Random;

/// Octets, since a NaN does not equal itself.
fn octets(value: &Value, ty: &Type) -> Vec<u8> {
    value.to_bytes(ty).expect("a value of the type")
}

#[test]
fn every_value_of_every_type_comes_back_from_the_text_of_its_json() {
    let keys = [Type::U8, Type::I64, Type::UInt, Type::Bool, barewire_schema::build::string_max(9)];
    for seed in 0..5_000 {
        let mut random = Random(seed);
        let ty = types::any_type(&mut random, 4, &keys);
        for _ in 0..4 {
            let value = values::any_value(&mut random, &ty);
            let text = value.to_json(&ty).expect("a value of the type").to_string();
            let json: Json = serde_json::from_str(&text).expect("it was written");
            let back = Value::from_json(&ty, &json);
            let back = back.unwrap_or_else(|error| panic!("seed {seed}: {error}: {text}"));
            assert_eq!(octets(&back, &ty), octets(&value, &ty), "seed {seed}: {text}");
        }
    }
}

fn schema(text: &str) -> Schema<barewire_schema::Validated> {
    Schema::parse("json", text).expect("BARE").validate().expect("valid")
}

#[test]
fn each_kind_has_the_form_that_is_written_down() {
    let schema = schema(
        "type Circle f32
         type Kind enum { ROUND LONG = 300 }
         type Root struct {
           big: u64 none: optional<u8> twice: optional<optional<u8>> octets: data
           kind: Kind shape: union { Circle | u8 | void } nan: f64
           by_name: map<str><u8> by_number: map<u8><bool>
         }",
    );
    let json = json!({
        "big": u64::MAX, "none": null, "twice": [null], "octets": "0x00ff",
        "kind": "LONG", "shape": { "Circle": 0.1 }, "nan": "NaN",
        "by_name": { "b": 1, "a": 2 }, "by_number": [[7, true], [1, false]],
    });
    let value = Value::from_json(schema.root(), &json).expect("a value");
    assert_eq!(value.to_json(schema.root()).expect("its own"), json);
    let shapes = [json!({ "#1": 7 }), json!({ "#2": null })];
    for shape in shapes {
        let mut json = json.clone();
        json["shape"] = shape;
        let value = Value::from_json(schema.root(), &json).expect("a value");
        assert_eq!(value.to_json(schema.root()).expect("its own"), json);
    }
    // Numbers that another program keeps as text; fields that say nothing.
    let json = json!({
        "big": "18446744073709551615", "octets": "0x", "kind": "ROUND", "shape": { "#2": null },
        "nan": "-Infinity", "by_name": [["a", 1]], "by_number": [],
    });
    assert!(Value::from_json(schema.root(), &json).is_ok());
}

#[test]
fn what_json_says_wrongly_is_refused_with_its_place() {
    let schema = schema("type Root struct { list: list<u8> kind: enum { A } map: map<u8><u8> }");
    let refused = |json: Json| {
        let error = Value::from_json(schema.root(), &json).expect_err("no value");
        (error.path().to_owned(), error.to_string())
    };
    let good = json!({ "list": [1, 2], "kind": "A", "map": [[1, 2]] });
    assert!(Value::from_json(schema.root(), &good).is_ok());
    let with = |name: &str, json: Json| {
        let mut changed = good.clone();
        changed[name] = json;
        refused(changed)
    };
    assert_eq!(with("list", json!([1, 256])).0, "list[1]");
    assert_eq!(with("list", json!([1, 2.5])).1, "list[1]: expected u8, found 2.5");
    assert_eq!(with("kind", json!("B")).0, "kind");
    assert_eq!(with("map", json!([[1, 2], [1, 3]])).0, "map[1].key");
    assert_eq!(with("map", json!([[1]])).0, "map");
    assert!(with("more", json!(1)).1.contains("`more` as well"));
    assert!(refused(json!({ "list": [], "kind": "A" })).1.starts_with("map: expected map"));
    let wrong = Value::from("text").to_json(schema.root()).expect_err("another type");
    assert!(matches!(wrong.kind(), ValueErrorKind::Mismatch { .. }));
}
