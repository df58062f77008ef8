//! The model of C declarations.

use std::fmt;
use std::sync::Arc;

/// What is wrong with a declaration, and what to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CError {
    /// The number of the token that it is about; 0 for a value that a program put together.
    pub(crate) token: usize,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl CError {
    pub(crate) fn new(token: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { token, message: message.into(), help: help.into() }
    }

    /// The number of the token that it is about.
    #[must_use]
    pub fn token(&self) -> usize {
        self.token
    }

    /// What is wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do.
    #[must_use]
    pub fn help(&self) -> &str {
        &self.help
    }
}

impl fmt::Display for CError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.help.as_str() {
            "" => write!(f, "{}", self.message),
            help => write!(f, "{}: {help}", self.message),
        }
    }
}

impl std::error::Error for CError {}

/// An integer type of C.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "they are C's")]
pub enum Integer {
    SignedChar,
    UnsignedChar,
    Short,
    UnsignedShort,
    Int,
    UnsignedInt,
    Long,
    UnsignedLong,
    LongLong,
    UnsignedLongLong,
    Int128,
    UnsignedInt128,
}

/// A type of C; a name that a `typedef` gave has been replaced by what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CType {
    /// `void`
    Void,
    /// `_Bool`
    Bool,
    /// `char`, whose sign is the target's.
    Char,
    /// The other integers.
    Integer(Integer),
    /// `float`
    Float,
    /// `double`
    Double,
    /// `long double`
    LongDouble,
    /// `_Float128`
    Float128,
    /// `enum`
    Enum(Arc<EnumDefinition>),
    /// `struct` or `union`
    Struct(Arc<StructDefinition>),
    /// A struct or union that is only declared, by the name that C knows: `struct sqlite3`.
    Incomplete(String),
    /// A pointer.
    Pointer {
        /// What it points to.
        to: Box<Self>,
        /// Whether that is `const`.
        constant: bool,
    },
    /// A function, which only a pointer can lead to.
    Function(Arc<FunctionSignature>),
    /// An array; of length 0 if it has none, as the last member of a struct.
    Array {
        /// The type of the items.
        item: Box<Self>,
        /// How many.
        len: u64,
    },
    /// `va_list`
    VaList,
}

impl CType {
    /// `int`
    pub const INT: Self = Self::Integer(Integer::Int);
    /// `unsigned int`
    pub const UNSIGNED: Self = Self::Integer(Integer::UnsignedInt);
    /// `long`: 64 bits here.
    pub const LONG: Self = Self::Integer(Integer::Long);
    /// `unsigned long`, which is also `size_t`.
    pub const UNSIGNED_LONG: Self = Self::Integer(Integer::UnsignedLong);
    /// `unsigned char`
    pub const BYTE: Self = Self::Integer(Integer::UnsignedChar);

    /// An array of this type.
    #[must_use]
    pub fn array(self, len: u64) -> Self {
        Self::Array { item: Box::new(self), len }
    }

    /// A pointer to this type.
    #[must_use]
    pub fn pointer(self) -> Self {
        Self::Pointer { to: Box::new(self), constant: false }
    }

    /// A pointer to this type, through which nothing is written.
    #[must_use]
    pub fn constant_pointer(self) -> Self {
        Self::Pointer { to: Box::new(self), constant: true }
    }

    /// What a pointer leads to.
    #[must_use]
    pub fn pointee(&self) -> Option<&Self> {
        match self {
            Self::Pointer { to, .. } => Some(to),
            _ => None,
        }
    }

    /// Whether it is a pointer to `const`.
    #[must_use]
    pub fn is_constant_pointer(&self) -> bool {
        matches!(self, Self::Pointer { constant: true, .. })
    }
}

/// The field that tags a union, and the number of each member there.
pub type Tag = (String, Vec<(u64, String)>);

/// One member of a struct or union.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CField {
    /// Its name; empty if it is an anonymous struct or union.
    pub name: String,
    /// Its type.
    pub ty: CType,
    /// The width of a bit-field.
    pub bits: Option<u64>,
    /// An alignment that an attribute asks for.
    pub align: Option<u64>,
    /// For a union: the field before it that says which member is there, and for each member its
    /// number there.
    pub tag: Option<Tag>,
}

/// A `struct` or a `union`.
///
/// ```
/// use barewire_schema::c::{CType, StructDefinition};
/// let flags = StructDefinition::new("flags").bit_field("open", CType::UNSIGNED, 1);
/// let errors = flags.schema().unwrap_err();
/// assert!(errors.to_string().contains("bit-field"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructDefinition {
    /// The name after `struct`, if it has one.
    pub(crate) tag: Option<String>,
    /// The name that a `typedef` gives it.
    pub(crate) alias: Option<String>,
    pub(crate) union: bool,
    pub(crate) packed: bool,
    pub(crate) align: Option<u64>,
    pub(crate) fields: Vec<CField>,
}

