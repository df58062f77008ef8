//! `barewire doctor`: what is wrong in the directory of segments, and what can be mended.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use barewire::ErrorKind;
use barewire::inspect::{Inspected, What, remove};
use barewire::segment::Directory;
use serde_json::{Value as Json, json};

use crate::failure::{Failure, Outcome};
use crate::find::Place;
use crate::json;

/// Something that was found.
struct Finding {
    subject: String,
    what: String,
    /// What would mend it; `None` if nothing need be done.
    remedy: Option<&'static str>,
    mended: bool,
}

impl Finding {
    fn is_problem(&self) -> bool {
        self.remedy.is_some() && !self.mended
    }
}

pub(crate) fn run(place: &Place, fix: bool, as_json: bool) -> Outcome {
    let findings = examine(place.path(), fix)?;
    if as_json {
        let list = findings.iter().map(|found| {
            json!({
                "subject": found.subject,
                "found": found.what,
                "remedy": found.remedy,
                "mended": found.mended,
                "problem": found.is_problem(),
            })
        });
        json::pretty(&Json::Array(list.collect()))?;
    } else {
        let mut out = std::io::stdout().lock();
        for Finding { subject, what, remedy, mended } in &findings {
            let then = match remedy {
                _ if *mended => ": mended".to_owned(),
                Some(remedy) => format!("; {remedy}"),
                None => String::new(),
            };
            writeln!(out, "{subject}: {what}{then}")?;
        }
        if !findings.iter().any(Finding::is_problem) {
            writeln!(out, "{}: nothing is wrong", place.path().display())?;
        }
    }
    if findings.iter().any(Finding::is_problem) { Err(Failure::no()) } else { Ok(()) }
}

const WITH_FIX: &str = "`barewire doctor --fix` mends it";

fn examine(path: &Path, fix: bool) -> Outcome<Vec<Finding>> {
    let mut findings = Vec::new();
    let shown = path.display().to_string();
    let directory = match Directory::existing(path) {
        Ok(Some(directory)) => directory,
        Ok(None) => {
            let what = "does not exist; the first segment makes it".to_owned();
            findings.push(Finding { subject: shown, what, remedy: None, mended: false });
            return Ok(findings);
        }
        Err(error) if error.kind() == ErrorKind::Untrusted => {
            let mended = fix && close_to_others(path, 0o700);
            let what = error.to_string();
            let what = what.strip_prefix(&format!("{shown}: ")).unwrap_or(&what).to_owned();
            let remedy = Some(if is_own_directory(path) {
                WITH_FIX
            } else {
                "name a directory of your own in BAREWIRE_DIR"
            });
            findings.push(Finding { subject: shown, what, remedy, mended });
            match Directory::existing(path) {
                Ok(Some(directory)) => directory,
                _ => return Ok(findings),
            }
        }
        Err(error) => return Err(error.into()),
    };
    for entry in barewire::inspect::entries(&directory)? {
        let found = match &entry.what {
            What::Segment(segment) => of_segment(&directory, segment, fix),
            What::Pipe { alive: false } => {
                let mended = fix && remove(&directory, &entry.name, false).is_ok();
                Some(("is the socket of a server that is dead".to_owned(), Some(WITH_FIX), mended))
            }
            What::Pipe { alive: true } | What::Fifo => None,
            What::Foreign(error) => Some(of_foreign(&directory, &entry.name, error, fix)),
        };
        if let Some((what, remedy, mended)) = found {
            findings.push(Finding { subject: entry.name, what, remedy, mended });
        }
    }
    Ok(findings)
}

type Found = (String, Option<&'static str>, bool);

fn of_segment(directory: &Directory, segment: &Inspected, fix: bool) -> Option<Found> {
    let people = segment.participants();
    let dead = people.iter().filter(|one| !one.alive).count();
    if segment.contents().is_none() {
        let what = "has a header whose numbers do not fit together".to_owned();
        return Some((what, Some("`barewire rm` removes it once nobody uses it"), false));
    }
    if people.len() == dead {
        let mended = fix && remove(directory, segment.name(), false).is_ok();
        let what = format!("nobody alive is attached to it ({dead} died)");
        return Some((what, Some(WITH_FIX), mended));
    }
    // Whoever meets them gives back what they held.
    let what = format!("{dead} dead, whose places the living take over by themselves");
    (dead > 0).then_some((what, None, false))
}

fn of_foreign(directory: &Directory, name: &str, error: &barewire::Error, fix: bool) -> Found {
    let what = error.to_string();
    let what = what.strip_prefix(&format!("{name}: ")).unwrap_or(&what).to_owned();
    let path = directory.path().join(name);
    if error.kind() == ErrorKind::Untrusted && is_open_segment(&path) {
        return (what, Some(WITH_FIX), fix && close_to_others(&path, 0o600));
    }
    (what, Some("it is none of ours: look at it, and remove it yourself"), false)
}

fn is_own_directory(path: &Path) -> bool {
    let own =
        |facts: fs::Metadata| facts.is_dir() && facts.uid() == rustix::process::geteuid().as_raw();
    path.symlink_metadata().is_ok_and(own)
}

/// Whether it is a file of this user that begins as a segment does.
fn is_open_segment(path: &Path) -> bool {
    let own =
        |facts: fs::Metadata| facts.is_file() && facts.uid() == rustix::process::geteuid().as_raw();
    let mut magic = [0; 8];
    path.symlink_metadata().is_ok_and(own)
        && fs::File::open(path).is_ok_and(|mut file| file.read_exact(&mut magic).is_ok())
        && magic == *b"BAREWIRE"
}

/// Takes the rights of others away; whether that was done.
fn close_to_others(path: &Path, mode: u32) -> bool {
    let own = |facts: fs::Metadata| {
        !facts.is_symlink() && facts.uid() == rustix::process::geteuid().as_raw()
    };
    path.symlink_metadata().is_ok_and(own)
        && fs::set_permissions(path, Permissions::from_mode(mode)).is_ok()
}
