//! Names: from Rust's habits to BARE's, and the nearest known word to a misspelt one.

pub(crate) use barewire_schema::words::nearest;
use syn::ext::IdentExt as _;

/// The identifier without `r#`.
pub(crate) fn plain(ident: &syn::Ident) -> String {
    ident.unraw().to_string()
}

/// `[A-Z][A-Za-z0-9]*`
pub(crate) fn is_type_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric())
}

/// `[A-Z][A-Z0-9_]*`
pub(crate) fn is_member_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// `[a-z][A-Za-z0-9_]*`
pub(crate) fn is_field_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// `join_room`, `JOIN_ROOM` and `JoinRoom` become `JoinRoom`.
pub(crate) fn camel(name: &str) -> String {
    let shouting = !name.chars().any(|c| c.is_ascii_lowercase());
    let mut out = String::new();
    for word in name.split('_').filter(|word| !word.is_empty()) {
        let mut chars = word.chars();
        out.extend(chars.next().map(|c| c.to_ascii_uppercase()));
        let rest = chars.as_str();
        if shouting && name.len() > 1 {
            out.push_str(&rest.to_ascii_lowercase());
        } else {
            out.push_str(rest);
        }
    }
    out
}

/// A type's name in BARE's form: the first letter large, no underscores.
pub(crate) fn type_name(name: &str) -> String {
    if is_type_name(name) { name.to_owned() } else { camel(name) }
}

/// `JoinRoom` becomes `JOIN_ROOM`; `HTTPError` becomes `HTTP_ERROR`.
pub(crate) fn shouting(name: &str) -> String {
    if is_member_name(name) {
        return name.to_owned();
    }
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (i, &c) in chars.iter().enumerate() {
        let before = i.checked_sub(1).and_then(|i| chars.get(i)).copied();
        let after_small = before.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let starts_word = before.is_some_and(|b| b.is_ascii_uppercase())
            && chars.get(i + 1).is_some_and(|a| a.is_ascii_lowercase());
        if c.is_ascii_uppercase() && (after_small || starts_word) {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

/// The words of `joinRoom`, `JoinRoom`, `join_room` and `JOIN_ROOM`.
fn words(name: &str) -> Vec<String> {
    shouting(name).split('_').filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// `join_room` becomes `joinRoom`.
pub(crate) fn small_camel(name: &str) -> String {
    let mut out = String::new();
    for (index, word) in words(name).iter().enumerate() {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if index > 0 => out.extend(first.to_uppercase()),
            Some(first) => out.push(first),
            None => {}
        }
        out.push_str(chars.as_str());
    }
    out
}

/// `joinRoom` becomes `join_room`.
pub(crate) fn snake(name: &str) -> String {
    words(name).join("_")
}

/// `joinRoom` becomes `joinroom`.
pub(crate) fn flat(name: &str) -> String {
    words(name).concat()
}

/// `JoinRoom` becomes `JOINROOM`.
pub(crate) fn flat_shouting(name: &str) -> String {
    words(name).concat().to_uppercase()
}
