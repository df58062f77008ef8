//! Writing octets.

/// A type whose values can be written as BARE.
///
/// It is derived together with the rest: `#[derive(BareSchema)]`.
pub trait Encode {
    /// Appends the octets of the value.
    fn encode(&self, out: &mut Encoder<'_>);

    /// Appends the octets of all items, without a count.
    #[doc(hidden)]
    fn encode_slice(items: &[Self], out: &mut Encoder<'_>)
    where
        Self: Sized,
    {
        for item in items {
            item.encode(out);
        }
    }
}

/// Where octets are appended to.
#[derive(Debug)]
pub struct Encoder<'a> {
    buffer: &'a mut Vec<u8>,
    deterministic: bool,
}

macro_rules! numbers {
    ($($name:ident),*) => {$(
        #[doc = concat!("Appends a `", stringify!($name), "`.")]
        #[inline]
        pub fn $name(&mut self, value: $name) {
            self.buffer.extend_from_slice(&value.to_le_bytes());
        }
    )*};
}

impl<'a> Encoder<'a> {
    /// Appends to `buffer`.
    pub fn new(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer, deterministic: false }
    }

    /// Appends to `buffer`, with maps in order and one NaN.
    pub fn deterministic(buffer: &'a mut Vec<u8>) -> Self {
        Self { buffer, deterministic: true }
    }

    /// Whether equal values must give equal octets.
    #[must_use]
    pub fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    numbers!(u8, u16, u32, u64, i8, i16, i32, i64);

    /// Appends an `f32`.
    #[inline]
    pub fn f32(&mut self, value: f32) {
        let canonical = self.deterministic && value.is_nan();
        self.u32(if canonical { 0x7fc0_0000 } else { value.to_bits() });
    }

    /// Appends an `f64`.
    #[inline]
    pub fn f64(&mut self, value: f64) {
        let canonical = self.deterministic && value.is_nan();
        self.u64(if canonical { 0x7ff8_0000_0000_0000 } else { value.to_bits() });
    }

    /// Appends a `uint`: seven bits an octet, the lowest first (LEB128).
    #[inline]
    pub fn uint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.buffer.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.buffer.push(value as u8);
    }

    /// Appends an `int`: zig-zag, then as a `uint`.
    #[inline]
    pub fn int(&mut self, value: i64) {
        self.uint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Appends a `bool`.
    #[inline]
    pub fn bool(&mut self, value: bool) {
        self.buffer.push(u8::from(value));
    }

    /// Appends a `str`: its length and its octets.
    #[inline]
    pub fn str(&mut self, value: &str) {
        self.data(value.as_bytes());
    }

    /// Appends `data`: its length and its octets.
    #[inline]
    pub fn data(&mut self, value: &[u8]) {
        self.uint(value.len() as u64);
        self.bytes(value);
    }

    /// Appends octets as they are.
    #[inline]
    pub fn bytes(&mut self, value: &[u8]) {
        self.buffer.extend_from_slice(value);
    }

    /// All octets of the buffer so far.
    pub(crate) fn written(&self) -> &[u8] {
        self.buffer
    }

    /// Replaces all octets from `start` on.
    pub(crate) fn rewrite(&mut self, start: usize, octets: &[u8]) {
        self.buffer.truncate(start);
        self.bytes(octets);
    }

    /// Appends the pairs of a map.
    pub(crate) fn pairs<'p, K: Encode + 'p, V: Encode + 'p>(
        &mut self,
        pairs: impl ExactSizeIterator<Item = (&'p K, &'p V)>,
        order: Order,
    ) {
        self.uint(pairs.len() as u64);
        if order == Order::AsIs && !self.deterministic {
            for (key, value) in pairs {
                key.encode(self);
                value.encode(self);
            }
            return;
        }
        for (key, value) in in_order(pairs, |(key, _)| *key) {
            key.encode(self);
            value.encode(self);
        }
    }
}

/// In which order the pairs of a map are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they come.
    AsIs,
    /// In ascending order of the encoded keys.
    ByKey,
}

/// Items in ascending order of their encoded keys.
pub(crate) fn in_order<'k, P, K: Encode + 'k>(
    items: impl Iterator<Item = P>,
    key: impl Fn(&P) -> &'k K,
) -> impl Iterator<Item = P> {
    let mut octets = Vec::new();
    let mut sorted: Vec<(std::ops::Range<usize>, P)> = items
        .map(|item| {
            let start = octets.len();
            key(&item).encode(&mut Encoder::deterministic(&mut octets));
            (start..octets.len(), item)
        })
        .collect();
    sorted.sort_by(|left, right| octets[left.0.clone()].cmp(&octets[right.0.clone()]));
    sorted.into_iter().map(|(_, item)| item)
}

/// The place in `ranges` of a range whose octets stand in another one too.
pub(crate) fn repeated(octets: &[u8], ranges: &[std::ops::Range<usize>]) -> Option<usize> {
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    let of = |index: usize| &octets[ranges[index].clone()];
    order.sort_by(|&left, &right| of(left).cmp(of(right)));
    let twice = order.windows(2).filter(|pair| of(pair[0]) == of(pair[1]));
    twice.map(|pair| pair[1]).min()
}
