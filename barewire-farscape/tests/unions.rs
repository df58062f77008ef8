//! Unions that a field tags go through the macro there and back; libraries that are linked.

#[allow(dead_code)]
mod support;

use barewire::farscape::{ErrorKind, Options, serve};
use support::{Scratch, processes};

const SOURCE: &str = r#"
struct point { double x, y; };
enum what { NOTHING = 0, COUNT = 2, PLACE = 5 };
struct value { int kind; union { int number; double real; unsigned char name[12]; } data; };
struct event { unsigned long id; enum what what; union { long count; struct point place; } data; };
int kind_of(const struct value *value) { return value->kind; }
int next(struct value *value) {
    double real = value->data.real;
    switch (value->kind) {
    case 1: value->data.real = value->data.number / 2.0; value->kind = 2; return 0;
    case 2: for (int at = 0; at < 12; at++) value->data.name[at] = at * real;
            value->kind = 7; return 0;
    default: value->data.number = value->data.name[2]; value->kind = 1; return 0;
    }
}
int first(struct value *value) { value->kind = 1; value->data.number = -77; return 0; }
int spoil(struct value *value, int kind) { value->kind = kind; return 0; }
double total(const struct event *event) {
    if (event->what == COUNT) return event->data.count;
    return event->data.place.x + event->data.place.y;
}
int turn(struct event *event) {
    double x = event->data.place.x; event->data.place.x = event->data.place.y;
    event->data.place.y = x; event->id++; return 0;
}
"#;

barewire::farscape! {
    library Values = "libvalues.so";
    struct point { double x, y; };
    enum what { NOTHING = 0, COUNT = 2, PLACE = 5 };
    struct value {
        int kind;
        tag(kind, 1 = number, 2 = real, 7 = name)
        union { int number; double real; unsigned char name[12]; } data;
    };
    struct event {
        unsigned long id;
        enum what what;
        tag(what, 2 = count, 5 = place)
        union { long count; struct point place; } data;
    };
    int kind_of(in const struct value *value);
    int next(inout struct value *value);
    int first(out struct value *value);
    int spoil(inout struct value *value, int kind);
    double total(in const struct event *event);
    int turn(inout struct event *event);
}

mod linked {
    barewire::farscape! {
        library Linked = link "m";
        pure double fmax(double one, double other);
        pure int abs(int number);
        void abort(void);
    }
}
use linked::Linked;

/// Not a test of its own: what the workers run.
#[test]
fn child() {
    serve(&[Values::LIBRARY, Linked::LIBRARY]);
}

fn values() -> (Scratch, Values) {
    let scratch = Scratch::new(&format!("unions-{:?}", std::thread::current().id()));
    let path = scratch.compile("libvalues.so", SOURCE, &["-shared", "-fPIC"]);
    let values = Values::start(&processes(1).file(path)).expect("a library");
    (scratch, values)
}

#[test]
fn a_union_has_the_member_that_its_tag_says() {
    let (_scratch, values) = values();
    let (status, mut value) = values.first().expect("a call");
    assert_eq!((status, &value), (0, &value_of(value_data::number(-77))));
    assert_eq!(values.next(&mut value).expect("a call"), 0);
    assert_eq!(value, value_of(value_data::real(-38.5)));
    let name = std::array::from_fn(|at| 5 * at as u8);
    for (kind, data, next) in [
        (1, value_data::number(10), value_data::real(5.0)),
        (2, value_data::real(5.0), value_data::name(name)),
        (7, value_data::name(name), value_data::number(10)),
    ] {
        let mut value = value_of(data);
        assert_eq!(values.kind_of(&value).expect("a call"), kind);
        assert_eq!(values.next(&mut value).expect("a call"), 0);
        assert_eq!(value, value_of(next));
    }
}

fn value_of(data: value_data) -> value {
    value { data }
}

#[test]
fn a_tag_that_names_no_member_does_not_come_through() {
    let (_scratch, values) = values();
    for kind in [0, 3, -1, 77] {
        let mut value = value_of(value_data::number(5));
        let error = values.spoil(&mut value, kind).expect_err("no member has that number");
        assert_eq!(error.kind(), ErrorKind::InvalidValue, "{kind}: {error}");
        assert_eq!(value, value_of(value_data::number(5)));
    }
    // Another member may be there, whatever its bytes are.
    let mut value = value_of(value_data::number(5));
    values.spoil(&mut value, 7).expect("a name");
    assert_eq!(value, value_of(value_data::name([5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])));
}

#[test]
fn an_enum_may_be_the_tag_and_a_struct_a_member() {
    let (_scratch, values) = values();
    let mut event = event { id: 6, data: event_data::place(point { x: 1.0, y: 2.5 }) };
    assert_eq!(values.total(&event).expect("a call"), 3.5);
    assert_eq!(values.turn(&mut event).expect("a call"), 0);
    let turned = crate::event { id: 7, data: event_data::place(point { x: 2.5, y: 1.0 }) };
    assert_eq!(event, turned);
    event.data = event_data::count(-4);
    assert_eq!(values.total(&event).expect("a call"), -4.0);
}

#[test]
fn a_library_that_is_linked_is_called_here_and_in_workers() {
    // SAFETY: these are the prototypes of the C library.
    let here = unsafe { Options::in_process() };
    for options in [processes(1), here.clone()] {
        let linked = Linked::start(&options).expect("it is a part of this program");
        assert_eq!(linked.fmax(2.5, -7.0).expect("a call"), 2.5);
        assert_eq!(linked.abs(-4).expect("a call"), 4);
    }
    let linked = Linked::start(&processes(1)).expect("it is a part of this program");
    let error = linked.abort().expect_err("it aborts");
    assert_eq!(error.kind(), ErrorKind::Crashed { signal: 6 });
    assert_eq!(linked.abs(-4).expect("a fresh worker"), 4);
}
