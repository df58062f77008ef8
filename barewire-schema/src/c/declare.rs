//! The grammar of declarations: specifiers, declarators, struct, union and enum bodies.

use std::collections::HashMap;
use std::sync::Arc;

use super::attributes::Attributes;
use super::lex::{Kind, Token};
use super::model::{
    CError, CField, CType, EnumDefinition, FunctionSignature, Integer, Parameter, Pass,
    StructDefinition, Tag,
};

type Result<T> = std::result::Result<T, CError>;

/// The deepest nesting of brackets and of types.
const MAX_DEPTH: usize = 200;

/// What stands before a declarator.
#[derive(Debug, Clone)]
pub(super) struct Specifiers {
    pub(super) ty: CType,
    pub(super) typedef: bool,
    pub(super) constant: bool,
    pub(super) attributes: Attributes,
}

/// One step from the base type to that of the declared name, the nearest to the base first.
enum Step {
    Pointer { constant: bool },
    Array(u64),
    Function { parameters: Vec<Parameter>, variadic: bool },
}

/// What a declarator declares.
pub(super) struct Declared {
    pub(super) name: String,
    pub(super) ty: CType,
    pub(super) token: usize,
    /// Whether it may not be changed.
    pub(super) constant: bool,
}

/// Reads tokens from the front.
pub(super) struct Reader<'t> {
    pub(super) tokens: &'t [Token],
    pub(super) at: usize,
    pub(super) aliases: HashMap<String, CType>,
    pub(super) tags: HashMap<String, CType>,
    pub(super) constants: HashMap<String, i128>,
    /// Structs and enums that were defined since somebody looked, in order.
    pub(super) defined: Vec<(usize, CType)>,
    /// Whether parameters may have annotations.
    pub(super) annotated: bool,
    /// Whether a `#pragma pack` is in force.
    pub(super) pragma: bool,
    pub(super) depth: usize,
}

