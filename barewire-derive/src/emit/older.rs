//! `compatible_with`: an older schema as a constant, and the assertion that it can be read.

use barewire_schema::Type;
use proc_macro2::{Literal, TokenStream};
use quote::{quote, quote_spanned};

use super::{Paths, number};
use crate::model::{Item, Older};

/// Stops compilation at the file's name if values of the older type cannot be read.
pub(super) fn emit(item: &Item, older: &Older, paths: &Paths) -> TokenStream {
    let (Paths { private, core, .. }, file) = (paths, &older.file.name);
    let (old, tracked) = (constant(&older.ty, paths), older.file.tracked(core));
    let ident = &item.ident;
    let itself = match &item.lifetime {
        Some(_) => quote!(#ident<'static>),
        None => quote!(#ident),
    };
    let span = file.span();
    let assertion = quote_spanned!(span=> const _: () = #private::assert_reads(
        <#itself as #private::BareSchema<()>>::TYPE,
        #old,
        #file,
    ););
    quote!(#tracked #assertion)
}

/// `&Type` as code.
fn constant(ty: &Type, paths: &Paths) -> TokenStream {
    let (Paths { private, core, .. }, cow) = (paths, paths.cow());
    let kind = quote!(#private::Type);
    let link = |ty: &Type| {
        let ty = constant(ty, paths);
        quote!(#private::Link::Static(#ty))
    };
    let cap = |cap: &Option<u64>| match cap {
        Some(cap) => {
            let cap = Literal::u64_unsuffixed(*cap);
            quote!(#core::option::Option::Some(#cap))
        }
        None => quote!(#core::option::Option::None),
    };
    let plain = |name: &str| {
        let name = quote::format_ident!("{name}");
        quote!(#kind::#name)
    };
    let value = match ty {
        Type::UInt => plain("UInt"),
        Type::Int => plain("Int"),
        Type::U8 => plain("U8"),
        Type::U16 => plain("U16"),
        Type::U32 => plain("U32"),
        Type::U64 => plain("U64"),
        Type::I8 => plain("I8"),
        Type::I16 => plain("I16"),
        Type::I32 => plain("I32"),
        Type::I64 => plain("I64"),
        Type::F32 => plain("F32"),
        Type::F64 => plain("F64"),
        Type::Bool => plain("Bool"),
        Type::Void => plain("Void"),
        Type::Str { cap: most } => {
            let most = cap(most);
            quote!(#kind::Str { cap: #most })
        }
        Type::Data { cap: most } => {
            let most = cap(most);
            quote!(#kind::Data { cap: #most })
        }
        Type::DataFixed { len } => {
            let len = number(*len);
            quote!(#kind::DataFixed { len: #len })
        }
        Type::Optional(item) => {
            let item = link(item.get());
            quote!(#kind::Optional(#item))
        }
        Type::List { item, cap: most } => {
            let (item, most) = (link(item.get()), cap(most));
            quote!(#kind::List { item: #item, cap: #most })
        }
        Type::ListFixed { item, len } => {
            let (item, len) = (link(item.get()), number(*len));
            quote!(#kind::ListFixed { item: #item, len: #len })
        }
        Type::Map { key, value, cap: most } => {
            let (key, value, most) = (link(key.get()), link(value.get()), cap(most));
            quote!(#kind::Map { key: #key, value: #value, cap: #most })
        }
        Type::Enum(members) => {
            let members = members.iter().map(|member| {
                let (name, value) = (&*member.name, number(member.value));
                quote!(#private::EnumMember { name: #cow(#name), value: #value })
            });
            quote!(#kind::Enum(#cow(&[#(#members),*])))
        }
        Type::Union(members) => {
            let members = members.iter().map(|member| {
                let (tag, ty) = (number(member.tag), link(member.ty.get()));
                quote!(#private::UnionMember { tag: #tag, ty: #ty })
            });
            quote!(#kind::Union(#cow(&[#(#members),*])))
        }
        Type::Struct(fields) => {
            let fields = fields.iter().map(|field| {
                let (name, ty) = (&*field.name, link(field.ty.get()));
                let align = cap(&field.align);
                quote!(#private::Field { name: #cow(#name), ty: #ty, align: #align })
            });
            quote!(#kind::Struct(#cow(&[#(#fields),*])))
        }
        Type::User { name, definition } => {
            let name = &**name;
            let definition = match definition {
                Some(definition) => {
                    let definition = link(definition.get());
                    quote!(#core::option::Option::Some(#definition))
                }
                None => quote!(#core::option::Option::None),
            };
            quote!(#kind::User { name: #cow(#name), definition: #definition })
        }
    };
    quote!(&#value)
}
