//! The fixed layout against a C compiler: sizes, alignments and every offset.

use std::fmt::Write;
use std::process::Command;

use barewire_schema::Type;
use barewire_schema::build::{
    data_fixed, data_max, enumeration, list_fixed, list_max, map_max, optional, string_max,
    structure, union,
};

const STRUCTS: usize = 60;

/// Numbers that look random and are the same in every run (splitmix64, by Sebastiano Vigna).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// A C integer of the width of an alignment.
fn word(align: u64) -> &'static str {
    match align {
        1 => "uint8_t",
        2 => "uint16_t",
        4 => "uint32_t",
        _ => "uint64_t",
    }
}

/// A type, and a C declaration of `name` of that type, with whatever must be declared before it.
struct Source {
    random: Random,
    before: String,
    asserts: String,
    declared: usize,
}

impl Source {
    fn any(&mut self, depth: u64) -> (Type, String) {
        let scalars = [
            (Type::U8, "uint8_t"),
            (Type::I16, "int16_t"),
            (Type::U32, "uint32_t"),
            (Type::I64, "int64_t"),
            (Type::F32, "float"),
            (Type::F64, "double"),
            (Type::Bool, "uint8_t"),
            (Type::UInt, "uint64_t"),
            (Type::Int, "int64_t"),
        ];
        let choice = self.random.below(if depth == 0 { 11 } else { 19 });
        let (ty, text) = match choice {
            0..=8 => {
                let (ty, name) = scalars[choice as usize].clone();
                return (ty, name.to_owned());
            }
            9 => return (enumeration([("A", 0), ("B", 7)]), "uint32_t".to_owned()),
            10 => return (enumeration([("A", 1 << 40)]), "uint64_t".to_owned()),
            11 => {
                let len = 1 + self.random.below(9);
                (data_fixed(len), format!("struct {{ uint8_t items[{len}]; }}"))
            }
            12 => {
                let cap = 1 + self.random.below(40);
                let ty = if cap.is_multiple_of(2) { string_max(cap) } else { data_max(cap) };
                (ty, format!("struct {{ uint8_t count[4]; uint8_t items[{cap}]; }}"))
            }
            13 => {
                let (item, text) = self.any(depth - 1);
                let align = align_of(&item);
                let ty = optional(item);
                (ty, format!("struct {{ {} flag; {text} value; }}", word(align)))
            }
            14 => {
                let (item, text) = self.any(depth - 1);
                let len = 1 + self.random.below(5);
                (list_fixed(item, len), format!("struct {{ {text} items[{len}]; }}"))
            }
            15 => {
                let (item, text) = self.any(depth - 1);
                let (align, cap) = (align_of(&item), 1 + self.random.below(5));
                let width = word(align);
                let words = 4_u64.div_ceil(align);
                let text = format!("struct {{ {width} count[{words}]; {text} items[{cap}]; }}");
                (list_max(item, cap), text)
            }
            16 => {
                let (value, text) = self.any(depth - 1);
                let cap = 1 + self.random.below(5);
                let pair =
                    format!("struct __attribute__((packed)) {{ uint16_t key; {text} value; }}");
                let text = format!("struct {{ uint8_t count[4]; {pair} pairs[{cap}]; }}");
                (map_max(Type::U16, value, cap), text)
            }
            17 => {
                let (left, first) = self.any(depth - 1);
                let (right, second) = self.any(depth - 1);
                let text = format!(
                    "struct {{ uint32_t tag; union {{ {first} a; {second} b; }} payload; }}"
                );
                (union([(0, left), (300, right)]), text)
            }
            _ => {
                let name = self.structure(depth - 1);
                return name;
            }
        };
        let name = format!("type_{}", self.declared);
        self.declared += 1;
        writeln!(self.before, "typedef {text} {name};").expect("memory");
        (ty, name)
    }

    /// A struct that is declared, with assertions on all of it.
    fn structure(&mut self, depth: u64) -> (Type, String) {
        let count = 1 + self.random.below(7) as usize;
        let parts: Vec<(Type, String)> = (0..count).map(|_| self.any(depth)).collect();
        let name = format!("type_{}", self.declared);
        self.declared += 1;
        let mut text = String::new();
        for (index, (_, part)) in parts.iter().enumerate() {
            write!(text, "{part} f{index}; ").expect("memory");
        }
        writeln!(self.before, "typedef struct {{ {text}}} {name};").expect("memory");
        let fields =
            parts.into_iter().enumerate().map(|(index, part)| (format!("f{index}"), part.0));
        let ty = structure(fields);
        for index in 0..count {
            let offset = ty.field_offset(index).expect("bounded");
            self.assert(&format!("offsetof({name}, f{index}) == {offset}"));
        }
        let layout = ty.layout().expect("bounded");
        self.assert(&format!("sizeof({name}) == {}", layout.size));
        self.assert(&format!("_Alignof({name}) == {}", layout.align));
        (ty, name)
    }

    fn assert(&mut self, condition: &str) {
        writeln!(self.asserts, "_Static_assert({condition}, \"{condition}\");").expect("memory");
    }
}

fn align_of(ty: &Type) -> u64 {
    ty.layout().expect("bounded").align
}

#[test]
fn the_c_compiler_agrees_on_every_offset() {
    let seed = 2;
    println!("seed {seed}");
    let mut source =
        Source { random: Random(seed), before: String::new(), asserts: String::new(), declared: 0 };
    for _ in 0..STRUCTS {
        source.structure(3);
    }
    let text =
        format!("#include <stddef.h>\n#include <stdint.h>\n{}{}", source.before, source.asserts);
    let path = std::env::temp_dir().join(format!("barewire-layout-{}.c", std::process::id()));
    std::fs::write(&path, &text).expect("writable");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let output = Command::new(compiler)
        .args(["-std=gnu11", "-fsyntax-only"])
        .arg(&path)
        .output()
        .expect("a C compiler");
    std::fs::remove_file(&path).expect("it was written");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    println!("{} assertions hold", source.asserts.lines().count());
}
