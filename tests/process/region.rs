//! A region between processes: whole values, exclusive updates, and killed writers.

use std::time::{Duration, Instant};

use barewire::{BareSchema, SharedRegion};

use crate::harness::{Random, Scratch, argument, start};

#[derive(BareSchema, Debug, Clone, PartialEq)]
pub(crate) struct Wide {
    pub(crate) count: u64,
    pub(crate) copies: [u64; 200],
}

const EACH: u64 = 5_000;

fn bump(value: &mut Wide) {
    value.count += 1;
    value.copies = [value.count; 200];
}

pub(crate) fn update() {
    let region = SharedRegion::<Wide>::open("wide").expect("the parent has made it");
    let rounds: u64 = argument(0).parse().expect("a number");
    for round in 0..rounds {
        region.update(bump).expect("it works");
        if round == 0 {
            println!("\nrunning");
        }
    }
}

pub(crate) fn hold_region() {
    let region = SharedRegion::<Wide>::open("wide").expect("the parent has made it");
    region
        .update(|_| {
            println!("\nholding");
            std::thread::sleep(Duration::from_secs(60));
        })
        .expect("it works");
}

fn region(scratch: &Scratch) -> SharedRegion<Wide> {
    SharedRegion::builder("wide")
        .directory(scratch.path())
        .create(&Wide { count: 0, copies: [0; 200] })
        .expect("a new region")
}

fn assert_whole(value: &Wide) {
    assert!(value.copies.iter().all(|copy| *copy == value.count), "torn: {value:?}");
}

#[test]
fn updates_are_exclusive_and_readers_see_whole_values() {
    let scratch = Scratch::new("updates");
    let region = region(&scratch);
    let rounds = EACH.to_string();
    let mut writers: Vec<_> = (0..3).map(|_| start("update", scratch.path(), &[&rounds])).collect();
    writers.iter_mut().for_each(|writer| _ = writer.line("running"));
    while region.version() < 3 * EACH {
        assert_whole(&region.read().expect("always readable"));
    }
    writers.into_iter().for_each(|writer| writer.finish(Duration::from_secs(60)));
    assert_eq!(region.read().expect("readable").count, 3 * EACH);
    region.close();
    assert_eq!(scratch.files(), [""; 0]);
}

#[test]
fn a_writer_killed_while_it_holds_the_lock_blocks_nobody() {
    let scratch = Scratch::new("holder");
    let region = region(&scratch);
    region.update(bump).expect("it works");
    for round in 1..=500 {
        let mut holder = start("hold_region", scratch.path(), &[]);
        holder.line("holding");
        assert_eq!(region.read().expect("readers do not wait").count, round);
        let busy = region.update_timeout(Duration::from_millis(1), bump);
        assert!(busy.expect_err("the holder lives").is_timed_out());
        holder.kill();
        region.update_timeout(Duration::from_secs(5), bump).expect("the lock is free again");
        let value = region.read().expect("readable");
        assert_whole(&value);
        assert_eq!(value.count, round + 1);
    }
}

#[test]
fn writers_killed_at_random_leave_the_last_whole_value() {
    let scratch = Scratch::new("writers");
    let region = region(&scratch);
    let seed = 7;
    println!("seed {seed}");
    let mut random = Random(seed);
    let forever = u64::MAX.to_string();
    let mut before = 0;
    for _ in 0..500 {
        let mut writer = start("update", scratch.path(), &[&forever]);
        writer.line("running");
        let deadline = Instant::now() + Duration::from_secs(20);
        while region.read().expect("readable").count <= before {
            assert!(Instant::now() < deadline, "the writer makes progress");
        }
        std::thread::sleep(Duration::from_micros(random.below(2_000)));
        writer.kill();
        let value = region.read().expect("readable");
        assert_whole(&value);
        assert!(value.count > before, "what was seen stays");
        before = value.count;
        region.update_timeout(Duration::from_secs(5), bump).expect("nobody is in the way");
    }
    region.close();
    assert_eq!(scratch.files(), [""; 0]);
}