impl StructDefinition {
    /// A struct without fields as yet.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            tag: Some(name.into()),
            alias: None,
            union: false,
            packed: false,
            align: None,
            fields: Vec::new(),
        }
    }

    /// A union without members as yet.
    #[must_use]
    pub fn union(name: impl Into<String>) -> Self {
        Self { union: true, ..Self::new(name) }
    }

    fn with(mut self, name: impl Into<String>, ty: CType, bits: Option<u64>) -> Self {
        self.fields.push(CField { name: name.into(), ty, bits, align: None, tag: None });
        self
    }

    /// The struct with one more field; an empty name is that of an anonymous struct or union.
    #[must_use]
    pub fn field(self, name: impl Into<String>, ty: CType) -> Self {
        self.with(name, ty, None)
    }

    /// The struct with a bit-field, which C lays out but which nothing can be shared by.
    #[must_use]
    pub fn bit_field(self, name: impl Into<String>, ty: CType, bits: u64) -> Self {
        self.with(name, ty, Some(bits))
    }

    /// The struct with a union, of which the field `tag` right before it says which member is
    /// there.
    ///
    /// ```
    /// use barewire_schema::c::{CType, StructDefinition};
    /// let value = StructDefinition::union("value");
    /// let value = value.field("i", CType::INT).field("d", CType::Double);
    /// let event = StructDefinition::new("event")
    ///     .field("kind", CType::UNSIGNED)
    ///     .tagged_union("value", value, "kind", [(1, "i"), (2, "d")]);
    /// let text = event.schema()?.root().to_string();
    /// assert_eq!(text, "struct { value: union { i32 = 1 | f64 } }");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn tagged_union<N: Into<String>>(
        mut self,
        name: impl Into<String>,
        union: Self,
        tag: impl Into<String>,
        members: impl IntoIterator<Item = (u64, N)>,
    ) -> Self {
        let members = members.into_iter().map(|(number, name)| (number, name.into())).collect();
        self = self.with(name, CType::Struct(Arc::new(union)), None);
        if let Some(last) = self.fields.last_mut() {
            last.tag = Some((tag.into(), members));
        }
        self
    }

    /// The struct without padding, as `__attribute__((packed))` makes it.
    #[must_use]
    pub fn packed(mut self) -> Self {
        self.packed = true;
        self
    }

    /// The name that a program uses: after `struct`, or that of the `typedef`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.tag.as_deref().or(self.alias.as_deref()).unwrap_or("")
    }

    /// How C names the type: `struct point`, or the name of a `typedef`; `None` if it has none.
    #[must_use]
    pub fn c_name(&self) -> Option<String> {
        let keyword = if self.union { "union" } else { "struct" };
        match (&self.tag, &self.alias) {
            (Some(tag), _) => Some(format!("{keyword} {tag}")),
            (None, alias) => alias.clone(),
        }
    }

    /// Whether it is a union.
    #[must_use]
    pub fn is_union(&self) -> bool {
        self.union
    }

    /// Its members.
    #[must_use]
    pub fn fields(&self) -> &[CField] {
        &self.fields
    }
}

/// An `enum`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumDefinition {
    pub(crate) tag: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) members: Vec<(String, i128)>,
}

impl EnumDefinition {
    /// An enum with these members.
    pub fn new<N: Into<String>>(
        name: impl Into<String>,
        members: impl IntoIterator<Item = (N, i64)>,
    ) -> Self {
        let members = members.into_iter().map(|(name, value)| (name.into(), i128::from(value)));
        Self { tag: Some(name.into()), alias: None, members: members.collect() }
    }

    /// The name after `enum`, or that of the `typedef`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.tag.as_deref().or(self.alias.as_deref()).unwrap_or("")
    }

    /// How C names the type; `None` if it has no name.
    #[must_use]
    pub fn c_name(&self) -> Option<String> {
        match (&self.tag, &self.alias) {
            (Some(tag), _) => Some(format!("enum {tag}")),
            (None, alias) => alias.clone(),
        }
    }

    /// Its members.
    #[must_use]
    pub fn members(&self) -> &[(String, i128)] {
        &self.members
    }

    /// The integer that the compiler stores it in: gcc takes `unsigned int` unless a value is
    /// negative or does not fit.
    #[must_use]
    pub fn integer(&self) -> Integer {
        let least = self.members.iter().map(|member| member.1).min().unwrap_or(0);
        let most = self.members.iter().map(|member| member.1).max().unwrap_or(0);
        match (least < 0, most) {
            (false, most) if most <= i128::from(u32::MAX) => Integer::UnsignedInt,
            (false, _) => Integer::UnsignedLong,
            (true, most) if least >= i128::from(i32::MIN) && most <= i128::from(i32::MAX) => {
                Integer::Int
            }
            _ => Integer::Long,
        }
    }
}

/// How an argument goes to the function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pass {
    /// A number, as it is.
    Value,
    /// A pointer of which nobody has said what it means.
    Unstated,
    /// A pointer to what the function reads: one value, or as many as the parameter `len` says.
    In {
        /// The parameter with the number of items.
        len: Option<String>,
    },
    /// A pointer to what the function writes: one value, or as many as the parameter `cap` says.
    Out {
        /// The parameter with the number of items for which there is room.
        cap: Option<String>,
    },
    /// A pointer to what the function reads and writes.
    InOut {
        /// The parameter with the number of items.
        len: Option<String>,
    },
    /// Text that ends with a zero.
    CStr,
    /// A handle: a pointer that only the library looks behind.
    Opaque,
    /// A handle that is no longer valid after the call.
    Take,
    /// Where the function puts a handle.
    OutOpaque,
    /// Always null.
    Null,
}

