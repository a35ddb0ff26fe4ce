//! `vnc_token_source redis`: where the server is, and who asks it.

use std::net::SocketAddr;

use conf::{Diagnostic, Item, Span, value};
use net::Addr;
use vnc::{Store, TokenSource};

use super::TIMEOUT;
use crate::module::Cx;
use crate::secret_file::{Kind, SecretFile};

/// `vnc_token_source redis`
pub fn redis(item: &Item, cx: &mut Cx<'_>) -> Result<TokenSource, Diagnostic> {
    let word = item.arg(1)?;
    let wrong = |error: &str| item.error(error).at(word.span);
    let place = RedisPlace::parse(item.text(1)?).map_err(wrong)?;
    let mut store = Store {
        addrs: Vec::new(),
        name: place.shown(),
        database: place.database,
        user: None,
        password: place.password,
        prefix: place.prefix,
        timeout: TIMEOUT,
    };
    for word in &item.args[2..] {
        let text = std::str::from_utf8(&word.text).unwrap_or_default();
        if let Some(time) = text.strip_prefix("timeout=") {
            let time = value::time(time.as_bytes()).filter(|time| !time.is_zero());
            store.timeout = time.ok_or_else(|| item.invalid_parameter(word))?;
        } else if let Some(user) = text.strip_prefix("user=") {
            store.user = Some(user.to_owned());
        } else if let Some(path) = text.strip_prefix("password_file=") {
            let named = (path.as_bytes(), word.span);
            store.password = Some(password(item, named, cx)?);
        } else {
            return Err(item.invalid_parameter(word));
        }
    }
    if store.user.is_some() && store.password.is_none() {
        return Err(wrong("a user of a token source needs a password"));
    }
    store.addrs = match &place.server {
        RedisServer::Unix(path) => vec![Addr::Unix(path.into())],
        RedisServer::Host(host, port) => {
            let ips = cx.bundle.resolve(host);
            let ips =
                ips.map_err(|failure| wrong(&format!("host not found in \"{host}\" ({failure})")))?;
            let addr = |ip| SocketAddr::new(ip, *port).into();
            ips.into_iter().map(addr).collect()
        }
    };
    Ok(TokenSource::redis(store))
}

/// A password on the first line of a file that is not everybody's.
fn password(item: &Item, named: (&[u8], Span), cx: &Cx<'_>) -> Result<Vec<u8>, Diagnostic> {
    let kind = Kind {
        what: "password",
        len_max: PASSWORD_BYTES_MAX,
    };
    let file = SecretFile::open_named(item, named, cx, kind)?;
    let line = file.text.split(|&byte| byte == b'\n').next();
    let password = line.unwrap_or_default().trim_ascii_end();
    match password.is_empty() {
        true => Err(file.wrong(item, "there is no password in the first line")),
        false => Ok(password.to_vec()),
    }
}

/// The longest password.
const PASSWORD_BYTES_MAX: usize = 4096;

/// The port of Redis.
const REDIS_PORT: u16 = 6379;

/// `host[:port[:database[:password[:namespace]]]]`, as websockify writes it, or `unix:path`.
#[derive(Debug, PartialEq, Eq)]
struct RedisPlace {
    server: RedisServer,
    database: u32,
    password: Option<Vec<u8>>,
    prefix: String,
}

#[derive(Debug, PartialEq, Eq)]
enum RedisServer {
    /// A name or an address, in brackets if it is of IPv6, and a port.
    Host(String, u16),
    Unix(String),
}

impl RedisPlace {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self {
                server: RedisServer::Unix(path.to_owned()),
                database: 0,
                password: None,
                prefix: String::new(),
            });
        }
        let end = match text.find(']') {
            Some(bracket) if text.starts_with('[') => bracket + 1,
            _ => text.find(':').unwrap_or(text.len()),
        };
        let (host, rest) = text.split_at(end);
        let mut fields = rest.strip_prefix(':').unwrap_or(rest).splitn(4, ':');
        // What is left out or empty is the default.
        let mut field = || fields.next().filter(|field| !field.is_empty());
        let port = match field() {
            None => REDIS_PORT,
            Some(port) => port.parse().unwrap_or(0),
        };
        let database = field().unwrap_or("0").parse();
        let password = field().map(|password| password.as_bytes().to_vec());
        let prefix = field().map_or_else(String::new, |space| format!("{space}:"));
        if host.is_empty() || port == 0 || !(rest.is_empty() || rest.starts_with(':')) {
            return Err("no host, or an invalid port, in the address of a token source");
        }
        Ok(Self {
            server: RedisServer::Host(host.to_owned(), port),
            database: database.map_err(|_| "the database of a token source is a number")?,
            password,
            prefix,
        })
    }

    fn shown(&self) -> String {
        match &self.server {
            RedisServer::Host(host, port) => format!("{host}:{port}"),
            RedisServer::Unix(path) => format!("unix:{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_redis_are_read_as_websockify_writes_them() {
        let place = |text| {
            let place = RedisPlace::parse(text).expect("a place");
            let password = place.password.as_deref().map(String::from_utf8_lossy);
            let password = password.unwrap_or_default().into_owned();
            let (server, database, prefix) = (place.shown(), place.database, place.prefix);
            format!("{server} {database} {password} {prefix}")
        };
        assert_eq!(place("a"), "a:6379 0  ");
        assert_eq!(place("a:6380"), "a:6380 0  ");
        assert_eq!(place("a::1"), "a:6379 1  ");
        assert_eq!(place("a:::pw"), "a:6379 0 pw ");
        assert_eq!(place("a:::pw:vnc"), "a:6379 0 pw vnc:");
        assert_eq!(place("a::::vnc:x"), "a:6379 0  vnc:x:");
        assert_eq!(place("[::1]:7:2"), "[::1]:7 2  ");
        assert_eq!(place("[::1]"), "[::1]:6379 0  ");
        assert_eq!(place("unix:/run/redis"), "unix:/run/redis 0  ");
        for wrong in ["", ":1", "a:x", "a:0", "a:1:x", "[::1]x:1"] {
            assert!(RedisPlace::parse(wrong).is_err(), "{wrong}");
        }
    }
}
