//! What a transport carries: a header and several messages.
//!
//! ```text
//!  0   4  "BWCL"
//!  4   2  version of the protocol
//!  6  16  the sender's incarnation
//! 22  16  the receiver's; all zeroes if everybody is meant
//! 38   8  sequence: counted from 1 for each pair; 0 is said once, and nobody minds if it is lost
//! 46   8  acknowledged: the sender has received everything up to this
//! 54   8  which of the 64 after that it has received as well, one bit each
//! 62   …  the cluster's name, then the messages
//! ```

use std::fmt;

use barewire_derive::BareSchema;
use barewire_runtime::codec::{Decode, DecodeError, Decoder, Encode, Encoder};

use super::{Incarnation, Message};

/// The version of the protocol that this crate speaks.
pub const PROTOCOL_VERSION: u16 = 1;

/// The sequence of a frame that is not sent again.
pub const SAID_ONCE: u64 = 0;

/// The most octets that a header takes, with the longest name of a cluster.
pub(crate) const HEADER_ROOM: usize = 62 + 1 + MAX_NAME_BYTES + 4;

/// The longest name of a cluster or node.
pub(crate) const MAX_NAME_BYTES: usize = 64;

const MAGIC: [u8; 4] = *b"BWCL";
const VERSION_AT: usize = 4;
const SENDER_AT: usize = 6;
const SEQUENCE_AT: usize = 38;

/// Everything of a frame but its messages.
#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
#[bare(crate = "::barewire_runtime")]
pub struct Header {
    /// Says that this is a frame.
    pub magic: [u8; 4],
    /// The version of the protocol.
    pub version: u16,
    /// Who sends it.
    pub from: Incarnation,
    /// Who is meant.
    pub to: Incarnation,
    /// Which of the frames from one to the other it is; [`SAID_ONCE`] if it is not counted.
    pub sequence: u64,
    /// Everything up to this has arrived at the sender.
    pub acknowledged: u64,
    /// Bit `n`: so has `acknowledged + 2 + n` (what follows `acknowledged` is missing).
    pub selective: u64,
    /// The cluster's name.
    pub cluster: String,
}

impl Header {
    /// A header of this version, of a frame that is said once.
    #[must_use]
    pub fn new(cluster: &str, from: Incarnation, to: Incarnation) -> Self {
        Self {
            magic: MAGIC,
            version: PROTOCOL_VERSION,
            from,
            to,
            sequence: SAID_ONCE,
            acknowledged: 0,
            selective: 0,
            cluster: cluster.to_owned(),
        }
    }
}

/// What a transport carries from one node to another, or to all.
///
/// ```
/// use barewire_cluster::wire::{Frame, Header, Incarnation, Message, sender};
///
/// let me = Incarnation::from_u128(7);
/// let header = Header::new("mill", me, Incarnation::EVERYBODY);
/// let octets = Frame { header, messages: vec![Message::Discover] }.encode();
/// assert_eq!(sender(&octets), Some(me)); // all that a transport needs to know
/// ```
#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(crate = "::barewire_runtime")]
pub struct Frame {
    /// Who says it to whom.
    pub header: Header,
    /// What is said, in order.
    pub messages: Vec<Message>,
}

impl Frame {
    /// The octets that a transport carries.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        barewire_runtime::codec::encode(self)
    }
}

/// Why octets are not a frame for this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameFault {
    /// They do not begin like a frame.
    Foreign,
    /// They are a frame of another version of the protocol.
    Version(u16),
    /// They are a frame of another cluster.
    OtherCluster,
    /// They break off, or hold something that is no message.
    Malformed(DecodeError),
}

impl fmt::Display for FrameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Foreign => f.write_str("octets that are no frame"),
            Self::Version(found) => {
                write!(f, "a frame of version {found}; this node speaks {PROTOCOL_VERSION}")
            }
            Self::OtherCluster => f.write_str("a frame of another cluster"),
            Self::Malformed(error) => write!(f, "a frame that is malformed: {error}"),
        }
    }
}

impl std::error::Error for FrameFault {}

/// Who has sent a frame; `None` if the octets do not begin like a frame of this version.
#[must_use]
pub fn sender(octets: &[u8]) -> Option<Incarnation> {
    let version = octets.get(VERSION_AT..SENDER_AT)?;
    if octets[..VERSION_AT] != MAGIC || version != PROTOCOL_VERSION.to_le_bytes() {
        return None;
    }
    let bits = octets.get(SENDER_AT..SENDER_AT + 16)?.try_into().ok()?;
    Some(Incarnation::from_u128(u128::from_be_bytes(bits)))
}

