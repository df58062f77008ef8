//! A C library that crashes, in a process of its own: 1,000 calls, 100 crashes, and nothing lost.
//!
//! `cargo run --release --features farscape --example farscape_crash`. Needs `cc`.

use std::process::Command;
use std::time::{Duration, Instant};

use barewire::farscape::{ErrorKind, Options, serve};

/// The library: it does its work, and now and then it does what C allows.
const SOURCE: &str = r#"
#include <stddef.h>
#include <stdlib.h>
unsigned crunch(const unsigned char *data, size_t length, unsigned fault) {
    unsigned sum = 0;
    for (size_t at = 0; at < length; at++) sum += data[at];
    if (fault == 1) *(volatile unsigned *)8 = sum;         /* SIGSEGV */
    if (fault == 2) abort();                               /* SIGABRT */
    if (fault == 3) __builtin_trap();                      /* SIGILL */
    if (fault == 4) exit(3);                               /* leaves */
    return sum;
}
"#;

barewire::farscape! {
    library Crunch = "libcrunch.so";

    /// The sum of all bytes; a fault other than 0 is fatal.
    unsigned int crunch(
        in len(length) const unsigned char *data, size_t length, unsigned int fault);
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    serve(&[Crunch::LIBRARY]);

    let folder = std::env::temp_dir().join(format!("farscape-crash-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let outcome = run(&folder);
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn run(folder: &std::path::Path) -> Result<(), Box<dyn std::error::Error>> {
    let (source, library) = (folder.join("crunch.c"), folder.join("libcrunch.so"));
    std::fs::write(&source, SOURCE)?;
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(compiler)
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .status()?;
    assert!(built.success(), "the compiler builds the library");

    let crunch = Crunch::start(&Options::processes(1).spares(2).file(&library))?;
    let data: Vec<u8> = (0..=255).collect();
    let (mut good, mut crashes) = (0_u32, 0_u32);
    let (mut to_error, mut to_next) = (Duration::ZERO, Duration::ZERO);
    let mut crashed_before = false;
    for round in 0..1000_u32 {
        let fault = if round % 10 == 9 { round / 10 % 4 + 1 } else { 0 };
        let begin = Instant::now();
        let outcome = crunch.crunch(&data, fault);
        let took = begin.elapsed();
        match outcome {
            Ok(sum) => {
                assert_eq!((sum, fault), (255 * 128, 0), "a call that returns is right");
                if crashed_before {
                    to_next = to_next.max(took);
                }
                crashed_before = false;
                good += 1;
            }
            Err(error) => {
                let signal = [0, 11, 6, 4, 0][fault as usize];
                let expected = match fault {
                    4 => ErrorKind::Exited { code: 3 },
                    _ => ErrorKind::Crashed { signal },
                };
                assert_eq!(error.kind(), expected, "round {round}: {error}");
                to_error = to_error.max(took);
                crashed_before = true;
                crashes += 1;
            }
        }
    }
    println!("{good} good calls, {crashes} crashes, and this process is still here");
    println!("from crash to error {to_error:?} at most, first call after one {to_next:?} at most");
    assert_eq!((good, crashes), (900, 100));
    Ok(())
}
