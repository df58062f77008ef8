//! Hosts of one machine: network namespaces, and a switch between them that loses and delays.
//!
//! ```text
//! namespace of a host                     the switch's namespace
//!   eth0, 10.66.87.1 ◄──── veth pair ────► port0 ─┐
//!   eth0, 10.66.87.2 ◄──── veth pair ────► port1 ─┼─ raw sockets, and a thread
//!   eth0, 10.66.87.3 ◄──── veth pair ────► port2 ─┘
//! ```
//!
//! The thread does what `netem` does, which many kernels do not have. The namespaces have no names,
//! so they end with this process, whatever becomes of it.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::ffi::CString;
use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::chaos::Random;

/// More than a frame has that was not cut to the network's size yet.
const FRAME_ROOM: usize = 80 * 1024;

/// How the switch treats frames.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    pub(crate) lost_per_cent: u64,
    /// Each frame is late by up to this, so they overtake each other.
    pub(crate) jitter: Duration,
    /// Hosts that do not reach those that are not among them.
    pub(crate) island: BTreeSet<usize>,
}

impl Weather {
    pub(crate) fn bad() -> Self {
        let jitter = Duration::from_millis(50);
        Self { lost_per_cent: 5, jitter, island: BTreeSet::new() }
    }
}

/// A machine in the network.
pub(crate) struct Host {
    namespace: OwnedFd,
    pub(crate) address: Ipv4Addr,
}

impl Host {
    /// Does something on that host, and whatever follows from it: its threads and processes.
    pub(crate) fn within<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        within(&self.namespace, work)
    }
}

/// The address of a host.
pub(crate) fn address(host: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 66, 87, host as u8 + 1)
}

fn within<R: Send>(namespace: &OwnedFd, work: impl FnOnce() -> R + Send) -> R {
    let thread = || {
        move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("whoever has made a namespace may enter it");
        work()
    };
    std::thread::scope(|scope| scope.spawn(thread).join()).expect("what is done there succeeds")
}

/// A namespace of its own.
fn namespace() -> Result<OwnedFd, String> {
    let thread = std::thread::spawn(|| {
        // SAFETY: this thread ends at once, and shares nothing that depends on its network.
        let result = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        if result != 0 {
            let error = std::io::Error::last_os_error();
            return Err(format!("a network namespace cannot be made: {error}"));
        }
        let file = File::open("/proc/thread-self/ns/net");
        file.map(OwnedFd::from).map_err(|error| format!("/proc/thread-self/ns/net: {error}"))
    });
    thread.join().expect("it does not panic")
}

