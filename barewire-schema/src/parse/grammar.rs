//! The grammar: definitions, types, and what to write instead of older spellings.

use std::collections::HashMap;

use super::ParseError;
use super::caps;
use super::lexer::{Kind, Place, Token};
use crate::model::{EnumMember, Field, Name, Type, UnionMember};
use crate::words;

/// The deepest nesting of one definition.
const MAX_DEPTH: usize = crate::validate::MAX_DEPTH;

type Parsed<T> = Result<T, ParseError>;

struct Parser<'t, 'a> {
    tokens: &'t [Token<'a>],
    at: usize,
    depth: usize,
    /// The way to the type that is being read, as the rules write it.
    path: String,
    places: Places,
}

/// Where each type, field and member stands; of two with one path, the second.
pub(crate) type Places = HashMap<String, Place>;

/// Longer paths get no place, so that a hostile text cannot claim much memory.
const MAX_PATH_BYTES: usize = 1024;

/// All definitions, and what is wrong; after an error it goes on with the next definition.
pub(super) fn definitions(tokens: &[Token<'_>]) -> (Vec<(Name, Type)>, Vec<ParseError>, Places) {
    let (path, places) = (String::new(), Places::new());
    let mut parser = Parser { tokens, at: 0, depth: 0, path, places };
    let (mut types, mut errors) = (Vec::new(), Vec::new());
    while parser.peek() != Kind::End {
        match parser.definition() {
            Ok(definition) => types.push(definition),
            Err(error) => {
                errors.push(error);
                parser.skip_to_definition();
            }
        }
    }
    (types, errors, parser.places)
}

impl<'a> Parser<'_, 'a> {
    fn token(&self) -> Token<'a> {
        // The last token is `End`, and nothing goes beyond it.
        self.tokens.get(self.at).copied().unwrap_or(Token { kind: Kind::End, place: Place::START })
    }

    fn peek(&self) -> Kind<'a> {
        self.token().kind
    }

    fn next(&mut self) -> Token<'a> {
        let token = self.token();
        if token.kind != Kind::End {
            self.at += 1;
        }
        token
    }

    fn error<T>(&self, message: impl Into<String>) -> Parsed<T> {
        Err(ParseError::new(self.token().place, message))
    }

    fn accept(&mut self, sign: char) -> bool {
        let found = self.peek() == Kind::Sign(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: char, place: &str) -> Parsed<()> {
        if self.accept(sign) {
            return Ok(());
        }
        self.error(format!("expected `{sign}` {place}, found {}", show(self.peek())))
    }

    fn number(&mut self, place: &str) -> Parsed<u64> {
        let Kind::Number(number) = self.peek() else {
            return self.error(format!("expected a number {place}, found {}", show(self.peek())));
        };
        self.next();
        Ok(number)
    }

    /// Reads what stands at `step` from here, and notes where that is.
    fn inside<T>(
        &mut self,
        step: &str,
        place: Place,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let len = self.path.len();
        self.path.push_str(step);
        if self.path.len() <= MAX_PATH_BYTES {
            self.places.insert(self.path.clone(), place);
        }
        let read = read(self);
        self.path.truncate(len);
        read
    }

    fn skip_to_definition(&mut self) {
        self.depth = 0;
        self.path.clear();
        loop {
            let line_start = self.at > 0
                && self.tokens.get(self.at - 1).map(|token| token.place.line)
                    != Some(self.token().place.line);
            match self.peek() {
                Kind::End => return,
                Kind::Word("type") if line_start && self.names_a_type() => return,
                _ => self.next(),
            };
        }
    }

    /// Whether a name follows the word `type`, as it does not where `type` is a field.
    fn names_a_type(&self) -> bool {
        let ahead = self.tokens.get(self.at + 1).map(|token| token.kind);
        matches!(ahead, Some(Kind::Word(_)))
    }

    fn definition(&mut self) -> Parsed<(Name, Type)> {
        let mut stated = Vec::new();
        while let stating @ (Kind::Caps(text) | Kind::Aligns(text)) = self.peek() {
            let before = self.at.checked_sub(1).and_then(|at| self.tokens.get(at));
            if before.is_some_and(|before| before.place.line == self.token().place.line) {
                return self.error("caps stand on a line of their own, before the definition");
            }
            stated.push((stating, text, self.next().place));
        }
        match self.peek() {
            Kind::Word("type") => self.next(),
            Kind::Word(old @ ("enum" | "struct" | "union")) => {
                let name = match self.tokens.get(self.at + 1).map(|token| token.kind) {
                    Some(Kind::Word(name)) => name,
                    _ => "Name",
                };
                return self.error(format!("an older spelling: write `type {name} {old} {{`"));
            }
            other => return self.error(format!("expected `type`, found {}", show(other))),
        };
        let Kind::Word(name) = self.peek() else {
            return self.error(format!("expected a name, found {}", show(self.peek())));
        };
        let place = self.next().place;
        let mut ty = self.inside(name, place, Self::ty)?;
        for (stating, text, place) in stated {
            let applied = match stating {
                Kind::Aligns(_) => caps::align(&mut ty, text),
                _ => caps::apply(&mut ty, text),
            };
            applied.map_err(|message| ParseError::new(place, message))?;
        }
        Ok((name.to_owned().into(), ty))
    }

    fn ty(&mut self) -> Parsed<Type> {
        if self.depth >= MAX_DEPTH {
            return self.error(format!("types are nested deeper than {MAX_DEPTH} levels"));
        }
        self.depth += 1;
        let ty = self.any_type();
        self.depth -= 1;
        ty
    }

    fn any_type(&mut self) -> Parsed<Type> {
        let token = self.token();
        let Kind::Word(word) = token.kind else {
            return self.no_type(token);
        };
        self.next();
        let simple = match word {
            "uint" => Type::UInt,
            "int" => Type::Int,
            "u8" => Type::U8,
            "u16" => Type::U16,
            "u32" => Type::U32,
            "u64" => Type::U64,
            "i8" => Type::I8,
            "i16" => Type::I16,
            "i32" => Type::I32,
            "i64" => Type::I64,
            "f32" => Type::F32,
            "f64" => Type::F64,
            "bool" => Type::Bool,
            "void" => Type::Void,
            "str" => {
                return Ok(Type::Str { cap: self.bracket("str", false)?.cap() });
            }
            "data" => return self.data(),
            "optional" => return Ok(Type::Optional(self.angle("optional")?.into())),
            "list" => {
                let place = self.token().place;
                let item = self.inside("[]", place, |parser| parser.angle("list"))?.into();
                return Ok(match self.bracket("list", true)? {
                    Bracket::Exact(len) => Type::ListFixed { item, len },
                    other => Type::List { item, cap: other.cap() },
                });
            }
            "map" => {
                if self.peek() == Kind::Sign('[') {
                    return older(token, "map<u8><str> for map[u8]str");
                }
                let place = self.token().place;
                let key = self.inside("[key]", place, |parser| parser.angle("map"))?.into();
                let place = self.token().place;
                let value = self.inside("[value]", place, |parser| parser.angle("map"))?.into();
                return Ok(Type::Map { key, value, cap: self.bracket("map", false)?.cap() });
            }
            "enum" => return self.enumeration(),
            "union" => return self.union(),
            "struct" => return self.structure(),
            "string" => return older(token, "str"),
            name if !name.starts_with(|first: char| first.is_ascii_uppercase()) => {
                let guess = words::today(name).or_else(|| words::nearest(name, &words::TYPES));
                let help = match guess {
                    Some(guess) => format!("write `{guess}`"),
                    None => "the name of a type begins with a capital letter".to_owned(),
                };
                let message = format!("`{name}` is no type: {help}");
                return Err(ParseError::new(token.place, message));
            }
            name => Type::User { name: name.to_owned().into(), definition: None },
        };
        Ok(simple)
    }

    fn no_type(&self, token: Token<'_>) -> Parsed<Type> {
        let ahead = |count: usize| self.tokens.get(self.at + count).map(|token| token.kind);
        match (token.kind, ahead(1)) {
            (Kind::Sign('['), Some(Kind::Sign(']'))) => {
                let item = ahead(2).map_or_else(|| "T".to_owned(), word_of);
                older(token, &format!("list<{item}>"))
            }
            (Kind::Sign('['), Some(Kind::Number(len))) => {
                let item = ahead(3).map_or_else(|| "T".to_owned(), word_of);
                older(token, &format!("list<{item}>[{len}]"))
            }
            (Kind::Sign('('), _) => older(token, "union { A | B }"),
            (Kind::Sign('{'), _) => older(token, "struct { … }"),
            (other, _) => self.error(format!("expected a type, found {}", show(other))),
        }
    }

    fn data(&mut self) -> Parsed<Type> {
        let token = self.token();
        if let (true, Some(Kind::Number(len))) =
            (token.kind == Kind::Sign('<'), self.tokens.get(self.at + 1).map(|token| token.kind))
        {
            return older(token, &format!("data[{len}]"));
        }
        Ok(match self.bracket("data", true)? {
            Bracket::Exact(len) => Type::DataFixed { len },
            other => Type::Data { cap: other.cap() },
        })
    }

    fn angle(&mut self, of: &str) -> Parsed<Type> {
        self.expect('<', &format!("after `{of}`"))?;
        let ty = self.ty()?;
        self.expect('>', &format!("to close `{of}<`"))?;
        Ok(ty)
    }

    /// `[N]`, `[..N]` or nothing.
    fn bracket(&mut self, of: &str, exact: bool) -> Parsed<Bracket> {
        if !self.accept('[') {
            return Ok(Bracket::None);
        }
        let bracket = if self.peek() == Kind::Dots {
            self.next();
            Bracket::Cap(self.number("after `..`")?)
        } else if exact {
            Bracket::Exact(self.number("in brackets")?)
        } else {
            return self.error(format!("{of} has no exact length; a cap is written `{of}[..64]`"));
        };
        self.expect(']', "after the number")?;
        Ok(bracket)
    }

    fn enumeration(&mut self) -> Parsed<Type> {
        self.expect('{', "after `enum`")?;
        let (mut members, mut next) = (Vec::new(), Some(0));
        while !self.accept('}') {
            let Kind::Word(name) = self.peek() else {
                let found = show(self.peek());
                return self.error(format!("expected a member of the enum or `}}`, found {found}"));
            };
            let place = self.next().place;
            let value =
                self.inside(&format!(".{name}"), place, |parser| parser.value(&mut next))?;
            members.push(EnumMember { name: name.to_owned().into(), value });
            self.no_comma()?;
        }
        Ok(Type::Enum(members.into()))
    }

    fn no_comma(&self) -> Parsed<()> {
        if self.peek() == Kind::Sign(',') {
            return self.error("a comma: BARE separates members and fields by white space only");
        }
        Ok(())
    }

    fn union(&mut self) -> Parsed<Type> {
        self.expect('{', "after `union`")?;
        let (mut members, mut next) = (Vec::new(), Some(0));
        self.accept('|');
        while !self.accept('}') {
            let ty = self.ty()?.into();
            let tag = self.value(&mut next)?;
            members.push(UnionMember { tag, ty });
            if !self.accept('|') && self.peek() != Kind::Sign('}') {
                let found = show(self.peek());
                return self.error(format!("expected `|` between members, found {found}"));
            }
        }
        Ok(Type::Union(members.into()))
    }

    /// ` = 5`, or the number after the last one.
    fn value(&mut self, next: &mut Option<u64>) -> Parsed<u64> {
        let value = if self.accept('=') { Some(self.number("after `=`")?) } else { *next };
        let Some(value) = value else {
            return self.error("the number after the largest one does not fit into 64 bits");
        };
        *next = value.checked_add(1);
        Ok(value)
    }

    fn structure(&mut self) -> Parsed<Type> {
        self.expect('{', "after `struct`")?;
        let mut fields = Vec::new();
        while !self.accept('}') {
            let Kind::Word(name) = self.peek() else {
                let found = show(self.peek());
                return self.error(format!("expected a field or `}}`, found {found}"));
            };
            let place = self.next().place;
            self.expect(':', &format!("after the field `{name}`"))?;
            let ty = self.inside(&format!(".{name}"), place, Self::ty)?.into();
            let align = self.alignment()?;
            fields.push(Field { name: name.to_owned().into(), ty, align });
            self.no_comma()?;
        }
        Ok(Type::Struct(fields.into()))
    }
}

