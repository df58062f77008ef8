//! How a node takes part in zenoh's network.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

/// What a node is to zenoh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZenohShape {
    /// One among equals, each connected to each other. Peers pass nothing on: two that cannot reach
    /// each other do not hear each other.
    #[default]
    Peer,
    /// Connected to one router, through which it reaches all others.
    Client,
    /// A peer that also passes on what its clients say. It runs within the node: there is nothing
    /// else to install or start. As a rule it is the manager's, since nothing goes on without that.
    Router,
}

/// Who finds whom by multicast, without any address being named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenohScouting {
    /// The multicast group.
    pub address: Ipv4Addr,
    /// Its port.
    pub port: u16,
    /// Name or address of the interface to use; all that have multicast if not given.
    pub interface: Option<String>,
}

impl Default for ZenohScouting {
    fn default() -> Self {
        Self { address: Ipv4Addr::new(224, 0, 0, 224), port: 7446, interface: None }
    }
}

/// A certificate and its private key, in files in PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenohIdentity {
    /// The certificate, and those between it and the authority's if there are any.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// TLS between nodes: nothing goes over the network without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenohTls {
    /// The authority's certificate, in a file in PEM: whose certificates are believed.
    pub authority: PathBuf,
    /// What the node shows to others. Who listens needs one, and where TLS is mutual, everybody.
    pub identity: Option<ZenohIdentity>,
    /// Whether those who connect must show a certificate of the authority's as well.
    pub mutual: bool,
    /// Whether a certificate must be for the name or address that was connected to. Without that
    /// any node with a certificate of the authority's may stand at any address.
    pub verify_names: bool,
}

impl ZenohTls {
    /// Mutual TLS: only those who have a certificate of the authority's are heard.
    pub fn mutual(
        authority: impl Into<PathBuf>,
        certificate: impl Into<PathBuf>,
        key: impl Into<PathBuf>,
    ) -> Self {
        let identity = ZenohIdentity { certificate: certificate.into(), key: key.into() };
        Self {
            authority: authority.into(),
            identity: Some(identity),
            mutual: true,
            verify_names: true,
        }
    }
}

/// How a node takes part in zenoh's network.
///
/// ```
/// use barewire_cluster::transport::zenoh::{ZenohOptions, ZenohShape, ZenohTls};
///
/// // Peers of one network, which find each other.
/// let flat = ZenohOptions::default();
/// assert_eq!(flat.shape, ZenohShape::Peer);
///
/// // Several networks: all connect to the manager, and hear each other through it.
/// let manager = ZenohOptions::router(["tcp/0.0.0.0:7447"]);
/// let worker = ZenohOptions::client(["tcp/manager.example:7447"]);
/// assert!(manager.scouting.is_none() && worker.scouting.is_none());
///
/// // The same with TLS, where nobody is let in without a certificate.
/// let tls = ZenohTls::mutual("authority.pem", "worker.pem", "worker.key");
/// let worker = ZenohOptions::client(["tls/manager.example:7447"]).tls(tls);
/// assert!(worker.tls.is_some());
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZenohOptions {
    /// What the node is to zenoh.
    pub shape: ZenohShape,
    /// Where it listens, as `tcp/ADDRESS:PORT` or `tls/ADDRESS:PORT`. If none is given, a peer
    /// listens at a free port of all addresses and a router at port 7447; clients do not listen.
    pub listen: Vec<String>,
    /// Where it connects to, again and again until it does; any of them for a client, which must
    /// name one. Peers hear of further peers from those.
    pub connect: Vec<String>,
    /// How peers find each other by multicast, if they do.
    pub scouting: Option<ZenohScouting>,
    /// TLS, if it is used; then only endpoints that begin with `tls/` are.
    pub tls: Option<ZenohTls>,
    /// How long a connection may be silent until zenoh gives it up; 2 s if not given. It is opened
    /// again when the other side is back. Nobody is taken for dead by that.
    pub lease: Duration,
    /// How long zenoh may take to close; 1 s if not given.
    pub close_timeout: Duration,
}

impl Default for ZenohOptions {
    fn default() -> Self {
        Self {
            shape: ZenohShape::Peer,
            listen: Vec::new(),
            connect: Vec::new(),
            scouting: Some(ZenohScouting::default()),
            tls: None,
            lease: Duration::from_secs(2),
            close_timeout: Duration::from_secs(1),
        }
    }
}

impl ZenohOptions {
    /// Peers that name each other's endpoints, instead of finding each other. It suffices that all
    /// connect to one: they hear of the others there.
    pub fn peers(
        listen: impl IntoIterator<Item = impl Into<String>>,
        connect: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self {
            listen: listen.into_iter().map(Into::into).collect(),
            connect: connect.into_iter().map(Into::into).collect(),
            scouting: None,
            ..Self::default()
        }
    }

    /// A node that passes on what others say, at these endpoints.
    pub fn router(listen: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let none: [&str; 0] = [];
        Self { shape: ZenohShape::Router, ..Self::peers(listen, none) }
    }

    /// A node that reaches the others through the router at one of these endpoints.
    pub fn client(connect: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let none: [&str; 0] = [];
        Self { shape: ZenohShape::Client, ..Self::peers(none, connect) }
    }

    /// With TLS.
    #[must_use]
    pub fn tls(mut self, tls: ZenohTls) -> Self {
        self.tls = Some(tls);
        self
    }
}
