//! The frames of a pipe, and the reader that finds them in whatever pieces octets come; no I/O.
//!
//! All that goes through a pipe, a FIFO or a file of values is frames, one behind the other:
//!
//! ```text
//!  octet  0          4      5       6        8
//!         +----------+------+-------+--------+--------------------------+
//!         |  length  | kind | files |   0    |  body: `length` octets   |
//!         +----------+------+-------+--------+--------------------------+
//!
//!  length   of the body, without these eight octets; little-endian
//!  kind     1  hello     who speaks, and of what; see `handshake`
//!           2  verdict   whether the other side's hello is accepted
//!           3  message   a value in BARE, or the last part of one
//!           4  part      a part of a value that goes on in the next frame
//!  files    how many file descriptors belong to the message; they come with its first octet
//! ```
//!
//! A stream begins with a hello. In a FIFO, which has one writer after another, another may come
//! later; there, every frame is so small that the kernel takes it whole or not at all, so that a
//! writer that is killed leaves a message that breaks off between two frames.

use std::ops::Range;

/// The octets before a body.
pub(super) const HEADER_BYTES: usize = 8;
/// The largest message if nothing else is configured, in octets of BARE.
pub const DEFAULT_MESSAGE_BYTES: usize = 16 << 20;
/// The largest message that can be configured, in octets of BARE.
pub const MAX_MESSAGE_BYTES: usize = 1 << 30;
/// The largest hello: two schemas, and a little more.
pub(super) const MAX_HELLO_BYTES: usize = 2 * MAX_SCHEMA_BYTES + 1024;
/// The longest text of a schema that a hello carries.
pub(super) const MAX_SCHEMA_BYTES: usize = 1 << 18;
/// The largest verdict.
pub(super) const MAX_VERDICT_BYTES: usize = 1 << 13;
/// How many octets are read at once, if so many are there and no message is larger.
pub(super) const READ_AHEAD_BYTES: usize = 64 << 10;

const _: () = assert!(MAX_MESSAGE_BYTES <= u32::MAX as usize);
const _: () = assert!(MAX_HELLO_BYTES + HEADER_BYTES < DEFAULT_MESSAGE_BYTES);

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hello = 1,
    Verdict = 2,
    Message = 3,
    Part = 4,
}

/// The eight octets before a body.
pub(super) fn header(kind: Kind, length: usize, files: usize) -> [u8; HEADER_BYTES] {
    // Both were checked against limits that fit.
    let length = (length as u32).to_le_bytes();
    let mut octets = [0; HEADER_BYTES];
    octets[..4].copy_from_slice(&length);
    octets[4] = kind as u8;
    octets[5] = files as u8;
    octets
}

/// Appends a whole frame.
pub(super) fn append(out: &mut Vec<u8>, kind: Kind, body: &[u8]) {
    out.extend_from_slice(&header(kind, body.len(), 0));
    out.extend_from_slice(body);
}

/// Why octets are no frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// They are none, and nobody knows where the next one begins.
    Malformed(String),
    /// A frame is larger than it may be.
    TooLarge { bytes: usize, most: usize },
    /// A message breaks off, and the stream of another writer begins.
    BrokenOff,
}

/// A frame that has come whole; its body is in the inbox until the next one is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) files: usize,
    body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Body {
    /// Here in the buffer.
    At(Range<usize>),
    /// In what was put together of parts.
    Together,
}

struct Head {
    kind: Kind,
    length: usize,
    files: usize,
}

/// The octets that have come and were not taken yet.
///
/// It has never more memory than twice what has come, or 64 KiB, or the largest message.
#[derive(Debug)]
pub(super) struct Inbox {
    buffer: Vec<u8>,
    /// What was not taken yet.
    start: usize,
    end: usize,
    largest: usize,
    most_files: usize,
    /// The parts of a message so far, or the message that was put together of them last.
    together: Vec<u8>,
    goes_on: bool,
}

impl Inbox {
    pub(super) fn new(largest: usize, most_files: usize) -> Self {
        let (buffer, together) = (Vec::new(), Vec::new());
        Self { buffer, start: 0, end: 0, largest, most_files, together, goes_on: false }
    }

    /// Whether nothing of a frame or of a message in parts is left without its end.
    pub(super) fn is_between_messages(&self) -> bool {
        self.start == self.end && !self.goes_on
    }

    /// Forgets whatever has come.
    pub(super) fn clear(&mut self) {
        (self.start, self.end, self.goes_on) = (0, 0, false);
    }

