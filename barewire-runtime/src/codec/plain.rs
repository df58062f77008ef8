//! Plain values in one copy, and arrays without a list in between.

use std::mem::MaybeUninit;

use super::copy::ROOM;
use super::decoder::{Ahead, Decode, Decoder};
use super::error::{DecodeError, DecodeErrorKind};
use super::place::{Made, Place};

/// Reads a plain value; `None` if the type is not plain.
#[doc(hidden)]
#[inline(always)]
pub fn plain_value<'de, T: Decode<'de>>(
    input: &mut Decoder<'de>,
) -> Option<Result<T, DecodeError>> {
    if !const { T::PLAIN.holds() } {
        return None;
    }
    Some(input.take(size_of::<T>()).map(|octets| {
        // SAFETY: any octets are a value of a plain type, and these are as many as it has.
        unsafe { octets.as_ptr().cast::<T>().read_unaligned() }
    }))
}

/// Reads a plain value to where it is to stand.
///
/// # Panics
///
/// If the type is not plain.
///
/// # Errors
///
/// If the input ends.
#[doc(hidden)]
#[inline(always)]
pub fn plain_at<'p, 'de, T: Decode<'de>>(
    place: Place<'p, T>,
    input: &mut Decoder<'de>,
) -> Result<Made<'p, T>, DecodeError> {
    assert!(const { T::PLAIN.holds() }, "a type that is not plain is not copied");
    let octets = input.take(size_of::<T>())?;
    // Not by way of a value, which the compiler would take apart and put together again.
    // SAFETY: there are as many octets as the value has, and the place may be written.
    unsafe { std::ptr::copy_nonoverlapping(octets.as_ptr(), place.at().cast(), octets.len()) };
    // SAFETY: any octets are a value of a plain type, and it owns nothing.
    Ok(unsafe { place.assume_made() })
}

/// The octets of `count` plain values; `None` if the type is not plain.
#[inline(always)]
fn octets<'de, T: Decode<'de>>(
    count: usize,
    input: &mut Decoder<'de>,
) -> Option<Result<Ahead<'de>, DecodeError>> {
    if !const { T::PLAIN.holds() && size_of::<T>() > 0 } {
        return None;
    }
    Some(input.ahead(count.saturating_mul(size_of::<T>())))
}

/// Reads plain values; `None` if the type is not plain.
#[inline(always)]
pub(super) fn items<'de, T: Decode<'de>>(
    count: usize,
    input: &mut Decoder<'de>,
) -> Option<Result<Vec<T>, DecodeError>> {
    // No closure here: one that is not inlined is a call for each list.
    match octets::<T>(count, input)? {
        Ok(octets) => {
            let mut items = room_for(count);
            fill(&mut items, octets);
            Some(Ok(items))
        }
        Err(error) => Some(Err(error)),
    }
}

/// An empty list with room for so many values, and for [`ROOM`] octets, if there is any.
#[inline(always)]
pub(super) fn room_for<T>(count: usize) -> Vec<T> {
    if count == 0 { Vec::new() } else { Vec::with_capacity(least_room::<T>(count)) }
}

#[inline(always)]
fn least_room<T>(count: usize) -> usize {
    count.max(ROOM.div_ceil(size_of::<T>().max(1)))
}

/// Reads plain values in place of others; `None` if the type is not plain.
#[inline(always)]
pub(super) fn items_into<'de, T: Decode<'de>>(
    places: &mut Vec<T>,
    count: usize,
    input: &mut Decoder<'de>,
) -> Option<Result<(), DecodeError>> {
    match octets::<T>(count, input)? {
        Ok(octets) => {
            fill(places, octets);
            Some(Ok(()))
        }
        Err(error) => Some(Err(error)),
    }
}

/// Replaces plain values by those that have these octets.
#[inline(always)]
fn fill<'de, T: Decode<'de>>(places: &mut Vec<T>, octets: Ahead<'_>) {
    assert!(const { T::PLAIN.holds() && size_of::<T>() > 0 });
    // SAFETY: any octets are a value of a plain type.
    unsafe { replace(places, octets) };
}

/// Reads `bool`s in place of others.
#[inline(always)]
pub(super) fn bools_into(
    places: &mut Vec<bool>,
    count: usize,
    input: &mut Decoder<'_>,
) -> Result<(), DecodeError> {
    let octets = bools(count, input)?;
    // SAFETY: a `bool` is one octet, and all of these are 0 or 1, which are its values.
    unsafe { replace(places, octets) };
    Ok(())
}

