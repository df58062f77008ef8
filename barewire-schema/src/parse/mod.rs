//! Reads BARE text: today's grammar, caps as `str[..64]` or in a comment, errors with a place.

mod caps;
mod grammar;
mod lexer;

use std::fmt;

use crate::model::{Name, Type};

/// The longest text, in bytes.
const MAX_TEXT_BYTES: usize = 1 << 20;
/// The most errors that are reported at once.
const MAX_ERRORS: usize = 20;

/// One place at which a text is not BARE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    line: usize,
    column: usize,
    message: String,
}

impl ParseError {
    fn new(place: lexer::Place, message: impl Into<String>) -> Self {
        Self { line: place.line, column: place.column, message: message.into() }
    }

    /// The line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.line
    }

    /// The column in characters, from 1.
    #[must_use]
    pub fn column(&self) -> usize {
        self.column
    }

    /// What is wrong, and what to write.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Every place at which a text is not BARE; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseErrors(Vec<ParseError>);

impl ParseErrors {
    /// The errors in the order of the text.
    #[must_use]
    pub fn all(&self) -> &[ParseError] {
        &self.0
    }
}

impl fmt::Display for ParseErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ParseErrors {}

/// The definitions in the order of the text.
pub(crate) fn parse(text: &str) -> Result<Vec<(Name, Type)>, ParseErrors> {
    parse_placed(text).map(|(types, _)| types)
}

/// The definitions, and where everything stands.
fn parse_placed(text: &str) -> Result<(Vec<(Name, Type)>, grammar::Places), ParseErrors> {
    if text.len() > MAX_TEXT_BYTES {
        let message = format!("the text is longer than {MAX_TEXT_BYTES} bytes");
        return Err(ParseErrors(vec![ParseError::new(lexer::Place::START, message)]));
    }
    let tokens = lexer::tokens(text).map_err(|error| ParseErrors(vec![error]))?;
    let (types, mut errors, places) = grammar::definitions(&tokens);
    errors.truncate(MAX_ERRORS);
    if errors.is_empty() { Ok((types, places)) } else { Err(ParseErrors(errors)) }
}

/// The definitions after every rule, with the place of each that is broken.
pub(crate) fn validated(text: &str) -> Result<Vec<(Name, Type)>, ParseErrors> {
    let (types, places) = parse_placed(text)?;
    let broken = match crate::validate::validate(&types) {
        Ok(types) => return Ok(types),
        Err(broken) => broken,
    };
    let placed = |error: &crate::SchemaError| {
        let place = places.get(error.path()).copied().unwrap_or(lexer::Place::START);
        ParseError::new(place, error.to_string())
    };
    let mut errors: Vec<ParseError> = broken.all().iter().map(placed).collect();
    errors.sort_by_key(|error| (error.line, error.column));
    errors.truncate(MAX_ERRORS);
    Err(ParseErrors(errors))
}

#[cfg(test)]
mod tests {
    use crate::build::*;
    use crate::*;

    fn errors(text: &str) -> String {
        Schema::parse("test", text).expect_err(text).to_string()
    }

    #[test]
    fn every_type_survives_the_round_trip_with_its_caps() {
        let schema = Schema::new("All")
            .with_type("Id", data_fixed(16))
            .with_type("Kind", enumeration([("A", 0), ("B", 300), ("C", 301)]))
            .with_type("Short", string_max(5))
            .with_type(
                "Whole",
                structure([
                    ("a", uint()),
                    ("b", int()),
                    ("c", optional(list_max(string_max(7), 9))),
                    ("d", map_max(user("Short"), optional(data_max(3)), 4)),
                    ("e", list_fixed(user("Kind"), 2)),
                    ("f", union([(1, u8()), (2, string()), (300, void())])),
                    ("type", structure([("x", f32()), ("y", f64())])),
                    ("list", list(u16())),
                    ("id", user("Id")),
                ]),
            );
        let text = schema.to_string();
        let read = Schema::parse("All", &text).expect(&text);
        assert_eq!(read, schema, "{text}");
        let schema = schema.validate().expect(&text);
        let ids = (schema.root().wire_id(), schema.root().layout_id());
        let collected = Schema::from_type(schema.root()).validate().expect(&text);
        assert_eq!(collected.root().layout_id(), ids.1);
        let again = read.validate().expect(&text);
        assert_eq!((again.root().wire_id(), again.root().layout_id()), ids);
    }

    #[test]
    fn caps_may_stand_inline() {
        let schema = Schema::parse("", "type A struct { a: str[..64] b: list<data[..2]>[..3] }");
        let expected = structure([("a", string_max(64)), ("b", list_max(data_max(2), 3))]);
        assert_eq!(schema.expect("valid").types().next(), Some(("A", &expected)));
    }

    #[test]
    fn older_spellings_say_what_to_write_today() {
        for (text, help) in [
            ("type A string", "str"),
            ("type A []u8", "list<u8>"),
            ("type A [4]u8", "list<u8>[4]"),
            ("type A map[u8]str", "map<u8><str>"),
            ("type A (u8 | str)", "union {"),
            ("type A data<16>", "data[16]"),
            ("type A { a: u8 }", "struct {"),
            ("enum A { B }", "type A enum"),
            ("struct A { b: u8 }", "type A struct"),
            ("type A struct { a: u8, b: u8 }", "white space"),
            ("type A enum { B, C }", "white space"),
        ] {
            let message = errors(text);
            assert!(message.contains(help), "{text}: {message}");
            assert_eq!(message.lines().count(), 1, "{text}: {message}");
        }
    }

