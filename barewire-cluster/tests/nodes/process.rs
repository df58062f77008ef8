//! Processes of a test: this program again, as a manager or worker.

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use barewire_cluster::transport::memory::MemoryOptions;
use barewire_cluster::transport::pipe::PipeOptions;
use barewire_cluster::transport::udp::UdpOptions;
use barewire_cluster::{Context, Durability, Failure, Method, Node, NodeBuilder, Role, Task};

const ROLE: &str = "BAREWIRE_CLUSTER_TEST_ROLE";
const PLACE: &str = "BAREWIRE_CLUSTER_TEST_PLACE";
const METHOD: &str = "BAREWIRE_CLUSTER_TEST_METHOD";

/// Takes a moment, and doubles.
pub(crate) const DOUBLE: Task<u64, u64> = Task::new("double");
/// Ends its process.
pub(crate) const ABORT: Task<u64, u64> = Task::new("abort");

/// A directory of a test's own, which is removed with everything in it.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        let path = PathBuf::from(format!("/dev/shm/barewire-cluster-{process}-{number}-{name}"));
        std::fs::create_dir(&path).expect("a new directory in /dev/shm");
        let private = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&path, private).expect("its owner may");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.0.join("manager.log")
    }

    /// The segments and sockets that stand there now.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("the directory is there");
        let names = entries.map(|entry| entry.expect("readable").file_name());
        let names = names.map(|name| name.to_string_lossy().into_owned());
        names.filter(|name| !name.starts_with("manager.")).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A port for each place, so that tests do not hear each other.
pub(crate) fn port(place: &Path) -> u16 {
    let sum = place
        .to_string_lossy()
        .bytes()
        .fold(7_u32, |sum, octet| sum.wrapping_mul(31).wrapping_add(u32::from(octet)));
    20_000 + (sum % 12_000) as u16
}

/// The way between nodes that a test is about.
pub(crate) fn method(name: &str, place: &Path) -> Method {
    match name {
        "memory" => Method::Memory(MemoryOptions {
            directory: Some(place.to_owned()),
            ..MemoryOptions::default()
        }),
        "pipe" => Method::Pipe(PipeOptions { directory: Some(place.to_owned()) }),
        "udp" => Method::Udp(UdpOptions {
            port: port(place),
            interface: Ipv4Addr::LOCALHOST,
            ..UdpOptions::default()
        }),
        // On a host with that address.
        other => match other.split_once('@') {
            Some(("udp", address)) => Method::Udp(UdpOptions {
                port: port(place),
                interface: address.parse().expect("an address"),
                ..UdpOptions::default()
            }),
            _ => panic!("{other} is no transport that these tests know"),
        },
    }
}

pub(crate) fn builder(place: &Path, way: &str, role: Role, name: &str) -> NodeBuilder {
    // One cluster for each test.
    let cluster = place.file_name().expect("a name").to_string_lossy().into_owned();
    let builder = Node::builder(cluster, role, name).method(method(way, place));
    if way.contains('@') {
        return builder;
    }
    let (unreachable, dead) = (Duration::from_millis(500), Duration::from_millis(1500));
    builder.heartbeat(Duration::from_millis(100)).patience(unreachable, dead)
}

/// A child that ends with its parent, or when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts a manager or worker, and waits until it has said that it is there.
    pub(crate) fn start(place: &Place, way: &str, role: &str) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut child = Command::new(program)
            .args(["child", "--exact", "--nocapture", "--test-threads=1", "-q"])
            .env(ROLE, role)
            .env(PLACE, place.path())
            .env(METHOD, way)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program again");
        let out = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(out).lines();
        let there = lines.any(|line| line.is_ok_and(|line| line.contains("there")));
        assert!(there, "a {role} has ended before it was there");
        std::thread::spawn(move || lines.for_each(drop));
        Self(child)
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn signal(&self, signal: i32) {
        let pid = self.0.id().cast_signed();
        // SAFETY: a plain system call, for a child that was not waited for.
        let result = unsafe { libc::kill(pid, signal) };
        assert_eq!(result, 0, "a child that was not waited for can be signalled");
    }

    pub(crate) fn kill(mut self) {
        self.0.kill().expect("it was not waited for");
        self.0.wait().expect("it was killed");
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.0.try_wait().expect("it can be asked").is_some()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn double(number: u64, _: &Context) -> Result<u64, Failure> {
    std::thread::sleep(Duration::from_micros(500 + number % 7 * 700));
    Ok(number * 2)
}

/// What a child runs.
pub(crate) fn run_if_child() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let place = PathBuf::from(std::env::var(PLACE).expect("its parent says where"));
    let way = std::env::var(METHOD).expect("its parent says how");
    #[cfg(feature = "actor")]
    if role == "far" {
        return crate::actors::far::run(&place, &way);
    }
    let name = format!("{role}-{}", std::process::id());
    let node = match role.as_str() {
        "manager" => builder(&place, &way, Role::Manager, &name)
            .log(place.join("manager.log"))
            .durability(Durability::Process)
            .start(),
        _ => builder(&place, &way, Role::Worker, &name)
            .parallel(2)
            .task(DOUBLE, double)
            .task(ABORT, |_, _: &Context| -> Result<u64, Failure> { std::process::abort() })
            .start(),
    };
    let node = node.unwrap_or_else(|error| panic!("{role}: {error}"));
    println!("there");
    std::thread::spawn(|| {
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let how = node.wait();
    println!("{role}: {how:?}");
    std::process::exit(i32::from(how.is_err()));
}
