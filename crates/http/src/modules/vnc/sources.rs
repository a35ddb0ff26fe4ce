//! `vnc_token_source http`, `redis` and `jwt`: sources that are no files of tokens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conf::{Diagnostic, Item, value};
use jwt::Demands;
use net::Addr;
use net::fetch::Secure;
use net::tls::ciphers;
use net::tls::client::ClientSettings;
use net::tls::identity::certificates;
use net::tls::peers::Judge;
use net::tls::server::Versions;
use vnc::{Service, Signed, Store, TokenSource};

use crate::module::Cx;
use crate::modules::auth_jwt;

/// How long a service has to answer, if nothing else is said.
const TIMEOUT: Duration = Duration::from_secs(5);

/// For how long its answers are believed, if nothing else is said: long enough for a page that
/// first asks and then connects.
const CACHE: Duration = Duration::from_secs(10);

/// How many authorities may stand above a service's certificate.
const DEPTH: u32 = 8;

/// Where systems keep the authorities that they trust.
const SYSTEM_AUTHORITIES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

/// `vnc_token_source http`
pub fn http(item: &Item, cx: &mut Cx<'_>) -> Result<TokenSource, Diagnostic> {
    let word = item.arg(1)?;
    let url = Url::parse(item.text(1)?).map_err(|error| item.error(error).at(word.span))?;
    let mut timeout = TIMEOUT;
    let mut remember = CACHE;
    let mut trusted = None;
    for word in &item.args[2..] {
        let text = word.text.as_slice();
        let time = |name: &str| text.strip_prefix(name.as_bytes()).map(value::time);
        if let Some(time) = time("timeout=") {
            let time = time.filter(|time| !time.is_zero());
            timeout = time.ok_or_else(|| item.invalid_parameter(word))?;
        } else if let Some(time) = time("cache=") {
            remember = match text {
                b"cache=off" => Duration::ZERO,
                _ => time.ok_or_else(|| item.invalid_parameter(word))?,
            };
        } else if let Some(path) = text.strip_prefix(b"trusted=") {
            trusted = Some((word.span, cx.bundle.conf_path(path)));
        } else {
            return Err(item.invalid_parameter(word));
        }
    }
    if let (Some((span, _)), false) = (&trusted, url.is_secure) {
        let message = "\"trusted\" is for addresses that begin with https";
        return Err(item.error(message).at(*span));
    }
    let ips = cx.bundle.resolve(&url.host);
    let ips = ips.map_err(|failure| {
        let host = &url.host;
        item.error(format!("host not found in \"{host}\" ({failure})"))
            .at(word.span)
    })?;
    let secure = match url.is_secure {
        false => None,
        true => Some(Secure {
            config: Arc::new(client(item)?),
            judge: match trusted {
                Some((span, path)) => judge(item, cx, &path).map_err(|error| error.at(span))?,
                None => judge_of_system(item, cx)?,
            },
            name: url.host.trim_matches(['[', ']']).to_owned(),
        }),
    };
    Ok(TokenSource::http(Service {
        addrs: ips
            .into_iter()
            .map(|ip| SocketAddr::new(ip, url.port).into())
            .collect(),
        authority: url.authority,
        before: url.before,
        after: url.after,
        secure,
        timeout,
        remember,
    }))
}

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
            let path = cx.bundle.conf_path(path.as_bytes());
            store.password = Some(password(item, cx, &path).map_err(|error| error.at(word.span))?);
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
fn password(item: &Item, cx: &Cx<'_>, path: &std::path::Path) -> Result<Vec<u8>, Diagnostic> {
    let shown = path.display();
    let file = cx.bundle.file(path);
    let file =
        file.map_err(|failure| item.error(format!("open() \"{shown}\" failed ({failure})")))?;
    if file.mode & 0o006 != 0 {
        let message = format!("\"{shown}\": the password is open to everybody");
        return Err(item.error(message).help(format!("chmod o= {shown}")));
    }
    let line = file.text.split(|&byte| byte == b'\n').next();
    let password = line.unwrap_or_default().trim_ascii_end();
    match password.is_empty() {
        true => Err(item.error(format!(
            "\"{shown}\": there is no password in the first line"
        ))),
        false => Ok(password.to_vec()),
    }
}

