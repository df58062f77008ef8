//! Real libraries in workers: zlib over random buffers, and a session of sqlite3.
//!
//! The libraries are those of the machine; a test whose library is absent says so and passes.
//! `BAREWIRE_FARSCAPE_ALL=1 cargo test --release -p barewire-farscape --test libraries` takes all
//! 10,000 buffers.

#[path = "../../tests/support/random.rs"]
mod random;
#[allow(dead_code)]
mod support;

use barewire::farscape::{ErrorKind, serve};
use random::Random;
use support::processes;

barewire::farscape! {
    library Zlib = "libz.so.1";
    pure unsigned long compressBound(unsigned long sourceLen);
    pure unsigned long crc32(
        unsigned long crc, in len(len) const unsigned char *buf, unsigned int len);
    pure int compress2(
        out cap(destLen) unsigned char *dest, inout unsigned long *destLen,
        in len(sourceLen) const unsigned char *source, unsigned long sourceLen, int level);
    pure int uncompress(
        out cap(destLen) unsigned char *dest, inout unsigned long *destLen,
        in len(sourceLen) const unsigned char *source, unsigned long sourceLen);
}

mod database {
    barewire::farscape! {
        library Sqlite = "libsqlite3.so.0";
        struct sqlite3;
        struct sqlite3_stmt;
        cstr static const char *sqlite3_libversion(void);
        int sqlite3_open(cstr const char *filename, out opaque struct sqlite3 **ppDb);
        int sqlite3_exec(
            opaque struct sqlite3 *db, cstr const char *sql,
            null int (*callback)(void *, int, char **, char **), null void *first,
            null char **errmsg);
        int sqlite3_prepare_v2(
            opaque struct sqlite3 *db, cstr const char *zSql, int nByte,
            out opaque struct sqlite3_stmt **ppStmt, null const char **pzTail);
        int sqlite3_bind_int64(opaque struct sqlite3_stmt *stmt, int at, long long value);
        int sqlite3_step(opaque struct sqlite3_stmt *stmt);
        int sqlite3_reset(opaque struct sqlite3_stmt *stmt);
        int sqlite3_column_count(opaque struct sqlite3_stmt *stmt);
        long long sqlite3_column_int64(opaque struct sqlite3_stmt *stmt, int iCol);
        double sqlite3_column_double(opaque struct sqlite3_stmt *stmt, int iCol);
        cstr of(stmt) const unsigned char *sqlite3_column_text(
            opaque struct sqlite3_stmt *stmt, int iCol);
        int sqlite3_finalize(take opaque struct sqlite3_stmt *stmt);
        int sqlite3_close(take opaque struct sqlite3 *db);
        cstr of(db) const char *sqlite3_errmsg(opaque struct sqlite3 *db);
        opaque struct sqlite3 *sqlite3_db_handle(opaque struct sqlite3_stmt *stmt);
        cstr free(sqlite3_free) char *sqlite3_expanded_sql(opaque struct sqlite3_stmt *stmt);
    }
}
use database::Sqlite;

/// Not a test of its own: what the workers run.
#[test]
fn child() {
    serve(&[Zlib::LIBRARY, Sqlite::LIBRARY]);
}

