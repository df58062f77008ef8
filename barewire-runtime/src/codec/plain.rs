//! Plain values in one copy, and arrays without a list in between.

use std::mem::MaybeUninit;

use super::decoder::{Decode, Decoder};
use super::error::{DecodeError, DecodeErrorKind};

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

/// The octets of `count` plain values; `None` if the type is not plain.
#[inline(always)]
fn octets<'de, T: Decode<'de>>(
    count: usize,
    input: &mut Decoder<'de>,
) -> Option<Result<&'de [u8], DecodeError>> {
    if !const { T::PLAIN.holds() && size_of::<T>() > 0 } {
        return None;
    }
    Some(input.take(count.saturating_mul(size_of::<T>())))
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
            let mut items = Vec::with_capacity(count);
            fill(&mut items, octets);
            Some(Ok(items))
        }
        Err(error) => Some(Err(error)),
    }
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
fn fill<'de, T: Decode<'de>>(places: &mut Vec<T>, octets: &[u8]) {
    assert!(const { T::PLAIN.holds() && size_of::<T>() > 0 });
    let count = octets.len() / size_of::<T>();
    places.clear();
    if places.capacity() < count {
        places.reserve_exact(count);
    }
    let octets = &octets[..count * size_of::<T>()];
    // SAFETY: there is room for `count` values, which are as many octets.
    unsafe { super::copy::copy(octets, places.as_mut_ptr().cast()) };
    // SAFETY: any octets are a value of a plain type.
    unsafe { places.set_len(count) };
}

/// Reads `bool`s in place of others.
#[inline(always)]
pub(super) fn bools_into(
    places: &mut Vec<bool>,
    count: usize,
    input: &mut Decoder<'_>,
) -> Result<(), DecodeError> {
    let octets = bools(count, input)?;
    places.clear();
    if places.capacity() < count {
        places.reserve_exact(count);
    }
    // SAFETY: there is room for `count` values, and a `bool` is one octet.
    unsafe { super::copy::copy(octets, places.as_mut_ptr().cast()) };
    // SAFETY: all of the octets are 0 or 1, which are the values of `bool`.
    unsafe { places.set_len(count) };
    Ok(())
}

/// Reads over `bool`s.
#[inline]
pub(super) fn over_bools(count: usize, input: &mut Decoder<'_>) -> Result<(), DecodeError> {
    bools(count, input).map(drop)
}

/// The octets of `bool`s, each 0 or 1.
#[inline(always)]
fn bools<'de>(count: usize, input: &mut Decoder<'de>) -> Result<&'de [u8], DecodeError> {
    if !input.are_bools(count) {
        return Err(first_fault(count, input));
    }
    input.take(count)
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
fn first_fault(count: usize, input: &mut Decoder<'_>) -> DecodeError {
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
