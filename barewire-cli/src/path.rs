//! A part of a value: `users[0].name`, `ages["ann"]`.
//!
//! A name is the field of a struct, a number in brackets an item of a list, and what stands in
//! quotes the key of a map. Optionals and unions are passed through.

use barewire::schema::Type;
use barewire::schema::words::nearest;
use barewire::value::Value;

use crate::failure::{Code, Failure, Outcome};

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Field(String),
    Index(usize),
    Key(String),
}

/// A way from a value to one of its parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Path {
    steps: Vec<Step>,
}

impl Path {
    /// The path that a text says; the empty one is the value itself.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let wrong = |what: &str| {
            Failure::new(Code::Usage, format!("`{text}` is no path: {what}"))
                .help("write it as in `users[0].name` or `ages[\"ann\"]`")
        };
        let (mut steps, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let quoted = inside.strip_prefix('"').and_then(|key| key.split_once("\"]"));
                if let Some((key, after)) = quoted {
                    steps.push(Step::Key(key.to_owned()));
                    rest = after;
                    continue;
                }
                let (number, after) =
                    inside.split_once(']').ok_or_else(|| wrong("a bracket is open"))?;
                let index = number.parse().map_err(|_| wrong("an index is a number"))?;
                steps.push(Step::Index(index));
                rest = after;
                continue;
            }
            let name = rest.strip_prefix('.').unwrap_or(rest);
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err(wrong("a name is missing"));
            }
            steps.push(Step::Field(name[..end].to_owned()));
            rest = &name[end..];
        }
        Ok(Self { steps })
    }

    /// The part of `value`, which is of type `ty`, and the part's type; `None` if it is not there
    /// in this value.
    pub(crate) fn part<'v>(
        &self,
        value: &'v Value,
        ty: &'v Type,
    ) -> Outcome<Option<(&'v Value, &'v Type)>> {
        let (mut value, mut ty) = (value, ty);
        for step in &self.steps {
            let Some((inner, inner_ty)) = through(value, ty) else { return Ok(None) };
            let next = match (step, inner, inner_ty) {
                (Step::Field(name), Value::Struct(values), Type::Struct(fields)) => {
                    let at = fields.iter().position(|field| field.name == *name);
                    let at = at.ok_or_else(|| no_field(name, inner_ty))?;
                    values.get(at).map(|(_, value)| (value, fields[at].ty.get()))
                }
                (Step::Index(index), Value::List(items), Type::List { item, .. })
                | (Step::Index(index), Value::List(items), Type::ListFixed { item, .. }) => {
                    items.get(*index).map(|value| (value, item.get()))
                }
                (Step::Key(key), Value::Map(pairs), Type::Map { value: of, .. }) => {
                    let same = |(known, _): &&(Value, Value)| *known == Value::from(key.as_str());
                    pairs.iter().find(same).map(|(_, value)| (value, of.get()))
                }
                // Another member of the union.
                (Step::Field(_), Value::Struct(_), _) => None,
                _ => return Err(wrong_step(step, inner)),
            };
            let Some(next) = next else { return Ok(None) };
            (value, ty) = next;
        }
        Ok(Some((value, ty)))
    }
}

/// What stands behind optionals and unions; `None` if nothing does.
fn through<'v>(value: &'v Value, ty: &'v Type) -> Option<(&'v Value, &'v Type)> {
    let (mut value, mut ty) = (value, ty.resolved());
    loop {
        (value, ty) = match (value, ty) {
            (Value::Optional(inner), Type::Optional(item)) => {
                (inner.as_deref()?, item.get().resolved())
            }
            (Value::Union(tag, inner), Type::Union(members)) => {
                let member = members.iter().find(|member| member.tag == *tag)?;
                (&**inner, member.ty.get().resolved())
            }
            found => return Some(found),
        };
    }
}

fn no_field(name: &str, ty: &Type) -> Failure {
    let Type::Struct(fields) = ty else {
        return Failure::new(Code::Usage, format!("there is no field `{name}`"));
    };
    let names: Vec<&str> = fields.iter().map(|field| field.name.as_ref()).collect();
    let failure = Failure::new(Code::Usage, format!("there is no field `{name}`"));
    match nearest(name, &names) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None => failure.help(format!("there are: {}", names.join(", "))),
    }
}

fn wrong_step(step: &Step, value: &Value) -> Failure {
    let what = match step {
        Step::Field(name) => format!("a struct for `.{name}`"),
        Step::Index(index) => format!("a list for `[{index}]`"),
        Step::Key(key) => format!("a map with text as keys for `[\"{key}\"]`"),
    };
    Failure::new(Code::Usage, format!("the path needs {what}, and finds {}", value.kind()))
}

#[cfg(test)]
mod tests {
    use barewire::schema::Schema;

    use super::*;

    fn shown(path: &str) -> Result<String, String> {
        let schema = Schema::read(
            "test",
            "type User struct { name: str age: optional<u8> }\n\
             type Room struct { users: list<User> ages: map<str><u8> last: union { User | u8 } }",
        )
        .expect("it is BARE");
        let user = |name: &str| {
            Value::structure([("name", Value::from(name)), ("age", Value::optional(None))])
        };
        let room = Value::structure([
            ("users", Value::from(vec![user("ann"), user("bo")])),
            ("ages", Value::Map(vec![(Value::from("ann"), Value::U8(30))])),
            ("last", Value::Union(0, Box::new(user("bo")))),
        ]);
        let path = Path::parse(path).map_err(|error| format!("{error:?}"))?;
        let part = path.part(&room, schema.root()).map_err(|error| format!("{error:?}"))?;
        Ok(part.map_or("nothing".to_owned(), |(value, ty)| value.show(ty).to_string()))
    }

    #[test]
    fn parts_are_found() {
        assert_eq!(shown("users[1].name"), Ok("\"bo\"".to_owned()));
        assert_eq!(shown("ages[\"ann\"]"), Ok("30".to_owned()));
        assert_eq!(shown("last.name"), Ok("\"bo\"".to_owned()));
        for absent in ["users[2]", "ages[\"bo\"]"] {
            assert_eq!(shown(absent), Ok("nothing".to_owned()), "{absent}");
        }
        assert!(shown("user[0]").unwrap_err().contains("did you mean `users`?"));
        assert!(shown("users.name").unwrap_err().contains("a struct for `.name`"));
        for wrong in ["users[", "users[x]", "..a"] {
            assert!(shown(wrong).unwrap_err().contains("is no path"), "{wrong}");
        }
    }
}
