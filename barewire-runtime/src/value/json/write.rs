//! Values as JSON.

use barewire_schema::Type;
use serde_json::{Map, Value as Json};

use super::super::{Value, ValueError, ValueErrorKind};
use super::{are_names, may_be_null, mismatch, name_of, text};
use crate::value::encode::{duplicate, exactly, same_name};

pub(super) fn write(value: &Value, ty: &Type) -> Result<Json, ValueError> {
    Ok(match (ty.resolved(), value) {
        (Type::UInt, Value::UInt(value)) | (Type::U64, Value::U64(value)) => Json::from(*value),
        (Type::Int, Value::Int(value)) | (Type::I64, Value::I64(value)) => Json::from(*value),
        (Type::U8, Value::U8(value)) => Json::from(*value),
        (Type::U16, Value::U16(value)) => Json::from(*value),
        (Type::U32, Value::U32(value)) => Json::from(*value),
        (Type::I8, Value::I8(value)) => Json::from(*value),
        (Type::I16, Value::I16(value)) => Json::from(*value),
        (Type::I32, Value::I32(value)) => Json::from(*value),
        (Type::F32, Value::F32(value)) => text::write_f32(*value),
        (Type::F64, Value::F64(value)) => text::write_f64(*value),
        (Type::Bool, Value::Bool(value)) => Json::from(*value),
        (Type::Str { .. }, Value::Str(value)) => Json::from(value.as_str()),
        (Type::Data { .. }, Value::Data(octets)) => Json::from(text::hex(octets)),
        (Type::DataFixed { len }, Value::Data(octets)) => {
            exactly(*len, octets.len())?;
            Json::from(text::hex(octets))
        }
        (Type::Void, Value::Void) | (Type::Optional(_), Value::Optional(None)) => Json::Null,
        (Type::Enum(members), Value::Enum(value)) => {
            let Some(member) = members.iter().find(|member| member.value == *value) else {
                return Err(ValueError::new(ValueErrorKind::UnknownValue(*value)));
            };
            Json::from(member.name.as_ref())
        }
        (Type::Optional(item), Value::Optional(Some(value))) => {
            let json = write(value, item.get())?;
            if may_be_null(item.get()) { Json::Array(vec![json]) } else { json }
        }
        (Type::List { item, .. }, Value::List(values)) => write_items(values, item.get())?,
        (Type::ListFixed { item, len }, Value::List(values)) => {
            exactly(*len, values.len())?;
            write_items(values, item.get())?
        }
        (Type::Map { key, value, .. }, Value::Map(pairs)) => {
            write_pairs(pairs, key.get(), value.get())?
        }
        (Type::Union(members), Value::Union(tag, value)) => {
            let Some(member) = members.iter().find(|member| member.tag == *tag) else {
                return Err(ValueError::new(ValueErrorKind::UnknownTag(*tag)));
            };
            let json = write(value, member.ty.get())?;
            Json::Object(Map::from_iter([(name_of(member), json)]))
        }
        (Type::Struct(fields), Value::Struct(values)) => {
            exactly(fields.len() as u64, values.len())?;
            let mut object = Map::new();
            for (field, (name, value)) in fields.iter().zip(values) {
                same_name(&field.name, name)?;
                let json = write(value, field.ty.get()).map_err(|error| error.at_field(name))?;
                object.insert(name.to_string(), json);
            }
            Json::Object(object)
        }
        (Type::User { .. }, _) => return Err(ValueError::unresolved(ty)),
        _ => return Err(ValueError::mismatch(ty, value)),
    })
}

fn write_items(values: &[Value], ty: &Type) -> Result<Json, ValueError> {
    let one = |(index, value)| write(value, ty).map_err(|error| error.at_index(index));
    values.iter().enumerate().map(one).collect::<Result<_, _>>().map(Json::Array)
}

fn write_pairs(
    pairs: &[(Value, Value)],
    key_type: &Type,
    value_type: &Type,
) -> Result<Json, ValueError> {
    let mut written = Vec::with_capacity(pairs.len());
    for (index, (key, value)) in pairs.iter().enumerate() {
        let key = write(key, key_type).map_err(|error| error.at_field("key").at_index(index))?;
        let value =
            write(value, value_type).map_err(|error| error.at_field("value").at_index(index))?;
        written.push((key, value));
    }
    if !are_names(key_type) {
        let pairs = written.into_iter().map(|(key, value)| Json::Array(vec![key, value]));
        return Ok(Json::Array(pairs.collect()));
    }
    let mut object = Map::new();
    for (index, (key, value)) in written.into_iter().enumerate() {
        let Json::String(key) = key else { return Err(mismatch("a name", &key.to_string())) };
        if object.insert(key, value).is_some() {
            return Err(duplicate(index));
        }
    }
    Ok(Json::Object(object))
}
