//! `barewire emit`: a schema as declarations of another language.

mod rust;

use std::io::Write;

use barewire::farscape::c_header;

use crate::args::Language;
use crate::failure::{Code, Failure, Outcome};
use crate::find::Place;
use crate::source::Source;

pub(crate) fn run(place: &Place, source: &str, language: Language) -> Outcome {
    let found = Source::find(place, source)?;
    let text = match language {
        Language::Bare => found.schema.to_string(),
        Language::Rust => rust::emit(&found.schema),
        Language::C => {
            let name = std::path::Path::new(source).file_stem();
            let name = name.map_or_else(|| source.into(), |name| name.to_string_lossy());
            c_header(&name, &found.schema)
                .map_err(|error| Failure::new(Code::Unfit, error.to_string()))?
        }
    };
    Ok(std::io::stdout().write_all(text.as_bytes())?)
}
