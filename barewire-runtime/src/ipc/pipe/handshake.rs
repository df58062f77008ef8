//! What both sides of a pipe say first, and whether they understand each other; no I/O.
//!
//! Each side sends its hello at once, and its verdict when it has read the other's. A connection is
//! made when both have accepted. So each side knows why it is not, and in the same words. The body
//! of a hello, in BARE:
//!
//! ```text
//!  type Side struct {
//!    wire: data[16]              the fingerprint of its structure
//!    layout: data[16]            that of its names, caps and offsets
//!    schema: str                 its text
//!  }
//!  type Hello struct {
//!    magic: data[8]              "BAREPIPE"
//!    version: u16                of all this; what stands before it never changes
//!    largest: u32                the most octets of a message that this side takes
//!    files: u8                   the most descriptors that it takes with one
//!    sends: optional<Side>       what this side sends, if it sends at all
//!    receives: optional<Side>
//!  }
//!  type Verdict struct { verdict: u8  reason: str }      0 accepted, 1 refused, 2 other schema
//! ```
//!
//! Two types understand each other if the one that is read knows all values of the one that is
//! written, by the rules of [`compatibility`](fn@compatibility). If it is the other way round,
//! since the side that sends is newer, the sender keeps to the values that the older side knows.

use barewire_schema::{Fingerprint, Schema, Type, Validated, compatibility, difference};

use super::frame::{self, Kind, MAX_SCHEMA_BYTES, MAX_VERDICT_BYTES};
use crate::codec::{DecodeError, Decoder, Encoder};
use crate::error::{Error, ErrorKind, Result};

/// The version of the protocol.
pub const PIPE_VERSION: u16 = 1;

const MAGIC: [u8; 8] = *b"BAREPIPE";
const ACCEPTED: u8 = 0;
const REFUSED: u8 = 1;
const OTHER_SCHEMA: u8 = 2;
/// How much of a reason the other side is told, and is shown of its own.
const MAX_REASON_CHARS: usize = 2000;

const _: () = assert!(MAX_REASON_CHARS * 4 + 16 <= MAX_VERDICT_BYTES);

/// What one side is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) sends: Option<&'static Type>,
    pub(super) receives: Option<&'static Type>,
    pub(super) largest: usize,
    pub(super) files: usize,
}

/// What both sides keep to.
#[derive(Debug, Default)]
pub(super) struct Agreement {
    /// The older schema that all values sent must keep, if there is one.
    pub(super) contract: Option<Schema<Validated>>,
    /// The most octets of a message, and the most descriptors with it, that the other side takes.
    pub(super) largest: usize,
    pub(super) files: usize,
}

/// One direction, as the other side describes it.
struct Side {
    wire: Fingerprint,
    schema: String,
}

struct Hello {
    largest: usize,
    files: usize,
    sends: Option<Side>,
    receives: Option<Side>,
}

impl Offer {
    /// The frame of the hello.
    pub(super) fn hello(&self, name: &str) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        let mut out = Encoder::new(&mut body);
        out.bytes(&MAGIC);
        out.u16(PIPE_VERSION);
        out.u32(self.largest as u32);
        out.u8(self.files as u8);
        for ty in [self.sends, self.receives] {
            out.bool(ty.is_some());
            let Some(ty) = ty else { continue };
            let text = Schema::from_type(ty).to_string();
            if text.len() > MAX_SCHEMA_BYTES {
                let detail = format!("has a schema whose text is {} bytes long", text.len());
                return Err(Error::new(ErrorKind::InvalidArgument, name, detail));
            }
            out.bytes(&ty.wire_id().0);
            out.bytes(&ty.layout_id().0);
            out.str(&text);
        }
        let mut octets = Vec::new();
        frame::append(&mut octets, Kind::Hello, &body);
        Ok(octets)
    }
}

fn side(input: &mut Decoder<'_>) -> Result<Option<Side>, DecodeError> {
    if !input.bool()? {
        return Ok(None);
    }
    let mut id = || Ok(Fingerprint(input.take(16)?.try_into().unwrap_or_default()));
    let (wire, _layout) = (id()?, id()?);
    Ok(Some(Side { wire, schema: input.str()?.to_owned() }))
}

