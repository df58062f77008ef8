//! The grammar, the annotations and the schemas of C declarations.

use super::*;
use crate::Type;

fn read(text: &str, dialect: Dialect) -> Document {
    Document::read(&Tokens::of_text(text).expect("tokens"), dialect)
}

fn annotated(text: &str) -> Document {
    read(text, Dialect::Annotated)
}

fn function(text: &str) -> FunctionSignature {
    FunctionSignature::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn declarators_read_as_c_does() {
    for text in [
        "void (*signal(int sig, void (*func)(int)))(int)",
        "int f(void)",
        "int printf(const char *format, ...)",
        "char *const *g(const char *const *argv, int (*rows)[3])",
        "unsigned long long h(long double x, _Bool y, signed char z)",
    ] {
        let document = read(&format!("{text};"), Dialect::Header);
        assert!(document.left_out.is_empty(), "{text}: {:?}", document.left_out);
        let found = document.functions().next().expect("a function");
        assert_eq!(found.prototype(), text);
    }
}

#[test]
fn prototypes_with_annotations_read_back_as_they_are_written() {
    for text in [
        "pure unsigned long crc32(unsigned long crc, in len(len) const unsigned char *buf, \
         unsigned int len)",
        "int compress2(out cap(destLen) unsigned char *dest, inout unsigned long *destLen, \
         in len(sourceLen) const unsigned char *source, unsigned long sourceLen, int level)",
        "cstr static const char *zlibVersion(void)",
        "errno int open(cstr const char *path, int flags)",
        "int sqlite3_open(cstr const char *name, out opaque struct sqlite3 **db)",
        "cstr of(db) const char *sqlite3_errmsg(opaque struct sqlite3 *db)",
        "cstr free(sqlite3_free) char *sqlite3_mprintf_one(cstr const char *text)",
        "int sqlite3_close(take opaque struct sqlite3 *db)",
        "opaque struct gz *gzopen(cstr const char *path, null void *mode)",
    ] {
        let found = function(text);
        assert_eq!(found.check(), Ok(()), "{text}");
        assert_eq!(found.to_string(), text);
        assert_eq!(function(&found.to_string()), found);
    }
}

#[test]
fn what_contradicts_itself_is_told() {
    for (text, message) in [
        ("int f(char *p)", "`p` is a pointer that says nothing"),
        ("int f(in len(n) const char *p)", "which is no parameter"),
        ("int f(out const int *p)", "points to `const`"),
        ("int f(in void *p)", "`void *` without a length"),
        ("int f(in int n)", "is no pointer"),
        ("int f(out opaque struct s *p)", "no pointer to a pointer"),
        ("char *f(void)", "returns is unstated"),
        ("cstr of(x) char *f(int x)", "is no `opaque` parameter"),
        ("int f(int n, ...)", "`...` cannot be called"),
        ("int f(int a, int a)", "is there twice"),
        ("int f(in len(n) const char *p, double n)", "a length that is no integer"),
    ] {
        let errors = function(text).check().expect_err(text);
        assert_eq!(errors.len(), 1, "{text}: {errors:?}");
        assert!(errors[0].message().contains(message), "{text}: {}", errors[0]);
    }
    let error = FunctionSignature::parse("cstr const char *f(void)").expect_err("no lifetime");
    assert!(error.help().contains("cstr free(function)"), "{error}");
}

#[test]
fn constants_are_computed() {
    let text = "enum e { A = 3, B, C = A << 4 | 1, D = -1, E = sizeof(long) == 8 ? 'x' : 0 };\n\
                struct s { char a[(1024 / (8 * sizeof (unsigned long int)))]; int b[B]; };";
    let document = read(text, Dialect::Header);
    assert!(document.left_out.is_empty(), "{:?}", document.left_out);
    let Some(Declaration::Enum(made)) = document.items.first().map(|item| &item.declaration) else {
        panic!("an enum");
    };
    let values: Vec<_> = made.members().iter().map(|member| member.1).collect();
    assert_eq!(values, [3, 4, 49, -1, 120]);
    assert_eq!(made.integer(), Integer::Int);
    assert_eq!(document.structs().next().expect("s").layout().expect("sized").size, 32);
}

#[test]
fn anonymous_members_stand_among_the_others() {
    let text = "struct s { int a; union { long b; struct { short c; short d; }; }; char e; };";
    let document = read(text, Dialect::Header);
    let members = document.structs().next().expect("s").members().expect("sized");
    let places: Vec<_> = members.iter().map(|m| (m.name.as_str(), m.offset)).collect();
    assert_eq!(places, [("a", 0), ("b", 8), ("c", 8), ("d", 10), ("e", 16)]);
}

#[test]
fn schemas_follow_the_compiler_and_refuse_the_rest_with_help() {
    let document = annotated(
        "enum kind { NONE, SOME = 5 };\n\
         struct point { float x, y; };\n\
         struct row { uint8_t id[3]; enum kind _kind; struct point At[2]; size_t n; };",
    );
    assert!(document.left_out.is_empty(), "{:?}", document.left_out);
    let row = document.structs().nth(1).expect("row");
    let schema = row.schema().expect("a schema");
    let text = "struct { id: data[3] kind: enum { NONE SOME = 5 } at: list<Point>[2] n: u64 }";
    assert_eq!(schema.root().to_string(), text);
    assert_eq!(schema.root().layout().map(|l| l.size), Some(row.layout().expect("sized").size));
    for (field, help) in [
        ("char *name", "an index"),
        ("int flag : 3", "mask its bits"),
        ("long double x", "double"),
        ("union { int a; float b; } u", "tagged_union"),
        ("char text[]", "give it a length"),
    ] {
        let document = annotated(&format!("struct s {{ int first; {field}; }};"));
        let told = match document.structs().next() {
            Some(made) => made.schema().expect_err(field).to_string(),
            None => document.left_out[0].error.to_string(),
        };
        assert!(told.contains(help), "{field}: {told}");
    }
    let packed = StructDefinition::new("p").field("a", CType::Char).field("b", CType::INT).packed();
    assert_eq!(packed.layout().map(|layout| layout.size), Ok(5));
    assert!(packed.schema().expect_err("packed").to_string().contains("packed"));
}

#[test]
fn char_has_the_sign_of_the_target_and_long_has_64_bits() {
    let expected = if cfg!(target_arch = "aarch64") { Type::U8 } else { Type::I8 };
    assert_eq!(CType::Char.bare(), Ok(expected));
    assert_eq!(CType::LONG.bare(), Ok(Type::I64));
}

#[test]
fn what_is_left_out_does_not_hide_what_follows() {
    let document = read(
        "static inline int a(void) { return 1; }\nint b(unknown_t x);\nextern int c;\n\
         typedef float v4 __attribute__((vector_size(16)));\n\
         struct f { int x : 3; int y; };\nint d(int);",
        Dialect::Header,
    );
    let left: Vec<_> = document.left_out.iter().map(|left| left.name.as_str()).collect();
    assert_eq!(left, ["a", "b", "c", "v4", "f"]);
    assert_eq!(document.functions().map(|f| f.name()).collect::<Vec<_>>(), ["d"]);
}

#[test]
fn machines_differ_in_what_the_table_says_and_in_nothing_else() {
    let machines = [Abi::X86_64, Abi::AARCH64];
    assert_eq!(machines.map(|abi| abi.char_is_signed), [true, false]);
    assert_eq!(machines.map(|abi| abi.long_double_mantissa_bits), [64, 113]);
    let made = StructDefinition::new("all")
        .field("letter", CType::Char)
        .field("text", CType::Char.array(5))
        .field("half", CType::Integer(Integer::Short))
        .field("whole", CType::LONG)
        .field("flag", CType::Bool)
        .field("real", CType::Double);
    let [x86, arm] = machines.map(|abi| made.schema_for(&abi).expect("it can be shared"));
    assert_eq!(x86.root().layout(), arm.root().layout());
    let texts = [&x86, &arm].map(|schema| schema.to_string());
    assert!(texts[0].contains("letter: i8") && texts[1].contains("letter: u8"), "{texts:?}");
    let differences = crate::difference(x86.root(), arm.root());
    let told: Vec<String> = differences.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "the letter and the text: {told:?}");
    assert_ne!(x86.root().layout_id(), arm.root().layout_id(), "so they do not share it");
    for abi in &machines {
        let error = CType::LongDouble.bare_for(abi).expect_err("it differs");
        assert!(error.to_string().contains("long double"), "{error}");
        for ty in [CType::INT, CType::UNSIGNED_LONG, CType::Float, CType::Bool, CType::BYTE] {
            assert_eq!(ty.bare_for(abi), ty.bare(), "{ty}");
        }
    }
}

#[test]
fn sizes_and_alignments_are_those_of_lp64() {
    for (text, size) in [
        ("_Bool", 1),
        ("char", 1),
        ("short", 2),
        ("int", 4),
        ("long", 8),
        ("long long", 8),
        ("__int128", 16),
        ("float", 4),
        ("double", 8),
        ("long double", 16),
        ("void *", 8),
        ("size_t", 8),
        ("enum small { A, B = 0x7fffffff }", 4),
        ("enum large { C = 0x100000000 }", 8),
    ] {
        let document = annotated(&format!("struct s {{ char first; {text} field; }};"));
        let made = document.structs().last().unwrap_or_else(|| panic!("{text}: {document:?}"));
        let layout = made.layout().unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((layout.size, layout.align), (2 * size, size), "{text}");
    }
}
