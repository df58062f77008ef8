//! zenoh's configuration, from a node's options.

use std::path::Path;
use std::time::Duration;

use ::zenoh::Config;

use super::options::{ZenohOptions, ZenohShape, ZenohTls};
use super::{FRAMES_IN_BATCH, IN_FLIGHT};
use crate::transport::TransportError;

/// How long zenoh waits for room for its own messages before it closes a connection. What nodes say
/// never waits; this does so in zenoh's routing, which all of them share.
const WAIT_BEFORE_CLOSE_US: u64 = 500_000;
/// How long a try to connect takes at most.
pub(super) const CONNECT_MS: u64 = 2000;
/// How often it is tried: at first, and later.
const RETRY_MS: u64 = 100;
const RETRY_MOST_MS: u64 = 1000;
/// A shorter lease would give up connections that are only slow.
const LEAST_LEASE: Duration = Duration::from_millis(100);
/// The most octets of a message in several fragments. Nodes send none that need any.
const MOST_FRAGMENTED: usize = 256 * 1024;

/// A text as JSON5 has it.
fn text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn list(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|one| text(one)).collect();
    format!("[{}]", texts.join(","))
}

fn file(path: &Path) -> Result<String, TransportError> {
    // What zenoh says of a file that is not there names no file.
    let failed = |reason: String| TransportError::new(format!("read {}", path.display()), reason);
    std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    let path = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
    Ok(text(path))
}

fn invalid(reason: impl std::fmt::Display) -> TransportError {
    TransportError::new("open zenoh", reason)
}

/// Checks what zenoh would find out late, or not at all.
fn check(options: &ZenohOptions) -> Result<(), TransportError> {
    let protocol = if options.tls.is_some() { "tls" } else { "tcp" };
    for endpoint in options.listen.iter().chain(&options.connect) {
        if endpoint.split_once('/').is_none_or(|(found, _)| found != protocol) {
            let with = if options.tls.is_some() { "with" } else { "without" };
            return Err(invalid(format!(
                "{endpoint:?} is no endpoint of a node {with} TLS: it begins with {protocol}/"
            )));
        }
    }
    let client = options.shape == ZenohShape::Client;
    if client && (options.connect.is_empty() || !options.listen.is_empty()) {
        return Err(invalid(
            "a client connects to a router, which must be named, and does not listen",
        ));
    }
    if let Some(tls) = &options.tls
        && tls.identity.is_none()
        && (!client || tls.mutual)
    {
        return Err(invalid("who listens, or connects where TLS is mutual, needs a certificate"));
    }
    Ok(())
}

/// How long a connection may be silent.
pub(super) fn lease(options: &ZenohOptions) -> Duration {
    options.lease.max(LEAST_LEASE)
}

pub(super) fn config(options: &ZenohOptions) -> Result<Config, TransportError> {
    check(options)?;
    let mut config = Config::default();
    let mut set = |key: &str, value: String| {
        config.insert_json5(key, &value).map_err(|error| invalid(format!("{key}: {error}")))
    };
    let protocol = if options.tls.is_some() { "tls" } else { "tcp" };
    let (mode, port) = match options.shape {
        ZenohShape::Peer => ("peer", Some(0)),
        ZenohShape::Client => ("client", None),
        ZenohShape::Router => ("router", Some(7447)),
    };
    set("mode", text(mode))?;
    let listen = match port {
        Some(port) if options.listen.is_empty() => vec![format!("{protocol}/[::]:{port}")],
        _ => options.listen.clone(),
    };
    set("listen/endpoints", list(&listen))?;
    set("listen/exit_on_failure", "true".to_owned())?;
    set("connect/endpoints", list(&options.connect))?;
    let client = options.shape == ZenohShape::Client;
    // A client's try ends, so that it can be given up; the others try on their own account.
    set("connect/timeout_ms", if client { CONNECT_MS.to_string() } else { "-1".to_owned() })?;
    set("connect/exit_on_failure", client.to_string())?;
    let retry = format!(
        "{{period_init_ms:{RETRY_MS},period_max_ms:{RETRY_MOST_MS},period_increase_factor:2}}"
    );
    set("connect/retry", retry)?;
    // Nobody waits for others when a node is opened; it hears of them.
    set("open/return_conditions/connect_scouted", "false".to_owned())?;
    set("scouting/delay", "1".to_owned())?;
    set("scouting/multicast/enabled", options.scouting.is_some().to_string())?;
    if let Some(scouting) = &options.scouting {
        let address = format!("{}:{}", scouting.address, scouting.port);
        set("scouting/multicast/address", text(&address))?;
        let interface = scouting.interface.as_deref().unwrap_or("auto");
        set("scouting/multicast/interface", text(interface))?;
    }
    // Neither plain connections where TLS is meant, nor any to whatever strangers name.
    set("transport/link/protocols", list(&[protocol.to_owned()]))?;
    set("transport/link/tx/lease", lease(options).as_millis().to_string())?;
    let (open, accept) = ("transport/unicast/open_timeout", "transport/unicast/accept_timeout");
    set(open, CONNECT_MS.to_string())?;
    set(accept, CONNECT_MS.to_string())?;
    // All that may be in flight to a node finds room, so that little is lost of what is sent.
    set("transport/link/tx/queue/size/data", IN_FLIGHT.div_ceil(FRAMES_IN_BATCH).to_string())?;
    set("transport/link/tx/queue/congestion_control/drop/wait_before_drop", "0".to_owned())?;
    let close = "transport/link/tx/queue/congestion_control/block/wait_before_close";
    set(close, WAIT_BEFORE_CLOSE_US.to_string())?;
    set("transport/link/rx/max_message_size", MOST_FRAGMENTED.to_string())?;
    set("timestamping/enabled", "false".to_owned())?;
    if let Some(tls) = &options.tls {
        for (key, value) in tls_settings(tls)? {
            set(&format!("transport/link/tls/{key}"), value)?;
        }
    }
    Ok(config)
}

fn tls_settings(tls: &ZenohTls) -> Result<Vec<(&'static str, String)>, TransportError> {
    let mut settings = vec![
        ("root_ca_certificate", file(&tls.authority)?),
        ("enable_mtls", tls.mutual.to_string()),
        ("verify_name_on_connect", tls.verify_names.to_string()),
    ];
    if let Some(identity) = &tls.identity {
        let (certificate, key) = (file(&identity.certificate)?, file(&identity.key)?);
        settings.push(("listen_certificate", certificate.clone()));
        settings.push(("listen_private_key", key.clone()));
        settings.push(("connect_certificate", certificate));
        settings.push(("connect_private_key", key));
    }
    Ok(settings)
}
