//! Parsing and emission on token streams, without a compiler behind them.

use proc_macro2::TokenStream;
use quote::quote;

use crate::names;

/// The messages of the errors in emitted code, without spaces between tokens.
fn errors(output: &TokenStream) -> Vec<String> {
    let file: syn::File = syn::parse2(output.clone()).expect("the output is Rust");
    let mut messages = Vec::new();
    for item in file.items {
        if let syn::Item::Macro(item) = item
            && item.mac.path.segments.last().is_some_and(|last| last.ident == "compile_error")
        {
            let text: syn::LitStr = item.mac.parse_body().expect("a message");
            messages.push(text.value());
        }
    }
    messages
}

fn derive(input: TokenStream) -> (String, Vec<String>) {
    let output = crate::derive(input);
    let errors = errors(&output);
    (output.to_string(), errors)
}

#[test]
fn a_struct_gives_all_implementations_and_a_layout() {
    let (code, errors) = derive(quote! {
        pub struct Reading { pub sensor: u32, #[bare(max = 32)] label: String }
    });
    assert!(errors.is_empty(), "{errors:?}");
    for part in ["BareSchema < () >", "Encode for", "Decode < '__de >", "FixedLayout < () >"] {
        assert!(code.contains(part), "{part} is missing");
    }
    assert!(code.contains("pub struct ReadingLayout"));
    assert!(code.contains("Max < { 32 } , () >"));
    assert!(code.contains("pub fn set_sensor") && code.contains("fn label"));
}

#[test]
fn caps_nest_and_pass_through_optionals() {
    let (code, errors) = derive(quote! {
        struct Message {
            #[bare(max = 8, item(max = 16))] names: Option<Vec<String>>,
            #[bare(max = 8, key(max = 4), value(max = 2))] ages: BTreeMap<String, Vec<u8>>,
        }
    });
    assert!(errors.is_empty(), "{errors:?}");
    assert!(code.contains("Max < { 8 } , :: barewire :: __private :: Max < { 16 } , () > >"));
    assert!(code.contains(
        "(:: barewire :: __private :: Max < { 4 } , () > , \
         :: barewire :: __private :: Max < { 2 } , () >)"
    ));
}

#[test]
fn a_borrowing_type_has_no_layout() {
    let (code, errors) = derive(quote!(
        struct Name<'a> {
            text: &'a str,
        }
    ));
    assert!(errors.is_empty(), "{errors:?}");
    assert!(code.contains("Decode < 'a > for Name < 'a , >"));
    assert!(!code.contains("FixedLayout"));
}

#[test]
fn each_bad_field_gives_one_error_and_a_stub_remains() {
    let (code, errors) = derive(quote! {
        struct Message {
            #[bare(max = 4)] size: usize,
            #[bare(maxx = 4)] text: String,
            fine: u8,
            #[bare(max = 4)] number: u32,
        }
    });
    assert_eq!(errors.len(), 3, "{errors:?}");
    let helps = ["use u64 or u32", "did you mean `max`?", "remove it"];
    for (error, help) in errors.iter().zip(helps) {
        assert!(error.contains(help), "{error}");
    }
    assert!(code.contains("FixedLayout < () > for Message"));
}

#[test]
fn tags_and_values_ascend_from_zero() {
    let (code, errors) = derive(quote!(
        enum Kind {
            JoinRoom,
            Leave = 300,
            HTTPError,
        }
    ));
    assert!(errors.is_empty(), "{errors:?}");
    for name in ["\"JOIN_ROOM\"", "\"LEAVE\"", "\"HTTP_ERROR\"", "301"] {
        assert!(code.contains(name), "{name} is missing");
    }
    let (_, errors) = derive(quote!(
        enum Kind {
            A = 3,
            B = 3,
            C = 1,
            D,
        }
    ));
    assert_eq!(errors.len(), 2, "{errors:?}");
}

#[test]
fn members_written_alike_become_types_of_their_own() {
    let (code, errors) = derive(quote!(
        enum Shape {
            Circle(f32),
            Square(f32),
            Text(String),
        }
    ));
    assert!(errors.is_empty(), "{errors:?}");
    assert!(code.contains("\"ShapeCircle\"") && code.contains("\"ShapeSquare\""));
    assert!(!code.contains("\"ShapeText\""));
}

#[test]
fn a_tag_beyond_32_bits_makes_the_layout_wider() {
    let (code, _) = derive(quote!(
        enum Kind {
            A,
            B = 4_294_967_296,
        }
    ));
    assert!(code.contains(
        "struct KindLayoutFields (:: barewire :: __private :: core :: primitive :: u64)"
    ));
}

