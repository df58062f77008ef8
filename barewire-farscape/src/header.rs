//! Schemas as C: structs, an assertion for every size and offset, and how a program of C reads a
//! region.

use std::fmt::Write;

use barewire_schema::{Schema, Type, tag_size};

use crate::error::{Error, ErrorKind, Result};

/// What a program of C needs to find its way in a segment; the offsets are those of the segment's
/// header and of a region's body.
const SEGMENT: &str = r#"
/* The bytes at the start of every segment. */
#define BAREWIRE_MAGIC "BAREWIRE"
#define BAREWIRE_FORMAT_VERSION @VERSION@u
struct barewire_segment {
    char magic[8];
    uint32_t format_version;
    uint32_t kind; /* 1 region, 2 queue, 3 topic, 4 service, 5 struct */
    uint64_t total_bytes;
    uint64_t text_at, text_bytes;
    uint64_t body_at, body_bytes;
    uint64_t created_ns;
    uint8_t wire_id[16], layout_id[16];
    uint64_t geometry[8];
    uint8_t zero[96];
};
_Static_assert(sizeof(struct barewire_segment) == 256, "the participants come next");
_Static_assert(offsetof(struct barewire_segment, body_at) == 40, "body_at");
_Static_assert(offsetof(struct barewire_segment, wire_id) == 64, "wire_id");
_Static_assert(offsetof(struct barewire_segment, layout_id) == 80, "layout_id");
_Static_assert(offsetof(struct barewire_segment, geometry) == 96, "geometry");

/* The layout id of a segment against that of a type: 1 if a program may map it as such. */
static inline int barewire_holds(const void *segment, uint64_t bytes, const uint8_t layout_id[16]) {
    const struct barewire_segment *head = (const struct barewire_segment *)segment;
    return bytes >= 8448 && memcmp(head->magic, BAREWIRE_MAGIC, 8) == 0 &&
           head->format_version == BAREWIRE_FORMAT_VERSION && head->total_bytes == bytes &&
           head->body_at <= bytes && head->body_bytes <= bytes - head->body_at &&
           memcmp(head->layout_id, layout_id, 16) == 0;
}

/* The struct in a segment of one, to be read and written in place; null if it holds another. */
static inline void *barewire_struct(void *segment, uint64_t bytes, const uint8_t layout_id[16]) {
    const struct barewire_segment *head = (const struct barewire_segment *)segment;
    return barewire_holds(segment, bytes, layout_id) && head->kind == 5 &&
           head->geometry[0] <= head->body_bytes ? (uint8_t *)segment + head->body_at : NULL;
}

/* Copies the value of a region: 1 once it is whole, 0 if the region cannot hold it. */
static inline int barewire_region_read(const void *segment, void *value, uint64_t size) {
    const struct barewire_segment *head = (const struct barewire_segment *)segment;
    uint64_t stride = head->geometry[0];
    if (head->kind != 1 || head->geometry[1] != size || stride < size ||
        head->body_bytes < 256 + 4 * stride) return 0;
    const uint8_t *body = (const uint8_t *)segment + head->body_at;
    const uint64_t *current = (const uint64_t *)body;
    for (;;) {
        uint64_t version = __atomic_load_n(current, __ATOMIC_ACQUIRE);
        const volatile uint8_t *source = body + 256 + version % 4 * stride;
        for (uint64_t at = 0; at < size; at++) ((uint8_t *)value)[at] = source[at];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(current, __ATOMIC_RELAXED) - version <= 2) return 1;
    }
}
"#;

/// A schema as a header of C.
///
/// Every type has its fixed layout, with a `_Static_assert` for its size, its alignment and each
/// offset; what C has no word for (text, lists, optionals, unions) is a struct of its parts. With
/// it come the layout of a segment, `barewire_struct` and `barewire_region_read`.
///
/// A program of C writes to a [`SharedStruct`](crate::SharedStruct), and not to a region: whoever
/// writes there holds a lock that is taken back if the kernel says that its holder is dead, and
/// wakes those who wait for a change; all of that would have to stand in C a second time.
///
/// ```
/// use barewire_farscape::c_header;
/// use barewire_farscape::c::{CType, StructDefinition};
/// let point = StructDefinition::new("point").field("x", CType::Float).field("y", CType::Float);
/// let text = c_header("point", &point.schema()?)?;
/// assert!(text.contains("_Static_assert(offsetof(Point, y) == 4"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// `InvalidArgument` if a type of the schema has no fixed layout.
pub fn c_header(name: &str, schema: &Schema) -> Result<String> {
    let mut header = Header::default();
    for (name, ty) in schema.types() {
        if ty.layout().is_none() {
            let detail = "expected a type with a fixed layout: give its strings and lists caps";
            return Err(Error::new(ErrorKind::InvalidArgument, name, detail));
        }
        header.named(name, ty);
    }
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let guard: String = name.chars().map(upper).collect();
    let version = barewire_runtime::segment::FORMAT_VERSION.to_string();
    let mut text = format!(
        "/* Made by barewire: the fixed layouts of a schema, for 64-bit little-endian Linux. */\n\
         #ifndef BAREWIRE_{guard}_H\n#define BAREWIRE_{guard}_H\n\
         #include <stddef.h>\n#include <stdint.h>\n#include <string.h>\n"
    );
    text += &SEGMENT.replace("@VERSION@", &version);
    text.push('\n');
    text += &header.text;
    let id = named_root(schema).layout_id().0;
    let bytes: Vec<String> = id.iter().map(|byte| format!("0x{byte:02x}")).collect();
    let root = schema.root_name();
    writeln!(text, "#define BAREWIRE_LAYOUT_ID_{root} {{{}}}", bytes.join(", ")).unwrap_or(());
    text += "#endif\n";
    Ok(text)
}

