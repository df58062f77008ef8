//! Code that structs and the variants of unions share, field by field.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{Ident, Member};

use super::Paths;
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
        let named = (!nameless).then(|| self.at_field("DecodeError", &field.name));
        let value = quote!(<#carrier as #private::Decode<#input>>::decode(__input)#named?);
        Self::uncarried(field, &value)
    }

    pub(super) fn at_field(&self, error: &str, name: &str) -> TokenStream {
        let (private, error) = (&self.private, format_ident!("{error}"));
        quote!(.map_err(|__error| #private::#error::at_field(__error, #name)))
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
        let named = (!nameless).then(|| self.at_field("LayoutError", &field.name));
        quote!(#fixed::store(#value, &mut #place)#named?;)
    }

    /// The value of a field, loaded and checked.
    pub(super) fn load(&self, field: &Field, place: &TokenStream, nameless: bool) -> TokenStream {
        let fixed = self.fixed(field);
        let named = (!nameless).then(|| self.at_field("LayoutError", &field.name));
        Self::uncarried(field, &quote!(#fixed::load(&#place)#named?))
    }

    pub(super) fn encode_layout(&self, field: &Field, place: &TokenStream) -> TokenStream {
        let (fixed, named) = (self.fixed(field), self.at_field("LayoutError", &field.name));
        quote!(#fixed::encode_layout(&#place, __out)#named?;)
    }

    pub(super) fn decode_layout(&self, field: &Field, place: &TokenStream) -> TokenStream {
        let (fixed, named) = (self.fixed(field), self.at_field("DecodeError", &field.name));
        quote!(#fixed::decode_layout(__input, &mut #place)#named?;)
    }
}

/// The name that a pattern binds the field at `index` to.
pub(super) fn binding(index: usize) -> Ident {
    format_ident!("__field{index}")
}

/// The pattern of a variant with fields, binding each.
pub(super) fn pattern(fields: &Fields) -> TokenStream {
    let bindings = fields.fields.iter().enumerate().map(|(index, field)| {
        let binding = binding(index);
        match &field.member {
            Member::Named(name) => quote!(#name: #binding),
            Member::Unnamed(_) => quote!(#binding),
        }
    });
    if fields.named { quote!({ #(#bindings),* }) } else { quote!((#(#bindings),*)) }
}

/// The rest of a constructor: `{ a: .., b: .. }` or `( .., .. )`, in order.
pub(super) fn construct(fields: &Fields, values: Vec<TokenStream>) -> TokenStream {
    if !fields.named {
        return quote!((#(#values),*));
    }
    let values = fields.fields.iter().zip(values).map(|(field, value)| {
        let member = &field.member;
        quote!(#member: #value)
    });
    quote!({ #(#values),* })
}