fn client(item: &Item) -> Result<rustls::ClientConfig, Diagnostic> {
    let settings = ClientSettings {
        versions: Versions {
            tls12: true,
            tls13: true,
        },
        ciphers: ciphers::select("DEFAULT"),
    };
    let made = settings.build(None);
    made.map_err(|error| item.error(format!("no TLS is possible: {error}")))
}

fn judge(item: &Item, cx: &Cx<'_>, path: &std::path::Path) -> Result<Judge, Diagnostic> {
    let shown = path.display();
    let text = cx.bundle.read_renewable(path);
    let text = text
        .map_err(|failure| item.error(format!("cannot load certificate \"{shown}\": {failure}")))?;
    let found = certificates(&text)
        .map_err(|error| item.error(format!("cannot load certificate \"{shown}\": {error}")))?;
    let mut judge = Judge::new(DEPTH);
    judge.trust(found.into_iter().map(Arc::new));
    Ok(judge)
}

fn judge_of_system(item: &Item, cx: &Cx<'_>) -> Result<Judge, Diagnostic> {
    let mut judged = SYSTEM_AUTHORITIES
        .iter()
        .map(|path| judge(item, cx, path.as_ref()));
    judged.find_map(Result::ok).ok_or_else(|| {
        item.error("the system has no file of trusted authorities")
            .help("name one: trusted=FILE")
    })
}

/// `vnc_token_source jwt`
pub fn jwt(item: &Item, cx: &mut Cx<'_>) -> Result<TokenSource, Diagnostic> {
    let (file, keys) = auth_jwt::keys(item, 1, cx)?;
    let mut demands = Demands::default();
    let mut once = false;
    for word in &item.args[2..] {
        let text = std::str::from_utf8(&word.text).unwrap_or_default();
        if text == "once" {
            once = true;
        } else if let Some(audience) = text.strip_prefix("aud=") {
            demands.audience = Some(audience.to_owned());
        } else if let Some(issuer) = text.strip_prefix("iss=") {
            demands.issuer = Some(issuer.to_owned());
        } else if let Some(time) = text.strip_prefix("leeway=") {
            let time = value::time(time.as_bytes());
            demands.leeway = time.ok_or_else(|| item.invalid_parameter(word))?;
        } else {
            return Err(item.invalid_parameter(word));
        }
    }
    Ok(TokenSource::jwt(Signed {
        file,
        keys,
        demands,
        once,
    }))
}

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

/// An address with a place for the token.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    is_secure: bool,
    authority: String,
    host: String,
    port: u16,
    before: String,
    after: String,
}

impl Url {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let (is_secure, rest) = match text.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err("the address of a token source begins with http:// or https://"),
        };
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains(['$', '#']) {
            return Err("the address of a token source has no variables, no spaces and no \"#\"");
        }
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(at);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, port.parse().unwrap_or(0)),
            _ => (authority, if is_secure { 443 } else { 80 }),
        };
        if host.is_empty() || port == 0 || authority.contains('@') {
            return Err("no host, or an invalid port, in the address of a token source");
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (before, after) = path
            .split_once("%s")
            .ok_or("where does the token stand in the address? Write %s there")?;
        Ok(Self {
            is_secure,
            authority: authority.to_owned(),
            host: host.to_owned(),
            port,
            before: format!("{slash}{before}"),
            after: after.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_services_are_read() {
        let url = |text| {
            let url = Url::parse(text).expect("an address");
            let Url {
                is_secure,
                host,
                port,
                before,
                after,
                ..
            } = url;
            format!("{is_secure} {host} {port} {before} {after}")
        };
        assert_eq!(url("http://a/t/%s"), "false a 80 /t/ ");
        assert_eq!(url("https://a:8443?t=%s&x=1"), "true a 8443 /?t= &x=1");
        assert_eq!(url("http://[::1]:81/%s/x"), "false [::1] 81 / /x");
        assert_eq!(url("https://[::1]/%s"), "true [::1] 443 / ");
    }

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

    #[test]
    fn other_addresses_are_refused() {
        for text in [
            "ftp://a/%s",
            "a/%s",
            "http:///%s",
            "http://a:0/%s",
            "http://a:x/%s",
            "http://u:p@a/%s",
            "http://a/",
            "http://a/$arg_token",
            "http://a/%s#x",
            "http://a/ %s",
        ] {
            assert!(Url::parse(text).is_err(), "{text}");
        }
    }
}
