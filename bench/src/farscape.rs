//! Calls of C libraries: direct, in this process, in a process of their own, and over a socket.

use std::ffi::c_void;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barewire::farscape::{Options as Start, Wait, serve};
use barewire::{BareSchema, Service};
use serde_json::json;

use crate::stats::{Samples, Spread};
use crate::{Outcome, machine};

/// Tells a process of this bench that it answers calls, and how.
const ROLE: &str = "BAREWIRE_BENCH_FARSCAPE";
const MIB: usize = 1 << 20;

barewire::farscape! {
    library Zlib = "libz.so.1", "libz.so";
    pure unsigned long crc32(
        unsigned long crc, in len(len) const unsigned char *buf, unsigned int len);
    pure int compress2(
        out cap(destLen) unsigned char *dest, inout unsigned long *destLen,
        in len(sourceLen) const unsigned char *source, unsigned long sourceLen, int level);
}

mod libc_calls {
    barewire::farscape! {
        library Libc = "libc.so.6";
        pure int abs(int n);
        void abort(void);
    }
}
use libc_calls::Libc;

/// How to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// About 15 seconds instead of a minute.
    #[arg(long)]
    quick: bool,
    /// Writes the figures to this file as well.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(BareSchema, Clone, Debug, PartialEq)]
struct Number {
    value: u64,
}

/// Becomes whatever this process was started to be.
pub(crate) fn become_worker() {
    serve(&[Zlib::LIBRARY, Libc::LIBRARY]);
    let Some(role) = std::env::var_os(ROLE) else { return };
    let role = role.to_string_lossy().into_owned();
    let done = if role == "socket" { answer_socket() } else { answer_service(&role) };
    std::process::exit(i32::from(done.is_err()));
}

fn answer_service(name: &str) -> Outcome<()> {
    let service = Service::<Number, Number>::builder(name).wait(barewire::Wait::Spin).open()?;
    let server = service.server()?;
    loop {
        let Some(call) = server.next_timeout(Duration::from_secs(2))? else { return Ok(()) };
        let value = call.value;
        call.reply(&Number { value: value + 1 })?;
    }
}

/// zlib without anything between.
struct Direct {
    crc32: unsafe extern "C" fn(u64, *const u8, u32) -> u64,
    compress2: unsafe extern "C" fn(*mut u8, *mut u64, *const u8, u64, i32) -> i32,
}

fn find(library: *mut c_void, name: &std::ffi::CStr) -> Outcome<*mut c_void> {
    // SAFETY: a library that is loaded, or null, and a text that ends with a zero.
    let found = unsafe { libc::dlsym(library, name.as_ptr()) };
    if found.is_null() { Err(format!("zlib has no {name:?}").into()) } else { Ok(found) }
}

impl Direct {
    fn load() -> Outcome<Self> {
        // SAFETY: a text that ends with a zero; zlib does nothing when it is loaded.
        let library = unsafe { libc::dlopen(c"libz.so.1".as_ptr(), libc::RTLD_NOW) };
        if library.is_null() {
            return Err("this machine has no libz.so.1".into());
        }
        let (crc32, compress2) = (find(library, c"crc32")?, find(library, c"compress2")?);
        // SAFETY: that is zlib's prototype.
        let crc32 = unsafe {
            std::mem::transmute::<*mut c_void, unsafe extern "C" fn(u64, *const u8, u32) -> u64>(
                crc32,
            )
        };
        // SAFETY: as above.
        let compress2 = unsafe {
            std::mem::transmute::<
                *mut c_void,
                unsafe extern "C" fn(*mut u8, *mut u64, *const u8, u64, i32) -> i32,
            >(compress2)
        };
        Ok(Self { crc32, compress2 })
    }

    fn crc32(&self, bytes: &[u8]) -> u64 {
        // SAFETY: the bytes are there, and as many.
        unsafe { (self.crc32)(0, bytes.as_ptr(), bytes.len() as u32) }
    }

    fn compress2(&self, out: &mut [u8], source: &[u8], level: i32) -> usize {
        let mut written = out.len() as u64;
        let (to, from) = (out.as_mut_ptr(), source.as_ptr());
        // SAFETY: both are there, and as long as is said.
        let status =
            unsafe { (self.compress2)(to, &raw mut written, from, source.len() as u64, level) };
        assert_eq!(status, 0, "zlib compresses");
        written as usize
    }
}

/// The other end of the socket: a byte for the function, four for the length, the bytes.
fn answer_socket() -> Outcome<()> {
    let zlib = Direct::load()?;
    let mut socket =
        UnixStream::from(std::os::fd::AsFd::as_fd(&std::io::stdin()).try_clone_to_owned()?);
    let (mut source, mut out) = (Vec::new(), vec![0; 2 * MIB]);
    loop {
        let mut head = [0; 5];
        if socket.read_exact(&mut head).is_err() {
            return Ok(());
        }
        source.resize(u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize, 0);
        socket.read_exact(&mut source)?;
        match head[0] {
            0 => socket.write_all(&1_u64.to_le_bytes())?,
            1 => socket.write_all(&zlib.crc32(&source).to_le_bytes())?,
            level => {
                let written = zlib.compress2(&mut out, &source, i32::from(level));
                socket.write_all(&(written as u64).to_le_bytes())?;
                socket.write_all(&out[..written])?;
            }
        }
    }
}

