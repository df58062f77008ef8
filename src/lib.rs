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
//! A segment lives for as long as a process is attached to it; nobody has to clean up. A process
//! may be killed at any instruction: what it held is given back, what it was reading is delivered
//! again.
//!
//! # Which one
//!
//! | what goes between the processes | take |
//! |---|---|
//! | jobs, each for one of them | [`MessageQueue`] |
//! | news, for all of them | [`Topic`] |
//! | questions and answers | [`Service`] |
//! | the latest value | [`SharedRegion`] |
//! | messages, without shared memory | [`NamedPipe`], [`Fifo`], and files of values |
//! | several of these, in one thread | [`WaitSet`], or futures |
//!
//! They look alike. A builder makes or opens one; calls that may wait have a form with a deadline
//! (`…_timeout`), one that never waits (`try_…`), and a future (`…_async`); values are read in
//! place, and [`Error`] says what is wrong, with a [kind](Error::kind) to match and `is_…` to ask.
//!
//! ```
//! use std::time::Duration;
//! use barewire::{Service, SharedRegion, Topic};
//!
//! # fn main() -> barewire::Result<()> {
//! # let name = |what: &str| format!("front-{what}-{}", std::process::id());
//! let topic = Topic::<u64>::builder(name("prices")).depth(256).open_or_create()?;
//! let mut subscriber = topic.subscriber()?;
//! topic.publisher()?.publish(&1999)?;
//! assert_eq!(*subscriber.take()?, 1999); // each subscriber sees it
//!
//! let service = Service::<u32, u64>::create(name("squares"))?;
//! let (client, server) = (service.client()?, service.server()?);
//! let pending = client.start(&12)?; // or `call`, which waits for the answer
//! let call = server.next()?;
//! let square = u64::from(*call) * u64::from(*call);
//! call.reply(&square)?;
//! assert_eq!(*pending.wait_timeout(Duration::from_secs(1))?, 144);
//!
//! let state = SharedRegion::create(name("state"), &0_u64)?;
//! state.update(|value| *value += 1)?; // one writer at a time
//! assert_eq!(state.read()?, 1); // a whole value, whatever writers do
//!
//! assert!(Topic::<i64>::open(name("prices")).unwrap_err().is_schema_mismatch());
//! # Ok(()) }
//! ```
//!
//! A type without a largest size, such as a `String` without `max`, goes through queues, topics
//! and services as BARE octets, in slots whose size the builder is told (`slot_bytes`); through
//! pipes it goes as it is. The guide in `docs/guide` has one page an idea.
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
//! | `actor` | the module `actor`: actors in this process and in others; needs tokio |
//! | `cluster` | the module `cluster`: tasks for workers on one machine or many |
//! | `zenoh` | clusters over zenoh, beyond one network; takes minutes to build |
//! | `json` | `Value::to_json` and `Value::from_json`, with only a schema; needs serde_json |
//! | `farscape` | C libraries in processes of their own: the module and the macro `farscape` |
//! | `farscape-sandbox` | rlimits, Landlock and seccomp for their processes |
//! | `farscape-ffi` | their functions by signatures that are known only at run time |
//!
//! # Attributes
//!
//! `#[bare(..)]` on a field, a variant or the type. What is misspelt, repeated or out of place is
//! an error that says what to write: [`mistakes`] shows them all.
//!
//! | attribute | on | meaning |
//! |---|---|---|
//! | `max = 64` | strings, data, lists, maps, also inside `Option` and `Box` | the cap |
//! | `item(max = 16)` | with `max` | the cap of a list's items |
//! | `key(max = 16)`, `value(max = 64)` | with `max` | the caps of a map's keys and values |
//! | `field0(max = 16)` and so on | a tuple | the caps of its parts |
//! | `varint` | `u64`, `i64` | BARE's `uint` or `int`, 1 to 10 octets |
//! | `range = 0..=100` | numbers, also inside `Option` | the values that are allowed |
//! | `validate = path` | a field or the type | a function that accepts values, see below |
//! | `align = 64` | a field, or the struct | what it is aligned to in its layout, at least |
//! | `skip` | a field | not in the schema; decoding gives it its `Default` |
//! | `skip, default = EXPRESSION` | a field | the same with another value |
//! | `tag = 5` | a variant with data | its tag in the union |
//! | `rename = "name"` | anything with a name | its name in the schema |
//! | `rename_all = "camelCase"` | the type | the names of its fields or members |
//! | `capacities(64, 256)` | a type with parameters | the instances that have a fixed layout |
//! | `compatible_with = "old.bare"` | the type | it must read what that file describes |
//! | `crate = "path"` | the type | where this crate is found, if not at `::barewire` |
//!
//! The cases of `rename_all` are `camelCase`, `snake_case` and `lowercase` for fields, and
//! `SCREAMING_SNAKE_CASE` and `UPPERCASE` for the members of an enum.
//!
//! `align` takes a power of two up to 64 and means what `alignas` means in C. It is a part of the
//! layout alone, as `max` is, and stands in the schema's text in a comment:
//!
//! ```
//! use barewire::BareSchema;
//!
//! #[derive(BareSchema)]
//! struct Counters {
//!     #[bare(align = 64)]
//!     written: u64,
//!     #[bare(align = 64)] // on a line of the cache of its own
//!     read: u64,
//! }
//!
//! assert_eq!((size_of::<CountersLayout>(), align_of::<CountersLayout>()), (128, 64));
//! let text = barewire::schema::Schema::from_type(Counters::TYPE).to_string();
//! assert!(text.starts_with("# barewire: align .written=64 .read=64\ntype Counters struct {"));
//! ```
//!
//! # Types
//!
//! Numbers, `bool`, `String`, `Vec`, arrays, `Option`, `Box`, `BTreeMap`, `HashMap`, `uuid::Uuid`
//! (or its place, [`layout::Uuid`]) and whatever derives `BareSchema`; further:
//!
//! | Rust | BARE |
//! |---|---|
//! | a tuple `(A, B)` | `struct { field0: A field1: B }` |
//! | `Duration` | `struct { secs: u64 nanos: u32 }` |
//! | `SystemTime` | `struct { secs: i64 nanos: u32 }`, since 1970 |
//! | an enum without data; with data | `enum`; `union` |
//! | `&'a str`, `&'a [u8]`, `Cow` of either | `str`, `data`, borrowed from the input |
//!
//! A type that borrows has no fixed layout. One with capacities as parameters can be encoded with
//! any; it has a layout for those that `capacities` lists, and a newtype has one for all:
//!
//! ```
//! use barewire::BareSchema;
//!
//! #[derive(BareSchema)]
//! struct Text<const N: usize>(#[bare(max = N)] String);
//!
//! #[derive(BareSchema)]
//! #[bare(capacities((64, 8), (256, 32)))]
//! struct Page<const TEXT: usize, const LINES: usize> {
//!     number: u32,
//!     #[bare(max = LINES, item(max = TEXT))]
//!     lines: Vec<String>,
//! }
//!
//! #[derive(BareSchema)]
//! struct Book {
//!     title: Text<40>,
//!     cover: Page<64, 8>,
//! }
//! ```
//!
//! # Rules of a domain
//!
//! `range` and `validate` are checked whenever a value is decoded, stored, loaded, or read in place
//! by an accessor, `message.percent()?`. A number is also a plain field of its layout,
//! `message.percent`, which nothing checks. A validator takes a reference and returns `bool`, or
//! `Result<(), &'static str>` with the reason. Values that are read by the schema alone, without
//! the Rust type, are not checked.
//!
//! ```
//! use barewire::BareSchema;
//! use barewire::codec::decode;
//!
//! fn ascend(span: &Span) -> Result<(), &'static str> {
//!     if span.from <= span.to { Ok(()) } else { Err("the end is before the start") }
//! }
//!
//! #[derive(BareSchema, Debug)]
//! #[bare(validate = ascend)]
//! struct Span {
//!     from: u8,
//!     #[bare(range = ..=99)]
//!     to: u8,
//! }
//!
//! assert!(decode::<Span>(&[3, 4]).is_ok());
//! let error = decode::<Span>(&[4, 3]).unwrap_err();
//! assert!(error.to_string().ends_with("the end is before the start"));
//! assert_eq!(decode::<Span>(&[4, 100]).unwrap_err().path(), "to");
//! ```
//!
//! # Versions
//!
//! [`schema::compatibility`] says which of two versions reads the other, in the encoding and
//! in the layout, and why not. `#[bare(compatible_with = "chat-v1.bare")]` makes a change that
//! breaks the reading of old values a compile error, which names the field.