impl Parser<'_, '_> {
    /// `align(64)` behind the type of a field, or nothing.
    fn alignment(&mut self) -> Parsed<Option<u64>> {
        let ahead = self.tokens.get(self.at + 1).map(|token| token.kind);
        if self.peek() != Kind::Word("align") || ahead != Some(Kind::Sign('(')) {
            return Ok(None);
        }
        self.next();
        self.next();
        let align = self.number("in `align(..)`")?;
        self.expect(')', "after the number")?;
        Ok(Some(align))
    }
}

enum Bracket {
    None,
    Cap(u64),
    Exact(u64),
}

impl Bracket {
    fn cap(&self) -> Option<u64> {
        match self {
            Self::Cap(cap) => Some(*cap),
            _ => None,
        }
    }
}

fn older<T>(token: Token<'_>, today: &str) -> Parsed<T> {
    Err(ParseError::new(token.place, format!("an older spelling: today it is `{today}`")))
}

fn word_of(kind: Kind<'_>) -> String {
    match kind {
        Kind::Word(word) => word.to_owned(),
        _ => "T".to_owned(),
    }
}

fn show(kind: Kind<'_>) -> String {
    match kind {
        Kind::Word(word) => format!("`{word}`"),
        Kind::Number(number) => format!("`{number}`"),
        Kind::Sign(sign) => format!("`{sign}`"),
        Kind::Dots => "`..`".to_owned(),
        Kind::Caps(_) | Kind::Aligns(_) => {
            "a comment with caps, which belongs before a definition".to_owned()
        }
        Kind::End => "the end of the text".to_owned(),
    }
}
