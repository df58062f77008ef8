//! What the tests of transports and those of nodes have in common: places, ways, processes.
//!
//! Each program of tests uses some of it.

#![allow(dead_code)]

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use barewire_cluster::transport::memory::MemoryOptions;
use barewire_cluster::transport::pipe::PipeOptions;
use barewire_cluster::transport::udp::UdpOptions;
#[cfg(feature = "zenoh")]
pub(crate) use zenoh::*;

const ROLE: &str = "BAREWIRE_CLUSTER_TEST_ROLE";
const PLACE: &str = "BAREWIRE_CLUSTER_TEST_PLACE";
const METHOD: &str = "BAREWIRE_CLUSTER_TEST_METHOD";

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

pub(crate) fn memory(place: &Path) -> MemoryOptions {
    MemoryOptions { directory: Some(place.to_owned()), ..MemoryOptions::default() }
}

pub(crate) fn pipe(place: &Path) -> PipeOptions {
    PipeOptions { directory: Some(place.to_owned()) }
}

pub(crate) fn udp(place: &Path) -> UdpOptions {
    UdpOptions { port: port(place), interface: Ipv4Addr::LOCALHOST, ..UdpOptions::default() }
}

#[cfg(feature = "zenoh")]
mod zenoh {
    use std::net::Ipv4Addr;
    use std::path::Path;
    use std::time::Duration;

    use barewire_cluster::transport::zenoh::{ZenohOptions, ZenohScouting};

    use super::port;

    const LEASE: Duration = Duration::from_millis(800);

    /// Peers that find each other.
    pub(crate) fn peer(place: &Path) -> ZenohOptions {
        let scouting = ZenohScouting {
            address: Ipv4Addr::new(239, 255, 66, 88),
            port: port(place),
            interface: Some("127.0.0.1".to_owned()),
        };
        let none: [&str; 0] = [];
        ZenohOptions {
            scouting: Some(scouting),
            lease: LEASE,
            ..ZenohOptions::peers(["tcp/127.0.0.1:0"], none)
        }
    }

    /// One router, and its clients.
    pub(crate) fn routed(place: &Path, router: bool) -> ZenohOptions {
        let endpoint = [format!("tcp/127.0.0.1:{}", port(place))];
        let routed =
            if router { ZenohOptions::router(endpoint) } else { ZenohOptions::client(endpoint) };
        ZenohOptions { lease: LEASE, ..routed }
    }
}

/// A child that ends with its parent, or when it is dropped.
pub(crate) struct Process(Child);

impl Process {
    /// Starts this program again, and waits until it has said that it is there.
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

/// What a child is to be.
pub(crate) struct Part {
    pub(crate) role: String,
    pub(crate) way: String,
    pub(crate) place: PathBuf,
}

/// What this process is to be, if it is a child.
pub(crate) fn part() -> Option<Part> {
    let role = std::env::var(ROLE).ok()?;
    let place = PathBuf::from(std::env::var(PLACE).expect("its parent says where"));
    let way = std::env::var(METHOD).expect("its parent says how");
    Some(Part { role, way, place })
}

/// Says that this child is there, and ends it with its parent.
pub(crate) fn there() {
    println!("there");
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
}
