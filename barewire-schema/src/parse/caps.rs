//! Caps that a comment states: entries of a path and a number, as `print` writes them.

use crate::model::{Link, Type, slice};

/// Sets every cap that `text` states in `ty`.
pub(super) fn apply(ty: &mut Type, text: &str) -> Result<(), String> {
    for entry in text.split_whitespace() {
        let fault = || format!("`{entry}` is no cap: write a path, `=` and a number");
        let (path, cap) = entry.rsplit_once('=').ok_or_else(fault)?;
        let cap = cap.parse().map_err(|_| fault())?;
        match set(ty, path, cap) {
            Some(changed) => *ty = changed,
            None => {
                return Err(format!(
                    "`{entry}`: nothing that can have a cap stands there"
                ));
            }
        }
    }
    Ok(())
}

/// The type with a cap at the end of a path; `None` if the path leads nowhere.
fn set(ty: &Type, path: &str, cap: u64) -> Option<Type> {
    if let Type::Optional(item) = ty {
        return Some(Type::Optional(inside(item, path, cap)?));
    }
    if path.is_empty() {
        let cap = Some(cap);
        return Some(match ty.clone() {
            Type::Str { .. } => Type::Str { cap },
            Type::Data { .. } => Type::Data { cap },
            Type::List { item, .. } => Type::List { item, cap },
            Type::Map { key, value, .. } => Type::Map { key, value, cap },
            _ => return None,
        });
    }
    match ty {
        Type::List { item, cap: own } => {
            let item = inside(item, path.strip_prefix("[]")?, cap)?;
            Some(Type::List { item, cap: *own })
        }
        Type::ListFixed { item, len } => {
            let item = inside(item, path.strip_prefix("[]")?, cap)?;
            Some(Type::ListFixed { item, len: *len })
        }
        Type::Map {
            key,
            value,
            cap: own,
        } => {
            let (mut key, mut value) = (key.clone(), value.clone());
            if let Some(rest) = path.strip_prefix("[key]") {
                key = inside(&key, rest, cap)?;
            } else {
                value = inside(&value, path.strip_prefix("[value]")?, cap)?;
            }
            Some(Type::Map {
                key,
                value,
                cap: *own,
            })
        }
        Type::Union(members) => {
            let (tag, rest) = segment(path.strip_prefix('|')?);
            let mut members = slice(members).to_vec();
            let tag: u64 = tag.parse().ok()?;
            let member = members.iter_mut().find(|member| member.tag == tag)?;
            member.ty = inside(&member.ty, rest, cap)?;
            Some(Type::Union(members.into()))
        }
        Type::Struct(fields) => {
            let (name, rest) = segment(path.strip_prefix('.')?);
            let mut fields = slice(fields).to_vec();
            let field = fields.iter_mut().find(|field| field.name == name)?;
            field.ty = inside(&field.ty, rest, cap)?;
            Some(Type::Struct(fields.into()))
        }
        _ => None,
    }
}

fn inside(link: &Link, path: &str, cap: u64) -> Option<Link> {
    set(link.get(), path, cap).map(Link::from)
}

/// The first part of a path, and the rest.
fn segment(path: &str) -> (&str, &str) {
    path.split_at(path.find(['.', '[', '|']).unwrap_or(path.len()))
}
