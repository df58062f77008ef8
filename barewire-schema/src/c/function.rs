//! What must hold for a prototype that can be called.

use super::document::{Declaration, Dialect, Document};
use super::lex::Tokens;
use super::model::{CError, CType, FunctionSignature, Lifetime, Parameter, Pass, Returns};
use super::notes::{CHOICES, RESULT_CHOICES};

/// The most parameters of a function that can be called.
pub const MAX_PARAMETERS: usize = 16;

impl FunctionSignature {
    /// The prototype that a text gives, with its annotations.
    ///
    /// # Errors
    ///
    /// If it is not one prototype.
    pub fn parse(text: &str) -> Result<Self, CError> {
        let tokens = Tokens::of_text(&format!("{};", text.trim_end().trim_end_matches(';')))?;
        let document = Document::read(&tokens, Dialect::Annotated);
        if let Some(left) = document.left_out.first() {
            return Err(left.error.clone());
        }
        let function = document.items.iter().find_map(|item| match &item.declaration {
            Declaration::Function(function) => Some(Self::clone(function)),
            _ => None,
        });
        function.ok_or_else(|| CError::new(0, "expected the prototype of a function", ""))
    }

    /// Whether the function can be called: every pointer says what it means, and nothing
    /// contradicts another.
    ///
    /// # Errors
    ///
    /// Everything that is wrong.
    pub fn check(&self) -> Result<(), Vec<CError>> {
        let mut errors = Vec::new();
        if self.variadic {
            let help = "declare it with the arguments of one use, if the ABI allows, or wrap it";
            errors.push(CError::new(self.token, "`...` cannot be called from here", help));
        }
        if self.parameters.len() > MAX_PARAMETERS {
            let message = format!("a function has at most {MAX_PARAMETERS} parameters here");
            errors.push(CError::new(self.token, message, "wrap it in one that takes a struct"));
        }
        self.check_result(&mut errors);
        for (index, parameter) in self.parameters.iter().enumerate() {
            let fault = self.check_parameter(parameter);
            errors.extend(fault.map(|(message, help)| {
                let named = match parameter.name.as_str() {
                    "" => format!("parameter {}", index + 1),
                    name => format!("`{name}`"),
                };
                CError::new(parameter.token, format!("{named} {message}"), help)
            }));
            let before = &self.parameters[..index];
            if !parameter.name.is_empty() && before.iter().any(|p| p.name == parameter.name) {
                let message = format!("`{}` is there twice", parameter.name);
                errors.push(CError::new(parameter.token, message, "give it another name"));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    fn check_result(&self, errors: &mut Vec<CError>) {
        let mut push = |message: String, help: &str| {
            errors.push(CError::new(self.token, message, help));
        };
        match (&self.returns, &self.result) {
            (Returns::Unstated, _) => push(
                format!("the pointer that `{}` returns is unstated", self.name),
                RESULT_CHOICES,
            ),
            (Returns::CStr(lifetime), CType::Pointer { to, .. }) if is_text(to) => {
                if let Lifetime::Of(handle) = lifetime
                    && !self.find(handle).is_some_and(|p| p.pass == Pass::Opaque)
                {
                    let message = format!("`{handle}` is no `opaque` parameter of this function");
                    push(message, "name the handle that the text belongs to");
                }
            }
            (Returns::CStr(_), _) => push("`cstr` is for a pointer to char".to_owned(), ""),
            (Returns::Opaque, CType::Pointer { .. }) => {}
            (Returns::Opaque, _) => push("`opaque` is for a pointer".to_owned(), ""),
            (Returns::Nothing, CType::Void) => {}
            (_, result) => {
                if !is_number(result) {
                    push(format!("`{result}` cannot be returned"), "return it through `out`");
                }
            }
        }
    }

    /// What is wrong with a parameter, and what to write.
    fn check_parameter(&self, parameter: &Parameter) -> Option<(String, String)> {
        let said = |message: &str, help: &str| Some((message.to_owned(), help.to_owned()));
        let to = match &parameter.ty {
            CType::Pointer { to, .. } => to,
            ty => {
                return match parameter.pass {
                    Pass::Value if is_number(ty) => None,
                    Pass::Value | Pass::Unstated => {
                        said(&format!("of type `{ty}` cannot be passed by value"), "pass a pointer")
                    }
                    _ => {
                        said("is no pointer, so nothing needs to be said of it", "remove the word")
                    }
                };
            }
        };
        let (written, constant) = match &parameter.pass {
            Pass::Unstated | Pass::Value => return said("is a pointer that says nothing", CHOICES),
            Pass::Null => return None,
            Pass::CStr => {
                return (!is_text(to)).then(|| ("is no text".to_owned(), CHOICES.to_owned()));
            }
            Pass::Opaque | Pass::Take => return None,
            Pass::OutOpaque => {
                let double = matches!(**to, CType::Pointer { .. });
                let help = "`out opaque` is for `T **`, where the function puts a handle";
                return if double { None } else { said("is no pointer to a pointer", help) };
            }
            Pass::In { .. } => (false, parameter.ty.is_constant_pointer()),
            Pass::Out { .. } | Pass::InOut { .. } => (true, parameter.ty.is_constant_pointer()),
        };
        if written && constant {
            return said("points to `const`, which is not written", "write `in`");
        }
        let count = match &parameter.pass {
            Pass::In { len } | Pass::InOut { len } => len.as_ref(),
            Pass::Out { cap } => cap.as_ref(),
            _ => None,
        };
        if matches!(**to, CType::Void) && count.is_none() {
            return said("is a `void *` without a length", "say `len(..)` or `cap(..)`, in bytes");
        }
        if let Some(count) = count {
            if !matches!(**to, CType::Void) && !is_number(to) {
                return said("has items that are no numbers", "pass a single value");
            }
            let Some(found) = self.find(count) else {
                let message = format!("names `{count}`, which is no parameter of this function");
                return said(&message, "name the parameter that holds the number of items");
            };
            let inner = match (&found.ty, &found.pass) {
                (CType::Pointer { to, .. }, Pass::InOut { len: None }) => to,
                (ty, Pass::Value) => ty,
                _ => return said("has a length that is no number", "an integer, or `inout` one"),
            };
            if !matches!(inner, CType::Integer(_)) {
                return said("has a length that is no integer", "an integer, or `inout` one");
            }
            return None;
        }
        match &**to {
            ty if is_number(ty) => None,
            CType::Struct(definition) => match definition.schema() {
                Ok(_) => None,
                Err(error) => Some((format!("cannot be shared: {}", error.message), error.help)),
            },
            _ => said("leads to what cannot be shared", CHOICES),
        }
    }
}

/// Whether it goes in a register as a number of up to 64 bits.
#[must_use]
pub(super) fn is_number(ty: &CType) -> bool {
    match ty {
        CType::Bool | CType::Char | CType::Float | CType::Double | CType::Enum(_) => true,
        CType::Integer(integer) => integer.shape().0 <= 8,
        _ => false,
    }
}

/// Whether it is a character.
fn is_text(ty: &CType) -> bool {
    matches!(ty, CType::Char) || matches!(ty, CType::Integer(integer) if integer.shape().0 == 1)
}
