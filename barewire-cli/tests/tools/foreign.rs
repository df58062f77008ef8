//! On files that are none of ours, or that somebody has damaged.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use crate::harness::{Scratch, bytes, start};

/// A file of the mode that segments have.
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("it can be written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
}

/// Makes one of everything that has no place among segments; the names and their exit codes.
fn litter(scratch: &Scratch) -> Vec<(&'static str, i32)> {
    let at = |name: &str| scratch.segments().join(name);
    let whole = bytes(&at("readings"));
    let patched = |at: usize, with: &[u8]| {
        let mut bytes = whole.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    write(&at("garbage"), &[0x5a; 20_000]);
    write(&at("short"), b"BARE");
    write(&at("empty"), b"");
    write(&at("oldversion"), &patched(8, &3_u32.to_le_bytes()));
    write(&at("oddkind"), &patched(12, &99_u32.to_le_bytes()));
    write(&at("truncated"), &whole[..whole.len() - 4096]);
    write(&at("badtext"), &patched(8448, &[0xff; 8]));
    write(&at("badschema"), &patched(8448, b"tipe    "));
    write(&at("badid"), &patched(80, &[1; 16]));
    write(&at("badgeometry"), &patched(96, &u64::MAX.to_le_bytes()));
    fs::write(at("open"), &whole).expect("it can be written");
    fs::set_permissions(at("open"), fs::Permissions::from_mode(0o644)).expect("it is ours");
    symlink(at("readings"), at("link")).expect("a new link");
    fs::create_dir(at("folder")).expect("a new directory");
    vec![
        ("garbage", 4),
        ("short", 4),
        ("empty", 4),
        ("oldversion", 4),
        ("oddkind", 4),
        ("truncated", 4),
        ("badtext", 4),
        ("badschema", 4),
        ("badid", 4),
        ("open", 5),
        ("link", 5),
        ("folder", 5),
    ]
}

#[test]
fn nothing_foreign_is_taken_for_a_segment() {
    let scratch = Scratch::new("foreign");
    let _world = start("world", &scratch);
    let foreign = litter(&scratch);
    for (name, code) in &foreign {
        for command in ["show", "cat", "tap", "schema print", "schema check", "emit --lang rust"] {
            let mut arguments: Vec<&str> = command.split(' ').collect();
            arguments.push(name);
            scratch.run(&arguments).fails(*code);
        }
        scratch.run(&["send", name, "--json", "1"]).fails(*code);
        scratch.run(&["record", name, "file"]).fails(*code);
        scratch.run(&["rm", name]).fails(*code);
    }
    // A header whose numbers make no sense: it is listed, and nothing is read from it.
    scratch.run(&["show", "badgeometry"]).ok();
    for command in ["cat", "tap"] {
        scratch.run(&[command, "badgeometry"]).fails(4);
    }
    let listed = scratch.run(&["ls", "--json"]).json();
    let kind = |name: &str| {
        let mut all = listed.as_array().expect("a list").iter();
        all.find(|one| one["name"] == name).expect("it is listed")["kind"].clone()
    };
    for (name, _) in &foreign {
        assert_eq!(kind(name), "foreign", "{name}");
    }
    assert_eq!(kind("readings"), "queue");
    scratch.run(&["ls"]).ok();
    let sample = scratch.run(&["top", "--json", "--count", "1"]).lines();
    assert_eq!(sample[0]["segments"].as_array().map(Vec::len), Some(5));
    for (name, _) in &foreign {
        assert!(scratch.segments().join(name).symlink_metadata().is_ok(), "{name} is untouched");
    }
}

#[test]
fn doctor_mends_what_is_ours_and_names_what_is_not() {
    let scratch = Scratch::new("doctor-foreign");
    let _world = start("world", &scratch);
    litter(&scratch);
    let told = scratch.run(&["doctor", "--fix"]).fails(1);
    let open = fs::metadata(scratch.segments().join("open")).expect("it is there");
    assert_eq!(open.permissions().mode() & 0o777, 0o600);
    for name in ["garbage", "link", "folder", "truncated"] {
        assert!(told.contains(&format!("{name}: ")), "{name}: {told}");
        assert!(scratch.segments().join(name).symlink_metadata().is_ok(), "{name} is untouched");
    }
    assert!(told.contains("open: others may read or write it; a segment has mode 0600: mended"));
}

#[test]
fn a_directory_that_others_can_write_in_is_not_trusted() {
    let scratch = Scratch::new("open-directory");
    let _world = start("world", &scratch);
    let open = fs::Permissions::from_mode(0o777);
    fs::set_permissions(scratch.segments(), open).expect("it is ours");
    for command in ["ls", "ps", "show room", "doctor"] {
        let code = if command == "doctor" { 1 } else { 5 };
        let told = scratch.run(&command.split(' ').collect::<Vec<_>>()).fails(code);
        assert!(told.contains("0777"), "{told}");
    }
    assert!(scratch.run(&["doctor", "--fix"]).ok().contains("mended"));
    scratch.run(&["ls"]).ok();
}

#[test]
fn recorded_files_are_checked() {
    let scratch = Scratch::new("foreign-records");
    let mut world = start("world", &scratch);
    scratch.file("text.rec", "this is no recorded file, whatever it may look like: just some text");
    assert!(scratch.run(&["replay", "text.rec"]).fails(4).contains("foreign"));
    scratch.file("empty.rec", "");
    scratch.run(&["replay", "empty.rec"]).fails(4);
    scratch.file("exists.rec", "precious");
    assert!(scratch.run(&["record", "notes", "exists.rec"]).fails(5).contains("exists already"));
    assert_eq!(bytes(&scratch.files().join("exists.rec")), b"precious");

    let record = crate::harness::Running::start(&scratch, &["record", "notes", "notes.rec"]);
    std::thread::sleep(std::time::Duration::from_millis(400));
    world.tell("note 5");
    std::thread::sleep(std::time::Duration::from_millis(200));
    record.interrupt().ok();
    let path = scratch.files().join("notes.rec");
    let whole = bytes(&path);
    fs::write(&path, &whole[..whole.len() - 1]).expect("it is ours");
    let told = scratch.run(&["replay", "notes.rec"]).fails(4);
    assert!(told.contains("breaks off after 0 whole messages"), "{told}");
    let mut damaged = whole.clone();
    *damaged.last_mut().expect("it is not empty") ^= 1;
    fs::write(&path, damaged).expect("it is ours");
    assert!(scratch.run(&["replay", "notes.rec"]).fails(4).contains("is damaged"));
}
