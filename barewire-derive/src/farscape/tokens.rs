//! Tokens of Rust as tokens of C, each with its place.

use barewire_schema::c::{Kind, Token, Tokens};
use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};

/// Tokens, and where each of them stands.
pub(super) struct Spanned {
    pub(super) tokens: Tokens,
    trees: Vec<TokenTree>,
}

impl Spanned {
    pub(super) fn of(input: TokenStream) -> Self {
        let tokens = Tokens { list: Vec::new(), files: vec![String::new()] };
        let mut made = Self { tokens, trees: Vec::new() };
        made.all(input);
        made
    }

    fn push(&mut self, kind: Kind, tree: TokenTree) {
        self.tokens.list.push(Token { kind, file: 0, line: 0 });
        self.trees.push(tree);
    }

    fn all(&mut self, input: TokenStream) {
        for tree in input {
            match tree {
                TokenTree::Ident(ref ident) => {
                    let text = ident.to_string();
                    let text = text.strip_prefix("r#").unwrap_or(&text).to_owned();
                    self.push(Kind::Word(text), tree);
                }
                TokenTree::Punct(ref punct) => self.push(Kind::Mark(punct.as_char()), tree),
                TokenTree::Literal(ref literal) => {
                    let kind = match syn::parse2::<syn::Lit>(literal.to_token_stream()) {
                        Ok(syn::Lit::Str(text)) => Kind::Text(text.value()),
                        Ok(syn::Lit::Char(c)) => Kind::Number(c.value() as i128),
                        Ok(syn::Lit::Int(number)) => match number.base10_digits().parse() {
                            Ok(number) => Kind::Number(number),
                            Err(_) => Kind::Other(literal.to_string()),
                        },
                        _ => Kind::Other(literal.to_string()),
                    };
                    self.push(kind, tree);
                }
                TokenTree::Group(ref group) => {
                    let marks = match group.delimiter() {
                        Delimiter::Parenthesis => Some(('(', ')')),
                        Delimiter::Brace => Some(('{', '}')),
                        Delimiter::Bracket => Some(('[', ']')),
                        Delimiter::None => None,
                    };
                    let placed = |span| {
                        let mut punct = proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone);
                        punct.set_span(span);
                        TokenTree::Punct(punct)
                    };
                    if let Some((open, _)) = marks {
                        self.push(Kind::Mark(open), placed(group.span_open()));
                    }
                    self.all(group.stream());
                    if let Some((_, close)) = marks {
                        self.push(Kind::Mark(close), placed(group.span_close()));
                    }
                }
            }
        }
    }

    /// Where a token stands; past the last one, where that does.
    pub(super) fn span(&self, token: usize) -> Span {
        let tree = self.trees.get(token).or(self.trees.last());
        tree.map_or_else(Span::call_site, TokenTree::span)
    }

    /// The tokens from one up to another, as Rust has them.
    pub(super) fn path(&self, from: usize, to: usize) -> TokenStream {
        let trees = &self.trees[from.min(to)..to.min(self.trees.len())];
        quote!(#(#trees)*)
    }
}
