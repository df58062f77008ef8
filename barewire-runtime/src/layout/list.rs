//! A list with a cap: a count, then room for all items.

use std::fmt;

use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout};

use super::{Access, Assign, Count, Layout, LayoutError, Word};

type CountOf<T> = <<T as Layout>::Word as Word>::Count;

/// At most `N` octets.
pub type Data<const N: usize> = List<u8, N>;

/// At most `N` items of `T`.
///
/// ```
/// use barewire_runtime::layout::List;
/// let mut list = List::<u32, 4>::new();
/// list.push(7).unwrap();
/// assert_eq!(list.as_slice().unwrap(), [7]);
/// assert_eq!(size_of::<List<u32, 4>>(), 4 + 4 * 4);
/// ```
#[derive(Clone, Copy, FromBytes, Immutable, KnownLayout)]
#[repr(C)]
pub struct List<T: Layout, const N: usize> {
    count: CountOf<T>,
    items: [T; N],
}

// The count is aligned as the items are and its size is a multiple of that alignment, so nothing
// stands between the two; the sum of the sizes is a multiple of the alignment, so nothing follows.
// SAFETY: `IntoBytes` asks that no byte is uninitialised. There is no padding, as said above and
// asserted by `SOUND`; count and items are `IntoBytes` themselves.
unsafe impl<T: Layout, const N: usize> IntoBytes for List<T, N> {
    fn only_derive_is_allowed_to_implement_this_trait() {}
}

impl<T: Layout, const N: usize> Layout for List<T, N> {
    type Word = T::Word;
}

impl<T: Layout, const N: usize> List<T, N> {
    /// No padding, and a cap that the count can hold.
    const SOUND: () = assert!(
        size_of::<Self>() == size_of::<CountOf<T>>() + size_of::<[T; N]>()
            && align_of::<Self>() == align_of::<CountOf<T>>()
            && align_of::<T>() == align_of::<T::Word>()
            && N <= u32::MAX as usize
    );

    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        const { Self::SOUND };
        Self::new_zeroed()
    }

    /// How many items there are.
    ///
    /// # Errors
    ///
    /// If the count exceeds the cap.
    pub fn len(&self) -> Result<usize, LayoutError> {
        const { Self::SOUND };
        match usize::try_from(self.count.get()) {
            Ok(count) if count <= N => Ok(count),
            _ => Err(LayoutError::over_cap(self.count.get() as usize, N)),
        }
    }

    /// Whether there are no items.
    ///
    /// # Errors
    ///
    /// As [`len`](Self::len).
    pub fn is_empty(&self) -> Result<bool, LayoutError> {
        Ok(self.len()? == 0)
    }

    /// The most items.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        N
    }

    /// The items.
    ///
    /// # Errors
    ///
    /// If the count exceeds the cap.
    pub fn as_slice(&self) -> Result<&[T], LayoutError> {
        let len = self.len()?;
        Ok(&self.items[..len])
    }

    /// The items, to be changed.
    ///
    /// # Errors
    ///
    /// If the count exceeds the cap.
    pub fn as_mut_slice(&mut self) -> Result<&mut [T], LayoutError> {
        let len = self.len()?;
        Ok(&mut self.items[..len])
    }

    /// The items, one after the other.
    ///
    /// # Errors
    ///
    /// If the count exceeds the cap.
    pub fn iter(&self) -> Result<std::slice::Iter<'_, T>, LayoutError> {
        self.as_slice().map(<[T]>::iter)
    }

    /// Appends an item.
    ///
    /// # Errors
    ///
    /// If the list is full.
    pub fn push(&mut self, item: T) -> Result<(), LayoutError> {
        let len = self.len()?;
        let place = self.items.get_mut(len).ok_or_else(|| LayoutError::over_cap(len + 1, N))?;
        *place = item;
        self.count = Count::new(len + 1);
        Ok(())
    }

    /// Removes all items, and zeroes their memory.
    pub fn clear(&mut self) {
        const { Self::SOUND };
        self.zero();
    }

    /// Makes room for `len` items, all zeroes, and yields them.
    pub(crate) fn start(&mut self, len: usize) -> Result<&mut [T], LayoutError> {
        const { Self::SOUND };
        if len > N {
            return Err(LayoutError::over_cap(len, N));
        }
        self.zero();
        self.count = Count::new(len);
        Ok(&mut self.items[..len])
    }
}

impl<T: Layout, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T: Layout + fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.as_slice() {
            Ok(items) => f.debug_list().entries(items).finish(),
            Err(error) => write!(f, "<{error}>"),
        }
    }
}

impl<T: Layout, const N: usize> Access for List<T, N> {
    type Ref<'a> = &'a [T];

    fn get(&self) -> Result<&[T], LayoutError> {
        self.as_slice()
    }
}

impl<T: Layout, const N: usize> Assign<&[T]> for List<T, N> {
    fn assign(&mut self, value: &[T]) -> Result<(), LayoutError> {
        self.start(value.len())?.copy_from_slice(value);
        Ok(())
    }
}

impl<T: Layout, const N: usize, const M: usize> Assign<&[T; M]> for List<T, N> {
    fn assign(&mut self, value: &[T; M]) -> Result<(), LayoutError> {
        self.assign(value.as_slice())
    }
}

impl<T: Layout, const N: usize> Assign<&Vec<T>> for List<T, N> {
    fn assign(&mut self, value: &Vec<T>) -> Result<(), LayoutError> {
        self.assign(value.as_slice())
    }
}
