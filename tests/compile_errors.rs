//! Each mistake gives one error that says what to do, and what is right compiles.

#[test]
fn each_mistake_gives_one_error_with_help() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}

/// What depends on several types is known when code is made of them, and not before.
#[test]
fn each_mistake_across_types_gives_one_error_too() {
    let cases = trybuild::TestCases::new();
    // With a case that passes, the others are built and not only checked.
    cases.pass("tests/ui/pass/keywords.rs");
    cases.compile_fail("tests/ui/built/*.rs");
}

#[test]
fn what_is_right_compiles_under_any_names() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
}

#[cfg(feature = "farscape")]
#[test]
fn each_mistake_in_a_declaration_of_c_gives_one_error() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/farscape/*.rs");
}
