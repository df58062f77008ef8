//! Functions by signatures that are known only at run time.

use crate::engine::Loaded;

#[cfg(not(feature = "ffi"))]
pub(crate) fn load(_: &[String], _: &[String]) -> Result<Vec<Loaded>, String> {
    Err("this program was built without the feature `ffi`".to_owned())
}

#[cfg(feature = "ffi")]
pub use with_ffi::{Argument, Dynamic, Outcome, Untyped};
#[cfg(feature = "ffi")]
pub(crate) use with_ffi::{Foreign, load};

#[cfg(feature = "ffi")]
mod with_ffi {
    use std::ffi::{CStr, CString, c_void};

    use barewire_schema::c::{CType, FunctionSignature, Integer, Lifetime, Pass, Returns};
    use libffi::middle::{Arg, Cif, CodePtr, Type};

    use super::Loaded;
    use crate::arena::Buffer;
    use crate::engine::{Invoke, open, symbol};
    use crate::error::{Error, ErrorKind, Result};
    use crate::instance::{Instance, Options};
    use crate::library::{Slot, kind_of};
    use crate::mailbox::Words;
    use crate::stage::{Handle, Input, Output};

    /// Calls a function whose types are known only now.
    pub(crate) struct Foreign {
        cif: Cif,
        parameters: Vec<CType>,
        result: CType,
    }

    fn ffi_type(ty: &CType) -> Type {
        match ty {
            CType::Void => Type::void(),
            CType::Float => Type::f32(),
            CType::Double => Type::f64(),
            CType::Bool => Type::u8(),
            CType::Char if barewire_schema::c::CHAR_IS_SIGNED => Type::i8(),
            CType::Char => Type::u8(),
            CType::Integer(integer) => by_shape(*integer),
            CType::Enum(made) => by_shape(made.integer()),
            _ => Type::pointer(),
        }
    }

    fn by_shape(integer: Integer) -> Type {
        match integer.shape() {
            (1, true) => Type::i8(),
            (1, false) => Type::u8(),
            (2, true) => Type::i16(),
            (2, false) => Type::u16(),
            (4, true) => Type::i32(),
            (4, false) => Type::u32(),
            (_, true) => Type::i64(),
            (_, false) => Type::u64(),
        }
    }

    impl Foreign {
        fn new(signature: &FunctionSignature) -> Self {
            let parameters: Vec<CType> =
                signature.parameters().iter().map(|parameter| parameter.ty.clone()).collect();
            let cif = Cif::new(parameters.iter().map(ffi_type), ffi_type(signature.result()));
            Self { cif, parameters, result: signature.result().clone() }
        }

        /// Calls the function at an address.
        ///
        /// # Safety
        ///
        /// It has the signature that this was made with, and bears the arguments.
        pub(crate) unsafe fn call(&self, address: *const c_void, words: &Words) -> u64 {
            // Little-endian: the low bytes of a word are the value, whatever its width.
            let arguments: Vec<Arg<'_>> =
                words.iter().take(self.parameters.len()).map(Arg::new).collect();
            let code = CodePtr(address.cast_mut());
            match self.result {
                CType::Void => {
                    // SAFETY: the caller's promise.
                    unsafe { self.cif.call::<()>(code, &arguments) };
                    0
                }
                CType::Float => {
                    // SAFETY: as above.
                    u64::from(unsafe { self.cif.call::<f32>(code, &arguments) }.to_bits())
                }
                CType::Double => {
                    // SAFETY: as above.
                    unsafe { self.cif.call::<f64>(code, &arguments) }.to_bits()
                }
                // SAFETY: as above; libffi widens a smaller result to a word.
                _ => unsafe { self.cif.call::<u64>(code, &arguments) },
            }
        }
    }

    fn type_kind(ty: &CType) -> u32 {
        kind_of(&ty.to_string())
    }

