//! Whole sources: every declaration that is understood, and what was left out and why.

use std::collections::HashMap;
use std::sync::Arc;

use super::attributes::Attributes;
use super::declare::{Reader, Specifiers};
use super::lex::{Kind, Tokens};
use super::model::{CError, CType, EnumDefinition, FunctionSignature, StructDefinition};

/// Who wrote the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// A header that the preprocessor has gone over: no annotations, all of C's declarations.
    Header,
    /// A few prototypes with annotations; `size_t`, `uint8_t` and their like are known.
    Annotated,
}

/// Where the functions of an annotated text come from, as `library Zlib = "libz.so.1";` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The name that the text gives to all of them together.
    pub name: String,
    /// The number of the name's token.
    pub token: usize,
    /// Whether the program is linked with them.
    pub linked: bool,
    /// The names of the library, to be tried in this order.
    pub files: Vec<String>,
}

/// What a source declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// A struct or a union, with its body.
    Struct(Arc<StructDefinition>),
    /// An enum.
    Enum(Arc<EnumDefinition>),
    /// A name for a type.
    Alias {
        /// The name.
        name: String,
        /// What it stands for.
        ty: CType,
    },
    /// A function.
    Function(Arc<FunctionSignature>),
}

/// A declaration, and where it stands.
#[derive(Debug, Clone)]
pub struct Item {
    /// What is declared.
    pub declaration: Declaration,
    /// The number of its first token.
    pub token: usize,
    /// What is written about it.
    pub docs: Vec<String>,
}

/// What is not taken from a source, and why.
#[derive(Debug, Clone)]
pub struct LeftOut {
    /// Its name, as far as it is known.
    pub name: String,
    /// The number of its first token.
    pub token: usize,
    /// Why.
    pub error: CError,
}

/// All that a source declares.
#[derive(Debug, Clone, Default)]
pub struct Document {
    /// What was understood, in order.
    pub items: Vec<Item>,
    /// What was not.
    pub left_out: Vec<LeftOut>,
    /// Where the functions come from, if it says.
    pub source: Option<Source>,
    /// The tokens, from and to, of a `crate = path;`.
    pub crate_path: Option<(usize, usize)>,
}

/// Names that an annotated text need not declare.
const KNOWN: &[(&str, &str)] = &[
    ("size_t", "unsigned long"),
    ("ssize_t", "long"),
    ("ptrdiff_t", "long"),
    ("intptr_t", "long"),
    ("uintptr_t", "unsigned long"),
    ("off_t", "long"),
    ("time_t", "long"),
    ("int8_t", "signed char"),
    ("uint8_t", "unsigned char"),
    ("int16_t", "short"),
    ("uint16_t", "unsigned short"),
    ("int32_t", "int"),
    ("uint32_t", "unsigned int"),
    ("int64_t", "long"),
    ("uint64_t", "unsigned long"),
];

fn known() -> HashMap<String, CType> {
    use super::model::Integer as I;
    let meant = |text: &str| match text {
        "unsigned long" => I::UnsignedLong,
        "long" => I::Long,
        "signed char" => I::SignedChar,
        "unsigned char" => I::UnsignedChar,
        "short" => I::Short,
        "unsigned short" => I::UnsignedShort,
        "int" => I::Int,
        _ => I::UnsignedInt,
    };
    KNOWN.iter().map(|(name, text)| ((*name).to_owned(), CType::Integer(meant(text)))).collect()
}

impl Document {
    /// Reads all of a source; what is not understood is left out, and the next declaration read.
    #[must_use]
    pub fn read(tokens: &Tokens, dialect: Dialect) -> Self {
        let annotated = dialect == Dialect::Annotated;
        let aliases = if annotated { known() } else { HashMap::new() };
        let reader = Reader {
            tokens: &tokens.list,
            at: 0,
            aliases,
            tags: HashMap::new(),
            constants: HashMap::new(),
            defined: Vec::new(),
            annotated,
            pragma: false,
            depth: 0,
        };
        let mut all = Whole { reader, document: Self::default() };
        while all.reader.kind().is_some() {
            all.one();
        }
        all.document
    }

    /// The functions, in order.
    pub fn functions(&self) -> impl Iterator<Item = &Arc<FunctionSignature>> {
        self.items.iter().filter_map(|item| match &item.declaration {
            Declaration::Function(function) => Some(function),
            _ => None,
        })
    }

    /// The structs and unions, in order.
    pub fn structs(&self) -> impl Iterator<Item = &Arc<StructDefinition>> {
        self.items.iter().filter_map(|item| match &item.declaration {
            Declaration::Struct(definition) => Some(definition),
            _ => None,
        })
    }
}

