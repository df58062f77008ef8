//! Fields that ask for an alignment: in the layout, in the schema, and between handles.

use std::time::Duration;

use barewire::codec::{Decoder, Encoder, decode, encode};
use barewire::layout::FixedLayout;
use barewire::schema::{Schema, compatibility, difference};
use barewire::value::Value;
use barewire::{BareSchema, MessageQueue, Service, SharedRegion, Topic, schema};

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Counters {
    name: u8,
    #[bare(align = 64)]
    hits: u64,
    #[bare(align = 16)]
    misses: u32,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
#[bare(align = 32)]
struct Block {
    first: u8,
    second: u16,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Kind {
    Nothing,
    Counted(Counters),
    Pair {
        a: u8,
        #[bare(align = 16)]
        b: u8,
    },
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct All {
    kind: Kind,
    maybe: Option<Block>,
    #[bare(max = 3)]
    blocks: Vec<Block>,
    pair: [Block; 2],
}

fn counters(hits: u64) -> Counters {
    Counters { name: 7, hits, misses: 5 }
}

fn all() -> All {
    let block = |first| Block { first, second: 300 };
    All {
        kind: Kind::Counted(counters(9)),
        maybe: Some(block(1)),
        blocks: vec![block(2), block(3)],
        pair: [block(4), block(5)],
    }
}

type LayoutOf<T> = <T as FixedLayout>::Layout;

/// A layout in memory of its own.
fn stored<T: FixedLayout>(value: &T) -> Box<LayoutOf<T>> {
    use barewire::__private::zerocopy::FromZeros as _;
    let mut layout = LayoutOf::<T>::new_box_zeroed().expect("memory");
    value.store(&mut layout).expect("it is within its caps");
    layout
}

#[test]
fn fields_stand_where_c_would_put_them() {
    let offset = |field: usize| Counters::TYPE.field_offset(field);
    assert_eq!([offset(0), offset(1), offset(2)], [Some(0), Some(64), Some(80)]);
    assert_eq!((size_of::<CountersLayout>(), align_of::<CountersLayout>()), (128, 64));
    let layout = stored(&counters(3));
    let start = std::ptr::from_ref(&*layout).addr();
    assert_eq!(std::ptr::from_ref(&layout.hits).addr() - start, 64);
    assert_eq!(std::ptr::from_ref(&layout.misses).addr() - start, 80);
    assert_eq!((size_of::<BlockLayout>(), align_of::<BlockLayout>()), (32, 32));
    assert_eq!(stored(&Kind::Pair { a: 1, b: 2 }).get_pair(), (1, 2));
}

trait Pair {
    fn get_pair(&self) -> (u8, u8);
}

impl Pair for KindLayout {
    fn get_pair(&self) -> (u8, u8) {
        use barewire::layout::Access as _;
        match self.get().expect("a kind") {
            KindView::Pair(pair) => (pair.a, pair.b),
            _ => (0, 0),
        }
    }
}

#[test]
fn the_layout_and_the_encoding_agree_whatever_is_aligned() {
    use barewire::__private::zerocopy::{FromZeros as _, IntoBytes as _};
    for value in [all(), All { kind: Kind::Nothing, maybe: None, blocks: Vec::new(), ..all() }] {
        let (octets, layout) = (encode(&value), stored(&value));
        let mut again = Vec::new();
        All::encode_layout(&layout, &mut Encoder::new(&mut again)).expect("valid");
        assert_eq!(again, octets);
        let mut other = LayoutOf::<All>::new_box_zeroed().expect("memory");
        All::decode_layout(&mut Decoder::new(&octets), &mut other).expect("valid");
        assert_eq!(other.as_bytes(), layout.as_bytes());
        assert_eq!(All::load(&layout), Ok(value.clone()));
        assert_eq!(decode::<All>(&octets), Ok(value));
        let dynamic = Value::load(All::TYPE, layout.as_bytes()).expect("valid");
        assert_eq!(dynamic.to_bytes(All::TYPE).expect("valid"), octets);
        let mut bytes = vec![0xff; layout.as_bytes().len()];
        dynamic.store(All::TYPE, &mut bytes).expect("within its caps");
        assert_eq!(bytes, layout.as_bytes());
    }
}

#[test]
fn a_schema_with_alignments_is_read_back_from_its_text() {
    let text = Schema::from_type(All::TYPE).to_string();
    let read = Schema::read("all", &text).expect("its own text");
    assert_eq!(read.to_string(), text);
    assert_eq!(
        read.root().layout_id(),
        Schema::from_type(All::TYPE).validate().expect("valid").root().layout_id()
    );
    assert!(text.contains("# barewire: align .hits=64 .misses=16\n"), "{text}");
    assert!(text.contains("# barewire: align .first=32\n"), "{text}");
}

#[test]
fn another_alignment_is_another_layout_of_the_same_octets() {
    let text =
        "# barewire: align .misses=16\ntype Counters struct { name: u8 hits: u64 misses: u32 }";
    let other = Schema::read("other", text).expect("valid");
    let other = other.root();
    assert_eq!(Counters::TYPE.wire_id(), other.wire_id());
    assert_ne!(Counters::TYPE.layout_id(), other.layout_id());
    let lines = difference(Counters::TYPE, other);
    assert_eq!(
        lines[0].to_string(),
        "`hits`: aligned as its type in the segment, aligned to 64 here"
    );
    let verdict = compatibility(Counters::TYPE, other).to_string();
    assert!(verdict.contains("hits"), "{verdict}");
    for (number, told) in [("3", "a power of two"), ("128", "a power of two"), ("2", "has 8")] {
        let text = format!("# barewire: align .a={number}\ntype A struct {{ a: u64 }}");
        let errors = Schema::read("bad", &text).expect_err("no alignment").to_string();
        assert!(errors.contains(told) && errors.starts_with("2:17: `A.a`"), "{errors}");
    }
}

mod written {
    barewire::schema!("# barewire: align .y=16\ntype Text struct { x: u8 y: u8 }");
}

schema! {
    type Tokens struct { x: u8, y: u8 align(16) }
}

#[test]
fn schema_takes_alignments_as_text_and_as_tokens() {
    assert_eq!(written::Text::TYPE.field_offset(1), Some(16));
    assert_eq!(Tokens::TYPE.field_offset(1), Some(16));
    assert_eq!(align_of::<TokensLayout>(), 16);
}

fn name(of: &str) -> String {
    format!("align-{of}-{}", std::process::id())
}

#[test]
fn messages_stand_aligned_in_every_queue() {
    for (at, (isolated, timestamps, capacity)) in
        [(false, false, 64), (false, true, 64), (true, true, 4), (false, false, 2)]
            .into_iter()
            .enumerate()
    {
        let builder = MessageQueue::<Counters>::builder(name(&format!("queue{at}")));
        let builder = builder.capacity(capacity);
        let builder = if timestamps { builder.timestamps() } else { builder };
        let queue = if isolated { builder.isolated() } else { builder }.create().expect("created");
        let taker = MessageQueue::<Counters>::open(queue.name()).expect("opened");
        for hits in 0..3 * capacity as u64 {
            match hits % 2 {
                0 => queue.enqueue(&counters(hits)).expect("room"),
                _ => {
                    let mut loan = queue.loan().expect("room");
                    loan.zero();
                    (loan.name, loan.hits, loan.misses) = (7, hits, 5);
                    loan.send().expect("room");
                }
            }
            let message = taker.dequeue_timeout(Duration::from_secs(5)).expect("taken");
            let message = message.expect("there is one");
            assert_eq!(std::ptr::from_ref(&message.hits).addr() % 64, 0);
            assert_eq!(message.read().expect("valid"), counters(hits));
        }
    }
}

#[test]
fn messages_stand_aligned_in_every_topic() {
    fn check<T>(of: &str, value: &dyn Fn(u64) -> T)
    where
        T: FixedLayout + barewire::codec::Encode + for<'de> barewire::codec::Decode<'de>,
        T: PartialEq + std::fmt::Debug,
    {
        for (lossy, isolated) in [(false, false), (true, false), (false, true)] {
            let builder = Topic::<T>::builder(name(&format!("topic-{of}-{lossy}-{isolated}")));
            let builder = if lossy { builder.lossy() } else { builder };
            let builder = if isolated { builder.isolated() } else { builder };
            let topic = builder.create().expect("created");
            let mut subscriber = topic.subscriber().expect("a place");
            let mut publisher = topic.publisher().expect("a lane");
            for hits in 0..20 {
                publisher.publish(&value(hits)).expect("room");
                publisher.publish(&value(hits + 1)).expect("room");
                for hits in [hits, hits + 1] {
                    let message = subscriber.take_timeout(Duration::from_secs(5));
                    let message = message.expect("received").expect("there is one");
                    let layout: &T::Layout = &message;
                    let align = align_of::<T::Layout>();
                    assert_eq!(std::ptr::from_ref(layout).addr() % align, 0);
                    assert_eq!(message.read().expect("valid"), value(hits));
                }
            }
        }
    }
    check("large", &counters);
    check("small", &|hits| Block { first: hits as u8, second: 3 });
}

#[test]
fn a_small_loan_of_a_topic_is_aligned() {
    let topic = Topic::<Block>::builder(name("loan")).create().expect("created");
    let mut subscriber = topic.subscriber().expect("a place");
    let mut publisher = topic.publisher().expect("a lane");
    let mut loan = publisher.loan().expect("room");
    (loan.first, loan.second) = (3, 4);
    loan.send().expect("sent");
    let message = subscriber.take_timeout(Duration::from_secs(5)).expect("received");
    assert_eq!(message.expect("there is one").read().expect("valid").second, 4);
}

#[test]
fn requests_replies_and_shared_values_are_aligned() {
    for isolated in [false, true] {
        let builder = Service::<Block, Counters>::builder(name(&format!("service-{isolated}")));
        let service = if isolated { builder.isolated() } else { builder }.create().expect("made");
        let server = service.server().expect("a server");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let call = server.next_timeout(Duration::from_secs(5)).expect("received");
                let call = call.expect("a call");
                let hits = u64::from(call.read().expect("valid").second);
                call.reply(&counters(hits)).expect("replied");
            });
            let client = service.client().expect("a client");
            let request = Block { first: 1, second: 77 };
            let reply = client.call(&request, Duration::from_secs(5)).expect("answered");
            assert_eq!(reply.read().expect("valid"), counters(77));
            assert_eq!(std::ptr::from_ref(&reply.hits).addr() % 64, 0);
        });
    }
    let region = SharedRegion::create(name("region"), &counters(1)).expect("made");
    assert_eq!(region.read().expect("valid"), counters(1));
}
