//! Servers that are names or services, looked up while the group serves (`resolve`, `service=`;
//! `ngx_http_upstream_zone_resolve_handler`).

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::clock;
use net::log::{ErrorLog, Level};
use net::resolve::{Failure, Resolver};

use crate::server::split_port;
use crate::{Group, Peer, Server};

/// The name behind `resolve`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The host.
    pub host: String,
    /// The port of its addresses; those of a service have their own.
    pub port: u16,
    /// `service=`
    pub service: Option<String>,
}

impl Name {
    /// Reads `host[:port]`; none if that is an address. The error is nginx's message.
    pub(crate) fn parse(
        text: &str,
        default_port: u16,
        service: Option<String>,
    ) -> Result<Option<Self>, String> {
        let is_path = text.starts_with("unix:");
        let (host, port) = match is_path {
            true => (text, None),
            false => split_port(text)?,
        };
        if host.is_empty() {
            return Err(format!("no host in upstream \"{text}\""));
        }
        let is_literal = is_path || host.starts_with('[') || host.parse::<Ipv4Addr>().is_ok();
        if service.is_some() && port.is_some() {
            return Err(format!("service upstream \"{text}\" may not have port"));
        }
        if service.is_some() && is_literal {
            return Err(format!("service upstream \"{text}\" requires domain name"));
        }
        Ok((!is_literal).then(|| Self {
            host: host.to_owned(),
            port: port.unwrap_or(default_port),
            service,
        }))
    }
}

/// An address that a name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    addr: SocketAddr,
    /// The server of the service, or the `server` line.
    name: String,
    weight: u32,
    backup: bool,
}

/// What is known of one name.
#[derive(Debug, Clone, Default)]
struct Known {
    found: Vec<Found>,
    /// Until when, if that is known.
    until: Option<Instant>,
}

/// The servers of a group, some of which are names, and what they stand for now.
#[derive(Debug)]
pub struct Resolving {
    /// All servers of the group; those that are names have no peers of their own.
    servers: Vec<Server>,
    resolver: Arc<Resolver>,
    timeout: Duration,
    /// Whether the method knows backup servers.
    has_backups: bool,
    known: Mutex<Vec<Known>>,
}

impl Resolving {
    /// For a group of these servers; `None` if none of them is a name.
    pub fn new(
        servers: &[Server],
        resolver: &Arc<Resolver>,
        timeout: Duration,
        has_backups: bool,
    ) -> Option<Self> {
        let is_name = |server: &Server| server.resolve.is_some();
        servers.iter().any(is_name).then(|| Self {
            servers: servers.to_vec(),
            resolver: resolver.clone(),
            timeout,
            has_backups,
            known: Mutex::new(vec![Known::default(); servers.len()]),
        })
    }

    /// Begins with what the names of the group stood for before a reload.
    pub fn inherit(&self, old: &Self) {
        let before = old.lock().clone();
        let mut known = self.lock();
        for (server, known) in self.servers.iter().zip(known.iter_mut()) {
            let Some(name) = &server.resolve else {
                continue;
            };
            let same = |other: &Server| {
                other
                    .resolve
                    .as_ref()
                    .is_some_and(|other| other.host == name.host && other.service == name.service)
            };
            let Some(at) = old.servers.iter().position(same) else {
                continue;
            };
            *known = before[at].clone();
            for found in &mut known.found {
                adapt(server, name, found);
            }
        }
    }

    /// The places of the servers that are names: each is looked up by [`keep`](Self::keep).
    pub fn names(&self) -> Vec<usize> {
        let servers = self.servers.iter().enumerate();
        let names = servers.filter(|(_, server)| server.resolve.is_some());
        names.map(|(at, _)| at).collect()
    }

    /// Looks one name up whenever what is known of it has come to its end, until it is dropped.
    pub async fn keep(self: Arc<Self>, at: usize, group: Arc<Group>, log: ErrorLog) {
        let Some(name) = self
            .servers
            .get(at)
            .and_then(|server| server.resolve.clone())
        else {
            return;
        };
        let first = self.lock()[at].until;
        let mut next = first.unwrap_or_else(clock::now);
        loop {
            let deadline = net::Deadline::unset();
            deadline.set(next);
            deadline.expired().await;
            let now = clock::now();
            // Names that are good for no time are not asked for all the time.
            let soonest = now + Duration::from_secs(1);
            next = match self.look_up(at, &name, &log).await {
                Ok((found, until)) => {
                    self.update(at, found, until, &group);
                    until
                }
                Err(failure) => {
                    tell(&name, failure, &log);
                    match failure {
                        Failure::NOT_FOUND => {
                            let until = clock::now() + self.resolver.not_found_for();
                            self.update(at, Vec::new(), until, &group);
                            until
                        }
                        // What was known stays.
                        _ => clock::now() + self.timeout,
                    }
                }
            }
            .max(soonest);
        }
    }

