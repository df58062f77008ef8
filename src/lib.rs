//! One schema, written once in Rust, gives a fixed layout that processes share without copying, and
//! the BARE encoding of the same values.
//!
//! ```
//! use barewire::{BareSchema, MessageQueue};
//!
//! #[derive(BareSchema, Debug, Clone, PartialEq)]
//! struct Reading {
//!     sensor: u32,
//!     #[bare(max = 32)]
//!     label: String,
//!     celsius: f32,
//! }
//!
//! # fn main() -> barewire::Result<()> {
//! # let name = format!("readings-{}", std::process::id());
//! let queue = MessageQueue::<Reading>::builder(&name).capacity(1024).create()?; // one process
//! queue.enqueue(&Reading { sensor: 7, label: "boiler".into(), celsius: 81.5 })?;
//!
//! let mut slot = queue.loan()?; // or in place, with no copy at all
//! slot.sensor = 7;
//! slot.set_label("boiler")?;
//! slot.celsius = 81.5;
//! slot.send()?;
//!
//! let queue = MessageQueue::<Reading>::open(&name)?; // another
//! while let Some(message) = queue.try_dequeue()? {
//!     assert_eq!(message.label()?, "boiler"); // read in place
//! } // dropped = acknowledged
//!
//! let octets = barewire::codec::encode(&Reading { sensor: 7, label: "é".into(), celsius: 1.0 });
//! assert_eq!(octets, [7, 0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0x80, 0x3f]); // BARE
//! # Ok(()) }
//! ```
//!
//! The rest of what goes between processes is in [`ipc`]: [`Topic`] (each message to every
//! subscriber), [`Service`] (calls with replies), [`SharedRegion`] (one value), and what they hand
//! out ([`ipc::Call`], [`ipc::Reply`], [`ipc::TopicMessage`] and so on), each with an example. A
//! segment lives for as long as a process is attached to it.
//!
//! # Encoding
//!
//! [`codec::encode_into`] writes into a buffer that is used again, [`codec::decode_into`] reads
//! into a value whose memory is used again, and [`codec::verify`] only looks. A struct with `&str`
//! and `&[u8]` fields borrows them from the input:
//!
//! ```
//! use barewire::BareSchema;
//! use barewire::codec::{decode, encode};
//!
//! #[derive(BareSchema, Debug, PartialEq)]
//! struct Line<'a> {
//!     level: u8,
//!     text: &'a str,
//! }
//!
//! let octets = encode(&Line { level: 3, text: "boiling" });
//! let line = decode::<Line<'_>>(&octets)?; // checked, and nothing copied
//! assert_eq!(line.text.as_ptr(), octets[2..].as_ptr());
//! # Ok::<(), barewire::codec::DecodeError>(())
//! ```
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `json` | `Value::to_json` and `Value::from_json`, with only a schema; needs serde_json |
//!
//! # Attributes
//!
//! | attribute | on | meaning |
//! |---|---|---|
//! | `#[bare(max = 64)]` | strings, data, lists, maps, also inside `Option` and `Box` | the cap |
//! | `item(max = 16)` | with `max` | the cap of a list's items |
//! | `key(max = 16)`, `value(max = 64)` | with `max` | the caps of a map's keys and values |
//! | `varint` | `u64`, `i64` | BARE's `uint` or `int`, 1 to 10 octets |
//! | `tag = 5` | a variant with data | its tag in the union |
//! | `rename = "name"` | anything with a name | its name in the schema |
//! | `crate = "path"` | the type | where this crate is found, if not at `::barewire` |

pub use barewire_derive::{BareSchema, schema};
#[doc(hidden)]
pub use barewire_runtime::__private;
pub use barewire_runtime::ipc::{
    Batch, Client, Loan, Message, MessageQueue, Overflow, Publisher, Server, Service, SharedRegion,
    Subscriber, Topic, Wait, WaitSet,
};
pub use barewire_runtime::{
    BareSchema, Error, ErrorKind, Result, codec, ipc, layout, memory, schema_model, segment, value,
};
