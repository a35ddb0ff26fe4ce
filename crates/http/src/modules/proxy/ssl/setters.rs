//! What the directives of TLS to upstreams do with their arguments.

use std::sync::Arc;
use std::time::Duration;

use conf::{Diagnostic, Item, value};

use super::{DATA, Keep, Loaded, Source, form};
use crate::draft::Level;
use crate::module::{Cx, Done};

pub fn protocols(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let versions = form::versions(item, cx)?;
    item.once(&mut level.drafts.proxy_ssl.versions, versions)
}

pub fn ciphers(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let list = form::peer_ciphers(item, cx)?;
    item.once(&mut level.drafts.proxy_ssl.ciphers, list)
}

pub fn trusted_certificate(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let file = load(item, cx)?;
    item.once(&mut level.drafts.proxy_ssl.trusted_certificate, file)
}

pub fn crl(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let file = load(item, cx)?;
    item.once(&mut level.drafts.proxy_ssl.crl, file)
}

pub fn certificate(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let source = source(item, cx, "certificate")?;
    item.once(&mut level.drafts.proxy_ssl.certificate, source)
}

pub fn certificate_key(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let source = source(item, cx, "certificate key")?;
    item.once(&mut level.drafts.proxy_ssl.certificate_key, source)
}

pub fn certificate_cache(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    form::certificate_cache(item, cx)?;
    let mut keep = Keep {
        max: 0,
        inactive: Duration::from_secs(10),
        valid: Duration::from_secs(60),
    };
    for word in &item.args {
        let text = word.display();
        let time = |text: &str| value::time(text.as_bytes());
        match text.split_once('=') {
            Some(("max", max)) => keep.max = max.parse().unwrap_or(0),
            Some(("inactive", text)) => keep.inactive = time(text).unwrap_or(keep.inactive),
            Some(("valid", text)) => keep.valid = time(text).unwrap_or(keep.valid),
            _ => {}
        }
    }
    let keep = Some(keep).filter(|keep| keep.max > 0);
    item.once(&mut level.drafts.proxy_ssl.certificate_cache, keep)
}

pub fn password_file(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let word = item.arg(0)?;
    let path = cx.bundle.conf_path(&word.text);
    let text = cx.bundle.read_renewable(&path).map_err(|failure| {
        let message = format!("open() \"{}\" failed ({failure})", path.display());
        item.error(message).at(word.span)
    })?;
    let lines = text.split(|&byte| byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec());
    let mut lines: Vec<Vec<u8>> = lines.filter(|line| !line.is_empty()).collect();
    if lines.is_empty() {
        lines.push(Vec::new());
    }
    item.once(&mut level.drafts.proxy_ssl.passphrases, Arc::new(lines))
}

/// DIFFERS: there is no OpenSSL here that would take commands.
pub fn conf_command(item: &Item, _level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let message = "\"proxy_ssl_conf_command\" is for OpenSSL, which is not here; it is ignored";
    cx.diagnostics
        .push(Diagnostic::warn(message).at(item.span()));
    Ok(())
}

/// A file, `data:` and a text, or a name with variables; `None` for an empty argument.
fn source(item: &Item, cx: &mut Cx<'_>, what: &str) -> Result<Option<Source>, Diagnostic> {
    let word = item.arg(0)?;
    if word.text.contains(&b'$') {
        return cx.template(item, 0).map(Source::Script).map(Some);
    }
    if word.text.starts_with(b"engine:") || word.text.starts_with(b"store:") {
        let name = word.display();
        let message = format!("{what} \"{name}\" is in an engine, which is not supported");
        return Err(item.error(message).at(word.span));
    }
    Ok(load(item, cx)?.map(Source::Loaded))
}

fn load(item: &Item, cx: &Cx<'_>) -> Result<Option<Loaded>, Diagnostic> {
    let word = item.arg(0)?;
    if word.text.is_empty() {
        return Ok(None);
    }
    if let Some(text) = word.text.strip_prefix(DATA) {
        return Ok(Some(Loaded {
            shown: "data:…".to_owned(),
            text: Ok(text.into()),
            span: word.span,
        }));
    }
    let path = cx.bundle.conf_path(&word.text);
    let text = cx.bundle.read_renewable(&path);
    Ok(Some(Loaded {
        shown: path.display().to_string(),
        text: text.map_err(|failure| failure.to_string()),
        span: word.span,
    }))
}
