//! Schemas as Rust types that derive `BareSchema` and have the same layout.

use std::fmt::Write;

use barewire::schema::{EnumMember, Field, Schema, Type, UnionMember};

/// All types of a schema.
pub(super) fn emit(schema: &Schema) -> String {
    let mut emitter = Emitter { text: String::new(), schema };
    for (name, ty) in schema.types() {
        // Void has no values: it is a variant without data in the unions that it is a member of.
        if ty.resolved() != &Type::Void {
            emitter.item(name, ty);
        }
    }
    format!("use barewire::BareSchema;\n{}", emitter.text)
}

/// A type of Rust, and what `#[bare(..)]` says of it.
struct Rust {
    ty: String,
    says: String,
}

impl Rust {
    fn plain(ty: impl Into<String>) -> Self {
        Self { ty: ty.into(), says: String::new() }
    }

    /// `, item(max = 4)`, if there is anything to say.
    fn inside(&self, key: &str) -> String {
        if self.says.is_empty() { String::new() } else { format!(", {key}({})", self.says) }
    }
}

struct Emitter<'s> {
    text: String,
    schema: &'s Schema,
}

/// `JOIN_ROOM`, `join_room` and `JoinRoom` as `JoinRoom`.
fn camel(name: &str) -> String {
    let shouting = !name.chars().any(|c| c.is_ascii_lowercase());
    let mut out = String::new();
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let (first, rest) = word.split_at(1);
        out += &first.to_ascii_uppercase();
        out +=
            &if shouting && name.len() > 1 { rest.to_ascii_lowercase() } else { rest.to_owned() };
    }
    out
}

/// `joinRoom` as `join_room`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// `JoinRoom` as the derive turns it into `JOIN_ROOM`.
fn shouting(name: &str) -> String {
    snake(name).to_uppercase()
}

const KEYWORDS: &[&str] = &[
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let",
    "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
    "static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
];

/// A name of Rust for a name of BARE.
fn identifier(name: &str) -> String {
    match name {
        "self" | "super" | "crate" | "Self" => format!("{name}_"),
        _ if KEYWORDS.contains(&name) => format!("r#{name}"),
        _ => name.to_owned(),
    }
}

/// Whether a kind of type occurs in a type, through names too.
fn any(ty: &Type, is: &dyn Fn(&Type) -> bool) -> bool {
    let ty = ty.resolved();
    is(ty)
        || match ty {
            Type::Optional(item) | Type::List { item, .. } | Type::ListFixed { item, .. } => {
                any(item.get(), is)
            }
            Type::Map { key, value, .. } => any(key.get(), is) || any(value.get(), is),
            Type::Struct(fields) => fields.iter().any(|field| any(field.ty.get(), is)),
            Type::Union(members) => members.iter().any(|member| any(member.ty.get(), is)),
            _ => false,
        }
}

