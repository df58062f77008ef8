//! Words that people write, and the ones that BARE has for them.

/// The words that begin a type.
pub const TYPES: [&str; 22] = [
    "uint", "int", "u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64", "f32", "f64", "bool",
    "str", "data", "void", "enum", "optional", "list", "map", "union", "struct",
];

/// What BARE says today for a word of older BARE, of Rust or of another language.
#[must_use]
pub fn today(word: &str) -> Option<&'static str> {
    Some(match word {
        "string" | "String" | "char" | "text" => "str",
        "Vec" | "array" | "vec" => "list<T>",
        "Option" | "option" => "optional<T>",
        "HashMap" | "BTreeMap" => "map<K><V>",
        "bytes" | "Bytes" => "data",
        "float" => "f32",
        "double" => "f64",
        "boolean" => "bool",
        "usize" => "u64",
        "isize" => "i64",
        "e8" | "e16" | "e32" => "enum",
        _ => return None,
    })
}

/// The known word nearest to `word`, if it is near enough to be a slip.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let limit = 1 + word.len() / 3;
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, y) in row.iter_mut().skip(1).zip(b.bytes()) {
            let here = (diagonal + usize::from(x != y)).min(left + 1).min(*cell + 1);
            diagonal = *cell;
            *cell = here;
            left = here;
        }
    }
    row.last().copied().unwrap_or(0)
}
