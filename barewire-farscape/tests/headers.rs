//! The headers that are on the machine, against its own compiler: every struct, every function.

#[allow(dead_code)]
mod support;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::Command;

use barewire::farscape::c::{CType, StructDefinition};
use barewire::farscape::{ErrorKind, Import, Imported};
use support::Scratch;

/// A library: its name, what is in the paths of its own headers, what is included.
const LIBRARIES: &[(&str, &str, &[&str])] = &[
    ("zlib", "/zlib.h", &["zlib.h"]),
    ("libpng", "/png.h", &["png.h"]),
    ("sqlite3", "/sqlite3.h", &["sqlite3.h"]),
    ("libjpeg", "/jpeglib.h", &["stddef.h", "stdio.h", "jpeglib.h"]),
    ("bzip2", "/bzlib.h", &["bzlib.h"]),
    ("lzma", "/lzma/", &["lzma.h"]),
];

/// The headers of the C standard library.
const STANDARD: &[&str] = &[
    "assert.h",
    "complex.h",
    "ctype.h",
    "errno.h",
    "fenv.h",
    "float.h",
    "inttypes.h",
    "iso646.h",
    "limits.h",
    "locale.h",
    "math.h",
    "setjmp.h",
    "signal.h",
    "stdalign.h",
    "stdarg.h",
    "stdatomic.h",
    "stdbool.h",
    "stddef.h",
    "stdint.h",
    "stdio.h",
    "stdlib.h",
    "stdnoreturn.h",
    "string.h",
    "tgmath.h",
    "threads.h",
    "time.h",
    "uchar.h",
    "wchar.h",
    "wctype.h",
];

fn import(headers: &[&str]) -> Option<Imported> {
    let read = headers.iter().fold(Import::new(), |import, header| import.header(*header)).read();
    match read {
        Ok(imported) => Some(imported),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{error}"),
    }
}

/// Assertions on all members, those of structs without a name included.
fn members(whole: &str, path: &str, start: u64, made: &StructDefinition, asserts: &mut Asserts) {
    for member in made.members().expect("it was laid out") {
        if member.name.is_empty() {
            continue;
        }
        let (path, offset) = (format!("{path}{}", member.name), start + member.offset);
        asserts.add(format!("__builtin_offsetof({whole}, {path}) == {offset}"));
        let size = member.ty.layout().expect("it was laid out").size;
        let flexible = matches!(member.ty, CType::Array { len: 0, .. });
        if !flexible {
            asserts.add(format!("sizeof((({whole} *)0)->{path}) == {size}"));
        }
        if let CType::Struct(inner) = &member.ty
            && inner.c_name().is_none()
        {
            members(whole, &format!("{path}."), offset, inner, asserts);
        }
    }
}

/// The names of all members, those of structs inside included.
fn member_names(made: &StructDefinition) -> Vec<String> {
    let mut names = Vec::new();
    for field in made.fields() {
        names.extend((!field.name.is_empty()).then(|| field.name.clone()));
        if let CType::Struct(inner) = &field.ty {
            names.extend(member_names(inner));
        }
    }
    names
}

#[derive(Default)]
struct Asserts {
    text: String,
    count: usize,
}

impl Asserts {
    fn add(&mut self, condition: String) {
        self.count += 1;
        let told = condition.replace(['"', '\\'], "'");
        writeln!(self.text, "_Static_assert({condition}, \"{told}\");").expect("memory");
    }
}

/// All that was imported, as assertions for the compiler; how many structs and functions.
fn asserts(imported: &Imported) -> (Asserts, usize, usize) {
    let mut asserts = Asserts::default();
    let (mut structs, mut functions) = (0, 0);
    for made in imported.structs() {
        let Some(name) = made.c_name() else { continue };
        let layout = made.layout().expect("what has no layout is left out");
        asserts.add(format!("sizeof({name}) == {}", layout.size));
        asserts.add(format!("_Alignof({name}) == {}", layout.align));
        members(&name, "", 0, made, &mut asserts);
        structs += 1;
    }
    for made in imported.enums() {
        if let Some(name) = made.c_name() {
            let ty = CType::Integer(made.integer());
            asserts.add(format!("__builtin_types_compatible_p({name}, {ty})"));
        }
        for (name, value) in made.members() {
            asserts.add(format!("{name} == {value}"));
        }
    }
    for (name, ty) in imported.aliases() {
        asserts.add(format!("__builtin_types_compatible_p({name}, {ty})"));
    }
    for function in imported.functions() {
        let ty = CType::Function(function.clone()).declare("");
        let name = function.name();
        asserts.add(format!("__builtin_types_compatible_p(__typeof__({name}), {ty})"));
        functions += 1;
    }
    (asserts, structs, functions)
}