/// Replaces values by those that have these octets in memory.
///
/// # Safety
///
/// They are values of `T`, which owns nothing and has a size.
#[inline(always)]
unsafe fn replace<T>(places: &mut Vec<T>, octets: Ahead<'_>) {
    let Ahead { rest, len } = octets;
    let (size, count) = (size_of::<T>(), len / size_of::<T>());
    places.clear();
    if places.capacity() < count {
        places.reserve_exact(least_room::<T>(count));
    }
    let room = places.capacity() * size;
    // SAFETY: there is room for `count` values, which are as many octets or fewer.
    unsafe { super::copy::copy_first(rest, count * size, places.as_mut_ptr().cast(), room) };
    // SAFETY: the caller has promised that they are values.
    unsafe { places.set_len(count) };
}

/// Reads over `bool`s.
#[inline]
pub(super) fn over_bools(count: usize, input: &mut Decoder<'_>) -> Result<(), DecodeError> {
    bools(count, input).map(drop)
}

/// The octets of `bool`s, each 0 or 1.
#[inline(always)]
fn bools<'de>(count: usize, input: &mut Decoder<'de>) -> Result<Ahead<'de>, DecodeError> {
    if !input.are_bools(count) {
        // A copy, so that the decoder itself need not stand in memory.
        return Err(first_fault(count, input.clone()));
    }
    input.ahead(count)
}

/// Whether the first `len` octets of `rest` are there and are 0 or 1.
#[inline(always)]
pub(super) fn are_bools(rest: &[u8], len: usize) -> bool {
    const OTHERS: u64 = 0xfefe_fefe_fefe_fefe;
    let word = |octets: &[u8; 8]| u64::from_le_bytes(*octets) & OTHERS;
    let Some(octets) = rest.get(..len) else { return false };
    match (octets.last_chunk::<8>(), rest.first_chunk::<8>()) {
        (Some(last), _) => {
            let (words, _) = octets.as_chunks::<8>();
            words.iter().fold(word(last), |all, octets| all | word(octets)) == 0
        }
        // Looking beyond the last costs nothing, as long as it is still the input.
        (None, Some(first)) => word(first) & ((1 << (8 * len)) - 1) == 0,
        (None, None) => octets.iter().all(|octet| *octet < 2),
    }
}

/// Finds the first octet that is no `bool`.
#[cold]
#[inline(never)]
fn first_fault(count: usize, mut input: Decoder<'_>) -> DecodeError {
    let fault = |index| input.bool().err().map(|error: DecodeError| error.at_index(index));
    let found = (0..count).find_map(fault);
    found.unwrap_or_else(|| DecodeError::new(input.offset(), DecodeErrorKind::NotBool(0)))
}

/// What an array consists of while it is made.
struct Partly<T, const N: usize> {
    items: [MaybeUninit<T>; N],
    made: usize,
}

impl<T, const N: usize> Drop for Partly<T, N> {
    fn drop(&mut self) {
        for item in &mut self.items[..self.made] {
            // SAFETY: the first `made` items are there, and are dropped once, here.
            unsafe { item.assume_init_drop() };
        }
    }
}

/// Makes an array of one item after the other.
#[inline]
pub(super) fn array<T, E, const N: usize>(
    mut make: impl FnMut(usize) -> Result<T, E>,
) -> Result<[T; N], E> {
    let mut partly = Partly { items: [const { MaybeUninit::uninit() }; N], made: 0 };
    for index in 0..N {
        partly.items[index].write(make(index)?);
        partly.made = index + 1;
    }
    // They belong to the array that is returned from here on.
    partly.made = 0;
    let items: *const [MaybeUninit<T>; N] = &raw const partly.items;
    // SAFETY: all N items are there, and `partly` drops none of them any more.
    Ok(unsafe { items.cast::<[T; N]>().read() })
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{are_bools, array};

    #[test]
    fn one_octet_that_is_no_bool_is_found_wherever_it_stands() {
        for len in 0..40 {
            for behind in 0..10 {
                let mut octets = vec![1; len];
                octets.extend(vec![7; behind]);
                assert!(are_bools(&octets, len), "{len} of {octets:?}");
                assert!(!are_bools(&octets, len + behind + 1));
                for at in 0..len {
                    octets[at] = 2;
                    assert!(!are_bools(&octets, len), "{len} of {octets:?}");
                    octets[at] = 0;
                }
            }
        }
    }

    #[test]
    fn an_array_that_fails_halfway_drops_what_was_made() {
        let one = Rc::new(());
        let made: Result<[Rc<()>; 4], usize> =
            array(|index| if index < 3 { Ok(Rc::clone(&one)) } else { Err(index) });
        assert_eq!(made, Err(3));
        assert_eq!(Rc::strong_count(&one), 1);
        let made: Result<[Rc<()>; 4], usize> = array(|_| Ok(Rc::clone(&one)));
        assert_eq!(Rc::strong_count(&one), 5);
        drop(made);
        assert_eq!(Rc::strong_count(&one), 1);
    }
}
