//! Reading a value from BARE octets, as strictly as typed decoding does.

use std::borrow::Cow;

use barewire_schema::Type;

use super::Value;
use crate::codec::{DecodeError, DecodeErrorKind, Decoder, repeated};

/// How many items to make room for before any of them has been read.
const MOST_RESERVED: usize = 1 << 12;

impl Value {
    /// The value that all of `bytes` encode.
    ///
    /// Caps do not count: they belong to the fixed layout. A type whose names have no definition
    /// is refused as [`DecodeErrorKind::Unbounded`].
    ///
    /// # Errors
    ///
    /// Where and why the octets are no value of `ty`; octets left over are an error.
    #[inline]
    pub fn decode(ty: &Type, bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut input = Decoder::new(bytes);
        let value = Self::decode_from(ty, &mut input)?;
        input.finish()?;
        Ok(value)
    }

    /// The value that the next octets encode; more may follow.
    ///
    /// # Errors
    ///
    /// Where and why the octets are no value of `ty`.
    #[inline]
    pub fn decode_from(ty: &Type, input: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let start = input.offset();
        Ok(match ty.resolved() {
            Type::UInt => Self::UInt(input.uint()?),
            Type::Int => Self::Int(input.int()?),
            Type::U8 => Self::U8(input.u8()?),
            Type::U16 => Self::U16(input.u16()?),
            Type::U32 => Self::U32(input.u32()?),
            Type::U64 => Self::U64(input.u64()?),
            Type::I8 => Self::I8(input.i8()?),
            Type::I16 => Self::I16(input.i16()?),
            Type::I32 => Self::I32(input.i32()?),
            Type::I64 => Self::I64(input.i64()?),
            Type::F32 => Self::F32(input.f32()?),
            Type::F64 => Self::F64(input.f64()?),
            Type::Bool => Self::Bool(input.bool()?),
            Type::Str { .. } => Self::Str(input.str()?.to_owned()),
            Type::Data { .. } => Self::Data(input.data()?.to_vec()),
            Type::DataFixed { len } => Self::Data(input.take(fits(*len, 1, input)?)?.to_vec()),
            Type::Void => Self::Void,
            Type::Enum(members) => {
                let value = input.uint()?;
                if !members.iter().any(|member| member.value == value) {
                    return Err(DecodeError::unknown_value(start, name_of(ty, "the enum"), value));
                }
                Self::Enum(value)
            }
            Type::Optional(item) => Self::Optional(match input.bool()? {
                true => Some(Box::new(Self::decode_from(item.get(), input)?)),
                false => None,
            }),
            Type::List { item, .. } => {
                let count = input.count(least(item.get()))?;
                Self::List(items(item.get(), count, input)?)
            }
            Type::ListFixed { item, len } => {
                let count = fits(*len, item.get().min_size(), input)?;
                Self::List(items(item.get(), count, input)?)
            }
            Type::Map { key, value, .. } => Self::Map(pairs(key.get(), value.get(), input)?),
            Type::Union(members) => {
                let tag = input.uint()?;
                let Some(member) = members.iter().find(|member| member.tag == tag) else {
                    return Err(DecodeError::unknown_tag(start, name_of(ty, "the union"), tag));
                };
                Self::Union(tag, Box::new(Self::decode_from(member.ty.get(), input)?))
            }
            Type::Struct(fields) => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields.iter() {
                    let value = Self::decode_from(field.ty.get(), input)
                        .map_err(|error| error.at_field(&field.name))?;
                    values.push((field.name.clone(), value));
                }
                Self::Struct(values)
            }
            Type::User { .. } => return Err(DecodeError::new(start, DecodeErrorKind::Unbounded)),
        })
    }
}

#[inline]
fn items(ty: &Type, count: usize, input: &mut Decoder<'_>) -> Result<Vec<Value>, DecodeError> {
    let mut items = Vec::with_capacity(count.min(MOST_RESERVED));
    for index in 0..count {
        items.push(Value::decode_from(ty, input).map_err(|error| error.at_index(index))?);
    }
    Ok(items)
}

#[inline]
fn pairs(
    key: &Type,
    value: &Type,
    input: &mut Decoder<'_>,
) -> Result<Vec<(Value, Value)>, DecodeError> {
    let count = input.count(least(key).saturating_add(least(value)))?;
    let mut pairs = Vec::with_capacity(count.min(MOST_RESERVED));
    let mut keys = Vec::with_capacity(count.min(MOST_RESERVED));
    for index in 0..count {
        let start = input.offset();
        let key = Value::decode_from(key, input)
            .map_err(|error| error.at_field("key").at_index(index))?;
        keys.push(start..input.offset());
        let value = Value::decode_from(value, input)
            .map_err(|error| error.at_field("value").at_index(index))?;
        pairs.push((key, value));
    }
    // A strict decoder accepts one encoding of a value, so equal keys are equal octets.
    match repeated(input.input(), &keys) {
        Some(index) => {
            let error = DecodeError::new(keys[index].start, DecodeErrorKind::DuplicateKey);
            Err(error.at_field("key").at_index(index))
        }
        None => Ok(pairs),
    }
}

#[inline]
fn least(ty: &Type) -> usize {
    usize::try_from(ty.min_size()).unwrap_or(usize::MAX)
}

/// A fixed number of items, if the input can hold them; an item of no octets counts as one.
#[inline]
fn fits(count: u64, least: u64, input: &Decoder<'_>) -> Result<usize, DecodeError> {
    let (needed, left) = (count.saturating_mul(least.max(1)), input.remaining() as u64);
    match usize::try_from(count) {
        Ok(count) if needed <= left => Ok(count),
        _ => {
            let kind = DecodeErrorKind::UnexpectedEnd { needed, left };
            Err(DecodeError::new(input.offset(), kind))
        }
    }
}

/// The type's name, if it is one that lives as long as the program.
#[inline]
fn name_of(ty: &Type, otherwise: &'static str) -> &'static str {
    match ty {
        Type::User { name: Cow::Borrowed(name), .. } => name,
        _ => otherwise,
    }
}
