//! Frames as UDP datagrams: to one node by its address, to all by multicast.
//!
//! Each node has two sockets: one in the group, on the cluster's port, and one of its own, from
//! which it sends and at which others reach it. Addresses are learned from what is said.
//!
//! Anybody on the network can send datagrams, and nothing here says who somebody is: use it where
//! the network is trusted.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_reuseaddr};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with};

use super::bell::Bell;
use super::{Event, LEAST_FRAME, Sent, Transport, TransportError, Wake};
use crate::wire::{Incarnation, sender};

/// How many datagrams are handed over at once.
const MOST_AT_ONCE: usize = 256;
/// How many addresses are remembered.
const MOST_ADDRESSES: usize = 4096;
/// How much the kernel is asked to keep for a socket; it may keep less.
const BUFFER_BYTES: usize = 4 << 20;

/// Where datagrams go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UdpOptions {
    /// The multicast group, which all nodes join.
    pub broadcast_address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// The address of the interface to use; the system chooses if it is 0.0.0.0.
    pub interface: Ipv4Addr,
    /// How many routers a datagram to the group may pass; 1 stays in the local network.
    pub ttl: u32,
    /// Whether nodes of the same machine hear each other.
    pub loopback: bool,
    /// The most octets of a datagram; what the network takes without cutting it.
    pub datagram_bytes: usize,
}

impl Default for UdpOptions {
    fn default() -> Self {
        Self {
            broadcast_address: Ipv4Addr::new(239, 255, 66, 87),
            port: 47_800,
            interface: Ipv4Addr::UNSPECIFIED,
            ttl: 1,
            loopback: true,
            datagram_bytes: 1400,
        }
    }
}

/// The transport over UDP.
#[derive(Debug)]
pub struct UdpTransport {
    me: Incarnation,
    options: UdpOptions,
    own: UdpSocket,
    group: UdpSocket,
    addresses: BTreeMap<Incarnation, SocketAddr>,
    bell: Bell,
    buffer: Vec<u8>,
}

fn failed(doing: &str, error: &std::io::Error) -> TransportError {
    TransportError::new(doing, error)
}

impl UdpTransport {
    /// Opens the transport of a node. The cluster's name stands in each frame, so several clusters
    /// may share a group.
    ///
    /// # Errors
    ///
    /// If the port is taken by others that do not share it, or the group cannot be joined.
    pub fn open(
        _cluster: &str,
        me: Incarnation,
        options: UdpOptions,
    ) -> Result<Self, TransportError> {
        if !options.broadcast_address.is_multicast() || options.datagram_bytes < LEAST_FRAME {
            let reason = format!(
                "{} must be a multicast group (224.0.0.0 to 239.255.255.255), and datagrams must \
                 have {LEAST_FRAME} octets at least",
                options.broadcast_address
            );
            return Err(TransportError::new("open UDP", reason));
        }
        let group = join(&options).map_err(|error| {
            failed(&format!("join {}:{}", options.broadcast_address, options.port), &error)
        })?;
        let own = || {
            // The interface is the one that has the address.
            let own = UdpSocket::bind((options.interface, 0))?;
            own.set_nonblocking(true)?;
            own.set_multicast_ttl_v4(options.ttl)?;
            own.set_multicast_loop_v4(options.loopback)?;
            let _ = set_socket_recv_buffer_size(&own, BUFFER_BYTES);
            Ok(own)
        };
        let own = own().map_err(|error| failed(&format!("bind {}", options.interface), &error))?;
        let bell = Bell::new().map_err(|error| failed("make a descriptor for wakes", &error))?;
        let buffer = vec![0; 65_536];
        Ok(Self { me, options, own, group, addresses: BTreeMap::new(), bell, buffer })
    }

    fn send_to(&self, address: SocketAddr, frame: &[u8]) -> Sent {
        if frame.len() > self.options.datagram_bytes {
            return Sent::NoWay;
        }
        match self.own.send_to(frame, address) {
            Ok(_) => Sent::Taken,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Sent::Full,
            Err(error)
                if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) =>
            {
                Sent::Full
            }
            // An earlier datagram was not taken, or the network is down: this one is lost.
            Err(_) => Sent::Taken,
        }
    }

    /// Hands over what has come at one socket; how much.
    fn drain(&mut self, group: bool, take: &mut dyn FnMut(Event<'_>)) -> usize {
        let mut count = 0;
        while count < MOST_AT_ONCE {
            let socket = if group { &self.group } else { &self.own };
            let (length, from) = match socket.recv_from(&mut self.buffer) {
                Ok(found) => found,
                // What comes back from an earlier datagram is no reason to stop.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) => break,
            };
            count += 1;
            let frame = &self.buffer[..length];
            match sender(frame) {
                Some(node) if node == self.me => continue,
                Some(node) => {
                    if self.addresses.len() >= MOST_ADDRESSES {
                        // A flood; those that live are learned again with their next heartbeat.
                        self.addresses.clear();
                    }
                    self.addresses.insert(node, from);
                }
                None => {}
            }
            take(Event::Frame(frame));
        }
        count
    }
}

fn join(options: &UdpOptions) -> std::io::Result<UdpSocket> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, flags, None)?;
    set_socket_reuseaddr(&socket, true)?;
    let _ = set_socket_recv_buffer_size(&socket, BUFFER_BYTES);
    // Bound to the group, it gets nothing that was sent to the port otherwise.
    bind(&socket, &SocketAddrV4::new(options.broadcast_address, options.port))?;
    let socket = UdpSocket::from(socket);
    socket.join_multicast_v4(&options.broadcast_address, &options.interface)?;
    Ok(socket)
}

impl Transport for UdpTransport {
    fn largest_frame(&self) -> usize {
        self.options.datagram_bytes
    }

    fn tells_deaths(&self) -> bool {
        false
    }

    fn send(&mut self, to: Incarnation, frame: &[u8]) -> Result<Sent, TransportError> {
        Ok(match self.addresses.get(&to) {
            Some(&address) => self.send_to(address, frame),
            None => Sent::NoWay,
        })
    }

    fn broadcast(&mut self, frame: &[u8]) -> Result<Sent, TransportError> {
        let group = IpAddr::V4(self.options.broadcast_address);
        Ok(self.send_to(SocketAddr::new(group, self.options.port), frame))
    }

    fn receive(
        &mut self,
        patience: Duration,
        take: &mut dyn FnMut(Event<'_>),
    ) -> Result<(), TransportError> {
        if self.drain(false, take) + self.drain(true, take) > 0 || patience.is_zero() {
            return Ok(());
        }
        self.bell.wait(&[self.own.as_fd(), self.group.as_fd()], patience);
        self.drain(false, take);
        self.drain(true, take);
        Ok(())
    }

    fn waker(&self) -> Arc<dyn Wake> {
        Arc::new(self.bell.clone())
    }
}
