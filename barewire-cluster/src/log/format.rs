//! The octets of the log: blocks of records, each with its length and a checksum.
//!
//! ```text
//!  0  8  "BWCLOG1\n"
//!  8  …  blocks:  0  4  length of the records, little-endian
//!                 4  4  CRC-32 of length and records
//!                 8  …  records, as BARE octets, one after the other
//! ```
//!
//! A block is all that one turn of the manager has to write. One that breaks off, or whose checksum
//! is wrong, was being written when the machine or the process ended: it and what follows it is
//! cut off. Nothing was sent that depends on it.

use barewire_runtime::codec::{Decode, Decoder};

use crate::core::manager::record::Record;

/// What a log begins with.
pub(crate) const MAGIC: [u8; 8] = *b"BWCLOG1\n";

const HEAD: usize = 8;
/// The most octets of one block.
const MAX_BLOCK: usize = 1 << 30;

fn checksum(length: [u8; 4], records: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    hasher.update(records);
    hasher.finalize()
}

/// The head of the block with these records; the records follow it.
pub(crate) fn head(records: &[u8]) -> [u8; HEAD] {
    let length = (records.len() as u32).to_le_bytes();
    let sum = checksum(length, records).to_le_bytes();
    let mut head = [0; HEAD];
    head[..4].copy_from_slice(&length);
    head[4..].copy_from_slice(&sum);
    head
}

/// Reads blocks, and says how many octets of them are whole.
pub(crate) fn read(octets: &[u8], take: &mut dyn FnMut(Record)) -> usize {
    let mut at = 0;
    while let Some(records) = block(&octets[at..]) {
        let mut decoder = Decoder::new(records);
        while decoder.remaining() > 0 {
            // With the right checksum, it is what this program has written.
            let Ok(record) = Record::decode(&mut decoder) else { return at };
            take(record);
        }
        at += HEAD + records.len();
    }
    at
}

/// The records of the first block, if it is whole.
fn block(octets: &[u8]) -> Option<&[u8]> {
    let length: [u8; 4] = octets.get(..4)?.try_into().ok()?;
    let sum: [u8; 4] = octets.get(4..HEAD)?.try_into().ok()?;
    let records = octets.get(HEAD..HEAD + (u32::from_le_bytes(length) as usize).min(MAX_BLOCK))?;
    (checksum(length, records) == u32::from_le_bytes(sum)).then_some(records)
}

#[cfg(test)]
mod tests {
    use barewire_runtime::codec::{Encode, Encoder};

    use super::*;

    #[test]
    fn whatever_is_cut_off_or_flipped_what_stands_before_it_is_read() {
        let mut octets = Vec::new();
        let mut ends = vec![0];
        for number in 0..4 {
            let mut records = Vec::new();
            for session in 0..number {
                Record::Forgotten { session }.encode(&mut Encoder::new(&mut records));
            }
            octets.extend_from_slice(&head(&records));
            octets.extend_from_slice(&records);
            ends.push(octets.len());
        }
        let whole = |octets: &[u8]| {
            let mut count = 0;
            (read(octets, &mut |_| count += 1), count)
        };
        assert_eq!(whole(&octets), (octets.len(), 6));
        for length in 0..octets.len() {
            let last = *ends.iter().filter(|end| **end <= length).max().expect("0 is one");
            assert_eq!(whole(&octets[..length]).0, last, "cut at {length}");
            let mut broken = octets.clone();
            broken[length] ^= 0x10;
            assert_eq!(whole(&broken).0, last, "flipped at {length}");
        }
    }
}
