//! Reaching the machine, and telling apart why not.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use net::{Addr, Deadline, Stream};

use super::ending::Failure;
use super::far;
use super::link::Link;
use crate::policy::Names;
use crate::{Policy, Refusal, Target};

/// Addresses of one name that are tried.
const ADDRESSES_MAX: usize = 8;

/// TCP keepalive towards the machine: nothing else notices that a quiet one died.
const KEEPALIVE: (u32, u32, u32) = (20, 20, 3);

/// Connects within the policy's time, whatever the number of addresses, and opens the WebSocket
/// where one is in between.
pub(super) async fn connect(target: &Target, policy: &Policy) -> Result<Link, Failure> {
    let stream = connect_socket(target, policy).await?;
    match target {
        Target::WebSocket(far) => far::open(stream, far, policy).await,
        Target::Host { .. } | Target::Unix(_) => Ok(Link::Stream(stream)),
    }
}

async fn connect_socket(target: &Target, policy: &Policy) -> Result<Stream, Failure> {
    let until = Instant::now() + policy.connect_timeout;
    let (host, port) = match target {
        Target::Unix(path) => {
            return connect_one(&Addr::Unix(path.clone()), until, target, policy).await;
        }
        Target::Host { host, port } => (host, *port),
        Target::WebSocket(far) => (&far.host, far.port),
    };
    let stream = match Target::literal(host, port) {
        Some(addr) => connect_one(&Addr::Ip(addr), until, target, policy).await?,
        None => {
            let addrs = match &policy.names {
                Some(names) => ask(names, host, port, policy.connect_timeout).await?,
                None => resolve(host, port, until).await?,
            };
            connect_any(&addrs, until, target, policy).await?
        }
    };
    stream.set_nodelay(true);
    let (idle, interval, count) = KEEPALIVE;
    // A socket that cannot keep alive still carries the session.
    let _ = stream.set_keepalive(idle, interval, count);
    Ok(stream)
}

/// Asks the name servers of the configuration.
async fn ask(
    names: &Names,
    host: &str,
    port: u16,
    timeout: Duration,
) -> Result<Vec<SocketAddr>, Failure> {
    let found = names.resolver.addresses(host, timeout, &names.log).await;
    let found = found.map_err(|failure| {
        let refusal = match failure {
            net::resolve::Failure::TimedOut => Refusal::Timeout,
            net::resolve::Failure::Code(_) => Refusal::NameNotFound,
        };
        Failure::told(refusal, format!("{host} could not be resolved ({failure})"))
    })?;
    let addr = |ip| SocketAddr::new(ip, port);
    Ok(found.ips.into_iter().map(addr).collect())
}

/// Asks the system.
async fn resolve(host: &str, port: u16, until: Instant) -> Result<Vec<SocketAddr>, Failure> {
    let deadline = Deadline::after(until.saturating_duration_since(Instant::now()));
    let found = tokio::select! {
        found = tokio::net::lookup_host((host, port)) => found,
        () = deadline.expired() => {
            return Err(Failure::told(Refusal::Timeout, format!("resolving {host} took too long")));
        }
    };
    let unknown = |why: String| Failure::told(Refusal::NameNotFound, format!("{host}: {why}"));
    let addrs: Vec<_> = found.map_err(|error| unknown(error.to_string()))?.collect();
    if addrs.is_empty() {
        Err(unknown("no address".into()))
    } else {
        Ok(addrs)
    }
}

async fn connect_any(
    addrs: &[SocketAddr],
    until: Instant,
    target: &Target,
    policy: &Policy,
) -> Result<Stream, Failure> {
    let mut failure = Failure::told(Refusal::NameNotFound, target.to_string());
    for addr in addrs.iter().take(ADDRESSES_MAX) {
        match connect_one(&Addr::Ip(*addr), until, target, policy).await {
            Ok(stream) => return Ok(stream),
            Err(failed) => failure = failed,
        }
    }
    Err(failure)
}

async fn connect_one(
    addr: &Addr,
    until: Instant,
    target: &Target,
    policy: &Policy,
) -> Result<Stream, Failure> {
    if policy
        .fence
        .as_ref()
        .is_some_and(|fence| !fence.admits(addr))
    {
        let detail = format!("{target} is {addr}, which may not be reached (see \"vnc_allow\")");
        return Err(Failure::told(Refusal::Fenced, detail));
    }
    let timeout = until.saturating_duration_since(Instant::now());
    net::connect(addr, None, timeout).await.map_err(|error| {
        let refusal = refusal_of(&error, addr);
        Failure::told(refusal, format!("connecting to {target}: {error}"))
    })
}

fn refusal_of(error: &io::Error, addr: &Addr) -> Refusal {
    use io::ErrorKind::*;
    match error.kind() {
        ConnectionRefused | ConnectionReset => Refusal::ConnectionRefused,
        // A unix socket that is not there is a server that does not run.
        NotFound if matches!(addr, Addr::Unix(_)) => Refusal::ConnectionRefused,
        TimedOut => Refusal::Timeout,
        HostUnreachable | NetworkUnreachable | NetworkDown | AddrNotAvailable => Refusal::HostDown,
        _ => Refusal::Internal,
    }
}
