//! From C's types to schemas whose fixed layout is the C compiler's.

use std::sync::Arc;

use super::abi::Abi;
use super::model::{CError, CField, CType, EnumDefinition, Integer, StructDefinition};
use crate::build;
use crate::model::Type;
use crate::schema::{Schema, Validated};

const POINTER_HELP: &str = "an address means nothing in another process: store an index or an \
     offset, or an array of fixed length in its place";

fn integer(integer: Integer) -> Option<Type> {
    Some(match integer.shape() {
        (1, true) => Type::I8,
        (1, false) => Type::U8,
        (2, true) => Type::I16,
        (2, false) => Type::U16,
        (4, true) => Type::I32,
        (4, false) => Type::U32,
        (8, true) => Type::I64,
        (8, false) => Type::U64,
        _ => return None,
    })
}

/// A name that BARE allows for a type: `sqlite3_stmt` is `Sqlite3Stmt`.
#[must_use]
pub(super) fn type_name(name: &str) -> String {
    let mut text = String::new();
    for part in name.split('_').filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(part.chars().next().map_or(0, char::len_utf8));
        text += &first.to_uppercase();
        text += rest;
    }
    if text.starts_with(|c: char| c.is_ascii_alphabetic()) { text } else { format!("T{text}") }
}

/// A name that BARE allows for a field: `_Count` is `count`.
#[must_use]
fn field_name(name: &str) -> String {
    let bare = name.trim_start_matches('_');
    let mut chars = bare.chars();
    match chars.next() {
        Some(first) if first.is_ascii_alphabetic() => {
            first.to_ascii_lowercase().to_string() + chars.as_str()
        }
        _ => format!("f{bare}"),
    }
}

impl StructDefinition {
    /// The schema of the struct, and of those in it. Its fixed layout is what C makes of it.
    ///
    /// Names are changed where BARE's rules want it: `struct z_stream` is `ZStream`, `_Count` is
    /// `count`.
    ///
    /// # Errors
    ///
    /// If the struct cannot be shared: it has a pointer, a bit-field, a union that no field tags, a
    /// layout of its own (packed, aligned, `long double`); with what to write instead.
    pub fn schema(&self) -> Result<Schema<Validated>, CError> {
        self.schema_for(&Abi::HERE)
    }

    /// As [`schema`](Self::schema), on another machine.
    ///
    /// # Errors
    ///
    /// As [`schema`](Self::schema).
    pub fn schema_for(&self, abi: &Abi) -> Result<Schema<Validated>, CError> {
        let ty = self.bare(abi)?;
        let named = Type::User { name: type_name(self.name()).into(), definition: Some(ty.into()) };
        let schema = Schema::from_type(&named).validate();
        schema.map_err(|errors| CError::new(0, errors.to_string(), ""))
    }

    /// The names that BARE has for the fields, in the order of [`fields`](Self::fields).
    #[must_use]
    pub fn field_names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (index, field) in self.fields.iter().enumerate() {
            let base = match field.name.as_str() {
                "" => format!("part{index}"),
                name => field_name(name),
            };
            let mut name = base.clone();
            let mut number = 2;
            while names.contains(&name) {
                name = format!("{base}{number}");
                number += 1;
            }
            names.push(name);
        }
        names
    }

    fn bare(&self, abi: &Abi) -> Result<Type, CError> {
        let at = |name: &str, error: CError| {
            let message = format!("{}.{name}: {}", self.name(), error.message);
            CError { message, ..error }
        };
        if self.union {
            let help = "a union can be shared in a struct whose field before it says which member \
                        is there: `tag(kind, 1 = a, 2 = b)` before it, or `tagged_union`";
            let message = match self.name() {
                "" => "a union that no field tags".to_owned(),
                name => format!("{name}: a union that no field tags"),
            };
            return Err(CError::new(0, message, help));
        }
        let layout = self.layout()?;
        let names = self.field_names();
        let mut fields: Vec<(String, Type)> = Vec::new();
        let mut offsets = Vec::new();
        self.walk(|_, offset| offsets.push(offset))?;
        for (index, field) in self.fields.iter().enumerate() {
            let tagged = match &field.tag {
                None => None,
                Some(_) => Some(self.tagged(index, field, abi).map_err(|e| at(&field.name, e))?),
            };
            match tagged {
                Some(ty) => {
                    // The tag and the union become one field.
                    let own = ty.layout();
                    let start = offsets[index - 1];
                    let fits = own.is_some_and(|own| start.is_multiple_of(own.align))
                        && ty.payload_offset() == Some(offsets[index] - start);
                    if !fits {
                        let help = "let the tag stand where the union's alignment puts it";
                        let message = "the tag and the union do not lie side by side";
                        return Err(at(&field.name, CError::new(0, message, help)));
                    }
                    fields.pop();
                    fields.push((names[index].clone(), ty));
                }
                None => {
                    let ty = field.ty.bare_for(abi).map_err(|error| at(&field.name, error))?;
                    fields.push((names[index].clone(), ty));
                }
            }
        }
        if fields.is_empty() {
            return Err(CError::new(0, format!("{}: it has no fields", self.name()), ""));
        }
        let ty = build::structure(fields);
        // What attributes do to a struct shows in its size or its alignment.
        if ty.layout() != Some(layout) {
            let help = "remove `packed` and `aligned`, or order the fields so that they do nothing";
            let message = format!("{}: its layout is not that of its fields", self.name());
            return Err(CError::new(0, message, help));
        }
        Ok(ty)
    }

    /// The union that the field before it tags.
    fn tagged(&self, index: usize, field: &CField, abi: &Abi) -> Result<Type, CError> {
        let Some((tag, members)) = &field.tag else {
            return Err(CError::new(0, "no tag", ""));
        };
        let before = index.checked_sub(1).map(|before| &self.fields[before]);
        let Some(before) = before.filter(|before| before.name == *tag) else {
            let message = format!("its tag `{tag}` is not the field right before it");
            return Err(CError::new(0, message, "put the tag before the union"));
        };
        let wide = before.ty.layout()?.size;
        let CType::Struct(union) = &field.ty else {
            return Err(CError::new(0, "it is no union", ""));
        };
        let mut found = Vec::new();
        for (number, name) in members {
            let member = union.fields.iter().find(|member| member.name == *name);
            let Some(member) = member.filter(|_| union.union) else {
                let message = format!("`{name}` is no member of the union");
                return Err(CError::new(0, message, ""));
            };
            found.push((*number, member.ty.bare_for(abi)?));
        }
        found.sort_by_key(|member| member.0);
        let ty = build::union(found);
        if wide != crate::layout::tag_size(&ty) {
            let help = "let it be an `int`, an `unsigned` or an enum";
            return Err(CError::new(0, format!("its tag `{tag}` does not have 4 bytes"), help));
        }
        Ok(ty)
    }
}