#[test]
fn another_path_to_the_crate_is_used_everywhere() {
    let (code, errors) = derive(quote! {
        #[bare(crate = "other::path")]
        struct Message { id: u32 }
    });
    assert!(errors.is_empty(), "{errors:?}");
    assert!(!code.contains("barewire :: __private"));
}

#[test]
fn no_input_panics() {
    let inputs = [
        quote!(),
        quote!(
            fn f() {}
        ),
        quote!(
            struct S;
        ),
        quote!(
            enum E {}
        ),
        quote!(union U { a: u8 }),
        quote!(
            struct S {
                #[bare]
                a: u8,
            }
        ),
        quote!(
            struct S {
                #[bare()]
                a: u8,
            }
        ),
        quote!(
            struct S {
                #[bare(= 3)]
                a: u8,
            }
        ),
        quote!(
            struct S {
                #[bare(max(3))]
                a: Vec<u8>,
            }
        ),
        quote!(
            struct S {
                #[bare(max = 3, item = 4)]
                a: Vec<Vec<u8>>,
            }
        ),
        quote!(
            struct S<T: Copy = u8, const N: usize = 3>(T);
        ),
        quote!(
            enum E {
                A(u8) = -1,
                B,
            }
        ),
        quote!(
            enum E {
                A = 99999999999999999999999,
                B,
            }
        ),
        quote!(
            #[bare(crate = "1")]
            struct S(u8);
        ),
        quote!(
            #[bare(rename = 3)]
            struct S(u8);
        ),
        quote!(
            struct Größe {
                größe: u8,
            }
        ),
    ];
    for input in inputs {
        let text = input.to_string();
        let output = crate::derive(input);
        assert!(!errors(&output).is_empty() || text.contains("bare ()"), "accepted: {text}");
        let _ = crate::dsl::expand(output);
    }
}

#[test]
fn the_language_becomes_types_that_derive() {
    let output = crate::dsl::expand(quote! {
        /// A person.
        type Person struct {
            name: str[..64]
            type: optional<Kind>,
            emails: list<str[..32]>[..4]
            home: struct { street: str[..8] }
        }
    });
    assert_eq!(errors(&output).len(), 1, "Kind is not defined");
    let output = crate::dsl::expand(quote! {
        type Kind enum { PLAIN = 2 FANCY }
        type Person struct {
            name: str[..64]
            type: optional<Kind>,
            emails: list<str[..32]>[..4]
            home: struct { street: str[..8] }
            count: uint
        }
        type Any union { | Person = 4 | void | u8 }
    });
    assert!(errors(&output).is_empty(), "{:?}", errors(&output));
    let code = output.to_string();
    for part in [
        "pub r#type :",
        "bare (max = 4 , item (max = 32))",
        "pub struct PersonHome",
        "bare (varint)",
        "bare (tag = 4)",
        "Plain = 2",
    ] {
        assert!(code.contains(part), "{part} is missing in {code}");
    }
}

#[test]
fn old_spellings_are_told_what_to_write_today() {
    let cases = [
        (quote!(type A string), "write `str`"),
        (quote!(type A struct { x: []u8 }), "write `list<T>`"),
        (quote!(type A struct { x: [4]u8 }), "write `list<T>[4]`"),
        (quote!(type A map[str]u8), "write `map<K><V>`"),
        (quote!(type A (u8 | str)), "write `union { A | B }`"),
        (quote!(type A data<16>), "write `data[16]`"),
        (quote!(type A { x: u8 }), "write `type A struct { .. }`"),
        (
            quote!(
                struct A {
                    x: u8,
                }
            ),
            "write `type Name struct",
        ),
        (quote!(type A struct { x: optinal<u8> }), "write `optional`"),
    ];
    for (input, help) in cases {
        let text = input.to_string();
        let found = errors(&crate::dsl::expand(input));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert!(found.iter().all(|error| error.contains(help)), "{text}: {found:?}");
    }
}

#[test]
fn names_take_the_form_of_bare() {
    assert_eq!(names::shouting("JoinRoom"), "JOIN_ROOM");
    assert_eq!(names::shouting("V2"), "V2");
    assert_eq!(names::camel("JOIN_ROOM"), "JoinRoom");
    assert_eq!(names::camel("home_address"), "HomeAddress");
    assert_eq!(names::type_name("my_Type"), "MyType");
    assert_eq!(names::nearest("mx", &["max", "item"]), Some("max"));
    assert_eq!(names::nearest("colour", &["max", "item"]), None);
}
