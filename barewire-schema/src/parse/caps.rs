//! What a comment states, caps or alignments: entries of a path and a number, as `print` writes
//! them.

use crate::model::{Link, Type};

/// Sets every cap that `text` states in `ty`.
pub(super) fn apply(ty: &mut Type, text: &str) -> Result<(), String> {
    each(ty, text, "cap", |ty, path| match place(ty, path)? {
        Type::Str { cap } | Type::Data { cap } => Some(cap),
        Type::List { cap, .. } | Type::Map { cap, .. } => Some(cap),
        _ => None,
    })
}

/// Sets every alignment of a field that `text` states in `ty`.
pub(super) fn align(ty: &mut Type, text: &str) -> Result<(), String> {
    each(ty, text, "alignment", |ty, path| {
        let (before, name) = path.rsplit_once('.')?;
        let Type::Struct(fields) = place(ty, before)? else { return None };
        let field = fields.to_mut().iter_mut().find(|field| field.name == name)?;
        Some(&mut field.align)
    })
}

/// Sets what each entry leads to.
fn each(
    ty: &mut Type,
    text: &str,
    what: &str,
    find: impl for<'t> Fn(&'t mut Type, &str) -> Option<&'t mut Option<u64>>,
) -> Result<(), String> {
    for entry in text.split_whitespace() {
        let fault = || format!("`{entry}` states no {what}: write a path, `=` and a number");
        let (path, number) = entry.rsplit_once('=').ok_or_else(fault)?;
        let number = number.parse().map_err(|_| fault())?;
        match find(ty, path) {
            Some(own) if own.is_some_and(|own| own != number) => {
                return Err(format!("`{entry}`: another {what} is stated already"));
            }
            Some(own) => *own = Some(number),
            None => {
                return Err(format!("`{entry}`: nothing that can have a {what} stands there"));
            }
        }
    }
    Ok(())
}

/// The type at the end of a path, behind any optional; `None` if the path leads nowhere.
fn place<'t>(ty: &'t mut Type, path: &str) -> Option<&'t mut Type> {
    if let Type::Optional(item) = ty {
        return place(inside(item)?, path);
    }
    if path.is_empty() {
        return Some(ty);
    }
    match ty {
        Type::List { item, .. } | Type::ListFixed { item, .. } => {
            place(inside(item)?, path.strip_prefix("[]")?)
        }
        Type::Map { key, value, .. } => match path.strip_prefix("[key]") {
            Some(rest) => place(inside(key)?, rest),
            None => place(inside(value)?, path.strip_prefix("[value]")?),
        },
        Type::Union(members) => {
            let (tag, rest) = segment(path.strip_prefix('|')?);
            let tag: u64 = tag.parse().ok()?;
            let members = members.to_mut();
            let at = members.binary_search_by_key(&tag, |member| member.tag).ok()?;
            place(inside(&mut members[at].ty)?, rest)
        }
        Type::Struct(fields) => {
            let (name, rest) = segment(path.strip_prefix('.')?);
            let field = fields.to_mut().iter_mut().find(|field| field.name == name)?;
            place(inside(&mut field.ty)?, rest)
        }
        _ => None,
    }
}

/// The type behind a link that the parser made, and all of those are owned.
fn inside(link: &mut Link) -> Option<&mut Type> {
    match link {
        Link::Owned(ty) => Some(ty),
        Link::Static(_) => None,
    }
}

/// The first part of a path, and the rest.
fn segment(path: &str) -> (&str, &str) {
    path.split_at(path.find(['.', '[', '|']).unwrap_or(path.len()))
}

#[cfg(test)]
mod tests {
    use super::{align, apply};
    use crate::build::{data, list, map, optional, string, string_max, structure, union, void};

    #[test]
    fn a_path_leads_through_every_kind_of_type() {
        let mut ty = structure([
            ("a", optional(list(string()))),
            ("b", map(string(), data())),
            ("c", union([(3, void()), (7, string())])),
        ]);
        let caps = ".a=1 .a[]=2 .b=3 .b[key]=4 .b[value]=5 .c|7=6";
        assert_eq!(apply(&mut ty, caps), Ok(()));
        let expected = "struct { a: optional<list<str[..2]>[..1]> \
                        b: map<str[..4]><data[..5]>[..3] \
                        c: union { void = 3 | str[..6] = 7 } }";
        assert_eq!(ty.to_string(), expected);
    }

    #[test]
    fn a_path_that_leads_nowhere_is_refused() {
        for entry in [".gone=1", ".c|8=1", ".a[key]=1", "=1", ".a", ".a=x", ".a[]=1"] {
            let mut ty = structure([("a", string()), ("c", union([(7, string())]))]);
            assert!(apply(&mut ty, entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn an_alignment_is_that_of_a_field() {
        let mut ty = structure([("a", list(structure([("b", string())]))), ("c", data())]);
        assert_eq!(align(&mut ty, ".a[].b=16 .c=64"), Ok(()));
        let expected = "struct { a: list<struct { b: str align(16) }> c: data align(64) }";
        assert_eq!(ty.to_string(), expected);
        for entry in ["=8", ".a[]=8", ".d=8", ".c=x", ".c=32", ".a.b=8"] {
            assert!(align(&mut ty, entry).is_err(), "{entry}");
        }
    }

    #[test]
    fn two_different_caps_for_one_place_are_refused() {
        assert!(apply(&mut string_max(5), "=6").is_err());
        assert!(apply(&mut string(), "=6 =7").is_err());
        assert!(apply(&mut string_max(5), "=5").is_ok());
    }
}
