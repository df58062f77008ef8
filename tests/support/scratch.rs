//! A directory of a test's own.

use std::path::{Path, PathBuf};
use std::sync::Once;

/// A directory on tmpfs that is removed with everything in it.
pub(crate) struct Scratch(PathBuf);

/// Before the number of the process whose directory it is.
const PREFIX: &str = "barewire-test-";

/// Removes what runs of the tests have left that were killed.
fn remove_left_behind() {
    let entries = std::fs::read_dir("/dev/shm").expect("Linux has it");
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let owner = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.split('-').next());
        let owner = owner.and_then(|number| number.parse::<u32>().ok());
        if owner.is_some_and(|number| !Path::new(&format!("/proc/{number}")).exists()) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        static FIRST: Once = Once::new();
        FIRST.call_once(remove_left_behind);
        let path = PathBuf::from(format!("/dev/shm/{PREFIX}{}-{name}", std::process::id()));
        std::fs::create_dir(&path).expect("a new directory in /dev/shm");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, private).expect("its owner may");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The names of the files that stand there now.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the directory is there");
        entries
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
