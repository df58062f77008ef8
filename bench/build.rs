//! Lets vbare-compiler make Rust code of the data sets' schemas.

use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=schemas");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let config = vbare_compiler::Config::default();
    vbare_compiler::process_schemas_to_dir(Path::new("schemas"), &out, &config)
}
