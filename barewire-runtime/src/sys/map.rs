//! A shared mapping of a whole file, read and written through atomics and raw bytes.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};

use memmap2::{MmapOptions, MmapRaw};

/// The bytes of a file that several processes have mapped.
///
/// Every access names an offset that is checked against the mapping's own length. Clones are the
/// same mapping, which lasts as long as any of them.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Where it starts and how long it is, at hand without following the pointer below.
    start: *mut u8,
    len: usize,
    /// The numbers of its last words of 8 and of 4 bytes.
    last_u64: usize,
    last_u32: usize,
    _whole: Arc<MmapRaw>,
}

// SAFETY: `start` points into what `_whole` keeps mapped, and `MmapRaw` itself may be sent.
unsafe impl Send for Mapping {}
// SAFETY: as above; shared access goes through atomics and volatile copies, or is proved where the
// address that `bytes` yields is used.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps all of `file`, readable, writable and shared.
    pub fn new(file: &File) -> io::Result<Self> {
        Self::of(MmapRaw::map_raw(file)?)
    }

    /// Maps all of `file` for reading alone: whoever writes there is ended by the kernel.
    pub(crate) fn read_only(file: &File) -> io::Result<Self> {
        Self::of(MmapOptions::new().map_raw_read_only(file)?)
    }

    fn of(whole: MmapRaw) -> io::Result<Self> {
        let (start, len) = (whole.as_mut_ptr(), whole.len());
        if len < 8 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (last_u64, last_u32) = (len / 8 - 1, len / 4 - 1);
        Ok(Self { start, len, last_u64, last_u32, _whole: Arc::new(whole) })
    }

    #[expect(clippy::len_without_is_empty, reason = "a mapping is never empty")]
    /// The length of the mapping in bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The address of `len` bytes from `offset`, which must lie inside the mapping.
    #[inline]
    pub fn bytes(&self, offset: usize, len: usize) -> *mut u8 {
        assert!(offset <= self.len() && len <= self.len() - offset, "offset outside the mapping");
        // SAFETY: the assertion keeps the result inside the mapping.
        unsafe { self.start.add(offset) }
    }

    /// The 64-bit word at `offset`, a multiple of 8.
    #[inline]
    pub fn u64(&self, offset: usize) -> &AtomicU64 {
        // The low bits of an offset that is no multiple of 8 end up at the top: one comparison
        // finds both faults.
        assert!(offset.rotate_right(3) <= self.last_u64, "misaligned, or outside the mapping");
        // SAFETY: the assertion keeps the word inside the mapping.
        let address = unsafe { self.start.add(offset) }.cast::<AtomicU64>();
        // SAFETY: in bounds and, as mappings start at a page, aligned; atomics may be shared, and
        // the words that the protocols keep at these offsets are only used as atomics.
        unsafe { &*address }
    }

    /// The 64-bit words from `offset` on, a multiple of 8: one check for all of them.
    #[inline]
    pub(crate) fn several<const N: usize>(&self, offset: usize) -> [&AtomicU64; N] {
        let last = offset.wrapping_add((N - 1) * 8);
        assert!(offset <= last, "outside the mapping");
        let last = std::ptr::from_ref(self.u64(last));
        std::array::from_fn(|index| {
            // SAFETY: the words are before the last one, and from `offset` on.
            let word = unsafe { last.sub(N - 1 - index) };
            // SAFETY: as for `u64`.
            unsafe { &*word }
        })
    }

    /// `count` 64-bit words from `offset`, a multiple of 8.
    #[inline]
    pub(crate) fn words(&self, offset: usize, count: usize) -> &[AtomicU64] {
        assert!(
            offset.is_multiple_of(8) && count <= self.len() / 8,
            "misaligned or too many words"
        );
        let address = self.bytes(offset, count * 8).cast::<AtomicU64>();
        // SAFETY: as for `u64`, for all of them.
        unsafe { std::slice::from_raw_parts(address, count) }
    }

    /// The 32-bit word at `offset`, a multiple of 4.
    #[inline]
    pub fn u32(&self, offset: usize) -> &AtomicU32 {
        // As in `u64`.
        assert!(offset.rotate_right(2) <= self.last_u32, "misaligned, or outside the mapping");
        // SAFETY: the assertion keeps the word inside the mapping.
        let address = unsafe { self.start.add(offset) }.cast::<AtomicU32>();
        // SAFETY: as for `u64`.
        unsafe { &*address }
    }

    /// Copies bytes out that others may be writing just now: whatever stands there.
    pub fn read_volatile(&self, offset: usize, target: &mut [u8]) {
        let source = self.bytes(offset, target.len());
        let (words, rest) = target.as_chunks_mut::<8>();
        let tail = words.len() * 8;
        for (index, word) in words.iter_mut().enumerate() {
            // SAFETY: `bytes` has checked the range.
            let place = unsafe { source.add(index * 8) }.cast::<[u8; 8]>();
            // SAFETY: in bounds; bytes need no alignment, and no reference to them is made.
            *word = unsafe { place.read_volatile() };
        }
        for (index, byte) in rest.iter_mut().enumerate() {
            // SAFETY: `bytes` has checked the range.
            let place = unsafe { source.add(tail + index) };
            // SAFETY: in bounds.
            *byte = unsafe { place.read_volatile() };
        }
    }

    /// Copies bytes in that others may be reading or writing just now.
    pub fn write_volatile(&self, offset: usize, source: &[u8]) {
        let target = self.bytes(offset, source.len());
        let (words, rest) = source.as_chunks::<8>();
        let tail = words.len() * 8;
        for (index, word) in words.iter().enumerate() {
            // SAFETY: `bytes` has checked the range.
            let place = unsafe { target.add(index * 8) }.cast::<[u8; 8]>();
            // SAFETY: in bounds; bytes need no alignment, and no reference to them is made.
            unsafe { place.write_volatile(*word) };
        }
        for (index, byte) in rest.iter().enumerate() {
            // SAFETY: `bytes` has checked the range.
            let place = unsafe { target.add(tail + index) };
            // SAFETY: in bounds.
            unsafe { place.write_volatile(*byte) };
        }
    }

    /// A hint that the cache line at `offset` will be read soon; nothing if it is out of bounds.
    #[inline]
    pub(crate) fn prefetch_read(&self, offset: usize) {
        let address = self.start.wrapping_add(offset);
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch never faults and changes nothing, whatever the address.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(address.cast());
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) address, options(nostack, readonly));
        }
        let _ = address;
    }

    /// A hint that the cache line at `offset` will be written soon.
    #[inline]
    pub(crate) fn prefetch_write(&self, offset: usize) {
        let address = self.start.wrapping_add(offset);
        // By hand, because the compiler only makes it a hint for reading unless it is told of a
        // processor; processors that do not know the instruction ignore it.
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a prefetch never faults and changes nothing, whatever the address.
        unsafe {
            std::arch::asm!(
                "prefetchw [{0}]", in(reg) address,
                options(nostack, readonly, preserves_flags)
            );
        }
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        unsafe {
            std::arch::asm!("prfm pstl1keep, [{0}]", in(reg) address, options(nostack, readonly));
        }
        let _ = address;
    }
}
