//! Attributes: what they change about a type, and which of them are not understood.

use super::declare::Reader;
use super::lex::Kind;
use super::model::CError;

type Result<T> = std::result::Result<T, CError>;

/// What attributes change about a type.
#[derive(Debug, Clone, Default)]
pub(super) struct Attributes {
    pub(super) packed: bool,
    pub(super) align: Option<u64>,
    /// An attribute that changes the type in a way that is not understood.
    pub(super) refused: Option<String>,
    /// The name that the linker knows.
    pub(super) symbol: Option<String>,
}

impl Attributes {
    pub(super) fn join(&mut self, other: Self) {
        self.packed |= other.packed;
        self.align = self.align.max(other.align);
        self.refused = self.refused.take().or(other.refused);
        self.symbol = self.symbol.take().or(other.symbol);
    }
}

impl Reader<'_> {
    /// `__attribute__((..))`, `asm("..")`, `_Alignas(..)`, `[[..]]`, and words that change nothing.
    pub(super) fn attributes(&mut self) -> Result<Attributes> {
        let mut found = Attributes::default();
        loop {
            match self.word() {
                Some("__attribute__" | "__attribute") => {
                    self.at += 1;
                    self.expect('(')?;
                    self.expect('(')?;
                    self.attribute_list(&mut found)?;
                    self.expect(')')?;
                    self.expect(')')?;
                }
                Some("asm" | "__asm__" | "__asm") => {
                    self.at += 1;
                    self.expect('(')?;
                    let mut name = String::new();
                    while let Some(Kind::Text(part)) = self.kind() {
                        name.push_str(part);
                        self.at += 1;
                    }
                    found.symbol = Some(name);
                    self.expect(')')?;
                }
                Some("_Alignas" | "alignas") => {
                    self.at += 1;
                    self.expect('(')?;
                    let align = match self.starts_type() {
                        true => self.type_name()?.layout()?.align,
                        false => self.unsigned()?,
                    };
                    found.align = found.align.max(Some(align));
                    self.expect(')')?;
                }
                Some("__extension__" | "_Noreturn" | "__restrict" | "restrict") => self.at += 1,
                _ if self.is('[') && self.kind_at(1) == Some(&Kind::Mark('[')) => {
                    self.skip_group()?;
                }
                _ => return Ok(found),
            }
        }
    }

    fn attribute_list(&mut self, found: &mut Attributes) -> Result<()> {
        while !self.is(')') {
            let Some(word) = self.word().map(|word| word.trim_matches('_').to_owned()) else {
                if self.eat(',') {
                    continue;
                }
                return self.error(format!("expected an attribute, found {}", self.shown()), "");
            };
            self.at += 1;
            match word.as_str() {
                "packed" => found.packed = true,
                "aligned" if self.is('(') => {
                    self.at += 1;
                    let align = self.unsigned()?;
                    found.align = found.align.max(Some(align));
                    self.expect(')')?;
                    continue;
                }
                "aligned" => found.align = Some(16),
                "mode"
                | "vector_size"
                | "ms_struct"
                | "scalar_storage_order"
                | "transparent_union"
                | "address_space" => {
                    found.refused = Some(format!("the attribute `{word}` changes the type"));
                }
                _ => {}
            }
            if self.is('(') {
                self.skip_group()?;
            }
        }
        Ok(())
    }
}
