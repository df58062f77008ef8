//! What a caller tells a worker when it starts it, as text: a line for each fact.

use barewire_runtime::ipc::Wait;

use crate::sandbox::Sandbox;

/// The longest such text.
pub(crate) const MAX_HELLO: usize = 64 << 10;

/// What a worker needs to know.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The name of a library that the program knows; empty if only prototypes say what there is.
    pub(crate) library: String,
    /// The files of the library; none if the program is linked with it.
    pub(crate) files: Vec<String>,
    /// Prototypes of functions that are known only at run time.
    pub(crate) prototypes: Vec<String>,
    pub(crate) wait: Wait,
    pub(crate) sandbox: Sandbox,
}

impl Hello {
    pub(crate) fn write(&self) -> String {
        let mut text = String::new();
        let mut line = |key: &str, value: &str| {
            // A line ends a fact; a name with a line end in it is no name of ours.
            let value = value.replace(['\n', '\r'], " ");
            text.push_str(&format!("{key} {value}\n"));
        };
        line("library", &self.library);
        self.files.iter().for_each(|file| line("file", file));
        self.prototypes.iter().for_each(|prototype| line("prototype", prototype));
        line(
            "wait",
            match self.wait {
                Wait::Spin => "spin",
                Wait::SpinThenPark => "both",
                Wait::Park => "sleep",
            },
        );
        for (key, value) in self.sandbox.lines() {
            line(key, &value);
        }
        text
    }

    pub(crate) fn read(text: &str) -> Self {
        let mut hello = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "library" => value.clone_into(&mut hello.library),
                "file" => hello.files.push(value.to_owned()),
                "prototype" => hello.prototypes.push(value.to_owned()),
                "wait" => {
                    hello.wait = match value {
                        "spin" => Wait::Spin,
                        "sleep" => Wait::Park,
                        _ => Wait::SpinThenPark,
                    };
                }
                key => hello.sandbox.read(key, value),
            }
        }
        hello
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_understood() {
        let hello = Hello {
            library: "Zlib".to_owned(),
            files: vec!["libz.so.1".to_owned(), "a b".to_owned()],
            prototypes: vec!["int abs(int n)".to_owned()],
            wait: Wait::Spin,
            sandbox: Sandbox::strict().memory_bytes(1 << 30).read_only("/usr share"),
        };
        assert_eq!(Hello::read(&hello.write()), hello);
    }
}