    async fn look_up(
        &self,
        at: usize,
        name: &Name,
        log: &ErrorLog,
    ) -> Result<(Vec<Found>, Instant), Failure> {
        let server = &self.servers[at];
        let Some(service) = &name.service else {
            let found = self.resolver.addresses(&name.host, self.timeout, log);
            let found = found.await?;
            let addr = |ip| Found {
                addr: SocketAddr::new(ip, name.port),
                name: server.name.clone(),
                weight: server.weight,
                backup: server.backup,
            };
            return Ok((found.ips.into_iter().map(addr).collect(), found.until));
        };
        let missing = |of: &str, failure: Failure| {
            let host = &name.host;
            log.log(
                Level::Error,
                None,
                format_args!(
                    "{of} could not be resolved ({failure}) while resolving service {service} of \
                     {host}"
                ),
            );
        };
        let found = self
            .resolver
            .service(service, &name.host, self.timeout, log, missing);
        let found = found.await?;
        let first = found.addrs.iter().map(|addr| addr.priority).min();
        let addrs = found.addrs.into_iter().filter_map(|addr| {
            // Servers of a lower priority are backup servers, where there can be some.
            let later = Some(addr.priority) != first;
            (!later || (self.has_backups && !server.backup)).then(|| Found {
                addr: addr.addr,
                name: addr.name,
                weight: match server.weight {
                    1 => addr.weight.into(),
                    weight => weight,
                },
                backup: server.backup || later,
            })
        });
        Ok((addrs.collect(), found.until))
    }

    /// Takes what a name stands for now.
    fn update(&self, at: usize, found: Vec<Found>, until: Instant, group: &Group) {
        {
            let mut known = self.lock();
            let known = &mut known[at];
            known.until = Some(until);
            let merged = merge(&known.found, found);
            if merged == known.found {
                return;
            }
            known.found = merged;
        }
        group.replace(&self.servers_now());
    }

    /// The servers as they are now: those with addresses, then what those with names stand for.
    pub fn servers_now(&self) -> Vec<Server> {
        let known = self.lock();
        let literal = self
            .servers
            .iter()
            .filter(|server| server.resolve.is_none());
        let mut servers: Vec<Server> = literal.cloned().collect();
        for (server, known) in self.servers.iter().zip(known.iter()) {
            servers.extend(known.found.iter().map(|found| found.server(server)));
        }
        servers
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Known>> {
        // Each change under the lock is one assignment.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the new configuration says of an address that the old one found.
fn adapt(server: &Server, name: &Name, found: &mut Found) {
    match name.service {
        Some(_) if server.weight == 1 => {}
        _ => found.weight = server.weight,
    }
    if name.service.is_none() {
        found.addr.set_port(name.port);
        found.name.clone_from(&server.name);
    }
    found.backup = server.backup || (found.backup && name.service.is_some());
}

impl Found {
    /// The server that it makes, with the parameters of its line.
    fn server(&self, line: &Server) -> Server {
        let peer = Peer {
            addr: self.addr.into(),
            name: self.addr.to_string(),
        };
        Server {
            name: self.name.clone(),
            peers: vec![peer],
            weight: self.weight,
            backup: self.backup,
            resolve: None,
            ..line.clone()
        }
    }
}

/// What stays keeps its place; what is new comes behind it. Two of the same are two.
fn merge(old: &[Found], mut new: Vec<Found>) -> Vec<Found> {
    let mut merged = Vec::with_capacity(new.len());
    for found in old {
        if let Some(at) = new.iter().position(|new| new == found) {
            merged.push(new.remove(at));
        }
    }
    merged.append(&mut new);
    merged
}

fn tell(name: &Name, failure: Failure, log: &ErrorLog) {
    let host = &name.host;
    match &name.service {
        Some(service) => log.log(
            Level::Error,
            None,
            format_args!("service {service} of {host} could not be resolved ({failure})"),
        ),
        None => log.log(
            Level::Error,
            None,
            format_args!("{host} could not be resolved ({failure})"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(port: u16) -> Found {
        Found {
            addr: ([127, 0, 0, 1], port).into(),
            name: "n".into(),
            weight: 1,
            backup: false,
        }
    }

    #[test]
    fn addresses_that_stay_keep_their_places_and_equal_ones_are_counted() {
        let old = [found(1), found(2), found(2), found(3)];
        let merged = merge(&old, vec![found(4), found(3), found(2)]);
        assert_eq!(merged, [found(2), found(3), found(4)]);
    }

    fn resolving(port: u16, service: Option<&str>, weight: u32) -> Resolving {
        let mut server = Server::new("n", Vec::new());
        server.weight = weight;
        server.resolve = Some(Name {
            host: "n".into(),
            port,
            service: service.map(str::to_owned),
        });
        let resolver = Arc::new(Resolver::new(net::resolve::Settings {
            servers: Vec::new(),
            valid: None,
            ipv4: true,
            ipv6: true,
        }));
        Resolving::new(&[server], &resolver, Duration::from_secs(1), true).expect("a name")
    }

    fn peers(resolving: &Resolving) -> Vec<(String, u32, bool)> {
        let servers = resolving.servers_now();
        let peer = |server: &Server| {
            let name = server.peers[0].name.clone();
            (name, server.weight, server.backup)
        };
        servers.iter().map(peer).collect()
    }

    #[test]
    fn a_reload_begins_with_the_addresses_that_were_known_under_the_new_parameters() {
        let old = resolving(80, None, 1);
        old.lock()[0].found = vec![found(80)];
        let new = resolving(8080, None, 3);
        new.inherit(&old);
        assert_eq!(peers(&new), [("127.0.0.1:8080".to_owned(), 3, false)]);
        // The ports and weights of a service are its own.
        let old = resolving(80, Some("http"), 1);
        let backup = Found {
            weight: 7,
            backup: true,
            ..found(81)
        };
        old.lock()[0].found = vec![backup];
        let new = resolving(80, Some("http"), 1);
        new.inherit(&old);
        assert_eq!(peers(&new), [("127.0.0.1:81".to_owned(), 7, true)]);
        let other = resolving(80, Some("other"), 1);
        other.inherit(&old);
        assert_eq!(peers(&other), []);
    }
}