/// The root type under its name, as what is derived always has it: so a segment carries it.
pub(crate) fn named_root(schema: &Schema) -> Type {
    match schema.root() {
        root @ (Type::Struct(_) | Type::Enum(_) | Type::Union(_)) => {
            let name = schema.root_name().to_owned().into();
            Type::User { name, definition: Some(root.clone().into()) }
        }
        other => other.clone(),
    }
}

#[derive(Default)]
struct Header {
    text: String,
    anonymous: usize,
}

fn word(align: u64) -> &'static str {
    match align {
        1 => "uint8_t",
        2 => "uint16_t",
        4 => "uint32_t",
        _ => "uint64_t",
    }
}

fn align_of(ty: &Type) -> u64 {
    ty.layout().map_or(1, |layout| layout.align)
}

impl Header {
    fn line(&mut self, line: &str) {
        self.text += line;
        self.text.push('\n');
    }

    /// A type under its own name, with all that must hold.
    fn named(&mut self, name: &str, ty: &Type) {
        match ty {
            Type::Struct(fields) => {
                let mut inside = String::new();
                for field in fields.iter() {
                    let declared = self.declare(field.ty.get(), &field.name);
                    inside += &format!("    {declared};\n");
                }
                self.line(&format!("typedef struct {{\n{inside}}} {name};"));
                for (index, field) in fields.iter().enumerate() {
                    let offset = ty.field_offset(index).unwrap_or(0);
                    let condition = format!("offsetof({name}, {}) == {offset}", field.name);
                    self.assert(&condition);
                }
            }
            Type::Enum(members) => {
                for member in members.iter() {
                    self.line(&format!("#define {name}_{} {}", member.name, member.value));
                }
                self.line(&format!("typedef {} {name};", word(tag_size(ty))));
            }
            other => {
                let declared = self.declare(other, name);
                self.line(&format!("typedef {declared};"));
            }
        }
        if let Some(layout) = ty.layout() {
            self.assert(&format!("sizeof({name}) == {}", layout.size));
            self.assert(&format!("_Alignof({name}) == {}", layout.align));
        }
        self.text.push('\n');
    }

    fn assert(&mut self, condition: &str) {
        self.line(&format!("_Static_assert({condition}, \"{condition}\");"));
    }

    /// A declaration of `name` as this type; C's own types have no name of ours.
    fn declare(&mut self, ty: &Type, name: &str) -> String {
        let plain = match ty {
            Type::U8 | Type::Bool => "uint8_t",
            Type::U16 => "uint16_t",
            Type::U32 => "uint32_t",
            Type::U64 | Type::UInt => "uint64_t",
            Type::I8 => "int8_t",
            Type::I16 => "int16_t",
            Type::I32 => "int32_t",
            Type::I64 | Type::Int => "int64_t",
            Type::F32 => "float",
            Type::F64 => "double",
            Type::Enum(_) => word(tag_size(ty)),
            Type::User { name: own, .. } => return format!("{own} {name}"),
            Type::DataFixed { len } => return format!("uint8_t {name}[{len}]"),
            Type::ListFixed { item, len } => {
                let item = item.get();
                return self.declare(item, &format!("{name}[{len}]"));
            }
            other => return format!("{} {name}", self.parts(other)),
        };
        format!("{plain} {name}")
    }

    /// A struct of the parts that a value is laid out as.
    fn parts(&mut self, ty: &Type) -> String {
        let inside = match ty {
            Type::Str { cap } | Type::Data { cap } => {
                format!("uint8_t count[4]; uint8_t items[{}];", cap.unwrap_or(0))
            }
            Type::Optional(item) => {
                let flag = word(align_of(item.get()));
                format!("{flag} present; {};", self.declare(item.get(), "value"))
            }
            Type::List { item, cap } => {
                let align = align_of(item.get());
                let (width, words) = (word(align), 4_u64.div_ceil(align));
                let items = self.declare(item.get(), &format!("items[{}]", cap.unwrap_or(0)));
                format!("{width} count[{words}]; {items};")
            }
            Type::Map { key, value, cap } => {
                let key = self.declare(key.get(), "key");
                let value = self.declare(value.get(), "value");
                let pair = format!("struct __attribute__((packed)) {{ {key}; {value}; }}");
                format!("uint8_t count[4]; {pair} pairs[{}];", cap.unwrap_or(0))
            }
            Type::Union(members) => {
                let mut inner = String::new();
                for member in members.iter() {
                    if member.ty.get().resolved() != &Type::Void {
                        let name = format!("tag{}", member.tag);
                        inner += &format!("{}; ", self.declare(member.ty.get(), &name));
                    }
                }
                let tag = word(tag_size(ty));
                let payload = if inner.is_empty() {
                    String::new()
                } else {
                    format!(" union {{ {inner}}} payload;")
                };
                format!("{tag} tag;{payload}")
            }
            Type::Struct(fields) => {
                let parts = fields.iter();
                parts.map(|field| self.declare(field.ty.get(), &field.name) + "; ").collect()
            }
            _ => String::new(),
        };
        self.anonymous += 1;
        let name = format!("Part{}", self.anonymous);
        self.line(&format!("typedef struct {{ {inside} }} {name};"));
        if let Some(layout) = ty.layout() {
            self.assert(&format!("sizeof({name}) == {}", layout.size));
        }
        name
    }
}
