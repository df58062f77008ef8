//! Collects the shapes, written and generated, and lets vbare-compiler make Rust code of them.
//!
//! A shape is a schema whose last type is named `Root`. `BAREWIRE_SHAPES` says how many are
//! generated beside those in `schemas`; shape number `n` is the same in every build.

#[path = "../support/random.rs"]
mod random;
#[path = "../support/types.rs"]
mod types;

use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use barewire_schema::build::{enumeration, string_max, structure};
use barewire_schema::{Schema, Type};
use random::Random;

const GENERATED: u64 = 16;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    for cause in ["build.rs", "schemas", "../support/random.rs", "../support/types.rs"] {
        println!("cargo::rerun-if-changed={cause}");
    }
    println!("cargo::rerun-if-env-changed=BAREWIRE_SHAPES");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let folder = out.join("schemas");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir(&folder)?;
    let mut shapes = written(Path::new("schemas"))?;
    let count = match std::env::var("BAREWIRE_SHAPES") {
        Ok(count) => count.parse()?,
        Err(_) => GENERATED,
    };
    for seed in 0..count {
        shapes.push((format!("generated_{seed}"), generated(seed)?));
    }
    for (name, text) in &shapes {
        fs::write(folder.join(format!("{name}.bare")), text)?;
    }
    vbare_compiler::process_schemas_to_dir(&folder, &out, &vbare_compiler::Config::default())?;
    fs::write(out.join("table.rs"), table(&shapes)?)?;
    fs::write(out.join("every_shape.rs"), every_shape(&shapes)?)?;
    Ok(())
}

/// Names and texts of the shapes that people wrote, and the same as this project prints them.
fn written(folder: &Path) -> Outcome<Vec<(String, String)>> {
    let mut shapes = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).ok_or("a name in UTF-8")?;
        let text = fs::read_to_string(&path)?;
        let schema = Schema::parse("Shape", &text).map_err(|error| error.to_string())?;
        shapes.push((format!("{name}_printed"), schema.validate()?.to_string()));
        shapes.push((name.to_owned(), text));
    }
    shapes.sort();
    Ok(shapes)
}

/// Without `data` as a key, which vbare, older in its rules, does not know.
fn generated(seed: u64) -> Outcome<String> {
    let mut random = Random(seed);
    let level = enumeration([("LOW", 1), ("HIGH", 500)]);
    let keys = [Type::U8, Type::I32, Type::UInt, Type::Int, Type::Bool, string_max(9), level];
    let fields: Vec<_> =
        (0..4).map(|at| (format!("f{at}"), types::any_type(&mut random, 3, &keys))).collect();
    let schema = Schema::new("Shape").with_type("Root", structure(fields)).validate()?;
    Ok(schema.to_string())
}

/// The constant `SHAPES`.
fn table(shapes: &[(String, String)]) -> Outcome<String> {
    let mut code = String::from("/// Every shape.\npub const SHAPES: &[Shape] = &[\n");
    for (name, text) in shapes {
        let answer = format!("answer::<theirs::{name}::RootWire>");
        writeln!(code, "Shape {{ name: {name:?}, text: {text:?}, answer: {answer} }},")?;
    }
    code.push_str("];\n");
    Ok(code)
}

/// The macro `every_shape`. A comment of BARE is none of Rust.
fn every_shape(shapes: &[(String, String)]) -> Outcome<String> {
    let mut code = String::from("/// Calls a macro with every shape.\n#[macro_export]\n");
    code.push_str("macro_rules! every_shape { ($with:ident) => {\n$with! {\n");
    for (name, text) in shapes {
        let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
        writeln!(code, "{name} {{ {} }}", lines.collect::<Vec<_>>().join("\n"))?;
    }
    code.push_str("}\n} }\n");
    Ok(code)
}
