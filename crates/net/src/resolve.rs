//! Names at run time (`ngx_resolver`): what `resolver` and `resolver_timeout` stand for.
//!
//! One [`Resolver`] is one `resolver` line, shared by all threads with all that it has learnt. The
//! thread that asks a question first puts it to the name servers; whoever asks the same meanwhile
//! waits for the same answer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use proto::dns;

use crate::log::{ErrorLog, Level};
use crate::{Deadline, clock};

mod cache;
mod query;
mod service;

pub use service::{Service, ServiceAddr};

use cache::{Cache, Key, Known, LookUp};

/// So many aliases may lead from a name to its addresses.
const ALIASES_MAX: usize = 50;

/// What a `resolver` line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The name servers, asked in turn.
    pub servers: Vec<SocketAddr>,
    /// How long answers are good, whatever they say of themselves.
    pub valid: Option<Duration>,
    /// Whether IPv4 addresses are asked for.
    pub ipv4: bool,
    /// Whether IPv6 addresses are asked for.
    pub ipv6: bool,
}

/// Why a name has no addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// A name server said so.
    Code(u8),
    /// None said anything in time.
    TimedOut,
}

impl Failure {
    /// There is no such name.
    pub const NOT_FOUND: Self = Failure::Code(dns::NXDOMAIN);
    /// We or the server could not do it now.
    const SERVER: Self = Failure::Code(2);
}

/// `3: Host not found`, as nginx writes it in parentheses.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Code(code) => write!(f, "{code}: {}", dns::describe(*code)),
            Failure::TimedOut => f.write_str("110: Operation timed out"),
        }
    }
}

/// The addresses of a name, in the order in which they are to be tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addresses {
    /// At least one.
    pub ips: Vec<IpAddr>,
    /// Until when they are good.
    pub until: Instant,
}

/// The name servers of a `resolver` line, and what they have said.
#[derive(Debug)]
pub struct Resolver {
    settings: Settings,
    cache: Mutex<Cache>,
}

impl Resolver {
    /// A resolver that has learnt nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            cache: Mutex::default(),
        }
    }

    /// How long to wait before a name that was not found is asked for again.
    pub fn not_found_for(&self) -> Duration {
        const NOT_FOUND_FOR: Duration = Duration::from_secs(10);
        self.settings.valid.unwrap_or(NOT_FOUND_FOR)
    }

    /// The addresses of `name`; `timeout` of zero is none. Cancel-safe: a question that nobody
    /// waits for any more is given up.
    pub async fn addresses(
        self: &Arc<Self>,
        name: &str,
        timeout: Duration,
        log: &ErrorLog,
    ) -> Result<Addresses, Failure> {
        within(timeout, async {
            match self.follow(Key::addresses(name), log).await? {
                Known::Addresses { ips, until } => Ok(Addresses { ips, until }),
                _ => Err(Failure::NOT_FOUND),
            }
        })
        .await
    }

    /// The name of an address (PTR), in lower case.
    pub async fn name_of(
        self: &Arc<Self>,
        ip: IpAddr,
        timeout: Duration,
        log: &ErrorLog,
    ) -> Result<String, Failure> {
        within(timeout, async {
            match self.ask(Key::name_of(ip), log).await? {
                Known::Name { name, .. } => Ok(name),
                _ => Err(Failure::NOT_FOUND),
            }
        })
        .await
    }

    /// Asks, and follows aliases.
    async fn follow(self: &Arc<Self>, mut key: Key, log: &ErrorLog) -> Result<Known, Failure> {
        for _ in 0..ALIASES_MAX {
            match self.ask(key.clone(), log).await? {
                Known::Alias { name, .. } => key = key.renamed(&name),
                known => return Ok(known),
            }
        }
        Err(Failure::NOT_FOUND)
    }

    /// What is known of one name, from memory or from the name servers.
    async fn ask(self: &Arc<Self>, key: Key, log: &ErrorLog) -> Result<Known, Failure> {
        let found = self.lock().look_up(&key, clock::now());
        let answer = match found {
            LookUp::Known(mut known) => {
                known.rotate(usize::from(random()));
                return Ok(known);
            }
            LookUp::Full => {
                log.log(
                    Level::Error,
                    None,
                    format_args!("too many names are being resolved"),
                );
                return Err(Failure::SERVER);
            }
            LookUp::Wait(answer) => answer,
            LookUp::Ask(answer) => {
                tokio::task::spawn_local(query::run(self.clone(), key, log.clone()));
                answer
            }
        };
        // The thread that asked has ended, and with it everything that it was about to learn.
        answer.await.unwrap_or(Err(Failure::SERVER))
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        // Nothing in there panics between two changes that belong together.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn within<T>(
    timeout: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    if timeout.is_zero() {
        return work.await;
    }
    let deadline = Deadline::after(timeout);
    tokio::select! {
        biased;
        result = work => result,
        () = deadline.expired() => Err(Failure::TimedOut),
    }
}

/// A number that nobody can guess: of a question, or where a list of addresses begins.
fn random() -> u16 {
    let mut bytes = [0; 2];
    // Fails only where the kernel has no such call, which is older than anything we run on.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u16::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests;
