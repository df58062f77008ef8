//! A schema: named types in order, as a draft and, once it has passed every rule, validated.

use std::marker::PhantomData;

use crate::model::{Link, Name, Type, slice};
use crate::parse::{self, ParseErrors};
use crate::validate::{self, SchemaErrors};

/// The state of a schema that nobody has checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft;

/// The state of a schema that keeps every rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Validated;

/// Named types in order; the last one is the root.
///
/// ```
/// use barewire_schema::{Schema, string, structure, user};
/// let schema = Schema::new("ChatApp")
///     .with_type("UserId", string())
///     .with_type("ChatMessage", structure([("author", user("UserId")), ("text", string())]))
///     .validate()?;
/// assert_eq!(schema.root().min_size(), 2);
/// # Ok::<(), barewire_schema::SchemaErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema<S = Validated> {
    name: Name,
    types: Vec<(Name, Type)>,
    state: PhantomData<S>,
}

impl Schema<Draft> {
    /// An empty draft. Its name is for people; no octet depends on it.
    pub fn new(name: impl Into<Name>) -> Self {
        Self {
            name: name.into(),
            types: Vec::new(),
            state: PhantomData,
        }
    }

    /// The draft with one more type, which may use those before it.
    #[must_use]
    pub fn with_type(mut self, name: impl Into<Name>, ty: Type) -> Self {
        self.types.push((name.into(), ty));
        self
    }

    /// The draft that BARE text describes.
    ///
    /// # Errors
    ///
    /// Every place at which the text is not BARE, with line and column.
    pub fn parse(name: impl Into<Name>, text: &str) -> Result<Self, ParseErrors> {
        let types = parse::parse(text)?;
        Ok(Self {
            name: name.into(),
            types,
            state: PhantomData,
        })
    }

    /// The draft of a Rust type and all that it is made of, each before it is used.
    ///
    /// Two types of one name that differ are told apart by a number at the end.
    #[must_use]
    pub fn from_type(ty: &Type) -> Self {
        let mut schema = Self::new("");
        let root = schema.collect(ty);
        match root {
            Type::User { name, .. } => schema.name = name,
            other => {
                schema.name = "Root".into();
                schema.types.push(("Root".into(), other));
            }
        }
        schema
    }

    /// `ty` with references in place of definitions, which join the schema.
    fn collect(&mut self, ty: &Type) -> Type {
        let Type::User {
            name,
            definition: Some(link),
        } = ty
        else {
            return ty.with_parts(|part| self.collect(part));
        };
        let definition = self.collect(link.get());
        let mut unique = name.clone();
        let mut number = 2;
        while let Some((_, known)) = self.types.iter().find(|(known, _)| *known == unique) {
            if *known == definition {
                return Type::User {
                    name: unique,
                    definition: None,
                };
            }
            unique = format!("{name}{number}").into();
            number += 1;
        }
        self.types.push((unique.clone(), definition));
        Type::User {
            name: unique,
            definition: None,
        }
    }

    /// Checks every rule.
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its path.
    pub fn validate(self) -> Result<Schema<Validated>, SchemaErrors> {
        let types = validate::validate(&self.types)?;
        Ok(Schema {
            name: self.name,
            types,
            state: PhantomData,
        })
    }
}

impl Schema<Validated> {
    /// The type of that name; what it refers to is resolved.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.types
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, ty)| ty)
    }

    /// The last type, which is the one that the others are there for.
    #[must_use]
    pub fn root(&self) -> &Type {
        // A validated schema is not empty.
        self.types.last().map_or(&Type::Void, |(_, ty)| ty)
    }
}

impl<S> Schema<S> {
    /// The schema's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The types in their order.
    pub fn types(&self) -> impl ExactSizeIterator<Item = (&str, &Type)> {
        self.types.iter().map(|(name, ty)| (name.as_ref(), ty))
    }
}

impl Type {
    /// The same type with every part replaced.
    pub(crate) fn with_parts(&self, mut part: impl FnMut(&Self) -> Self) -> Self {
        let mut link = |link: &Link| Link::from(part(link.get()));
        match self {
            Self::Optional(item) => Self::Optional(link(item)),
            Self::List { item, cap } => Self::List {
                item: link(item),
                cap: *cap,
            },
            Self::ListFixed { item, len } => Self::ListFixed {
                item: link(item),
                len: *len,
            },
            Self::Map { key, value, cap } => Self::Map {
                key: link(key),
                value: link(value),
                cap: *cap,
            },
            Self::Union(members) => {
                let mut members = slice(members).to_vec();
                members
                    .iter_mut()
                    .for_each(|member| member.ty = link(&member.ty));
                Self::Union(members.into())
            }
            Self::Struct(fields) => {
                let mut fields = slice(fields).to_vec();
                fields
                    .iter_mut()
                    .for_each(|field| field.ty = link(&field.ty));
                Self::Struct(fields.into())
            }
            other => other.clone(),
        }
    }
}
