//! Calls of C libraries: direct, in this process, in a process of their own, and over a socket.

use std::cell::RefCell;
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

use crate::control::Control;
use crate::floor::{self, Side};
use crate::process::Scratch;
use crate::stats::{Samples, Spread, median_by};
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
    let service = Service::<Number, Number>::builder(name).open()?;
    let server = service.server()?;
    loop {
        let Some(call) = server.next_timeout(Duration::from_secs(30))? else { return Ok(()) };
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

/// Makes the calls of one system, and records each.
type Run<'a> = Box<dyn FnMut(&mut Samples) -> Outcome<()> + 'a>;

/// One system of a row: makes as many calls as there is room for, and records each.
struct System<'a> {
    name: &'static str,
    calls: usize,
    run: Run<'a>,
}

impl<'a> System<'a> {
    fn new(name: &'static str, calls: usize, mut call: impl FnMut() -> Outcome<()> + 'a) -> Self {
        let run = move |samples: &mut Samples| {
            // Some that do not count: the cache is the system's own again.
            for _ in 0..calls / 10 {
                call()?;
            }
            while !samples.is_full() {
                let begin = machine::ticks();
                call()?;
                samples.record(machine::ticks() - begin);
            }
            Ok(())
        };
        Self { name, calls, run: Box::new(run) }
    }
}

/// A figure of one system in one row.
struct Figure {
    row: String,
    system: &'static str,
    spread: Spread,
    /// What the machine takes for it at the least, measured before and after the row.
    floor_ns: Option<f64>,
}

/// All figures, and the ratios that matter.
struct Figures {
    all: Vec<Figure>,
    ratios: Vec<(String, f64)>,
    cores: (usize, usize),
}

fn shown(ns: f64) -> String {
    match ns {
        ns if ns < 10_000.0 => format!("{ns:.0} ns"),
        ns if ns < 10_000_000.0 => format!("{:.1} µs", ns / 1e3),
        ns => format!("{:.1} ms", ns / 1e6),
    }
}

impl Figures {
    fn add(&mut self, row: &str, system: &'static str, spread: Spread, floor_ns: Option<f64>) {
        let (p50, p99) = (shown(spread.p50_ns), shown(spread.p99_ns));
        let times =
            floor_ns.map(|floor| format!("{:.2} × {}", spread.p50_ns / floor, shown(floor)));
        println!("{row:30} {system:20} {p50:>10} {p99:>10} {:>18}", times.unwrap_or_default());
        self.all.push(Figure { row: row.to_owned(), system, spread, floor_ns });
    }

    /// Measures the systems of a row by turns: each round begins with another one, and what is
    /// compared is what the same round has, so that a machine that changes changes both.
    fn contest(
        &mut self,
        row: &str,
        rounds: usize,
        mut systems: Vec<System<'_>>,
        pairs: &[(&'static str, &'static str)],
    ) -> Outcome<()> {
        let before = line(self.cores)?;
        let mut spreads: Vec<Vec<Spread>> = systems.iter().map(|_| Vec::new()).collect();
        let count = systems.len();
        for round in 0..rounds {
            for turn in 0..count {
                let at = (round + turn) % count;
                let mut samples = Samples::with_room(systems[at].calls);
                (systems[at].run)(&mut samples)?;
                spreads[at].push(samples.spread(1.0).ok_or("no call was measured")?);
            }
        }
        let floor = (before + line(self.cores)?) / 2.0;
        let find = |name: &str| systems.iter().position(|system| system.name == name);
        for (one, other) in pairs {
            let (Some(a), Some(b)) = (find(one), find(other)) else {
                return Err(format!("{row} has no {one} or no {other}").into());
            };
            let both = spreads[a].iter().zip(&spreads[b]);
            let ratios = both.map(|(a, b)| a.p50_ns / b.p50_ns).collect();
            let ratio = median_by(ratios, |ratio| *ratio).ok_or("no round")?;
            self.ratios.push((format!("{row}: {one} / {other}"), ratio));
        }
        for (system, spreads) in systems.iter().zip(spreads) {
            let spread = median_by(spreads, |spread| spread.p50_ns).ok_or("no round")?;
            // Two ways of a cache line are the least for whoever asks another core.
            let apart = ["process", "service"].contains(&system.name) && system.calls > 1;
            self.add(row, system.name, spread, apart.then_some(2.0 * floor));
        }
        Ok(())
    }
}

