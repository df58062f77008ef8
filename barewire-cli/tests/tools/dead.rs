//! On segments that everybody has died in.

use serde_json::json;

use crate::harness::{Scratch, bytes, start};

#[test]
fn the_dead_can_be_read_and_are_left_as_they_are() {
    let scratch = Scratch::new("dead");
    let mut world = start("world", &scratch);
    world.tell("read");
    world.kill();
    let all: Vec<_> = scratch.names().into_iter().filter(|name| name != "answers").collect();
    let before: Vec<_> = all.iter().map(|name| bytes(&scratch.segments().join(name))).collect();

    let found = scratch.run(&["ls", "--json"]).json();
    let readings = &found[4];
    assert_eq!((&readings["alive"], &readings["dead"]), (&json!(0), &json!(1)));
    assert_eq!(
        scratch.run(&["show", "readings", "--json"]).json()["participants"][0]["alive"],
        false
    );
    assert_eq!(scratch.run(&["cat", "room", "--path", "title"]).ok(), "\"lobby\"\n");
    // The one that the dead was reading is neither waiting nor lost.
    assert_eq!(scratch.run(&["cat", "readings", "--json"]).lines().len(), 2);
    assert_eq!(scratch.run(&["cat", "prices", "--json"]).lines().len(), 5);
    assert_eq!(scratch.run(&["cat", "judge", "--json"]).lines().len(), 2);
    assert_eq!(scratch.run(&["ps", "--json"]).json(), json!([]));
    assert_eq!(scratch.run(&["ps"]).code, 0);
    // What is watched ends at once, since nobody is left to change it.
    scratch.run(&["tap", "readings"]).ok();
    scratch.run(&["cat", "room", "--watch"]).ok();
    let sample = scratch.run(&["top", "--json", "--count", "1"]).lines();
    assert_eq!(sample[0]["segments"].as_array().map(Vec::len), Some(5));
    assert_eq!(scratch.run(&["record", "readings", "r.rec", "--json"]).json()["messages"], 0);
    scratch.run(&["replay", "r.rec"]).ok();
    scratch.run(&["schema", "fingerprint", "notes"]).ok();
    scratch.run(&["emit", "room", "--lang", "c"]).ok();

    let after: Vec<_> = all.iter().map(|name| bytes(&scratch.segments().join(name))).collect();
    assert!(before == after, "looking has changed a byte");
    // To send is to attach, and there is nobody to attach to.
    let told = scratch.run(&["send", "notes", "--json", r#"{"U64": 1}"#]).fails(3);
    assert!(told.contains("has gone"), "{told}");
}

#[test]
fn doctor_finds_the_dead_and_fix_removes_them() {
    let scratch = Scratch::new("doctor");
    start("world", &scratch).kill();
    let found = scratch.run(&["doctor", "--json"]);
    assert_eq!(found.code, 1);
    let found: serde_json::Value = crate::harness::parse(&found.out);
    assert_eq!(found.as_array().map(Vec::len), Some(6));
    assert!(found.as_array().expect("a list").iter().all(|one| one["problem"] == true));
    assert!(scratch.run(&["doctor"]).fails(1).contains("doctor --fix"));
    assert_eq!(scratch.names().len(), 6, "it only looks");
    let told = scratch.run(&["doctor", "--fix"]).ok();
    assert!(told.contains("mended"), "{told}");
    assert!(scratch.names().is_empty());
    scratch.run(&["doctor"]).ok();
}

#[test]
fn rm_removes_the_dead() {
    let scratch = Scratch::new("rm-dead");
    start("world", &scratch).kill();
    scratch.run(&["rm", "room", "readings", "answers"]).ok();
    assert_eq!(scratch.names(), ["judge", "notes", "prices"]);
}

#[test]
fn what_a_dead_consumer_held_is_counted_as_delivered_again() {
    use barewire::MessageQueue;

    use crate::world::Reading;

    let scratch = Scratch::new("again");
    let mut world = start("world", &scratch);
    // This process is attached as well, so the queue lives on and is swept.
    let builder = MessageQueue::<Reading>::builder("readings").directory(scratch.segments());
    let queue = builder.open().expect("it is there");
    world.tell("read");
    world.kill();
    let waited = std::time::Duration::from_secs(1);
    let sensors: Vec<u32> = (0..3)
        .map(|_| queue.dequeue_timeout(waited).expect("it works").expect("three wait").sensor)
        .collect();
    assert_eq!(sensors.len(), 3);
    assert!(
        queue.dequeue_timeout(std::time::Duration::from_millis(50)).expect("it works").is_none()
    );
    let figures = scratch.run(&["show", "readings", "--json"]).json()["figures"].clone();
    assert_eq!(figures["redelivered"], 1);
    assert_eq!(queue.counters().redelivered, 1);
}
