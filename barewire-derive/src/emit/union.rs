//! The fixed layout of an enum with data: a tag, and a payload that any member fits into.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};
use syn::Ident;

use super::fields::{at_type, binding, construct, pattern};
use super::layout::{Bodies, Sibling, fixed_layout, parts_name};
use super::{Parts, Paths, Subject, number};
use crate::model::{Field, Fields, Payload, Variant};

pub(super) fn emit(subject: &Subject, variants: &[Variant], paths: &Paths) -> TokenStream {
    let union = Union { subject, variants, paths };
    let (declaration, view) = (union.declaration(), union.view());
    let siblings = variants.iter().filter_map(|variant| match &variant.payload {
        Payload::Struct(fields) => Some(union.sibling(variant, fields).emit(paths)),
        _ => None,
    });
    let implementation = union.implementation();
    quote!(#(#siblings)* #declaration #view #implementation)
}

struct Union<'u> {
    subject: &'u Subject,
    variants: &'u [Variant],
    paths: &'u Paths,
}

impl Union<'_> {
    fn view_name(&self) -> Ident {
        format_ident!("{}View", self.subject.stem)
    }

    fn sibling<'s>(&'s self, variant: &Variant, fields: &'s Fields) -> Sibling<'s> {
        Sibling {
            subject: self.subject,
            ident: self.sibling_name(variant),
            of: format!("{}::{}", self.subject.stem, variant.ident),
            visibility: &self.subject.visibility,
            all_visible: true,
            fields,
        }
    }

    fn sibling_name(&self, variant: &Variant) -> Ident {
        format_ident!("{}{}Layout", self.subject.stem, variant.ident)
    }

    /// Code that names what a variant holds, where its type stands if it is of a type of its own.
    fn at_member(variant: &Variant, code: TokenStream) -> TokenStream {
        match &variant.payload {
            Payload::Single(field) => at_type(field, code),
            Payload::Struct(_) | Payload::Void => code,
        }
    }

    fn member_layout(&self, variant: &Variant) -> Option<TokenStream> {
        match &variant.payload {
            Payload::Void => None,
            Payload::Single(field) => Some(self.paths.layout_of(field)),
            Payload::Struct(_) => {
                let name = self.sibling_name(variant);
                Some(quote!(#name))
            }
        }
    }

    fn declaration(&self) -> TokenStream {
        let Paths { private, core, .. } = self.paths;
        let (ident, visibility) = (&self.subject.stem, &self.subject.visibility);
        let layout = self.subject.layout();
        let fields = parts_name(&layout);
        let tag = super::enumeration::integer(self.variants.iter().map(|v| v.tag).max());
        let tag = quote!(#core::primitive::#tag);
        let usize = quote!(#core::primitive::usize);
        let shape = format_ident!("__BAREWIRE_SHAPE_OF_{}", layout);
        let members: Vec<_> = self.variants.iter().filter_map(|v| self.member_layout(v)).collect();
        let (view, read) = (self.view_name(), self.read());
        let parts = self.paths.parts(&Parts {
            ident: fields.clone(),
            subject: Some(self.subject),
            reference: quote!(#view<'__a>),
            read,
        });
        let doc = format!("The fixed layout of `{ident}`.");
        quote! {
            // The alignment of the payload, its size in words, the padding before and after it.
            #[doc(hidden)]
            #[allow(non_upper_case_globals)]
            const #shape: [#usize; 4] = {
                let mut size: #usize = 0;
                let mut align: #usize = 1;
                #(
                    if #core::mem::size_of::<#members>() > size {
                        size = #core::mem::size_of::<#members>();
                    }
                    if #core::mem::align_of::<#members>() > align {
                        align = #core::mem::align_of::<#members>();
                    }
                )*
                let words = size.div_ceil(align);
                let tag = (#core::mem::size_of::<#tag>(), #core::mem::align_of::<#tag>());
                let pads = #private::pads([tag, (words * align, align)]);
                [align, words, pads[0], pads[1]]
            };
            #[doc = #doc]
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            #visibility type #layout = #private::Placed<#fields>;
            #[doc = #doc]
            #[repr(C)]
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            #visibility struct #fields {
                __tag: #tag,
                __before: [#core::primitive::u8; #shape[2]],
                __payload: [
                    <#private::Aligned<{ #shape[0] }> as #private::AlignedWord>::Word;
                    #shape[1]
                ],
                __after: [#core::primitive::u8; #shape[3]],
            }
            #parts
        }
    }

    /// The enum of references that reading gives.
    fn view(&self) -> TokenStream {
        let Paths { private, core, .. } = self.paths;
        let Subject { stem, visibility, .. } = self.subject;
        let view = self.view_name();
        let declared = self.variants.iter().map(|variant| {
            let (ident, docs) = (&variant.ident, &variant.docs);
            let text = format!("`{stem}::{ident}`, read in place.");
            let docs = if docs.is_empty() { quote!(#[doc = #text]) } else { quote!(#(#docs)*) };
            match self.member_layout(variant) {
                Some(member) => {
                    let place = match &variant.payload {
                        Payload::Single(field) => self.paths.place_of(field),
                        _ => None,
                    };
                    let place = place.unwrap_or_else(|| quote!(&'__a #member));
                    quote!(#docs #ident(#place))
                }
                None => quote!(#docs #ident),
            }
        });
        // A union of nothing but voids borrows nothing.
        let unused = self.variants.iter().all(|variant| self.member_layout(variant).is_none());
        let unused = unused.then(|| {
            quote!(#[doc(hidden)] __Unused(#core::marker::PhantomData<&'__a ()>, #private::Never),)
        });
        let doc = format!("What the fixed layout of `{stem}` holds, in place.");
        quote! {
            #[doc = #doc]
            #[derive(#core::clone::Clone, #core::marker::Copy)]
            #[allow(dead_code, non_camel_case_types, unreachable_pub)]
            #visibility enum #view<'__a> {
                #(#declared,)*
                #unused
            }
        }
    }

    /// The body of the checked reading in place.
    fn read(&self) -> TokenStream {
        let (Paths { private, core, .. }, view) = (self.paths, self.view_name());
        let Subject { ty, name, .. } = self.subject;
        let ok = quote!(#core::result::Result::Ok);
        let arms = self.variants.iter().map(|variant| {
            let (ident, tag) = (&variant.ident, number(variant.tag));
            match self.member_layout(variant) {
                Some(member) => {
                    let member = self.member(variant, &member, &tag);
                    let view = Self::at_member(variant, quote!(#view::#ident(#member)));
                    quote!(#tag => #ok(#view),)
                }
                None => quote!(#tag => #ok(#view::#ident),),
            }
        });
        let whole =
            self.has_whole().then(|| quote!(<#ty as #private::Piece<()>>::check(__layout)?;));
        quote! {
            #whole
            match __layout.__tag {
                #(#arms)*
                __tag => #core::result::Result::Err(#private::LayoutError::unknown_tag(
                    #name,
                    __tag as #core::primitive::u64,
                )),
            }
        }
    }

    /// Whether a rule may be broken by what a view shows.
    fn has_whole(&self) -> bool {
        self.subject.rule.is_some() || !self.whole().is_empty()
    }

    /// `|| ..`: the reasons to look at the whole value before its view is given away.
    fn whole(&self) -> TokenStream {
        let each = self.variants.iter().filter_map(|variant| match &variant.payload {
            Payload::Single(field) if field.rule.is_some() => Some(quote!(|| true)),
            Payload::Single(field) if !crate::check::is_plain(&field.ty) => {
                let whole = self.paths.fixed(field, "WHOLE");
                Some(quote!(|| #whole))
            }
            _ => None,
        });
        each.collect()
    }

    /// The payload as a `&member`: it is aligned and large enough for each.
    fn member(&self, variant: &Variant, member: &TokenStream, tag: &Literal) -> TokenStream {
        let (Paths { private, core, .. }, name) = (self.paths, &self.subject.name);
        let result = quote!(#core::result::Result);
        let code = quote! {
            match <#member as #private::zerocopy::FromBytes>::ref_from_prefix(
                #private::zerocopy::IntoBytes::as_bytes(&__layout.__payload),
            ) {
                #result::Ok((__member, _)) => __member,
                #result::Err(_) => {
                    return #result::Err(#private::LayoutError::unknown_tag(#name, #tag));
                }
            }
        };
        Self::at_member(variant, code)
    }

    /// The payload as a `&mut member`; `otherwise` is what to return if it did not fit.
    fn member_mut(
        &self,
        variant: &Variant,
        member: &TokenStream,
        otherwise: &TokenStream,
    ) -> TokenStream {
        let Paths { private, core, .. } = self.paths;
        let result = quote!(#core::result::Result);
        let code = quote! {
            let __member = match <#member as #private::zerocopy::FromBytes>::mut_from_prefix(
                #private::zerocopy::IntoBytes::as_mut_bytes(&mut __layout.__payload),
            ) {
                #result::Ok((__member, _)) => __member,
                #result::Err(_) => return #result::Err(#otherwise),
            };
        };
        Self::at_member(variant, code)
    }

    /// The arm of a tag that no member has.
    fn unchecked(&self) -> TokenStream {
        let (Paths { private, core, .. }, name) = (self.paths, &self.subject.name);
        quote! {
            __tag => return #core::result::Result::Err(#private::LayoutError::unknown_tag(
                #name,
                __tag as #core::primitive::u64,
            )),
        }
    }

    fn zeroed(&self) -> TokenStream {
        let private = &self.paths.private;
        quote!(#private::zerocopy::FromZeros::zero(__layout);)
    }

    fn implementation(&self) -> TokenStream {
        let Paths { private, core, .. } = self.paths;
        let (layout, zeroed) = (self.subject.layout(), self.zeroed());
        let (ok, err) = (quote!(#core::result::Result::Ok), quote!(#core::result::Result::Err));
        let name = &self.subject.name;
        let store = self.variants.iter().map(|variant| self.store(variant));
        let load = self.variants.iter().map(|variant| self.load(variant));
        let encode = self.variants.iter().map(|variant| self.encode(variant));
        let decode = self.variants.iter().map(|variant| self.decode(variant));
        let read = self.unchecked();
        fixed_layout(
            self.subject,
            &quote!(#layout),
            self.paths,
            &Bodies {
                whole: self.whole(),
                store: quote!(#zeroed match self { #(#store)* } #ok(())),
                load: quote!(match __layout.__tag { #(#load)* #read }),
                encode: quote!(match __layout.__tag { #(#encode)* #read } #ok(())),
                decode: quote! {
                    let __offset = #private::Decoder::offset(__input);
                    let __tag = #private::Decoder::uint(__input)?;
                    #zeroed
                    match __tag {
                        #(#decode)*
                        _ => {
                        return #err(
                            #private::DecodeError::unknown_tag(__offset, #name, __tag)
                        );
                    }
                    }
                    #ok(())
                },
            },
        )
    }

    fn store(&self, variant: &Variant) -> TokenStream {
        let private = &self.paths.private;
        let (ident, tag) = (&variant.ident, number(variant.tag));
        let Some(member) = self.member_layout(variant) else {
            return quote!(Self::#ident => __layout.__tag = #tag,);
        };
        let name = &self.subject.name;
        let cast = self.member_mut(
            variant,
            &member,
            &quote!(#private::LayoutError::unknown_tag(#name, #tag)),
        );
        let (pattern, stores) = match &variant.payload {
            Payload::Single(field) => {
                let (binding, place, name) = (binding(0), quote!(*__member), &field.member);
                let store = self.paths.store(field, &quote!(#binding), &place, true);
                (quote!({ #name: #binding }), store)
            }
            Payload::Struct(fields) => {
                let each = fields.fields.iter().enumerate().map(|(index, field)| {
                    let binding = binding(index);
                    self.paths.store(field, &quote!(#binding), &place_of(field), false)
                });
                (pattern(fields), quote!(#(#each)*))
            }
            Payload::Void => Default::default(),
        };
        quote!(Self::#ident #pattern => { __layout.__tag = #tag; #cast #stores })
    }

    fn load(&self, variant: &Variant) -> TokenStream {
        let core = &self.paths.core;
        let (ident, tag) = (&variant.ident, number(variant.tag));
        let ok = quote!(#core::result::Result::Ok);
        let Some(member) = self.member_layout(variant) else {
            return quote!(#tag => #ok(Self::#ident),);
        };
        let member = self.member(variant, &member, &tag);
        let value = match &variant.payload {
            Payload::Void => TokenStream::new(),
            Payload::Single(field) => {
                let (load, name) =
                    (self.paths.load(field, &quote!(*__member), true), &field.member);
                quote!({ #name: #load })
            }
            Payload::Struct(fields) => {
                let values = fields.fields.iter();
                let values = values.map(|field| self.paths.load(field, &place_of(field), false));
                construct(fields, values.collect())
            }
        };
        quote!(#tag => { let __member = #member; #ok(Self::#ident #value) })
    }

    fn encode(&self, variant: &Variant) -> TokenStream {
        let private = &self.paths.private;
        let number = number(variant.tag);
        let tag = quote!(#private::Encoder::uint(__out, #number););
        let Some(member) = self.member_layout(variant) else {
            return quote!(#number => { #tag });
        };
        let member = self.member(variant, &member, &number);
        let encodes = match &variant.payload {
            Payload::Void => TokenStream::new(),
            Payload::Single(field) if field.rule.is_some() => {
                self.paths.encode_layout(field, &quote!(*__member))
            }
            Payload::Single(field) => {
                let encode = self.paths.fixed(field, "encode_layout");
                at_type(field, quote!(#encode(__member, __out)?;))
            }
            Payload::Struct(fields) => {
                let each = fields.fields.iter();
                let each = each.map(|field| self.paths.encode_layout(field, &place_of(field)));
                quote!(#(#each)*)
            }
        };
        quote!(#number => { let __member = #member; #tag #encodes })
    }

    fn decode(&self, variant: &Variant) -> TokenStream {
        let private = &self.paths.private;
        let tag = number(variant.tag);
        let Some(member) = self.member_layout(variant) else {
            return quote!(#tag => __layout.__tag = #tag,);
        };
        let name = &self.subject.name;
        let otherwise = quote!(#private::DecodeError::unknown_tag(__offset, #name, __tag));
        let cast = self.member_mut(variant, &member, &otherwise);
        let decodes = match &variant.payload {
            Payload::Single(field) if field.rule.is_some() => {
                self.paths.decode_layout(field, &quote!(*__member))
            }
            Payload::Single(field) => {
                let decode = self.paths.fixed(field, "decode_layout");
                at_type(field, quote!(#decode(__input, __member)?;))
            }
            Payload::Struct(fields) => {
                let each = fields.fields.iter();
                let each = each.map(|field| self.paths.decode_layout(field, &place_of(field)));
                quote!(#(#each)*)
            }
            Payload::Void => TokenStream::new(),
        };
        quote!(#tag => { __layout.__tag = #tag; #cast #decodes })
    }
}

/// The place of a field in the layout of a variant.
fn place_of(field: &Field) -> TokenStream {
    let name = &field.ident;
    quote!(__member.#name)
}
