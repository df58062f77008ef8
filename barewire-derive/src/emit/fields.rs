//! Code that structs and the variants of unions share, field by field.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::{format_ident, quote, quote_spanned};
use syn::Ident;
use syn::spanned::Spanned as _;

use super::Paths;
use crate::check;
use crate::model::{Field, Fields, Item};

impl Paths {
    /// Encodes a field, given a reference to it.
    pub(super) fn encode(&self, field: &Field, reference: &TokenStream) -> TokenStream {
        let (encode, value) =
            (self.as_trait(field, quote!(Encode), "encode"), self.carried(field, reference));
        at_type(field, quote!(#encode(#value, __out);))
    }

    /// The decoded value; an error says which field it is of, unless `nameless`.
    pub(super) fn decode(&self, field: &Field, nameless: bool) -> TokenStream {
        let (private, input) = (&self.private, &self.input);
        let decode = self.as_trait(field, quote!(Decode<#input>), "decode");
        let named = |result: TokenStream| self.named(field, result, nameless);
        let value = named(quote!(#decode(__input)));
        let value = at_type(field, Self::uncarried(field, &value));
        let (ty, checks) = (&field.ty, self.checks(field, &quote!(&__value)));
        let Some(check) = checks else {
            return value;
        };
        let check = named(self.decoding(&check));
        quote!({
            let __at = #private::Decoder::offset(__input);
            let __value: #ty = #value;
            #check;
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
    pub(super) fn named(&self, field: &Field, result: TokenStream, nameless: bool) -> TokenStream {
        let (private, name) = (&self.private, &field.name);
        if nameless { quote!(#result?) } else { quote!(#private::at_field(#result, #name)?) }
    }

    /// What `range` and `validate` say of a value, given a reference to it.
    fn checks(&self, field: &Field, value: &TokenStream) -> Option<TokenStream> {
        let rule = field.rule.as_ref()?;
        Some(quote!(#rule(#value)))
    }

    /// The functions that check the rules of a type and of its fields: one for each, so that a
    /// mistake in a rule is one error.
    pub(super) fn rules(&self, item: &Item) -> TokenStream {
        let (Paths { private, core, .. }, itself) = (self, item.self_type());
        let result = quote!(#core::result::Result<(), #private::Refusal>);
        let own = item.validate.as_ref().map(|path| {
            let (name, generics) = (rule_of(&item.ident), item.generics());
            let check = self.validated(path);
            quote! {
                #[inline]
                #[allow(non_snake_case)]
                fn #name #generics(__value: &#itself) -> #result { #check }
            }
        });
        let fields = item.fields().into_iter().map(|field| {
            let (Some(name), ty) = (&field.rule, &field.ty) else {
                return TokenStream::new();
            };
            let generics = item.generics_in(&quote!(#ty));
            let (range, validate) = (self.in_range(field), field.validate.as_ref());
            let validate = validate.map(|path| self.validated(path));
            let checks = range.into_iter().chain(validate);
            quote! {
                #[inline]
                #[allow(non_snake_case)]
                fn #name #generics(__value: &#ty) -> #result {
                    #(#checks?;)*
                    #core::result::Result::Ok(())
                }
            }
        });
        let fields: TokenStream = fields.collect();
        quote!(#own #fields)
    }

    fn in_range(&self, field: &Field) -> Option<TokenStream> {
        let (private, range) = (&self.private, field.range.as_ref()?);
        let (span, value) = (range.span(), value_at(range.span()));
        let rule = format!("it must be in {}", quote!(#range).to_string().replace(' ', ""));
        let inside = match check::is_option(&field.ty) {
            true => {
                quote_spanned! {span=>
                    __value.as_ref().is_none_or(|__value| (#range).contains(__value))
                }
            }
            false => quote_spanned!(span=> (#range).contains(__value)),
        };
        Some(quote!(#value #private::rule(#rule, #inside)))
    }

    /// What a validator says.
    fn validated(&self, path: &syn::ExprPath) -> TokenStream {
        let private = &self.private;
        let rule = format!("`{}` must accept it", quote!(#path).to_string().replace(' ', ""));
        let (span, value) = (path.span(), value_at(path.span()));
        quote_spanned!(span=> #value #private::rule(#rule, #path(__value)))
    }

    /// A decoded value of the whole type, after its validator.
    pub(super) fn decoded(&self, rule: Option<&Ident>, body: TokenStream) -> TokenStream {
        let Some(rule) = rule else {
            return body;
        };
        let Paths { private, core, input, .. } = self;
        let check = self.decoding(&quote!(#rule(&__value)));
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
    pub(super) fn storable(&self, rule: Option<&Ident>) -> Option<TokenStream> {
        let rule = rule?;
        let check = self.in_layout(&quote!(#rule(self)));
        Some(quote!(#check?;))
    }

    /// A loaded value of the whole type, after its validator.
    pub(super) fn loaded(&self, rule: Option<&Ident>, body: TokenStream) -> TokenStream {
        let Some(rule) = rule else {
            return body;
        };
        let Paths { private, core, .. } = self;
        let check = self.in_layout(&quote!(#rule(&__value)));
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
        let (fixed, value) = (self.fixed(field, "store"), self.carried(field, reference));
        let checks = self.checks(field, reference).into_iter();
        let checks = checks.map(|check| self.named(field, self.in_layout(&check), nameless));
        let stored = self.named(field, quote!(#fixed(#value, &mut #place)), nameless);
        at_type(field, quote!(#(#checks;)* #stored;))
    }

    /// The value of a field, loaded and checked.
    pub(super) fn load(&self, field: &Field, place: &TokenStream, nameless: bool) -> TokenStream {
        let fixed = self.fixed(field, "load");
        let named = |result: TokenStream| self.named(field, result, nameless);
        let value = Self::uncarried(field, &named(quote!(#fixed(&#place))));
        let value = at_type(field, value);
        let (ty, checks) = (&field.ty, self.checks(field, &quote!(&__value)));
        let Some(check) = checks else {
            return value;
        };
        let check = named(self.in_layout(&check));
        quote!({
            let __value: #ty = #value;
            #check;
            __value
        })
    }

    /// Checks the rules of the field at a place: its own, and those of its type that no accessor
    /// of the type's parts checks.
    pub(super) fn check_place(&self, field: &Field, place: &TokenStream) -> Option<TokenStream> {
        if field.rule.is_some() {
            let (load, ty) = (self.load(field, place, false), &field.ty);
            return Some(quote!(let _: #ty = #load;));
        }
        if check::is_plain(&field.ty) {
            return None;
        }
        let check = self.fixed(field, "check");
        let whole = quote!(#check(&#place));
        let whole = self.named(field, whole, false);
        Some(at_type(field, quote!(#whole;)))
    }

    /// The rules of the field alone, where the code that is called checks those of its type.
    fn check_own(&self, field: &Field, place: &TokenStream) -> Option<TokenStream> {
        let own = field.rule.is_some();
        if own { self.check_place(field, place) } else { None }
    }

    pub(super) fn encode_layout(&self, field: &Field, place: &TokenStream) -> TokenStream {
        let (fixed, check) = (self.fixed(field, "encode_layout"), self.check_own(field, place));
        let encoded = self.named(field, quote!(#fixed(&#place, __out)), false);
        at_type(field, quote!(#check #encoded;))
    }

    pub(super) fn decode_layout(&self, field: &Field, place: &TokenStream) -> TokenStream {
        let (Paths { private, core, .. }, fixed) = (self, self.fixed(field, "decode_layout"));
        let decode = quote!(#fixed(__input, &mut #place));
        let decoded = self.named(field, decode, false);
        let decoded = at_type(field, quote!(#decoded;));
        let Some(check) = self.check_own(field, place) else {
            return decoded;
        };
        let check = quote! {
            (|| -> #core::result::Result<(), #private::LayoutError> {
                #check
                #core::result::Result::Ok(())
            })()
            .map_err(|__error| #private::LayoutError::while_decoding(__error, __at))?;
        };
        quote!(let __at = #private::Decoder::offset(__input); #decoded #check)
    }
}

/// The function that checks the rule of the whole type.
pub(super) fn rule_of(ident: &Ident) -> Ident {
    format_ident!("__{ident}Rule", span = ident.span())
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

/// The code of a field, all of it where the field's type stands, so that a mistake in the type is
/// told there, and once. A type that can hold no mistake is left alone.
pub(super) fn at_type(field: &Field, code: TokenStream) -> TokenStream {
    if check::is_plain(&field.ty) { code } else { respan(code, place(field)) }
}

/// Where the type of a field stands, as a part of derived code: the habits that lints ask of people
/// are not asked of it.
pub(super) fn place(field: &Field) -> Span {
    field.ty.span().resolved_at(Span::call_site())
}

/// Gives the value that a rule judges its name at the place of the rule, which may stand in another
/// macro than derived code does.
fn value_at(span: Span) -> TokenStream {
    let value = quote!(__value);
    quote_spanned!(span=> let __value = #value;)
}

/// The same tokens, all of them at one place.
pub(super) fn respan(tokens: TokenStream, span: Span) -> TokenStream {
    let respan = |mut token: TokenTree| {
        if let TokenTree::Group(group) = &token {
            token = TokenTree::Group(Group::new(group.delimiter(), respan(group.stream(), span)));
        }
        // The place of `$crate` says which crate it is.
        if token.to_string() != "$crate" {
            token.set_span(span);
        }
        token
    };
    tokens.into_iter().map(respan).collect()
}