fn read_hello(name: &str, body: &[u8]) -> Result<Hello> {
    let malformed = |detail: String| Error::new(ErrorKind::Malformed, name, detail);
    let mut input = Decoder::new(body);
    if input.take(MAGIC.len()).ok() != Some(&MAGIC) {
        return Err(malformed("what speaks at the other end is no pipe of barewire".to_owned()));
    }
    let broken = |error: DecodeError| malformed(format!("the other side's hello: {error}"));
    let version = input.u16().map_err(broken)?;
    if version != PIPE_VERSION {
        return Err(malformed(format!(
            "the other side speaks version {version} of the protocol, this one {PIPE_VERSION}"
        )));
    }
    let mut read = || {
        let largest = input.u32()? as usize;
        let files = usize::from(input.u8()?);
        let (sends, receives) = (side(&mut input)?, side(&mut input)?);
        input.finish()?;
        Ok(Hello { largest, files, sends, receives })
    };
    read().map_err(broken)
}

/// Which values of a type the reader of another one knows.
enum Match {
    All,
    Some,
    /// None for sure, and this is the difference.
    None(String),
}

fn matches(sent: &Type, received: &Type, ours_is_sent: bool) -> Match {
    let verdict = compatibility(received, sent).encoding;
    if verdict.is_forward() {
        return Match::All;
    }
    if verdict.is_backward() {
        return Match::Some;
    }
    let (ours, theirs, here, there) = if ours_is_sent {
        (sent, received, "sent here", "received there")
    } else {
        (received, sent, "received here", "sent there")
    };
    let lines = difference(ours, theirs).into_iter().map(|line| {
        let path = if line.path.is_empty() { "the type".to_owned() } else { line.path };
        match (line.found, line.expected) {
            (Some(found), Some(expected)) => {
                format!("`{path}`: {found} {there}, {expected} {here}")
            }
            (Some(found), None) => format!("`{path}`: {found} {there}, missing here"),
            (None, expected) => {
                format!("`{path}`: missing there, {} {here}", expected.unwrap_or_default())
            }
        }
    });
    Match::None(lines.collect::<Vec<_>>().join("; "))
}

/// The other side's type in one direction; `None` if it is ours, as octets go.
fn other(name: &str, theirs: &Side, ours: &Type) -> Result<Option<Schema<Validated>>> {
    if theirs.wire == ours.wire_id() {
        return Ok(None);
    }
    let malformed = |detail: String| Error::new(ErrorKind::Malformed, name, detail);
    let schema = Schema::read("pipe", &theirs.schema)
        .map_err(|error| malformed(format!("the other side's schema: {error}")))?;
    if schema.root().wire_id() != theirs.wire {
        return Err(malformed("the other side's schema has another fingerprint".to_owned()));
    }
    Ok(Some(schema))
}

fn agree(name: &str, ours: &Offer, theirs: Hello) -> Result<Agreement> {
    let mut agreement = Agreement { contract: None, largest: theirs.largest, files: theirs.files };
    let mismatch = |detail: String| {
        let detail = format!("the two sides have other schemas: {detail}");
        Error::new(ErrorKind::SchemaMismatch, name, detail)
    };
    if let Some(ty) = ours.receives {
        let sent = theirs.sends.ok_or_else(|| mismatch("nothing is sent there".to_owned()))?;
        if let Some(schema) = other(name, &sent, ty)? {
            match matches(schema.root(), ty, false) {
                // What this side does not know, the other side does not send, if it hears of it.
                Match::Some if theirs.receives.is_none() => {
                    let detail = "there, newer values are sent than are known here";
                    return Err(mismatch(detail.to_owned()));
                }
                Match::All | Match::Some => {}
                Match::None(difference) => return Err(mismatch(difference)),
            }
        }
    }
    if let Some(ty) = ours.sends {
        let received =
            theirs.receives.ok_or_else(|| mismatch("nothing is received there".to_owned()))?;
        if let Some(schema) = other(name, &received, ty)? {
            match matches(ty, schema.root(), true) {
                Match::All => {}
                Match::Some => agreement.contract = Some(schema),
                Match::None(difference) => return Err(mismatch(difference)),
            }
        }
    }
    Ok(agreement)
}

