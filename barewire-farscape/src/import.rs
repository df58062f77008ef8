//! Headers of C libraries, read as the machine's own compiler sees them.

use std::collections::HashSet;
use std::fmt;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::Arc;

use barewire_schema::c::{
    CType, Declaration, Dialect, Document, EnumDefinition, FunctionSignature, Pass, Returns,
    StructDefinition, Tokens,
};

use crate::error::{Error, ErrorKind, Result};

/// How headers are read.
///
/// ```
/// use barewire_farscape::Import;
/// let c = Import::new().header("stdlib.h").read()?;
/// let div = c.structs().find(|found| found.name() == "div_t").expect("the C library has it");
/// assert_eq!(div.layout().map(|layout| layout.size), Ok(8));
/// assert!(c.functions().any(|found| found.prototype() == "int abs(int __x)"));
/// # Ok::<(), barewire_farscape::Error>(())
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "an import does nothing until `read`"]
pub struct Import {
    headers: Vec<String>,
    arguments: Vec<String>,
    compiler: Option<String>,
}

/// What is not taken from a header, and why.
#[derive(Debug, Clone)]
pub struct Missing {
    /// Its name, as far as it is known.
    pub name: String,
    /// Where it stands.
    pub file: String,
    /// The line there.
    pub line: u32,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}`: {}", self.file, self.line, self.name, self.reason)
    }
}

/// A declaration, and the file that it stands in.
#[derive(Debug, Clone)]
struct Found {
    declaration: Declaration,
    file: String,
}

/// What headers declare.
#[derive(Debug, Clone)]
pub struct Imported {
    found: Vec<Found>,
    missing: Vec<Missing>,
}

impl Import {
    /// No headers as yet, and the compiler that `CC` names, or `cc`.
    pub fn new() -> Self {
        Self::default()
    }

    /// One more header, as it stands in `#include <..>`; they are read in this order.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.headers.push(name.into());
        self
    }

    /// One more argument for the compiler, such as `-I/opt/include` or `-DNAME`.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// The compiler.
    pub fn compiler(mut self, path: impl Into<String>) -> Self {
        self.compiler = Some(path.into());
        self
    }

    /// The text that the compiler would read.
    fn preprocessed(&self) -> Result<String> {
        let compiler = self.compiler.clone();
        let compiler = compiler.or_else(|| std::env::var("CC").ok()).unwrap_or("cc".to_owned());
        let subject = self.headers.join(", ");
        let failed = |told: &dyn fmt::Display| Error::io(&subject, &compiler, told);
        let mut child = Command::new(&compiler)
            .args(&self.arguments)
            .args(["-E", "-x", "c", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(&error))?;
        let mut text = String::new();
        for header in &self.headers {
            if header.contains(['\n', '>', '"']) {
                return Err(failed(&"a header's name has no quotes, brackets or lines"));
            }
            text += &format!("#include <{header}>\n");
        }
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes()).map_err(|error| failed(&error))?;
        }
        let output = child.wait_with_output().map_err(|error| failed(&error))?;
        if !output.status.success() {
            let told = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(Error::new(ErrorKind::NotFound, subject, told));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Reads the headers, and all that they include.
    ///
    /// # Errors
    ///
    /// `NotFound` with what the compiler says, `Io` if there is no compiler, `InvalidValue` if its
    /// output has no tokens of C. What is not understood is no error: it is
    /// [`missing`](Imported::missing).
    pub fn read(&self) -> Result<Imported> {
        let text = self.preprocessed()?;
        let tokens = Tokens::of_text(&text).map_err(|error| {
            Error::new(ErrorKind::InvalidValue, self.headers.join(", "), error.to_string())
        })?;
        let document = Document::read(&tokens, Dialect::Header);
        let place = |token: usize| {
            let token = tokens.list.get(token);
            let file = token.and_then(|token| tokens.files.get(token.file as usize));
            (file.cloned().unwrap_or_default(), token.map_or(0, |token| token.line))
        };
        let found = document
            .items
            .into_iter()
            .map(|item| Found { file: place(item.token).0, declaration: item.declaration });
        let missing = document.left_out.into_iter().map(|left| {
            let (file, line) = place(left.token);
            Missing { name: left.name, file, line, reason: left.error.to_string() }
        });
        Ok(Imported { found: found.collect(), missing: missing.collect() })
    }
}

impl Imported {
    /// The structs and unions, each once, in order.
    pub fn structs(&self) -> impl Iterator<Item = &Arc<StructDefinition>> {
        self.structs_of("")
    }

    /// The structs and unions that a file declares whose path ends so.
    pub fn structs_of(&self, file: &str) -> impl Iterator<Item = &Arc<StructDefinition>> {
        let mut seen = HashSet::new();
        self.found.iter().filter_map(move |found| match &found.declaration {
            Declaration::Struct(made)
                if found.file.ends_with(file) && seen.insert(made.c_name()) =>
            {
                Some(made)
            }
            _ => None,
        })
    }

    /// The enums that have a name, in order.
    pub fn enums(&self) -> impl Iterator<Item = &Arc<EnumDefinition>> {
        self.found.iter().filter_map(|found| match &found.declaration {
            Declaration::Enum(made) => Some(made),
            _ => None,
        })
    }

    /// The names for types, in order.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &CType)> {
        self.found.iter().filter_map(|found| match &found.declaration {
            Declaration::Alias { name, ty } => Some((name.as_str(), ty)),
            _ => None,
        })
    }

    /// The functions, each once, in order. Their pointers say nothing as yet.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<FunctionSignature>> {
        self.functions_of("")
    }

    /// The functions that a file declares whose path ends so.
    pub fn functions_of(&self, file: &str) -> impl Iterator<Item = &Arc<FunctionSignature>> {
        let mut seen = HashSet::new();
        self.found.iter().filter_map(move |found| match &found.declaration {
            Declaration::Function(function)
                if found.file.ends_with(file) && seen.insert(function.name().to_owned()) =>
            {
                Some(function)
            }
            _ => None,
        })
    }

    /// What is not taken, and why.
    #[must_use]
    pub fn missing(&self) -> &[Missing] {
        &self.missing
    }

    /// What a person has to know: how much was taken, which pointers need a word, what is missing.
    ///
    /// Only of files whose path ends so.
    #[must_use]
    pub fn report(&self, file: &str) -> String {
        let functions: Vec<_> = self.functions_of(file).collect();
        let mut text =
            format!("{} functions, {} structs\n", functions.len(), self.structs().count());
        for function in functions {
            let silent = |pass: &Pass| *pass == Pass::Unstated;
            let names = function.parameters().iter().filter(|one| silent(&one.pass));
            let mut names: Vec<&str> = names.map(|one| one.name.as_str()).collect();
            if *function.returned() == Returns::Unstated {
                names.push("the result");
            }
            let need = match names.as_slice() {
                [] if function.is_variadic() => " // `...` cannot be called".to_owned(),
                [] => String::new(),
                names => format!(" // say what these mean: {}", names.join(", ")),
            };
            text += &format!("{};{need}\n", function.prototype());
        }
        for missing in self.missing.iter().filter(|missing| missing.file.ends_with(file)) {
            text += &format!("// left out: {missing}\n");
        }
        text
    }
}