impl Reader<'_> {
    pub(super) fn kind(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    pub(super) fn kind_at(&self, ahead: usize) -> Option<&Kind> {
        self.tokens.get(self.at + ahead).map(|token| &token.kind)
    }

    pub(super) fn word(&self) -> Option<&str> {
        match self.kind() {
            Some(Kind::Word(word)) => Some(word),
            _ => None,
        }
    }

    pub(super) fn is(&self, mark: char) -> bool {
        self.kind() == Some(&Kind::Mark(mark))
    }

    pub(super) fn eat(&mut self, mark: char) -> bool {
        let found = self.is(mark);
        self.at += usize::from(found);
        found
    }

    pub(super) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.word() == Some(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn shown(&self) -> String {
        match self.kind() {
            None => "the end".to_owned(),
            Some(Kind::Word(word)) => format!("`{word}`"),
            Some(Kind::Number(number)) => format!("`{number}`"),
            Some(Kind::Text(text)) => format!("\"{text}\""),
            Some(Kind::Mark(mark)) => format!("`{mark}`"),
            Some(Kind::Other(other)) => format!("`{other}`"),
        }
    }

    pub(super) fn error<T>(&self, message: impl Into<String>, help: &str) -> Result<T> {
        Err(CError::new(self.at, message, help))
    }

    pub(super) fn expect(&mut self, mark: char) -> Result<()> {
        if self.eat(mark) {
            return Ok(());
        }
        let message = format!("expected `{mark}`, found {}", self.shown());
        self.error(message, "")
    }

    /// Goes past a bracket and all that it encloses.
    pub(super) fn skip_group(&mut self) -> Result<()> {
        let mut depth = 0_usize;
        loop {
            match self.kind() {
                Some(Kind::Mark('(' | '[' | '{')) => depth += 1,
                Some(Kind::Mark(')' | ']' | '}')) => depth = depth.saturating_sub(1),
                None => return self.error("a bracket without an end", ""),
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Ok(());
            }
        }
    }

    fn deeper(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.error("declarations are nested too deeply", "");
        }
        Ok(())
    }

    /// Whether a type begins here.
    pub(super) fn starts_type(&self) -> bool {
        let Some(word) = self.word() else { return false };
        BASES.contains(&word)
            || QUALIFIERS.contains(&word)
            || matches!(word, "struct" | "union" | "enum" | "__typeof__" | "typeof" | "_Atomic")
            || self.aliases.contains_key(word)
    }

    /// Everything before a declarator.
    pub(super) fn specifiers(&mut self) -> Result<Specifiers> {
        let start = self.at;
        let mut base: Option<CType> = None;
        let mut words: Vec<String> = Vec::new();
        let (mut typedef, mut constant) = (false, false);
        let mut attributes = Attributes::default();
        loop {
            attributes.join(self.attributes()?);
            let Some(word) = self.word() else { break };
            match word {
                "const" | "__const" | "__const__" => constant = true,
                "volatile" | "__volatile__" | "__volatile" | "register" | "auto" | "extern" => {}
                "inline" | "__inline" | "__inline__" | "static" => {}
                "_Thread_local" | "__thread" => {}
                "typedef" => typedef = true,
                "struct" | "union" | "enum" if base.is_none() && words.is_empty() => {
                    base = Some(self.tagged()?);
                    continue;
                }
                "__typeof__" | "typeof" | "_Atomic" => {
                    let message = format!("`{word}` is not understood");
                    return self.error(message, "write the type out");
                }
                word if BASES.contains(&word) => words.push(word.to_owned()),
                word if base.is_none() && words.is_empty() => match self.aliases.get(word) {
                    Some(ty) => base = Some(ty.clone()),
                    None => {
                        let message = format!("`{word}` is no type that was declared before");
                        let help = "declare it: `typedef unsigned int Name;`, `struct Name;`";
                        return self.error(message, help);
                    }
                },
                _ => break,
            }
            self.at += 1;
        }
        let ty = match base {
            Some(ty) => ty,
            None => base_type(&words).map_err(|message| CError::new(start, message, ""))?,
        };
        Ok(Specifiers { ty, typedef, constant, attributes })
    }

    /// `struct name { .. }`, `union ..`, `enum ..`.
    fn tagged(&mut self) -> Result<CType> {
        let start = self.at;
        let keyword = self.word().unwrap_or_default().to_owned();
        self.at += 1;
        let mut attributes = self.attributes()?;
        let tag = self.word().map(str::to_owned);
        self.at += usize::from(tag.is_some());
        attributes.join(self.attributes()?);
        let key = tag.as_ref().map(|tag| format!("{keyword} {tag}"));
        if !self.is('{') {
            let Some(key) = key else {
                return self.error(format!("a {keyword} needs a name or a body"), "");
            };
            if keyword == "enum" && !self.tags.contains_key(&key) {
                let message = format!("`{key}` is not defined");
                return self.error(message, "define it before it is used");
            }
            return Ok(self.tags.get(&key).cloned().unwrap_or(CType::Incomplete(key)));
        }
        self.at += 1;
        self.deeper()?;
        let ty = match keyword.as_str() {
            "enum" => CType::Enum(Arc::new(self.enumeration(tag)?)),
            _ => {
                if self.pragma {
                    return self.error("a `#pragma pack` is in force", "");
                }
                let union = keyword == "union";
                let fields = self.fields()?;
                attributes.join(self.attributes()?);
                if let Some(refused) = attributes.refused {
                    return Err(CError::new(start, refused, ""));
                }
                let (packed, align) = (attributes.packed, attributes.align);
                let alias = None;
                let made = StructDefinition { tag, alias, union, packed, align, fields };
                made.layout().map_err(|error| CError { token: start, ..error })?;
                CType::Struct(Arc::new(made))
            }
        };
        self.depth -= 1;
        if let Some(key) = key {
            self.tags.insert(key, ty.clone());
            self.defined.push((start, ty.clone()));
        }
        Ok(ty)
    }

    fn enumeration(&mut self, tag: Option<String>) -> Result<EnumDefinition> {
        let (mut members, mut next) = (Vec::new(), 0_i128);
        while !self.eat('}') {
            let Some(name) = self.word().map(str::to_owned) else {
                return self.error(format!("expected a member, found {}", self.shown()), "");
            };
            self.at += 1;
            self.attributes()?;
            if self.eat('=') {
                next = self.constant()?;
            }
            self.constants.insert(name.clone(), next);
            members.push((name, next));
            next += 1;
            if !self.eat(',') && !self.is('}') {
                return self.error(format!("expected `,` or `}}`, found {}", self.shown()), "");
            }
        }
        Ok(EnumDefinition { tag, alias: None, members })
    }

    fn fields(&mut self) -> Result<Vec<CField>> {
        let mut fields = Vec::new();
        while !self.eat('}') {
            if self.eat(';') {
                continue;
            }
            let tag = self.union_tag()?;
            let specifiers = self.specifiers()?;
            if self.eat(';') {
                // An anonymous struct or union; one with a tag declares nothing here.
                let anonymous = match &specifiers.ty {
                    CType::Struct(inner) => inner.tag.is_none(),
                    _ => false,
                };
                if anonymous {
                    let (name, align) = (String::new(), specifiers.attributes.align);
                    fields.push(CField { name, ty: specifiers.ty, bits: None, align, tag });
                }
                continue;
            }
            loop {
                let field = self.field(&specifiers, tag.clone())?;
                fields.push(field);
                if !self.eat(',') {
                    break;
                }
            }
            self.expect(';')?;
        }
        Ok(fields)
    }

    fn field(&mut self, specifiers: &Specifiers, tag: Option<Tag>) -> Result<CField> {
        let mut attributes = specifiers.attributes.clone();
        let declared = match self.is(':') {
            true => Declared {
                name: String::new(),
                ty: specifiers.ty.clone(),
                token: self.at,
                constant: false,
            },
            false => self.declarator(specifiers)?,
        };
        let bits = match self.eat(':') {
            true => Some(self.unsigned()?),
            false => None,
        };
        attributes.join(self.attributes()?);
        if let Some(refused) = attributes.refused {
            return Err(CError::new(declared.token, refused, ""));
        }
        if attributes.packed {
            let message = "a packed field is not understood";
            return Err(CError::new(declared.token, message, "pack the whole struct"));
        }
        let (name, ty, align) = (declared.name, declared.ty, attributes.align);
        Ok(CField { name, ty, bits, align, tag })
    }

    /// A type without a name, as in a cast.
    pub(super) fn type_name(&mut self) -> Result<CType> {
        let specifiers = self.specifiers()?;
        Ok(self.declarator(&specifiers)?.ty)
    }

    /// A declarator; its name may be missing.
    pub(super) fn declarator(&mut self, specifiers: &Specifiers) -> Result<Declared> {
        let mut steps = Vec::new();
        let token = self.at;
        let named = self.steps(&mut steps)?;
        let mut ty = specifiers.ty.clone();
        let mut constant = specifiers.constant;
        for step in steps {
            ty = match step {
                Step::Pointer { constant: own } => {
                    let pointer = CType::Pointer { to: Box::new(ty), constant };
                    constant = own;
                    pointer
                }
                Step::Array(len) => CType::Array { item: Box::new(ty), len },
                Step::Function { parameters, variadic } => {
                    let mut made = FunctionSignature::new("", ty);
                    (made.parameters, made.variadic) = (parameters, variadic);
                    CType::Function(Arc::new(made))
                }
            };
        }
        let (token, name) = named.unwrap_or((token, String::new()));
        Ok(Declared { name, ty, token, constant })
    }

    /// The name, with its token, and the steps in the order in which they apply to the base.
    fn steps(&mut self, steps: &mut Vec<Step>) -> Result<Option<(usize, String)>> {
        self.deeper()?;
        self.attributes()?;
        while self.eat('*') {
            let mut constant = false;
            loop {
                self.attributes()?;
                match self.word() {
                    Some("const" | "__const" | "__const__") => constant = true,
                    Some("volatile" | "__volatile__" | "__restrict__") => {}
                    _ => break,
                }
                self.at += 1;
            }
            steps.push(Step::Pointer { constant });
        }
        let mut inner = Vec::new();
        let mut named = None;
        if let Some(word) = self.word()
            && !QUALIFIERS.contains(&word)
            && !BASES.contains(&word)
        {
            named = Some((self.at, word.to_owned()));
            self.at += 1;
        } else if self.is('(') && self.opens_declarator() {
            self.at += 1;
            named = self.steps(&mut inner)?;
            self.expect(')')?;
        }
        let mut suffixes = Vec::new();
        loop {
            if self.is('[') && self.kind_at(1) != Some(&Kind::Mark('[')) {
                self.at += 1;
                while matches!(
                    self.word(),
                    Some("static" | "const" | "restrict" | "__restrict" | "volatile")
                ) {
                    self.at += 1;
                }
                let len = if self.is(']') { 0 } else { self.unsigned()? };
                self.expect(']')?;
                suffixes.push(Step::Array(len));
            } else if self.is('(') {
                self.at += 1;
                let (parameters, variadic) = self.parameters()?;
                suffixes.push(Step::Function { parameters, variadic });
            } else {
                break;
            }
        }
        steps.extend(suffixes.into_iter().rev());
        steps.extend(inner);
        self.depth -= 1;
        Ok(named)
    }

    /// Whether the bracket here encloses a declarator, and not parameters.
    fn opens_declarator(&self) -> bool {
        match self.kind_at(1) {
            Some(Kind::Mark('*' | '(' | '[')) => true,
            Some(Kind::Word(word)) => {
                word.starts_with("__attribute")
                    || !(self.aliases.contains_key(word)
                        || BASES.contains(&word.as_str())
                        || QUALIFIERS.contains(&word.as_str())
                        || matches!(word.as_str(), "struct" | "union" | "enum"))
            }
            _ => false,
        }
    }

    fn parameters(&mut self) -> Result<(Vec<Parameter>, bool)> {
        let mut parameters = Vec::new();
        if self.eat(')') {
            return Ok((parameters, false));
        }
        if self.word() == Some("void") && self.kind_at(1) == Some(&Kind::Mark(')')) {
            self.at += 2;
            return Ok((parameters, false));
        }
        loop {
            if self.is('.') {
                for _ in 0..3 {
                    self.expect('.')?;
                }
                self.expect(')')?;
                return Ok((parameters, true));
            }
            parameters.push(self.parameter()?);
            if self.eat(')') {
                return Ok((parameters, false));
            }
            self.expect(',')?;
        }
    }

    fn parameter(&mut self) -> Result<Parameter> {
        let start = self.at;
        let pass = if self.annotated { self.pass()? } else { None };
        let specifiers = self.specifiers()?;
        let declared = self.declarator(&specifiers)?;
        self.attributes()?;
        // As C does with parameters: arrays and functions are pointers.
        let ty = match declared.ty {
            CType::Array { item, .. } => CType::Pointer { to: item, constant: declared.constant },
            CType::Function(function) => CType::Function(function).pointer(),
            ty => ty,
        };
        let unstated = match ty {
            CType::Pointer { .. } | CType::VaList => Pass::Unstated,
            _ => Pass::Value,
        };
        let pass = pass.unwrap_or(unstated);
        let token = if declared.name.is_empty() { start } else { declared.token };
        Ok(Parameter { name: declared.name, ty, pass, token })
    }
}

