//! Segments without a name: sealed memory that goes from process to process as a descriptor.
//!
//! The memory is a file that no directory knows, and whose length nobody can change any more: so no
//! process, however hostile, can take away what another has mapped. It lasts for as long as anybody
//! has a descriptor or a mapping of it.
//!
//! Locks, and with them who is alive, belong to an open file. A descriptor that is handed over must
//! not share one with its giver: the giver opens the file anew for each, so that nobody can give
//! back a lock of the giver's; and who gets one opens it anew, so that a copy that stays elsewhere
//! does not keep its locks.

use std::os::fd::OwnedFd;

use super::{Place, Plan, Segment, Sweep};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::file;

impl Segment {
    /// Attaches to a segment behind a descriptor, which may be anything.
    pub(super) fn open_handed(plan: &Plan<'_>, sweep: Sweep<'_>) -> Result<Self> {
        let Place::Descriptor(handed) = &plan.place else {
            let detail = "has no name, so it can be opened by a descriptor alone";
            return Err(Error::new(ErrorKind::InvalidArgument, plan.name, detail));
        };
        let untrusted = |detail| Err(Error::new(ErrorKind::Untrusted, plan.name, detail));
        let facts = file::facts(handed).map_err(plan.fault("cannot examine the descriptor"))?;
        if !facts.regular || !file::is_sealed(handed) {
            return untrusted(
                "the descriptor is none of sealed memory, such as `share_descriptor` gives",
            );
        }
        let file = file::reopen(handed).map_err(plan.fault("cannot open the descriptor anew"))?;
        let again = file::facts(&file).map_err(plan.fault("cannot examine the descriptor"))?;
        if again.inode != facts.inode {
            return untrusted("/proc leads to another file than the descriptor");
        }
        let mut segment = Self::checked(plan, None, file, &again)?;
        segment.take_gate()?;
        segment.join(sweep)?;
        segment.leave_gate();
        Ok(segment)
    }

    /// A descriptor for another process.
    pub(crate) fn share(&self) -> Result<OwnedFd> {
        if self.directory.is_some() {
            let detail = "has a name: let the other process open it by that, or make it with \
                          `create_anonymous`";
            return Err(Error::new(ErrorKind::InvalidArgument, self.name(), detail));
        }
        let opened = file::reopen(&self.file);
        let fault = |error| Error::system(self.name(), "cannot open the memory anew", error);
        Ok(opened.map_err(fault)?.into())
    }
}
