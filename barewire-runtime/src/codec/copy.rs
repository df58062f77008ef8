//! Copying octets, most of the time few of them, without a call.

/// Above this, a call costs less than it saves.
const SHORT: usize = 64;

/// Copies all octets.
///
/// Short ones by two moves that may overlap, so that there are few cases and no loop.
///
/// # Safety
///
/// As many octets as there are may be written at `to`, and none of them is one of the source.
#[inline(always)]
pub(super) unsafe fn copy(octets: &[u8], to: *mut u8) {
    let (from, len) = (octets.as_ptr(), octets.len());
    if len > SHORT {
        // SAFETY: what the caller has promised.
        return unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
    }
    if len >= 16 {
        // SAFETY: there are 16 octets at both ends.
        unsafe { ends::<16>(from, to, len) };
        if len > 32 {
            // SAFETY: there are more than 32, so the second 16 and the second last are inside.
            unsafe { ends::<16>(from.wrapping_add(16), to.wrapping_add(16), len - 32) };
        }
    } else if len >= 8 {
        // SAFETY: there are 8 octets at both ends.
        unsafe { ends::<8>(from, to, len) };
    } else if len >= 4 {
        // SAFETY: there are 4 octets at both ends.
        unsafe { ends::<4>(from, to, len) };
    } else if len > 0 {
        // SAFETY: there are one to three octets: the first, the middle and the last are all.
        unsafe { few(from, to, len) };
    }
}

/// As [`copy`], but without a guess how many there are, where eight octets may be written however
/// few there are to copy.
///
/// This is for lists, each of another length than the last, where a processor that guesses wrong
/// loses more than the copy takes. The same few texts come again and again, and guessing wins.
///
/// # Safety
///
/// As many octets as there are, and eight in any case, may be written at `to`; none of them is one
/// of the source. Afterwards all of them are initialised.
#[inline(always)]
pub(super) unsafe fn copy_over(octets: &[u8], to: *mut u8) {
    let (from, len) = (octets.as_ptr(), octets.len());
    if len < 8 {
        let word = gather(octets).to_le_bytes();
        // SAFETY: eight octets may be written.
        unsafe { to.cast::<[u8; 8]>().write_unaligned(word) };
    } else if (16..=SHORT).contains(&len) {
        // SAFETY: there are 16 octets at least and 64 at most.
        unsafe { four(from, to, len) };
    } else {
        // SAFETY: what the caller has promised.
        unsafe { copy(octets, to) };
    }
}

/// Less than eight octets as a number, the first the lowest, without a branch.
#[inline(always)]
fn gather(octets: &[u8]) -> u64 {
    use std::hint::select_unpredictable as select;
    const NONE: [u8; 4] = [0; 4];
    let (from, len) = (octets.as_ptr(), octets.len());
    debug_assert!(len < 8);
    // One to three octets: the first, the middle and the last are all. Without any, zeroes.
    let some = select(len > 0, from, NONE.as_ptr());
    let last = len.saturating_sub(1);
    // SAFETY: the first of at least one.
    let one = u64::from(unsafe { some.read() });
    // SAFETY: `len / 2` is less than `len`, or 0.
    let two = u64::from(unsafe { some.wrapping_add(len / 2).read() });
    // SAFETY: the last of at least one.
    let three = u64::from(unsafe { some.wrapping_add(last).read() });
    let few = one | two << (8 * (len / 2)) | three << (8 * last);
    // Four to seven: the first four and the last four. With fewer, zeroes.
    let many = select(len >= 4, from, NONE.as_ptr());
    let rest = len.saturating_sub(4);
    // SAFETY: the first of at least four.
    let low = unsafe { many.cast::<[u8; 4]>().read_unaligned() };
    // SAFETY: the last of at least four.
    let high = unsafe { many.wrapping_add(rest).cast::<[u8; 4]>().read_unaligned() };
    let (low, high) = (u32::from_le_bytes(low), u32::from_le_bytes(high));
    select(len >= 4, u64::from(low) | u64::from(high) << (8 * rest), few)
}

/// Copies 16 to 64 octets: four times 16, which may be the same.
///
/// # Safety
///
/// `len` octets, 16 to 64, may be read and written; source and target do not overlap.
#[inline(always)]
unsafe fn four(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the first and the last 16 are within `len`.
    unsafe { ends::<16>(from, to, len) };
    let (second, third) = ((len - 16).min(16), (len - 16).min(32));
    // SAFETY: 16 octets from there are within `len`.
    unsafe { block(from, to, second) };
    // SAFETY: as above.
    unsafe { block(from, to, third) };
}

/// Copies 16 octets.
///
/// # Safety
///
/// 16 octets from `at` on may be read and written; source and target do not overlap.
#[inline(always)]
unsafe fn block(from: *const u8, to: *mut u8, at: usize) {
    // SAFETY: what the caller has promised.
    let octets = unsafe { from.wrapping_add(at).cast::<[u8; 16]>().read_unaligned() };
    // SAFETY: as above.
    unsafe { to.wrapping_add(at).cast::<[u8; 16]>().write_unaligned(octets) };
}

