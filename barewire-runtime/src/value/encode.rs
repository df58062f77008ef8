//! Writing a value as BARE octets.

use barewire_schema::Type;

use super::{Value, ValueError, ValueErrorKind};
use crate::codec::{Encoder, ascending, repeated};

impl Value {
    /// Appends the octets of the value, which must be one of `ty`.
    ///
    /// After an error, `out` holds a part of the value.
    ///
    /// # Errors
    ///
    /// Where and why the value is none of `ty`. Caps do not count: they belong to the fixed layout.
    #[inline]
    pub fn encode(&self, ty: &Type, out: &mut Encoder<'_>) -> Result<(), ValueError> {
        match (ty.resolved(), self) {
            (Type::UInt, Self::UInt(value)) => out.uint(*value),
            (Type::Int, Self::Int(value)) => out.int(*value),
            (Type::U8, Self::U8(value)) => out.u8(*value),
            (Type::U16, Self::U16(value)) => out.u16(*value),
            (Type::U32, Self::U32(value)) => out.u32(*value),
            (Type::U64, Self::U64(value)) => out.u64(*value),
            (Type::I8, Self::I8(value)) => out.i8(*value),
            (Type::I16, Self::I16(value)) => out.i16(*value),
            (Type::I32, Self::I32(value)) => out.i32(*value),
            (Type::I64, Self::I64(value)) => out.i64(*value),
            (Type::F32, Self::F32(value)) => out.f32(*value),
            (Type::F64, Self::F64(value)) => out.f64(*value),
            (Type::Bool, Self::Bool(value)) => out.bool(*value),
            (Type::Str { .. }, Self::Str(value)) => out.str(value),
            (Type::Data { .. }, Self::Data(value)) => out.data(value),
            (Type::DataFixed { len }, Self::Data(value)) => {
                exactly(*len, value.len())?;
                out.bytes(value);
            }
            (Type::Void, Self::Void) => {}
            (Type::Enum(members), Self::Enum(value)) => {
                if !members.iter().any(|member| member.value == *value) {
                    return Err(ValueError::new(ValueErrorKind::UnknownValue(*value)));
                }
                out.uint(*value);
            }
            (Type::Optional(item), Self::Optional(value)) => {
                out.bool(value.is_some());
                if let Some(value) = value {
                    value.encode(item.get(), out)?;
                }
            }
            (Type::List { item, .. }, Self::List(values)) => {
                out.uint(values.len() as u64);
                encode_items(values, item.get(), out)?;
            }
            (Type::ListFixed { item, len }, Self::List(values)) => {
                exactly(*len, values.len())?;
                encode_items(values, item.get(), out)?;
            }
            (Type::Map { key, value, .. }, Self::Map(pairs)) => {
                encode_pairs(pairs, key.get(), value.get(), out)?;
            }
            (Type::Union(members), Self::Union(tag, value)) => {
                let Some(member) = members.iter().find(|member| member.tag == *tag) else {
                    return Err(ValueError::new(ValueErrorKind::UnknownTag(*tag)));
                };
                out.uint(*tag);
                value.encode(member.ty.get(), out)?;
            }
            (Type::Struct(fields), Self::Struct(values)) => {
                exactly(fields.len() as u64, values.len())?;
                for (field, (name, value)) in fields.iter().zip(values) {
                    same_name(&field.name, name)?;
                    value.encode(field.ty.get(), out).map_err(|error| error.at_field(name))?;
                }
            }
            (Type::User { .. }, _) => return Err(ValueError::unresolved(ty)),
            _ => return Err(ValueError::mismatch(ty, self)),
        }
        Ok(())
    }

    /// The octets of the value alone.
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    #[inline]
    pub fn to_bytes(&self, ty: &Type) -> Result<Vec<u8>, ValueError> {
        let mut octets = Vec::new();
        self.encode(ty, &mut Encoder::new(&mut octets))?;
        Ok(octets)
    }
}

#[inline]
fn encode_items(values: &[Value], ty: &Type, out: &mut Encoder<'_>) -> Result<(), ValueError> {
    for (index, value) in values.iter().enumerate() {
        value.encode(ty, out).map_err(|error| error.at_index(index))?;
    }
    Ok(())
}

#[inline]
fn encode_pairs(
    pairs: &[(Value, Value)],
    key_type: &Type,
    value_type: &Type,
    out: &mut Encoder<'_>,
) -> Result<(), ValueError> {
    let (keys, ranges) = encode_keys(pairs.iter().map(|(key, _)| key), key_type)?;
    if let Some(index) = repeated(&keys, &ranges) {
        return Err(duplicate(index));
    }
    let sorts = out.is_deterministic();
    let order = if sorts { ascending(&keys, &ranges) } else { (0..pairs.len()).collect() };
    out.uint(pairs.len() as u64);
    for index in order {
        out.bytes(&keys[ranges[index].clone()]);
        let value = &pairs[index].1;
        value.encode(value_type, out).map_err(|error| error.at_field("value").at_index(index))?;
    }
    Ok(())
}

type Keys = (Vec<u8>, Vec<std::ops::Range<usize>>);

/// The octets of all keys, and where each stands in them.
#[inline]
pub(super) fn encode_keys<'v>(
    keys: impl Iterator<Item = &'v Value>,
    ty: &Type,
) -> Result<Keys, ValueError> {
    let (mut octets, mut ranges) = (Vec::new(), Vec::new());
    for (index, key) in keys.enumerate() {
        let start = octets.len();
        key.encode(ty, &mut Encoder::new(&mut octets))
            .map_err(|error| error.at_field("key").at_index(index))?;
        ranges.push(start..octets.len());
    }
    Ok((octets, ranges))
}

#[inline]
pub(super) fn duplicate(index: usize) -> ValueError {
    ValueError::new(ValueErrorKind::DuplicateKey).at_field("key").at_index(index)
}

#[inline]
pub(super) fn exactly(expected: u64, found: usize) -> Result<(), ValueError> {
    let found = found as u64;
    if expected == found {
        return Ok(());
    }
    Err(ValueError::new(ValueErrorKind::Length { expected, found }))
}

#[inline]
pub(super) fn same_name(expected: &str, found: &str) -> Result<(), ValueError> {
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (format!("the field `{expected}`"), format!("`{found}`"));
    Err(ValueError::new(ValueErrorKind::Mismatch { expected, found }))
}
