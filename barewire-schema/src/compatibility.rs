//! Who can read whom: two versions of a type, in the encoding and in the fixed layout.

mod encoding;
mod in_place;

use std::fmt;

use crate::model::Type;

pub(crate) use encoding::{Sides, first_break};

/// How two versions of a type stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They are the same.
    Same,
    /// Each reads the other.
    Both,
    /// The new one reads what the old one wrote.
    Backward,
    /// The old one reads what the new one writes.
    Forward,
    /// Neither reads the other.
    Incompatible,
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Same => "same",
            Self::Both => "compatible both ways",
            Self::Backward => "backward compatible",
            Self::Forward => "forward compatible",
            Self::Incompatible => "incompatible",
        })
    }
}

/// One reason why values cannot be read, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    path: String,
    text: String,
}

impl Reason {
    /// Where, as in `Message.items[].content`.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Why.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the type" } else { &self.path };
        write!(f, "`{path}`: {}", self.text)
    }
}

/// The relation of two versions in one form, with the reasons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    same: bool,
    not_backward: Vec<Reason>,
    not_forward: Vec<Reason>,
}

impl Verdict {
    /// How the two stand to each other.
    #[must_use]
    pub fn relation(&self) -> Relation {
        match (self.not_backward.is_empty(), self.not_forward.is_empty()) {
            _ if self.same => Relation::Same,
            (true, true) => Relation::Both,
            (true, false) => Relation::Backward,
            (false, true) => Relation::Forward,
            (false, false) => Relation::Incompatible,
        }
    }

    /// Whether the new version reads what the old one wrote.
    #[must_use]
    pub fn is_backward(&self) -> bool {
        self.not_backward.is_empty()
    }

    /// Whether the old version reads what the new one writes.
    #[must_use]
    pub fn is_forward(&self) -> bool {
        self.not_forward.is_empty()
    }

    /// Why the new version does not read what the old one wrote.
    #[must_use]
    pub fn not_backward(&self) -> &[Reason] {
        &self.not_backward
    }

    /// Why the old version does not read what the new one writes.
    #[must_use]
    pub fn not_forward(&self) -> &[Reason] {
        &self.not_forward
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.relation())?;
        for (what, reasons) in [
            ("the new does not read the old", &self.not_backward),
            ("the old does not read the new", &self.not_forward),
        ] {
            for reason in reasons {
                write!(f, "\n{what}: {reason}")?;
            }
        }
        Ok(())
    }
}

/// What two versions of a type are to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compatibility {
    /// In BARE octets.
    pub encoding: Verdict,
    /// In shared memory, read in place.
    pub layout: Verdict,
    /// Fields that are called differently, which the octets do not show: it may be a mistake.
    pub renamed: Vec<Reason>,
}

impl fmt::Display for Compatibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "encoding: {}\nlayout: {}", self.encoding, self.layout)?;
        self.renamed.iter().try_for_each(|reason| write!(f, "\nrenamed: {reason}"))
    }
}

/// Which version of a type can read the other, in the encoding and in the fixed layout.
///
/// A new member of an enum or a union is read by the new version alone. **A new field of a struct
/// breaks both ways**: BARE has neither names nor lengths to skip it by. Caps matter to the layout
/// only, and names too; the layout itself is shared between processes only if it is the same.
///
/// ```
/// use barewire_schema::{Relation, compatibility};
/// use barewire_schema::build::{structure, u32, union};
/// let old = structure([("id", u32()), ("note", union([(0, u32())]))]);
/// let new = structure([("id", u32()), ("note", union([(0, u32()), (1, u32())]))]);
/// assert_eq!(compatibility(&old, &new).encoding.relation(), Relation::Backward);
///
/// let longer = structure([("id", u32()), ("note", union([(0, u32())])), ("more", u32())]);
/// let found = compatibility(&old, &longer).encoding;
/// assert_eq!(found.relation(), Relation::Incompatible);
/// assert_eq!(found.not_backward()[0].path(), "more");
/// ```
#[must_use]
pub fn compatibility(old: &Type, new: &Type) -> Compatibility {
    Compatibility {
        encoding: Verdict {
            same: old.wire_id() == new.wire_id(),
            not_backward: encoding::breaks(new, old, encoding::NEW_READS_OLD),
            not_forward: encoding::breaks(old, new, encoding::OLD_READS_NEW),
        },
        layout: Verdict {
            same: old.layout().is_some() && old.layout_id() == new.layout_id(),
            not_backward: in_place::breaks(new, old, encoding::NEW_READS_OLD),
            not_forward: in_place::breaks(old, new, encoding::OLD_READS_NEW),
        },
        renamed: encoding::renamed(old, new),
    }
}

#[cfg(test)]
mod tests {
    use super::{Relation, compatibility};
    use crate::build::*;
    use crate::*;

    fn named(name: &'static str, ty: Type) -> Type {
        Type::User { name: name.into(), definition: Some(ty.into()) }
    }

    fn encoding(old: &Type, new: &Type) -> Relation {
        let there = compatibility(old, new).encoding.relation();
        let back = compatibility(new, old).encoding.relation();
        let turned = match back {
            Relation::Backward => Relation::Forward,
            Relation::Forward => Relation::Backward,
            other => other,
        };
        assert_eq!(there, turned, "{old} and {new}");
        there
    }

