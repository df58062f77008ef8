//! What strangers send that is nothing.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::time::Duration;

use barewire_cluster::transport::Sent;

use crate::end::{Way, ends, wait_until};
use crate::support::{Place, port};

/// Octets of all lengths up to a limit; the same each time.
fn noise(limit: usize) -> Vec<Vec<u8>> {
    let mut state = 0x1234_5678_9abc_def1_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut all =
        vec![b"BWCL".to_vec(), b"BWCL\x01\x00".to_vec(), b"GET / HTTP/1.1\r\n\r\n".to_vec()];
    all.extend((0..300).map(|_| {
        let length = 1 + next() as usize % limit;
        (0..length).map(|_| next() as u8).collect()
    }));
    all
}

/// Whatever a stranger can do to a way.
fn disturb(way: Way, place: &Place) {
    let datagrams = |groups: &[Ipv4Addr]| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        for octets in noise(1400) {
            for group in groups {
                // What the kernel does not take is no attack.
                let _ = socket.send_to(&octets, SocketAddrV4::new(*group, port(place.path())));
            }
        }
    };
    let connection = || {
        for octets in noise(400).iter().take(50) {
            let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port(place.path()));
            let Ok(mut stream) = TcpStream::connect(address) else { continue };
            // It may have been closed by now.
            let _ = stream.write_all(octets);
        }
    };
    match way {
        // Only its own user can reach these; the one who writes into them is one of the ends.
        Way::Memory => {}
        Way::Pipe => {
            for entry in walk(place.path()) {
                let pipe = std::fs::OpenOptions::new().write(true).open(&entry);
                let _ = pipe.and_then(|mut pipe| pipe.write_all(&[0xff; 100]));
            }
        }
        Way::Udp => datagrams(&[Ipv4Addr::new(239, 255, 66, 87)]),
        #[cfg(feature = "zenoh")]
        Way::Zenoh => datagrams(&[Ipv4Addr::new(239, 255, 66, 88)]),
        #[cfg(feature = "zenoh")]
        Way::Routed => connection(),
    }
    let _ = connection;
}

/// All named pipes below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            found.extend(walk(&entry.path()));
        } else if std::os::unix::fs::FileTypeExt::is_fifo(&kind) {
            found.push(entry.path());
        }
    }
    found
}

pub(crate) fn passes_or_is_dropped_and_frames_still_arrive(way: Way) {
    let place = Place::new("garbage");
    let mut ends = ends(way, &place, 2);
    disturb(way, &place);
    let [one, other] = &mut ends[..] else { unreachable!("two were made") };
    for octets in noise(one.transport.largest_frame()) {
        let sent = one.transport.send(other.me, &octets).expect("it lives");
        assert_ne!(sent, Sent::NoWay, "{way:?}");
        other.receive(Duration::ZERO);
        one.receive(Duration::ZERO);
    }
    let frame = one.frame(other.me, 500, 9);
    wait_until("a frame after the garbage", || {
        one.transport.send(other.me, &frame).expect("it lives");
        other.receive(Duration::from_millis(20));
        other.frames.contains(&frame)
    });
}
