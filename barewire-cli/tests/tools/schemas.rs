//! Schemas of files and segments: checked, printed, compared, and as other languages.

use std::process::Command;

use barewire::BareSchema as _;
use barewire::schema::Schema;
use serde_json::json;

use crate::harness::{Scratch, start};

const OLD: &str = "type User struct { name: str age: u8 }\ntype Event union { User | u8 }\n";
const NEW: &str = "type User struct { name: str age: u8 }\ntype Event union { User | u8 | bool }\n";
const WORSE: &str = "type User struct { name: str age: u16 }\ntype Event union { User | u8 }\n";

#[test]
fn versions_are_judged_by_path() {
    let scratch = Scratch::new("check");
    let (old, new) = (scratch.file("old.bare", OLD), scratch.file("new.bare", NEW));
    let worse = scratch.file("worse.bare", WORSE);
    let check = |more: &[&str]| scratch.run(&[&["schema", "check"], more].concat());
    assert!(check(&[&old]).ok().contains("2 types"));
    assert!(check(&[&old, &new]).ok().contains("backward compatible"));
    check(&[&old, &new, "--need", "forward"]).fails(1);
    check(&[&new, &old]).fails(1);
    check(&[&new, &old, "--need", "forward"]).ok();
    // Without caps there is no layout to share.
    check(&[&old, &old, "--need", "layout"]).fails(1);
    check(&[&old, &old, "--need", "both"]).ok();
    let told = check(&[&old, &worse, "--json"]);
    assert_eq!(told.code, 1);
    let told = crate::harness::parse(&told.out);
    assert_eq!(told["ok"], false);
    let path = told["encoding"]["not_backward"][0]["path"].as_str().expect("text").to_owned();
    assert!(path.contains("age"), "{told}");
    let broken = scratch.file("broken.bare", "type A struct {\n  b: void\n}\n");
    let told = check(&[&broken]).fails(1);
    assert!(told.contains("broken.bare:2:3"), "{told}");
}

#[test]
fn schemas_are_printed_compared_and_fingerprinted() {
    let scratch = Scratch::new("schemas");
    let _world = start("world", &scratch);
    let (old, worse) = (scratch.file("old.bare", OLD), scratch.file("worse.bare", WORSE));
    let printed = scratch.run(&["schema", "print", &old]).ok();
    assert!(printed.starts_with("type User struct {\n"), "{printed}");
    // What is printed of a segment is what is read again.
    let live = scratch.run(&["schema", "print", "room"]).ok();
    let copy = scratch.file("room.bare", &live);
    assert_eq!(scratch.run(&["schema", "print", &copy]).ok(), live);
    scratch.run(&["schema", "diff", "room", &copy]).ok();
    scratch.run(&["schema", "check", "room", &copy, "--need", "layout"]).ok();
    let told = scratch.run(&["schema", "diff", &old, &worse]).fails(1);
    assert!(told.contains("age: u8 → u16"), "{told}");
    let told = scratch.run(&["schema", "diff", "room", "readings", "--json"]);
    assert_eq!(told.code, 1);
    assert!(!crate::harness::parse(&told.out).as_array().expect("a list").is_empty());
    let ids = scratch.run(&["schema", "fingerprint", "room", "--json"]).json();
    let listed = scratch.run(&["ls", "--json"]).json();
    assert_eq!(ids["layout_id"], listed[5]["layout_id"]);
    assert_eq!(ids, scratch.run(&["schema", "fingerprint", &copy, "--json"]).json());
}

/// Compiled here; the test below sees to it that it is what the tool writes.
#[path = "emitted.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the types' schemas are used")]
mod emitted;

#[test]
fn emitted_rust_compiles_to_the_same_types() {
    let scratch = Scratch::new("emit-rust");
    let text = include_str!("emitted.bare");
    let source = scratch.file("emitted.bare", text);
    let told = scratch.run(&["emit", &source, "--lang", "rust"]).ok();
    let kept = include_str!("emitted.rs");
    let kept = kept.split_once("\n\n").expect("its first lines say what it is for").1;
    assert_eq!(told, kept, "what is emitted has changed: write it to tests/tools/emitted.rs");
    let there = Schema::read("emitted", text).expect("it is BARE");
    let types = [
        ("Colour", emitted::Colour::TYPE),
        ("Name", emitted::Name::TYPE),
        ("Notes", emitted::Notes::TYPE),
        ("Loose", emitted::Loose::TYPE),
        ("Everything", emitted::Everything::TYPE),
    ];
    for (name, here) in types {
        let there = there.get(name).expect("it is in the file");
        assert_eq!(here.wire_id(), there.wire_id(), "{name}");
        assert_eq!(here.layout(), there.layout(), "{name}");
        // What has no name in the schema needs one in Rust.
        let same = here.resolved().layout_id() == there.layout_id();
        assert_eq!(same, name != "Loose", "{name}");
    }
}

#[test]
fn emitted_c_is_what_the_compiler_says() {
    let scratch = Scratch::new("emit-c");
    let _world = start("world", &scratch);
    let header = scratch.run(&["emit", "room", "--lang", "c"]).ok();
    let path = scratch.file("room.c", &header);
    // Every offset and size is an assertion.
    let compiler = std::env::var("CC").unwrap_or("cc".to_owned());
    let output = Command::new(compiler).args(["-std=c11", "-fsyntax-only", &path]).output();
    let output = output.expect("there is a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(header.contains("offsetof(Room, users)"), "{header}");
    let told = scratch.run(&["emit", "notes", "--lang", "c"]).fails(4);
    assert!(told.contains("caps"), "{told}");
    let bare = scratch.run(&["emit", "room", "--lang", "bare"]).ok();
    assert_eq!(bare, scratch.run(&["schema", "print", "room"]).ok());
}

#[test]
fn headers_are_imported() {
    let scratch = Scratch::new("import");
    let header = scratch.file(
        "meter.h",
        "struct reading { unsigned sensor; double celsius; char label[12]; };\n\
         int meter_read(struct reading *into);\nstruct packed { int bits : 3; };\n",
    );
    let told = scratch.run(&["import", &header, "--json"]).json();
    assert_eq!(told["structs"][0]["name"], "reading");
    let schema = told["structs"][0]["schema"].as_str().expect("text");
    let file = scratch.file("meter.bare", schema);
    scratch.run(&["schema", "check", &file]).ok();
    assert_eq!(told["functions"], json!(["int meter_read(struct reading *into)"]));
    let text = scratch.run(&["import", "meter.h"]).ok();
    assert!(text.contains("sensor: u32") && text.contains("say what these mean"), "{text}");
    let told = scratch.run(&["import", "stdlib.h"]).ok();
    assert!(told.contains("int abs("), "{told}");
    scratch.run(&["import", "meter.h", "--cc", "-DX=1"]).ok();
}
