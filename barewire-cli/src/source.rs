//! Where a schema comes from: a `.bare` file, a segment, or a recorded file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use barewire::schema::{Fingerprint, Link, Schema, Type};

use crate::failure::{Code, Failure, Outcome, of_file};
use crate::find::Place;
use crate::record;

/// A schema, and its last type as a segment of it would have it.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) schema: Schema,
    pub(crate) ty: Type,
}

impl Source {
    pub(crate) fn wire_id(&self) -> Fingerprint {
        self.ty.wire_id()
    }

    pub(crate) fn layout_id(&self) -> Fingerprint {
        self.ty.layout_id()
    }

    pub(crate) fn of_text(name: &str, text: &str) -> Outcome<Self> {
        let schema = Schema::read(name.to_owned(), text).map_err(|errors| {
            let told: Vec<String> =
                errors.all().iter().map(|one| format!("{name}:{one}")).collect();
            Failure::new(Code::No, told.join("\n"))
        })?;
        let definition = Some(Link::from(schema.root().clone()));
        let ty = Type::User { name: schema.root_name().to_owned().into(), definition };
        Ok(Self { schema, ty })
    }

    /// The schema that `source` names: a file if there is one of that path, else a segment.
    pub(crate) fn find(place: &Place, source: &str) -> Outcome<Self> {
        let path = Path::new(source);
        if !path.is_file() {
            if source.contains('/') || source.ends_with(".bare") {
                return Err(Failure::new(Code::NotFound, format!("{source}: no such file")));
            }
            let segment = place.open(source)?;
            return Ok(Self { schema: segment.schema().clone(), ty: segment.ty().clone() });
        }
        let fault = |error| of_file(path, &error);
        let mut bytes = Vec::new();
        File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(fault)?;
        if bytes.starts_with(&record::MAGIC) {
            let reader = record::Reader::new(bytes.as_slice()).map_err(fault)?;
            let schema = reader.schema().clone();
            return Ok(Self { ty: reader.ty().clone(), schema });
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Failure::new(Code::Unfit, format!("{source}: is no text")))?;
        Self::of_text(source, &text)
    }
}