/// Words that change no type.
const QUALIFIERS: &[&str] = &[
    "const",
    "__const",
    "__const__",
    "volatile",
    "__volatile__",
    "__volatile",
    "restrict",
    "__restrict",
    "__restrict__",
    "register",
    "static",
    "extern",
    "inline",
    "__inline",
    "__inline__",
    "typedef",
    "__extension__",
    "__attribute__",
    "_Alignas",
];

/// Words that base types are made of.
const BASES: &[&str] = &[
    "void",
    "char",
    "short",
    "int",
    "long",
    "float",
    "double",
    "signed",
    "__signed__",
    "__signed",
    "unsigned",
    "_Bool",
    "bool",
    "__int128",
    "__int128_t",
    "__uint128_t",
    "_Complex",
    "__complex__",
    "_Float128",
    "__float128",
    "_Float64x",
    "_Float32",
    "_Float64",
    "_Float32x",
    "_Float16",
    "__bf16",
    "__builtin_va_list",
];

fn base_type(words: &[String]) -> std::result::Result<CType, String> {
    let mut sorted: Vec<&str> = words.iter().map(String::as_str).collect();
    sorted.retain(|word| !matches!(*word, "signed" | "__signed__" | "__signed"));
    let signed = sorted.len() < words.len();
    let unsigned = sorted.contains(&"unsigned");
    sorted.retain(|word| *word != "unsigned");
    sorted.sort_unstable();
    let pick = |plain, without| CType::Integer(if unsigned { without } else { plain });
    Ok(match sorted.as_slice() {
        [] if words.is_empty() => return Err("expected a type".to_owned()),
        ["char"] if signed => CType::Integer(Integer::SignedChar),
        ["char"] if unsigned => CType::Integer(Integer::UnsignedChar),
        ["char"] => CType::Char,
        [] | ["int"] => pick(Integer::Int, Integer::UnsignedInt),
        ["short"] | ["int", "short"] => pick(Integer::Short, Integer::UnsignedShort),
        ["long"] | ["int", "long"] => pick(Integer::Long, Integer::UnsignedLong),
        ["long", "long"] | ["int", "long", "long"] => {
            pick(Integer::LongLong, Integer::UnsignedLongLong)
        }
        ["__int128"] => pick(Integer::Int128, Integer::UnsignedInt128),
        ["__int128_t"] => CType::Integer(Integer::Int128),
        ["__uint128_t"] => CType::Integer(Integer::UnsignedInt128),
        ["void"] => CType::Void,
        ["_Bool" | "bool"] => CType::Bool,
        ["float"] => CType::Float,
        ["double"] => CType::Double,
        ["double", "long"] => CType::LongDouble,
        ["_Float128" | "__float128"] => CType::Float128,
        ["__builtin_va_list"] => CType::VaList,
        other => return Err(format!("the type `{}` is not understood", other.join(" "))),
    })
}
