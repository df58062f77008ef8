//! C declarations: types, structs and functions as this machine's C compiler lays them out, read
//! from text or tokens, and turned into schemas.
//!
//! One grammar serves three doors: values that a program puts together, the tokens of a macro, and
//! headers that the C preprocessor has gone over. The rules are those of the System V ABI on 64-bit
//! Linux (x86-64 and aarch64): `long` and pointers have 64 bits, `long double` takes 16 bytes, and
//! `char` has the target's sign; [`Abi`] is the table of what differs.
//!
//! ```
//! use barewire_schema::c::{CType, StructDefinition};
//! let reading = StructDefinition::new("reading")
//!     .field("sensor", CType::UNSIGNED)
//!     .field("celsius", CType::Double)
//!     .field("label", CType::Char.array(12));
//! let layout = reading.layout()?;
//! assert_eq!((layout.size, layout.align), (32, 8));
//! let schema = reading.schema()?;
//! assert_eq!(schema.root().layout().map(|layout| layout.size), Some(32));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod abi;
mod attributes;
mod constant;
mod declare;
mod document;
mod function;
mod lex;
mod model;
mod notes;
mod show;
#[cfg(test)]
mod tests;
mod to_schema;

pub use abi::{Abi, CHAR_IS_SIGNED, Member};
pub use document::{Declaration, Dialect, Document, Item, LeftOut, Source};
pub use function::MAX_PARAMETERS;
pub use lex::{Kind, Token, Tokens};
pub use model::{
    CError, CField, CType, EnumDefinition, FunctionSignature, Integer, Lifetime, Parameter, Pass,
    Returns, StructDefinition, Tag,
};