/// A process that answers over a socket.
struct Remote(UnixStream, Child);

impl Remote {
    fn start() -> Outcome<Self> {
        let (ours, others) = UnixStream::pair()?;
        let child = child("socket").stdin(Stdio::from(OwnedFd::from(others))).spawn()?;
        Ok(Self(ours, child))
    }

    fn call(&mut self, function: u8, source: &[u8], out: &mut [u8]) -> Outcome<u64> {
        let mut head = [function, 0, 0, 0, 0];
        head[1..].copy_from_slice(&(source.len() as u32).to_le_bytes());
        self.0.write_all(&head)?;
        self.0.write_all(source)?;
        let mut result = [0; 8];
        self.0.read_exact(&mut result)?;
        let result = u64::from_le_bytes(result);
        if function > 1 {
            self.0.read_exact(&mut out[..result as usize])?;
        }
        Ok(result)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.1.kill();
        let _ = self.1.wait();
    }
}

fn child(role: &str) -> Command {
    let program = std::env::current_exe().unwrap_or_else(|_| "barewire-bench".into());
    let mut command = Command::new(program);
    command.env(ROLE, role);
    command
}

/// The spread of single calls, after some that do not count.
fn spread(calls: usize, mut call: impl FnMut() -> Outcome<()>) -> Outcome<Spread> {
    let mut samples = Samples::with_room(calls);
    for round in 0..calls + calls / 10 {
        let begin = machine::ticks();
        call()?;
        let took = machine::ticks() - begin;
        if round >= calls / 10 {
            samples.record(took);
        }
    }
    samples.spread(1.0).ok_or_else(|| "no call was measured".into())
}

struct Figures(Vec<(String, &'static str, Spread)>);

impl Figures {
    fn add(&mut self, name: &str, system: &'static str, spread: Spread) {
        let shown = |ns: f64| match ns {
            ns if ns < 10_000.0 => format!("{ns:.0} ns"),
            ns if ns < 10_000_000.0 => format!("{:.1} µs", ns / 1e3),
            ns => format!("{:.1} ms", ns / 1e6),
        };
        println!("{name:34} {system:20} {:>10} {:>10}", shown(spread.p50_ns), shown(spread.p99_ns));
        self.0.push((name.to_owned(), system, spread));
    }

    fn p50(&self, name: &str, system: &str) -> f64 {
        let found = self.0.iter().find(|row| row.0 == name && row.1 == system);
        found.map_or(f64::NAN, |row| row.2.p50_ns)
    }
}

/// Measures, prints, and writes the file.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let cores = machine::cores()?;
    let (mine, others) = (cores[0], *cores.last().unwrap_or(&cores[0]));
    let pinned = |core: usize| machine::pin(core);
    // What is started now inherits the other core.
    pinned(others)?;
    let start = || Start::processes(1).wait(Wait::Spin).arena_bytes(8 * MIB);
    let zlib = Zlib::start(&start())?;
    let mut socket = Remote::start()?;
    pinned(mine)?;
    // SAFETY: these are the prototypes of zlib and of the C library.
    let here = unsafe { Start::in_process() };
    let zlib_here = Zlib::start(&here.arena_bytes(8 * MIB))?;
    let direct = Direct::load()?;
    let mut figures = Figures(Vec::new());
    println!("{:34} {:20} {:>10} {:>10}", "row", "system", "p50", "p99");
    let calls = if options.quick { 100_000 } else { 1_000_000 };

    let bytes: Vec<u8> = (0..64).collect();
    let name = "farscape/call/crc32-64B";
    let expected = direct.crc32(&bytes);
    figures.add(name, "direct", spread(calls, || check(direct.crc32(&bytes), expected))?);
    let all = spread(calls, || check(zlib_here.crc32(0, &bytes)?, expected))?;
    figures.add(name, "in process", all);
    figures.add(name, "process", spread(calls, || check(zlib.crc32(0, &bytes)?, expected))?);
    let over = spread(calls / 20, || check(socket.call(1, &bytes, &mut [])?, expected))?;
    figures.add(name, "socket", over);

    compress(options, &mut figures, (&direct, &zlib_here, &zlib), &mut socket)?;
    drop((zlib, zlib_here, socket));
    empty(calls, &mut figures, (mine, others))?;
    crashes(options, &mut figures, &cores)?;
    summary(&figures);
    if let Some(path) = &options.json {
        let row = |row: &(String, &str, Spread)| {
            let of = row.2;
            json!({ "name": row.0, "system": row.1, "p50_ns": of.p50_ns, "p99_ns": of.p99_ns,
                    "p999_ns": of.p999_ns })
        };
        let rows: Vec<serde_json::Value> = figures.0.iter().map(row).collect();
        let document = json!({ "machine": machine::name(), "rows": rows });
        std::fs::write(path, serde_json::to_string_pretty(&document)?)?;
    }
    Ok(())
}

fn check(found: u64, expected: u64) -> Outcome<()> {
    if found == expected { Ok(()) } else { Err(format!("{found} where {expected} was due").into()) }
}

/// 1 MiB of text-like bytes; the systems take turns, so that the machine is the same for all.
fn compress(
    options: &Options,
    figures: &mut Figures,
    (direct, here, apart): (&Direct, &Zlib, &Zlib),
    socket: &mut Remote,
) -> Outcome<()> {
    let mut state = 1_u32;
    let source: Vec<u8> = (0..MIB)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 28) as u8
        })
        .collect();
    let mut out = vec![0; 2 * MIB];
    let mut shared = (apart.buffer(MIB)?, apart.buffer(2 * MIB)?);
    shared.0.write(0, &source)?;
    let rounds = if options.quick { 15 } else { 60 };
    let expected = direct.compress2(&mut out, &source, 6) as u64;
    let systems = ["direct", "in process", "process", "process, in place", "socket"];
    let mut samples: Vec<Samples> = systems.iter().map(|_| Samples::with_room(rounds)).collect();
    for _ in 0..rounds {
        for (system, samples) in samples.iter_mut().enumerate() {
            let begin = machine::ticks();
            let written = match system {
                0 => direct.compress2(&mut out, &source, 6) as u64,
                1 => here.compress2(&mut out, &source, 6)?.1 as u64,
                2 => apart.compress2(&mut out, &source, 6)?.1 as u64,
                3 => apart.compress2(&mut shared.1, &shared.0, 6)?.1 as u64,
                _ => socket.call(6, &source, &mut out)?,
            };
            samples.record(machine::ticks() - begin);
            check(written, expected)?;
        }
    }
    for (system, samples) in systems.into_iter().zip(samples) {
        let spread = samples.spread(1.0).ok_or("no call was measured")?;
        figures.add("farscape/call/compress2-1MiB", system, spread);
    }
    Ok(())
}

