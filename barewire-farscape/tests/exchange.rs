//! A program of C, compiled with a header made from schemas, and one of Rust share memory.

#[allow(dead_code)]
mod support;

use std::process::Command;

use barewire::farscape::c::{CType, Dialect, Document, StructDefinition, Tokens};
use barewire::farscape::{ErrorKind, SharedStruct, c_header};
use barewire::schema::Schema;
use barewire::segment::Directory;
use barewire::value::Value;
use barewire::{BareSchema, SharedRegion};
use support::Scratch;

#[derive(BareSchema, Debug, Clone, PartialEq)]
enum Shape {
    Dot,
    Line(Span),
    Label(#[bare(max = 5)] String),
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Span {
    from: u16,
    to: u64,
}

#[derive(BareSchema, Debug, Clone, PartialEq)]
struct Reading {
    sensor: u32,
    #[bare(max = 12)]
    label: String,
    celsius: f64,
    flag: bool,
    span: Option<Span>,
    #[bare(max = 3)]
    samples: Vec<i16>,
    shape: Shape,
}

fn document(text: &str) -> Document {
    Document::read(&Tokens::of_text(text).expect("tokens"), Dialect::Annotated)
}

#[test]
fn c_reads_a_region_that_rust_changes() {
    let scratch = Scratch::new("region");
    let schema = Schema::from_type(Reading::TYPE).validate().expect("a derived type is valid");
    let header = c_header("reading", &schema).expect("it has a fixed layout");
    std::fs::write(scratch.0.join("reading.h"), header).expect("writable");
    let program = scratch.compile(
        "reader",
        r#"
        #include <fcntl.h>
        #include <stdio.h>
        #include <sys/mman.h>
        #include <sys/stat.h>
        #include "reading.h"
        int main(int count, char **words) {
            struct stat facts; Reading found;
            static const uint8_t id[16] = BAREWIRE_LAYOUT_ID_Reading;
            int file = open(words[count - 1], O_RDONLY);
            if (file < 0 || fstat(file, &facts)) return 1;
            void *segment = mmap(NULL, facts.st_size, PROT_READ, MAP_SHARED, file, 0);
            if (segment == MAP_FAILED || !barewire_holds(segment, facts.st_size, id)) return 2;
            if (!barewire_region_read(segment, &found, sizeof found)) return 3;
            printf("%u %.*s %.2f %d %d %d-%d %d,%d %u %.*s\n", found.sensor,
                (int)found.label.count[0], (char *)found.label.items, found.celsius, found.flag,
                (int)found.span.present, found.span.value.from, (int)found.span.value.to,
                found.samples.items[0], found.samples.items[1], found.shape.tag,
                (int)found.shape.payload.tag2.count[0], (char *)found.shape.payload.tag2.items);
            return 0;
        }"#,
        &["-I", scratch.0.to_str().expect("text")],
    );
    let mut reading = Reading {
        sensor: 7,
        label: "boiler".to_owned(),
        celsius: 81.5,
        flag: true,
        span: Some(Span { from: 3, to: 9 }),
        samples: vec![-4, 5],
        shape: Shape::Label("hot".to_owned()),
    };
    let folder = scratch.private("segments");
    let region = SharedRegion::<Reading>::builder("reading").directory(&folder).create(&reading);
    let region = region.expect("a region");
    let file = std::fs::read_dir(&folder).expect("it is there").next().expect("a segment");
    let file = file.expect("readable").path();
    for sensor in [7, 8] {
        region.update(|value| value.sensor = sensor).expect("an update");
        let output = Command::new(&program).arg(&file).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{:?}", output.status);
        assert_eq!(text, format!("{sensor} boiler 81.50 1 1 3-9 -4,5 2 hot\n"));
        reading.sensor = sensor;
    }
    // With another schema the layout id tells them apart.
    let other = SharedRegion::<u64>::builder("other").directory(&folder).create(&1).expect("one");
    let entries =
        std::fs::read_dir(&folder).expect("it is there").map(|one| one.expect("one").path());
    let other_file = entries.into_iter().find(|path| *path != file).expect("the other segment");
    let output = Command::new(&program).arg(other_file).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    drop(other);
}

#[test]
fn c_and_rust_change_a_struct_at_once() {
    let scratch = Scratch::new("struct");
    let text = "enum mode { OFF, SLOW = 4, FAST };\n\
                struct axis { short steps[3]; float gain; };\n\
                struct plant { unsigned char id[5]; enum mode mode; struct axis axes[2]; \
                long turns; _Bool ready; double level; };";
    let document = document(text);
    let plant: &StructDefinition = document.structs().last().expect("plant");
    let folder = scratch.private("segments");
    let ours = SharedStruct::create_at(&folder, "plant", plant).expect("a struct");
    assert_eq!(ours.path(), folder.join("plant"));
    let again = SharedStruct::create_at(&folder, "plant", plant).expect_err("it is there already");
    assert_eq!(again.kind(), ErrorKind::InvalidArgument, "{again}");
    let header = c_header("plant", ours.schema()).expect("it has a fixed layout");
    std::fs::write(scratch.0.join("plant.h"), header).expect("writable");
    let program = scratch.compile(
        "plant",
        &format!(
            r#"
            #include <fcntl.h>
            #include <stdio.h>
            #include <sys/mman.h>
            #include <sys/stat.h>
            #include "plant.h"
            {text}
            _Static_assert(sizeof(struct plant) == sizeof(Plant), "one layout");
            int main(int count, char **words) {{
                struct stat facts;
                static const uint8_t id[16] = BAREWIRE_LAYOUT_ID_Plant;
                int file = open(words[count - 1], O_RDWR);
                if (file < 0 || fstat(file, &facts)) return 1;
                void *segment =
                    mmap(NULL, facts.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
                if (segment == MAP_FAILED) return 2;
                volatile struct plant *plant = barewire_struct(segment, facts.st_size, id);
                if (!plant) return 3;
                printf("%d %d %d %ld %.3f\n", plant->id[4], plant->mode, plant->axes[1].steps[2],
                    plant->turns, plant->level);
                fflush(stdout);
                plant->ready = 1;
                while (plant->turns != 1000) {{ }}
                plant->axes[0].gain = 0.25f;
                plant->mode = FAST;
                plant->id[0] = 200;
                plant->turns = 2000;
                return 0;
            }}"#
        ),
        &["-I", scratch.0.to_str().expect("text")],
    );
    let set = |path: &str, value: Value| ours.set(path, &value).expect("a field");
    set("id[4]", Value::U8(77));
    set("mode", Value::Enum(4));
    set("axes[1].steps[2]", Value::I16(-300));
    set("turns", Value::I64(1 << 40));
    set("level", Value::F64(0.125));
    let child =
        Command::new(&program).arg(ours.path()).stdout(std::process::Stdio::piped()).spawn();
    let child = child.expect("it runs");
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while ours.get("ready").expect("a flag") != Value::Bool(true) {
        assert!(std::time::Instant::now() < patience, "the program of C says that it is there");
        std::thread::yield_now();
    }
    set("turns", Value::I64(1000));
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("77 4 -300 {} 0.125\n", 1_u64 << 40)
    );
    assert_eq!(ours.get("axes[0].gain").expect("gain"), Value::F32(0.25));
    assert_eq!(ours.get("mode").expect("mode"), Value::Enum(5));
    assert_eq!(ours.get("id[0]").expect("id"), Value::U8(200));
    assert_eq!(ours.get("turns").expect("turns"), Value::I64(2000));
    assert!(ours.get("level.x").is_err() && ours.set("turns", &Value::U8(1)).is_err());
    let pointer = StructDefinition::new("p").field("name", CType::Char.pointer());
    let error = SharedStruct::create_at(&folder, "p", &pointer).expect_err("a pointer");
    assert!(error.to_string().contains("another process"), "{error}");
}

#[test]
fn a_shared_struct_is_a_segment_like_all_others() {
    let scratch = Scratch::new("segment");
    let folder = scratch.private("segments");
    let point = StructDefinition::new("point").field("x", CType::Double).field("y", CType::Double);
    let ours = SharedStruct::create_at(&folder, "point", &point).expect("a struct");
    ours.set("y", &Value::F64(2.5)).expect("a field");
    let directory = Directory::at(&folder).expect("a folder");
    assert_eq!(directory.segments().expect("readable"), ["point"], "it is listed");
    let bytes = std::fs::read(ours.path()).expect("readable");
    assert_eq!(&bytes[..8], b"BAREWIRE");
    let text = bytes[8448..].split(|byte| *byte == 0).next().expect("the schema's text");
    assert_eq!(std::str::from_utf8(text).expect("text"), ours.schema().to_string());

    let others = SharedStruct::open_at(&folder, "point", &point).expect("it is there");
    assert_eq!(others.get("y").expect("a field"), Value::F64(2.5));
    let wrong = StructDefinition::new("point").field("x", CType::Double).field("y", CType::Float);
    let error = SharedStruct::open_at(&folder, "point", &wrong).expect_err("another layout");
    assert_eq!(error.kind(), ErrorKind::SchemaMismatch);
    assert!(error.to_string().contains("y"), "{error}");
    let error = SharedRegion::<u64>::builder("point").directory(&folder).open().expect_err("none");
    assert!(error.to_string().contains("a struct"), "{error}");
    drop((ours, others));
    assert!(directory.segments().expect("readable").is_empty());
    let error = SharedStruct::open_at(&folder, "point", &point).expect_err("all have left");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
