//! Every rule that a schema must keep, checked at once.

use std::collections::{HashMap, HashSet};
use std::fmt;

use crate::model::{Name, Type, slice};

/// The most parts of a type, with everything that it refers to written out.
pub const MAX_NODES: u64 = 65_536;
/// The deepest nesting of a type, with everything that it refers to written out.
pub const MAX_DEPTH: usize = 64;

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
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
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
            validator.error(
                name,
                "is no name for a type: begin with a capital, then A-Z a-z 0-9",
            );
        }
        if validator.known.contains_key(name) {
            validator.error(name, "is defined twice");
        }
        (validator.nodes, validator.depth) = (0, 0);
        let ty = validator.check(ty, name, 0);
        let (nodes, depth) = (validator.nodes, validator.depth);
        validator.known.insert(
            name.clone(),
            Known {
                ty: ty.clone(),
                nodes,
                depth,
            },
        );
        resolved.push((name.clone(), ty));
    }
    if validator.errors.is_empty() {
        Ok(resolved)
    } else {
        Err(SchemaErrors(validator.errors))
    }
}

impl Validator {
    fn error(&mut self, path: &str, message: impl Into<String>) {
        self.errors.push(SchemaError {
            path: path.to_owned(),
            message: message.into(),
        });
    }

    fn check(&mut self, ty: &Type, path: &str, depth: usize) -> Type {
        self.nodes = self.nodes.saturating_add(1);
        self.depth = self.depth.max(depth);
        if depth > MAX_DEPTH {
            if depth == MAX_DEPTH + 1 {
                self.error(path, format!("is nested deeper than {MAX_DEPTH} levels"));
            }
            return Type::Void;
        }
        self.check_rules(ty, path);
        match ty {
            Type::User { name, .. } => self.resolve(name, path, depth),
            Type::Struct(fields) => {
                let names: Vec<_> = slice(fields)
                    .iter()
                    .map(|field| field.name.clone())
                    .collect();
                let mut names = names.iter();
                ty.with_parts(|part| {
                    let name = names.next().map_or("", |name| name.as_ref());
                    self.part(part, &format!("{path}.{name}"), depth, "a field")
                })
            }
            Type::Union(_) => ty.with_parts(|part| self.check(part, path, depth + 1)),
            Type::Map { key, .. } => {
                let mut first = true;
                let checked = ty.with_parts(|part| {
                    let role = if std::mem::take(&mut first) {
                        "key"
                    } else {
                        "value"
                    };
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
                ty.with_parts(|part| self.part(part, &format!("{path}[]"), depth, "in a list"))
            }
            _ => ty.with_parts(|part| self.part(part, path, depth, "in an optional")),
        }
    }

    /// A part where a void would be a mistake.
    fn part(&mut self, ty: &Type, path: &str, depth: usize, place: &str) -> Type {
        let checked = self.check(ty, path, depth + 1);
        if matches!(checked.resolved(), Type::Void) && depth < MAX_DEPTH {
            self.error(
                path,
                format!("is void {place}: only a member of a union may be void"),
            );
        }
        checked
    }

    fn resolve(&mut self, name: &Name, path: &str, depth: usize) -> Type {
        let Some(known) = self.known.get(name) else {
            let message = if self.later.contains(name) {
                format!("uses {name} before it is defined (types cannot contain themselves)")
            } else {
                format!("uses {name}, which is not defined")
            };
            self.error(path, message);
            return Type::Bool;
        };
        let (nodes, inner) = (known.nodes, known.depth);
        self.nodes = self.nodes.saturating_add(nodes);
        self.depth = self.depth.max(depth + 1 + inner);
        if self.nodes > MAX_NODES || self.depth > MAX_DEPTH {
            let message = format!(
                "is too large: at most {MAX_NODES} parts and {MAX_DEPTH} levels, written out"
            );
            // Reported once a type: what comes after it is not expanded either.
            if !self.errors.iter().any(|error| error.message == message) {
                self.error(path, message);
            }
            return Type::Bool;
        }
        Type::User {
            name: name.clone(),
            definition: Some(known.ty.clone().into()),
        }
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
                self.distinct(
                    path,
                    "enum",
                    members.iter().map(|member| member.name.as_ref()),
                );
                self.ascending(path, "value", members.iter().map(|member| member.value));
            }
            Type::Union(members) => {
                let members = slice(members);
                if members.is_empty() {
                    self.error(path, "is an empty union: give it a member");
                }
                for (index, member) in members.iter().enumerate() {
                    let before = &members[..index];
                    if before
                        .iter()
                        .any(|other| as_written(other.ty.get(), member.ty.get()))
                    {
                        let message = format!(
                            "has the member {} twice: give one of them a name of its own",
                            member.ty.get()
                        );
                        self.error(path, message);
                    }
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
                self.distinct(
                    path,
                    "struct",
                    fields.iter().map(|field| field.name.as_ref()),
                );
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
                self.error(
                    path,
                    format!("has the {what} {number} after a larger one: sort them"),
                );
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

/// Whether two types are the same as written: names count as themselves.
fn as_written(left: &Type, right: &Type) -> bool {
    match (left, right) {
        (Type::User { name: left, .. }, Type::User { name: right, .. }) => left == right,
        _ => left == right,
    }
}
