//! Writing recorded messages.

use std::io::{self, Write};

use super::check::Check;
use super::{Frame, Head, MAGIC, MAX_NAME_BYTES, MAX_SCHEMA_BYTES, VERSION};

/// Writes messages behind a header.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    buffer: Vec<u8>,
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    ///
    /// Those of writing; `InvalidInput` if the name or the schema is too long.
    pub fn new(mut out: W, head: &Head) -> io::Result<Self> {
        if head.name.len() > MAX_NAME_BYTES || head.schema.len() > MAX_SCHEMA_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut bytes = MAGIC.to_vec();
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(head.kind.to_le_bytes());
        bytes.extend(head.began_ns.to_le_bytes());
        bytes.extend(head.wire_id.0);
        bytes.extend(head.layout_id.0);
        for text in [&head.name, &head.schema] {
            bytes.extend((text.len() as u32).to_le_bytes());
        }
        bytes.extend(head.name.as_bytes());
        bytes.extend(head.schema.as_bytes());
        let check = Check::new().with(&bytes).value();
        bytes.extend(check.to_le_bytes());
        out.write_all(&bytes)?;
        Ok(Self { out, buffer: bytes })
    }

    /// Writes one message; how many bytes that took.
    ///
    /// # Errors
    ///
    /// Those of writing; `InvalidInput` if the value is larger than 4 GiB.
    pub fn write(&mut self, frame: &Frame) -> io::Result<usize> {
        let bytes = u32::try_from(frame.octets.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let buffer = &mut self.buffer;
        buffer.clear();
        buffer.extend(bytes.to_le_bytes());
        buffer.extend(frame.kind.to_le_bytes());
        for number in [frame.after_ns, frame.missed, frame.sequence] {
            buffer.extend(number.to_le_bytes());
        }
        buffer.extend(frame.sender.to_le_bytes());
        buffer.extend(&frame.octets);
        let check = Check::new().with(buffer).value();
        buffer.extend(check.to_le_bytes());
        self.out.write_all(buffer)?;
        Ok(buffer.len())
    }

    /// Hands on what was written so far.
    ///
    /// # Errors
    ///
    /// Those of writing.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