/// Copies the first and the last `N` octets.
///
/// # Safety
///
/// `N` octets from the start and `N` before the end may be read and written; source and target do
/// not overlap.
#[inline(always)]
unsafe fn ends<const N: usize>(from: *const u8, to: *mut u8, len: usize) {
    let last = len.wrapping_sub(N);
    // SAFETY: the caller has promised that they can be read.
    let first: [u8; N] = unsafe { from.cast::<[u8; N]>().read_unaligned() };
    // SAFETY: as above.
    let second: [u8; N] = unsafe { from.wrapping_add(last).cast::<[u8; N]>().read_unaligned() };
    // SAFETY: the caller has promised that they can be written.
    unsafe { to.cast::<[u8; N]>().write_unaligned(first) };
    // SAFETY: as above.
    unsafe { to.wrapping_add(last).cast::<[u8; N]>().write_unaligned(second) };
}

/// Copies one to three octets.
///
/// # Safety
///
/// `len` octets, one to three, may be read and written; source and target do not overlap.
#[inline(always)]
unsafe fn few(from: *const u8, to: *mut u8, len: usize) {
    for at in [0, len / 2, len - 1] {
        // SAFETY: it is less than `len`.
        let octet = unsafe { from.wrapping_add(at).read() };
        // SAFETY: as above.
        unsafe { to.wrapping_add(at).write(octet) };
    }
}

/// The room that octets get which are read from an input: allocators give no less in any case.
pub(super) const ROOM: usize = 16;

/// Copies the first `len` octets of `rest`.
///
/// If there are few, [`ROOM`] of them are moved at once, where so many can be read and written, and
/// else four times as many: a processor has nothing to guess then.
///
/// # Safety
///
/// `rest` has `len` octets at least, and `room`, which is as many or more, may be written at `to`;
/// none of these is one of the source.
#[inline(always)]
pub(super) unsafe fn copy_first(rest: &[u8], len: usize, to: *mut u8, room: usize) {
    debug_assert!(len <= rest.len() && len <= room);
    if len <= ROOM
        && room >= ROOM
        && let Some(block) = rest.first_chunk::<ROOM>()
    {
        // SAFETY: there is room for them.
        return unsafe { to.cast::<[u8; ROOM]>().write_unaligned(*block) };
    }
    if (ROOM..=SHORT).contains(&len) {
        // SAFETY: there are 16 octets at least and 64 at most, and room for them.
        return unsafe { four(rest.as_ptr(), to, len) };
    }
    // SAFETY: `rest` has as many.
    let octets = unsafe { rest.get_unchecked(..len) };
    // SAFETY: there is room for them.
    unsafe { copy(octets, to) };
}

/// The first `len` octets of `rest`, or all of them, as octets of their own.
#[inline(always)]
pub(super) fn owned(rest: &[u8], len: usize) -> Vec<u8> {
    let len = len.min(rest.len());
    if len == 0 {
        return Vec::new();
    }
    let room = len.max(ROOM);
    let mut owned = Vec::with_capacity(room);
    // SAFETY: `rest` has `len` octets, and there is room for so many.
    unsafe { copy_first(rest, len, owned.as_mut_ptr(), room) };
    // SAFETY: so many are initialised now.
    unsafe { owned.set_len(len) };
    owned
}

/// Replaces what a buffer holds.
#[inline(always)]
pub(super) fn replace(buffer: &mut Vec<u8>, octets: &[u8]) {
    buffer.clear();
    append(buffer, octets);
}

/// Appends octets.
#[inline(always)]
pub(super) fn append(buffer: &mut Vec<u8>, octets: &[u8]) {
    let len = buffer.len();
    if buffer.capacity() - len < octets.len() {
        buffer.reserve(octets.len());
    }
    // SAFETY: the room was reserved, and it is the buffer's own, where no octets are read from.
    unsafe { copy(octets, buffer.as_mut_ptr().wrapping_add(len)) };
    // SAFETY: they are initialised now.
    unsafe { buffer.set_len(len + octets.len()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_copied_whole_and_nothing_beyond_it_is_touched() {
        let source: Vec<u8> = (1..=255).collect();
        for len in 0..=200 {
            let mut target = vec![0_u8; 256];
            // SAFETY: there are 256 octets.
            unsafe { copy(&source[..len], target.as_mut_ptr()) };
            assert_eq!(target[..len], source[..len], "{len}");
            assert!(target[len..].iter().all(|octet| *octet == 0), "{len}");
            // SAFETY: as above.
            unsafe { copy_over(&source[..len], target.as_mut_ptr()) };
            assert_eq!(target[..len], source[..len], "{len}");
            assert!(target[len.max(8)..].iter().all(|octet| *octet == 0), "{len}");
            for behind in [0, 1, ROOM, 50] {
                let rest = &source[..len + behind];
                assert_eq!(owned(rest, len), source[..len]);
            }
            let mut buffer = vec![9; 3];
            append(&mut buffer, &source[..len]);
            assert_eq!(buffer, [&[9, 9, 9], &source[..len]].concat());
            replace(&mut buffer, &source[..len]);
            assert_eq!(buffer, source[..len]);
        }
    }
}
