//! Reading recorded messages, trusting nothing.

use std::io::{self, Read};

use barewire::schema::{Fingerprint, Link, Schema, Type};

use super::check::Check;
use super::{
    CHECK_BYTES, FRAME_BYTES, Frame, HEAD_BYTES, Head, MAGIC, MAX_NAME_BYTES, MAX_SCHEMA_BYTES,
    VERSION,
};

/// Reads the messages of a file, one after the other.
#[derive(Debug)]
pub struct Reader<R> {
    input: R,
    head: Head,
    schema: Schema,
    ty: Type,
    frames: u64,
    /// How many bytes were read.
    read: u64,
}

fn unfit(told: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, told.into())
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap_or_default())
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default())
}

fn sixteen(bytes: &[u8], at: usize) -> [u8; 16] {
    bytes[at..at + 16].try_into().unwrap_or_default()
}

impl<R: Read> Reader<R> {
    /// Reads the header and checks it.
    ///
    /// # Errors
    ///
    /// Those of reading; `InvalidData` if it is no recorded file of this version, or its schema
    /// is none or has other fingerprints.
    pub fn new(mut input: R) -> io::Result<Self> {
        let mut bytes = vec![0; HEAD_BYTES];
        input.read_exact(&mut bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => unfit("is no recorded file: it is too short"),
            _ => error,
        })?;
        if bytes[..8] != MAGIC {
            return Err(unfit("is no recorded file: its first octets are foreign"));
        }
        let version = u32_at(&bytes, 8);
        if version != VERSION {
            let told = format!("is a recorded file of version {version}; {VERSION} is known here");
            return Err(unfit(told));
        }
        let (name, schema) = (u32_at(&bytes, 56) as usize, u32_at(&bytes, 60) as usize);
        if name > MAX_NAME_BYTES || schema > MAX_SCHEMA_BYTES {
            return Err(unfit("is damaged: its header makes no sense"));
        }
        let mut rest = vec![0; name + schema + CHECK_BYTES];
        input.read_exact(&mut rest)?;
        let check = rest.split_off(name + schema);
        bytes.extend(&rest);
        if Check::new().with(&bytes).value().to_le_bytes() != *check {
            return Err(unfit("is damaged: the check of its header is wrong"));
        }
        let text = rest.split_off(name);
        let utf8 = |bytes| String::from_utf8(bytes).map_err(|_| unfit("has a header of no text"));
        let head = Head {
            name: utf8(rest)?,
            kind: u32_at(&bytes, 12),
            began_ns: u64_at(&bytes, 16),
            wire_id: Fingerprint(sixteen(&bytes, 24)),
            layout_id: Fingerprint(sixteen(&bytes, 40)),
            schema: utf8(text)?,
        };
        let schema = Schema::read("file", &head.schema)
            .map_err(|errors| unfit(format!("has a schema that cannot be read: {errors}")))?;
        let definition = Some(Link::from(schema.root().clone()));
        let named = Type::User { name: schema.root_name().to_owned().into(), definition };
        let mut types = [named, schema.root().clone()].into_iter();
        let ty = types.find(|ty| ty.layout_id() == head.layout_id && ty.wire_id() == head.wire_id);
        let ty = ty.ok_or_else(|| unfit("has a schema with other fingerprints"))?;
        let read = (HEAD_BYTES + head.name.len() + head.schema.len() + CHECK_BYTES) as u64;
        Ok(Self { input, head, schema, ty, frames: 0, read })
    }

    /// What the file says of itself.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The type of the values.
    #[must_use]
    pub fn ty(&self) -> &Type {
        &self.ty
    }

    /// How many bytes were read so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read
    }

    /// The next message; `None` behind the last one.
    ///
    /// # Errors
    ///
    /// Those of reading; `UnexpectedEof` if the file breaks off in a message, `InvalidData` if one
    /// is damaged.
    #[expect(clippy::should_implement_trait, reason = "an iterator would hide the error")]
    pub fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut bytes = Vec::with_capacity(FRAME_BYTES);
        let found = (&mut self.input).take(FRAME_BYTES as u64).read_to_end(&mut bytes)?;
        if found == 0 {
            return Ok(None);
        }
        if found < FRAME_BYTES {
            return Err(self.breaks_off());
        }
        let len = u64::from(u32_at(&bytes, 0));
        // Room is made for what is there, and not for what is promised.
        let mut octets = Vec::new();
        let rest = len + CHECK_BYTES as u64;
        if (&mut self.input).take(rest).read_to_end(&mut octets)? as u64 != rest {
            return Err(self.breaks_off());
        }
        let check = octets.split_off(len as usize);
        if Check::new().with(&bytes).with(&octets).value().to_le_bytes() != *check {
            let told = format!("is damaged: the check of message {} is wrong", self.frames + 1);
            return Err(unfit(told));
        }
        self.frames += 1;
        self.read += FRAME_BYTES as u64 + rest;
        Ok(Some(Frame {
            kind: u32_at(&bytes, 4),
            after_ns: u64_at(&bytes, 8),
            missed: u64_at(&bytes, 16),
            sequence: u64_at(&bytes, 24),
            sender: u128::from_le_bytes(sixteen(&bytes, 32)),
            octets,
        }))
    }

    fn breaks_off(&self) -> io::Error {
        let told = format!("breaks off after {} whole messages", self.frames);
        io::Error::new(io::ErrorKind::UnexpectedEof, told)
    }
}

#[cfg(test)]
mod tests {
    use barewire::schema::BareSchema;

    use super::super::Writer;
    use super::*;

    fn file() -> Vec<u8> {
        let schema =
            Schema::from_type(<Vec<u8> as BareSchema>::TYPE).validate().expect("it is BARE");
        let mut file = Vec::new();
        let head = Head::new("demo", 2, &schema, <Vec<u8> as BareSchema>::TYPE);
        let mut writer = Writer::new(&mut file, &head).expect("memory can be written");
        for octet in 0..3 {
            let frame = Frame { sequence: octet, octets: vec![1, 9], ..Frame::default() };
            writer.write(&frame).expect("memory can be written");
        }
        file
    }

    fn read(file: &[u8]) -> (u64, Option<io::Error>) {
        let mut reader = match Reader::new(file) {
            Ok(reader) => reader,
            Err(error) => return (0, Some(error)),
        };
        loop {
            match reader.next() {
                Ok(Some(_)) => {}
                Ok(None) => return (reader.frames, None),
                Err(error) => return (reader.frames, Some(error)),
            }
        }
    }

    #[test]
    fn a_file_may_break_off_anywhere() {
        let file = file();
        assert!(matches!(read(&file), (3, None)));
        let frame = FRAME_BYTES + 2 + CHECK_BYTES;
        let head = file.len() - 3 * frame;
        for end in 0..file.len() {
            let (frames, error) = read(&file[..end]);
            let whole = end.saturating_sub(head) / frame;
            assert_eq!(frames, whole as u64, "{end}");
            let between = end >= head && (end - head).is_multiple_of(frame);
            assert_eq!(error.is_none(), between, "{end}");
        }
    }

    #[test]
    fn every_damaged_octet_is_found() {
        let file = file();
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            assert!(read(&damaged).1.is_some(), "{at}");
        }
    }
}
