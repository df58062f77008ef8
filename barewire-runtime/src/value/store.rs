//! Writing a value into its fixed layout.

use barewire_schema::Type;

use super::encode::{duplicate, encode_keys, exactly, same_name};
use super::places::{self, Items, put, size_and_align};
use super::{Value, ValueError, ValueErrorKind};
use crate::codec::repeated;

impl Value {
    /// Writes the value into `bytes`, as many as the layout of `ty` takes; whatever the value does
    /// not need is zero afterwards.
    ///
    /// # Errors
    ///
    /// Where and why the value is none of `ty`, or exceeds a cap; the bytes are all zero then. If
    /// `ty` has no layout or `bytes` another size, they are left alone.
    #[inline]
    pub fn store(&self, ty: &Type, bytes: &mut [u8]) -> Result<(), ValueError> {
        places::check_size(ty, bytes)?;
        bytes.fill(0);
        let stored = store(self, ty, bytes);
        if stored.is_err() {
            bytes.fill(0);
        }
        stored
    }
}

/// Stores into zeroed bytes of the right size.
#[inline]
fn store(value: &Value, ty: &Type, bytes: &mut [u8]) -> Result<(), ValueError> {
    match (ty.resolved(), value) {
        (Type::UInt, Value::UInt(value)) | (Type::U64, Value::U64(value)) => put(bytes, *value),
        (Type::Int, Value::Int(value)) | (Type::I64, Value::I64(value)) => {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        (Type::U8, Value::U8(value)) => put(bytes, u64::from(*value)),
        (Type::U16, Value::U16(value)) => put(bytes, u64::from(*value)),
        (Type::U32, Value::U32(value)) => put(bytes, u64::from(*value)),
        (Type::I8, Value::I8(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (Type::I16, Value::I16(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (Type::I32, Value::I32(value)) => bytes.copy_from_slice(&value.to_le_bytes()),
        (Type::F32, Value::F32(value)) => put(bytes, u64::from(value.to_bits())),
        (Type::F64, Value::F64(value)) => put(bytes, value.to_bits()),
        (Type::Bool, Value::Bool(value)) => put(bytes, u64::from(*value)),
        (Type::Void, Value::Void) => {}
        (Type::Str { cap }, Value::Str(value)) => store_octets(value.as_bytes(), *cap, bytes)?,
        (Type::Data { cap }, Value::Data(value)) => store_octets(value, *cap, bytes)?,
        (Type::DataFixed { len }, Value::Data(value)) => {
            exactly(*len, value.len())?;
            bytes.copy_from_slice(value);
        }
        (Type::Enum(members), Value::Enum(value)) => {
            if !members.iter().any(|member| member.value == *value) {
                return Err(ValueError::new(ValueErrorKind::UnknownValue(*value)));
            }
            put(bytes, *value);
        }
        (Type::Optional(item), Value::Optional(value)) => {
            let (_, align) = size_and_align(item.get())?;
            let (flag, place) = bytes.split_at_mut(align);
            if let Some(value) = value {
                put(flag, 1);
                store(value, item.get(), place)?;
            }
        }
        (Type::List { item, cap }, Value::List(values)) => {
            let items = Items::new(size_and_align(item.get())?, *cap)?;
            items.write_count(bytes, values.len())?;
            store_items(values, item.get(), items.size, &mut bytes[items.first..])?;
        }
        (Type::ListFixed { item, len }, Value::List(values)) => {
            exactly(*len, values.len())?;
            store_items(values, item.get(), size_and_align(item.get())?.0, bytes)?;
        }
        (Type::Map { key, value, cap }, Value::Map(pairs)) => {
            store_pairs(pairs, key.get(), value.get(), *cap, bytes)?;
        }
        (Type::Union(members), Value::Union(tag, value)) => {
            let Some(member) = members.iter().find(|member| member.tag == *tag) else {
                return Err(ValueError::new(ValueErrorKind::UnknownTag(*tag)));
            };
            put(&mut bytes[..places::tag_width(ty)], *tag);
            let (start, (size, _)) = (places::payload(ty)?, size_and_align(member.ty.get())?);
            store(value, member.ty.get(), &mut bytes[start..start + size])?;
        }
        (Type::Struct(fields), Value::Struct(values)) => {
            exactly(fields.len() as u64, values.len())?;
            let places = places::fields(fields)?;
            for ((field, (name, value)), (at, size)) in fields.iter().zip(values).zip(places) {
                same_name(&field.name, name)?;
                store(value, field.ty.get(), &mut bytes[at..at + size])
                    .map_err(|error| error.at_field(name))?;
            }
        }
        (Type::User { .. }, _) => return Err(ValueError::unresolved(ty)),
        _ => return Err(ValueError::mismatch(ty, value)),
    }
    Ok(())
}

#[inline]
fn store_octets(octets: &[u8], cap: Option<u64>, bytes: &mut [u8]) -> Result<(), ValueError> {
    let items = Items::new((1, 1), cap)?;
    items.write_count(bytes, octets.len())?;
    bytes[items.first..items.first + octets.len()].copy_from_slice(octets);
    Ok(())
}

#[inline]
fn store_items(
    values: &[Value],
    ty: &Type,
    size: usize,
    bytes: &mut [u8],
) -> Result<(), ValueError> {
    for (index, value) in values.iter().enumerate() {
        store(value, ty, &mut bytes[index * size..][..size])
            .map_err(|error| error.at_index(index))?;
    }
    Ok(())
}

#[inline]
fn store_pairs(
    pairs: &[(Value, Value)],
    key_type: &Type,
    value_type: &Type,
    cap: Option<u64>,
    bytes: &mut [u8],
) -> Result<(), ValueError> {
    let (key_size, value_size) = (size_and_align(key_type)?.0, size_and_align(value_type)?.0);
    let items = Items::new((key_size + value_size, 1), cap)?;
    items.write_count(bytes, pairs.len())?;
    let (octets, ranges) = encode_keys(pairs.iter().map(|(key, _)| key), key_type)?;
    if let Some(index) = repeated(&octets, &ranges) {
        return Err(duplicate(index));
    }
    for (index, (key, value)) in pairs.iter().enumerate() {
        let place = &mut bytes[items.first + index * items.size..][..items.size];
        let (key_place, value_place) = place.split_at_mut(key_size);
        store(key, key_type, key_place).map_err(|error| error.at_field("key").at_index(index))?;
        store(value, value_type, value_place)
            .map_err(|error| error.at_field("value").at_index(index))?;
    }
    Ok(())
}
