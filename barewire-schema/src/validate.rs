//! Every rule that a schema must keep, checked at once.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::layout::{MAX_ALIGN, is_alignment};
use crate::model::{Name, Type, slice};
use crate::print::WithoutCaps;
use crate::words;

/// The most parts of a type, with everything that it refers to written out.
pub const MAX_NODES: u64 = 65_536;
/// The deepest nesting of a type, with everything that it refers to written out.
pub const MAX_DEPTH: usize = 64;

/// The most parts of all types of a schema together, each written out.
const MAX_SCHEMA_NODES: u64 = 4 * MAX_NODES;
/// The most errors that are reported at once.
const MAX_ERRORS: usize = 1000;

/// One broken rule, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    path: String,
    message: String,
}

impl SchemaError {
    /// Where: the type, then the fields, as in `ChatMessage.content`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong, and what to write.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.path, self.message)
    }
}

/// Everything that is wrong with a schema; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaErrors(pub(crate) Vec<SchemaError>);

impl SchemaErrors {
    /// The errors in the order of the schema.
    #[must_use]
    pub fn all(&self) -> &[SchemaError] {
        &self.0
    }
}

impl fmt::Display for SchemaErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SchemaErrors {}

/// Whether `name` can name a type: `[A-Z][A-Za-z0-9]*`.
#[must_use]
pub fn is_type_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Whether `name` can name a field: `[a-z][A-Za-z0-9_]*`.
#[must_use]
pub fn is_field_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Whether `name` can name a member of an enum: `[A-Z][A-Z0-9_]*`.
#[must_use]
pub fn is_member_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.bytes().all(legal)
}

struct Known {
    ty: Type,
    nodes: u64,
    depth: usize,
}

#[derive(Default)]
struct Validator {
    errors: Vec<SchemaError>,
    known: HashMap<Name, Known>,
    later: HashSet<Name>,
    nodes: u64,
    depth: usize,
    /// The parts of the types before this one.
    nodes_before: u64,
    /// Whether that is reported already: what comes after it is not expanded either.
    too_large: bool,
}

/// The types with every reference resolved.
pub(crate) fn validate(types: &[(Name, Type)]) -> Result<Vec<(Name, Type)>, SchemaErrors> {
    let mut validator = Validator {
        later: types.iter().map(|(name, _)| name.clone()).collect(),
        ..Validator::default()
    };
    if types.is_empty() {
        validator.error("schema", "is empty: define at least one type");
    }
    let mut resolved = Vec::with_capacity(types.len());
    for (name, ty) in types {
        if !is_type_name(name) {
            validator.error(name, "is no name for a type: begin with a capital, then A-Z a-z 0-9");
        }
        if validator.known.contains_key(name) {
            validator.error(name, "is defined twice");
        }
        (validator.nodes, validator.depth) = (0, 0);
        let ty = validator.check(ty, name, 0);
        let (nodes, depth) = (validator.nodes, validator.depth);
        validator.limit(name);
        validator.nodes_before = validator.nodes_before.saturating_add(nodes);
        validator.known.insert(name.clone(), Known { ty: ty.clone(), nodes, depth });
        resolved.push((name.clone(), ty));
    }
    if validator.errors.is_empty() { Ok(resolved) } else { Err(SchemaErrors(validator.errors)) }
}

impl Validator {
    fn error(&mut self, path: &str, message: impl Into<String>) {
        if self.errors.len() >= MAX_ERRORS {
            return;
        }
        self.errors.push(SchemaError { path: path.to_owned(), message: message.into() });
    }

    fn check(&mut self, ty: &Type, path: &str, depth: usize) -> Type {
        self.nodes = self.nodes.saturating_add(1);
        self.depth = self.depth.max(depth);
        if depth > MAX_DEPTH {
            self.limit(path);
            return Type::Bool;
        }
        self.check_rules(ty, path);
        match ty {
            Type::User { name, .. } => self.resolve(name, path, depth),
            Type::Struct(fields) => {
                let names: Vec<_> = slice(fields).iter().map(|field| field.name.clone()).collect();
                let mut names = names.iter();
                let checked = ty.with_parts(&mut |part| {
                    let name = names.next().map_or("", |name| name.as_ref());
                    self.part(part, &format!("{path}.{name}"), depth, "a field")
                });
                self.aligned(&checked, path);
                checked
            }
            Type::Union(_) => ty.with_parts(&mut |part| self.check(part, path, depth + 1)),
            Type::Map { key, .. } => {
                let mut first = true;
                let checked = ty.with_parts(&mut |part| {
                    let role = if std::mem::take(&mut first) { "key" } else { "value" };
                    self.part(part, &format!("{path}[{role}]"), depth, "in a map")
                });
                if let Type::Map { key: resolved, .. } = &checked
                    && key.get() != &Type::Void
                    && !is_key(resolved.get())
                {
                    let detail = "cannot be a key: a key is an integer, bool, str, data, \
                                  data[N] or an enum";
                    self.error(&format!("{path}[key]"), detail);
                }
                checked
            }
            Type::List { .. } | Type::ListFixed { .. } => {
                ty.with_parts(&mut |part| self.part(part, &format!("{path}[]"), depth, "in a list"))
            }
            _ => ty.with_parts(&mut |part| self.part(part, path, depth, "in an optional")),
        }
    }

