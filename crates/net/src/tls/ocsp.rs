//! Asking OCSP responders about certificates (RFC 6960), and remembering what they said.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::digest;
use base64::Engine as _;
use x509::ocsp::{self, OcspError, SingleStatus, Status};
use x509::{Certificate, Time};

use crate::fetch::{self, Get};
use crate::log::{ErrorLog, Level};
use crate::resolve::Resolver;
use crate::{Addr, clock};

/// The longest answer of a responder.
const RESPONSE_BYTES_MAX: usize = 256 * 1024;

/// How long a responder has to answer.
const ASK_TIMEOUT: Duration = Duration::from_secs(60);

/// Where a responder is: `http://host[:port][/path]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responder {
    /// What it is called, with the port if one was given.
    pub authority: String,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Its path, with a slash at the end.
    pub path: String,
    /// Its addresses, where they are known already.
    pub addrs: Vec<Addr>,
}

impl Responder {
    /// Reads an address; `None` if it is of another kind. The addresses are known if the host is
    /// one.
    pub fn parse(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let colon = match authority.rfind(']') {
            Some(end) => authority[end..].find(':').map(|at| end + at),
            None => authority.find(':'),
        };
        let (host, port) = match colon {
            Some(at) => (&authority[..at], authority[at + 1..].parse().ok()?),
            None => (authority, 80),
        };
        let fits = |byte: u8| byte.is_ascii_graphic();
        if host.is_empty() || port == 0 || !url.bytes().all(fits) {
            return None;
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let ip = bare.parse::<std::net::IpAddr>().ok();
        let addrs = ip.map(|ip| std::net::SocketAddr::new(ip, port).into());
        let slash = if path.ends_with('/') { "" } else { "/" };
        Some(Self {
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            path: format!("{path}{slash}"),
            addrs: addrs.into_iter().collect(),
        })
    }
}

/// How responders are reached.
#[derive(Debug, Clone, Default)]
pub struct Asker {
    /// Who is asked, whatever certificates say.
    pub responder: Option<Responder>,
    /// Who knows addresses of names.
    pub resolver: Option<(Arc<Resolver>, Duration)>,
    /// What was said before.
    pub cache: Option<Arc<Cache>>,
    /// Whether anybody may sign: only for answers that clients are given, who judge themselves.
    pub any_signer: bool,
}

/// A good answer.
#[derive(Debug)]
pub struct Answer {
    /// The response, in DER.
    pub der: Vec<u8>,
    /// What it says of the certificate.
    pub status: SingleStatus,
}

impl Asker {
    /// The status of a certificate, from the cache if it is there. What goes wrong is logged, and
    /// there is none.
    pub async fn status(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        chain: &[Arc<Certificate>],
        log: &ErrorLog,
    ) -> Option<Status> {
        let key = cache_key(certificate, issuer);
        if let Some(known) = self.cache.as_ref().and_then(|cache| cache.get(&key)) {
            return Some(known);
        }
        let answer = self.ask(certificate, issuer, chain, log).await?;
        if let Some(cache) = &self.cache {
            cache.put(key, &answer.status);
        }
        Some(answer.status.status)
    }

    /// Asks. What goes wrong is logged, and there is no answer.
    pub async fn ask(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        chain: &[Arc<Certificate>],
        log: &ErrorLog,
    ) -> Option<Answer> {
        let named = || {
            let urls = certificate.extensions().ocsp_urls.first()?;
            Responder::parse(urls)
        };
        let Some(responder) = self.responder.clone().or_else(named) else {
            log.log(
                Level::Error,
                None,
                format_args!("no OCSP responder URL in certificate"),
            );
            return None;
        };
        let result = self.ask_at(&responder, certificate, issuer, chain, log);
        match result.await {
            Ok(answer) => Some(answer),
            Err(problem) => {
                let who = &responder.authority;
                log.log(
                    Level::Error,
                    None,
                    format_args!("{problem} while requesting certificate status, responder: {who}"),
                );
                None
            }
        }
    }

    async fn ask_at(
        &self,
        responder: &Responder,
        certificate: &Certificate,
        issuer: &Certificate,
        chain: &[Arc<Certificate>],
        log: &ErrorLog,
    ) -> Result<Answer, String> {
        let path = responder.path.clone() + &escaped(&ocsp::request(certificate, issuer));
        let mut problem = "no address".to_owned();
        for addr in self.addrs(responder, log).await? {
            let get = Get {
                addr: &addr,
                host: &responder.authority,
                path: &path,
                body_bytes_max: RESPONSE_BYTES_MAX,
                timeout: ASK_TIMEOUT,
                secure: None,
            };
            match fetch::get(&get).await {
                Ok(der) => {
                    let status = self.read(&der, certificate, issuer, chain);
                    let status = status.map_err(|error| error.to_string())?;
                    return Ok(Answer { der, status });
                }
                Err(failure) => problem = failure.to_string(),
            }
        }
        Err(problem)
    }

