//! What `barewire emit --lang rust` writes of `emitted.bare`, kept here so that it is compiled.

use barewire::BareSchema;

#[derive(BareSchema, Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Copy)]
pub enum Colour {
    Red = 0,
    Green = 4,
    DarkBlue = 5,
}

#[derive(BareSchema, Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(#[bare(max = 12)] pub String);

#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
pub enum Notes {
    #[bare(tag = 0)]
    Str(#[bare(max = 9)] String),
    #[bare(tag = 1)]
    ListU64(#[bare(max = 2)] Vec<u64>),
    #[bare(tag = 7, rename = "Nothing")]
    Nothing,
    #[bare(tag = 9)]
    Colour(Colour),
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub struct LooseInner {
    pub left: f64,
    pub right: bool,
}

#[derive(BareSchema, Debug, Clone, PartialEq, Eq)]
pub enum LooseChoice {
    #[bare(tag = 0)]
    U8(u8),
    #[bare(tag = 1)]
    Bool(bool),
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub struct Loose {
    pub inner: LooseInner,
    pub choice: LooseChoice,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub struct Everything {
    pub id: [u8; 16],
    pub name: Name,
    #[bare(max = 8)]
    pub nick: Option<String>,
    pub r#type: u8,
    #[bare(varint)]
    pub count: u64,
    #[bare(varint)]
    pub delta: i64,
    #[bare(max = 4, item(max = 6))]
    pub tags: Vec<String>,
    #[bare(max = 3)]
    pub votes: std::collections::BTreeMap<Name, u32>,
    #[bare(max = 5)]
    pub colours: std::collections::BTreeMap<Colour, bool>,
    pub notes: Notes,
    pub corners: [f32; 4],
    #[bare(align = 64)]
    pub hits: u64,
    #[bare(rename = "lastSeen")]
    pub last_seen: i64,
}
