//! Text that is put together in const functions, for messages at compile time.

/// The longest message; a longer one is cut.
const MAX_MESSAGE_BYTES: usize = 512;

/// Text that is put together in a const function.
#[derive(Clone, Copy)]
pub(crate) struct Message {
    bytes: [u8; MAX_MESSAGE_BYTES],
    len: usize,
}

impl Message {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; MAX_MESSAGE_BYTES], len: 0 }
    }

    pub(crate) const fn push(mut self, part: &str) -> Self {
        let part = part.as_bytes();
        let mut at = 0;
        while at < part.len() && self.len < MAX_MESSAGE_BYTES {
            self.bytes[self.len] = part[at];
            self.len += 1;
            at += 1;
        }
        self
    }

    pub(crate) const fn number(self, number: u64) -> Self {
        let digit = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"][(number % 10) as usize];
        let before = if number < 10 { self } else { self.number(number / 10) };
        before.push(digit)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn text(&self) -> &str {
        let (bytes, _) = self.bytes.split_at(self.len);
        match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(_) => "a part of the type",
        }
    }
}
