//! Who gets in where TLS is mutual, and who does not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use barewire_cluster::Incarnation;
use barewire_cluster::transport::TransportError;
use barewire_cluster::transport::zenoh::{ZenohOptions, ZenohTls, ZenohTransport};
use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, KeyPair};

use crate::end::{End, wait_until};
use crate::support::{Place, port};

/// How long those who must stay outside try.
const TRIES: Duration = Duration::from_secs(2);

struct Authority {
    certificate: Certificate,
    key: KeyPair,
    file: PathBuf,
}

fn write(place: &Path, name: &str, text: &str) -> PathBuf {
    let path = place.join(name);
    std::fs::write(&path, text).expect("the folder is there");
    path
}

impl Authority {
    fn new(place: &Path, name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).expect("a certificate");
        let file = write(place, &format!("{name}.pem"), &certificate.pem());
        Self { certificate, key, file }
    }

    /// What a node at 127.0.0.1 shows, and believes.
    fn node(&self, place: &Path, name: &str) -> ZenohTls {
        self.node_at("127.0.0.1", place, name)
    }

    /// What a node at that address shows, and believes.
    fn node_at(&self, address: &str, place: &Path, name: &str) -> ZenohTls {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![address.to_owned()]).expect("an address");
        let signed = params.signed_by(&key, &self.certificate, &self.key);
        let certificate = write(place, &format!("{name}.pem"), &signed.expect("signed").pem());
        let key = write(place, &format!("{name}.key"), &key.serialize_pem());
        ZenohTls::mutual(&self.file, certificate, key)
    }
}

fn open(options: ZenohOptions) -> Result<End, TransportError> {
    let me = Incarnation::random().expect("random bits");
    Ok(End::of(me, Box::new(ZenohTransport::open("mill", me, options)?)))
}

#[test]
fn a_node_without_a_certificate_is_kept_out_and_one_with_it_gets_in() {
    let place = Place::new("tls");
    let ours = Authority::new(place.path(), "authority");
    let other = Authority::new(place.path(), "other");
    let endpoint = format!("tls/127.0.0.1:{}", port(place.path()));
    let plain = endpoint.replace("tls/", "tcp/");
    let client = |tls| open(ZenohOptions::client([&endpoint]).tls(tls)).expect("it only tries");

    let router = ZenohOptions::router([&endpoint]).tls(ours.node(place.path(), "router"));
    let mut router = open(router).expect("a router");
    let without = ZenohTls { identity: None, mutual: false, ..ours.node(place.path(), "unused") };
    // It believes our authority, and shows a certificate of another one.
    let strange = ZenohTls { authority: ours.file.clone(), ..other.node(place.path(), "strange") };
    // It believes another authority, and not the router.
    let distrusts = ZenohTls { authority: other.file.clone(), ..ours.node(place.path(), "doubts") };
    let mut outside = [
        ("without a certificate", client(without)),
        ("with a certificate of others", client(strange)),
        ("that does not believe the router", client(distrusts)),
        ("of another authority", client(other.node(place.path(), "foreign"))),
        ("without TLS", open(ZenohOptions::client([&plain])).expect("it only tries")),
    ];
    let begun = Instant::now();
    while begun.elapsed() < TRIES {
        for end in outside.iter_mut().map(|(_, end)| end).chain([&mut router]) {
            end.greet();
            end.receive(Duration::from_millis(2));
        }
        for (who, end) in &mut outside {
            assert!(end.heard().is_empty(), "a node {who} hears the router");
        }
        assert!(router.heard().is_empty(), "the router hears a stranger");
    }

    let mut inside = client(ours.node(place.path(), "worker"));
    let (mut hears, mut is_heard) = (false, false);
    wait_until("the one with a certificate", || {
        router.greet();
        inside.greet();
        router.receive(Duration::from_millis(5));
        inside.receive(Duration::from_millis(5));
        is_heard |= router.heard().contains(&inside.me);
        hears |= inside.heard().contains(&router.me);
        hears && is_heard
    });
    for (who, end) in &mut outside {
        end.receive(Duration::ZERO);
        assert!(end.heard().is_empty(), "a node {who} hears others");
    }
}

#[test]
fn a_router_with_the_certificate_of_another_address_is_not_believed() {
    let place = Place::new("names");
    let ours = Authority::new(place.path(), "authority");
    let endpoint = format!("tls/127.0.0.1:{}", port(place.path()));
    let client = |tls| open(ZenohOptions::client([&endpoint]).tls(tls)).expect("it only tries");
    let elsewhere = ours.node_at("127.0.0.2", place.path(), "router");
    let mut router = open(ZenohOptions::router([&endpoint]).tls(elsewhere)).expect("a router");
    let tls = ours.node(place.path(), "worker");
    let mut checks = client(tls.clone());
    let mut does_not = client(ZenohTls { verify_names: false, ..tls });
    let mut heard = BTreeSet::new();
    let begun = Instant::now();
    wait_until("the one that does not check names", || {
        for end in [&mut router, &mut checks, &mut does_not] {
            end.greet();
            end.receive(Duration::from_millis(2));
        }
        heard.extend(router.heard());
        assert!(checks.heard().is_empty(), "a router with another name is believed");
        assert!(!heard.contains(&checks.me), "a router with another name is spoken to");
        begun.elapsed() >= TRIES && heard.contains(&does_not.me)
    });
}

#[test]
fn what_would_not_be_safe_or_cannot_be_is_refused_with_the_reason() {
    let place = Place::new("refused");
    let ours = Authority::new(place.path(), "authority");
    let tls = ours.node(place.path(), "node");
    let refused = |options: ZenohOptions, reason: &str| {
        let error = open(options).err().unwrap_or_else(|| panic!("it opens, in spite of {reason}"));
        assert!(error.to_string().contains(reason), "{error}");
    };
    let router = |endpoint: &str| ZenohOptions::router([endpoint]);
    refused(router("tcp/127.0.0.1:1").tls(tls.clone()), "begins with tls/");
    refused(router("tls/127.0.0.1:1"), "begins with tcp/");
    let without = ZenohTls { identity: None, ..tls.clone() };
    refused(ZenohOptions::default().tls(without.clone()), "needs a certificate");
    refused(ZenohOptions::client(["tls/127.0.0.1:1"]).tls(without), "needs a certificate");
    let missing = ZenohTls { authority: place.path().join("nowhere.pem"), ..tls };
    refused(router("tls/127.0.0.1:1").tls(missing), "nowhere.pem");
    let none: [&str; 0] = [];
    refused(ZenohOptions::client(none), "must be named");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("tcp/{}", taken.local_addr().expect("it has one"));
    refused(ZenohOptions::router([endpoint]), "open zenoh");
}