fn ip(words: &str) -> Result<(), String> {
    let output = Command::new("ip").args(words.split(' ')).output();
    let output = output.map_err(|error| format!("the command `ip` does not run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("ip {words}: {said}")) }
}

/// Some hosts and the switch between them.
pub(crate) struct Network {
    pub(crate) hosts: Vec<Host>,
    switch: OwnedFd,
    weather: Arc<Mutex<Weather>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Network {
    /// So many hosts; or why there can be none here.
    pub(crate) fn new(count: usize, seed: u64) -> Result<Self, String> {
        let switch = namespace()?;
        let mut hosts = Vec::new();
        for number in 0..count {
            let host = namespace()?;
            let address = address(number);
            let (me, there) = (std::process::id(), host.as_raw_fd());
            within(&switch, || {
                ip(&format!(
                    "link add port{number} type veth peer name eth0 netns /proc/{me}/fd/{there}"
                ))?;
                ip(&format!("link set port{number} up"))
            })?;
            within(&host, || {
                ip("link set lo up")?;
                ip(&format!("address add {address}/24 dev eth0"))?;
                ip("link set eth0 up")
            })?;
            hosts.push(Host { namespace: host, address });
        }
        let ports: Vec<_> = (0..count).map(|number| format!("port{number}")).collect();
        let open = || ports.iter().map(|name| port(name)).collect::<Result<Vec<_>, String>>();
        let ports = within(&switch, open)?;
        let weather = Arc::new(Mutex::new(Weather::default()));
        let ends = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (weather, ends) = (weather.clone(), ends.clone());
            move || forward(&ports, &weather, &ends, Random(seed))
        });
        Ok(Self { hosts, switch, weather, ends, thread: Some(thread) })
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        *self.weather.lock().expect("nobody panics with it") = weather;
    }

    /// Pulls a host's cable out, or puts it back.
    pub(crate) fn plug(&self, host: usize, is_in: bool) {
        let state = if is_in { "up" } else { "down" };
        let done = within(&self.switch, || ip(&format!("link set port{host} {state}")));
        done.expect("whoever has made a link may change it");
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A socket that takes and gives what passes a port of the switch, checksums and all.
fn port(name: &str) -> Result<OwnedFd, String> {
    let failed = |what| format!("{what} of {name}: {}", std::io::Error::last_os_error());
    let every = (libc::ETH_P_ALL as u16).to_be();
    let flags = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: a plain system call.
    let socket = unsafe { libc::socket(libc::AF_PACKET, flags, 0) };
    if socket < 0 {
        return Err(failed("a raw socket"));
    }
    // SAFETY: it was just made, and nobody else has it.
    let socket = unsafe { OwnedFd::from_raw_fd(socket) };
    /// Frames come with what is not done of them yet: their checksum, and being cut.
    const PACKET_VNET_HDR: i32 = 15;
    /// What this socket has sent itself does not come back.
    const PACKET_IGNORE_OUTGOING: i32 = 23;
    for option in [PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING] {
        let on: libc::c_int = 1;
        let (value, size) = ((&raw const on).cast(), size_of_val(&on) as u32);
        // SAFETY: the value is an integer of that size.
        let result =
            unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, size) };
        if result != 0 {
            return Err(failed("an option"));
        }
    }
    let text = CString::new(name).expect("a name of a port");
    // SAFETY: the text ends with a zero.
    let index = unsafe { libc::if_nametoindex(text.as_ptr()) };
    // SAFETY: it is plain data, for which zeroes are fine.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = every;
    address.sll_ifindex = index.cast_signed();
    let (pointer, size) = ((&raw const address).cast(), size_of_val(&address) as u32);
    // SAFETY: the address is one of that size.
    let result = unsafe { libc::bind(socket.as_raw_fd(), pointer, size) };
    if result == 0 { Ok(socket) } else { Err(failed("the address")) }
}

/// A frame that is under way to a port; in the order in which they are due.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Late {
    due: Instant,
    number: u64,
    to: usize,
    frame: Vec<u8>,
}

/// Carries frames from each port to all others, as the weather is, until it ends.
fn forward(ports: &[OwnedFd], weather: &Mutex<Weather>, ends: &AtomicBool, mut random: Random) {
    let mut buffer = vec![0; FRAME_ROOM];
    let mut late: BinaryHeap<Reverse<Late>> = BinaryHeap::new();
    let mut number = 0;
    while !ends.load(Ordering::Relaxed) {
        let longest = Duration::from_millis(20);
        let patience = late.peek().map_or(longest, |Reverse(next)| {
            next.due.saturating_duration_since(Instant::now()).min(longest)
        });
        let mut fds: Vec<_> = ports.iter().map(|port| PollFd::new(port, PollFlags::IN)).collect();
        let patience = Timespec::try_from(patience).expect("it is short");
        let _ = poll(&mut fds, Some(&patience));
        let now = Weather::clone(&weather.lock().expect("nobody panics with it"));
        for (from, port) in ports.iter().enumerate() {
            // A port without a cable has an error, and then nothing.
            while let Ok(length) = rustix::io::read(port, &mut buffer[..]) {
                for to in (0..ports.len()).filter(|to| *to != from) {
                    let parted = now.island.contains(&from) != now.island.contains(&to);
                    if parted || random.below(100) < now.lost_per_cent {
                        continue;
                    }
                    let most = now.jitter.as_micros() as u64 + 1;
                    let due = Instant::now() + Duration::from_micros(random.below(most));
                    number += 1;
                    let frame = buffer[..length].to_vec();
                    late.push(Reverse(Late { due, number, to, frame }));
                }
            }
        }
        while late.peek().is_some_and(|Reverse(next)| next.due <= Instant::now())
            && let Some(Reverse(next)) = late.pop()
        {
            // What cannot be sent is lost.
            let _ = rustix::io::write(&ports[next.to], &next.frame);
        }
    }
}
