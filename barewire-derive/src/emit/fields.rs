//! Code that structs and the variants of unions share, field by field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::Ident;

use super::Paths;
use crate::check;
use crate::model::{Field, Fields};

impl Paths {
    /// Encodes a field, given a reference to it.
    pub(super) fn encode(&self, field: &Field, reference: &TokenStream) -> TokenStream {
        let (private, carrier) = (&self.private, self.carrier(field));
        let value = self.carried(field, reference);
        quote!(<#carrier as #private::Encode>::encode(#value, __out);)
    }

    /// The decoded value; an error says which field it is of, unless `nameless`.
    pub(super) fn decode(&self, field: &Field, nameless: bool) -> TokenStream {
        let (private, input, carrier) = (&self.private, &self.input, self.carrier(field));
        let named = |result: TokenStream| self.named(field, result, nameless);
        let value = named(quote!(<#carrier as #private::Decode<#input>>::decode(__input)));
        let value = Self::uncarried(field, &value);
        let (ty, checks) = (&field.ty, self.checks(field, &quote!(&__value)));
        if checks.is_empty() {
            return value;
        }
        let checks = checks.into_iter().map(|check| named(self.decoding(&check)));
        quote!({
            let __at = #private::Decoder::offset(__input);
            let __value: #ty = #value;
            #(#checks;)*
            __value
        })
    }

    /// A refusal as the error of a decoder that stood at `__at`.
    fn decoding(&self, check: &TokenStream) -> TokenStream {
        let private = &self.private;
        quote!(#check.map_err(|__refusal| #private::Refusal::decoding(__refusal, __at)))
    }

    /// A refusal as the error of a layout.
    fn in_layout(&self, check: &TokenStream) -> TokenStream {
        let private = &self.private;
        quote!(#check.map_err(#private::Refusal::in_layout))
    }

    /// `result?`, where an error says which field it is of.
    fn named(&self, field: &Field, result: TokenStream, nameless: bool) -> TokenStream {
        let (private, name) = (&self.private, &field.name);
        if nameless { quote!(#result?) } else { quote!(#private::at_field(#result, #name)?) }
    }

    /// What `range` and `validate` say of a value, given a reference to it.
    fn checks(&self, field: &Field, value: &TokenStream) -> Vec<TokenStream> {
        let private = &self.private;
        let range = field.range.as_ref().map(|range| {
            let rule = format!("it must be in {}", quote!(#range).to_string().replace(' ', ""));
            let inside = match check::is_option(&field.ty) {
                true => quote!((*#value).as_ref().is_none_or(|__value| (#range).contains(__value))),
                false => quote!((#range).contains(#value)),
            };
            quote!(#private::rule(#rule, #inside))
        });
        let validate = field.validate.as_ref().map(|path| self.validated(path, value));
        range.into_iter().chain(validate).collect()
    }

    /// What a validator says.
    fn validated(&self, path: &syn::ExprPath, value: &TokenStream) -> TokenStream {
        let private = &self.private;
        let rule = format!("`{}` must accept it", quote!(#path).to_string().replace(' ', ""));
        quote!(#private::rule(#rule, #path(#value)))
    }

    /// A decoded value of the whole type, after its validator.
    pub(super) fn decoded(
        &self,
        validate: Option<&syn::ExprPath>,
        body: TokenStream,
    ) -> TokenStream {
        let Some(path) = validate else {
            return body;
        };
        let (Paths { private, core, input }, value) = (self, quote!(&__value));
        let check = self.decoding(&self.validated(path, &value));
        quote! {
            let __at = #private::Decoder::offset(__input);
            let __decode = |__input: &mut #private::Decoder<#input>| -> #core::result::Result<
                Self,
                #private::DecodeError,
            > { #body };
            let __value = __decode(__input)?;
            #check?;
            #core::result::Result::Ok(__value)
        }
    }

    /// The validator of the whole type, on a value that is written.
    pub(super) fn storable(&self, validate: Option<&syn::ExprPath>) -> Option<TokenStream> {
        let check = self.in_layout(&self.validated(validate?, &quote!(self)));
        Some(quote!(#check?;))
    }

    /// A loaded value of the whole type, after its validator.
    pub(super) fn loaded(
        &self,
        validate: Option<&syn::ExprPath>,
        body: TokenStream,
    ) -> TokenStream {
        let Some(path) = validate else {
            return body;
        };
        let (Paths { private, core, .. }, value) = (self, quote!(&__value));
        let check = self.in_layout(&self.validated(path, &value));
        quote! {
            let __load = || -> #core::result::Result<Self, #private::LayoutError> { #body };
            let __value = __load()?;
            #check?;
            #core::result::Result::Ok(__value)
        }
    }

    /// Stores a field into its place in a layout.
    pub(super) fn store(
        &self,
        field: &Field,
        reference: &TokenStream,
        place: &TokenStream,
        nameless: bool,
    ) -> TokenStream {
        let (fixed, value) = (self.fixed(field), self.carried(field, reference));
        let checks = self.checks(field, reference).into_iter();
        let checks = checks.map(|check| self.named(field, self.in_layout(&check), nameless));
        let stored = self.named(field, quote!(#fixed::store(#value, &mut #place)), nameless);
        quote!(#(#checks;)* #stored;)
    }

    /// The value of a field, loaded and checked.
    pub(super) fn load(&self, field: &Field, place: &TokenStream, nameless: bool) -> TokenStream {
        let fixed = self.fixed(field);
        let named = |result: TokenStream| self.named(field, result, nameless);
        let value = Self::uncarried(field, &named(quote!(#fixed::load(&#place))));
        let (ty, checks) = (&field.ty, self.checks(field, &quote!(&__value)));
        if checks.is_empty() {
            return value;
        }
        let checks = checks.into_iter().map(|check| named(self.in_layout(&check)));
        quote!({
            let __value: #ty = #value;
            #(#checks;)*
            __value
        })
    }

    /// Checks the rules of the field at a place: its own, and those of its type that no accessor
    /// of the type's parts checks.
    pub(super) fn check_place(&self, field: &Field, place: &TokenStream) -> Option<TokenStream> {
        if field.range.is_some() || field.validate.is_some() {
            let (load, ty) = (self.load(field, place, false), &field.ty);
            return Some(quote!(let _: #ty = #load;));
        }
        if check::is_plain(&field.ty) {
            return None;
        }
        let (private, carrier, caps) = (&self.private, self.carrier(field), self.caps(&field.caps));
        let whole = quote!(#private::whole::<#carrier, #caps>(&#place));
        let whole = self.named(field, whole, false);
        Some(quote!(#whole;))
    }

    /// The rules of the field alone, where the code that is called checks those of its type.
    fn check_own(&self, field: &Field, place: &TokenStream) -> Option<TokenStream> {
        let own = field.range.is_some() || field.validate.is_some();
        if own { self.check_place(field, place) } else { None }
    }

    pub(super) fn encode_layout(&self, field: &Field, place: &TokenStream) -> TokenStream {
        let (fixed, check) = (self.fixed(field), self.check_own(field, place));
        let encoded = self.named(field, quote!(#fixed::encode_layout(&#place, __out)), false);
        quote!(#check #encoded;)
    }

    pub(super) fn decode_layout(&self, field: &Field, place: &TokenStream) -> TokenStream {
        let (Paths { private, core, .. }, fixed) = (self, self.fixed(field));
        let decode = quote!(#fixed::decode_layout(__input, &mut #place));
        let decoded = self.named(field, decode, false);
        let Some(check) = self.check_own(field, place) else {
            return quote!(#decoded;);
        };
        let check = quote! {
            (|| -> #core::result::Result<(), #private::LayoutError> {
                #check
                #core::result::Result::Ok(())
            })()
            .map_err(|__error| #private::LayoutError::while_decoding(__error, __at))?;
        };
        quote!(let __at = #private::Decoder::offset(__input); #decoded; #check)
    }
}

/// The name that a pattern binds the field at `index` to.
pub(super) fn binding(index: usize) -> Ident {
    format_ident!("__field{index}")
}

/// The pattern of a variant with fields, binding each.
pub(super) fn pattern(fields: &Fields) -> TokenStream {
    let bindings = fields.fields.iter().enumerate().map(|(index, field)| {
        let (binding, member) = (binding(index), &field.member);
        quote!(#member: #binding,)
    });
    let rest = (!fields.skipped.is_empty()).then(|| quote!(..));
    quote!({ #(#bindings)* #rest })
}

/// The rest of a constructor, `{ a: .., b: .. }`, or a tuple, in order.
pub(super) fn construct(fields: &Fields, values: Vec<TokenStream>) -> TokenStream {
    if fields.tuple {
        return quote!((#(#values,)*));
    }
    let members = fields.fields.iter().map(|field| &field.member);
    let (skipped, given): (Vec<_>, Vec<_>) =
        fields.skipped.iter().map(|(member, value)| (member, value)).unzip();
    quote!({ #(#members: #values,)* #(#skipped: #given),* })
}