    #[test]
    fn equal_in_octets_is_the_same() {
        let one = |ty| structure([("only", ty)]);
        for (old, new) in [
            (data(), list(u8())),
            (data_fixed(4), list_fixed(u8(), 4)),
            (one(u16()), u16()),
            (named("A", one(named("B", string()))), string_max(9)),
            (structure([("a", u8()), ("b", u8())]), structure([("x", u8()), ("y", u8())])),
        ] {
            assert_eq!(encoding(&old, &new), Relation::Same);
        }
    }

    #[test]
    fn a_new_member_is_backward_compatible_wherever_it_stands() {
        let level = |more: bool| {
            let members = [("LOW", 1), ("HIGH", 5), ("TOP", 9)];
            enumeration(members.into_iter().take(if more { 3 } else { 2 }))
        };
        let choice = |more: bool| {
            let members = [(0, u8()), (4, string()), (7, void())];
            union(members.into_iter().take(if more { 3 } else { 2 }))
        };
        for (old, new) in [
            (level(false), level(true)),
            (choice(false), choice(true)),
            (list(optional(level(false))), list(optional(level(true)))),
            (map(level(false), u8()), map(level(true), u8())),
            (
                structure([("a", u8()), ("b", choice(false))]),
                structure([("a", u8()), ("b", choice(true))]),
            ),
        ] {
            assert_eq!(encoding(&old, &new), Relation::Backward);
        }
        let both = structure([("a", level(false)), ("b", level(true))]);
        let turned = structure([("a", level(true)), ("b", level(false))]);
        assert_eq!(encoding(&both, &turned), Relation::Incompatible);
    }

    #[test]
    fn an_appended_field_is_compatible_in_no_direction() {
        let old = structure([("a", u8()), ("b", string())]);
        let new = structure([("a", u8()), ("b", string()), ("c", optional(u8()))]);
        assert_eq!(encoding(&old, &new), Relation::Incompatible);
        let found = compatibility(&old, &new).encoding;
        assert_eq!(
            found.not_backward()[0].to_string(),
            "`c`: the new has this field and the old does not, and BARE cannot leave one out"
        );
        assert_eq!(found.not_backward().len(), 1);
    }

    #[test]
    fn every_reason_is_told_by_its_path() {
        let inner = |ty| named("Inner", structure([("x", ty), ("y", u8())]));
        let old = structure([
            ("a", list(inner(u8()))),
            ("b", map(u8(), string())),
            ("c", list_fixed(u8(), 4)),
            ("d", enumeration([("A", 0), ("B", 1)])),
            ("e", union([(0, u8()), (1, u16())])),
        ]);
        let new = structure([
            ("a", list(inner(u16()))),
            ("b", map(u16(), string())),
            ("c", list_fixed(u8(), 5)),
            ("d", enumeration([("A", 0)])),
            ("e", union([(1, u8())])),
        ]);
        let found = compatibility(&old, &new).encoding;
        let lines: Vec<_> = found.not_backward().iter().map(ToString::to_string).collect();
        assert_eq!(
            lines,
            [
                "`a[].x`: u8 in the old, u16 in the new",
                "`b[key]`: u8 in the old, u16 in the new",
                "`c`: a length of 4 in the old, of 5 in the new",
                "`d`: the old has the value B = 1, which the new does not know",
                "`e`: the old has the tag 0, which the new does not know",
                "`e|1`: u16 in the old, u8 in the new",
            ]
        );
    }

    #[test]
    fn a_new_name_is_reported_and_no_break_of_the_encoding() {
        let old = structure([("width", u8()), ("height", u8())]);
        let new = structure([("height", u8()), ("width", u8())]);
        let found = compatibility(&old, &new);
        assert_eq!(found.encoding.relation(), Relation::Same);
        assert_eq!(found.layout.relation(), Relation::Incompatible);
        assert_eq!(found.renamed[0].to_string(), "`height`: width in the old, height in the new");
        assert_eq!(found.renamed.len(), 2);
    }

    #[test]
    fn a_layout_is_compatible_only_where_nothing_moves() {
        let layout = |old: &Type, new: &Type| compatibility(old, new).layout;
        let text = |cap| structure([("a", string_max(cap)), ("b", u8())]);
        assert_eq!(layout(&text(4), &text(4)).relation(), Relation::Same);
        let found = layout(&text(4), &text(8));
        assert_eq!(found.relation(), Relation::Incompatible);
        assert_eq!(
            found.not_backward()[0].to_string(),
            "`a`: a cap of 4 in the old, of 8 in the new"
        );
        let old = structure([("kind", enumeration([("A", 0)]))]);
        let new = structure([("kind", enumeration([("A", 0), ("B", 1)]))]);
        assert_eq!(layout(&old, &new).relation(), Relation::Backward);
        let wide = structure([("kind", enumeration([("A", 0), ("B", 1 << 40)]))]);
        assert_eq!(layout(&old, &wide).relation(), Relation::Incompatible);
        let (old, new) = (union([(0, u64())]), union([(0, u64()), (1, u8())]));
        assert_eq!(layout(&old, &new).relation(), Relation::Backward);
        assert_eq!(
            layout(&old, &union([(0, u64()), (1, data_fixed(9))])).relation(),
            Relation::Incompatible
        );
        let found = layout(&string(), &string());
        assert_eq!(found.relation(), Relation::Incompatible);
        assert!(found.to_string().contains("without a cap"), "{found}");
    }
}
