//! What two types differ in, for people to read.

use std::fmt;

use crate::model::{Type, slice};

/// One place in which two types differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The way to the place, as in `messages[].content`; empty for the type itself.
    pub path: String,
    /// What stands there in the segment, or on the other side; `None` if nothing does.
    pub found: Option<String>,
    /// What stands there in this program; `None` if nothing does.
    pub expected: Option<String>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the type" } else { &self.path };
        match (&self.found, &self.expected) {
            (Some(found), Some(expected)) => {
                write!(f, "`{path}`: {found} in the segment, {expected} here")
            }
            (Some(found), None) => write!(f, "`{path}`: {found} in the segment, missing here"),
            (None, Some(expected)) => {
                write!(f, "`{path}`: missing in the segment, {expected} here")
            }
            (None, None) => write!(f, "`{path}`"),
        }
    }
}

/// Where the type of a segment differs from the one that this program expects.
///
/// ```
/// use barewire_schema::difference;
/// use barewire_schema::build::{i64, structure, u64};
/// let here = structure([("timestamp", u64())]);
/// let there = structure([("timestamp", i64())]);
/// let found = difference(&here, &there);
/// assert_eq!(found[0].to_string(), "`timestamp`: i64 in the segment, u64 here");
/// ```
#[must_use]
pub fn difference(expected: &Type, found: &Type) -> Vec<Difference> {
    let mut differences = Vec::new();
    // A schema's root has lost its name; one that stands on one side only is no difference.
    let (expected, found) = match (expected, found) {
        (Type::User { .. }, Type::User { .. }) => (expected, found),
        _ => (expected.resolved(), found.resolved()),
    };
    compare(expected, found, String::new(), &mut differences);
    differences
}

fn compare(expected: &Type, found: &Type, path: String, out: &mut Vec<Difference>) {
    let mut differ = |expected: String, found: String| {
        out.push(Difference { path: path.clone(), found: Some(found), expected: Some(expected) });
    };
    let (mut left, mut right) = (expected, found);
    loop {
        let (ours, theirs) = (named(left), named(right));
        if ours.is_none() && theirs.is_none() {
            break;
        }
        if ours.map(|(name, _)| name) != theirs.map(|(name, _)| name) {
            let show = |ty: &Type| match named(ty) {
                Some((name, _)) => format!("the type {name}"),
                None => format!("{ty} without a name"),
            };
            differ(show(left), show(right));
        }
        left = ours.map_or(left, |(_, definition)| definition);
        right = theirs.map_or(right, |(_, definition)| definition);
    }
    match (left, right) {
        (Type::Struct(ours), Type::Struct(theirs)) => {
            let (ours, theirs) = (slice(ours), slice(theirs));
            for index in 0..ours.len().max(theirs.len()) {
                let dot = if path.is_empty() { "" } else { "." };
                match (ours.get(index), theirs.get(index)) {
                    (Some(our), Some(their)) if our.name == their.name => {
                        let path = format!("{path}{dot}{}", our.name);
                        if our.align != their.align {
                            out.push(Difference {
                                path: path.clone(),
                                found: Some(aligned(their.align)),
                                expected: Some(aligned(our.align)),
                            });
                        }
                        compare(our.ty.get(), their.ty.get(), path, out);
                    }
                    (our, their) => {
                        let show = |field: &crate::model::Field| {
                            format!("field {} of type {}", field.name, field.ty.get())
                        };
                        let name = our.or(their).map_or("", |field| field.name.as_ref());
                        out.push(Difference {
                            path: format!("{path}{dot}{name}"),
                            found: their.map(show),
                            expected: our.map(show),
                        });
                    }
                }
            }
        }
        (Type::Optional(ours), Type::Optional(theirs)) => {
            compare(ours.get(), theirs.get(), path, out);
        }
        (Type::List { item: ours, cap: our }, Type::List { item: theirs, cap: their }) => {
            if our != their {
                differ(cap("a list", *our), cap("a list", *their));
            }
            compare(ours.get(), theirs.get(), format!("{path}[]"), out);
        }
        (
            Type::ListFixed { item: ours, len: our },
            Type::ListFixed { item: theirs, len: their },
        ) if our == their => {
            compare(ours.get(), theirs.get(), format!("{path}[]"), out);
        }
        (
            Type::Map { key: our_key, value: ours, cap: our },
            Type::Map { key: their_key, value: theirs, cap: their },
        ) => {
            if our != their {
                differ(cap("a map", *our), cap("a map", *their));
            }
            compare(our_key.get(), their_key.get(), format!("{path}[key]"), out);
            compare(ours.get(), theirs.get(), format!("{path}[value]"), out);
        }
        (Type::Union(ours), Type::Union(theirs))
            if slice(ours)
                .iter()
                .map(|member| member.tag)
                .eq(slice(theirs).iter().map(|member| member.tag)) =>
        {
            for (our, their) in slice(ours).iter().zip(slice(theirs)) {
                let path = format!("{path}|{}", our.tag);
                compare(our.ty.get(), their.ty.get(), path, out);
            }
        }
        _ => {
            if left != right {
                differ(left.to_string(), right.to_string());
            }
        }
    }
}

