//! The data sets: the types and counts of the public Rust serialization benchmark, and values
//! that look random and are the same in every run.
//!
//! Where that benchmark has a tuple, here is a struct in `repr(C)`, which encodes alike and which
//! those codecs that copy plain structs can copy.

pub(crate) mod log;
pub(crate) mod mesh;
pub(crate) mod minecraft;
pub(crate) mod mk48;

/// Derives what every codec needs.
macro_rules! everywhere {
    ($($item:item)*) => {$(
        #[derive(
            Debug,
            Clone,
            PartialEq,
            barewire::BareSchema,
            serde::Serialize,
            serde::Deserialize,
            bincode::Encode,
            bincode::Decode,
            borsh::BorshSerialize,
            borsh::BorshDeserialize,
            bitcode::Encode,
            bitcode::Decode,
            wincode::SchemaWrite,
            wincode::SchemaRead,
            rkyv::Archive,
            rkyv::Serialize,
            rkyv::Deserialize,
        )]
        $item
    )*};
}

/// Derives what every codec that can borrow from its input needs.
macro_rules! borrowed {
    ($($item:item)*) => {$(
        #[derive(
            Debug,
            Clone,
            PartialEq,
            barewire::BareSchema,
            serde::Serialize,
            serde::Deserialize,
            bincode::BorrowDecode,
            bitcode::Decode,
            wincode::SchemaRead,
        )]
        $item
    )*};
}

pub(crate) use {borrowed, everywhere};

/// Numbers that look random and are the same in every run (splitmix64, by Sebastiano Vigna).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number in a range that is not empty.
    pub(crate) fn range(&mut self, range: std::ops::Range<i64>) -> i64 {
        let width = (range.end - range.start) as u64;
        range.start + (self.next() % width) as i64
    }

    /// A number from 0 to 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub(crate) fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() & 1 == 1
    }

    pub(crate) fn one_of<'v, T>(&mut self, values: &'v [T]) -> &'v T {
        &values[(self.next() % values.len() as u64) as usize]
    }

    pub(crate) fn text(&mut self, values: &[&str]) -> String {
        (*self.one_of(values)).to_owned()
    }

    pub(crate) fn optional<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.coin().then(|| make(self))
    }

    /// Between `least` and `most - 1` values.
    pub(crate) fn list<T>(
        &mut self,
        least: i64,
        most: i64,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let count = self.range(least..most);
        (0..count).map(|_| make(self)).collect()
    }
}
