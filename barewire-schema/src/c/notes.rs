//! Annotations: the words before a parameter or a prototype that say what a pointer means.

use super::declare::Reader;
use super::lex::Kind;
use super::model::{CError, Lifetime, Pass, Returns, Tag};

type Result<T> = std::result::Result<T, CError>;

/// The choices for a pointer, as errors list them.
pub(super) const CHOICES: &str = "say what it means, with one of these before it: \
     `in` (read, one value), `in len(n)` (read, n values), `out` (written), `out cap(n)` (written, \
     room for n values), `inout`, `inout len(n)`, `cstr` (text), `opaque` (a handle), \
     `take opaque` (a handle that ends), `out opaque` (a new handle), `null` (always null)";

/// The choices for a pointer that is returned.
pub(super) const RESULT_CHOICES: &str = "say what it means, with one of these before the \
     prototype: `cstr static` (text that stays), `cstr of(parameter)` (text that stays until that \
     handle is used again), `cstr free(function)` (text that this function frees), `opaque` (a \
     handle)";

impl Reader<'_> {
    /// Whether the word here is an annotation: another word or bracket follows that fits.
    fn note(&mut self, word: &str) -> bool {
        self.eat_word(word)
    }

    /// `name(argument)`, where the argument is one word.
    fn argument(&mut self, name: &str) -> Result<Option<String>> {
        if self.word() != Some(name) || self.kind_at(1) != Some(&Kind::Mark('(')) {
            return Ok(None);
        }
        self.at += 2;
        let Some(word) = self.word().map(str::to_owned) else {
            let message = format!("expected a name in `{name}(..)`, found {}", self.shown());
            return self.error(message, "write the parameter that holds the number");
        };
        self.at += 1;
        self.expect(')')?;
        Ok(Some(word))
    }

    /// The annotation before a parameter.
    pub(super) fn pass(&mut self) -> Result<Option<Pass>> {
        let start = self.at;
        let second = |reader: &Self| {
            CError::new(reader.at, "two annotations that say different things", "keep one of them")
        };
        let pass = if self.note("in") {
            if self.word() == Some("cap") {
                return self.error("`cap` is for what is written", "write `in len(..)`");
            }
            Pass::In { len: self.argument("len")? }
        } else if self.note("out") {
            if self.word() == Some("len") {
                return self.error("`len` is for what is read", "write `out cap(..)`");
            }
            if self.note("opaque") {
                Pass::OutOpaque
            } else {
                Pass::Out { cap: self.argument("cap")? }
            }
        } else if self.note("inout") {
            Pass::InOut { len: self.argument("len")? }
        } else if self.note("cstr") {
            Pass::CStr
        } else if self.note("take") {
            if !self.note("opaque") {
                return self.error("`take` is for handles", "write `take opaque`");
            }
            Pass::Take
        } else if self.note("opaque") {
            Pass::Opaque
        } else if self.note("null") {
            Pass::Null
        } else {
            return match (self.word(), self.kind_at(1)) {
                (Some(word @ ("len" | "cap")), Some(Kind::Mark('('))) => {
                    let full = if word == "len" { "in len(..)" } else { "out cap(..)" };
                    self.error(format!("`{word}` says how many, not what for"), full)
                }
                _ => Ok(None),
            };
        };
        if self.at > start
            && matches!(self.word(), Some("in" | "out" | "inout" | "cstr" | "opaque" | "null"))
            && !self.aliases.contains_key(self.word().unwrap_or_default())
        {
            return Err(second(self));
        }
        Ok(Some(pass))
    }

    /// The annotations before a prototype: what is returned, `pure`, `errno`.
    pub(super) fn prototype_notes(&mut self) -> Result<(Option<Returns>, bool, bool)> {
        let (mut returns, mut pure, mut errno) = (None, false, false);
        loop {
            if self.note("pure") {
                pure = true;
            } else if self.note("errno") {
                errno = true;
            } else if self.note("opaque") {
                returns = Some(Returns::Opaque);
            } else if self.note("cstr") {
                let lifetime = if self.note("static") {
                    Lifetime::Static
                } else if let Some(handle) = self.argument("of")? {
                    Lifetime::Of(handle)
                } else if let Some(function) = self.argument("free")? {
                    Lifetime::Free(function)
                } else {
                    return self.error("how long the text stays is not said", RESULT_CHOICES);
                };
                returns = Some(Returns::CStr(lifetime));
            } else {
                return Ok((returns, pure, errno));
            }
        }
    }

    /// `tag(kind, 1 = a, 2 = b)` before a union in a struct: the field that says which member is
    /// there, and the number of each.
    pub(super) fn union_tag(&mut self) -> Result<Option<Tag>> {
        if !self.annotated
            || self.word() != Some("tag")
            || self.kind_at(1) != Some(&Kind::Mark('('))
        {
            return Ok(None);
        }
        self.at += 2;
        let help = "write `tag(kind, 1 = a, 2 = b)`";
        let Some(name) = self.word().map(str::to_owned) else {
            return self.error(format!("expected a field, found {}", self.shown()), help);
        };
        self.at += 1;
        let mut members = Vec::new();
        while self.eat(',') {
            let number = self.unsigned()?;
            self.expect('=')?;
            let Some(member) = self.word().map(str::to_owned) else {
                return self.error(format!("expected a member, found {}", self.shown()), help);
            };
            self.at += 1;
            members.push((number, member));
        }
        self.expect(')')?;
        Ok(Some((name, members)))
    }
}
