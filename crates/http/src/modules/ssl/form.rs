//! The form of the arguments of TLS directives.

use std::sync::Arc;

use conf::{Diagnostic, Item, value};
use net::tls::ciphers as cipher_list;
use net::tls::server::Versions;

use crate::module::{Cx, Done};

/// The least that a shared zone holds, in bytes: eight pages.
const ZONE_BYTES_MIN: u64 = 8 * 4096;

const PROTOCOLS: [&[u8]; 6] = [
    b"SSLv2", b"SSLv3", b"TLSv1", b"TLSv1.1", b"TLSv1.2", b"TLSv1.3",
];

/// The groups by the names that OpenSSL gives them, compared without case.
const CURVES: [&str; 22] = [
    "auto",
    "prime256v1",
    "secp256r1",
    "P-256",
    "secp384r1",
    "P-384",
    "secp521r1",
    "P-521",
    "X25519",
    "X448",
    "X25519MLKEM768",
    "X448MLKEM1024",
    "SecP256r1MLKEM768",
    "SecP384r1MLKEM1024",
    "brainpoolP256r1",
    "brainpoolP384r1",
    "brainpoolP512r1",
    "secp256k1",
    "ffdhe2048",
    "ffdhe3072",
    "ffdhe4096",
    "ffdhe8192",
];

/// A certificate in a file, or one in a variable.
pub fn certificate(item: &Item, cx: &mut Cx<'_>) -> Done {
    stored(item, cx, "certificate", is_certificate)
}

/// A key in a file, or one in a variable.
pub fn key(item: &Item, cx: &mut Cx<'_>) -> Done {
    stored(item, cx, "certificate key", is_key)
}

fn stored(item: &Item, cx: &mut Cx<'_>, what: &str, fits: fn(&[u8]) -> bool) -> Done {
    let word = item.arg(0)?;
    if word.text.contains(&b'$') {
        return cx.template(item, 0).map(drop);
    }
    if word.text.starts_with(b"engine:") || word.text.starts_with(b"store:") {
        let message = format!(
            "{what} \"{}\" is in an engine, which is not supported",
            word.display()
        );
        return Err(item.error(message).at(word.span));
    }
    let text = read(item, cx, what)?;
    if fits(&text) {
        Ok(())
    } else {
        Err(unfit(item, what))
    }
}

fn is_certificate(text: &[u8]) -> bool {
    has_pem(text, b"CERTIFICATE-----")
}

fn is_key(text: &[u8]) -> bool {
    has_pem(text, b"PRIVATE KEY-----")
}

/// Whether a text has something in PEM whose kind ends so.
fn has_pem(text: &[u8], kind: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .any(|line| line.starts_with(b"-----BEGIN ") && line.ends_with(kind))
}

/// A file with something in PEM.
pub fn pem(item: &Item, cx: &mut Cx<'_>) -> Done {
    let text = read(item, cx, "file")?;
    if has_pem(&text, b"-----") {
        Ok(())
    } else {
        Err(unfit(item, "file"))
    }
}

/// A key of session tickets.
pub fn ticket_key(item: &Item, cx: &mut Cx<'_>) -> Done {
    let path = item.arg(0)?.display();
    match read(item, cx, "file")?.len() {
        48 | 80 => Ok(()),
        _ => Err(item.error(format!("\"{path}\" must be 48 or 80 bytes"))),
    }
}

/// The contents of the file that is named, or of a `data:` value.
pub(super) fn read(item: &Item, cx: &Cx<'_>, what: &str) -> Result<Arc<[u8]>, Diagnostic> {
    let word = item.arg(0)?;
    if let Some(text) = word.text.strip_prefix(b"data:") {
        return Ok(text.into());
    }
    let path = cx.bundle.conf_path(&word.text);
    cx.bundle.read_renewable(&path).map_err(|failure| {
        let path = path.display();
        item.error(format!(
            "cannot load {what} \"{path}\": open() failed ({failure})"
        ))
        .at(word.span)
    })
}

fn unfit(item: &Item, what: &str) -> Diagnostic {
    let name = item
        .args
        .first()
        .map(|word| word.display())
        .unwrap_or_default();
    item.error(format!(
        "cannot load {what} \"{name}\": there is none in the file"
    ))
}

/// Versions of TLS.
pub fn protocols(item: &Item, _cx: &mut Cx<'_>) -> Done {
    let unknown = item
        .args
        .iter()
        .find(|word| !PROTOCOLS.contains(&&word.text[..]));
    unknown.map_or(Ok(()), |word| Err(item.invalid(word)))
}

/// The versions of TLS among those that are named.
pub fn versions(item: &Item, cx: &mut Cx<'_>) -> Result<Versions, Diagnostic> {
    protocols(item, cx)?;
    let has = |name: &[u8]| item.args.iter().any(|word| &word.text[..] == name);
    let versions = Versions {
        tls12: has(b"TLSv1.2"),
        tls13: has(b"TLSv1.3"),
    };
    if !versions.tls12 && !versions.tls13 {
        return Err(item
            .error("none of these versions of TLS is supported")
            .help("use TLSv1.2 and TLSv1.3"));
    }
    let old = [&b"SSLv2"[..], b"SSLv3", b"TLSv1", b"TLSv1.1"];
    if let Some(word) = item.args.iter().find(|word| old.contains(&&word.text[..])) {
        // DIFFERS: rustls has no version before TLS 1.2.
        let message = format!("{} is not supported and is left out", word.display());
        cx.diagnostics.push(Diagnostic::warn(message).at(word.span));
    }
    Ok(versions)
}

