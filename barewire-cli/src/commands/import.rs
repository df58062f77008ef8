//! `barewire import`: a header of C, as BARE.

use std::io::Write;
use std::path::Path;

use barewire::farscape::{ErrorKind, Import};
use serde_json::json;

use crate::failure::{Code, Failure, Outcome};
use crate::json;

pub(crate) fn run(header: &str, arguments: &[String], as_json: bool) -> Outcome {
    // As a file if there is one; else the compiler looks for it.
    let (name, file) = match Path::new(header).canonicalize() {
        Ok(path) if path.is_file() => (path.display().to_string(), path.display().to_string()),
        _ => (header.to_owned(), format!("/{header}")),
    };
    let mut import = Import::new().header(name);
    for argument in arguments {
        import = import.argument(argument);
    }
    let found = import.read().map_err(|error| {
        let code = match error.kind() {
            ErrorKind::NotFound => Code::NotFound,
            ErrorKind::InvalidValue => Code::Unfit,
            _ => Code::System,
        };
        Failure::new(code, error.to_string())
    })?;
    let schemas: Vec<(String, Result<String, String>)> = found
        .structs_of(&file)
        .map(|one| {
            let schema = one.schema().map(|schema| schema.to_string());
            (one.name().to_owned(), schema.map_err(|error| error.to_string()))
        })
        .collect();
    if as_json {
        let functions = found.functions_of(&file).map(|one| one.prototype());
        let missing = found.missing().iter().filter(|one| one.file.ends_with(&file));
        return json::pretty(&json!({
            "functions": functions.collect::<Vec<_>>(),
            "structs": schemas.iter().map(|(name, schema)| json!({
                "name": name,
                "schema": schema.as_ref().ok(),
                "error": schema.as_ref().err(),
            })).collect::<Vec<_>>(),
            "missing": missing.map(|one| json!({
                "name": one.name,
                "file": one.file,
                "line": one.line,
                "reason": one.reason,
            })).collect::<Vec<_>>(),
        }));
    }
    let mut out = std::io::stdout().lock();
    for (name, schema) in &schemas {
        match schema {
            Ok(text) => writeln!(out, "# {name}\n{text}")?,
            Err(error) => writeln!(out, "# {name}: no BARE: {error}\n")?,
        }
    }
    for line in found.report(&file).lines() {
        writeln!(out, "# {line}")?;
    }
    Ok(())
}