/// One way of a cache line between the two cores.
fn line((mine, others): (usize, usize)) -> Outcome<f64> {
    let scratch = Scratch::new()?;
    let page = scratch.path().join("line");
    Control::create(&page)?;
    let failed = |_| "the other side of the floor has failed";
    let there = page.clone();
    let other = std::thread::spawn(move || {
        machine::pin(others).map_err(|error| error.to_string())?;
        let control = Control::open(&there, 2, false).map_err(|error| error.to_string())?;
        control.barrier();
        floor::line(&control, Side::Right, 0);
        Ok::<(), String>(())
    });
    let control = Control::open(&page, 2, false)?;
    machine::pin(mine)?;
    control.barrier();
    let found = floor::line(&control, Side::Left, 0);
    other.join().map_err(failed)??;
    found.map(|line| line.p50_ns).ok_or_else(|| "no floor was measured".into())
}

/// Measures, prints, and writes the file.
pub(crate) fn run(options: &Options) -> Outcome<()> {
    let cores = machine::cores()?;
    let (mine, others) = (cores[0], *cores.last().unwrap_or(&cores[0]));
    if mine == others {
        return Err("this needs two cores".into());
    }
    // What is started now inherits the other core. All share it, so whoever waits long sleeps.
    machine::pin(others)?;
    let start = || Start::processes(1).wait(Wait::SpinThenPark).arena_bytes(8 * MIB);
    let (zlib, libc) = (Zlib::start(&start())?, Libc::start(&start())?);
    let socket = RefCell::new(Remote::start()?);
    machine::pin(mine)?;
    // SAFETY: these are the prototypes of zlib and of the C library.
    let here = unsafe { Start::in_process() }.arena_bytes(8 * MIB);
    let (zlib_here, libc_here) = (Zlib::start(&here)?, Libc::start(&here)?);
    let direct = Direct::load()?;
    let mut figures = Figures { all: Vec::new(), ratios: Vec::new(), cores: (mine, others) };
    println!("{}; calls from core {mine} to core {others}", machine::name());
    println!("{:30} {:20} {:>10} {:>10} {:>18}", "row", "system", "p50", "p99", "× floor");
    let rounds = if options.quick { 15 } else { 40 };
    let calls = if options.quick { 4_000 } else { 20_000 };

    empty(&mut figures, (rounds, calls), (&libc_here, &libc), &socket)?;
    let bytes: Vec<u8> = (0..64).collect();
    let expected = direct.crc32(&bytes);
    let systems = vec![
        System::new("direct", calls, || check(direct.crc32(&bytes), expected)),
        System::new("in process", calls, || check(zlib_here.crc32(0, &bytes)?, expected)),
        System::new("process", calls, || check(zlib.crc32(0, &bytes)?, expected)),
        System::new("socket", calls / 20, || {
            check(socket.borrow_mut().call(1, &bytes, &mut [])?, expected)
        }),
    ];
    let pairs = [("process", "socket")];
    figures.contest("farscape/call/crc32-64B", rounds, systems, &pairs)?;
    compress(options, &mut figures, (&direct, &zlib_here, &zlib), &socket)?;
    drop((zlib, zlib_here, libc, libc_here, socket));
    crashes(options, &mut figures, &cores)?;
    for (what, ratio) in &figures.ratios {
        println!("{what} {ratio:.3}");
    }
    match &options.json {
        Some(path) => write(path, &figures),
        None => Ok(()),
    }
}

