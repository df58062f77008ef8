//! Files that a macro reads: found from the folder of the crate, and built anew when they change.

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
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
        let root = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).unwrap_or_default();
        let path = root.join(name.value());
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(Self { name: name.clone(), path, text }),
            Err(cause) => {
                let message = format!("`{}` cannot be read: {}", name.value(), why(&cause));
                Err(error(name, &message, &suggestion(&root, &path)))
            }
        }
    }

    /// Code that makes the compiler look at the file again when it changes.
    pub(crate) fn tracked(&self, core: &TokenStream) -> TokenStream {
        let path = self.path.display().to_string();
        let span = self.name.span();
        quote_spanned!(span=> const _: &#core::primitive::str = #core::include_str!(#path);)
    }
}

fn why(cause: &std::io::Error) -> &'static str {
    match cause.kind() {
        std::io::ErrorKind::NotFound => "there is no such file",
        std::io::ErrorKind::PermissionDenied => "it may not be read",
        std::io::ErrorKind::IsADirectory => "it is a folder",
        std::io::ErrorKind::InvalidData => "it is not UTF-8",
        _ => "the system refuses it",
    }
}

/// Where the file is looked for, and what lies there instead.
fn suggestion(root: &Path, path: &Path) -> String {
    let place = "a path starts at the folder of Cargo.toml";
    let folder = path.parent().unwrap_or(root);
    let entries = std::fs::read_dir(folder).map(Iterator::flatten).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| name.ends_with(".bare")).collect();
    names.sort();
    let wanted = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let known: Vec<&str> = names.iter().map(String::as_str).collect();
    match crate::names::nearest(wanted, &known) {
        Some(guess) => format!("did you mean `{guess}`? {place}"),
        None => place.to_owned(),
    }
}
