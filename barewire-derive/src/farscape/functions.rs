//! The type of a library, with a method for each function.

use barewire_schema::c::{
    CType, Declaration, Document, FunctionSignature, Lifetime, Pass, Returns, Source,
};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};

use super::tokens::Spanned;
use super::{calls, ident, types};

/// The library, its table of functions, and its methods.
pub(super) fn library(
    document: &Document,
    source: &Source,
    path: &TokenStream,
    tokens: &Spanned,
) -> TokenStream {
    let farscape = quote!(#path::farscape);
    let parts = quote!(#farscape::parts);
    let name = ident(&source.name, tokens.span(source.token));
    let text = &source.name;
    let mut table = Vec::new();
    let mut methods = Vec::new();
    for item in &document.items {
        let Declaration::Function(function) = &item.declaration else { continue };
        methods.push(calls::method(function, table.len(), &item.docs, &farscape));
        table.push(entry(function, source.linked, &parts));
    }
    let files: Vec<&String> =
        if source.linked { Vec::new() } else { source.files.iter().collect() };
    let externs = if source.linked { externs(document, source) } else { TokenStream::new() };
    let doc = format!(" The library `{text}`: started once, then called as if it were here.");
    quote! {
        #[doc = #doc]
        #[derive(Debug, Clone)]
        pub struct #name(#parts::Instance);

        impl #name {
            /// What `farscape::serve` wants to know.
            pub const LIBRARY: &'static #farscape::Library = {
                #externs
                static TABLE: &[#parts::Function] = &[#(#table),*];
                &#parts::Library { name: #text, files: &[#(#files),*], functions: TABLE }
            };

            /// Starts the library.
            ///
            /// # Errors
            ///
            /// If the library or a function of it is missing, or no worker can be started.
            pub fn start(options: &#farscape::Options) -> #farscape::Result<Self> {
                #parts::core::result::Result::Ok(
                    Self(#parts::Instance::start(Self::LIBRARY, options)?)
                )
            }

            /// The same library, whose calls may take so long.
            #[must_use]
            pub fn within(&self, timeout: #parts::core::time::Duration) -> Self {
                Self(self.0.within(timeout))
            }

            /// A buffer in the memory that the workers share.
            ///
            /// # Errors
            ///
            /// If there is no room.
            pub fn buffer(&self, bytes: usize) -> #farscape::Result<#farscape::Buffer> {
                self.0.buffer(bytes)
            }

            /// The library as such.
            #[must_use]
            pub fn instance(&self) -> &#parts::Instance {
                &self.0
            }

            #(#methods)*
        }
    }
}

fn linked_name(symbol: &str) -> syn::Ident {
    format_ident!("linked_{}", symbol)
}

