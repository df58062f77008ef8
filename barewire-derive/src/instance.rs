//! One instance of a type with capacities: numbers in place of the parameters.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens as _, quote};
use syn::{Ident, LitInt};

use crate::model::{Caps, Field, Fields, Payload, Shape};

/// The shape with every parameter replaced by its number.
pub(crate) fn shape(shape: &Shape, consts: &[Ident], numbers: &[LitInt]) -> Shape {
    let instance = Instance { consts, numbers };
    let mut shape = shape.clone();
    match &mut shape {
        Shape::Struct(fields) => instance.fields(fields),
        Shape::Newtype(field) => instance.field(field),
        Shape::Enum(_) => {}
        Shape::Union(variants) => {
            for variant in variants {
                match &mut variant.payload {
                    Payload::Void => {}
                    Payload::Single(field) => instance.field(field),
                    Payload::Struct(fields) => instance.fields(fields),
                }
            }
        }
    }
    shape
}

struct Instance<'i> {
    consts: &'i [Ident],
    numbers: &'i [LitInt],
}

impl Instance<'_> {
    fn fields(&self, fields: &mut Fields) {
        fields.fields.iter_mut().for_each(|field| self.field(field));
    }

    fn field(&self, field: &mut Field) {
        let tokens = self.tokens(field.ty.to_token_stream());
        // A type with numbers in it is a type; if it were none, the old one gives the error.
        if let Ok(ty) = syn::parse2(tokens) {
            field.ty = ty;
        }
        self.caps(&mut field.caps);
    }

    fn caps(&self, caps: &mut Caps) {
        match caps {
            Caps::None | Caps::Tuple(_) => {}
            Caps::Max(max, inner) => {
                *max = self.tokens(max.clone());
                self.caps(inner);
            }
            Caps::Pair(key, value) => {
                self.caps(key);
                self.caps(value);
            }
        }
    }

    fn tokens(&self, tokens: TokenStream) -> TokenStream {
        let replace = |token| match token {
            TokenTree::Ident(ident) => {
                let known = self.consts.iter().zip(self.numbers).find(|(name, _)| **name == ident);
                known.map_or_else(|| quote!(#ident), |(_, number)| quote!(#number))
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), self.tokens(group.stream()));
                inner.set_span(group.span());
                quote!(#inner)
            }
            other => quote!(#other),
        };
        tokens.into_iter().map(replace).collect()
    }
}