fn write(path: &std::path::Path, figures: &Figures) -> Outcome<()> {
    let row = |of: &Figure| {
        json!({ "name": of.row, "system": of.system, "p50_ns": of.spread.p50_ns,
                "p99_ns": of.spread.p99_ns, "p999_ns": of.spread.p999_ns,
                "floor_ns": of.floor_ns })
    };
    let rows: Vec<serde_json::Value> = figures.all.iter().map(row).collect();
    let ratio = |of: &(String, f64)| json!({ "name": of.0, "median_of_rounds": of.1 });
    let ratios: Vec<serde_json::Value> = figures.ratios.iter().map(ratio).collect();
    let document = json!({ "machine": machine::name(), "rows": rows, "ratios": ratios });
    Ok(std::fs::write(path, serde_json::to_string_pretty(&document)?)?)
}

fn check(found: u64, expected: u64) -> Outcome<()> {
    if found == expected { Ok(()) } else { Err(format!("{found} where {expected} was due").into()) }
}

/// 1 MiB of text-like bytes.
fn compress(
    options: &Options,
    figures: &mut Figures,
    (direct, here, apart): (&Direct, &Zlib, &Zlib),
    socket: &RefCell<Remote>,
) -> Outcome<()> {
    let mut state = 1_u32;
    let source: Vec<u8> = (0..MIB)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b'a' + (state >> 28) as u8
        })
        .collect();
    let out = RefCell::new(vec![0; 2 * MIB]);
    let (mut from, mut to) = (apart.buffer(MIB)?, apart.buffer(2 * MIB)?);
    from.write(0, &source)?;
    let rounds = if options.quick { 25 } else { 80 };
    let expected = direct.compress2(&mut out.borrow_mut(), &source, 6) as u64;
    // One call a round, so that the calls that are compared stand side by side in time.
    let systems = vec![
        System::new("direct", 1, || {
            check(direct.compress2(&mut out.borrow_mut(), &source, 6) as u64, expected)
        }),
        System::new("in process", 1, || {
            check(here.compress2(&mut out.borrow_mut()[..], &source, 6)?.1 as u64, expected)
        }),
        System::new("process", 1, || {
            check(apart.compress2(&mut out.borrow_mut()[..], &source, 6)?.1 as u64, expected)
        }),
        System::new("process, in place", 1, || {
            check(apart.compress2(&mut to, &from, 6)?.1 as u64, expected)
        }),
        System::new("socket", 1, || {
            check(socket.borrow_mut().call(6, &source, &mut out.borrow_mut())?, expected)
        }),
    ];
    let pairs = [("process", "direct"), ("process, in place", "direct"), ("socket", "direct")];
    figures.contest("farscape/call/compress2-1MiB", rounds, systems, &pairs)
}

/// An empty call beside the round trip of a service.
fn empty(
    figures: &mut Figures,
    (rounds, calls): (usize, usize),
    (here, apart): (&Libc, &Libc),
    socket: &RefCell<Remote>,
) -> Outcome<()> {
    let (mine, others) = figures.cores;
    let service = format!("farscape-{}", std::process::id());
    let made = Service::<Number, Number>::builder(&service).create()?;
    let client = made.client()?;
    machine::pin(others)?;
    let mut server = child(&service).spawn()?;
    machine::pin(mine)?;
    let abs: unsafe extern "C" fn(i32) -> i32 = libc::abs;
    let patience = Duration::from_secs(10);
    client.call(&Number { value: 0 }, patience)?;
    let systems = vec![
        System::new("direct", calls, || {
            // SAFETY: the C library has it, and it takes any number but the least.
            check(unsafe { std::hint::black_box(abs)(-7) } as u64, 7)
        }),
        System::new("in process", calls, || check(here.abs(-7)? as u64, 7)),
        System::new("process", calls, || check(apart.abs(-7)? as u64, 7)),
        System::new("service", calls, || {
            check(client.call(&Number { value: 41 }, patience)?.value, 42)
        }),
        System::new("socket", calls / 20, || check(socket.borrow_mut().call(0, &[], &mut [])?, 1)),
    ];
    let pairs = [("process", "service"), ("process", "socket")];
    let done = figures.contest("farscape/call/empty", rounds, systems, &pairs);
    drop(client);
    server.kill()?;
    server.wait()?;
    done
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
        figures.add("farscape/crash-to-error", system, died.spread(1.0).ok_or(none)?, None);
        figures.add("farscape/next-call", system, next.spread(1.0).ok_or(none)?, None);
    }
    Ok(())
}