    /// That the fields of a struct can have the alignments that they ask for.
    fn aligned(&mut self, ty: &Type, path: &str) {
        let Type::Struct(fields) = ty else { return };
        for field in slice(fields) {
            let Some(align) = field.align else { continue };
            let path = format!("{path}.{}", field.name);
            if !is_alignment(align) {
                let message = format!(
                    "asks for an alignment of {align}: it must be a power of two up to {MAX_ALIGN}"
                );
                self.error(&path, message);
                continue;
            }
            let own = field.ty.get().layout().map_or(1, |layout| layout.align);
            if align < own {
                let message = format!("asks for an alignment of {align}, and its type has {own}");
                self.error(&path, message);
            }
        }
    }

    /// A part where a void would be a mistake.
    fn part(&mut self, ty: &Type, path: &str, depth: usize, place: &str) -> Type {
        let checked = self.check(ty, path, depth + 1);
        if matches!(checked.resolved(), Type::Void) {
            self.error(path, format!("is void {place}: only a member of a union may be void"));
        }
        checked
    }

    fn resolve(&mut self, name: &Name, path: &str, depth: usize) -> Type {
        let Some(known) = self.known.get(name) else {
            let message = if self.later.contains(name) {
                format!("uses {name} before it is defined (types cannot contain themselves)")
            } else {
                let today = words::today(name).map(|today| format!(": write `{today}`"));
                format!("uses {name}, which is not defined{}", today.unwrap_or_default())
            };
            self.error(path, message);
            return Type::Bool;
        };
        let (nodes, inner) = (known.nodes, known.depth);
        self.nodes = self.nodes.saturating_add(nodes);
        self.depth = self.depth.max(depth + 1 + inner);
        if !self.limit(path) {
            return Type::Bool;
        }
        Type::User {
            name: name.clone(),
            definition: self.known.get(name).map(|known| known.ty.clone().into()),
        }
    }

    /// Whether everything up to here is small enough.
    fn limit(&mut self, path: &str) -> bool {
        let all = self.nodes_before.saturating_add(self.nodes);
        if self.nodes <= MAX_NODES && all <= MAX_SCHEMA_NODES && self.depth <= MAX_DEPTH {
            return true;
        }
        if !self.too_large && self.depth <= MAX_DEPTH {
            self.too_large = true;
            let message = format!(
                "is too large: at most {MAX_NODES} parts, and {MAX_SCHEMA_NODES} in all types \
                 together, with every name written out"
            );
            self.error(path, message);
        } else if !self.too_large {
            self.too_large = true;
            let message =
                format!("is nested deeper than {MAX_DEPTH} levels, with every name written out");
            self.error(path, message);
        }
        false
    }

    /// The rules of one type, apart from its parts.
    fn check_rules(&mut self, ty: &Type, path: &str) {
        let zero = match ty {
            Type::DataFixed { len: 0 } | Type::ListFixed { len: 0, .. } => Some("length"),
            Type::Str { cap: Some(0) }
            | Type::Data { cap: Some(0) }
            | Type::List { cap: Some(0), .. }
            | Type::Map { cap: Some(0), .. } => Some("cap"),
            _ => None,
        };
        if let Some(what) = zero {
            self.error(path, format!("has a {what} of 0: it must be at least 1"));
        }
        match ty {
            Type::Enum(members) => {
                let members = slice(members);
                for member in members {
                    if !is_member_name(&member.name) {
                        let message = "is no name for a member: use capitals, digits and _";
                        self.error(&format!("{path}.{}", member.name), message);
                    }
                }
                self.distinct(path, "enum", members.iter().map(|member| member.name.as_ref()));
                self.ascending(path, "value", members.iter().map(|member| member.value));
            }
            Type::Union(members) => {
                let members = slice(members);
                if members.is_empty() {
                    self.error(path, "is an empty union: give it a member");
                }
                let mut seen = HashSet::new();
                for member in members {
                    // Caps do not count: other BARE tools do not see them.
                    let text = WithoutCaps(member.ty.get()).to_string();
                    if seen.contains(&text) {
                        let message = format!(
                            "has the member {text} twice: give one of them a name of its own"
                        );
                        self.error(path, message);
                    }
                    seen.insert(text);
                }
                self.ascending(path, "tag", members.iter().map(|member| member.tag));
            }
            Type::Struct(fields) => {
                let fields = slice(fields);
                for field in fields {
                    if !is_field_name(&field.name) {
                        let message = "is no name for a field: begin with a-z, then A-Z a-z 0-9 _";
                        self.error(&format!("{path}.{}", field.name), message);
                    }
                }
                self.distinct(path, "struct", fields.iter().map(|field| field.name.as_ref()));
            }
            _ => {}
        }
    }