/// An empty call beside the round trip of a service.
fn empty(calls: usize, figures: &mut Figures, (mine, others): (usize, usize)) -> Outcome<()> {
    let name = "farscape/call/empty";
    machine::pin(others)?;
    let apart = Libc::start(&Start::processes(1).wait(Wait::Spin))?;
    machine::pin(mine)?;
    figures.add(name, "process", spread(calls, || check(apart.abs(-7)? as u64, 7))?);
    drop(apart);
    let service = format!("farscape-{}", std::process::id());
    let made = Service::<Number, Number>::builder(&service).wait(barewire::Wait::Spin).create()?;
    let client = made.client()?;
    machine::pin(others)?;
    let mut server = child(&service).spawn()?;
    machine::pin(mine)?;
    let patience = Duration::from_secs(10);
    client.call(&Number { value: 0 }, patience)?;
    let trip = spread(calls, || {
        let reply = client.call(&Number { value: 41 }, patience)?;
        check(reply.value, 42)
    });
    drop(client);
    server.kill()?;
    server.wait()?;
    figures.add(name, "service", trip?);
    Ok(())
}

/// From a crash to its error, and to the end of the next call.
fn crashes(options: &Options, figures: &mut Figures, cores: &[usize]) -> Outcome<()> {
    // The workers and their successors run where there is room.
    machine::pin_to(cores)?;
    let rounds = if options.quick { 50 } else { 200 };
    for (system, spares) in [("no spare", 0), ("warm spare", 1)] {
        let library = Libc::start(&Start::processes(1).spares(spares))?;
        let (mut died, mut next) = (Samples::with_room(rounds), Samples::with_room(rounds));
        for _ in 0..rounds {
            check(library.abs(-1)? as u64, 1)?;
            let deadline = Instant::now() + Duration::from_secs(5);
            while library.instance().ready_spares() < spares && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
            let begin = machine::ticks();
            if library.abort().is_ok() {
                return Err("abort came back".into());
            }
            let middle = machine::ticks();
            died.record(middle - begin);
            check(library.abs(-1)? as u64, 1)?;
            next.record(machine::ticks() - middle);
        }
        let none = "no crash was measured";
        figures.add("farscape/crash-to-error", system, died.spread(1.0).ok_or(none)?);
        figures.add("farscape/next-call", system, next.spread(1.0).ok_or(none)?);
    }
    Ok(())
}

fn summary(figures: &Figures) {
    let ratio =
        |name: &str, one: &str, other: &str| figures.p50(name, one) / figures.p50(name, other);
    let compress = "farscape/call/compress2-1MiB";
    println!("empty call / service {:.2}", ratio("farscape/call/empty", "process", "service"));
    println!("1 MiB, copied / direct {:.3}", ratio(compress, "process", "direct"));
    println!("1 MiB, in place / direct {:.3}", ratio(compress, "process, in place", "direct"));
}
