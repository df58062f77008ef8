//! CRC-32, as zip files and Ethernet have it.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut octet = 0;
    while octet < 256 {
        let (mut rest, mut bit) = (octet as u32, 0);
        while bit < 8 {
            rest = if rest & 1 != 0 { rest >> 1 ^ 0xedb8_8320 } else { rest >> 1 };
            bit += 1;
        }
        table[octet] = rest;
        octet += 1;
    }
    table
}

/// The check of octets that follow each other in several parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Check(u32);

impl Check {
    pub(super) fn new() -> Self {
        Self(!0)
    }

    pub(super) fn with(self, octets: &[u8]) -> Self {
        let step = |rest: u32, octet: &u8| TABLE[usize::from(rest as u8 ^ octet)] ^ rest >> 8;
        Self(octets.iter().fold(self.0, step))
    }

    pub(super) fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_usual_one() {
        assert_eq!(Check::new().with(b"1234").with(b"56789").value(), 0xcbf4_3926);
    }
}
