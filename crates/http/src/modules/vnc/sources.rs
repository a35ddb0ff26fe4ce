//! `vnc_token_source http`, `redis` and `jwt`: sources that are no files of tokens.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use conf::{Diagnostic, Item, value};
use jwt::Demands;
use net::fetch::Secure;
use net::tls::ciphers;
use net::tls::client::ClientSettings;
use net::tls::identity::certificates;
use net::tls::peers::Judge;
use net::tls::server::Versions;
use vnc::{Service, Signed, TokenSource};

use crate::module::Cx;
use crate::modules::auth_jwt;

mod redis;

pub use redis::redis;

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
        let text = &word.text[..];
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