    /// What a response says of a certificate, if it is one and is signed by who may.
    fn read(
        &self,
        der: &[u8],
        certificate: &Certificate,
        issuer: &Certificate,
        chain: &[Arc<Certificate>],
    ) -> Result<SingleStatus, OcspError> {
        let response = ocsp::Response::parse(der)?;
        let when = now();
        if !self.any_signer {
            response.verify(issuer, chain, when)?;
        }
        response.status_of(certificate, issuer, when)
    }

    async fn addrs(&self, responder: &Responder, log: &ErrorLog) -> Result<Vec<Addr>, String> {
        let host = &responder.host;
        let Some((resolver, timeout)) = &self.resolver else {
            return match responder.addrs.is_empty() {
                true => Err(format!("no resolver defined to resolve {host}")),
                false => Ok(responder.addrs.clone()),
            };
        };
        if !responder.addrs.is_empty() {
            return Ok(responder.addrs.clone());
        }
        let found = resolver.addresses(host, *timeout, log).await;
        let found = found.map_err(|failure| format!("{host} could not be resolved ({failure})"))?;
        let addr = |ip| std::net::SocketAddr::new(ip, responder.port).into();
        Ok(found.ips.into_iter().map(addr).collect())
    }
}

fn now() -> Time {
    let seconds = clock::wall().duration_since(UNIX_EPOCH);
    let seconds = seconds.map_or(0, |since| since.as_secs());
    Time(i64::try_from(seconds).unwrap_or(i64::MAX))
}

/// A request as the last part of a path.
fn escaped(request: &[u8]) -> String {
    let mut path = String::new();
    for byte in base64::prelude::BASE64_STANDARD.encode(request).bytes() {
        match byte {
            b'+' | b'/' | b'=' => {
                // A string takes all.
                let _ = write!(path, "%{byte:02X}");
            }
            byte => path.push(char::from(byte)),
        }
    }
    path
}

type Key = [u8; 32];

fn cache_key(certificate: &Certificate, issuer: &Certificate) -> Key {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(issuer.subject().raw());
    context.update(issuer.key().spki());
    context.update(certificate.serial());
    let mut key = Key::default();
    key.copy_from_slice(context.finish().as_ref());
    key
}

/// What responders said, for as long as they said that it holds.
#[derive(Debug)]
pub struct Cache {
    known: Mutex<HashMap<Key, (Status, Time)>>,
    entries_max: usize,
}

/// What an entry costs.
const ENTRY_BYTES: usize = 128;

static NAMED: Mutex<Option<HashMap<String, Weak<Cache>>>> = Mutex::new(None);

impl Cache {
    /// The cache of that name, which is made if there is none.
    pub fn named(name: &str, bytes_max: usize) -> Arc<Self> {
        let mut named = lock(&NAMED);
        let named = named.get_or_insert_default();
        named.retain(|_, cache| cache.strong_count() > 0);
        if let Some(cache) = named.get(name).and_then(Weak::upgrade) {
            return cache;
        }
        let cache = Arc::new(Self {
            known: Mutex::default(),
            entries_max: bytes_max / ENTRY_BYTES,
        });
        named.insert(name.to_owned(), Arc::downgrade(&cache));
        cache
    }

    fn get(&self, key: &Key) -> Option<Status> {
        let known = lock(&self.known);
        let (status, until) = known.get(key)?;
        (*until >= now()).then_some(*status)
    }

    fn put(&self, key: Key, status: &SingleStatus) {
        // Without an end there is always news.
        let Some(until) = status.next_update else {
            return;
        };
        let mut known = lock(&self.known);
        if known.len() >= self.entries_max {
            let now = now();
            known.retain(|_, (_, until)| *until >= now);
        }
        if known.len() >= self.entries_max {
            let oldest = known.iter().min_by_key(|(_, (_, until))| *until);
            let oldest = oldest.map(|(key, _)| *key);
            oldest.and_then(|key| known.remove(&key));
        }
        known.insert(key, (status.status, until));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_responder_is_read_from_its_address() {
        let responder = Responder::parse("http://ocsp.example:8080/a").unwrap();
        assert_eq!(
            (&responder.host[..], responder.port),
            ("ocsp.example", 8080)
        );
        assert_eq!(responder.path, "/a/");
        assert!(responder.addrs.is_empty());
        let responder = Responder::parse("http://[::1]").unwrap();
        assert_eq!((responder.port, &responder.path[..]), (80, "/"));
        assert_eq!(responder.addrs.len(), 1);
        for bad in [
            "https://a/",
            "http://",
            "http://a:0/",
            "http://a:x",
            "http://a/\r\nb",
        ] {
            assert_eq!(Responder::parse(bad), None, "{bad}");
        }
    }
}
