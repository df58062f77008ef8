//! Functions by signatures that are known only at run time, in the program `barewire-worker`.

use barewire::farscape::{Argument, Dynamic, ErrorKind, Options};

fn start(prototypes: &[&str]) -> Dynamic {
    let program = env!("CARGO_BIN_EXE_barewire-worker");
    let options = Options::processes(1).program(program);
    Dynamic::start(&options, &["libc.so.6"], prototypes).expect("the C library")
}

#[test]
fn the_c_library_is_called_by_prototypes_at_run_time() {
    let c =
        start(&["int abs(int n)", "cstr static char *strerror(int number)", "void abort(void)"]);
    assert_eq!(c.call("abs", &mut [Argument::Integer(-7)]).expect("abs").value, 7);
    let told = c.call("strerror", &mut [Argument::Integer(2)]).expect("strerror").text;
    assert_eq!(told.as_deref(), Some(c"No such file or directory"));
    let error = c.call("abort", &mut []).expect_err("it aborts");
    assert_eq!(error.kind(), ErrorKind::Crashed { signal: 6 });
    assert_eq!(c.call("abs", &mut [Argument::Integer(9)]).expect("a fresh worker").value, 9);
}

#[test]
fn more_prototypes_than_a_worker_can_be_told_are_refused() {
    let many: Vec<String> = (0..4000).map(|at| format!("int function_{at}(int n)")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let options = Options::processes(1).program(env!("CARGO_BIN_EXE_barewire-worker"));
    let error = Dynamic::start(&options, &["libc.so.6"], &many).expect_err("too many");
    assert_eq!(error.kind(), ErrorKind::TooLarge, "{error}");
}

#[test]
fn arguments_that_do_not_fit_the_prototype_are_refused() {
    let c = start(&["void swab(in len(n) const void *from, out cap(n) void *to, ssize_t n)"]);
    let mut to = [0_u8; 4];
    let mut swab = |n: i128| {
        let (from, to) = (Argument::Bytes(b"abcd"), Argument::BytesMut(&mut to));
        c.call("swab", &mut [from, to, Argument::Integer(n)]).map(|outcome| outcome.value)
    };
    assert_eq!(swab(4).expect("as long as is said"), 0);
    assert_eq!(swab(5).expect_err("longer").kind(), ErrorKind::InvalidArgument);
    assert_eq!(swab(-1).expect_err("less than none").kind(), ErrorKind::InvalidArgument);
    assert_eq!(&to, b"badc");
    let few = c.call("swab", &mut []).expect_err("too few");
    assert_eq!(few.kind(), ErrorKind::InvalidArgument);
    assert_eq!(c.call("other", &mut []).expect_err("unknown").kind(), ErrorKind::NotFound);
}