impl EnumDefinition {
    /// The enum, or the integer behind it if BARE has no such enum.
    fn bare(&self) -> Type {
        let plain = integer(self.integer()).unwrap_or(Type::U32);
        let mut members: Vec<(String, u64)> = Vec::new();
        for (name, value) in &self.members {
            let Ok(value) = u64::try_from(*value) else { return plain };
            members.push((name.trim_start_matches('_').to_ascii_uppercase(), value));
        }
        members.sort_by_key(|member| member.1);
        members.dedup_by_key(|member| member.1);
        let mut names: Vec<&String> = members.iter().map(|member| &member.0).collect();
        names.sort();
        names.dedup();
        let distinct = names.len() == members.len();
        let legal = members.iter().all(|member| crate::validate::is_member_name(&member.0));
        let ty = build::enumeration(members.clone());
        let wide = integer(self.integer()).and_then(|ty| ty.layout());
        if distinct && legal && !members.is_empty() && ty.layout() == wide { ty } else { plain }
    }
}

impl CType {
    /// The BARE type whose fixed layout is this type's.
    ///
    /// # Errors
    ///
    /// As [`StructDefinition::schema`].
    pub fn bare(&self) -> Result<Type, CError> {
        self.bare_for(&Abi::HERE)
    }

    /// As [`bare`](Self::bare), on another machine.
    ///
    /// # Errors
    ///
    /// As [`StructDefinition::schema`].
    pub fn bare_for(&self, abi: &Abi) -> Result<Type, CError> {
        let refuse = |message: &str, help: &str| Err(CError::new(0, message, help));
        match self {
            Self::Bool => Ok(Type::Bool),
            Self::Char => Ok(if abi.char_is_signed { Type::I8 } else { Type::U8 }),
            Self::Integer(kind) => match integer(*kind) {
                Some(ty) => Ok(ty),
                None => refuse("BARE has no integer of 128 bits", "use two of 64"),
            },
            Self::Float => Ok(Type::F32),
            Self::Double => Ok(Type::F64),
            Self::LongDouble | Self::Float128 => {
                refuse("BARE has no `long double`", "use `double`")
            }
            Self::Enum(definition) => Ok(definition.bare()),
            Self::Struct(definition) => named(definition, abi),
            Self::Array { len: 0, .. } => {
                refuse("an array without a length", "give it a length: shared memory has a size")
            }
            Self::Array { item, len } => match item.bare_for(abi)? {
                Type::U8 => Ok(build::data_fixed(*len)),
                item => Ok(build::list_fixed(item, *len)),
            },
            Self::Pointer { .. } => refuse("a pointer", POINTER_HELP),
            Self::Incomplete(name) => refuse(&format!("`{name}` is only declared"), "define it"),
            Self::Void | Self::Function(_) | Self::VaList => {
                refuse(&format!("`{self}` has no value"), "")
            }
        }
    }
}

fn named(definition: &Arc<StructDefinition>, abi: &Abi) -> Result<Type, CError> {
    let ty = definition.bare(abi)?;
    if definition.name().is_empty() {
        return Ok(ty);
    }
    Ok(Type::User { name: type_name(definition.name()).into(), definition: Some(ty.into()) })
}
