//! Sizes, alignments and offsets by the C compiler's rules of this ABI.

use super::model::{CError, CType, Integer, StructDefinition};
use crate::layout::{Layout, MAX_LAYOUT_BYTES};

/// Whether `char` is signed on the machine that this is compiled for.
pub const CHAR_IS_SIGNED: bool = core::ffi::c_char::MIN != 0;

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
