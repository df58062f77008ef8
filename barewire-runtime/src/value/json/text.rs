//! What JSON has no form for, as strings: octets, and floats that are no numbers.

use serde_json::{Number, Value as Json};

/// Octets as `0x` and two digits each.
pub(super) fn hex(octets: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(2 + 2 * octets.len());
    text.push_str("0x");
    for octet in octets {
        text.push(char::from(DIGITS[usize::from(octet >> 4)]));
        text.push(char::from(DIGITS[usize::from(octet & 15)]));
    }
    text
}

/// The octets that such a string says.
pub(super) fn octets(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x")?.as_bytes();
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16);
    pairs.iter().map(|[high, low]| Some((digit(*high)? << 4 | digit(*low)?) as u8)).collect()
}

macro_rules! floats {
    (
        $($write:ident, $read:ident, $float:ident, $bits:ident, $nan:literal, $digits:literal;)*
    ) => {$(
        /// A float as JSON.
        pub(super) fn $write(value: $float) -> Json {
            if value.is_nan() {
                let bits = value.to_bits();
                return if bits == $nan {
                    Json::from("NaN")
                } else {
                    Json::from(format!(concat!("NaN:{:0", $digits, "x}"), bits))
                };
            }
            // The shortest decimal that names this float, if reading gives the same one again.
            let shortest = value.to_string().parse::<f64>().unwrap_or(f64::from(value));
            let same = (shortest as $float).to_bits() == value.to_bits();
            let exact = if same { shortest } else { f64::from(value) };
            let infinity = if value > 0.0 { "Infinity" } else { "-Infinity" };
            Number::from_f64(exact).map_or_else(|| Json::from(infinity), Json::Number)
        }

        /// The float that JSON says.
        pub(super) fn $read(json: &Json) -> Option<$float> {
            let Json::String(text) = json else {
                let value = json.as_f64()? as $float;
                return value.is_finite().then_some(value);
            };
            Some(match text.as_str() {
                "NaN" => $float::from_bits($nan),
                "Infinity" => $float::INFINITY,
                "-Infinity" => $float::NEG_INFINITY,
                text => {
                    let bits = text.strip_prefix("NaN:").filter(|bits| bits.len() == $digits)?;
                    let value = $float::from_bits($bits::from_str_radix(bits, 16).ok()?);
                    value.is_nan().then_some(value)?
                }
            })
        }
    )*};
}

floats! {
    write_f32, read_f32, f32, u32, 0x7fc0_0000, 8;
    write_f64, read_f64, f64, u64, 0x7ff8_0000_0000_0000, 16;
}