    fn held(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// The place for the octets that come next; call it when there is no whole frame.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let held = self.end - self.start;
        let whole = self.held().first_chunk().map_or(HEADER_BYTES, |octets| {
            let [a, b, c, d, ..]: [u8; HEADER_BYTES] = *octets;
            // `next` has refused what is too large.
            HEADER_BYTES + u32::from_le_bytes([a, b, c, d]) as usize
        });
        let size = if whole <= READ_AHEAD_BYTES {
            READ_AHEAD_BYTES
        } else {
            // With the header of the next frame, so that hardly anything has to be moved later; and
            // not at once, however large it says it is.
            let there = self.buffer.len() - self.start;
            (whole + HEADER_BYTES).min((2 * held).max(READ_AHEAD_BYTES).max(there))
        };
        let size = size.max(held + HEADER_BYTES);
        if held == 0 || self.start + size > self.buffer.len() {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, held);
        }
        if size > self.buffer.len() {
            self.buffer.resize(size, 0);
        }
        &mut self.buffer[self.end..self.start + size]
    }

    /// So many octets have come into the room.
    pub(super) fn filled(&mut self, octets: usize) {
        self.end = (self.end + octets).min(self.buffer.len());
    }

    /// The next frame, if it has come whole; a message in parts counts as one.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<Frame>, Fault> {
        loop {
            let Some(octets) = self.held().first_chunk() else { return Ok(None) };
            let head = self.head(*octets)?;
            if head.kind == Kind::Hello && self.goes_on {
                self.goes_on = false;
                return Err(Fault::BrokenOff);
            }
            let begin = self.start + HEADER_BYTES;
            let end = begin + head.length;
            if end > self.end {
                return Ok(None);
            }
            self.start = end;
            let (kind, files) = (head.kind, head.files);
            if !self.goes_on && kind != Kind::Part {
                return Ok(Some(Frame { kind, files, body: Body::At(begin..end) }));
            }
            if !self.goes_on {
                self.together.clear();
            }
            self.together.extend_from_slice(&self.buffer[begin..end]);
            self.goes_on = kind == Kind::Part;
            if !self.goes_on {
                return Ok(Some(Frame { kind, files, body: Body::Together }));
            }
        }
    }

    /// The body of the frame that was found last.
    pub(super) fn body(&self, frame: &Frame) -> &[u8] {
        match &frame.body {
            Body::At(range) => self.buffer.get(range.clone()).unwrap_or_default(),
            Body::Together => &self.together,
        }
    }

    fn head(&self, octets: [u8; HEADER_BYTES]) -> Result<Head, Fault> {
        let [a, b, c, d, kind, files, low, high] = octets;
        let malformed = |what: String| Err(Fault::Malformed(what));
        let kind = match kind {
            1 => Kind::Hello,
            2 => Kind::Verdict,
            3 => Kind::Message,
            4 => Kind::Part,
            other => return malformed(format!("a frame is of kind {other}, which there is not")),
        };
        if low != 0 || high != 0 {
            return malformed("a frame's header ends in other octets than zeroes".to_owned());
        }
        let (length, files) = (u32::from_le_bytes([a, b, c, d]) as usize, usize::from(files));
        if files > 0 && (kind != Kind::Message || files > self.most_files) {
            return malformed(format!(
                "a frame brings {files} descriptors, where {} are taken",
                if kind == Kind::Message { self.most_files } else { 0 }
            ));
        }
        if self.goes_on && kind == Kind::Verdict {
            return malformed("a verdict comes between the parts of a message".to_owned());
        }
        if kind == Kind::Part && length == 0 {
            return malformed("a part of a message is empty".to_owned());
        }
        let (before, most) = match kind {
            Kind::Hello => (0, MAX_HELLO_BYTES),
            Kind::Verdict => (0, MAX_VERDICT_BYTES),
            Kind::Message | Kind::Part if self.goes_on => (self.together.len(), self.largest),
            Kind::Message | Kind::Part => (0, self.largest),
        };
        let bytes = before.saturating_add(length);
        if bytes > most {
            return Err(Fault::TooLarge { bytes, most });
        }
        Ok(Head { kind, length, files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(inbox: &mut Inbox, mut octets: &[u8], piece: usize) -> Vec<(Kind, Vec<u8>)> {
        let mut found = Vec::new();
        while !octets.is_empty() {
            let room = inbox.room();
            let count = octets.len().min(piece).min(room.len());
            room[..count].copy_from_slice(&octets[..count]);
            octets = &octets[count..];
            inbox.filled(count);
            while let Some(frame) = inbox.next().expect("these are frames") {
                found.push((frame.kind, inbox.body(&frame).to_vec()));
            }
        }
        found
    }

    #[test]
    fn frames_are_found_however_their_octets_are_cut() {
        let bodies: [&[u8]; 4] = [b"", b"x", &[7; 300], &[9; 70_000]];
        let mut octets = Vec::new();
        bodies.iter().for_each(|body| append(&mut octets, Kind::Message, body));
        for piece in [1, 2, 3, 7, 8, 9, 64, 4096, 65_535, 1 << 20] {
            let mut inbox = Inbox::new(1 << 20, 0);
            let found = frames(&mut inbox, &octets, piece);
            let found: Vec<&[u8]> = found.iter().map(|(_, body)| &body[..]).collect();
            assert_eq!(found, bodies, "pieces of {piece}");
            assert!(inbox.is_between_messages());
        }
    }

    #[test]
    fn every_cut_of_a_frame_is_waited_for() {
        let mut octets = Vec::new();
        append(&mut octets, Kind::Message, b"nine octs");
        for cut in 0..octets.len() {
            let mut inbox = Inbox::new(100, 0);
            assert!(frames(&mut inbox, &octets[..cut], 100).is_empty(), "{cut}");
            assert_eq!(inbox.is_between_messages(), cut == 0);
            let found = frames(&mut inbox, &octets[cut..], 100);
            assert_eq!(found, [(Kind::Message, b"nine octs".to_vec())], "{cut}");
        }
    }

    #[test]
    fn parts_make_one_message_of_limited_size() {
        let mut octets = Vec::new();
        append(&mut octets, Kind::Part, b"abc");
        append(&mut octets, Kind::Part, b"de");
        append(&mut octets, Kind::Message, b"f");
        append(&mut octets, Kind::Message, b"g");
        let found = frames(&mut Inbox::new(6, 0), &octets, 5);
        let bodies: Vec<_> = found.iter().map(|(_, body)| &body[..]).collect();
        assert_eq!(bodies, [&b"abcdef"[..], b"g"]);
        let mut inbox = Inbox::new(5, 0);
        inbox.room()[..octets.len()].copy_from_slice(&octets);
        inbox.filled(octets.len());
        assert_eq!(inbox.next(), Err(Fault::TooLarge { bytes: 6, most: 5 }));
    }

    #[test]
    fn a_message_of_a_dead_writer_breaks_off_where_the_next_says_hello() {
        let mut octets = Vec::new();
        append(&mut octets, Kind::Part, b"abc");
        append(&mut octets, Kind::Hello, b"hello");
        let mut inbox = Inbox::new(100, 0);
        inbox.room()[..octets.len()].copy_from_slice(&octets);
        inbox.filled(octets.len());
        assert_eq!(inbox.next(), Err(Fault::BrokenOff));
        let frame = inbox.next().expect("a frame").expect("it is whole");
        assert_eq!((frame.kind, inbox.body(&frame)), (Kind::Hello, &b"hello"[..]));
    }

    #[test]
    fn what_is_no_frame_is_refused_at_its_header() {
        let good = header(Kind::Message, 4, 1);
        let fault = |change: &dyn Fn(&mut [u8; 8])| {
            let mut octets = good;
            change(&mut octets);
            let mut inbox = Inbox::new(100, 1);
            inbox.room()[..8].copy_from_slice(&octets);
            inbox.filled(8);
            inbox.next().err()
        };
        assert_eq!(fault(&|_| ()), None);
        for kind in [0, 5, 0x80, 0xff] {
            assert!(matches!(fault(&|octets| octets[4] = kind), Some(Fault::Malformed(_))));
        }
        assert!(matches!(fault(&|octets| octets[5] = 2), Some(Fault::Malformed(_))));
        assert!(matches!(fault(&|octets| octets[4] = 1), Some(Fault::Malformed(_))));
        assert!(matches!(fault(&|octets| octets[7] = 1), Some(Fault::Malformed(_))));
        assert!(matches!(fault(&|octets| octets[3] = 0xff), Some(Fault::TooLarge { .. })));
        assert!(matches!(fault(&|octets| octets[0] = 101), Some(Fault::TooLarge { .. })));
    }

    #[test]
    fn memory_grows_with_what_has_come_and_not_with_what_is_announced() {
        let mut inbox = Inbox::new(MAX_MESSAGE_BYTES, 0);
        inbox.room()[..8].copy_from_slice(&header(Kind::Message, MAX_MESSAGE_BYTES, 0));
        inbox.filled(8);
        let mut come = 8;
        for _ in 0..6 {
            assert_eq!(inbox.next(), Ok(None));
            let room = inbox.room().len();
            assert!(inbox.buffer.len() <= (2 * come).max(READ_AHEAD_BYTES), "{come}");
            inbox.filled(room);
            come += room;
        }
    }
}
