//! Workers that crash, hang, lie and scribble: the caller gets an error and goes on.

#[allow(dead_code)]
mod support;

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use barewire::farscape::{ErrorKind, Options, Sandbox, serve};
use support::{Scratch, processes};

/// A library that does everything that it should not.
const SOURCE: &str = r#"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
struct point { double x, y; };
enum mood { GLAD = 0, SAD = 3 };
struct state { enum mood mood; struct point at; unsigned char id[4]; };
static int value = 7;
int add(int a, int b) { return a + b; }
int crash(int how) {
    if (how == 0) *(volatile int *)16 = 1;
    if (how == 1) abort();
    if (how == 2) _exit(9);
    return 0;
}
int hang(int how) { for (;;) { if (how) pause(); } }
int *make(int start) { int *made = malloc(sizeof *made); *made = start; return made; }
int bump(int *made) { return ++*made; }
void drop(int *made) { free(made); }
int *null_or(int yes) { return yes ? NULL : &value; }
int move(struct state *state, const struct point *by) {
    state->at.x += by->x; state->at.y += by->y; state->mood = SAD; state->id[0]++; return 0;
}
int spoil(struct state *state) { state->mood = 77; return 0; }
int wild_length(unsigned char *out, size_t *length) {
    out[0] = 1; *length = (size_t)1 << 60; return 0; }
int one_more(unsigned char *out, size_t *length) { *length += 1; return 0; }
const char *endless(void) {
    static char text[100000]; memset(text, 'x', sizeof text - 1); return text;
}
double halve(float f, double d, _Bool whole, char c, short s, unsigned long long u) {
    return whole ? (f + d + c + s + (double)u) / 2 : 0;
}
int fail(const char *path) { return open(path, O_RDONLY); }
int dial(void) { return socket(AF_INET, SOCK_STREAM, 0); }
/* Pointers that lead nowhere, as what they should not be. */
int *wild_handle(unsigned long where) { return (int *)where; }
int give_wild(int **made, unsigned long where) { *made = (int *)where; return 0; }
int give_nothing(int **made) { return 0; }
const char *wild_text(unsigned long where) { return (const char *)where; }
char *freed_text(void) { char *text = malloc(9); strcpy(text, "unfreed"); return text; }
void bad_free(char *text) { free(text + 8); }
int wild_inout(unsigned char *data, size_t *length) {
    data[0] = 9; *length = (size_t)-1; return 0; }
int signed_length(unsigned char *out, long *length) { *length = -1; return 0; }
int far_out(unsigned char *out, size_t length) {
    for (size_t at = 0; ; at += 4096) out[at] = 1; }
int deep(int n) { volatile char room[4096]; room[0] = n; return n < 0 ? 0 : deep(n + 1) + room[0]; }
static void *behind(void *place) { for (;;) ((volatile char *)place)[0]++; return 0; }
/* Dies, while another thread of its writes where its argument was. */
int die_late(unsigned char *data, size_t length) {
    pthread_t other; pthread_create(&other, NULL, behind, data); usleep(2000); abort(); }
/* Takes the signals over, as a library may: its own handler, which ends in another way. */
static void own(int signal) { _exit(40 + signal); }
int own_handler(void) { signal(SIGSEGV, own); *(volatile int *)16 = 1; return 0; }
/* Writes over all memory that is shared, the mailbox too, for as long as it lives. */
int scribble(unsigned seed, int stay) {
    FILE *maps = fopen("/proc/self/maps", "r"); char line[512];
    unsigned char *start[8]; size_t length[8]; int count = 0;
    while (fgets(line, sizeof line, maps) && count < 8) {
        unsigned long from, to;
        if (strstr(line, "farscape-") && sscanf(line, "%lx-%lx", &from, &to) == 2) {
            start[count] = (unsigned char *)from; length[count++] = to - from;
        }
    }
    fclose(maps);
    if (count < 2) return -1;
    do {
        for (int which = 0; which < count; which++)
            for (size_t at = 0; at < length[which]; at += 1 + seed % 7) {
                seed = seed * 1664525u + 1013904223u; start[which][at] = seed >> 24;
            }
    } while (stay);
    return 0;
}
/* Answers every call before it is made, with what it likes. */
int lie(unsigned status, unsigned long long result) {
    FILE *maps = fopen("/proc/self/maps", "r"); char line[512]; unsigned long from = 0;
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "farscape-mailbox")) sscanf(line, "%lx", &from);
    fclose(maps);
    volatile uint32_t *words = (volatile uint32_t *)from;
    for (;;) {
        *(volatile uint64_t *)(from + 208) = result; words[49] = status;
        __sync_synchronize(); words[48] = words[0];
    }
}
"#;