/// The ciphers of TLS 1.2 towards peers, as OpenSSL writes them.
pub fn peer_ciphers(item: &Item, cx: &mut Cx<'_>) -> Result<String, Diagnostic> {
    ciphers(item, cx)?;
    let list = item.text(0)?.to_owned();
    if cipher_list::select(&list).is_empty() {
        let message = format!("no cipher of \"{list}\" is supported with TLS 1.2");
        cx.diagnostics
            .push(Diagnostic::warn(message).at(item.span()));
    }
    Ok(list)
}

/// Groups, separated by colons.
pub fn curves(item: &Item, _cx: &mut Cx<'_>) -> Done {
    let known = |name: &str| CURVES.iter().any(|curve| curve.eq_ignore_ascii_case(name));
    match item.text(0)?.split(':').find(|name| !known(name)) {
        None => Ok(()),
        Some(name) => Err(item.error(format!(
            "unknown curve \"{name}\" in \"{}\" directive",
            item.name()
        ))),
    }
}

/// A list of ciphers in OpenSSL's language.
pub fn ciphers(item: &Item, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b":, !+-_@=[]|".contains(byte);
    let good = !word.text.is_empty() && word.text.iter().all(fits);
    if good {
        Ok(())
    } else {
        Err(item.invalid(word))
    }
}

/// `ssl_verify_client`
pub fn verify_client(item: &Item, _cx: &mut Cx<'_>) -> Done {
    one_of(item, &[b"off", b"on", b"optional", b"optional_no_ca"])
}

/// `ssl_ocsp`
pub fn ocsp(item: &Item, _cx: &mut Cx<'_>) -> Done {
    one_of(item, &[b"off", b"on", b"leaf"])
}

fn one_of(item: &Item, words: &[&[u8]]) -> Done {
    let word = item.arg(0)?;
    if words.contains(&&word.text[..]) {
        Ok(())
    } else {
        Err(item.invalid(word))
    }
}

/// `http://host[:port][/path]`
pub fn responder(item: &Item, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    match word.text.strip_prefix(b"http://") {
        Some(rest) if !rest.is_empty() => Ok(()),
        _ => Err(item.invalid(word)),
    }
}

/// `ssl_session_cache`
pub fn session_cache(item: &Item, _cx: &mut Cx<'_>) -> Done {
    for word in &item.args {
        let fits = match &word.text[..] {
            b"off" | b"none" | b"builtin" => true,
            [b'b', b'u', b'i', b'l', b't', b'i', b'n', b':', size @ ..] => {
                value::number(size).is_some()
            }
            text => zone(item, text, "session cache")?,
        };
        if !fits {
            let message = format!("invalid session cache \"{}\"", word.display());
            return Err(item.error(message).at(word.span));
        }
    }
    Ok(())
}

/// `ssl_ocsp_cache`
pub fn ocsp_cache(item: &Item, _cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    if word.text == b"off" || zone(item, &word.text, "OCSP cache")? {
        return Ok(());
    }
    Err(item
        .error(format!("invalid OCSP cache \"{}\"", word.display()))
        .at(word.span))
}

/// Whether that is `shared:name:size`.
fn zone(item: &Item, text: &[u8], what: &str) -> Result<bool, Diagnostic> {
    let parse = || {
        let (name, size) = std::str::from_utf8(text)
            .ok()?
            .strip_prefix("shared:")?
            .split_once(':')?;
        value::size(size.as_bytes()).filter(|_| !name.is_empty())
    };
    match parse() {
        None => Ok(false),
        Some(ZONE_BYTES_MIN..) => Ok(true),
        Some(_) => {
            let text = String::from_utf8_lossy(text);
            Err(item.error(format!("{what} \"{text}\" is too small")))
        }
    }
}

/// `ssl_certificate_cache`
pub fn certificate_cache(item: &Item, _cx: &mut Cx<'_>) -> Done {
    let (mut has_max, mut off) = (false, false);
    for word in &item.args {
        let (name, value) = match memchr::memchr(b'=', &word.text) {
            Some(at) => (&word.text[..at], &word.text[at + 1..]),
            None => (&word.text[..], &[][..]),
        };
        let fits = match name {
            b"off" => value.is_empty(),
            b"max" => value::number(value).is_some_and(|max| max > 0),
            b"inactive" | b"valid" => value::time(value).is_some(),
            _ => false,
        };
        if !fits {
            return Err(item.invalid_parameter(word));
        }
        has_max |= name == b"max";
        off |= name == b"off";
    }
    if has_max || off {
        return Ok(());
    }
    Err(item.error(format!(
        "\"{}\" must have the \"max\" parameter",
        item.name()
    )))
}

#[cfg(test)]
mod tests;
