//! BARE text of schemas and types.
//!
//! Caps are no part of BARE. A schema states them in a comment before the definition, so that other
//! tools still read it: `# barewire: max .content=64 .lines=8 .lines[]=80`. Each entry is a path
//! from the definition and a cap: `.name` enters a field, `[]` a list's items, `[key]` and
//! `[value]` a map's, `|3` the member of a union with tag 3; an optional is passed through. A type
//! that is shown alone has its caps inline, `str[..64]`. So it is with the alignment of fields:
//! `# barewire: align .hits=64`, or `hits: u64 align(64)`.

use std::fmt::{self, Write};

use crate::model::{Type, slice};
use crate::schema::Schema;

/// What a comment that states caps begins with.
pub(crate) const CAPS_COMMENT: &str = "barewire: max";

/// What a comment that states alignments begins with.
pub(crate) const ALIGN_COMMENT: &str = "barewire: align";

impl<S> fmt::Display for Schema<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, ty)) in self.types().enumerate() {
            if index > 0 {
                f.write_char('\n')?;
            }
            let mut stated = Stated::default();
            stated.list(ty, "");
            let Stated { caps, aligns } = stated;
            for (what, entries) in [(CAPS_COMMENT, caps), (ALIGN_COMMENT, aligns)] {
                if !entries.is_empty() {
                    writeln!(f, "# {what}{entries}")?;
                }
            }
            write!(f, "type {name} ")?;
            write_type(f, ty, Style { indent: Some(0), caps: false })?;
            f.write_char('\n')?;
        }
        Ok(())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_type(f, self, Style { indent: None, caps: true })
    }
}

/// A type as other BARE tools see it.
pub(crate) struct WithoutCaps<'t>(pub(crate) &'t Type);

impl fmt::Display for WithoutCaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_type(f, self.0, Style { indent: None, caps: false })
    }
}

/// What comments say of a type: entries of a path and a number.
#[derive(Default)]
struct Stated {
    caps: String,
    aligns: String,
}

impl Stated {
    fn list(&mut self, ty: &Type, path: &str) {
        let own = match ty {
            Type::Str { cap }
            | Type::Data { cap }
            | Type::List { cap, .. }
            | Type::Map { cap, .. } => *cap,
            _ => None,
        };
        if let Some(cap) = own {
            // Writing to a String cannot fail.
            let _ = write!(self.caps, " {path}={cap}");
        }
        match ty {
            Type::Optional(item) => self.list(item.get(), path),
            Type::List { item, .. } | Type::ListFixed { item, .. } => {
                self.list(item.get(), &format!("{path}[]"));
            }
            Type::Map { key, value, .. } => {
                self.list(key.get(), &format!("{path}[key]"));
                self.list(value.get(), &format!("{path}[value]"));
            }
            Type::Union(members) => {
                for member in slice(members) {
                    self.list(member.ty.get(), &format!("{path}|{}", member.tag));
                }
            }
            Type::Struct(fields) => {
                for field in slice(fields) {
                    let path = format!("{path}.{}", field.name);
                    if let Some(align) = field.align {
                        let _ = write!(self.aligns, " {path}={align}");
                    }
                    self.list(field.ty.get(), &path);
                }
            }
            _ => {}
        }
    }
}

#[derive(Clone, Copy)]
struct Style {
    /// Levels of indentation, or everything on one line.
    indent: Option<usize>,
    /// Whether caps are written inline.
    caps: bool,
}

impl Style {
    fn line(self, f: &mut fmt::Formatter<'_>, inner: bool) -> fmt::Result {
        match self.indent {
            Some(levels) => write!(f, "\n{:1$}", "", 2 * (levels + usize::from(inner))),
            None => f.write_char(' '),
        }
    }

    fn deeper(self) -> Self {
        Self { indent: self.indent.map(|levels| levels + 1), ..self }
    }
}

