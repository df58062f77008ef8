//! The memory that all workers of a library share with the caller, and buffers in it.
//!
//! What is free is known to the caller alone, so that no worker can harm it.

use std::fmt;
use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use barewire_runtime::shared_memory::{Mapping, create_sealed};

use crate::error::{Error, ErrorKind, Result};

/// Every block begins at a multiple of this.
const ALIGN: usize = 64;

/// The arena.
pub(crate) struct Arena {
    pub(crate) map: Mapping,
    pub(crate) file: File,
    /// Free blocks, offset and length, by offset.
    free: Mutex<Vec<(usize, usize)>>,
}

/// A sealed piece of shared memory, mapped.
pub(crate) fn shared(name: &str, bytes: usize) -> Result<(File, Mapping)> {
    let file = create_sealed(name, bytes as u64)
        .map_err(|error| Error::io(name, "no memory for it", error))?;
    let map = Mapping::new(&file).map_err(|error| Error::io(name, "cannot be mapped", error))?;
    Ok((file, map))
}

impl Arena {
    pub(crate) fn new(bytes: usize) -> Result<Arc<Self>> {
        let bytes = bytes.max(ALIGN).next_multiple_of(4096);
        let (file, map) = shared("farscape-arena", bytes)?;
        Ok(Arc::new(Self { map, file, free: Mutex::new(vec![(0, bytes)]) }))
    }

    /// Takes a block of at least `len` bytes.
    pub(crate) fn take(self: &Arc<Self>, len: usize) -> Result<Block> {
        let wanted = len.max(1).next_multiple_of(ALIGN);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(at) = free.iter().position(|(_, have)| *have >= wanted) else {
            let most = free.iter().map(|(_, have)| *have).max().unwrap_or(0);
            let detail = format!(
                "expected {len} bytes of the arena, found {most} of {} in one piece: make the \
                 library with a larger `arena_bytes`",
                self.map.len()
            );
            return Err(Error::new(ErrorKind::TooLarge, "", detail));
        };
        let (offset, have) = free[at];
        if have == wanted {
            free.remove(at);
        } else {
            free[at] = (offset + wanted, have - wanted);
        }
        Ok(Block { arena: self.clone(), offset, taken: wanted })
    }

    fn give(&self, offset: usize, len: usize) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let at = free.partition_point(|(start, _)| *start < offset);
        free.insert(at, (offset, len));
        if free.get(at + 1).is_some_and(|(start, _)| *start == offset + len) {
            free[at].1 += free.remove(at + 1).1;
        }
        if at > 0 && free[at - 1].0 + free[at - 1].1 == offset {
            free[at - 1].1 += free.remove(at).1;
        }
    }
}

/// A block of the arena, given back when dropped.
pub(crate) struct Block {
    arena: Arc<Arena>,
    pub(crate) offset: usize,
    taken: usize,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.arena.give(self.offset, self.taken);
    }
}

/// Bytes in the memory that the workers share: as an argument, they are not copied.
///
/// A worker may write there at any time, also when it should not. So bytes are copied out before
/// they are looked at, and no reference to them is lent.
///
/// ```
/// use barewire_farscape::{Dynamic, Options};
/// // SAFETY: this is the prototype of the C library.
/// let options = unsafe { Options::in_process() };
/// let c = Dynamic::start(&options, &["libc.so.6"], &["int abs(int n)"])?;
/// let mut buffer = c.buffer(1 << 16)?;
/// buffer.write(0, b"hello")?;
/// assert_eq!(buffer.read(0, 5)?, b"hello");
/// # Ok::<(), barewire_farscape::Error>(())
/// ```
pub struct Buffer {
    block: Block,
    len: usize,
}

impl Buffer {
    pub(crate) fn new(block: Block, len: usize) -> Self {
        let buffer = Self { block, len };
        // What others left there is nobody's business.
        let zeroes = [0_u8; 4096];
        for start in (0..len).step_by(zeroes.len()) {
            let part = &zeroes[..zeroes.len().min(len - start)];
            buffer.block.arena.map.write_volatile(buffer.block.offset + start, part);
        }
        buffer
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    fn check(&self, at: usize, len: usize) -> Result<()> {
        match at.checked_add(len).filter(|end| *end <= self.len) {
            Some(_) => Ok(()),
            None => {
                let detail = format!("expected {len} bytes at {at} of {}", self.len);
                Err(Error::new(ErrorKind::InvalidArgument, "buffer", detail))
            }
        }
    }

    /// Copies bytes in.
    ///
    /// # Errors
    ///
    /// If they do not lie inside.
    pub fn write(&mut self, at: usize, bytes: &[u8]) -> Result<()> {
        self.check(at, bytes.len())?;
        self.block.arena.map.write_volatile(self.block.offset + at, bytes);
        Ok(())
    }

    /// Copies bytes out.
    ///
    /// # Errors
    ///
    /// If they do not lie inside.
    pub fn read(&self, at: usize, len: usize) -> Result<Vec<u8>> {
        self.check(at, len)?;
        let mut bytes = vec![0; len];
        self.block.arena.map.read_volatile(self.block.offset + at, &mut bytes);
        Ok(bytes)
    }

    /// Where it stands, if it is in this arena.
    pub(crate) fn place(&self, arena: &Arc<Arena>) -> Result<u64> {
        if !Arc::ptr_eq(arena, &self.block.arena) {
            let detail = "expected a buffer of this library, found one of another";
            return Err(Error::new(ErrorKind::InvalidArgument, "", detail));
        }
        Ok(crate::mailbox::ADDRESS | crate::mailbox::IN_ARENA | self.block.offset as u64)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}