/// Declarations for the linker alone: the addresses are all that is taken.
fn externs(document: &Document, source: &Source) -> TokenStream {
    let mut symbols = std::collections::BTreeSet::new();
    for function in document.functions() {
        symbols.insert(function.symbol().to_owned());
        if let Returns::CStr(Lifetime::Free(free)) = function.returned() {
            symbols.insert(free.clone());
        }
    }
    let links = source.files.iter().map(|file| quote!(#[link(name = #file)]));
    let declared = symbols.iter().map(|symbol| {
        let name = linked_name(symbol);
        quote!(#[link_name = #symbol] fn #name();)
    });
    quote! {
        #(#links)*
        #[allow(clashing_extern_declarations)]
        unsafe extern "C" { #(#declared)* }
    }
}

fn kind(ty: Option<&CType>, parts: &TokenStream) -> TokenStream {
    let name = ty.and_then(types::marker).unwrap_or_else(|| "void".to_owned());
    quote!(const { #parts::kind_of(#name) })
}

/// The entry of a function in the table.
fn entry(function: &FunctionSignature, linked: bool, parts: &TokenStream) -> TokenStream {
    let core = quote!(#parts::core);
    let (name, symbol) = (function.name(), function.symbol());
    let slots = function.parameters().iter().map(|parameter| {
        let inner = parameter.ty.pointee();
        match parameter.pass {
            Pass::Value | Pass::Unstated | Pass::Null => quote!(#parts::Slot::Value),
            Pass::Opaque | Pass::Take => {
                let (kind, take) = (kind(inner, parts), parameter.pass == Pass::Take);
                quote!(#parts::Slot::Handle { kind: #kind, take: #take })
            }
            Pass::OutOpaque => {
                let kind = kind(inner.and_then(CType::pointee), parts);
                quote!(#parts::Slot::NewHandle { kind: #kind })
            }
            _ => quote!(#parts::Slot::Memory),
        }
    });
    let address = |symbol: &str| {
        if linked {
            let name = linked_name(symbol);
            let taken = quote!(#name as unsafe extern "C" fn() as *const #core::ffi::c_void);
            quote!(#core::option::Option::Some(|| #taken))
        } else {
            quote!(#core::option::Option::None)
        }
    };
    let give = match function.returned() {
        Returns::CStr(Lifetime::Free(free)) => {
            let address = address(free);
            quote!(#parts::Give::Text { free: #core::option::Option::Some(
                #parts::Free { symbol: #free, address: #address }
            ) })
        }
        Returns::CStr(_) => quote!(#parts::Give::Text { free: #core::option::Option::None }),
        Returns::Opaque => {
            let kind = kind(function.result().pointee(), parts);
            quote!(#parts::Give::Handle { kind: #kind })
        }
        _ => quote!(#parts::Give::Value),
    };
    let (pure, errno) = (function.is_pure(), function.has_errno());
    let (address, call) = (address(symbol), trampoline(function, parts));
    quote! {
        #parts::Function {
            name: #name,
            symbol: #symbol,
            slots: &[#(#slots),*],
            give: #give,
            pure: #pure,
            errno: #errno,
            address: #address,
            call: #call,
        }
    }
}

/// A function that calls another one, whose address it is given, with arguments of its types.
fn trampoline(function: &FunctionSignature, parts: &TokenStream) -> TokenStream {
    let core = quote!(#parts::core);
    let pointer = quote!(*mut #core::ffi::c_void);
    let mut types = Vec::new();
    let mut words = Vec::new();
    for (at, parameter) in function.parameters().iter().enumerate() {
        match parameter.ty {
            CType::Pointer { .. } => {
                types.push(pointer.clone());
                words.push(quote!(
                    #core::ptr::with_exposed_provenance_mut::<#core::ffi::c_void>(
                        words[#at] as usize
                    )
                ));
            }
            ref ty => {
                types.push(types::number(ty, &core));
                words.push(calls::of_bits(ty, &quote!(words[#at]), &core));
            }
        }
    }
    let (result, bits) = match function.result() {
        CType::Void => (quote!(()), quote!({ #core::mem::drop(result); 0 })),
        CType::Pointer { .. } => (
            pointer,
            quote!(#core::primitive::u64::try_from(result.expose_provenance()).unwrap_or(0)),
        ),
        ty => {
            let bits = calls::to_bits(ty, &quote!(result), &core);
            (types::number(ty, &core), bits)
        }
    };
    let name = ident("call", Span::call_site());
    quote!({
        #[allow(clippy::all, unused_variables, dropping_copy_types)]
        unsafe fn #name(address: *const #core::ffi::c_void, words: &#parts::Words) -> u64 {
            // SAFETY: the prototype that stands in the macro is that of the function.
            let function = unsafe {
                #core::mem::transmute::<
                    *const #core::ffi::c_void,
                    unsafe extern "C" fn(#(#types),*) -> #result,
                >(address)
            };
            // SAFETY: as above; the arguments are what the caller of this promises.
            let result = unsafe { function(#(#words),*) };
            #bits
        }
        #name
    })
}
