//! Files that a macro reads: found as `include_str!` finds them, and built anew on a change.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::LitStr;

use crate::check::error;

/// A file that was read.
pub(crate) struct File {
    /// Its name where it is written.
    pub(crate) name: LitStr,
    path: PathBuf,
    pub(crate) text: String,
}

impl File {
    /// Reads the file of that name.
    pub(crate) fn read(name: &LitStr) -> syn::Result<Self> {
        let folders: Vec<PathBuf> = beside(name.span()).into_iter().chain(crate_folder()).collect();
        let mut fault = None;
        for folder in &folders {
            let path = folder.join(name.value());
            match std::fs::read_to_string(&path) {
                Ok(text) => return Ok(Self { name: name.clone(), path, text }),
                // What is there and cannot be read says more than what is not there.
                Err(cause) if cause.kind() == ErrorKind::NotFound => {}
                Err(cause) => fault = fault.or(Some(cause)),
            }
        }
        let cause = fault.map_or("there is no such file", |cause| why(&cause));
        let message = format!("`{}` cannot be read: {cause}", name.value());
        Err(error(name, &message, &suggestion(&folders, &name.value())))
    }

    /// Code that makes the compiler look at the file again when it changes.
    pub(crate) fn tracked(&self, core: &TokenStream) -> TokenStream {
        let path = self.path.display().to_string();
        let span = self.name.span();
        quote_spanned!(span=> const _: &#core::primitive::str = #core::include_str!(#path);)
    }
}

/// The folder of the source file that a span is in, as far as the compiler tells it.
fn beside(span: Span) -> Option<PathBuf> {
    if !proc_macro::is_available() {
        return None;
    }
    let source = std::path::absolute(span.unwrap().local_file()?).ok()?;
    source.parent().map(Path::to_path_buf)
}

/// The folder of Cargo.toml.
fn crate_folder() -> Option<PathBuf> {
    std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from)
}

fn why(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        ErrorKind::PermissionDenied => "it may not be read",
        ErrorKind::IsADirectory => "it is a folder",
        ErrorKind::InvalidData => "it is not UTF-8",
        _ => "the system refuses it",
    }
}

/// Where the file is looked for, and what lies there instead.
fn suggestion(folders: &[PathBuf], wanted: &str) -> String {
    let place = "a path starts at the folder of this source file, or at that of Cargo.toml";
    let wanted = Path::new(wanted);
    let parent = wanted.parent().unwrap_or(Path::new(""));
    let mut names: Vec<String> = Vec::new();
    for folder in folders {
        let entries = std::fs::read_dir(folder.join(parent)).into_iter().flatten().flatten();
        let found = entries.filter_map(|entry| entry.file_name().into_string().ok());
        names.extend(found.filter(|name| name.ends_with(".bare")));
    }
    names.sort();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    let wanted = wanted.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match crate::names::nearest(wanted, &known) {
        Some(guess) => format!("did you mean `{guess}`? ({place})"),
        None => place.to_owned(),
    }
}