/// Checks the hello of a stream in one direction, to which nobody can answer.
pub(super) fn check_one_way(name: &str, ours: &Offer, body: &[u8]) -> Result<()> {
    agree(name, ours, read_hello(name, body)?).map(drop)
}

/// Text of the other side's, fit to be shown.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_REASON_CHARS).collect()
}

/// One side of a handshake: takes frames, and says which ones to send.
#[derive(Debug)]
pub(super) struct Handshake {
    name: String,
    offer: Offer,
    /// What is to be sent; the driver takes it from here.
    pub(super) out: Vec<u8>,
    agreed: Option<Agreement>,
    accepted: bool,
    failed: Option<Error>,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// Send what there is, and take the next frame.
    GoOn,
    /// Send what there is; then the connection is made.
    Done(Agreement),
    /// Send what there is; then this is the error.
    Failed(Error),
}

impl Handshake {
    pub(super) fn new(name: &str, offer: Offer, hello: &[u8]) -> Self {
        let (name, out) = (name.to_owned(), hello.to_vec());
        Self { name, offer, out, agreed: None, accepted: false, failed: None }
    }

    /// The end of a handshake with a side that nothing is said to but why.
    pub(super) fn refusal(reason: &str) -> Vec<u8> {
        let mut out = Vec::new();
        verdict(&mut out, REFUSED, reason);
        out
    }

    /// Takes a frame of the other side's.
    pub(super) fn take(&mut self, kind: Kind, body: &[u8]) -> Step {
        let step = match kind {
            Kind::Hello if self.agreed.is_none() => self.hello(body),
            Kind::Verdict if !self.accepted => self.verdict(body),
            _ => {
                let detail = "the other side does not keep to the order of the handshake";
                Err(Error::new(ErrorKind::Malformed, &*self.name, detail))
            }
        };
        if let Err(error) = step {
            return Step::Failed(error);
        }
        match self.agreed.take() {
            Some(agreement) if self.accepted => Step::Done(agreement),
            agreed => {
                self.agreed = agreed;
                self.failed.take().map_or(Step::GoOn, Step::Failed)
            }
        }
    }

    fn hello(&mut self, body: &[u8]) -> Result<()> {
        let agreed =
            read_hello(&self.name, body).and_then(|hello| agree(&self.name, &self.offer, hello));
        match agreed {
            Ok(agreement) => {
                verdict(&mut self.out, ACCEPTED, "");
                self.agreed = Some(agreement);
            }
            Err(error) => {
                let schema = error.is_schema_mismatch();
                let number = if schema { OTHER_SCHEMA } else { REFUSED };
                verdict(&mut self.out, number, error.detail());
                self.failed = Some(error);
            }
        }
        Ok(())
    }

    fn verdict(&mut self, body: &[u8]) -> Result<()> {
        let mut input = Decoder::new(body);
        let read = input.u8().and_then(|number| Ok((number, input.str()?)));
        let (kind, reason) = match read {
            Ok((ACCEPTED, _)) => {
                self.accepted = true;
                return Ok(());
            }
            Ok((REFUSED, reason)) => (ErrorKind::Refused, reason),
            Ok((OTHER_SCHEMA, reason)) => (ErrorKind::SchemaMismatch, reason),
            _ => (ErrorKind::Malformed, "a verdict that there is not"),
        };
        let detail = format!("the other side says: {}", shown(reason));
        Err(Error::new(kind, &*self.name, detail))
    }
}

fn verdict(out: &mut Vec<u8>, number: u8, reason: &str) {
    let mut body = Vec::new();
    let mut encoder = Encoder::new(&mut body);
    encoder.u8(number);
    encoder.str(&shown(reason));
    frame::append(out, Kind::Verdict, &body);
}
