//! Splits BARE text into words, numbers, signs and comments.

use super::ParseError;

/// The longest word, in bytes: it bounds the paths that errors carry.
const MAX_WORD_BYTES: usize = 255;

/// A place in the text, line and column from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Place {
    pub(super) const START: Self = Self { line: 1, column: 1 };
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    Word(&'a str),
    Number(u64),
    Sign(char),
    /// `..`
    Dots,
    /// The text of a comment that states caps.
    Caps(&'a str),
    /// The text of a comment that states alignments.
    Aligns(&'a str),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) place: Place,
}

/// The tokens of a text; the last one is `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, ParseError> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (mut rest, mut column) = (line, 1);
        while let Some(first) = rest.chars().next() {
            let place = Place { line: index + 1, column };
            let word =
                |legal: fn(char) -> bool| rest.find(|c: char| !legal(c)).unwrap_or(rest.len());
            let (kind, len) = if first.is_whitespace() {
                rest = &rest[first.len_utf8()..];
                column += 1;
                continue;
            } else if first == '#' {
                let comment = rest[1..].trim();
                let caps = comment.strip_prefix(crate::print::CAPS_COMMENT).map(Kind::Caps);
                let aligns = comment.strip_prefix(crate::print::ALIGN_COMMENT).map(Kind::Aligns);
                match caps.or(aligns) {
                    Some(stated) => (stated, rest.len()),
                    None => break,
                }
            } else if first.is_ascii_alphabetic() {
                let len = word(|c| c.is_ascii_alphanumeric() || c == '_');
                (Kind::Word(&rest[..len]), len)
            } else if first.is_ascii_digit() {
                let len = word(|c| c.is_ascii_digit());
                let Ok(number) = rest[..len].parse() else {
                    return Err(ParseError::new(place, "the number does not fit into 64 bits"));
                };
                (Kind::Number(number), len)
            } else if rest.starts_with("..") {
                (Kind::Dots, 2)
            } else if "{}<>[]()|=:,".contains(first) {
                (Kind::Sign(first), 1)
            } else {
                let message = format!("`{first}` means nothing in BARE");
                return Err(ParseError::new(place, message));
            };
            tokens.push(Token { kind, place });
            if matches!(kind, Kind::Word(_)) && len > MAX_WORD_BYTES {
                let message = format!("the word is longer than {MAX_WORD_BYTES} letters");
                return Err(ParseError::new(place, message));
            }
            column += rest[..len].chars().count();
            rest = &rest[len..];
        }
    }
    let lines = text.lines().count().max(1);
    let column = text.lines().last().map_or(1, |line| line.chars().count() + 1);
    tokens.push(Token { kind: Kind::End, place: Place { line: lines, column } });
    Ok(tokens)
}