struct Whole<'t> {
    reader: Reader<'t>,
    document: Document,
}

impl Whole<'_> {
    /// Reads one declaration, or leaves it out.
    fn one(&mut self) {
        let start = self.reader.at;
        self.reader.depth = 0;
        let outcome = self.declaration(start);
        self.collect(start);
        if let Err(error) = outcome {
            self.recover(start);
            let name = self.name_near(start, &error);
            self.document.left_out.push(LeftOut { name, token: start, error });
        }
    }

    fn push(&mut self, token: usize, docs: &[String], declaration: Declaration) {
        self.document.items.push(Item { declaration, token, docs: docs.to_vec() });
    }

    /// Structs and enums that were defined inside of what was read.
    fn collect(&mut self, start: usize) {
        for (token, ty) in std::mem::take(&mut self.reader.defined) {
            let declaration = match ty {
                CType::Struct(definition) => Declaration::Struct(definition),
                CType::Enum(definition) => Declaration::Enum(definition),
                _ => continue,
            };
            let item = Item { declaration, token: token.max(start), docs: Vec::new() };
            // Before what uses it.
            let last = self.document.items.iter().rposition(|item| item.token < start);
            let mut at = last.map_or(0, |last| last + 1);
            while self.document.items.get(at).is_some_and(|item| {
                matches!(item.declaration, Declaration::Struct(_) | Declaration::Enum(_))
            }) {
                at += 1;
            }
            self.document.items.insert(at, item);
        }
    }

    /// Goes on after the declaration that begins at `start`.
    fn recover(&mut self, start: usize) {
        self.reader.at = start;
        loop {
            match self.reader.kind() {
                None => return,
                Some(Kind::Mark(';')) => {
                    self.reader.at += 1;
                    return;
                }
                Some(Kind::Mark('{')) => {
                    // A body of a function ends a declaration; one of a struct does not.
                    let function = self.reader.at > start
                        && self.reader.tokens[self.reader.at - 1].kind == Kind::Mark(')');
                    if self.reader.skip_group().is_err() || function {
                        return;
                    }
                }
                Some(Kind::Mark('(' | '[')) => {
                    if self.reader.skip_group().is_err() {
                        return;
                    }
                }
                _ => self.reader.at += 1,
            }
        }
    }

    /// The name that a declaration is likely to give: the last word before a bracket or its end.
    fn name_near(&self, start: usize, error: &CError) -> String {
        let end = self.reader.at.max(error.token.min(self.reader.tokens.len()));
        let tokens = &self.reader.tokens[start..end.max(start)];
        let mut name = String::new();
        let mut depth = 0_usize;
        for (index, token) in tokens.iter().enumerate() {
            match &token.kind {
                Kind::Word(word) if depth == 0 => {
                    let called = matches!(
                        tokens.get(index + 1).map(|next| &next.kind),
                        Some(Kind::Mark('('))
                    );
                    let attribute = word.starts_with("__attribute") || word == "__asm__";
                    if !attribute {
                        word.clone_into(&mut name);
                    }
                    if called && !attribute {
                        break;
                    }
                }
                Kind::Mark('(' | '[' | '{') => depth += 1,
                Kind::Mark(')' | ']' | '}') => depth = depth.saturating_sub(1),
                _ => {}
            }
        }
        name
    }

    fn docs(&mut self) -> Result<Vec<String>, CError> {
        let mut docs = Vec::new();
        while self.reader.is('#') {
            self.reader.at += 1;
            let inside = self.reader.at + 1;
            self.reader.skip_group()?;
            let group = &self.reader.tokens[inside..self.reader.at];
            if let [Kind::Word(word), Kind::Mark('='), Kind::Text(text)] =
                group.iter().map(|token| token.kind.clone()).take(3).collect::<Vec<_>>().as_slice()
                && word == "doc"
            {
                docs.push(text.clone());
            }
        }
        Ok(docs)
    }

    fn declaration(&mut self, start: usize) -> Result<(), CError> {
        let reader = &mut self.reader;
        if reader.eat(';') {
            return Ok(());
        }
        if reader.eat_word("#pragma-pack") {
            reader.pragma = !reader.pragma;
            return Ok(());
        }
        if reader.eat_word("_Static_assert") {
            reader.skip_group()?;
            return reader.expect(';');
        }
        let annotated = reader.annotated;
        let docs = if annotated { self.docs()? } else { Vec::new() };
        if annotated && self.head()? {
            return Ok(());
        }
        let (returns, pure, errno) =
            if annotated { self.reader.prototype_notes()? } else { (None, false, false) };
        let mut specifiers = self.reader.specifiers()?;
        if self.reader.eat(';') {
            return Ok(());
        }
        loop {
            let mut declared = self.reader.declarator(&specifiers)?;
            let attributes = self.reader.attributes()?;
            if declared.name.is_empty() {
                let message = format!("expected a name, found {}", self.reader.shown());
                return self.reader.error(message, "");
            }
            if specifiers.typedef {
                let found = (declared.token, declared.name);
                self.alias(start, &docs, &mut specifiers, &attributes, found, declared.ty)?;
            } else if let CType::Function(function) = &mut declared.ty {
                let function = Arc::make_mut(function);
                function.name = declared.name;
                function.token = declared.token;
                function.symbol = attributes.symbol;
                (function.pure, function.errno) = (pure, errno);
                function.returns = returns
                    .clone()
                    .unwrap_or_else(|| FunctionSignature::new("", function.result.clone()).returns);
                if self.reader.is('{') {
                    self.reader.skip_group()?;
                    let message = "it is defined in the header, so no library has it";
                    self.leave_out(start, function.name.clone(), message);
                    return Ok(());
                }
                let done = Declaration::Function(Arc::new(function.clone()));
                self.push(start, &docs, done);
            } else {
                if self.reader.is('=') {
                    return self.reader.error("a variable with a value", "");
                }
                self.leave_out(start, declared.name, "a variable: functions are called here");
            }
            if self.reader.eat(';') {
                return Ok(());
            }
            self.reader.expect(',')?;
        }
    }

    fn leave_out(&mut self, token: usize, name: String, message: &str) {
        let error = CError::new(token, message, "");
        self.document.left_out.push(LeftOut { name, token, error });
    }

    /// `library Name = ..;` and `crate = path;`
    fn head(&mut self) -> Result<bool, CError> {
        let reader = &mut self.reader;
        if reader.word() == Some("crate") && reader.kind_at(1) == Some(&Kind::Mark('=')) {
            let from = reader.at + 2;
            while !reader.is(';') && reader.kind().is_some() {
                reader.at += 1;
            }
            self.document.crate_path = Some((from, reader.at));
            reader.expect(';')?;
            return Ok(true);
        }
        if reader.word() != Some("library") {
            return Ok(false);
        }
        reader.at += 1;
        let token = reader.at;
        let Some(name) = reader.word().map(str::to_owned) else {
            let message = format!("expected a name, found {}", reader.shown());
            return reader.error(message, "write `library Zlib = \"libz.so.1\";`");
        };
        reader.at += 1;
        let (mut linked, mut files) = (true, Vec::new());
        if reader.eat('=') {
            linked = reader.eat_word("link");
            loop {
                let Some(Kind::Text(file)) = reader.kind() else {
                    let message = format!("expected a library in quotes, found {}", reader.shown());
                    let help = "write `\"libz.so.1\"` to load it, or `link \"z\"` to link it";
                    return reader.error(message, help);
                };
                files.push(file.clone());
                reader.at += 1;
                if !reader.eat(',') {
                    break;
                }
            }
        }
        reader.expect(';')?;
        if self.document.source.is_some() {
            return Err(CError::new(token, "a second library", "give it a macro of its own"));
        }
        self.document.source = Some(Source { name, token, linked, files });
        Ok(true)
    }

    /// A `typedef`; a struct or an enum without a name gets this one.
    fn alias(
        &mut self,
        start: usize,
        docs: &[String],
        specifiers: &mut Specifiers,
        attributes: &Attributes,
        (token, name): (usize, String),
        ty: CType,
    ) -> Result<(), CError> {
        let changes = attributes.align.is_some()
            || attributes.refused.is_some()
            || specifiers.attributes.refused.is_some()
            || specifiers.attributes.align.is_some();
        if changes {
            let message = "an attribute changes the type that is named";
            return Err(CError::new(token, message, ""));
        }
        let ty = match ty {
            CType::Struct(mut made) if made.tag.is_none() && made.alias.is_none() => {
                Arc::make_mut(&mut made).alias = Some(name.clone());
                self.push(start, docs, Declaration::Struct(made.clone()));
                // `typedef struct { .. } a, *b;`: `b` points to an `a`.
                specifiers.ty = CType::Struct(made.clone());
                CType::Struct(made)
            }
            CType::Enum(mut made) if made.tag.is_none() && made.alias.is_none() => {
                Arc::make_mut(&mut made).alias = Some(name.clone());
                self.push(start, docs, Declaration::Enum(made.clone()));
                specifiers.ty = CType::Enum(made.clone());
                CType::Enum(made)
            }
            ty => ty,
        };
        self.reader.aliases.insert(name.clone(), ty.clone());
        self.push(start, docs, Declaration::Alias { name, ty });
        Ok(())
    }
}
