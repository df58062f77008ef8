//! BARE's rules about names and places: defined before used, void only in unions, map keys.

use std::collections::HashMap;

use quote::quote_spanned;
use syn::Ident;

use super::grammar::{Any, Definition, Document, Kind};
use crate::check::{error, error_at};
use crate::names;

/// What the rules need to know of a type that is defined.
#[derive(Clone, Copy)]
struct Known {
    void: bool,
    key: bool,
}

/// Moves the definitions that break a rule to the failed ones.
pub(super) fn check(document: &mut Document) {
    let all: Vec<String> =
        document.definitions.iter().map(|definition| names::plain(&definition.name)).collect();
    let mut known: HashMap<String, Known> = HashMap::new();
    for failed in &document.failed {
        known.insert(names::plain(failed), Known { void: false, key: true });
    }
    for definition in std::mem::take(&mut document.definitions) {
        let name = names::plain(&definition.name);
        let rules = Rules { known: &known, all: &all, definition: &definition };
        let result = rules.definition();
        let twice = known.contains_key(&name);
        if !twice {
            let facts = rules.facts(&definition.ty);
            known.insert(name, facts);
        }
        match result {
            Ok(()) => document.definitions.push(definition),
            Err(error) => {
                document.errors.push(error);
                if !twice {
                    document.failed.push(definition.name);
                }
            }
        }
    }
}

struct Rules<'r> {
    known: &'r HashMap<String, Known>,
    all: &'r [String],
    definition: &'r Definition,
}

impl Rules<'_> {
    fn definition(&self) -> syn::Result<()> {
        let name = &self.definition.name;
        if self.known.contains_key(&names::plain(name)) {
            return Err(error(
                name,
                &format!("the type `{name}` is there twice"),
                "give one of the two another name",
            ));
        }
        self.any(&self.definition.ty)
    }

    fn facts(&self, ty: &Any) -> Known {
        match &ty.kind {
            Kind::Void => Known { void: true, key: false },
            Kind::Primitive(name) => Known { void: false, key: !name.starts_with('f') },
            Kind::Str(_) | Kind::Data(_) | Kind::Enum(_) => Known { void: false, key: true },
            Kind::User(name) => self
                .known
                .get(&names::plain(name))
                .copied()
                .unwrap_or(Known { void: false, key: true }),
            _ => Known { void: false, key: false },
        }
    }

    fn any(&self, ty: &Any) -> syn::Result<()> {
        match &ty.kind {
            Kind::Optional(item) | Kind::List(item, _) => self.solid(item),
            Kind::Map(key, value, _) => {
                self.solid(key)?;
                if !self.facts(key).key {
                    return Err(error_at(
                        key.span,
                        "this cannot be the key of a map",
                        "use an integer, bool, str, data or an enum",
                    ));
                }
                self.solid(value)
            }
            Kind::Struct(fields) => {
                for (index, field) in fields.iter().enumerate() {
                    let before = fields.iter().take(index);
                    distinct(&field.name, before.map(|field| &field.name), "field")?;
                    self.solid(&field.ty)?;
                }
                Ok(())
            }
            Kind::Union(members) => {
                for member in members {
                    self.any(&member.ty)?;
                }
                self.members_distinct(members.iter().map(|member| &member.ty))
            }
            Kind::Enum(members) => {
                for (index, member) in members.iter().enumerate() {
                    let before = members.iter().take(index);
                    distinct(&member.name, before.map(|member| &member.name), "member")?;
                }
                Ok(())
            }
            Kind::User(name) => self.user(name),
            Kind::Primitive(_) | Kind::Str(_) | Kind::Data(_) | Kind::Void => Ok(()),
        }
    }

    /// Any type but void.
    fn solid(&self, ty: &Any) -> syn::Result<()> {
        if self.facts(ty).void {
            return Err(error_at(
                ty.span,
                "void is only a member of a union",
                "remove it, or write `union { void | .. }`",
            ));
        }
        self.any(ty)
    }

    fn user(&self, name: &Ident) -> syn::Result<()> {
        let text = names::plain(name);
        if self.known.contains_key(&text) {
            return Ok(());
        }
        if names::plain(&self.definition.name) == text {
            let message = format!("`{text}` holds itself: BARE types never recurse");
            let help = "keep the items in a flat list and refer to them by index (u32)";
            return Err(error(name, &message, help));
        }
        if self.all.contains(&text) {
            let message = format!("`{text}` is used before it is defined");
            return Err(error(name, &message, &format!("move `type {text}` before this type")));
        }
        let known: Vec<&str> = self.known.keys().map(String::as_str).collect();
        let help = match names::nearest(&text, &known) {
            Some(guess) => format!("did you mean `{guess}`?"),
            None => format!("define it first: `type {text} ..`"),
        };
        Err(error(name, &format!("the type `{text}` is not defined"), &help))
    }

    fn members_distinct<'a>(&self, members: impl Iterator<Item = &'a Any>) -> syn::Result<()> {
        let mut seen: Vec<String> = Vec::new();
        for member in members {
            let written = super::render::written(member);
            if seen.contains(&written) {
                return Err(error(
                    quote_spanned!(member.span=> _),
                    "a member of a union is there twice",
                    "give one of the two a name of its own: `type Name ..`",
                ));
            }
            seen.push(written);
        }
        Ok(())
    }
}

fn distinct<'a>(
    name: &Ident,
    mut before: impl Iterator<Item = &'a Ident>,
    what: &str,
) -> syn::Result<()> {
    let text = names::plain(name);
    if before.any(|other| names::plain(other) == text) {
        let help = "give one of the two another name";
        return Err(error(name, &format!("the {what} `{text}` is there twice"), help));
    }
    Ok(())
}