/// Lets the compiler judge.
fn judge(name: &str, headers: &[&str], imported: &Imported) {
    let (asserts, structs, functions) = asserts(imported);
    let mut text = String::new();
    for header in headers {
        writeln!(text, "#include <{header}>").expect("memory");
    }
    // Names of members may be macros that lead somewhere else.
    let names = imported.structs().flat_map(|made| member_names(made));
    for name in names.collect::<BTreeSet<_>>() {
        writeln!(text, "#undef {name}").expect("memory");
    }
    text += &asserts.text;
    let scratch = Scratch::new(&format!("headers-{name}"));
    let path = scratch.0.join("asserts.c");
    std::fs::write(&path, &text).expect("writable");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(compiler)
        .args(["-fsyntax-only", "-w", "-fmax-errors=20"])
        .arg(&path)
        .output()
        .expect("a C compiler");
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{name}:\n{errors}");
    println!(
        "{name}: {structs} structs and unions, {functions} functions, {} assertions hold, \
         {} left out",
        asserts.count,
        imported.missing().len()
    );
}

#[test]
fn the_compiler_agrees_on_all_that_is_imported() {
    let mut judged = 0;
    for (name, _, headers) in LIBRARIES {
        match import(headers) {
            Some(imported) => {
                judge(name, headers, &imported);
                judged += 1;
            }
            None => println!("{name}: not on this machine"),
        }
    }
    let present: Vec<&str> =
        STANDARD.iter().copied().filter(|header| import(&[*header]).is_some()).collect();
    assert!(present.len() > 15, "a C compiler comes with its headers: {present:?}");
    judge("the C standard library", &present, &import(&present).expect("each alone was there"));
    for missing in import(&present).expect("as before").missing() {
        println!("left out: {missing}");
    }
    println!("{judged} of {} libraries", LIBRARIES.len());
}

/// What the compiler says of the functions that a header declares (gcc's `-aux-info`).
fn functions_by_the_compiler(header: &str, headers: &[&str]) -> Option<BTreeSet<String>> {
    let scratch = Scratch::new(&format!("aux-{}", header.replace('/', "")));
    let (source, output) = (scratch.0.join("all.c"), scratch.0.join("all.x"));
    let text: String = headers.iter().map(|header| format!("#include <{header}>\n")).collect();
    std::fs::write(&source, text).expect("writable");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let mut command = Command::new(compiler);
    let done = command.arg("-aux-info").arg(&output).arg("-fsyntax-only").arg(&source).output();
    if !done.expect("a C compiler").status.success() {
        return None;
    }
    let text = std::fs::read_to_string(&output).ok()?;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        let Some((place, prototype)) = line.split_once("*/") else { continue };
        let file = place.trim_start_matches("/*").trim().split(':').next().unwrap_or_default();
        if !file.contains(header) {
            continue;
        }
        // The name is the last word before the first bracket that follows a space.
        // Of `int (*f (void))[3]` it stands inside of the first bracket.
        let (before, after) = prototype.split_once(" (").unwrap_or((prototype, ""));
        let head = match after.strip_prefix('*') {
            Some(inside) => inside.split(" (").next().unwrap_or_default(),
            None => before,
        };
        let name = head.rsplit([' ', '*']).next().unwrap_or_default();
        names.insert(name.to_owned());
    }
    Some(names)
}

#[test]
fn nearly_all_functions_are_imported_and_the_rest_is_listed() {
    for (name, header, headers) in LIBRARIES {
        let Some(imported) = import(headers) else {
            println!("{name}: not on this machine");
            continue;
        };
        let Some(expected) = functions_by_the_compiler(header, headers) else {
            println!("{name}: the compiler does not list functions");
            continue;
        };
        let found: BTreeSet<String> =
            imported.functions().map(|function| function.name().to_owned()).collect();
        let listed: BTreeSet<&str> =
            imported.missing().iter().map(|missing| missing.name.as_str()).collect();
        let lost: Vec<&String> = expected
            .iter()
            .filter(|name| !found.contains(*name) && !listed.contains(name.as_str()))
            .collect();
        let taken = expected.intersection(&found).count();
        println!("{name}: {taken} of {} functions, {} listed", expected.len(), listed.len());
        assert!(!expected.is_empty(), "{name}: the compiler lists functions");
        assert!(lost.is_empty(), "{name}: neither imported nor listed: {lost:?}");
        assert!(taken * 100 >= expected.len() * 95, "{name}: {:?}", imported.missing());
    }
}

#[test]
fn a_report_says_which_pointers_need_a_word() {
    let Some(zlib) = import(&["zlib.h"]) else {
        println!("zlib: not on this machine");
        return;
    };
    let report = zlib.report("zlib.h");
    let line = "int compress(unsigned char *dest, unsigned long *destLen, const unsigned char \
                *source, unsigned long sourceLen); // say what these mean: dest, destLen, source";
    assert!(report.contains(line), "{report}");
}
