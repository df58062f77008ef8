//! What the parts of a value are given to, in order.

use super::encoder::Encode;

/// What the parts of a value are given to, in order.
///
/// [`Encoder`](super::Encoder) is the one to write with. Others, which only this crate has, measure
/// a value, or write where there is room already.
pub trait Sink: sealed::Sealed {
    /// Whether equal values must give equal octets.
    #[must_use]
    fn is_deterministic(&self) -> bool;

    /// Appends octets, as many as the type says.
    fn fixed<const N: usize>(&mut self, octets: [u8; N]);

    /// Appends octets as they are.
    fn bytes(&mut self, octets: &[u8]);

    /// Appends a `uint`: seven bits an octet, the lowest first (LEB128).
    fn uint(&mut self, value: u64);

    /// Appends `data`: its length and its octets.
    fn data(&mut self, octets: &[u8]);

    /// Appends values, without a count.
    #[doc(hidden)]
    fn items<T: Encode>(&mut self, items: &[T]);

    /// Appends an `int`: zig-zag, then as a `uint`.
    #[inline(always)]
    fn int(&mut self, value: i64) {
        self.uint(((value << 1) ^ (value >> 63)) as u64);
    }

    /// Appends an `f32`.
    #[inline(always)]
    fn f32(&mut self, value: f32) {
        let canonical = self.is_deterministic() && value.is_nan();
        self.u32(if canonical { 0x7fc0_0000 } else { value.to_bits() });
    }

    /// Appends an `f64`.
    #[inline(always)]
    fn f64(&mut self, value: f64) {
        let canonical = self.is_deterministic() && value.is_nan();
        self.u64(if canonical { 0x7ff8_0000_0000_0000 } else { value.to_bits() });
    }

    /// Appends a `u8`.
    #[inline(always)]
    fn u8(&mut self, value: u8) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends a `u16`.
    #[inline(always)]
    fn u16(&mut self, value: u16) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends a `u32`.
    #[inline(always)]
    fn u32(&mut self, value: u32) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends a `u64`.
    #[inline(always)]
    fn u64(&mut self, value: u64) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends an `i8`.
    #[inline(always)]
    fn i8(&mut self, value: i8) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends an `i16`.
    #[inline(always)]
    fn i16(&mut self, value: i16) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends an `i32`.
    #[inline(always)]
    fn i32(&mut self, value: i32) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends an `i64`.
    #[inline(always)]
    fn i64(&mut self, value: i64) {
        self.fixed(value.to_le_bytes());
    }

    /// Appends a `bool`.
    #[inline(always)]
    fn bool(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Appends a `str`: its length and its octets.
    #[inline(always)]
    fn str(&mut self, value: &str) {
        self.data(value.as_bytes());
    }
}

pub(super) mod sealed {
    //! Only this crate has sinks: derived types rely on what theirs do.

    /// A sink of this crate.
    pub trait Sealed {}
}
