//! The bytes at the start of every segment.
//!
//! ```text
//! offset  bytes
//!      0      8  magic "BAREWIRE"
//!      8      4  format version
//!     12      4  kind: 1 region, 2 queue, 3 topic, 4 service, 5 struct
//!     16      8  total bytes = the file's length
//!     24      8  offset of the schema's text      } BARE text, UTF-8
//!     32      8  bytes of the schema's text       }
//!     40      8  offset of the body
//!     48      8  bytes of the body
//!     56      8  time of creation, nanoseconds since 1970
//!     64     16  wire id of the type
//!     80     16  layout id of the type
//!     96     64  geometry: eight u64 whose meaning belongs to the kind
//!    160     96  zero
//!    256  128×64 participants: one cache line each
//!   8448         the schema's text, then the body at a multiple of 4096
//! ```
//!
//! All of it but the participants is written before the segment has a name and never changes.
//! A participant's line:
//!
//! ```text
//!      0      8  state: epoch × 2 + 1 while attached, epoch × 2 while free
//!      8     16  incarnation
//!     24      8  process id, for people to read; nothing decides by it
//! ```

use std::sync::atomic::Ordering;

use barewire_schema::Fingerprint;

use super::Geometry;
use crate::sys::map::Mapping;

/// The first eight bytes of every segment.
pub(crate) const MAGIC: u64 = u64::from_le_bytes(*b"BAREWIRE");
/// Changes whenever a byte of any kind of segment changes its meaning.
pub const FORMAT_VERSION: u32 = 4;
/// The most participants of one segment at a time.
pub const MAX_PARTICIPANTS: usize = 128;
/// The longest schema text that a segment can carry.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// The largest segment.
pub const MAX_SEGMENT_BYTES: u64 = 1 << 40;

pub(crate) const VERSION_AT: usize = 8;
pub(crate) const KIND_AT: usize = 12;
pub(crate) const TOTAL_AT: usize = 16;
pub(crate) const TEXT_AT: usize = 24;
pub(crate) const TEXT_BYTES_AT: usize = 32;
pub(crate) const BODY_AT: usize = 40;
pub(crate) const BODY_BYTES_AT: usize = 48;
pub(crate) const CREATED_AT: usize = 56;
pub(crate) const WIRE_ID_AT: usize = 64;
pub(crate) const LAYOUT_ID_AT: usize = 80;
pub(crate) const GEOMETRY_AT: usize = 96;
pub(crate) const GEOMETRY_WORDS: usize = 8;
pub(crate) const PARTICIPANTS_AT: usize = 256;
pub(crate) const PARTICIPANT_BYTES: usize = 64;
pub(crate) const TEXT_START: usize = PARTICIPANTS_AT + MAX_PARTICIPANTS * PARTICIPANT_BYTES;
pub(crate) const BODY_ALIGN: usize = 4096;

pub(crate) const PARTICIPANT_STATE: usize = 0;
pub(crate) const PARTICIPANT_INCARNATION: usize = 8;
pub(crate) const PARTICIPANT_PROCESS: usize = 24;

const _: () = assert!(LAYOUT_ID_AT == WIRE_ID_AT + 16 && GEOMETRY_AT == LAYOUT_ID_AT + 16);
const _: () = assert!(GEOMETRY_AT + GEOMETRY_WORDS * 8 <= PARTICIPANTS_AT);
const _: () = assert!(TEXT_START == 8448 && PARTICIPANT_PROCESS + 8 <= PARTICIPANT_BYTES);

/// The byte of the file whose lock is held while somebody attaches, detaches or removes.
///
/// Locks may lie beyond the end of a file, so no data is ever near them.
pub(crate) const GATE_BYTE: u64 = 1 << 60;
/// The byte whose lock says that participant 0 is alive; the others follow.
pub(crate) const ALIVE_BYTE: u64 = GATE_BYTE + 1;

/// What a header says, once it is seen to fit together and into its file.
#[derive(Debug, Clone)]
pub(crate) struct Header {
    pub(crate) kind: u32,
    /// Where the schema's text is, and its bytes.
    text: (usize, usize),
    /// Where the body is, and its bytes.
    pub(crate) body: (usize, usize),
    pub(crate) created_ns: u64,
    pub(crate) wire_id: Fingerprint,
    pub(crate) layout_id: Fingerprint,
    pub(crate) geometry: Geometry,
}

impl Header {
    /// Checks all that can be checked without knowing the type; the error says what is wrong.
    pub(super) fn read(map: &Mapping) -> Result<Self, String> {
        if map.len() < TEXT_START {
            return Err("is too small to be a segment".to_owned());
        }
        let get = |at: usize| map.u64(at).load(Ordering::Relaxed);
        let small = |at: usize| map.u32(at).load(Ordering::Relaxed);
        if get(0) != MAGIC {
            return Err("is not a segment (its first bytes are foreign)".to_owned());
        }
        let version = small(VERSION_AT);
        if version != FORMAT_VERSION {
            return Err(format!(
                "has format version {version}, this program knows {FORMAT_VERSION}"
            ));
        }
        if get(TOTAL_AT) != map.len() as u64 {
            return Err(format!(
                "has {} bytes where its header says {}: it was truncated or extended",
                map.len(),
                get(TOTAL_AT)
            ));
        }
        let range = |at: u64, len: u64, least: usize| {
            let end = at.checked_add(len)?;
            let legal = at >= least as u64 && end <= map.len() as u64;
            legal.then_some((at as usize, len as usize))
        };
        let text = range(get(TEXT_AT), get(TEXT_BYTES_AT), TEXT_START);
        let body = range(get(BODY_AT), get(BODY_BYTES_AT), TEXT_START);
        let (Some(text), Some(body)) = (text, body) else {
            return Err("has a header that points outside the file".to_owned());
        };
        if body.0 % BODY_ALIGN != 0 || text.1 > MAX_TEXT_BYTES {
            return Err("has a header with impossible offsets".to_owned());
        }
        let id = |at: usize| {
            let mut bytes = [0; 16];
            map.read_volatile(at, &mut bytes);
            Fingerprint(bytes)
        };
        Ok(Self {
            kind: small(KIND_AT),
            text,
            body,
            created_ns: get(CREATED_AT),
            wire_id: id(WIRE_ID_AT),
            layout_id: id(LAYOUT_ID_AT),
            geometry: std::array::from_fn(|word| get(GEOMETRY_AT + word * 8)),
        })
    }

    /// The schema's text, which may be anything.
    pub(crate) fn text(&self, map: &Mapping) -> Vec<u8> {
        let (at, len) = self.text;
        let mut bytes = vec![0; len];
        map.read_volatile(at, &mut bytes);
        bytes
    }
}
