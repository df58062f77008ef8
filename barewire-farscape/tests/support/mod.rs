//! What the tests share: how workers are started, numbers that look random, C libraries.

use std::path::PathBuf;
use std::process::Command;

use barewire::farscape::Options;

/// Workers are this program again, in the test `child`.
pub(crate) fn processes(workers: usize) -> Options {
    Options::processes(workers)
        .arguments(["child", "--exact", "--nocapture", "--test-threads=1"])
        .quiet()
}

/// A folder of this test's own, removed at its end.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("farscape-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// A folder for segments: its owner's alone.
    pub(crate) fn private(&self, name: &str) -> PathBuf {
        use std::os::unix::fs::DirBuilderExt;
        let path = self.0.join(name);
        std::fs::DirBuilder::new().mode(0o700).create(&path).expect("a new folder");
        path
    }

    /// Compiles C into a library or a program.
    pub(crate) fn compile(&self, name: &str, source: &str, arguments: &[&str]) -> PathBuf {
        let (input, output) = (self.0.join(format!("{name}.c")), self.0.join(name));
        std::fs::write(&input, source).expect("writable");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let done = Command::new(compiler)
            .args(["-std=gnu11", "-O1", "-Wall", "-Werror"])
            .args(arguments)
            .arg("-o")
            .args([&output, &input])
            .output()
            .expect("a C compiler");
        let errors = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{name}: {errors}");
        output
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
