//! C text of types and prototypes, which reads back as the same.

use std::fmt;

use super::model::{
    CType, FunctionSignature, Integer, Lifetime, Parameter, Pass, Returns, StructDefinition,
};

impl Integer {
    /// The keywords.
    #[must_use]
    pub const fn keywords(self) -> &'static str {
        match self {
            Self::SignedChar => "signed char",
            Self::UnsignedChar => "unsigned char",
            Self::Short => "short",
            Self::UnsignedShort => "unsigned short",
            Self::Int => "int",
            Self::UnsignedInt => "unsigned int",
            Self::Long => "long",
            Self::UnsignedLong => "unsigned long",
            Self::LongLong => "long long",
            Self::UnsignedLongLong => "unsigned long long",
            Self::Int128 => "__int128",
            Self::UnsignedInt128 => "unsigned __int128",
        }
    }
}

/// The body of a struct or union that has no name.
fn body(definition: &StructDefinition) -> String {
    let mut text = if definition.union { "union { " } else { "struct { " }.to_owned();
    for field in &definition.fields {
        text += &field.ty.declare(&field.name);
        text += "; ";
    }
    text + "}"
}

impl CType {
    /// The declaration of `name` as this type.
    ///
    /// ```
    /// use barewire_schema::c::CType;
    /// let rows = CType::BYTE.constant_pointer().array(4);
    /// assert_eq!(rows.declare("rows"), "const unsigned char *rows[4]");
    /// ```
    #[must_use]
    pub fn declare(&self, name: &str) -> String {
        let spaced = |base: &str| match name {
            "" => base.to_owned(),
            name => format!("{base} {name}"),
        };
        match self {
            Self::Void => spaced("void"),
            Self::Bool => spaced("_Bool"),
            Self::Char => spaced("char"),
            Self::Integer(integer) => spaced(integer.keywords()),
            Self::Float => spaced("float"),
            Self::Double => spaced("double"),
            Self::LongDouble => spaced("long double"),
            Self::Float128 => spaced("_Float128"),
            Self::VaList => spaced("__builtin_va_list"),
            Self::Incomplete(base) => spaced(base),
            Self::Enum(made) => spaced(&made.c_name().unwrap_or_else(|| "unsigned int".to_owned())),
            Self::Struct(made) => spaced(&made.c_name().unwrap_or_else(|| body(made))),
            Self::Array { item, len } => {
                let inner = format!("{name}[{len}]");
                item.declare(&inner)
            }
            Self::Pointer { to, constant } => {
                let inner = match **to {
                    Self::Array { .. } | Self::Function(_) => format!("(*{name})"),
                    _ => format!("*{name}"),
                };
                match (&**to, *constant) {
                    // The word stands before the pointer that it belongs to.
                    (Self::Pointer { .. }, true) => to.declare(&format!("const {inner}")),
                    (_, true) => format!("const {}", to.declare(&inner)),
                    (_, false) => to.declare(&inner),
                }
            }
            Self::Function(function) => {
                let parameters = function.parameter_text(false);
                function.result.declare(&format!("{name}({parameters})"))
            }
        }
    }
}

impl fmt::Display for CType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.declare(""))
    }
}

impl FunctionSignature {
    fn parameter_text(&self, annotated: bool) -> String {
        let mut parts: Vec<String> = Vec::new();
        for parameter in &self.parameters {
            let before = if annotated { note(parameter) } else { String::new() };
            parts.push(before + &parameter.ty.declare(&parameter.name));
        }
        if self.variadic {
            parts.push("...".to_owned());
        }
        if parts.is_empty() { "void".to_owned() } else { parts.join(", ") }
    }

    /// The prototype in plain C, without annotations.
    #[must_use]
    pub fn prototype(&self) -> String {
        self.result.declare(&format!("{}({})", self.name, self.parameter_text(false)))
    }
}

fn note(parameter: &Parameter) -> String {
    let counted = |word: &str, with: &str, count: &Option<String>| match count {
        Some(count) => format!("{word} {with}({count}) "),
        None => format!("{word} "),
    };
    match &parameter.pass {
        Pass::Value | Pass::Unstated => String::new(),
        Pass::In { len } => counted("in", "len", len),
        Pass::Out { cap } => counted("out", "cap", cap),
        Pass::InOut { len } => counted("inout", "len", len),
        Pass::CStr => "cstr ".to_owned(),
        Pass::Opaque => "opaque ".to_owned(),
        Pass::Take => "take opaque ".to_owned(),
        Pass::OutOpaque => "out opaque ".to_owned(),
        Pass::Null => "null ".to_owned(),
    }
}

/// The prototype with its annotations.
impl fmt::Display for FunctionSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.pure { "pure " } else { "" })?;
        f.write_str(if self.errno { "errno " } else { "" })?;
        match &self.returns {
            Returns::CStr(Lifetime::Static) => f.write_str("cstr static ")?,
            Returns::CStr(Lifetime::Of(handle)) => write!(f, "cstr of({handle}) ")?,
            Returns::CStr(Lifetime::Free(function)) => write!(f, "cstr free({function}) ")?,
            Returns::Opaque => f.write_str("opaque ")?,
            _ => {}
        }
        let head = format!("{}({})", self.name, self.parameter_text(true));
        f.write_str(&self.result.declare(&head))
    }
}
