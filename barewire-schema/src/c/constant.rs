//! Constant expressions, as they stand in the lengths of arrays and the values of enums.

use super::declare::Reader;
use super::lex::Kind;
use super::model::{CError, CType};

type Result<T> = std::result::Result<T, CError>;

/// Binary operators with two characters, then those with one, with how tightly they bind.
const OPERATORS: &[(&str, u8)] = &[
    ("||", 1),
    ("&&", 2),
    ("==", 6),
    ("!=", 6),
    ("<=", 7),
    (">=", 7),
    ("<<", 8),
    (">>", 8),
    ("|", 3),
    ("^", 4),
    ("&", 5),
    ("<", 7),
    (">", 7),
    ("+", 9),
    ("-", 9),
    ("*", 10),
    ("/", 10),
    ("%", 10),
];

impl Reader<'_> {
    /// A constant that counts something.
    pub(super) fn unsigned(&mut self) -> Result<u64> {
        let start = self.at;
        let value = self.constant()?;
        u64::try_from(value)
            .map_err(|_| CError::new(start, format!("expected a number from 0, found {value}"), ""))
    }

    /// A constant expression.
    pub(super) fn constant(&mut self) -> Result<i128> {
        let condition = self.binary(1)?;
        if !self.eat('?') {
            return Ok(condition);
        }
        let yes = self.constant()?;
        self.expect(':')?;
        let no = self.constant()?;
        Ok(if condition != 0 { yes } else { no })
    }

    fn operator(&self) -> Option<(&'static str, u8)> {
        let found = |text: &str| {
            text.chars()
                .enumerate()
                .all(|(ahead, mark)| self.kind_at(ahead) == Some(&Kind::Mark(mark)))
        };
        OPERATORS.iter().find(|(text, _)| found(text)).copied()
    }

    fn binary(&mut self, least: u8) -> Result<i128> {
        self.depth += 1;
        if self.depth > 200 {
            return self.error("an expression is nested too deeply", "");
        }
        let mut left = self.unary()?;
        while let Some((operator, strength)) = self.operator().filter(|found| found.1 >= least) {
            let at = self.at;
            self.at += operator.len();
            let right = self.binary(strength + 1)?;
            left = apply(operator, left, right)
                .ok_or_else(|| CError::new(at, "this constant cannot be computed", ""))?;
        }
        self.depth -= 1;
        Ok(left)
    }

    fn unary(&mut self) -> Result<i128> {
        for (mark, function) in [
            ('-', (|value: i128| value.checked_neg()) as fn(i128) -> Option<i128>),
            ('+', Some),
            ('~', |value| Some(!value)),
            ('!', |value| Some(i128::from(value == 0))),
        ] {
            if self.eat(mark) {
                self.depth += 1;
                if self.depth > 200 {
                    return self.error("an expression is nested too deeply", "");
                }
                let value = self.unary()?;
                self.depth -= 1;
                let at = self.at;
                return function(value)
                    .ok_or_else(|| CError::new(at, "this constant is too large", ""));
            }
        }
        if let Some(word) = self.word() {
            let word = word.to_owned();
            return self.named(&word);
        }
        if let Some(Kind::Number(number)) = self.kind() {
            let number = *number;
            self.at += 1;
            return Ok(number);
        }
        if self.eat('(') {
            if self.starts_type() {
                let ty = self.type_name()?;
                self.expect(')')?;
                let value = self.unary()?;
                return self.cast(&ty, value);
            }
            let value = self.constant()?;
            self.expect(')')?;
            return Ok(value);
        }
        self.error(format!("expected a constant, found {}", self.shown()), "")
    }

    fn named(&mut self, word: &str) -> Result<i128> {
        if matches!(word, "sizeof" | "_Alignof" | "__alignof__" | "alignof" | "__alignof") {
            self.at += 1;
            self.expect('(')?;
            if !self.starts_type() {
                return self.error(format!("`{word}` of an expression is not understood"), "");
            }
            let at = self.at;
            let layout = self.type_name()?.layout();
            let layout = layout.map_err(|error| CError { token: at, ..error })?;
            self.expect(')')?;
            return Ok(i128::from(if word == "sizeof" { layout.size } else { layout.align }));
        }
        match self.constants.get(word) {
            Some(value) => {
                let value = *value;
                self.at += 1;
                Ok(value)
            }
            None => self.error(format!("`{word}` is no constant that is known here"), ""),
        }
    }

    fn cast(&self, ty: &CType, value: i128) -> Result<i128> {
        let (bytes, signed) = match ty {
            CType::Integer(integer) => integer.shape(),
            CType::Char => (1, super::CHAR_IS_SIGNED),
            CType::Enum(definition) => definition.integer().shape(),
            _ => return self.error("only casts to integers are understood", ""),
        };
        if bytes >= 16 {
            return Ok(value);
        }
        let bits = bytes as u32 * 8;
        let low = value & ((1_i128 << bits) - 1);
        let negative = signed && low >> (bits - 1) == 1;
        Ok(if negative { low - (1_i128 << bits) } else { low })
    }
}

fn apply(operator: &str, left: i128, right: i128) -> Option<i128> {
    let shift = || u32::try_from(right).ok().filter(|shift| *shift < 64);
    match operator {
        "||" => Some(i128::from(left != 0 || right != 0)),
        "&&" => Some(i128::from(left != 0 && right != 0)),
        "==" => Some(i128::from(left == right)),
        "!=" => Some(i128::from(left != right)),
        "<=" => Some(i128::from(left <= right)),
        ">=" => Some(i128::from(left >= right)),
        "<" => Some(i128::from(left < right)),
        ">" => Some(i128::from(left > right)),
        "<<" => left.checked_mul(1_i128 << shift()?),
        ">>" => Some(left >> shift()?),
        "|" => Some(left | right),
        "^" => Some(left ^ right),
        "&" => Some(left & right),
        "+" => left.checked_add(right),
        "-" => left.checked_sub(right),
        "*" => left.checked_mul(right),
        "/" => left.checked_div(right),
        _ => left.checked_rem(right),
    }
}
