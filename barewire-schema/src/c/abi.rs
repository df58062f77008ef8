//! Sizes, alignments and offsets by the C compiler's rules of this ABI.

use super::model::{CError, CType, Integer, StructDefinition};
use crate::layout::{Layout, MAX_LAYOUT_BYTES};

/// What the machines do not agree about.
///
/// All the rest is the same on 64-bit Linux: integers have 1, 2, 4 and 8 bytes and `__int128` 16,
/// `long`, `size_t` and pointers 8, `_Bool` 1, enums 4 unless a member does not fit, `float` 4,
/// `double` 8, `long double` 16; each is aligned to its size, and a struct to its largest member.
///
/// ```
/// use barewire_schema::c::{Abi, CType};
/// use barewire_schema::Type;
/// assert_eq!(CType::Char.bare_for(&Abi::X86_64)?, Type::I8);
/// assert_eq!(CType::Char.bare_for(&Abi::AARCH64)?, Type::U8);
/// # Ok::<(), barewire_schema::c::CError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Abi {
    /// Whether `char` has a sign.
    pub char_is_signed: bool,
    /// The bits of the mantissa of a `long double`: what is equal in size is not equal in meaning,
    /// so that none is shared.
    pub long_double_mantissa_bits: u32,
}

impl Abi {
    /// System V, x86-64.
    pub const X86_64: Self = Self { char_is_signed: true, long_double_mantissa_bits: 64 };
    /// AAPCS64, little-endian, on Linux.
    pub const AARCH64: Self = Self { char_is_signed: false, long_double_mantissa_bits: 113 };
    /// The machine that this is compiled for.
    #[cfg(not(target_arch = "aarch64"))]
    pub const HERE: Self = Self::X86_64;
    /// The machine that this is compiled for.
    #[cfg(target_arch = "aarch64")]
    pub const HERE: Self = Self::AARCH64;
}

/// Whether `char` is signed on the machine that this is compiled for.
pub const CHAR_IS_SIGNED: bool = Abi::HERE.char_is_signed;

// The rules above, as far as the Rust compiler knows them of the machine that it compiles for.
const _: () = {
    use core::ffi::{c_char, c_int, c_long, c_longlong, c_short};
    assert!(CHAR_IS_SIGNED == (c_char::MIN != 0));
    assert!(size_of::<c_short>() == 2 && size_of::<c_int>() == 4 && size_of::<c_long>() == 8);
    assert!(size_of::<c_longlong>() == 8 && size_of::<usize>() == 8);
    assert!(align_of::<u64>() == 8 && align_of::<f64>() == 8 && align_of::<u128>() == 16);
};

/// A member of a struct, those of anonymous structs and unions included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// The distance from the start of the struct, in bytes.
    pub offset: u64,
    /// Its type.
    pub ty: CType,
}

impl Integer {
    /// The size in bytes, and whether it has a sign.
    #[must_use]
    pub const fn shape(self) -> (u64, bool) {
        match self {
            Self::SignedChar => (1, true),
            Self::UnsignedChar => (1, false),
            Self::Short => (2, true),
            Self::UnsignedShort => (2, false),
            Self::Int => (4, true),
            Self::UnsignedInt => (4, false),
            Self::Long | Self::LongLong => (8, true),
            Self::UnsignedLong | Self::UnsignedLongLong => (8, false),
            Self::Int128 => (16, true),
            Self::UnsignedInt128 => (16, false),
        }
    }
}

fn scalar(size: u64) -> Layout {
    Layout { size, align: size }
}

fn fault(what: &str, message: &str, help: &str) -> CError {
    CError::new(0, format!("{what}: {message}"), help)
}

impl CType {
    /// Size and alignment.
    ///
    /// # Errors
    ///
    /// If it has none: `void`, functions, a struct that is only declared.
    pub fn layout(&self) -> Result<Layout, CError> {
        match self {
            Self::Bool | Self::Char => Ok(scalar(1)),
            Self::Integer(integer) => Ok(scalar(integer.shape().0)),
            Self::Float => Ok(scalar(4)),
            Self::Double | Self::Pointer { .. } => Ok(scalar(8)),
            Self::LongDouble | Self::Float128 => Ok(scalar(16)),
            Self::Enum(definition) => Ok(scalar(definition.integer().shape().0)),
            Self::Struct(definition) => definition.layout(),
            Self::Array { item, len } => {
                let item = item.layout()?;
                match item.size.checked_mul(*len).filter(|size| *size <= MAX_LAYOUT_BYTES) {
                    Some(size) => Ok(Layout { size, align: item.align }),
                    None => Err(fault("an array", "it is larger than 1 TiB", "")),
                }
            }
            Self::VaList => Err(fault("va_list", "it has no layout to rely on", "")),
            Self::Void => Err(fault("void", "it has no size", "")),
            Self::Function(_) => Err(fault("a function", "it has no size", "")),
            Self::Incomplete(name) => {
                Err(fault(name, "it is only declared", "define it before it is used by value"))
            }
        }
    }
}

impl StructDefinition {
    /// Size and alignment.
    ///
    /// # Errors
    ///
    /// If a member has no layout, or is a bit-field.
    pub fn layout(&self) -> Result<Layout, CError> {
        self.walk(|_, _| {})
    }

    /// Every member with its offset; those of anonymous structs and unions stand among them.
    ///
    /// # Errors
    ///
    /// As [`layout`](Self::layout).
    pub fn members(&self) -> Result<Vec<Member>, CError> {
        let mut members = Vec::new();
        self.gather(0, &mut members)?;
        Ok(members)
    }

    fn gather(&self, start: u64, members: &mut Vec<Member>) -> Result<(), CError> {
        let mut places = Vec::new();
        self.walk(|index, offset| places.push((index, offset)))?;
        for (index, offset) in places {
            let field = &self.fields[index];
            match &field.ty {
                CType::Struct(inner) if field.name.is_empty() => {
                    inner.gather(start + offset, members)?;
                }
                ty => members.push(Member {
                    name: field.name.clone(),
                    offset: start + offset,
                    ty: ty.clone(),
                }),
            }
        }
        Ok(())
    }

    /// Calls `see` with the number and the offset of every field.
    pub(super) fn walk(&self, mut see: impl FnMut(usize, u64)) -> Result<Layout, CError> {
        let (mut size, mut align) = (0_u64, 1_u64);
        for (index, field) in self.fields.iter().enumerate() {
            let named = |error: CError| {
                let message = format!("{}.{}: {}", self.name(), field.name, error.message);
                CError { message, ..error }
            };
            if field.bits.is_some() {
                let help = "write a whole integer, and mask its bits";
                return Err(named(fault("a bit-field", "its place is the compiler's own", help)));
            }
            let own = field.ty.layout().map_err(named)?;
            let natural = if self.packed { 1 } else { own.align };
            let wanted = field.align.unwrap_or(1).max(natural);
            align = align.max(wanted);
            if self.union {
                see(index, 0);
                size = size.max(own.size);
                continue;
            }
            let offset = size.next_multiple_of(wanted);
            see(index, offset);
            size = offset + own.size;
            if size > MAX_LAYOUT_BYTES {
                return Err(named(fault("a struct", "it is larger than 1 TiB", "")));
            }
        }
        align = align.max(self.align.unwrap_or(1));
        Ok(Layout { size: size.next_multiple_of(align), align })
    }
}
