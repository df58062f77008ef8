//! Each mistake gives one error that says what to do, and what is right compiles.

#[test]
fn each_mistake_gives_one_error_with_help() {
    let cases = trybuild::TestCases::new();
    cases.compile_fail("tests/ui/*.rs");
}

#[test]
fn what_is_right_compiles_under_any_names() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
}