    fn slot(signature: &FunctionSignature, index: usize) -> Slot {
        let parameter = &signature.parameters()[index];
        let inner = parameter.ty.pointee().unwrap_or(&parameter.ty);
        match parameter.pass {
            Pass::Value | Pass::Unstated | Pass::Null => Slot::Value,
            Pass::Opaque => Slot::Handle { kind: type_kind(&parameter.ty), take: false },
            Pass::Take => Slot::Handle { kind: type_kind(&parameter.ty), take: true },
            Pass::OutOpaque => Slot::NewHandle { kind: type_kind(inner) },
            Pass::In { .. } | Pass::Out { .. } | Pass::InOut { .. } | Pass::CStr => Slot::Memory,
        }
    }

    fn parse(prototypes: &[String]) -> Result<Vec<FunctionSignature>, String> {
        let mut signatures = Vec::new();
        for text in prototypes {
            let told = |error: &dyn std::fmt::Display| format!("`{text}`: {error}");
            let signature = FunctionSignature::parse(text).map_err(|error| told(&error))?;
            signature.check().map_err(|errors| told(&errors[0]))?;
            signatures.push(signature);
        }
        Ok(signatures)
    }

    pub(crate) fn load(files: &[String], prototypes: &[String]) -> Result<Vec<Loaded>, String> {
        let opened = open(files)?;
        let mut functions = Vec::new();
        for signature in parse(prototypes)? {
            let free = match signature.returned() {
                Returns::CStr(Lifetime::Free(free)) => Some(symbol(opened, free)?),
                _ => None,
            };
            let handle =
                (*signature.returned() == Returns::Opaque).then(|| type_kind(signature.result()));
            functions.push(Loaded {
                address: symbol(opened, signature.symbol())?,
                slots: (0..signature.parameters().len()).map(|at| slot(&signature, at)).collect(),
                text: matches!(signature.returned(), Returns::CStr(_)),
                free,
                handle,
                errno: signature.has_errno(),
                invoke: Invoke::Foreign(Foreign::new(&signature)),
            });
        }
        Ok(functions)
    }

    /// What a handle leads to, if only a signature at run time says so.
    #[derive(Debug)]
    pub enum Untyped {}