    fn distinct<'a>(&mut self, path: &str, what: &str, names: impl Iterator<Item = &'a str>) {
        let mut seen = HashSet::new();
        for name in names {
            if !seen.insert(name) {
                self.error(&format!("{path}.{name}"), "stands twice");
            }
        }
        if seen.is_empty() {
            self.error(path, format!("is an empty {what}: give it a member"));
        }
    }

    fn ascending(&mut self, path: &str, what: &str, numbers: impl Iterator<Item = u64>) {
        let mut last = None;
        for number in numbers {
            if last == Some(number) {
                self.error(path, format!("has the {what} {number} twice"));
            } else if last.is_some_and(|last| number < last) {
                self.error(path, format!("has the {what} {number} after a larger one: sort them"));
            }
            last = Some(number);
        }
    }
}

fn is_key(ty: &Type) -> bool {
    !matches!(
        ty.resolved(),
        Type::F32
            | Type::F64
            | Type::Void
            | Type::Optional(_)
            | Type::List { .. }
            | Type::ListFixed { .. }
            | Type::Map { .. }
            | Type::Union(_)
            | Type::Struct(_)
    )
}

#[cfg(test)]
mod tests {
    use super::{is_field_name, is_member_name, is_type_name};
    use crate::build::*;
    use crate::*;

    fn errors(ty: Type) -> String {
        Schema::new("")
            .with_type("V", void())
            .with_type("T", ty)
            .validate()
            .map_or_else(|errors| errors.to_string(), |_| String::new())
    }

    #[test]
    fn names_follow_the_draft() {
        assert!(is_type_name("Ab1") && !is_type_name("aB") && !is_type_name("A_b"));
        assert!(is_field_name("aB_1") && !is_field_name("_a") && !is_field_name("A"));
        assert!(is_member_name("A_1") && !is_member_name("Ab") && !is_member_name(""));
    }

    #[test]
    fn an_empty_schema_is_refused() {
        assert!(Schema::new("").validate().is_err_and(|errors| errors.all().len() == 1));
    }

    #[test]
    fn void_stands_only_in_a_union() {
        assert_eq!(errors(union([(0, void()), (1, user("V"))])), "");
        assert_eq!(errors(void()), "");
        for ty in [
            optional(void()),
            list(user("V")),
            list_fixed(void(), 2),
            map(u8(), user("V")),
            map(void(), u8()),
            structure([("a", user("V"))]),
        ] {
            let text = errors(ty);
            assert!(text.contains("only a member of a union may be void"), "{text}");
        }
    }

    #[test]
    fn keys_are_primitives_and_enums() {
        for ty in [uint(), i64(), bool(), string(), data(), data_fixed(4)] {
            assert_eq!(errors(map(ty, u8())), "");
        }
        assert_eq!(errors(map(enumeration([("A", 0)]), u8())), "");
        for ty in [f32(), f64(), optional(u8()), list(u8()), structure([("a", u8())])] {
            assert!(errors(map(ty, u8())).contains("`T[key]`: cannot be a key"));
        }
    }

    #[test]
    fn members_of_a_union_differ_as_other_tools_read_them() {
        assert!(errors(union([(0, string_max(4)), (1, string_max(5))])).contains("str twice"));
        assert!(errors(union([(0, user("V")), (1, user("V"))])).contains("V twice"));
        assert_eq!(errors(union([(0, data()), (1, data_fixed(4))])), "");
    }

    #[test]
    fn numbers_ascend() {
        assert!(errors(enumeration([("A", 3), ("B", 2)])).contains("2 after a larger one"));
        assert!(errors(union([(3, u8()), (3, u16())])).contains("the tag 3 twice"));
        assert!(errors(union([])).contains("empty union"));
    }

    #[test]
    fn lengths_and_caps_are_at_least_one() {
        for ty in [data_fixed(0), string_max(0), list_fixed(u8(), 0), map_max(u8(), u8(), 0)] {
            assert!(errors(ty).contains("must be at least 1"));
        }
    }

    #[test]
    fn nesting_is_limited_with_every_name_written_out() {
        let mut schema = Schema::new("").with_type("A0", u8());
        for step in 1..=MAX_DEPTH {
            schema = schema.with_type(format!("A{step}"), optional(user(format!("A{}", step - 1))));
        }
        let text = schema.validate().map_or_else(|errors| errors.to_string(), |_| String::new());
        assert!(text.contains("nested deeper than 64"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn all_types_together_are_limited() {
        let fields = (0..1000).map(|index| (format!("f{index}"), u8()));
        let mut schema = Schema::new("").with_type("A0", structure(fields));
        for step in 1..=300 {
            schema = schema.with_type(format!("A{step}"), user("A0"));
        }
        assert!(schema.validate().is_err_and(|errors| errors.to_string().contains("too large")));
    }
}
