//! `schema!` from a file and from text: the types are those that the text describes.

use barewire::BareSchema;
use barewire::codec::{decode, encode};
use barewire_schema::Schema;

mod chat {
    barewire::schema!(file = "schemas/chat.bare");
}

mod text {
    barewire::schema!(
        "# barewire: max .name=8
         type Person struct { name: str age: u8 }"
    );
}

#[test]
fn the_types_of_a_file_are_those_that_it_describes() {
    let read = Schema::read("chat", include_str!("schemas/chat.bare")).expect("BARE");
    let ours = <chat::Event as BareSchema>::TYPE;
    assert_eq!(ours.wire_id(), read.root().wire_id());
    // Without anonymous types, which have names in Rust, all names are the same too.
    let said = <chat::Said as BareSchema>::TYPE;
    assert_eq!(Some(said.resolved().layout_id()), read.get("Said").map(|ty| ty.layout_id()));
}

#[test]
fn a_void_is_a_variant_without_data() {
    use chat::{Event, Kind, Name, Said};
    assert_eq!(encode(&Event::Left), [7]);
    let said = Event::Said(Said {
        from: Name("anna".into()),
        text: "hi".into(),
        to: vec![],
        kind: Kind::Waved,
        crate_: Some(barewire::codec::UInt(300)),
    });
    let octets = encode(&said);
    assert_eq!(octets, b"\x00\x04anna\x02hi\x00\x04\x01\xac\x02");
    assert_eq!(decode::<Event>(&octets), Ok(said));
}

#[test]
fn text_in_the_macro_gives_types_with_their_caps() {
    let schema = Schema::from_type(<text::Person as BareSchema>::TYPE).to_string();
    assert!(schema.contains("# barewire: max .name=8"), "{schema}");
    let person = text::Person { name: "ada".into(), age: 36 };
    assert_eq!(decode::<text::Person>(&encode(&person)), Ok(person));
}