#[cfg(feature = "actor")]
pub use barewire_actor as actor;
#[cfg(feature = "cluster")]
pub use barewire_cluster as cluster;
#[cfg(feature = "farscape")]
pub use barewire_derive::farscape;
pub use barewire_derive::{BareSchema, schema};
#[cfg(feature = "farscape")]
pub use barewire_farscape as farscape;
#[doc(hidden)]
pub use barewire_runtime::__private;
pub use barewire_runtime::ipc::{
    Arrivals, Call, Client, Fifo, MessageHeader, MessageQueue, NamedPipe, Overflow, PendingCall,
    PipeMessage, PipeReceiver, PipeSender, PipeServer, Publisher, QueueBatch, QueueBatchItem,
    QueueLoan, QueueMessage, Reply, ReplyLoan, ReplyStream, RequestLoan, Server, Service,
    SharedRegion, StreamPart, StreamedReply, Subscriber, Topic, TopicBatch, TopicBatchItem,
    TopicLoan, TopicMessage, Wait, WaitSet,
};
pub use barewire_runtime::{
    BareSchema, Error, ErrorKind, Result, codec, inspect, ipc, layout, memory, schema, segment,
    uuid, value,
};

#[doc = include_str!("../docs/mistakes.md")]
pub mod mistakes {}
