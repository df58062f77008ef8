//! Recorded messages: a file that says itself what stands in it.
//!
//! All numbers are little-endian.
//!
//! ```text
//! header                                      frame, one for each message
//! offset  bytes                               offset  bytes
//!      0      8  "BWRECORD"                        0      4  bytes of the value: V
//!      8      4  version: 1                        4      4  kind, as its sender has set it
//!     12      4  kind: 2 queue, 3 topic            8      8  nanoseconds since the beginning
//!     16      8  beginning, ns since 1970         16      8  messages missed before this one
//!     24     16  wire id                          24      8  number among those of its sender
//!     40     16  layout id                        32     16  sender
//!     56      4  bytes of the name: N             48      V  the value, BARE
//!     60      4  bytes of the schema: S         48+V      4  CRC-32 of the frame so far
//!     64      N  name of the segment
//!   64+N      S  the schema: BARE text
//! 64+N+S      4  CRC-32 of the header so far
//! ```
//!
//! The frames follow the header without gaps. The last type of the schema is that of the values,
//! which stand in their encoding and not in their layout: so a file can be read by every program
//! whose schema reads the file's, by the rules of evolution. The time is that at which a message
//! was seen; if messages carry one of their own, that of the message. A file whose recorder was
//! killed breaks off in a frame at worst: the reader says so after the last whole one.
//!
//! ```
//! use barewire::schema::{BareSchema, Schema};
//! use barewire_cli::record::{Frame, Head, Reader, Writer};
//!
//! let schema = Schema::from_type(<(u8, String) as BareSchema>::TYPE).validate()?;
//! let head = Head::new("readings", 2, &schema, <(u8, String) as BareSchema>::TYPE);
//! let mut file = Vec::new();
//! let mut writer = Writer::new(&mut file, &head)?;
//! writer.write(&Frame { octets: vec![7, 1, b'a'], ..Frame::default() })?;
//!
//! let mut reader = Reader::new(file.as_slice())?;
//! assert_eq!(reader.head().name, "readings");
//! let frame = reader.next()?.expect("one was written");
//! let value = barewire::value::Value::decode(reader.ty(), &frame.octets)?;
//! assert_eq!(value.show(reader.ty()).to_string(), "{ field0: 7, field1: \"a\" }");
//! assert!(reader.next()?.is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod read;
mod write;

use std::time::SystemTime;

use barewire::schema::{Fingerprint, Schema, Type};

pub use read::Reader;
pub use write::Writer;

/// The first octets of every file.
pub const MAGIC: [u8; 8] = *b"BWRECORD";
/// Changes whenever an octet changes its meaning.
pub const VERSION: u32 = 1;

const HEAD_BYTES: usize = 64;
const FRAME_BYTES: usize = 48;
const CHECK_BYTES: usize = 4;
/// The longest name and the longest schema that a header may have.
const MAX_NAME_BYTES: usize = 4096;
const MAX_SCHEMA_BYTES: usize = 1 << 20;

/// What a file says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The segment that the messages are of.
    pub name: String,
    /// What it was, as a segment's header says it: 2 a queue, 3 a topic.
    pub kind: u32,
    /// When recording began, in nanoseconds since 1970.
    pub began_ns: u64,
    /// The fingerprint of the structure.
    pub wire_id: Fingerprint,
    /// The fingerprint of the fixed layout, names included.
    pub layout_id: Fingerprint,
    /// The schema.
    pub schema: String,
}

impl Head {
    /// That of a recording which begins now.
    #[must_use]
    pub fn new(name: &str, kind: u32, schema: &Schema, ty: &Type) -> Self {
        Self {
            name: name.to_owned(),
            kind,
            began_ns: crate::text::nanoseconds(SystemTime::now()),
            wire_id: ty.wire_id(),
            layout_id: ty.layout_id(),
            schema: schema.to_string(),
        }
    }
}

/// One message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// The number that its sender has set for what it is.
    pub kind: u32,
    /// When it was sent, or seen, since the beginning.
    pub after_ns: u64,
    /// How many messages were missed before it.
    pub missed: u64,
    /// Its number among those of its sender.
    pub sequence: u64,
    /// Who sent it.
    pub sender: u128,
    /// The value: BARE octets.
    pub octets: Vec<u8>,
}