    #[test]
    fn errors_have_line_and_column() {
        assert!(errors("type A struct {\n  a u8\n}").starts_with("2:5: "));
        assert!(errors("type A u8\ntype B $").starts_with("2:8: "));
        assert!(errors("type A data[99999999999999999999]").starts_with("1:13: "));
        assert!(errors("type A optional<").contains("end of the text"));
        let deep = format!("type A {}u8{}", "optional<".repeat(5000), ">".repeat(5000));
        assert!(errors(&deep).contains("nested"));
        assert!(errors(&format!("type A{} u8", "a".repeat(255))).contains("longer than 255"));
        assert!(errors("type A str # barewire: max =5").contains("line of their own"));
    }

    #[test]
    fn one_mistake_gives_one_error_and_the_rest_is_read() {
        let text = "type A struct {\n  a u8\n  type: u8\n}\ntype B data[\ntype C u8";
        let text = errors(text);
        let places: Vec<_> = text.lines().map(|line| line.split(": ").next()).collect();
        assert_eq!(places, [Some("2:5"), Some("6:1")], "{text}");
    }

    #[test]
    fn the_grammar_is_that_of_bare() {
        let text = "# A point.\ntype Point struct { # inline\n type: f32 struct: list<u8>[004] }\n\
                    type U union { | u8 = 7 | str | Point | }\r\ntype E enum { A B = 300 C }";
        let schema = Schema::parse("", text).map(Schema::validate).expect(text);
        let schema = schema.expect(text);
        assert_eq!(
            schema.get("U").map(ToString::to_string).as_deref(),
            Some("union { u8 = 7 | str | Point }")
        );
        assert_eq!(schema.root().to_string(), "enum { A B = 300 C }");
        assert_eq!(schema.get("Point").and_then(Type::fixed_size), Some(8));
    }

    #[test]
    fn every_rule_is_checked_at_once_with_its_path() {
        let text = "type lower u8\ntype A struct { a: void b: B a: u8 }\ntype B union { u8 | u8 }\n\
                    type A enum { X = 5 Y = 5 }\ntype M map<f32><u8>\ntype L list<u8>[0]\n\
                    type V void\ntype O optional<V>\ntype E struct {}\ntype G Gone";
        let errors = Schema::parse("", text);
        let errors = errors.map(|draft| draft.validate().expect_err("invalid"));
        let errors = errors.expect("the text is BARE").to_string();
        for part in [
            "`lower`: is no name",
            "`A.a`: stands twice",
            "`A.a`: is void a field",
            "`A.b`: uses B before",
            "`B`: has the member u8 twice",
            "`A`: is defined twice",
            "`A`: has the value 5 twice",
            "`M[key]`: cannot be a key",
            "`L`: has a length of 0",
            "`O`: is void in an optional",
            "`E`: is an empty struct",
            "`G`: uses Gone, which is not defined",
        ] {
            assert!(errors.contains(part), "{part}\n{errors}");
        }
    }

    #[test]
    fn a_broken_rule_has_a_place_too() {
        for (text, start) in [
            ("type A struct {\n  a: void\n}", "2:3: `A.a`"),
            ("type A u8\ntype B struct {\n  a: A\n  a: u8\n}", "4:3: `B.a`"),
            ("type A list<Gone>", "1:12: `A[]`"),
            ("type A enum { B b }", "1:17: `A.b`"),
            ("type A map<u8><map<f32><u8>>", "1:19: `A[value][key]`"),
            ("type A optinal<u8>", "1:8: `optinal` is no type: write `optional`"),
            ("type A usize", "1:8: `usize` is no type: write `u64`"),
        ] {
            let errors = Schema::read("test", text).expect_err(text).to_string();
            assert!(errors.starts_with(start), "{text}: {errors}");
            assert_eq!(errors.lines().count(), 1, "{text}: {errors}");
        }
    }

    #[test]
    fn a_type_that_doubles_at_every_step_is_refused() {
        let mut text = "type A0 u8\n".to_owned();
        for step in 1..60 {
            let last = step - 1;
            text += &format!("type A{step} struct {{ a: A{last} b: A{last} }}\n");
        }
        let errors = Schema::parse("", &text).expect("BARE").validate().expect_err("too large");
        assert!(errors.to_string().contains("too large"), "{errors}");
    }
    #[test]
    fn hostile_text_is_answered_in_bounded_time() {
        let fields: String = (0..60_000).map(|index| format!("f{index}:u8 ")).collect();
        let caps: String = (0..4_000).map(|index| format!(" .f{index}=1")).collect();
        let tags: String = "u8|".repeat(200_000);
        let big: String = (0..5_000).map(|index| format!("a{index}:u8 ")).collect();
        let copies: String = (1..30_000).map(|index| format!("type A{index} A0\n")).collect();
        for text in [
            format!("type A struct {{{fields}}}"),
            format!("#barewire: max{caps}\ntype A struct {{{}}}", fields.replace("u8", "str")),
            format!("type A union {{{tags}}}"),
            format!("type A0 struct {{{big}}}\n{copies}"),
            "type ".repeat(200_000),
            "u8\n".repeat(300_000),
        ] {
            if let Ok(draft) = Schema::parse("", &text) {
                let _ = draft.validate();
            }
        }
    }
}
