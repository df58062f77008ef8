//! Values that look random, of any type.

use barewire::value::Value;
use barewire_schema::Type;

use crate::random::Random;

/// The most items of what has no cap. Few, so that damage often meets what matters.
const UNBOUNDED: u64 = 5;

/// Small and large numbers, each about as often.
fn number(random: &mut Random) -> u64 {
    let bits = random.below(65) as u32;
    random.next().checked_shr(bits).unwrap_or(0)
}

fn text(random: &mut Random, cap: u64) -> String {
    let mut text = String::new();
    for _ in 0..random.below(cap + 1) {
        let choices = ['a', '\0', 'é', '€', '🦀', '\u{feff}'];
        let next = choices[random.below(6) as usize];
        if text.len() + next.len_utf8() <= cap as usize {
            text.push(next);
        }
    }
    text
}

/// Any value of a type; what is unbounded gets few items.
pub(crate) fn any_value(random: &mut Random, ty: &Type) -> Value {
    let octets = |random: &mut Random, len| (0..len).map(|_| random.next() as u8).collect();
    match ty.resolved() {
        Type::UInt => Value::UInt(number(random)),
        Type::Int => Value::Int(number(random) as i64),
        Type::U8 => Value::U8(random.next() as u8),
        Type::U16 => Value::U16(random.next() as u16),
        Type::U32 => Value::U32(random.next() as u32),
        Type::U64 => Value::U64(random.next()),
        Type::I8 => Value::I8(random.next() as i8),
        Type::I16 => Value::I16(random.next() as i16),
        Type::I32 => Value::I32(random.next() as i32),
        Type::I64 => Value::I64(random.next() as i64),
        Type::F32 => Value::F32(f32::from_bits(random.next() as u32)),
        Type::F64 => Value::F64(f64::from_bits(random.next())),
        Type::Bool => Value::Bool(random.below(2) == 1),
        Type::Str { cap } => Value::Str(text(random, cap.unwrap_or(UNBOUNDED))),
        Type::Data { cap } => {
            let len = random.below(cap.unwrap_or(UNBOUNDED) + 1);
            Value::Data(octets(random, len))
        }
        Type::DataFixed { len } => Value::Data(octets(random, *len)),
        Type::Enum(members) => {
            Value::Enum(members[random.below(members.len() as u64) as usize].value)
        }
        Type::Optional(item) => {
            let present = random.below(3) > 0;
            Value::optional(present.then(|| any_value(random, item.get())))
        }
        Type::List { item, cap } => {
            let len = random.below(cap.unwrap_or(UNBOUNDED) + 1);
            Value::List((0..len).map(|_| any_value(random, item.get())).collect())
        }
        Type::ListFixed { item, len } => {
            Value::List((0..*len).map(|_| any_value(random, item.get())).collect())
        }
        Type::Map { key, value, cap } => {
            let mut pairs: Vec<(Value, Value)> = Vec::new();
            for _ in 0..random.below(cap.unwrap_or(UNBOUNDED) + 1) {
                let key = any_value(random, key.get());
                if pairs.iter().all(|(known, _)| *known != key) {
                    pairs.push((key, any_value(random, value.get())));
                }
            }
            Value::Map(pairs)
        }
        Type::Union(members) => {
            let member = &members[random.below(members.len() as u64) as usize];
            Value::Union(member.tag, Box::new(any_value(random, member.ty.get())))
        }
        Type::Struct(fields) => Value::structure(
            fields.iter().map(|field| (field.name.clone(), any_value(random, field.ty.get()))),
        ),
        Type::Void | Type::User { .. } => Value::Void,
    }
}