impl Emitter<'_> {
    fn derives(ty: &Type) -> String {
        let mut derives = "BareSchema, Debug, Clone, PartialEq".to_owned();
        if !any(ty, &|ty| matches!(ty, Type::F32 | Type::F64)) {
            derives += ", Eq";
            let composed =
                |ty: &Type| matches!(ty, Type::Map { .. } | Type::Struct(_) | Type::Union(_));
            if !any(ty, &composed) {
                // It may be the key of a map.
                derives += ", PartialOrd, Ord, Hash";
            }
        }
        if matches!(ty, Type::Enum(_)) {
            derives += ", Copy";
        }
        derives
    }

    fn item(&mut self, name: &str, ty: &Type) {
        let mut text = format!("\n#[derive({})]\n", Self::derives(ty));
        let rust = identifier(name);
        if rust != name {
            let _ = writeln!(text, "#[bare(rename = \"{name}\")]");
        }
        match ty {
            Type::Struct(fields) => {
                let _ = writeln!(text, "pub struct {rust} {{");
                for field in fields.iter() {
                    text += &self.field(name, field);
                }
                text += "}\n";
            }
            Type::Enum(members) => {
                let _ = writeln!(text, "pub enum {rust} {{");
                for member in members.iter() {
                    text += &enum_member(member);
                }
                text += "}\n";
            }
            Type::Union(members) => {
                let _ = writeln!(text, "pub enum {rust} {{");
                text += &self.union_members(name, members);
                text += "}\n";
            }
            other => {
                let inner = self.top(other, &format!("{name}Item"));
                let says = attribute(&inner.says);
                let _ = writeln!(text, "pub struct {rust}({says}pub {});", inner.ty);
            }
        }
        // Behind those without a name that it needed.
        self.text += &text;
    }

    fn field(&mut self, parent: &str, field: &Field) -> String {
        let inner = self.top(field.ty.get(), &format!("{parent}{}", camel(&field.name)));
        let rust = identifier(&snake(&field.name));
        let mut says = inner.says;
        let mut add = |word: String| {
            if !says.is_empty() {
                says += ", ";
            }
            says += &word;
        };
        if let Some(align) = field.align {
            add(format!("align = {align}"));
        }
        if rust.trim_start_matches("r#") != field.name {
            add(format!("rename = \"{}\"", field.name));
        }
        let says = if says.is_empty() { says } else { format!("    #[bare({says})]\n") };
        format!("{says}    pub {rust}: {},\n", inner.ty)
    }

    fn union_members(&mut self, parent: &str, members: &[UnionMember]) -> String {
        let (mut out, mut taken) = (String::new(), Vec::new());
        for (index, member) in members.iter().enumerate() {
            let ty = member.ty.get();
            let mut name = variant(ty, index);
            while taken.contains(&name) {
                name = format!("{name}{index}");
            }
            taken.push(name.clone());
            let rust = identifier(&name);
            if ty.resolved() == &Type::Void {
                let rename = match ty {
                    Type::User { name, .. } => format!(", rename = \"{name}\""),
                    _ => String::new(),
                };
                let _ = writeln!(out, "    #[bare(tag = {}{rename})]\n    {rust},", member.tag);
                continue;
            }
            let inner = self.top(ty, &format!("{parent}{name}"));
            let says = attribute(&inner.says);
            let _ =
                writeln!(out, "    #[bare(tag = {})]\n    {rust}({says}{}),", member.tag, inner.ty);
        }
        out
    }

    /// A type where `varint` may stand: directly in a field.
    fn top(&mut self, ty: &Type, hint: &str) -> Rust {
        let varint = |ty: &str| Rust { ty: ty.to_owned(), says: "varint".to_owned() };
        match ty {
            Type::UInt => varint("u64"),
            Type::Int => varint("i64"),
            _ => self.rust(ty, hint),
        }
    }

    fn rust(&mut self, ty: &Type, hint: &str) -> Rust {
        match ty {
            Type::UInt => Rust::plain("barewire::codec::UInt"),
            Type::Int => Rust::plain("barewire::codec::Int"),
            Type::Str { cap } => Rust { ty: "String".to_owned(), says: max(*cap, "") },
            Type::Data { cap } => Rust { ty: "Vec<u8>".to_owned(), says: max(*cap, "") },
            Type::DataFixed { len } => Rust::plain(format!("[u8; {len}]")),
            Type::Void => Rust::plain("()"),
            Type::Optional(item) => {
                let inner = self.rust(item.get(), hint);
                Rust { ty: format!("Option<{}>", inner.ty), says: inner.says }
            }
            Type::List { item, cap } => {
                let item = self.rust(item.get(), hint);
                let says = max(*cap, &item.inside("item"));
                Rust { ty: format!("Vec<{}>", item.ty), says }
            }
            Type::ListFixed { item, len } => {
                let item = self.rust(item.get(), hint);
                Rust { ty: format!("[{}; {len}]", item.ty), says: item.says }
            }
            Type::Map { key, value, cap } => {
                let key = self.rust(key.get(), &format!("{hint}Key"));
                let value = self.rust(value.get(), hint);
                let says = max(*cap, &(key.inside("key") + &value.inside("value")));
                let ty = format!("std::collections::BTreeMap<{}, {}>", key.ty, value.ty);
                Rust { ty, says }
            }
            Type::User { name, .. } => Rust::plain(identifier(name)),
            Type::Struct(_) | Type::Enum(_) | Type::Union(_) => {
                let mut name = hint.to_owned();
                while self.schema.get(&name).is_some() {
                    name.push('0');
                }
                self.item(&name, ty);
                Rust::plain(name)
            }
            // Numbers and `bool` are called alike.
            number => Rust::plain(number.to_string()),
        }
    }
}

/// `max = 4, item(..)`, or only the rest.
fn max(cap: Option<u64>, rest: &str) -> String {
    match cap {
        Some(cap) => format!("max = {cap}{rest}"),
        None => rest.trim_start_matches(", ").to_owned(),
    }
}

fn attribute(says: &str) -> String {
    if says.is_empty() { String::new() } else { format!("#[bare({says})] ") }
}

fn enum_member(member: &EnumMember) -> String {
    let rust = camel(&member.name);
    let rename = if shouting(&rust) == member.name {
        String::new()
    } else {
        format!("    #[bare(rename = \"{}\")]\n", member.name)
    };
    format!("{rename}    {} = {},\n", identifier(&rust), member.value)
}

/// The variant that stands for a member of a union.
fn variant(ty: &Type, index: usize) -> String {
    match ty {
        Type::User { name, .. } => name.to_string(),
        Type::UInt => "UInt".to_owned(),
        Type::Str { .. } => "Str".to_owned(),
        Type::Data { .. } | Type::DataFixed { .. } => "Data".to_owned(),
        Type::Void => "Void".to_owned(),
        Type::Optional(item) => format!("Optional{}", variant(item.get(), index)),
        Type::List { item, .. } | Type::ListFixed { item, .. } => {
            format!("List{}", variant(item.get(), index))
        }
        Type::Map { key, value, .. } => {
            format!("Map{}{}", variant(key.get(), index), variant(value.get(), index))
        }
        Type::Struct(_) | Type::Enum(_) | Type::Union(_) => format!("Member{index}"),
        number => camel(&number.to_string()),
    }
}