    /// An argument of a call by a signature that is known only at run time.
    #[derive(Debug)]
    pub enum Argument<'a> {
        /// An integer of any width; also a null pointer, as 0.
        Integer(i128),
        /// A `float` or a `double`.
        Float(f64),
        /// What the function reads.
        Bytes(&'a [u8]),
        /// What the function writes, or reads and writes.
        BytesMut(&'a mut [u8]),
        /// As both, without a copy.
        Buffer(&'a mut Buffer),
        /// Text.
        Text(&'a CStr),
        /// A handle.
        Handle(&'a Handle<Untyped>),
        /// Where a new handle goes.
        NewHandle(&'a mut Option<Handle<Untyped>>),
    }

    /// What a call gave back.
    #[derive(Debug)]
    pub struct Outcome {
        /// An integer, by its C type; a float as its bits.
        pub value: i128,
        /// A text that was returned.
        pub text: Option<CString>,
        /// A handle that was returned.
        pub handle: Option<Handle<Untyped>>,
        /// `errno`, if the prototype asks for it.
        pub errno: i32,
    }

    /// A library whose functions are declared at run time, by prototypes with annotations.
    ///
    /// ```
    /// use barewire_farscape::{Argument, Dynamic, Options};
    ///
    /// # fn main() -> barewire_farscape::Result<()> {
    /// let prototypes = [
    ///     "int abs(int n)",
    ///     "double sqrt(double x)",
    ///     "size_t strlen(cstr const char *text)",
    /// ];
    /// // SAFETY: these are the prototypes of the C library.
    /// let options = unsafe { Options::in_process() };
    /// let c = Dynamic::start(&options, &["libm.so.6"], &prototypes)?;
    /// assert_eq!(c.call("abs", &mut [Argument::Integer(-7)])?.value, 7);
    /// assert_eq!(c.call("strlen", &mut [Argument::Text(c"seven")])?.value, 5);
    /// let root = c.call("sqrt", &mut [Argument::Float(2.25)])?.value;
    /// assert_eq!(f64::from_bits(root as u64), 1.5);
    /// # Ok(()) }
    /// ```
    #[derive(Debug)]
    pub struct Dynamic {
        instance: Instance,
        signatures: Vec<FunctionSignature>,
    }

    impl Dynamic {
        /// Starts a library.
        ///
        /// # Errors
        ///
        /// `InvalidArgument` for a prototype that says too little, `NotFound`, `NotStarted`, `Io`.
        pub fn start(options: &Options, files: &[&str], prototypes: &[&str]) -> Result<Self> {
            let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
            let texts: Vec<String> = prototypes.iter().map(|text| (*text).to_owned()).collect();
            let signatures = parse(&texts)
                .map_err(|told| Error::new(ErrorKind::InvalidArgument, "prototype", told))?;
            let known = signatures.iter().map(|one| (one.name().to_owned(), one.is_pure()));
            let name = files.first().cloned().unwrap_or_default();
            let instance =
                Instance::with(&name, files, texts.clone(), known.collect(), options, |files| {
                    load(files, &texts)
                })?;
            Ok(Self { instance, signatures })
        }

        /// The library as such.
        #[must_use]
        pub fn instance(&self) -> &Instance {
            &self.instance
        }

        /// A buffer in the memory that the workers share.
        ///
        /// # Errors
        ///
        /// `TooLarge` if there is no room.
        pub fn buffer(&self, bytes: usize) -> Result<Buffer> {
            self.instance.buffer(bytes)
        }

        /// Calls a function with an argument for each of its parameters, lengths included.
        ///
        /// # Errors
        ///
        /// `InvalidArgument` if the arguments do not fit the prototype; what became of the call.
        pub fn call(&self, name: &str, arguments: &mut [Argument<'_>]) -> Result<Outcome> {
            let found = self.signatures.iter().position(|one| one.name() == name);
            let Some(index) = found else {
                let detail = "no prototype of that name was given";
                return Err(Error::new(ErrorKind::NotFound, name, detail));
            };
            let signature = &self.signatures[index];
            check(signature, arguments)?;
            let mut routes = arguments.iter().filter_map(|argument| match argument {
                Argument::Handle(handle) => handle.route(),
                _ => None,
            });
            let route = routes.next();
            self.instance.call(index as u32, route, |stage| {
                let mut areas = Vec::new();
                for (argument, parameter) in arguments.iter_mut().zip(signature.parameters()) {
                    let area = match argument {
                        Argument::Integer(number) => {
                            stage.value(*number as u64);
                            None
                        }
                        Argument::Float(number) => {
                            let small = parameter.ty == CType::Float;
                            let wide = number.to_bits();
                            let narrow = u64::from((*number as f32).to_bits());
                            stage.value(if small { narrow } else { wide });
                            None
                        }
                        Argument::Handle(handle) => {
                            stage.handle(handle)?;
                            None
                        }
                        Argument::Bytes(bytes) => Some(bytes.lay(stage)?),
                        Argument::BytesMut(bytes) => Some(bytes.lay_out(stage)?),
                        Argument::Buffer(buffer) => Some(buffer.lay_out(stage)?),
                        Argument::Text(text) => Some(stage.lay_text(text)?),
                        Argument::NewHandle(_) => Some(stage.lay_handle()?),
                    };
                    if let Some(area) = &area {
                        stage.address(area);
                    }
                    areas.push(area);
                }
                if matches!(signature.returned(), Returns::CStr(_)) {
                    stage.expect_text()?;
                }
                let returned = stage.run()?;
                for (argument, area) in arguments.iter_mut().zip(&areas) {
                    match (argument, area) {
                        (Argument::BytesMut(bytes), Some(area)) => {
                            let len = bytes.len();
                            bytes.fetch(stage, area, len)?;
                        }
                        (Argument::NewHandle(place), Some(area)) => {
                            **place = stage.fetch_handle(area);
                        }
                        _ => {}
                    }
                }
                let bits = returned.bits();
                let text = match signature.returned() {
                    Returns::CStr(_) => stage.fetch_text(&returned)?,
                    _ => None,
                };
                let handle = match signature.returned() {
                    Returns::Opaque => stage.new_handle(bits),
                    _ => None,
                };
                let value = narrowed(signature.result(), bits);
                Ok(Outcome { value, text, handle, errno: returned.errno() })
            })
        }
    }

    /// The value of a result of this type.
    fn narrowed(ty: &CType, bits: u64) -> i128 {
        let (bytes, signed) = match ty {
            CType::Integer(integer) => integer.shape(),
            CType::Enum(made) => made.integer().shape(),
            CType::Char => (1, barewire_schema::c::CHAR_IS_SIGNED),
            CType::Bool => (1, false),
            CType::Void => return 0,
            _ => (8, false),
        };
        let shift = 64 - 8 * bytes as u32;
        match signed {
            true => i128::from((bits << shift).cast_signed() >> shift),
            false => i128::from(bits << shift >> shift),
        }
    }

    /// How many bytes stand behind an argument.
    fn bytes_of(argument: &Argument<'_>) -> Option<usize> {
        match argument {
            Argument::Bytes(bytes) => Some(bytes.len()),
            Argument::BytesMut(bytes) => Some(bytes.len()),
            Argument::Buffer(buffer) => Some(buffer.len()),
            _ => None,
        }
    }

    /// Whether the arguments are what the prototype wants, and as long as they say.
    fn check(signature: &FunctionSignature, arguments: &[Argument<'_>]) -> Result<()> {
        let fault =
            |detail: String| Err(Error::new(ErrorKind::InvalidArgument, signature.name(), detail));
        let parameters = signature.parameters();
        if parameters.len() != arguments.len() {
            let (expected, found) = (parameters.len(), arguments.len());
            return fault(format!("expected {expected} arguments, found {found}"));
        }
        for (parameter, argument) in parameters.iter().zip(arguments) {
            let float = matches!(parameter.ty, CType::Float | CType::Double);
            let fits = match (&parameter.pass, argument) {
                (Pass::Value, Argument::Float(_)) => float,
                (Pass::Value, Argument::Integer(number)) => {
                    !float && narrowed(&parameter.ty, *number as u64) == *number
                }
                (Pass::Null, Argument::Integer(0)) => true,
                (Pass::CStr, Argument::Text(_)) => true,
                (Pass::Opaque | Pass::Take, Argument::Handle(_)) => true,
                (Pass::OutOpaque, Argument::NewHandle(_)) => true,
                (Pass::In { .. }, argument) => bytes_of(argument).is_some(),
                (
                    Pass::Out { .. } | Pass::InOut { .. },
                    Argument::BytesMut(_) | Argument::Buffer(_),
                ) => true,
                _ => false,
            };
            if !fits {
                let expected = parameter.ty.declare(&parameter.name);
                return fault(format!("expected `{expected}`, found {argument:?}"));
            }
            if let Some(bytes) = bytes_of(argument) {
                let needed = needed(signature, arguments, parameter)?;
                if bytes < needed {
                    let name = &parameter.name;
                    return fault(format!("`{name}`: expected {needed} bytes, found {bytes}"));
                }
            }
        }
        Ok(())
    }

    /// How many bytes the function takes to stand behind a pointer.
    fn needed(
        signature: &FunctionSignature,
        arguments: &[Argument<'_>],
        parameter: &barewire_schema::c::Parameter,
    ) -> Result<usize> {
        let invalid =
            |detail: String| Error::new(ErrorKind::InvalidArgument, signature.name(), detail);
        let inner = parameter.ty.pointee().unwrap_or(&CType::Void);
        let item = if *inner == CType::Void {
            1
        } else {
            inner.layout().map_err(|error| invalid(error.to_string()))?.size
        };
        let (Pass::In { len } | Pass::InOut { len } | Pass::Out { cap: len }) = &parameter.pass
        else {
            return Ok(0);
        };
        let Some(len) = len else { return Ok(item as usize) };
        let at = signature.parameters().iter().position(|one| one.name == *len);
        let count = match at.map(|at| &arguments[at]) {
            Some(Argument::Integer(count)) => u64::try_from(*count).ok(),
            Some(Argument::Bytes(bytes)) => word(bytes),
            Some(Argument::BytesMut(bytes)) => word(bytes),
            _ => None,
        };
        let bytes = count.and_then(|count| count.checked_mul(item));
        bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .ok_or_else(|| invalid(format!("`{len}` is no length")))
    }

    /// A number of up to eight bytes.
    fn word(bytes: &[u8]) -> Option<u64> {
        let mut whole = [0; 8];
        whole.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(whole))
    }
}