/// The name of a type, and what it stands for.
fn named(ty: &Type) -> Option<(&str, &Type)> {
    match ty {
        Type::User { name, definition: Some(link) } => Some((name, link.get())),
        _ => None,
    }
}

fn aligned(align: Option<u64>) -> String {
    match align {
        Some(align) => format!("aligned to {align}"),
        None => "aligned as its type".to_owned(),
    }
}

fn cap(what: &str, cap: Option<u64>) -> String {
    match cap {
        Some(cap) => format!("{what} of at most {cap}"),
        None => format!("{what} without a cap"),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::build::*;
    use crate::*;

    fn named(name: &'static str, ty: Type) -> Type {
        Type::User { name: name.into(), definition: Some(ty.into()) }
    }

    fn lines(here: &Type, there: &Type) -> Vec<String> {
        difference(here, there).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn equal_types_do_not_differ() {
        let ty = || named("A", structure([("a", map_max(u8(), string(), 3))]));
        assert!(lines(&ty(), &ty()).is_empty());
        assert!(lines(&ty(), ty().resolved()).is_empty());
    }

    #[test]
    fn every_place_is_told_by_its_path() {
        let here = structure([
            ("id", u64()),
            ("rows", list_max(structure([("x", f32())]), 4)),
            ("table", map(u8(), optional(string_max(5)))),
            ("choice", union([(0, u8()), (4, u16())])),
        ]);
        let there = structure([
            ("id", u64()),
            ("rows", list_max(structure([("x", f64())]), 8)),
            ("table", map(u16(), optional(string_max(6)))),
            ("choice", union([(0, u8()), (4, i16())])),
            ("more", bool()),
        ]);
        assert_eq!(
            lines(&here, &there),
            [
                "`rows`: a list of at most 8 in the segment, a list of at most 4 here",
                "`rows[].x`: f64 in the segment, f32 here",
                "`table[key]`: u16 in the segment, u8 here",
                "`table[value]`: str[..6] in the segment, str[..5] here",
                "`choice|4`: i16 in the segment, u16 here",
                "`more`: field more of type bool in the segment, missing here",
            ]
        );
    }

    #[test]
    fn types_that_differ_in_a_name_have_a_difference_as_they_have_another_layout_id() {
        let of = |ty| structure([("a", ty)]);
        let types = [
            of(u8()),
            of(named("A", u8())),
            of(named("B", u8())),
            of(named("B", named("A", u8()))),
        ];
        for (index, left) in types.iter().enumerate() {
            for (other, right) in types.iter().enumerate() {
                assert_eq!(index == other, lines(left, right).is_empty(), "{index} {other}");
                assert_eq!(index == other, left.layout_id() == right.layout_id());
            }
        }
        assert_eq!(
            lines(&types[0], &types[1]),
            ["`a`: the type A in the segment, u8 without a name here"]
        );
    }
}
