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
/// use barewire_schema::Schema;
/// use barewire_schema::build::{string, structure, user};
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
        Self { name: name.into(), types: Vec::new(), state: PhantomData }
    }

    /// The draft with one more type, which may use those before it.
    #[must_use]
    pub fn with_type(mut self, name: impl Into<Name>, ty: Type) -> Self {
        self.types.push((name.into(), ty));
        self
    }

    /// The draft that BARE text describes.
    ///
    /// ```
    /// use barewire_schema::Schema;
    /// let errors = Schema::parse("old", "type Name string").unwrap_err();
    /// assert_eq!(errors.to_string(), "1:11: an older spelling: today it is `str`");
    /// ```
    ///
    /// # Errors
    ///
    /// Every place at which the text is not BARE, with line and column.
    pub fn parse(name: impl Into<Name>, text: &str) -> Result<Self, ParseErrors> {
        let types = parse::parse(text)?;
        Ok(Self { name: name.into(), types, state: PhantomData })
    }

    /// The draft of a Rust type and all that it is made of, each before it is used.
    ///
    /// Two types of one name that differ are told apart by a number at the end.
    ///
    /// ```
    /// use barewire_schema::{BareSchema, Schema};
    /// let schema = Schema::from_type(<Vec<Option<u32>> as BareSchema>::TYPE);
    /// assert_eq!(schema.to_string(), "type Root list<optional<u32>>\n");
    /// ```
    #[must_use]
    pub fn from_type(ty: &Type) -> Self {
        let mut schema = Self::new("");
        let root = schema.collect(ty);
        match root {
            Type::User { name, .. } => schema.name = name,
            other => {
                let mut name = Name::from("Root");
                while schema.types.iter().any(|(known, _)| *known == name) {
                    name = format!("{name}Type").into();
                }
                schema.name = name.clone();
                schema.types.push((name, other));
            }
        }
        schema
    }

    /// `ty` with references in place of definitions, which join the schema.
    fn collect(&mut self, ty: &Type) -> Type {
        let Type::User { name, definition: Some(link) } = ty else {
            return ty.with_parts(&mut |part| self.collect(part));
        };
        let definition = self.collect(link.get());
        let mut unique = name.clone();
        let mut number = 2;
        while let Some((_, known)) = self.types.iter().find(|(known, _)| *known == unique) {
            if *known == definition {
                return Type::User { name: unique, definition: None };
            }
            unique = format!("{name}{number}").into();
            number += 1;
        }
        self.types.push((unique.clone(), definition));
        Type::User { name: unique, definition: None }
    }

    /// Checks every rule.
    ///
    /// ```
    /// use barewire_schema::Schema;
    /// use barewire_schema::build::{optional, structure, void};
    /// let draft = Schema::new("Wrong").with_type("Row", structure([("a", optional(void()))]));
    /// let errors = draft.validate().unwrap_err();
    /// assert_eq!(errors.all()[0].path(), "Row.a");
    /// ```
    ///
    /// # Errors
    ///
    /// Everything that is wrong, each with its path.
    pub fn validate(self) -> Result<Schema<Validated>, SchemaErrors> {
        let types = validate::validate(&self.types)?;
        Ok(Schema { name: self.name, types, state: PhantomData })
    }
}

impl Schema<Validated> {
    /// The schema that BARE text describes, with every rule checked.
    ///
    /// ```
    /// use barewire_schema::Schema;
    /// let errors = Schema::read("chat", "type A struct {\n  b: void\n}").unwrap_err();
    /// assert_eq!((errors.all()[0].line(), errors.all()[0].column()), (2, 3));
    /// ```
    ///
    /// # Errors
    ///
    /// Every place at which the text is not BARE; if it is, every broken rule. Each has its line
    /// and column.
    pub fn read(name: impl Into<Name>, text: &str) -> Result<Self, ParseErrors> {
        let types = parse::validated(text)?;
        Ok(Self { name: name.into(), types, state: PhantomData })
    }

    /// The name of the last type.
    #[must_use]
    pub fn root_name(&self) -> &str {
        self.types.last().map_or("", |(name, _)| name.as_ref())
    }

    /// The type of that name; what it refers to is resolved.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Type> {
        self.types.iter().find(|(known, _)| known == name).map(|(_, ty)| ty)
    }

    /// The last type, which is the one that the others are there for, without its name.
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
    pub(crate) fn with_parts(&self, part: &mut dyn FnMut(&Self) -> Self) -> Self {
        let mut link = |link: &Link| Link::from(part(link.get()));
        match self {
            Self::Optional(item) => Self::Optional(link(item)),
            Self::List { item, cap } => Self::List { item: link(item), cap: *cap },
            Self::ListFixed { item, len } => Self::ListFixed { item: link(item), len: *len },
            Self::Map { key, value, cap } => {
                Self::Map { key: link(key), value: link(value), cap: *cap }
            }
            Self::Union(members) => {
                let mut members = slice(members).to_vec();
                members.iter_mut().for_each(|member| member.ty = link(&member.ty));
                Self::Union(members.into())
            }
            Self::Struct(fields) => {
                let mut fields = slice(fields).to_vec();
                fields.iter_mut().for_each(|field| field.ty = link(&field.ty));
                Self::Struct(fields.into())
            }
            other => other.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::build::*;
    use crate::*;

    fn named(name: &'static str, ty: Type) -> Type {
        Type::User { name: name.into(), definition: Some(ty.into()) }
    }

    #[test]
    fn a_type_is_collected_before_it_is_used_and_once() {
        let id = || named("Id", data_fixed(16));
        let message = named("Message", structure([("from", id()), ("to", list(id()))]));
        let schema = Schema::from_type(&message).validate().expect("valid");
        let names: Vec<_> = schema.types().map(|(name, _)| name).collect();
        assert_eq!(
            (names, schema.root_name(), schema.name()),
            (vec!["Id", "Message"], "Message", "Message")
        );
        assert_eq!(message.resolved().layout_id(), schema.root().layout_id());
        assert_eq!(schema.get("Id"), Some(&data_fixed(16)));
        assert_eq!(schema.get("Gone"), None);
    }

    #[test]
    fn two_types_of_one_name_are_told_apart() {
        let pair = structure([("a", named("Id", u8())), ("b", named("Id", u16()))]);
        let schema = Schema::from_type(&pair).validate().expect("valid");
        assert_eq!(schema.get("Id2"), Some(&u16()));
        assert_eq!(schema.root().to_string(), "struct { a: Id b: Id2 }");
    }

    #[test]
    fn a_root_without_a_name_gets_one_that_is_free() {
        let schema = Schema::from_type(&list(named("Root", u8())));
        assert_eq!(schema.to_string(), "type Root u8\n\ntype RootType list<Root>\n");
    }
}
