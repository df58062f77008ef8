//! The one model of a type: static where a derive made it, owned where a program or a text did.

use std::borrow::Cow;
use std::marker::PhantomData;

/// A name: of a type, a field, or a member of an enum.
pub type Name = Cow<'static, str>;

/// A BARE type, with the caps that a fixed layout needs.
///
/// ```
/// use barewire_schema::{Class, Type};
/// const NAME: Type = Type::Str { cap: Some(64) };
/// assert_eq!(NAME.class(), Class::Bounded);
/// assert_eq!(NAME.max_size(), Some(65));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Type {
    /// `uint`: an unsigned integer of 64 bits in 1 to 10 octets.
    UInt,
    /// `int`: a signed integer of 64 bits in 1 to 10 octets.
    Int,
    /// `u8`
    U8,
    /// `u16`
    U16,
    /// `u32`
    U32,
    /// `u64`
    U64,
    /// `i8`
    I8,
    /// `i16`
    I16,
    /// `i32`
    I32,
    /// `i64`
    I64,
    /// `f32`
    F32,
    /// `f64`
    F64,
    /// `bool`
    Bool,
    /// `str`: UTF-8 text of at most `cap` octets.
    Str {
        /// The most octets; `None` if there is no limit.
        cap: Option<u64>,
    },
    /// `data`: at most `cap` octets.
    Data {
        /// The most octets; `None` if there is no limit.
        cap: Option<u64>,
    },
    /// `data[N]`: exactly `len` octets.
    DataFixed {
        /// How many octets.
        len: u64,
    },
    /// `void`: no value; only a member of a union.
    Void,
    /// `enum`: one of several named numbers.
    Enum(Cow<'static, [EnumMember]>),
    /// `optional<T>`
    Optional(Link),
    /// `list<T>`: at most `cap` items.
    List {
        /// The type of the items.
        item: Link,
        /// The most items; `None` if there is no limit.
        cap: Option<u64>,
    },
    /// `list<T>[N]`: exactly `len` items.
    ListFixed {
        /// The type of the items.
        item: Link,
        /// How many items.
        len: u64,
    },
    /// `map<K><V>`: at most `cap` pairs.
    Map {
        /// The type of the keys.
        key: Link,
        /// The type of the values.
        value: Link,
        /// The most pairs; `None` if there is no limit.
        cap: Option<u64>,
    },
    /// `union`: one of several tagged types.
    Union(Cow<'static, [UnionMember]>),
    /// `struct`: fields in order.
    Struct(Cow<'static, [Field]>),
    /// A type that the schema defines under a name.
    User {
        /// The name.
        name: Name,
        /// What it stands for; `None` only in a draft, before names are resolved.
        definition: Option<Link>,
    },
}

/// One member of an enum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumMember {
    /// The member's name, in capitals.
    pub name: Name,
    /// The number that stands for it.
    pub value: u64,
}

/// One member of a union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnionMember {
    /// The number that announces it.
    pub tag: u64,
    /// Its type.
    pub ty: Link,
}

/// One field of a struct.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// The field's name.
    pub name: Name,
    /// Its type.
    pub ty: Link,
    /// The alignment that it has at least in a fixed layout, a power of two up to [`MAX_ALIGN`];
    /// `None` for that of its type.
    ///
    /// [`MAX_ALIGN`]: crate::MAX_ALIGN
    pub align: Option<u64>,
}

/// A type inside another: a static one, or one of its own.
#[derive(Debug, Clone)]
pub enum Link {
    /// Made by a derive.
    Static(&'static Type),
    /// Made by a builder or a parser.
    Owned(Box<Type>),
}

impl Link {
    /// The type itself.
    #[must_use]
    pub const fn get(&self) -> &Type {
        match self {
            Self::Static(ty) => ty,
            Self::Owned(ty) => ty,
        }
    }
}

impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl Eq for Link {}

impl From<Type> for Link {
    fn from(ty: Type) -> Self {
        Self::Owned(Box::new(ty))
    }
}

/// The slice of a static or an owned list, in const functions too.
#[expect(clippy::ptr_arg, reason = "dereferencing a Cow is no const operation")]
pub(crate) const fn slice<'a, T: Clone>(list: &'a Cow<'static, [T]>) -> &'a [T] {
    match list {
        Cow::Borrowed(slice) => slice,
        Cow::Owned(vec) => vec.as_slice(),
    }
}

/// The text of a static or an owned name, in const functions too.
pub(crate) const fn text(name: &Name) -> &str {
    match name {
        Cow::Borrowed(text) => text,
        Cow::Owned(text) => text.as_str(),
    }
}

impl Type {
    /// The type behind a name, or behind several.
    #[must_use]
    pub const fn resolved(&self) -> &Self {
        let mut ty = self;
        while let Self::User { definition: Some(link), .. } = ty {
            ty = link.get();
        }
        ty
    }
}

/// A Rust type that has a BARE type.
///
/// ```
/// use barewire_schema::{BareSchema, Max};
/// assert_eq!(<Vec<String> as BareSchema>::TYPE.to_string(), "list<str>");
/// let capped = <Vec<String> as BareSchema<Max<8, Max<16>>>>::TYPE;
/// assert_eq!(capped.to_string(), "list<str[..16]>[..8]");
/// ```
///
/// `C` is what is known about sizes from outside the type: `()` for nothing, or [`Max`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no BARE type with these caps",
    label = "not a BARE type",
    note = "derive it: #[derive(BareSchema)]; `max` belongs on strings, lists, maps and data"
)]
pub trait BareSchema<C = ()> {
    /// The BARE type.
    const TYPE: &'static Type;

    /// Whether a list of this type is `data`.
    #[doc(hidden)]
    const OCTET: bool = false;
}

/// A cap: at most `N` octets, items or pairs; `C` are the caps of the items, for a map `(K, V)`.
#[derive(Debug)]
pub struct Max<const N: usize, C = ()>(PhantomData<C>);
