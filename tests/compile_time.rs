//! How long the derive takes, beside the two derives of serde; not among the ordinary tests.
//!
//! `cargo test --test compile_time -- --ignored --nocapture` checks two crates of 100 structs with
//! 10 fields each, the fastest of five times, and prints both times.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const STRUCTS: usize = 100;
const TIMES: usize = 5;
/// The most that the derive may take, in times of serde's.
const LIMIT: f64 = 3.0;

/// The fields of each struct: an attribute of ours and a type.
const FIELDS: [(&str, &str); 10] = [
    ("", "u32"),
    ("", "u64"),
    ("", "f32"),
    ("", "bool"),
    ("", "i16"),
    ("#[bare(max = 32)]", "String"),
    ("#[bare(max = 32)]", "Vec<u8>"),
    ("", "Option<u32>"),
    ("", "[u8; 16]"),
    ("#[bare(max = 4, item(max = 16))]", "Vec<String>"),
];

struct Case {
    folder: PathBuf,
}

impl Case {
    /// Writes a crate whose structs have the derives.
    fn new(name: &str, dependency: &str, derives: &str, ours: bool) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(folder.join("src")).expect("a folder for the crate");
        let manifest = format!(
            "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
             [dependencies]\n{dependency}\n[workspace]\n"
        );
        fs::write(folder.join("Cargo.toml"), manifest).expect("a manifest");
        let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.lock");
        // The versions of this project, so that nothing has to be fetched.
        fs::copy(lock, folder.join("Cargo.lock")).expect("the versions");
        let mut code = String::new();
        for number in 0..STRUCTS {
            let fault = "a String takes everything";
            writeln!(code, "#[derive({derives})]\npub struct S{number} {{").expect(fault);
            for (index, (attribute, ty)) in FIELDS.iter().enumerate() {
                let attribute = if ours { *attribute } else { "" };
                writeln!(code, "    {attribute} pub f{index}: {ty},").expect(fault);
            }
            code.push_str("}\n");
        }
        fs::write(folder.join("src/lib.rs"), code).expect("the code");
        Self { folder }
    }

    /// Checks the crate, and nothing of what it depends on.
    fn check(&self) -> Duration {
        let source = self.folder.join("src/lib.rs");
        let code = fs::read(&source).expect("the code");
        fs::write(&source, code).expect("the code is written anew");
        let start = Instant::now();
        let status = Command::new(env!("CARGO"))
            .args(["check", "--quiet", "--offline"])
            .current_dir(&self.folder)
            .env("CARGO_INCREMENTAL", "0")
            .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time"))
            .status()
            .expect("cargo runs");
        assert!(status.success(), "{} does not compile", self.folder.display());
        start.elapsed()
    }
}

#[test]
#[ignore = "a measurement, for a machine that does nothing else"]
fn a_hundred_structs_check_in_at_most_three_times_the_time_of_serde() {
    let path = env!("CARGO_MANIFEST_DIR");
    let ours = format!("barewire = {{ path = {path:?} }}");
    let serde = "serde = { version = \"1\", features = [\"derive\"] }";
    let ours = Case::new("compile_time_ours", &ours, "barewire::BareSchema", true);
    let serde =
        Case::new("compile_time_serde", serde, "serde::Serialize, serde::Deserialize", false);
    for case in [&ours, &serde] {
        case.check();
    }
    // In turn, so that both meet the same machine.
    let times: Vec<_> = (0..TIMES).map(|_| (ours.check(), serde.check())).collect();
    let fastest = |time: fn(&(Duration, Duration)) -> Duration| times.iter().map(time).min();
    let (ours, serde) = (fastest(|times| times.0), fastest(|times| times.1));
    let (ours, serde) = (ours.expect("a time"), serde.expect("a time"));
    let ratio = ours.as_secs_f64() / serde.as_secs_f64();
    println!("barewire {ours:?}, serde {serde:?}: {ratio:.2} times");
    assert!(ratio <= LIMIT, "{ratio:.2} times the time of serde");
}