/// Takes a frame apart; the messages are added to `messages`.
pub(crate) fn read(
    octets: &[u8],
    cluster: &str,
    messages: &mut Vec<Message>,
) -> Result<Header, FrameFault> {
    let Some(start) = octets.get(..SENDER_AT).filter(|start| start[..VERSION_AT] == MAGIC) else {
        return Err(FrameFault::Foreign);
    };
    let version = u16::from_le_bytes([start[VERSION_AT], start[VERSION_AT + 1]]);
    if version != PROTOCOL_VERSION {
        return Err(FrameFault::Version(version));
    }
    let before = messages.len();
    let whole = || {
        let mut decoder = Decoder::new(octets);
        let header = Header::decode(&mut decoder)?;
        if header.cluster != cluster {
            return Ok(header);
        }
        let count = decoder.count(1)?;
        for _ in 0..count {
            messages.push(Message::decode(&mut decoder)?);
        }
        decoder.finish()?;
        Ok(header)
    };
    let header: Result<Header, DecodeError> = { whole }();
    match header {
        Ok(header) if header.cluster != cluster => Err(FrameFault::OtherCluster),
        Ok(header) => Ok(header),
        Err(error) => {
            messages.truncate(before);
            Err(FrameFault::Malformed(error))
        }
    }
}

/// Messages that are put together for one frame.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Parcel {
    octets: Vec<u8>,
    count: u64,
}

impl Parcel {
    /// Adds a message.
    pub(crate) fn push(&mut self, message: &Message) {
        message.encode(&mut Encoder::new(&mut self.octets));
        self.count += 1;
    }

    /// Adds a message that is encoded already.
    pub(crate) fn push_octets(&mut self, message: &[u8]) {
        self.octets.extend_from_slice(message);
        self.count += 1;
    }

    /// Takes the last message out again, which begins at `length`.
    pub(crate) fn split_off(&mut self, length: usize) -> Vec<u8> {
        self.count -= 1;
        self.octets.split_off(length)
    }

    /// How many octets the messages take.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    /// For how many octets it has memory.
    pub(crate) fn capacity(&self) -> usize {
        self.octets.capacity()
    }

    /// Forgets the messages, and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.octets.clear();
        self.count = 0;
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends the frame to a buffer.
    pub(crate) fn write(&self, header: &Header, buffer: &mut Vec<u8>) {
        let mut encoder = Encoder::new(buffer);
        header.encode(&mut encoder);
        encoder.uint(self.count);
        encoder.bytes(&self.octets);
    }
}

/// The sequence of a frame, for tests that look at what travels.
#[cfg(test)]
pub(crate) fn sequence(octets: &[u8]) -> Option<u64> {
    let bytes = octets.get(SEQUENCE_AT..SEQUENCE_AT + 8)?.try_into().ok()?;
    Some(u64::from_le_bytes(bytes))
}

const _: () = assert!(SEQUENCE_AT == SENDER_AT + 32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parcel_is_encoded_as_the_frame_with_its_messages() {
        let (from, to) = (Incarnation::from_u128(1), Incarnation::from_u128(2));
        let header = Header { sequence: 9, ..Header::new("mill", from, to) };
        let messages = vec![Message::Discover, Message::Leave, Message::Fenced];
        let mut parcel = Parcel::default();
        messages.iter().for_each(|message| parcel.push(message));
        let mut octets = Vec::new();
        parcel.write(&header, &mut octets);
        assert_eq!(octets, Frame { header: header.clone(), messages: messages.clone() }.encode());
        assert_eq!((sender(&octets), sequence(&octets)), (Some(from), Some(9)));
        let mut found = Vec::new();
        assert_eq!(read(&octets, "mill", &mut found), Ok(header));
        assert_eq!(found, messages);
    }

    #[test]
    fn what_is_no_frame_is_refused_with_the_reason() {
        let header = Header::new("mill", Incarnation::from_u128(1), Incarnation::EVERYBODY);
        let octets = Frame { header, messages: vec![Message::Discover; 3] }.encode();
        let mut found = vec![];
        let mut fault = |octets: &[u8], name| read(octets, name, &mut found).unwrap_err();
        assert_eq!(fault(b"", "mill"), FrameFault::Foreign);
        assert_eq!(fault(b"GET / HTTP/1.1", "mill"), FrameFault::Foreign);
        assert_eq!(fault(&octets, "other"), FrameFault::OtherCluster);
        let mut old = octets.clone();
        old[VERSION_AT] = 0;
        assert_eq!(fault(&old, "mill"), FrameFault::Version(0));
        for length in SENDER_AT..octets.len() {
            let fault = fault(&octets[..length], "mill");
            assert!(matches!(fault, FrameFault::Malformed(_)), "{length}: {fault:?}");
        }
        assert!(found.is_empty());
    }
}
