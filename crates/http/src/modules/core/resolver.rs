//! The arguments of `resolver` (`ngx_resolver_create`), wherever it stands.

use std::net::SocketAddr;
use std::sync::Arc;

use conf::{Bundle, Diagnostic, Item, Word, value};
use net::resolve::{Resolver, Settings};
use upstream::server::split_port;

/// The port of name servers.
const PORT: u16 = 53;

/// Reads `resolver ADDRESS … [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone]`.
pub fn parse(item: &Item, bundle: &Bundle) -> Result<Arc<Resolver>, Diagnostic> {
    let mut settings = Settings {
        servers: Vec::new(),
        valid: None,
        ipv4: true,
        ipv6: true,
    };
    for word in &item.args {
        if parameter(&word.text, &mut settings).ok_or_else(|| invalid(item, word))? {
            continue;
        }
        let servers = servers(&word.display(), bundle).map_err(|problem| {
            let text = word.display();
            item.error(format!("{problem} in resolver \"{text}\""))
                .at(word.span)
        })?;
        settings.servers.extend(servers);
    }
    if !settings.ipv4 && !settings.ipv6 {
        return Err(item.error("\"ipv4\" and \"ipv6\" cannot both be \"off\""));
    }
    if settings.servers.is_empty() {
        return Err(item.error("no name servers defined"));
    }
    Ok(Arc::new(Resolver::new(settings)))
}

/// Whether this is a parameter; `None` if it is a wrong one.
fn parameter(text: &[u8], settings: &mut Settings) -> Option<bool> {
    let equals = text.iter().position(|&byte| byte == b'=');
    let Some((name, value)) = equals.map(|at| (&text[..at], &text[at + 1..])) else {
        return Some(false);
    };
    match name {
        b"valid" => settings.valid = Some(value::time(value)?).filter(|time| !time.is_zero()),
        b"ipv4" => settings.ipv4 = value::flag(value)?,
        b"ipv6" => settings.ipv6 = value::flag(value)?,
        // The statistics of nginx's commercial edition.
        b"status_zone" => {}
        _ => return Some(false),
    }
    Some(true)
}

fn invalid(item: &Item, word: &Word) -> Diagnostic {
    item.error(format!("invalid parameter: {}", word.display()))
        .at(word.span)
}

fn servers(text: &str, bundle: &Bundle) -> Result<Vec<SocketAddr>, &'static str> {
    let (host, port) = split_port(text).map_err(|_| "invalid port")?;
    if host.is_empty() {
        return Err("no host");
    }
    let found = bundle.resolve(host).map_err(|_| "host not found")?;
    let port = port.unwrap_or(PORT);
    Ok(found
        .into_iter()
        .map(|ip| SocketAddr::new(ip, port))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &str) -> Result<(), String> {
        let mut bundle = Bundle::default();
        let file = conf::bundle::File {
            text: format!("resolver {arguments};").into_bytes().into(),
            mode: 0o644,
        };
        bundle.files.insert(bundle.conf_file.clone(), Ok(file));
        let tree = conf::parse(&bundle);
        parse(&tree.items[0], &bundle)
            .map(drop)
            .map_err(|diagnostic| diagnostic.message)
    }

    #[test]
    fn a_resolver_has_addresses_and_parameters() {
        let good = "127.0.0.1 [::1]:5353 valid=5m ipv4=on ipv6=off status_zone=z";
        assert_eq!(read(good), Ok(()));
        let bad = |arguments: &str| read(arguments).expect_err(arguments);
        assert_eq!(bad("127.0.0.1 valid=x"), "invalid parameter: valid=x");
        assert_eq!(bad("127.0.0.1 ipv6=maybe"), "invalid parameter: ipv6=maybe");
        assert_eq!(
            bad("127.0.0.1 ipv4=off ipv6=off"),
            "\"ipv4\" and \"ipv6\" cannot both be \"off\""
        );
        assert_eq!(bad("valid=1s"), "no name servers defined");
        assert_eq!(
            bad("127.0.0.1:x"),
            "invalid port in resolver \"127.0.0.1:x\""
        );
    }
}
