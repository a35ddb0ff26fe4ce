//! The arguments of `error_log` (`ngx_log_set_log`), and of `syslog:` wherever it stands.

use conf::{Bundle, Diagnostic, Item};
use net::Addr;
use net::log::{Level, Target, syslog};

/// Reads an `error_log` directive.
pub fn parse(item: &Item, bundle: &Bundle) -> Result<(Level, Target), Diagnostic> {
    let word = item.arg(0)?;
    let target = match &word.text[..] {
        b"stderr" => Target::Stderr,
        text if text.starts_with(b"memory:") => {
            return Err(item.error("logs to memory are not supported").at(word.span));
        }
        text => match text.strip_prefix(b"syslog:") {
            Some(parameters) => syslog_target(item, parameters, bundle)?,
            None => Target::File(bundle.prefix_path(text)),
        },
    };
    Ok((level(item)?, target))
}

/// Reads what stands behind `syslog:`.
pub fn syslog_target(
    item: &Item,
    parameters: &[u8],
    bundle: &Bundle,
) -> Result<Target, Diagnostic> {
    let parameters = String::from_utf8_lossy(parameters);
    let spec = syslog::Spec::parse(&parameters).map_err(|message| item.error(message))?;
    let server = server(&spec.server, bundle)
        .map_err(|problem| item.error(format!("{problem} in syslog server \"{}\"", spec.server)))?;
    Ok(Target::Syslog(spec, server))
}

fn server(text: &str, bundle: &Bundle) -> Result<Addr, String> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Ok(Addr::Unix(path.into()));
    }
    let after_host = text.rfind(']').unwrap_or(0);
    let (host, port) = match text[after_host..].rfind(':') {
        Some(colon) => {
            let (host, port) = text.split_at(after_host + colon);
            (host, port[1..].parse().map_err(|_| "invalid port")?)
        }
        None => (text, syslog::PORT),
    };
    let found = bundle.resolve(host).map_err(|_| "host not found")?;
    let ip = found.first().ok_or("host not found")?;
    Ok(Addr::Ip((*ip, port).into()))
}

/// The level behind the name. nginx's `debug_http` and the like choose parts of the debug level,
/// which here is one.
fn level(item: &Item) -> Result<Level, Diagnostic> {
    let mut level = None;
    for word in item.args.iter().skip(1) {
        let text = word.display();
        if is_debug_part(&text) {
            level.get_or_insert(Level::Debug);
            continue;
        }
        let invalid = |_| {
            item.error(format!("invalid log level \"{text}\""))
                .at(word.span)
        };
        let given = text.parse().map_err(invalid)?;
        if level.replace(given).is_some() {
            let message = format!("duplicate log level \"{text}\"");
            return Err(item.error(message).at(word.span));
        }
    }
    Ok(level.unwrap_or(Level::Error))
}

fn is_debug_part(text: &str) -> bool {
    const PARTS: [&str; 7] = ["core", "alloc", "mutex", "event", "http", "mail", "stream"];
    let part = text.strip_prefix("debug_");
    part.is_some_and(|part| PARTS.contains(&part))
}
