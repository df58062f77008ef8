//! How often to look at lines that others are writing.
//!
//! Who looks at such a line slows its writer down. In a stream it is better to let some messages
//! come together: whoever has found none looks nowhere for a breath.

/// A message that is found after fewer looks than this is one of a stream; and a stream is over
/// when so many looks have found nothing.
const NEAR: u32 = 4;
/// How many pauses a breath has.
const BREATH: u32 = 32;

/// Whether what one looks for comes in a stream.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// How many looks since the last message have found nothing.
    misses: u32,
    /// How many of the next ones shall be followed by a breath: none if messages are far apart.
    breaths: u32,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { misses: NEAR, breaths: 0 }
    }

    /// A look has found something.
    #[inline(always)]
    pub(crate) fn found(&mut self) {
        if self.misses < NEAR {
            self.breaths = NEAR;
        }
        self.misses = 0;
    }

    /// A look has found nothing; whether to [breathe] before the next one.
    #[inline(always)]
    pub(crate) fn missed(&mut self) -> bool {
        // That it wraps costs a stream that begins just then its first breaths.
        self.misses = self.misses.wrapping_add(1);
        let breathes = self.breaths > 0;
        self.breaths -= u32::from(breathes);
        breathes
    }
}

/// Looks nowhere for a moment.
#[cold]
pub(crate) fn breathe() {
    for _ in 0..BREATH {
        std::hint::spin_loop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_begins_with_messages_close_together_and_ends_with_misses() {
        let mut pace = Pace::new();
        pace.found();
        assert!(!pace.missed(), "one message is no stream");
        pace.found();
        let breaths = (0..10).take_while(|_| pace.missed()).count();
        assert_eq!(breaths, NEAR as usize, "two within a few looks are one, for so long");
        pace.found();
        assert!(!pace.missed(), "a message after many looks is none");
    }
}