fn write_type(f: &mut fmt::Formatter<'_>, ty: &Type, style: Style) -> fmt::Result {
    let cap = |f: &mut fmt::Formatter<'_>, cap: &Option<u64>| match cap {
        Some(cap) if style.caps => write!(f, "[..{cap}]"),
        _ => Ok(()),
    };
    let plain = match ty {
        Type::UInt => "uint",
        Type::Int => "int",
        Type::U8 => "u8",
        Type::U16 => "u16",
        Type::U32 => "u32",
        Type::U64 => "u64",
        Type::I8 => "i8",
        Type::I16 => "i16",
        Type::I32 => "i32",
        Type::I64 => "i64",
        Type::F32 => "f32",
        Type::F64 => "f64",
        Type::Bool => "bool",
        Type::Str { .. } => "str",
        Type::Data { .. } | Type::DataFixed { .. } => "data",
        Type::Void => "void",
        Type::User { name, .. } => name.as_ref(),
        _ => "",
    };
    f.write_str(plain)?;
    match ty {
        Type::Str { cap: most } | Type::Data { cap: most } => cap(f, most),
        Type::DataFixed { len } => write!(f, "[{len}]"),
        Type::Optional(item) => {
            f.write_str("optional<")?;
            write_type(f, item.get(), style)?;
            f.write_char('>')
        }
        Type::List { item, cap: most } => {
            f.write_str("list<")?;
            write_type(f, item.get(), style)?;
            f.write_char('>')?;
            cap(f, most)
        }
        Type::ListFixed { item, len } => {
            f.write_str("list<")?;
            write_type(f, item.get(), style)?;
            write!(f, ">[{len}]")
        }
        Type::Map { key, value, cap: most } => {
            f.write_str("map<")?;
            write_type(f, key.get(), style)?;
            f.write_str("><")?;
            write_type(f, value.get(), style)?;
            f.write_char('>')?;
            cap(f, most)
        }
        Type::Enum(members) => {
            f.write_str("enum {")?;
            let mut next = Some(0);
            for member in slice(members) {
                style.line(f, true)?;
                f.write_str(&member.name)?;
                number(f, &mut next, member.value)?;
            }
            style.line(f, false)?;
            f.write_char('}')
        }
        Type::Union(members) => {
            f.write_str("union {")?;
            let mut next = Some(0);
            for (index, member) in slice(members).iter().enumerate() {
                f.write_str(if index == 0 { " " } else { " | " })?;
                write_type(f, member.ty.get(), style.deeper())?;
                number(f, &mut next, member.tag)?;
            }
            f.write_str(" }")
        }
        Type::Struct(fields) => {
            f.write_str("struct {")?;
            for field in slice(fields) {
                style.line(f, true)?;
                write!(f, "{}: ", field.name)?;
                write_type(f, field.ty.get(), style.deeper())?;
                if let (Some(align), true) = (field.align, style.caps) {
                    write!(f, " align({align})")?;
                }
            }
            style.line(f, false)?;
            f.write_char('}')
        }
        _ => Ok(()),
    }
}

/// Writes ` = value` unless it is the one that comes next anyway.
fn number(f: &mut fmt::Formatter<'_>, next: &mut Option<u64>, value: u64) -> fmt::Result {
    let expected = *next == Some(value);
    *next = value.checked_add(1);
    if expected { Ok(()) } else { write!(f, " = {value}") }
}

#[cfg(test)]
mod tests {
    use crate::build::*;
    use crate::*;

    #[test]
    fn a_schema_is_text_that_every_bare_tool_reads() {
        let schema = Schema::new("Demo")
            .with_type("Kind", enumeration([("A", 0), ("B", 5), ("C", 6)]))
            .with_type("Message", structure([("to", list_max(string_max(8), 2)), ("n", u8())]));
        let text = "type Kind enum {\n  A\n  B = 5\n  C\n}\n\n\
                    # barewire: max .to=2 .to[]=8\n\
                    type Message struct {\n  to: list<str>\n  n: u8\n}\n";
        assert_eq!(schema.to_string(), text);
    }

    #[test]
    fn an_alignment_is_a_comment_that_other_tools_skip_and_this_one_reads() {
        let text = "# barewire: max .name=8\n# barewire: align .hits=64 .rows[].x=16\n\
                    type Row struct {\n  name: str\n  hits: u64\n  rows: list<struct {\n    \
                    x: u8\n  }>[2]\n}\n";
        let schema = Schema::read("rows", text).expect(text);
        assert_eq!(schema.to_string(), text);
        let inline = "struct { name: str[..8] hits: u64 align(64) \
                      rows: list<struct { x: u8 align(16) }>[2] }";
        assert_eq!(schema.root().to_string(), inline);
        let again = Schema::read("rows", &format!("type Row {inline}")).expect(inline);
        assert_eq!(again.root().layout_id(), schema.root().layout_id());
    }

    #[test]
    fn a_type_alone_has_its_caps_inline() {
        let ty = map_max(string_max(3), optional(data_fixed(4)), 5);
        assert_eq!(ty.to_string(), "map<str[..3]><optional<data[4]>>[..5]");
    }
}
