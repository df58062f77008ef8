//! Values to and from JSON, with only the type.
//!
//! | BARE | JSON |
//! |---|---|
//! | integers | a number; in decimal, as a string, is read as well |
//! | `f32`, `f64` | a number, `"NaN"`, `"Infinity"`, `"-Infinity"`, or `"NaN:7fc00001"`: its bits |
//! | `bool`, `str` | as they are |
//! | `data` | a string, `"0x"` and two digits an octet |
//! | `void` | `null` |
//! | `enum` | the member's name, as a string |
//! | `optional<T>` | `null` or the value; if that may be `null`, a list of it: `[null]` |
//! | lists | a list |
//! | `map<K><V>` | an object if keys are `str` or an `enum`, otherwise a list of `[key, value]` |
//! | `union` | an object of one entry: the type's name, or `#` and the tag; and the value |
//! | `struct` | an object; a field that is optional may be left out |
//!
//! The way back gives the same value, bits of floats and order of pairs included.

mod read;
mod text;
mod write;

use barewire_schema::{Type, UnionMember};
use serde_json::Value as Json;

use super::{Value, ValueError, ValueErrorKind, kind_of};

impl Value {
    /// The value, which must be one of `ty`, as JSON.
    ///
    /// ```
    /// use barewire_runtime::schema::Schema;
    /// use barewire_runtime::value::Value;
    ///
    /// let schema = Schema::parse("demo", "type Point struct { x: u8 label: optional<str> }")?;
    /// let schema = schema.validate()?;
    /// let value = Value::decode(schema.root(), &[7, 1, 2, b'h', b'i'])?;
    /// let json = value.to_json(schema.root())?;
    /// assert_eq!(json.to_string(), r#"{"x":7,"label":"hi"}"#);
    /// assert_eq!(Value::from_json(schema.root(), &json)?, value);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Where and why the value is none of `ty`.
    pub fn to_json(&self, ty: &Type) -> Result<Json, ValueError> {
        write::write(self, ty)
    }

    /// The value of `ty` that the JSON says.
    ///
    /// # Errors
    ///
    /// Where and why the JSON says no value of `ty`. Caps do not count: they belong to the fixed
    /// layout.
    pub fn from_json(ty: &Type, json: &Json) -> Result<Self, ValueError> {
        read::read(ty, json)
    }
}

/// Whether values of a type may be `null`, so that an optional of them needs more than that.
fn may_be_null(ty: &Type) -> bool {
    matches!(ty.resolved(), Type::Optional(_) | Type::Void)
}

/// Whether keys of a type are those of an object.
fn are_names(key: &Type) -> bool {
    matches!(key.resolved(), Type::Str { .. } | Type::Enum(_))
}

/// The name of a member of a union.
fn name_of(member: &UnionMember) -> String {
    match member.ty.get() {
        Type::User { name, .. } => name.to_string(),
        _ => format!("#{}", member.tag),
    }
}

#[cold]
fn mismatch(expected: &str, found: &str) -> ValueError {
    let (expected, found) = (expected.to_owned(), found.to_owned());
    ValueError::new(ValueErrorKind::Mismatch { expected, found })
}

/// That JSON says something else than a value of the type.
#[cold]
fn other(ty: &Type, json: &Json) -> ValueError {
    const SHOWN: usize = 40;
    let mut found = json.to_string();
    if found.chars().count() > SHOWN {
        found = found.chars().take(SHOWN).chain(['…']).collect();
    }
    mismatch(&kind_of(ty), &found)
}