barewire::farscape! {
    library Nasty = "libnasty.so";
    struct point { double x, y; };
    enum mood { GLAD = 0, SAD = 3 };
    struct state { enum mood mood; struct point at; unsigned char id[4]; };
    pure int add(int a, int b);
    int crash(int how);
    int hang(int how);
    opaque void *make(int start);
    int bump(opaque void *made);
    void drop(take opaque void *made);
    opaque void *null_or(int yes);
    int move(inout struct state *state, in const struct point *by);
    int spoil(inout struct state *state);
    int wild_length(out cap(length) unsigned char *out_bytes, inout size_t *length);
    int one_more(out cap(length) unsigned char *out_bytes, inout size_t *length);
    cstr static const char *endless(void);
    double halve(float f, double d, _Bool whole, char c, short s, unsigned long long u);
    errno int fail(cstr const char *path);
    int dial(void);
    opaque void *wild_handle(unsigned long where);
    int give_wild(out opaque void **made, unsigned long where);
    int give_nothing(out opaque void **made);
    cstr static const char *wild_text(unsigned long where);
    cstr free(bad_free) char *freed_text(void);
    int wild_inout(inout len(length) unsigned char *bytes, inout size_t *length);
    int signed_length(out cap(length) unsigned char *out_bytes, inout long *length);
    int far_out(out cap(length) unsigned char *out_bytes, size_t length);
    int deep(int n);
    int die_late(inout len(length) unsigned char *bytes, size_t length);
    int own_handler(void);
    int scribble(unsigned seed, int stay);
    int lie(unsigned status, unsigned long long result);
}

/// Not a test of its own: what the workers run.
#[test]
fn child() {
    serve(&[Nasty::LIBRARY]);
}

fn library() -> std::path::PathBuf {
    static SCRATCH: OnceLock<(Scratch, std::path::PathBuf)> = OnceLock::new();
    let made = SCRATCH.get_or_init(|| {
        let scratch = Scratch::new("hostile");
        let path = scratch.compile("libnasty.so", SOURCE, &["-shared", "-fPIC", "-w", "-pthread"]);
        (scratch, path)
    });
    made.1.clone()
}

fn nasty(options: Options) -> Nasty {
    Nasty::start(&options.file(library())).expect("a library")
}

fn works(nasty: &Nasty) {
    assert_eq!(nasty.add(2, 40).expect("a worker that is well"), 42);
}

#[test]
fn a_crash_is_an_error_and_the_next_call_finds_a_worker() {
    let nasty = nasty(processes(1).spares(1));
    for (how, kind) in [
        (0, ErrorKind::Crashed { signal: 11 }),
        (1, ErrorKind::Crashed { signal: 6 }),
        (2, ErrorKind::Exited { code: 9 }),
    ] {
        let error = nasty.crash(how).expect_err("a crash");
        assert_eq!((error.kind(), error.subject()), (kind, "crash"), "{error}");
        works(&nasty);
    }
}

#[test]
fn a_call_that_hangs_ends_at_its_deadline() {
    let nasty = nasty(processes(1));
    for how in [0, 1] {
        let begin = Instant::now();
        let error = nasty.within(Duration::from_millis(60)).hang(how).expect_err("it hangs");
        let took = begin.elapsed();
        assert!(error.is_timed_out(), "{error}");
        assert!(took >= Duration::from_millis(60) && took < Duration::from_secs(3), "{took:?}");
        works(&nasty);
    }
}

#[test]
fn handles_end_with_their_worker_and_with_their_pointer() {
    let nasty = nasty(processes(1));
    let made = nasty.make(10).expect("a call").expect("a handle");
    assert_eq!(nasty.bump(&made).expect("alive"), 11);
    assert!(nasty.null_or(1).expect("a call").is_none(), "null is no handle");
    nasty.crash(0).expect_err("a crash");
    assert!(nasty.bump(&made).expect_err("its worker is gone").is_stale_handle());
    let other = nasty.make(20).expect("a call").expect("a handle");
    assert!(nasty.bump(&made).expect_err("nor is it another's").is_stale_handle());
    assert_eq!(nasty.bump(&other).expect("alive"), 21);
    nasty.drop(other).expect("a call");
}

