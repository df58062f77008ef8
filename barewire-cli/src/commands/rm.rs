//! `barewire rm`: segments that nobody uses.

use barewire::inspect::remove;

use crate::failure::{Failure, Outcome};
use crate::find::Place;

pub(crate) fn run(place: &Place, names: &[String], force: bool) -> Outcome {
    for name in names {
        let directory = place.of(name)?;
        remove(&directory, name, force).map_err(|error| {
            let missing = error.is_not_found();
            let failure = Failure::from(error);
            if missing {
                return place.suggest(failure, &directory, name);
            }
            failure.help("`--force` removes the name all the same; those attached go on without it")
        })?;
    }
    Ok(())
}
