//! The method that makes one call.

use barewire_schema::c::{CType, FunctionSignature, Parameter, Pass, Returns};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use super::{ident, types};

/// The parts of a method, as they are gathered from the parameters.
#[derive(Default)]
struct Parts {
    arguments: Vec<TokenStream>,
    /// Lays the arguments out, in their order.
    lay: Vec<TokenStream>,
    /// Fetches lengths, then what has them.
    lengths: Vec<TokenStream>,
    fetch: Vec<TokenStream>,
    /// What the method yields besides the result.
    outputs: Vec<TokenStream>,
    output_types: Vec<TokenStream>,
    route: Option<TokenStream>,
}

struct Names<'a> {
    farscape: &'a TokenStream,
    core: &'a TokenStream,
}

/// A number as bits.
pub(super) fn to_bits(ty: &CType, value: &TokenStream, core: &TokenStream) -> TokenStream {
    match ty {
        CType::Bool => quote!(#core::primitive::u64::from(#value)),
        CType::Float => quote!(#core::primitive::u64::from(#value.to_bits())),
        CType::Double => quote!(#value.to_bits()),
        _ => quote!(#value as #core::primitive::u64),
    }
}

/// A number from bits.
pub(super) fn of_bits(ty: &CType, bits: &TokenStream, core: &TokenStream) -> TokenStream {
    match ty {
        CType::Bool => quote!(#bits & 0xff != 0),
        CType::Float => quote!(f32::from_bits(#bits as u32)),
        CType::Double => quote!(f64::from_bits(#bits)),
        ty => {
            let number = types::number(ty, core);
            quote!(#bits as #number)
        }
    }
}

/// The parameters whose arrays have the number of items that `name` holds.
fn counted<'f>(function: &'f FunctionSignature, name: &str) -> Vec<&'f Parameter> {
    let counts = |parameter: &&Parameter| match &parameter.pass {
        Pass::In { len } | Pass::InOut { len } => len.as_deref() == Some(name),
        Pass::Out { cap } => cap.as_deref() == Some(name),
        _ => false,
    };
    function.parameters().iter().filter(counts).collect()
}

fn variable(parameter: &Parameter, index: usize) -> Ident {
    match parameter.name.as_str() {
        "" => format_ident!("argument{}", index),
        name => ident(name, Span::call_site()),
    }
}

fn handle_type(ty: Option<&CType>, names: &Names<'_>) -> TokenStream {
    let (farscape, core) = (names.farscape, names.core);
    match ty.and_then(types::marker) {
        Some(name) => {
            let name = ident(&name, Span::call_site());
            quote!(#farscape::Handle<#name>)
        }
        None => quote!(#farscape::Handle<#core::ffi::c_void>),
    }
}

/// The whole method of function number `index`.
pub(super) fn method(
    function: &FunctionSignature,
    index: usize,
    docs: &[String],
    farscape: &TokenStream,
) -> TokenStream {
    let core = quote!(#farscape::parts::core);
    let names = Names { farscape, core: &core };
    let mut parts = Parts::default();
    for (at, parameter) in function.parameters().iter().enumerate() {
        one(function, parameter, at, &names, &mut parts);
    }
    let (first, first_type, before) = result(function, &names);
    let mut outputs: Vec<TokenStream> = first.into_iter().chain(parts.outputs).collect();
    let mut types: Vec<TokenStream> = first_type.into_iter().chain(parts.output_types).collect();
    if function.has_errno() {
        outputs.push(quote!(returned.errno()));
        types.push(quote!(i32));
    }
    let (outputs, types) = match (outputs.as_slice(), types.as_slice()) {
        ([output], [ty]) => (output.clone(), ty.clone()),
        _ => (quote!((#(#outputs),*)), quote!((#(#types),*))),
    };
    let name = ident(function.name(), Span::call_site());
    let index = index as u32;
    let route = parts.route.unwrap_or_else(|| quote!(#core::option::Option::None));
    let (arguments, lay) = (&parts.arguments, &parts.lay);
    let (lengths, fetch) = (&parts.lengths, &parts.fetch);
    let prototype = format!(" `{}`", function.prototype());
    let docs = if docs.is_empty() { vec![prototype] } else { docs.to_vec() };
    quote! {
        #(#[doc = #docs])*
        #[doc = ""]
        #[doc = "# Errors"]
        #[doc = ""]
        #[doc = "What became of the call: see `farscape::ErrorKind`."]
        #[allow(non_snake_case, unused_variables, clippy::all)]
        pub fn #name(&self, #(#arguments),*) -> #farscape::Result<#types> {
            self.0.call(#index, #route, |stage| {
                #(#lay)*
                #before
                let returned = stage.run()?;
                #(#lengths)*
                #(#fetch)*
                #core::result::Result::Ok(#outputs)
            })
        }
    }
}

/// How the result is fetched, its type, and what must be done before the call.
fn result(
    function: &FunctionSignature,
    names: &Names<'_>,
) -> (Option<TokenStream>, Option<TokenStream>, TokenStream) {
    let core = names.core;
    match function.returned() {
        Returns::Nothing | Returns::Unstated => (None, None, TokenStream::new()),
        Returns::Value => {
            let value = of_bits(function.result(), &quote!(returned.bits()), core);
            (Some(value), Some(types::number(function.result(), core)), TokenStream::new())
        }
        Returns::CStr(_) => (
            Some(quote!(stage.fetch_text(&returned)?)),
            Some(quote!(#core::option::Option<::std::ffi::CString>)),
            quote!(stage.expect_text()?;),
        ),
        Returns::Opaque => {
            let ty = handle_type(function.result().pointee(), names);
            (
                Some(quote!(stage.new_handle(returned.bits()))),
                Some(quote!(#core::option::Option<#ty>)),
                TokenStream::new(),
            )
        }
    }
}

/// What one parameter adds to the method.
fn one(
    function: &FunctionSignature,
    parameter: &Parameter,
    at: usize,
    names: &Names<'_>,
    parts: &mut Parts,
) {
    let (farscape, core) = (names.farscape, names.core);
    let name = variable(parameter, at);
    let area = format_ident!("area{}", at);
    let inner = parameter.ty.pointee();
    let counts = counted(function, &parameter.name);
    if !parameter.name.is_empty() && !counts.is_empty() {
        return length(function, parameter, at, &counts, names, parts);
    }
    let place = quote!(stage.address(&#area););
    match &parameter.pass {
        Pass::Value | Pass::Unstated => {
            let ty = types::number(&parameter.ty, core);
            let bits = to_bits(&parameter.ty, &quote!(#name), core);
            parts.arguments.push(quote!(#name: #ty));
            parts.lay.push(quote!(stage.value(#bits);));
        }
        Pass::Null => parts.lay.push(quote!(stage.value(0);)),
        Pass::CStr => {
            parts.arguments.push(quote!(#name: &#core::ffi::CStr));
            parts.lay.push(quote!(let #area = stage.lay_text(#name)?; #place));
        }
        Pass::Opaque | Pass::Take => {
            let ty = handle_type(inner, names);
            let taken = parameter.pass == Pass::Take;
            let amp = if taken { quote!() } else { quote!(&) };
            parts.arguments.push(quote!(#name: #amp #ty));
            let reference = if taken { quote!(&#name) } else { quote!(#name) };
            parts.lay.push(quote!(stage.handle(#reference)?;));
            parts.route.get_or_insert(quote!(#name.route()));
        }
        Pass::OutOpaque => {
            let ty = handle_type(inner.and_then(CType::pointee), names);
            parts.lay.push(quote!(let #area = stage.lay_handle()?; #place));
            parts.outputs.push(quote!(stage.fetch_handle(&#area)));
            parts.output_types.push(quote!(#core::option::Option<#ty>));
        }
        Pass::In { len: Some(_) } => {
            let item = types::item(inner.unwrap_or(&CType::Void), core);
            let ty = quote!(&(impl #farscape::Input<#item> + ?Sized));
            parts.arguments.push(quote!(#name: #ty));
            let lay = quote!(#farscape::Input::<#item>::lay(#name, stage)?);
            parts.lay.push(quote!(let #area = #lay; #place));
        }
        Pass::Out { cap: Some(count) } | Pass::InOut { len: Some(count) } => {
            let item = types::item(inner.unwrap_or(&CType::Void), core);
            let ty = quote!(&mut (impl #farscape::Output<#item> + ?Sized));
            parts.arguments.push(quote!(#name: #ty));
            let lay = quote!(#farscape::Output::<#item>::lay_out(#name, stage)?);
            parts.lay.push(quote!(let #area = #lay; #place));
            let written = function.find(count).is_some_and(|found| found.ty.pointee().is_some());
            let count = if written {
                let count = format_ident!("written_{}", count);
                quote!(#count)
            } else {
                quote!(#farscape::Input::<#item>::count(#name))
            };
            parts.fetch.push(quote!(let count = #count;
                #farscape::Output::<#item>::fetch(#name, stage, &#area, count)?;));
        }
        Pass::In { len: None } => {
            let ty = types::single(inner.unwrap_or(&CType::Void), core);
            parts.arguments.push(quote!(#name: &#ty));
            parts.lay.push(quote!(let #area = stage.lay_one::<#ty>(#name)?; #place));
        }
        Pass::Out { cap: None } => {
            let ty = types::single(inner.unwrap_or(&CType::Void), core);
            parts.lay.push(quote!(let #area = stage.lay_room::<#ty>()?; #place));
            parts.outputs.push(quote!(stage.fetch_one::<#ty>(&#area)?));
            parts.output_types.push(ty);
        }
        Pass::InOut { len: None } => {
            let ty = types::single(inner.unwrap_or(&CType::Void), core);
            parts.arguments.push(quote!(#name: &mut #ty));
            parts.lay.push(quote!(let #area = stage.lay_one::<#ty>(&*#name)?; #place));
            parts.fetch.push(quote!(*#name = stage.fetch_one::<#ty>(&#area)?;));
        }
    }
}

/// A parameter that holds a length: it comes from the slices, and if it is `inout`, what the
/// function has written comes back.
fn length(
    function: &FunctionSignature,
    parameter: &Parameter,
    at: usize,
    counts: &[&Parameter],
    names: &Names<'_>,
    parts: &mut Parts,
) {
    let (farscape, core) = (names.farscape, names.core);
    let text = &parameter.name;
    let all = counts.iter().map(|counted| {
        let position = function.parameters().iter().position(|one| one.name == counted.name);
        let name = variable(counted, position.unwrap_or(0));
        let inner = counted.ty.pointee().unwrap_or(&CType::Void);
        let item = types::item(inner, core);
        quote!(#farscape::Input::<#item>::count(#name))
    });
    let inner = parameter.ty.pointee().unwrap_or(&parameter.ty);
    let (bytes, signed) = match inner {
        CType::Integer(integer) => integer.shape(),
        _ => (8, false),
    };
    let room = format_ident!("room{}", at);
    let counted = quote!(let #room = stage.counted(&[#(#all),*], #text, #bytes, #signed)?;);
    if parameter.ty.pointee().is_none() {
        parts.lay.push(quote!(#counted stage.value(#room);));
        return;
    }
    let area = format_ident!("area{}", at);
    let written = format_ident!("written_{}", text);
    let ty = types::number(inner, core);
    parts.lay.push(quote! {
        #counted
        let #area = stage.lay_one::<#ty>(&(#room as #ty))?;
        stage.address(&#area);
    });
    parts.lengths.push(quote! {
        let #written = stage.fetch_one::<#ty>(&#area)?;
        let #written = stage.written(#written as u64, #room as usize)?;
    });
    parts.outputs.push(quote!(#written));
    parts.output_types.push(quote!(usize));
}