#[test]
fn structs_go_there_and_back_and_are_checked() {
    let nasty = nasty(processes(1));
    let at = point { x: 1.0, y: 2.0 };
    let mut state = state { mood: mood::GLAD, at, id: [1, 2, 3, 4] };
    assert_eq!(nasty.r#move(&mut state, &point { x: 0.5, y: -2.0 }).expect("a call"), 0);
    let expected = crate::state { mood: mood::SAD, at: point { x: 1.5, y: 0.0 }, id: [2, 2, 3, 4] };
    assert_eq!(state, expected);
    let error = nasty.spoil(&mut state).expect_err("77 is no mood");
    assert_eq!(error.kind(), ErrorKind::InvalidValue, "{error}");
    assert_eq!(state, expected, "what is wrong does not come through");
    assert_eq!(nasty.halve(1.5, 2.5, true, 3, -4, 7).expect("a call"), 5.0);
    assert_eq!(nasty.fail(c"/no/such/file").expect("a call"), (-1, 2), "ENOENT");
}

#[test]
fn wild_lengths_and_texts_are_refused() {
    let nasty = nasty(processes(1));
    let mut bytes = [0_u8; 16];
    let error = nasty.wild_length(&mut bytes).expect_err("a wild length");
    assert_eq!(error.kind(), ErrorKind::Violation, "{error}");
    let error = nasty.one_more(&mut bytes).expect_err("one too many");
    assert_eq!(error.kind(), ErrorKind::Violation, "{error}");
    let error = nasty.endless().expect_err("a long text");
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
    works(&nasty);
}

#[test]
fn wild_pointers_end_the_worker_at_most() {
    let nasty = nasty(processes(1));
    for wild in [1, 16, 0xdead_beef, 1 << 46, (1 << 47) - 8, 1 << 63, u64::MAX] {
        // A handle is a number here: nobody looks at the pointer until the library does.
        let made = nasty.wild_handle(wild).expect("a call").expect("a handle");
        let error = nasty.bump(&made).expect_err("it leads nowhere");
        assert_eq!(error.kind(), ErrorKind::Crashed { signal: 11 }, "{wild:#x}: {error}");
        let (status, made) = nasty.give_wild(wild).expect("a call");
        assert_eq!(status, 0);
        let error = nasty.bump(&made.expect("a handle")).expect_err("it leads nowhere");
        assert_eq!(error.kind(), ErrorKind::Crashed { signal: 11 }, "{wild:#x}: {error}");
        let error = nasty.wild_text(wild).expect_err("no text");
        assert_eq!(error.kind(), ErrorKind::Crashed { signal: 11 }, "{wild:#x}: {error}");
        works(&nasty);
    }
    assert!(nasty.wild_handle(0).expect("a call").is_none());
    assert!(nasty.give_wild(0).expect("a call").1.is_none());
    assert!(nasty.give_nothing().expect("a call").1.is_none(), "what is not written is null");
    assert!(nasty.wild_text(0).expect("a call").is_none());
    // The text is copied out before the function that frees it goes wrong.
    assert!(nasty.freed_text().expect_err("it frees what it must not").is_crash());
    works(&nasty);
}

#[test]
fn wild_lengths_of_all_kinds_are_refused() {
    let nasty = nasty(processes(1));
    let mut bytes = [1_u8; 16];
    let error = nasty.wild_inout(&mut bytes).expect_err("a wild length");
    assert_eq!(error.kind(), ErrorKind::Violation, "{error}");
    assert_eq!(bytes, [1; 16], "nothing of it has come through");
    let error = nasty.signed_length(&mut bytes).expect_err("less than none");
    assert_eq!(error.kind(), ErrorKind::Violation, "{error}");
    let error = nasty.far_out(&mut bytes).expect_err("it writes until it dies");
    assert!(error.is_crash(), "{error}");
    works(&nasty);
}

#[test]
fn a_stack_that_runs_over_is_a_crash() {
    let nasty = nasty(processes(1));
    let error = nasty.deep(1).expect_err("it is too deep");
    assert_eq!(error.kind(), ErrorKind::Crashed { signal: 11 }, "{error}");
    works(&nasty);
}

#[test]
fn memory_of_a_dying_worker_is_given_to_nobody() {
    // One block of this size fits into the arena, so the next call has the same.
    let nasty = nasty(processes(1).spares(1).arena_bytes(64 << 10));
    for _ in 0..20 {
        let mut bytes = vec![0_u8; 40 << 10];
        let error = nasty.die_late(&mut bytes).expect_err("it dies");
        assert_eq!(error.kind(), ErrorKind::Crashed { signal: 6 }, "{error}");
        let buffer = nasty.instance().buffer(40 << 10);
        let buffer = buffer.expect("what the dead one had is free once it is dead");
        let first = buffer.read(0, 64).expect("inside");
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(buffer.read(0, 64).expect("inside"), first, "nobody writes there");
        assert_eq!(first, [0; 64]);
    }
}

#[test]
fn a_library_may_handle_its_signals_itself() {
    let nasty = nasty(processes(1));
    let error = nasty.own_handler().expect_err("it ends");
    assert_eq!(error.kind(), ErrorKind::Exited { code: 51 }, "{error}");
    works(&nasty);
}

#[test]
fn scribbling_over_all_shared_memory_harms_nobody() {
    let nasty = nasty(processes(1).timeout(Duration::from_millis(400)));
    for seed in 1..=20 {
        // Whatever comes of these calls, they come back.
        let _ = nasty.within(Duration::from_millis(50)).scribble(seed, i32::from(seed % 4 == 0));
        let mut buffer = nasty.instance().buffer(4096).expect("the arena's books are our own");
        buffer.write(0, &[7; 4096]).expect("inside");
        for _ in 0..3 {
            let mut bytes = [0_u8; 16];
            let _ = nasty.one_more(&mut bytes);
        }
        // An error, if one is left, ends the worker; then all is well.
        let mut tries = 0;
        while nasty.add(2, 40).ok() != Some(42) {
            tries += 1;
            assert!(tries < 10, "a fresh worker answers rightly");
            let _ = nasty.crash(0);
        }
    }
}

#[test]
fn lies_in_the_mailbox_harm_nobody() {
    let nasty = nasty(processes(1).timeout(Duration::from_millis(200)));
    // 6 says that the worker dies; 9 is no signal of a fault, 11 is one.
    let lies =
        [(0, u64::MAX), (1, 0), (2, 9), (3, 0), (6, 9), (6, 11), (77, 1 << 40), (0, 1 << 20)];
    for (status, result) in lies {
        let _ = nasty.lie(status, result); // answers at once, and goes on answering
        let _ = nasty.endless().map(|text| text.map(|text| text.count_bytes()));
        let _ = nasty.make(1).map(|handle| handle.is_some());
        let _ = nasty.wild_length(&mut [0; 8]);
        // What answers nonsense in the right form can be told by its meaning alone.
        nasty.instance().replace_workers();
        works(&nasty);
    }
}

#[test]
fn a_worker_dies_with_its_caller() {
    let nasty = nasty(processes(1));
    let process = nasty.instance().idle_processes()[0];
    assert!(std::path::Path::new(&format!("/proc/{process}")).exists());
    drop(nasty);
    assert!(!std::path::Path::new(&format!("/proc/{process}")).exists(), "ended and waited for");
}

#[test]
fn a_worker_that_was_killed_while_it_rested_is_replaced() {
    let nasty = nasty(processes(1));
    let process = nasty.instance().idle_processes()[0].to_string();
    let killed = std::process::Command::new("kill").args(["-9", &process]).status().expect("kill");
    assert!(killed.success());
    // The call had not begun, so it is made again, whatever the function does.
    assert!(nasty.make(1).expect("a fresh worker").is_some());
}

#[test]
fn a_sandbox_reports_what_it_achieved_and_keeps_it() {
    let nasty = nasty(processes(1).sandbox(Sandbox::strict()));
    let level = nasty.instance().level();
    println!("{level:?}");
    assert!(level.limits);
    works(&nasty);
    let (result, errno) = nasty.fail(c"/etc/hostname").expect("a call");
    if level.files {
        assert_eq!((result, errno), (-1, 13), "EACCES");
    }
    if level.system_calls {
        let error = nasty.dial().expect_err("a socket is a violation");
        assert_eq!(error.kind(), ErrorKind::Crashed { signal: 31 }, "SIGSYS: {error}");
        works(&nasty);
    }
}
