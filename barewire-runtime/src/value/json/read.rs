//! Values out of JSON.

use barewire_schema::{Field, Type, UnionMember};
use serde_json::{Map, Value as Json};

use super::super::{Value, ValueError};
use super::{are_names, may_be_null, mismatch, name_of, other, text};
use crate::codec::repeated;
use crate::value::encode::{duplicate, encode_keys, exactly};

pub(super) fn read(ty: &Type, json: &Json) -> Result<Value, ValueError> {
    let refused = || other(ty, json);
    let value = match (ty.resolved(), json) {
        (Type::UInt, json) => integer(json).map(Value::UInt),
        (Type::Int, json) => integer(json).map(Value::Int),
        (Type::U8, json) => integer(json).map(Value::U8),
        (Type::U16, json) => integer(json).map(Value::U16),
        (Type::U32, json) => integer(json).map(Value::U32),
        (Type::U64, json) => integer(json).map(Value::U64),
        (Type::I8, json) => integer(json).map(Value::I8),
        (Type::I16, json) => integer(json).map(Value::I16),
        (Type::I32, json) => integer(json).map(Value::I32),
        (Type::I64, json) => integer(json).map(Value::I64),
        (Type::F32, json) => text::read_f32(json).map(Value::F32),
        (Type::F64, json) => text::read_f64(json).map(Value::F64),
        (Type::Bool, json) => json.as_bool().map(Value::Bool),
        (Type::Str { .. }, json) => json.as_str().map(Value::from),
        (Type::Data { .. }, json) => json.as_str().and_then(text::octets).map(Value::Data),
        (Type::DataFixed { len }, json) => {
            let octets = json.as_str().and_then(text::octets).ok_or_else(refused)?;
            exactly(*len, octets.len())?;
            Some(Value::Data(octets))
        }
        (Type::Void, Json::Null) => Some(Value::Void),
        (Type::Enum(_), Json::String(name)) => Value::member(ty, name),
        (Type::Optional(_), Json::Null) => Some(Value::Optional(None)),
        (Type::Optional(item), json) => {
            let inner = match (may_be_null(item.get()), json) {
                (false, json) => json,
                (true, Json::Array(list)) if list.len() == 1 => &list[0],
                (true, _) => return Err(refused()),
            };
            Some(Value::optional(Some(read(item.get(), inner)?)))
        }
        (Type::List { item, .. }, Json::Array(list)) => Some(read_items(item.get(), list)?),
        (Type::ListFixed { item, len }, Json::Array(list)) => {
            exactly(*len, list.len())?;
            Some(read_items(item.get(), list)?)
        }
        (Type::Map { key, value, .. }, json) => Some(match json {
            Json::Object(object) if are_names(key.get()) => {
                let pairs = object.iter().map(|(key, value)| (Json::from(key.as_str()), value));
                read_pairs(key.get(), value.get(), pairs)?
            }
            Json::Array(list) => {
                let pairs: Option<Vec<_>> = list.iter().map(pair).collect();
                read_pairs(key.get(), value.get(), pairs.ok_or_else(refused)?.into_iter())?
            }
            _ => return Err(refused()),
        }),
        (Type::Union(members), Json::Object(object)) => read_member(members, object)?,
        (Type::Struct(fields), Json::Object(object)) => Some(read_fields(fields, object)?),
        (Type::User { .. }, _) => return Err(ValueError::unresolved(ty)),
        _ => None,
    };
    value.ok_or_else(refused)
}

/// A whole number, or one in decimal.
fn integer<N: TryFrom<i128>>(json: &Json) -> Option<N> {
    let number = match json {
        Json::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => i128::from(number),
            (None, Some(number)) => i128::from(number),
            (None, None) => return None,
        },
        Json::String(text) => text.parse().ok()?,
        _ => return None,
    };
    number.try_into().ok()
}

fn read_items(ty: &Type, list: &[Json]) -> Result<Value, ValueError> {
    let one = |(index, json)| read(ty, json).map_err(|error| error.at_index(index));
    list.iter().enumerate().map(one).collect::<Result<_, _>>().map(Value::List)
}

/// A key and its value.
fn pair(json: &Json) -> Option<(Json, &Json)> {
    match json.as_array()?.as_slice() {
        [key, value] => Some((key.clone(), value)),
        _ => None,
    }
}

fn read_pairs<'j>(
    key_type: &Type,
    value_type: &Type,
    pairs: impl Iterator<Item = (Json, &'j Json)>,
) -> Result<Value, ValueError> {
    let mut values = Vec::new();
    for (index, (key, value)) in pairs.enumerate() {
        let key = read(key_type, &key).map_err(|error| error.at_field("key").at_index(index))?;
        let value =
            read(value_type, value).map_err(|error| error.at_field("value").at_index(index))?;
        values.push((key, value));
    }
    let (octets, ranges) = encode_keys(values.iter().map(|(key, _)| key), key_type)?;
    match repeated(&octets, &ranges) {
        Some(index) => Err(duplicate(index)),
        None => Ok(Value::Map(values)),
    }
}

/// The member of a union that an object of one entry names; `None` if it names none.
fn read_member(
    members: &[UnionMember],
    object: &Map<String, Json>,
) -> Result<Option<Value>, ValueError> {
    let mut entries = object.iter();
    let (Some((name, json)), None) = (entries.next(), entries.next()) else { return Ok(None) };
    let Some(member) = members.iter().find(|member| name_of(member) == *name) else {
        return Ok(None);
    };
    let value = read(member.ty.get(), json).map_err(|error| error.at_field(name))?;
    Ok(Some(Value::Union(member.tag, Box::new(value))))
}

fn read_fields(fields: &[Field], object: &Map<String, Json>) -> Result<Value, ValueError> {
    for name in object.keys() {
        if !fields.iter().any(|field| field.name == *name) {
            return Err(mismatch("the fields of the struct alone", &format!("`{name}` as well")));
        }
    }
    let one = |field: &Field| {
        let value = match (object.get(field.name.as_ref()), field.ty.get().resolved()) {
            (Some(json), _) => read(field.ty.get(), json),
            (None, Type::Optional(_)) => Ok(Value::Optional(None)),
            (None, _) => Err(mismatch(&super::kind_of(field.ty.get()), "nothing")),
        };
        Ok((field.name.clone(), value.map_err(|error| error.at_field(&field.name))?))
    };
    fields.iter().map(one).collect::<Result<_, _>>().map(Value::Struct)
}