/// One parameter of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name; empty if the prototype gives none.
    pub name: String,
    /// Its type.
    pub ty: CType,
    /// How it goes to the function.
    pub pass: Pass,
    /// The number of its first token.
    pub token: usize,
}

/// How long the function leaves alone what a returned pointer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lifetime {
    /// For ever.
    Static,
    /// As long as the handle in this parameter is not used for another call.
    Of(String),
    /// Until it is given to this function, which is done once it has been copied.
    Free(String),
}

/// What becomes of the result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Returns {
    /// There is none.
    Nothing,
    /// A number, as it is.
    Value,
    /// A pointer of which nobody has said what it means.
    Unstated,
    /// Text that ends with a zero, copied before the call ends; or null.
    CStr(Lifetime),
    /// A handle, or null.
    Opaque,
}

/// The prototype of a function, with what its pointers mean.
///
/// ```
/// use barewire_schema::c::{CType, FunctionSignature, Pass};
/// let crc32 = FunctionSignature::new("crc32", CType::UNSIGNED_LONG)
///     .parameter("crc", CType::UNSIGNED_LONG, Pass::Value)
///     .parameter("buf", CType::BYTE.constant_pointer(), Pass::In { len: Some("len".into()) })
///     .parameter("len", CType::UNSIGNED, Pass::Value);
/// assert!(crc32.check().is_ok());
/// let text = "unsigned long crc32(unsigned long crc, in len(len) const unsigned char *buf, \
///             unsigned int len)";
/// assert_eq!(crc32.to_string(), text);
/// assert_eq!(FunctionSignature::parse(text)?, crc32);
/// # Ok::<(), barewire_schema::c::CError>(())
/// ```
#[derive(Debug, Clone)]
pub struct FunctionSignature {
    pub(crate) name: String,
    pub(crate) result: CType,
    pub(crate) returns: Returns,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) variadic: bool,
    pub(crate) pure: bool,
    pub(crate) errno: bool,
    /// The name that the linker knows, if it is another.
    pub(crate) symbol: Option<String>,
    pub(crate) token: usize,
}

/// Where it was written says nothing about what it is.
impl PartialEq for FunctionSignature {
    fn eq(&self, other: &Self) -> bool {
        let mine = self.parameters.iter().map(|p| (&p.name, &p.ty, &p.pass));
        let others = other.parameters.iter().map(|p| (&p.name, &p.ty, &p.pass));
        mine.eq(others)
            && (&self.name, &self.result, &self.returns, &self.symbol)
                == (&other.name, &other.result, &other.returns, &other.symbol)
            && (self.variadic, self.pure, self.errno) == (other.variadic, other.pure, other.errno)
    }
}

impl Eq for FunctionSignature {}

impl FunctionSignature {
    /// A function without parameters as yet.
    #[must_use]
    pub fn new(name: impl Into<String>, result: CType) -> Self {
        let returns = match result {
            CType::Void => Returns::Nothing,
            CType::Pointer { .. } => Returns::Unstated,
            _ => Returns::Value,
        };
        Self {
            name: name.into(),
            result,
            returns,
            parameters: Vec::new(),
            variadic: false,
            pure: false,
            errno: false,
            symbol: None,
            token: 0,
        }
    }

    /// The function with one more parameter.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, ty: CType, pass: Pass) -> Self {
        self.parameters.push(Parameter { name: name.into(), ty, pass, token: 0 });
        self
    }

    /// The function with a statement of what its result means.
    #[must_use]
    pub fn returns(mut self, returns: Returns) -> Self {
        self.returns = returns;
        self
    }

    /// The function, which has no effect but its result, so that a call may be made again.
    #[must_use]
    pub fn pure(mut self) -> Self {
        self.pure = true;
        self
    }

    /// The function, whose callers want to see `errno`.
    #[must_use]
    pub fn errno(mut self) -> Self {
        self.errno = true;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name that the linker knows.
    #[must_use]
    pub fn symbol(&self) -> &str {
        self.symbol.as_deref().unwrap_or(&self.name)
    }

    /// The type of its result.
    #[must_use]
    pub fn result(&self) -> &CType {
        &self.result
    }

    /// What becomes of its result.
    #[must_use]
    pub fn returned(&self) -> &Returns {
        &self.returns
    }

    /// Its parameters.
    #[must_use]
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Whether it takes further arguments, `...`.
    #[must_use]
    pub fn is_variadic(&self) -> bool {
        self.variadic
    }

    /// Whether a call may be made again.
    #[must_use]
    pub fn is_pure(&self) -> bool {
        self.pure
    }

    /// Whether callers see `errno`.
    #[must_use]
    pub fn has_errno(&self) -> bool {
        self.errno
    }

    /// The parameter of that name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}
