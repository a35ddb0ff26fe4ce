//! Services: the servers that SRV records name, and their addresses (RFC 2782).

use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use proto::dns::Srv;

use super::cache::{Key, Known};
use super::{Addresses, Failure, Resolver, random, within};
use crate::log::ErrorLog;

/// One address of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceAddr {
    /// Address and port.
    pub addr: SocketAddr,
    /// The name of the server that it belongs to.
    pub name: String,
    /// Servers of a lower number are asked first.
    pub priority: u16,
    /// Share among those of one priority.
    pub weight: u16,
}

/// The addresses of a service, those of lower priority first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// At least one.
    pub addrs: Vec<ServiceAddr>,
    /// Until when they are good.
    pub until: Instant,
}

impl Resolver {
    /// The addresses of `service` at `name`: `http` stands for `_http._tcp`. Servers without
    /// addresses are told to `missing`. `timeout` is for each step.
    pub async fn service(
        self: &Arc<Self>,
        service: &str,
        name: &str,
        timeout: Duration,
        log: &ErrorLog,
        missing: impl Fn(&str, Failure),
    ) -> Result<Service, Failure> {
        let whole = match service.contains('.') {
            true => format!("{service}.{name}"),
            false => format!("_{service}._tcp.{name}"),
        };
        let found = within(timeout, self.follow(Key::service(&whole), log)).await?;
        let Known::Service { servers, until } = found else {
            return Err(Failure::NOT_FOUND);
        };
        let found = self.addresses_of(&servers, timeout, log).await;
        for (server, result) in servers.iter().zip(&found) {
            if let Err(failure) = result {
                missing(&server.name, *failure);
            }
        }
        let ends = found.iter().flatten().map(|addresses| addresses.until);
        let until = ends.fold(until, Instant::min);
        let failures = || found.iter().filter_map(|result| result.as_ref().err());
        let failure = failures()
            .find(|&&failure| failure == Failure::NOT_FOUND)
            .or(failures().next());
        let mut addrs: Vec<ServiceAddr> = servers
            .iter()
            .zip(&found)
            .flat_map(|(server, result)| with_addresses(server, result.as_ref().ok()))
            .collect();
        match (addrs.is_empty(), failure) {
            (true, failure) => Err(failure.copied().unwrap_or(Failure::NOT_FOUND)),
            (false, _) => {
                shuffle(&mut addrs);
                Ok(Service { addrs, until })
            }
        }
    }

    /// The addresses of all servers, asked for at the same time; a message bounds their number.
    async fn addresses_of(
        self: &Arc<Self>,
        servers: &[Srv],
        timeout: Duration,
        log: &ErrorLog,
    ) -> Vec<Result<Addresses, Failure>> {
        type Asking<'a> = Pin<Box<dyn Future<Output = Result<Addresses, Failure>> + 'a>>;
        let mut asking: Vec<Asking<'_>> = Vec::new();
        for server in servers {
            asking.push(Box::pin(self.addresses(&server.name, timeout, log)));
        }
        let mut found: Vec<_> = asking.iter().map(|_| None).collect();
        poll_fn(|cx| {
            for (asking, found) in asking.iter_mut().zip(&mut found) {
                if found.is_none()
                    && let Poll::Ready(result) = asking.as_mut().poll(cx)
                {
                    *found = Some(result);
                }
            }
            match found.iter().all(Option::is_some) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        found.into_iter().flatten().collect()
    }
}

fn with_addresses(server: &Srv, found: Option<&Addresses>) -> Vec<ServiceAddr> {
    let addr = |ip| ServiceAddr {
        addr: SocketAddr::new(ip, server.port),
        name: server.name.clone(),
        priority: server.priority,
        weight: server.weight,
    };
    let ips = found.map(|found| &found.ips[..]).unwrap_or_default();
    ips.iter().copied().map(addr).collect()
}

/// Lets chance, by weight, decide which of the servers of one priority comes first.
fn shuffle(addrs: &mut [ServiceAddr]) {
    for same in addrs.chunk_by_mut(|one, other| one.priority == other.priority) {
        let total: u32 = same.iter().map(|addr| u32::from(addr.weight)).sum();
        let mut left = u32::from(random()) % total.max(1);
        let first = same.iter().position(|addr| {
            let weight = u32::from(addr.weight);
            let here = left < weight;
            left = left.saturating_sub(weight);
            here
        });
        same.rotate_left(first.unwrap_or(0));
    }
}
