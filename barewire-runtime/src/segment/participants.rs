//! Who is attached: one entry each, and one lock that only a living process can hold.
//!
//! An entry's state is `epoch × 2 + attached`. Its holder sets it after it has the lock of the
//! entry's byte and clears it before it gives the lock back, so *attached and not locked* means
//! dead, with the kernel as the witness. A dead participant is swept by whoever meets it, perhaps
//! by several at once; only then is its entry free again, with the next epoch.

use std::sync::atomic::Ordering;

use super::header::{
    ALIVE_BYTE, MAX_PARTICIPANTS, PARTICIPANT_BYTES, PARTICIPANT_INCARNATION, PARTICIPANT_PROCESS,
    PARTICIPANT_STATE, PARTICIPANTS_AT,
};
use super::{Segment, Sweep};
use crate::error::{Error, ErrorKind, Result};
use crate::sys::{self, lock};

pub(super) const ATTACHED: u64 = 1;

pub(super) fn entry(index: usize) -> usize {
    PARTICIPANTS_AT + index * PARTICIPANT_BYTES
}

impl Segment {
    fn state(&self, index: usize) -> u64 {
        self.map.u64(entry(index) + PARTICIPANT_STATE).load(Ordering::SeqCst)
    }

    /// Takes an entry, sweeping its last holder first if that one died.
    pub(super) fn join(&mut self, sweep: Sweep<'_>) -> Result<()> {
        let fault = |error| Error::system(&self.name, "cannot attach to the segment", error);
        let incarnation = sys::random_u128().map_err(fault)?;
        for index in 0..MAX_PARTICIPANTS {
            let before = self.state(index);
            if before & ATTACHED != 0 {
                if !self.is_released(index, before) {
                    continue;
                }
                // Before the lock is taken: whoever holds it looks alive, so one that stands still
                // with it and has not swept yet would hide from all others what the dead held.
                self.sweep(index, before, sweep);
            }
            let alive = ALIVE_BYTE + index as u64;
            if !lock::try_lock(&self.file, alive, 1).map_err(fault)? {
                continue;
            }
            if self.state(index) & ATTACHED != 0 {
                // Somebody has lived and died here meanwhile.
                lock::unlock(&self.file, alive, 1).map_err(fault)?;
                continue;
            }
            // This handle holds the lock, so nobody else starts a life here; a sweeper may only
            // clear the life that has just been cleared.
            let life = (self.state(index) | ATTACHED).wrapping_add(2);
            let words = entry(index);
            let [low, high] = [incarnation as u64, (incarnation >> 64) as u64];
            let set = |at: usize, value: u64| {
                self.map.u64(words + at).store(value, Ordering::Relaxed);
            };
            set(PARTICIPANT_INCARNATION, low);
            set(PARTICIPANT_INCARNATION + 8, high);
            set(PARTICIPANT_PROCESS, u64::from(std::process::id()));
            self.map.u64(words + PARTICIPANT_STATE).store(life, Ordering::SeqCst);
            self.index = index as u8;
            self.incarnation = incarnation;
            return Ok(());
        }
        let detail = format!("{MAX_PARTICIPANTS} participants are attached, which is the limit");
        Err(Error::new(ErrorKind::TooManyParticipants, &*self.name, detail))
    }

    /// Sweeps every participant that has died; whether there was any.
    pub(crate) fn recover(&self, sweep: Sweep<'_>) -> bool {
        let mut any = false;
        for index in 0..MAX_PARTICIPANTS {
            let state = self.state(index);
            if state & ATTACHED != 0 && self.is_dead(index, state) {
                self.sweep(index, state, sweep);
                any = true;
            }
        }
        any
    }

    fn is_dead(&self, index: usize, state: u64) -> bool {
        index != usize::from(self.index) && self.is_released(index, state)
    }

    /// Whether nobody else holds the lock of an entry, which still is in that state.
    fn is_released(&self, index: usize, state: u64) -> bool {
        lock::held_by_other(&self.file, ALIVE_BYTE + index as u64, 1).is_ok_and(|held| !held)
            && self.state(index) == state
    }

    fn sweep(&self, index: usize, life: u64, sweep: Sweep<'_>) {
        sweep(self, index as u8, &|| self.state(index) == life);
        // Fails if another sweeper was faster, which is as good.
        let word = self.map.u64(entry(index) + PARTICIPANT_STATE);
        let _ = word.compare_exchange(life, life & !1, Ordering::SeqCst, Ordering::SeqCst);
    }

    /// Ends this handle's own life, after its holdings were given back.
    pub(super) fn free_own_entry(&self) {
        let word = self.map.u64(entry(usize::from(self.index)) + PARTICIPANT_STATE);
        word.fetch_and(!ATTACHED, Ordering::SeqCst);
    }
}
