//! Finding segments by name, and saying which name may have been meant.

use std::path::{Path, PathBuf};

use barewire::inspect::{Entry, Inspected, entries};
use barewire::schema::words::nearest;
use barewire::segment::Directory;

use crate::failure::{Code, Failure, Outcome};

/// Where segments are looked for.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    path: PathBuf,
}

impl Place {
    /// The directory that was named, or the standard one.
    pub(crate) fn new(named: Option<PathBuf>) -> Self {
        Self { path: named.unwrap_or_else(Directory::standard_path) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The directory, if there is one.
    pub(crate) fn directory(&self) -> Outcome<Option<Directory>> {
        Ok(Directory::existing(&self.path)?)
    }

    /// Everything in it.
    pub(crate) fn entries(&self) -> Outcome<Vec<Entry>> {
        match self.directory()? {
            Some(directory) => Ok(entries(&directory)?),
            None => Ok(Vec::new()),
        }
    }

    /// The directory that must hold a segment of that name.
    pub(crate) fn of(&self, name: &str) -> Outcome<Directory> {
        let absent = || {
            let told = format!("{name}: there are no segments at all: no {}", self.path.display());
            Failure::new(Code::NotFound, told)
        };
        self.directory()?.ok_or_else(absent)
    }

    /// A look at a segment, whether or not anybody is attached to it.
    pub(crate) fn open(&self, name: &str) -> Outcome<Inspected> {
        let directory = self.of(name)?;
        Inspected::open(&directory, name).map_err(|error| {
            let missing = error.is_not_found();
            let failure = Failure::from(error);
            if missing { self.suggest(failure, &directory, name) } else { failure }
        })
    }

    /// The failure, with the name that may have been meant.
    pub(crate) fn suggest(&self, failure: Failure, directory: &Directory, name: &str) -> Failure {
        let found = entries(directory).unwrap_or_default();
        let names: Vec<&str> = found.iter().map(|entry| entry.name.as_str()).collect();
        match nearest(name, &names) {
            Some(near) => failure.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => failure.help(format!("{} is empty", self.path.display())),
            None => failure.help("`barewire ls` lists all that there are"),
        }
    }
}

/// Whether somebody alive is attached, and others can find it.
pub(crate) fn is_live(segment: &Inspected) -> bool {
    !segment.is_removed() && segment.participants().iter().any(|one| one.alive)
}