/// The library, unless the machine does not have it.
fn present<T>(started: barewire::farscape::Result<T>) -> Option<T> {
    match started {
        Ok(library) => Some(library),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            println!("skipped, this machine does not have it: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Bytes that compress now well, now badly.
fn buffer(random: &mut Random, len: usize) -> Vec<u8> {
    let mask = [0xff, 0x0f, 0x03, 0x00][random.below(4) as usize];
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        bytes.extend(random.next().to_le_bytes().map(|byte| byte & mask));
    }
    bytes.truncate(len);
    bytes
}

#[test]
fn zlib_gives_back_what_it_was_given() {
    let options = processes(1).arena_bytes(8 << 20);
    let Some(zlib) = present(Zlib::start(&options)) else { return };
    let whole = std::env::var_os("BAREWIRE_FARSCAPE_ALL").is_some();
    let (rounds, seed) = (if whole { 10_000 } else { 150 }, 8);
    println!("{rounds} buffers, seed {seed}");
    let mut random = Random(seed);
    for round in 0..rounds {
        // Small and empty ones, and up to 1 MiB.
        let most = [1, 64, 4096, 65_536, (1 << 20) + 1][random.below(5) as usize];
        let len = random.below(most) as usize;
        let source = buffer(&mut random, len);
        let level = random.below(10) as i32;
        let mut packed = vec![0; zlib.compressBound(len as u64).expect("bound") as usize];
        let (status, written) = zlib.compress2(&mut packed, &source, level).expect("compress2");
        assert_eq!(status, 0, "round {round}");
        let mut restored = vec![0xaa; len.max(1)];
        let packed = &packed[..written];
        let (status, written) = zlib.uncompress(&mut restored, packed).expect("uncompress");
        assert_eq!((status, written), (0, len), "round {round}");
        assert!(restored[..len] == source[..], "round {round}: {len} bytes come back");
    }
}

#[test]
fn buffers_in_the_arena_are_not_copied_and_give_the_same() {
    let Some(zlib) = present(Zlib::start(&processes(2))) else { return };
    let source = buffer(&mut Random(3), 300_000);
    let mut shared = zlib.buffer(source.len()).expect("room");
    shared.write(0, &source).expect("inside");
    let (by_copy, in_place) = (zlib.crc32(0, &source), zlib.crc32(0, &shared));
    assert_eq!(by_copy.expect("crc"), in_place.expect("crc"));
    let mut packed = zlib.buffer(400_000).expect("room");
    let (status, written) = zlib.compress2(&mut packed, &shared, 1).expect("compress2");
    assert_eq!(status, 0);
    let mut restored = vec![0; source.len()];
    let packed = packed.read(0, written).expect("inside");
    zlib.uncompress(&mut restored, &packed).expect("uncompress");
    assert!(restored == source);
}

#[test]
fn both_backends_answer_alike() {
    // SAFETY: the prototypes are zlib's, and these functions may be called from any thread.
    let options = unsafe { barewire::farscape::Options::in_process() };
    let Some(here) = present(Zlib::start(&options)) else { return };
    let there = Zlib::start(&processes(1)).expect("it was there just now");
    let source = buffer(&mut Random(5), 100_000);
    let mut packed = [vec![0; 120_000], vec![0; 120_000]];
    let mine = here.compress2(&mut packed[0], &source, 9).expect("here");
    let others = there.compress2(&mut packed[1], &source, 9).expect("there");
    assert_eq!(mine, others);
    assert!(packed[0] == packed[1], "and the same bytes");
    // What does not fit is zlib's own error, not one of ours.
    let short = there.compress2(&mut [0_u8; 3], &source, 9).expect("there");
    assert_eq!(short.0, -5, "Z_BUF_ERROR");
}

#[test]
fn sqlite_runs_a_session_through_handles() {
    let Some(sqlite) = present(Sqlite::start(&processes(1))) else { return };
    println!("sqlite {:?}", sqlite.sqlite3_libversion().expect("a text"));
    let (status, db) = sqlite.sqlite3_open(c":memory:").expect("open");
    let db = db.expect("a database");
    assert_eq!(status, 0);
    let run = |sql: &std::ffi::CStr| sqlite.sqlite3_exec(&db, sql).expect("exec");
    assert_eq!(run(c"create table part (name text, weight real, count integer)"), 0);
    assert_eq!(run(c"insert into part values ('wheel', 2.5, 4), ('bolt', 0.125, 120)"), 0);
    assert_eq!(run(c"selec nonsense"), 1);
    let told = sqlite.sqlite3_errmsg(&db).expect("a text").expect("not null");
    assert!(told.to_string_lossy().contains("selec"), "{told:?}");

    let sql = c"select name, weight, count from part where count > ? order by name";
    let (status, statement) = sqlite.sqlite3_prepare_v2(&db, sql, -1).expect("prepare");
    let statement = statement.expect("a statement");
    assert_eq!(status, 0);
    assert_eq!(sqlite.sqlite3_bind_int64(&statement, 1, 3).expect("bind"), 0);
    let expanded = sqlite.sqlite3_expanded_sql(&statement).expect("a text").expect("not null");
    assert!(expanded.to_string_lossy().contains("> 3 "), "{expanded:?}");
    let mut rows = Vec::new();
    while sqlite.sqlite3_step(&statement).expect("step") == 100 {
        rows.push((
            sqlite.sqlite3_column_text(&statement, 0).expect("text").expect("not null"),
            sqlite.sqlite3_column_double(&statement, 1).expect("double"),
            sqlite.sqlite3_column_int64(&statement, 2).expect("int64"),
        ));
    }
    assert_eq!(sqlite.sqlite3_column_count(&statement).expect("count"), 3);
    assert_eq!(rows, [(c"bolt".to_owned(), 0.125, 120), (c"wheel".to_owned(), 2.5, 4)]);

    // The same pointer is the same handle.
    let same = sqlite.sqlite3_db_handle(&statement).expect("handle").expect("not null");
    assert_eq!(format!("{same:?}"), format!("{db:?}"));
    assert_eq!(sqlite.sqlite3_finalize(statement).expect("finalize"), 0);
    assert_eq!(sqlite.sqlite3_close(db).expect("close"), 0);
    // The database is gone, and so is every other handle to it.
    let error = sqlite.sqlite3_errmsg(&same).expect_err("stale");
    assert!(error.is_stale_handle(), "{error}");
}

#[test]
fn handles_go_to_their_own_worker() {
    let Some(sqlite) = present(Sqlite::start(&processes(2))) else { return };
    let sqlite = &sqlite;
    std::thread::scope(|scope| {
        for number in 0..4_i64 {
            scope.spawn(move || {
                let db = sqlite.sqlite3_open(c":memory:").expect("open").1.expect("a database");
                for _ in 0..50 {
                    let sql = std::ffi::CString::new(format!("select {number} * 10")).expect("sql");
                    let prepared = sqlite.sqlite3_prepare_v2(&db, &sql, -1).expect("prepare");
                    let statement = prepared.1.expect("a statement");
                    assert_eq!(sqlite.sqlite3_step(&statement).expect("step"), 100);
                    let found = sqlite.sqlite3_column_int64(&statement, 0).expect("int64");
                    assert_eq!(found, number * 10);
                    sqlite.sqlite3_finalize(statement).expect("finalize");
                }
                sqlite.sqlite3_close(db).expect("close");
            });
        }
    });
}
