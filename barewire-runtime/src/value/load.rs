//! Reading a value from its fixed layout, checking everything.

use barewire_schema::Type;

use super::encode::{duplicate, encode_keys};
use super::places::{self, Items, number, size_and_align};
use super::{Value, ValueError, ValueErrorKind};
use crate::codec::repeated;

/// The BARE octets of the value whose fixed layout `bytes` are.
///
/// # Errors
///
/// Where and why the bytes hold no value of `ty`.
#[inline]
pub fn encode_layout(ty: &Type, bytes: &[u8]) -> Result<Vec<u8>, ValueError> {
    Value::load(ty, bytes)?.to_bytes(ty)
}

impl Value {
    /// The value whose fixed layout `bytes` are; they need no alignment.
    ///
    /// # Errors
    ///
    /// Where and why the bytes hold no value of `ty`.
    #[inline]
    pub fn load(ty: &Type, bytes: &[u8]) -> Result<Self, ValueError> {
        places::check_size(ty, bytes)?;
        load(ty, bytes)
    }
}

/// Loads from bytes of the right size.
#[inline]
fn load(ty: &Type, bytes: &[u8]) -> Result<Value, ValueError> {
    // A number has as many bytes as its type, so nothing is cut off.
    let bits = || number(bytes);
    Ok(match ty.resolved() {
        Type::UInt => Value::UInt(bits()),
        Type::Int => Value::Int(bits() as i64),
        Type::U8 => Value::U8(bits() as u8),
        Type::U16 => Value::U16(bits() as u16),
        Type::U32 => Value::U32(bits() as u32),
        Type::U64 => Value::U64(bits()),
        Type::I8 => Value::I8(bits() as i8),
        Type::I16 => Value::I16(bits() as i16),
        Type::I32 => Value::I32(bits() as i32),
        Type::I64 => Value::I64(bits() as i64),
        Type::F32 => Value::F32(f32::from_bits(bits() as u32)),
        Type::F64 => Value::F64(f64::from_bits(bits())),
        Type::Bool => Value::Bool(flag(bytes)?),
        Type::Void => Value::Void,
        Type::Str { cap } => match std::str::from_utf8(octets(*cap, bytes)?) {
            Ok(text) => Value::Str(text.to_owned()),
            Err(_) => return Err(ValueError::new(ValueErrorKind::NotUtf8)),
        },
        Type::Data { cap } => Value::Data(octets(*cap, bytes)?.to_vec()),
        Type::DataFixed { .. } => Value::Data(bytes.to_vec()),
        Type::Enum(members) => {
            let value = bits();
            if !members.iter().any(|member| member.value == value) {
                return Err(ValueError::new(ValueErrorKind::UnknownValue(value)));
            }
            Value::Enum(value)
        }
        Type::Optional(item) => {
            let (before, place) = bytes.split_at(size_and_align(item.get())?.1);
            Value::Optional(match flag(before)? {
                true => Some(Box::new(load(item.get(), place)?)),
                false => None,
            })
        }
        Type::List { item, cap } => {
            let items = Items::new(size_and_align(item.get())?, *cap)?;
            let count = items.read_count(bytes)?;
            load_items(item.get(), count, items.size, &bytes[items.first..])?
        }
        Type::ListFixed { item, len } => {
            let (size, _) = size_and_align(item.get())?;
            let count =
                usize::try_from(*len).map_err(|_| ValueError::new(ValueErrorKind::NoLayout))?;
            load_items(item.get(), count, size, bytes)?
        }
        Type::Map { key, value, cap } => load_pairs(key.get(), value.get(), *cap, bytes)?,
        Type::Union(members) => {
            let tag = number(&bytes[..places::tag_width(ty)]);
            let Some(member) = members.iter().find(|member| member.tag == tag) else {
                return Err(ValueError::new(ValueErrorKind::UnknownTag(tag)));
            };
            let (start, (size, _)) = (places::payload(ty)?, size_and_align(member.ty.get())?);
            Value::Union(tag, Box::new(load(member.ty.get(), &bytes[start..start + size])?))
        }
        Type::Struct(fields) => {
            let mut values = Vec::with_capacity(fields.len());
            for (field, (at, size)) in fields.iter().zip(places::fields(fields)?) {
                let value = load(field.ty.get(), &bytes[at..at + size])
                    .map_err(|error| error.at_field(&field.name))?;
                values.push((field.name.clone(), value));
            }
            Value::Struct(values)
        }
        Type::User { .. } => return Err(ValueError::unresolved(ty)),
    })
}

#[inline]
fn flag(bytes: &[u8]) -> Result<bool, ValueError> {
    match number(bytes) {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(ValueError::new(ValueErrorKind::NotFlag(other))),
    }
}

#[inline]
fn octets(cap: Option<u64>, bytes: &[u8]) -> Result<&[u8], ValueError> {
    let items = Items::new((1, 1), cap)?;
    let count = items.read_count(bytes)?;
    Ok(&bytes[items.first..items.first + count])
}

#[inline]
fn load_items(ty: &Type, count: usize, size: usize, bytes: &[u8]) -> Result<Value, ValueError> {
    let item = |index: usize| {
        load(ty, &bytes[index * size..][..size]).map_err(|error| error.at_index(index))
    };
    (0..count).map(item).collect::<Result<_, _>>().map(Value::List)
}

#[inline]
fn load_pairs(
    key: &Type,
    value: &Type,
    cap: Option<u64>,
    bytes: &[u8],
) -> Result<Value, ValueError> {
    let (key_size, value_size) = (size_and_align(key)?.0, size_and_align(value)?.0);
    let items = Items::new((key_size + value_size, 1), cap)?;
    let count = items.read_count(bytes)?;
    let mut pairs = Vec::with_capacity(count);
    for index in 0..count {
        let place = &bytes[items.first + index * items.size..][..items.size];
        let (key_place, value_place) = place.split_at(key_size);
        let key = load(key, key_place).map_err(|error| error.at_field("key").at_index(index))?;
        let value =
            load(value, value_place).map_err(|error| error.at_field("value").at_index(index))?;
        pairs.push((key, value));
    }
    let (octets, ranges) = encode_keys(pairs.iter().map(|(key, _)| key), key)?;
    match repeated(&octets, &ranges) {
        Some(index) => Err(duplicate(index)),
        None => Ok(Value::Map(pairs)),
    }
}
