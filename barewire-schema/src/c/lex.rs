//! Tokens of C, from text that the preprocessor has gone over or that needs no preprocessor.

use super::model::CError;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A keyword or a name.
    Word(String),
    /// An integer, with its suffix removed.
    Number(i128),
    /// A string, without its quotes.
    Text(String),
    /// One character of punctuation; brackets are among them.
    Mark(char),
    /// What no declaration that is understood contains, as it stands there.
    Other(String),
}

/// One token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The number of the file that it comes from, in [`Tokens::files`].
    pub file: u32,
    /// Its line there.
    pub line: u32,
}

/// All tokens of a source.
#[derive(Debug, Clone, Default)]
pub struct Tokens {
    /// The tokens in their order.
    pub list: Vec<Token>,
    /// The names of the files that they come from.
    pub files: Vec<String>,
}

impl Tokens {
    /// The tokens of a text; lines as `# 12 "zlib.h"` say where the next line comes from.
    ///
    /// # Errors
    ///
    /// If a string or a comment does not end.
    pub fn of_text(text: &str) -> Result<Self, CError> {
        let mut lexer =
            Lexer { text, at: 0, line: 1, file: 0, tokens: Self::default(), fresh: true };
        lexer.tokens.files.push(String::new());
        while lexer.step()? {}
        Ok(lexer.tokens)
    }

    pub(super) fn push(&mut self, kind: Kind, file: u32, line: u32) {
        self.list.push(Token { kind, file, line });
    }
}

struct Lexer<'t> {
    text: &'t str,
    at: usize,
    line: u32,
    file: u32,
    tokens: Tokens,
    /// Whether nothing but space stands before on this line.
    fresh: bool,
}

/// The value of an integer as C writes it; `None` if it is a float or does not fit.
pub(super) fn number(text: &str) -> Option<i128> {
    let text = text.trim_end_matches(['u', 'U', 'l', 'L']).replace('_', "");
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    match (hex, text.strip_prefix('0')) {
        (Some(digits), _) => i128::from_str_radix(digits, 16).ok(),
        (None, Some(octal)) if !octal.is_empty() => i128::from_str_radix(octal, 8).ok(),
        _ => text.parse().ok(),
    }
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn take(&mut self, while_true: impl Fn(char) -> bool) -> String {
        let rest = self.rest();
        let end = rest.find(|c| !while_true(c)).unwrap_or(rest.len());
        let taken = rest[..end].to_owned();
        self.at += end;
        taken
    }

    fn push(&mut self, kind: Kind) {
        self.tokens.push(kind, self.file, self.line);
        self.fresh = false;
    }

    fn error(&self, message: &str) -> CError {
        CError::new(self.tokens.list.len(), message, "")
    }

    fn step(&mut self) -> Result<bool, CError> {
        let Some(first) = self.rest().chars().next() else {
            return Ok(false);
        };
        match first {
            '\n' => {
                self.at += 1;
                self.line += 1;
                self.fresh = true;
            }
            '\\' if self.rest().starts_with("\\\n") => {
                self.at += 2;
                self.line += 1;
            }
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '#' if self.fresh => self.directive(),
            '/' if self.rest().starts_with("//") => drop(self.take(|c| c != '\n')),
            '/' if self.rest().starts_with("/*") => {
                let Some(end) = self.rest().find("*/") else {
                    return Err(self.error("a comment without an end"));
                };
                self.line += self.rest()[..end].matches('\n').count() as u32;
                self.at += end + 2;
            }
            c if c.is_alphabetic() || c == '_' => {
                let word = self.take(|c| c.is_alphanumeric() || c == '_');
                self.push(Kind::Word(word));
            }
            c if c.is_ascii_digit() => {
                let text = self.take(|c| c.is_alphanumeric() || c == '_' || c == '.');
                self.push(number(&text).map_or(Kind::Other(text), Kind::Number));
            }
            '"' => {
                let text = self.quoted('"')?;
                self.push(Kind::Text(text));
            }
            '\'' => {
                let text = self.quoted('\'')?;
                self.push(character(&text).map_or(Kind::Other(text), Kind::Number));
            }
            c => {
                self.at += c.len_utf8();
                self.push(Kind::Mark(c));
            }
        }
        Ok(true)
    }

    /// A quoted text, escapes as they stand there.
    fn quoted(&mut self, quote: char) -> Result<String, CError> {
        let start = self.at + 1;
        let mut escaped = false;
        for (offset, c) in self.text[start..].char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '\n' => break,
                c if c == quote => {
                    self.at = start + offset + 1;
                    return Ok(self.text[start..start + offset].to_owned());
                }
                _ => {}
            }
        }
        Err(self.error("a quoted text without an end"))
    }

    /// `# 12 "file.h"` changes the place; a `#pragma pack` matters and becomes tokens.
    fn directive(&mut self) {
        let line = self.take(|c| c != '\n');
        let words: Vec<&str> = line[1..].split_whitespace().collect();
        match words.as_slice() {
            ["pragma", pragma, ..] if pragma.starts_with("pack") => {
                self.push(Kind::Word("#pragma-pack".to_owned()));
            }
            ["line", number, rest @ ..] | [number, rest @ ..] => {
                if let Ok(number) = number.parse::<u32>() {
                    self.line = number.saturating_sub(1);
                    if let Some(file) = rest.first() {
                        self.file = self.file_number(file.trim_matches('"'));
                    }
                }
            }
            [] => {}
        }
    }

    fn file_number(&mut self, name: &str) -> u32 {
        let known = self.tokens.files.iter().position(|file| file == name);
        let index = known.unwrap_or_else(|| {
            self.tokens.files.push(name.to_owned());
            self.tokens.files.len() - 1
        });
        u32::try_from(index).unwrap_or(0)
    }
}

/// The value of a character constant.
pub(super) fn character(text: &str) -> Option<i128> {
    let mut chars = text.chars();
    let value = match (chars.next()?, chars.next()) {
        ('\\', Some(escape)) => match escape {
            'n' => 10,
            't' => 9,
            'r' => 13,
            '0' => 0,
            '\\' | '\'' | '"' => escape as i128,
            _ => return None,
        },
        (c, None) if c.is_ascii() => c as i128,
        _ => return None,
    };
    chars.next().is_none().then_some(value)
}
