//! A shared mapping of a whole file, read and written through atomics and raw bytes.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::MmapRaw;

/// The bytes of a file that several processes have mapped.
///
/// Every access names an offset that is checked against the mapping's own length.
#[derive(Debug)]
pub(crate) struct Mapping(MmapRaw);

impl Mapping {
    /// Maps all of `file`, readable, writable and shared.
    pub(crate) fn new(file: &File) -> io::Result<Self> {
        MmapRaw::map_raw(file).map(Self)
    }

    /// The length of the mapping in bytes.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The address of `len` bytes from `offset`, which must lie inside the mapping.
    #[inline]
    pub(crate) fn bytes(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset <= self.len() && len <= self.len() - offset, "offset outside the mapping");
        // SAFETY: the assertion keeps the result inside the mapping.
        unsafe { self.0.as_mut_ptr().add(offset) }
    }

    /// The 64-bit word at `offset`, a multiple of 8.
    #[inline]
    pub(crate) fn u64(&self, offset: usize) -> &AtomicU64 {
        assert!(offset.is_multiple_of(8), "misaligned word");
        let address = self.bytes(offset, 8).cast::<AtomicU64>();
        // SAFETY: in bounds and, as mappings start at a page, aligned; atomics may be shared, and
        // the words that the protocols keep at these offsets are only used as atomics.
        unsafe { &*address }
    }

    /// The 32-bit word at `offset`, a multiple of 4.
    #[inline]
    pub(crate) fn u32(&self, offset: usize) -> &AtomicU32 {
        assert!(offset.is_multiple_of(4), "misaligned word");
        let address = self.bytes(offset, 4).cast::<AtomicU32>();
        // SAFETY: as for `u64`.
        unsafe { &*address }
    }

    /// The `count` 64-bit words from `offset`, a multiple of 8.
    #[inline]
    pub(crate) fn u64s(&self, offset: usize, count: usize) -> &[AtomicU64] {
        assert!(offset.is_multiple_of(8) && count <= self.len() / 8, "misaligned words");
        let address = self.bytes(offset, count * 8).cast::<AtomicU64>();
        // SAFETY: in bounds and aligned; otherwise as for `u64`.
        unsafe { std::slice::from_raw_parts(address, count) }
    }
}
