//! A value as text for people, with the names that its type gives to members.

use std::fmt;

use barewire_schema::Type;

use super::Value;

/// A value as text, made by [`Value::show`].
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    value: &'a Value,
    ty: &'a Type,
}

impl Value {
    /// The value as text for people.
    ///
    /// A part that is not of its type is shown without names.
    #[must_use]
    #[inline]
    pub fn show<'a>(&'a self, ty: &'a Type) -> Shown<'a> {
        Shown { value: self, ty }
    }
}

impl fmt::Display for Shown<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.value, self.ty.resolved()) {
            (Value::UInt(value) | Value::U64(value), _) => write!(f, "{value}"),
            (Value::Int(value) | Value::I64(value), _) => write!(f, "{value}"),
            (Value::U8(value), _) => write!(f, "{value}"),
            (Value::U16(value), _) => write!(f, "{value}"),
            (Value::U32(value), _) => write!(f, "{value}"),
            (Value::I8(value), _) => write!(f, "{value}"),
            (Value::I16(value), _) => write!(f, "{value}"),
            (Value::I32(value), _) => write!(f, "{value}"),
            (Value::F32(value), _) => write!(f, "{value:?}"),
            (Value::F64(value), _) => write!(f, "{value:?}"),
            (Value::Bool(value), _) => write!(f, "{value}"),
            (Value::Str(value), _) => write!(f, "{value:?}"),
            (Value::Data(octets), _) => {
                f.write_str("0x")?;
                octets.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
            }
            (Value::Void, _) => f.write_str("void"),
            (Value::Enum(value), ty) => match ty {
                Type::Enum(members) => match members.iter().find(|m| m.value == *value) {
                    Some(member) => f.write_str(&member.name),
                    None => write!(f, "{value}"),
                },
                _ => write!(f, "{value}"),
            },
            (Value::Optional(None), _) => f.write_str("none"),
            (Value::Optional(Some(value)), ty) => match ty {
                Type::Optional(item) => value.show(item.get()).fmt(f),
                _ => value.show(&Type::Void).fmt(f),
            },
            (Value::List(values), ty) => {
                let item = match ty {
                    Type::List { item, .. } | Type::ListFixed { item, .. } => item.get(),
                    _ => &Type::Void,
                };
                f.write_str("[")?;
                separated(f, values, |f, value| value.show(item).fmt(f))?;
                f.write_str("]")
            }
            (Value::Map(pairs), ty) => {
                let (key_type, value_type) = match ty {
                    Type::Map { key, value, .. } => (key.get(), value.get()),
                    _ => (&Type::Void, &Type::Void),
                };
                f.write_str("{ ")?;
                separated(f, pairs, |f, (key, value)| {
                    write!(f, "{} => {}", key.show(key_type), value.show(value_type))
                })?;
                f.write_str(" }")
            }
            (Value::Union(tag, value), ty) => show_union(f, *tag, value, ty),
            (Value::Struct(values), ty) => {
                let fields = match ty {
                    Type::Struct(fields) => fields.as_ref(),
                    _ => &[],
                };
                f.write_str("{ ")?;
                separated(f, values.iter().enumerate(), |f, (index, (name, value))| {
                    let ty = fields.get(index).map_or(&Type::Void, |field| field.ty.get());
                    write!(f, "{name}: {}", value.show(ty))
                })?;
                f.write_str(" }")
            }
        }
    }
}

#[inline]
fn show_union(f: &mut fmt::Formatter<'_>, tag: u64, value: &Value, ty: &Type) -> fmt::Result {
    let member = match ty {
        Type::Union(members) => members.iter().find(|member| member.tag == tag),
        _ => None,
    };
    let Some(member) = member else {
        return write!(f, "#{tag} {}", value.show(&Type::Void));
    };
    match member.ty.get() {
        Type::User { name, .. } => write!(f, "{name} {}", value.show(member.ty.get())),
        ty => write!(f, "#{tag} {}", value.show(ty)),
    }
}

#[inline]
fn separated<T>(
    f: &mut fmt::Formatter<'_>,
    items: impl IntoIterator<Item = T>,
    mut show: impl FnMut(&mut fmt::Formatter<'_>, T) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        show(f, item)?;
    }
    Ok(())
}
