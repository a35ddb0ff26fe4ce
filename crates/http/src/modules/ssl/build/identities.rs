//! The certificates that the configuration names, and the OCSP responses sent with them.

use std::sync::Arc;

use conf::Diagnostic;
use net::tls::identity::{Identity, IdentityError, Offer};
use net::tls::ocsp::{Asker, Responder};
use net::tls::peers::{Judge, read_chain};
use net::tls::server;
use net::tls::staple::Staple;
use x509::Certificate;

use super::super::settings::{Conf, Loaded, Source, with_addrs};
use super::clients::authorities;
use super::{Identify, NameServers, Scripted};
use crate::module::Cx;

/// The certificates that are shown.
pub(super) fn load(
    conf: &Conf,
    offer: &Offer,
    cx: &mut Cx<'_>,
) -> Result<(Vec<Identity>, Identify), Diagnostic> {
    let pairs = conf.certificates.iter().zip(&conf.keys);
    let scripted = pairs
        .clone()
        .any(|pair| !matches!(pair, (Source::Loaded(_), Source::Loaded(_))));
    if scripted {
        let scripted = Scripted::new(conf, offer, cx);
        return Ok((Vec::new(), Identify::Scripted(Box::new(scripted))));
    }
    let provider = server::provider();
    let mut identities = Vec::new();
    for pair in pairs {
        let (Source::Loaded(certificate), Source::Loaded(key)) = pair else {
            continue;
        };
        if !certificate.is_there || !key.is_there {
            continue;
        }
        let loaded = Identity::load(&certificate.bytes, &key.bytes, &conf.passphrases, &provider);
        let identity = loaded.map_err(|error| unusable(&error, certificate, key))?;
        identities.push(identity);
    }
    Ok((identities, Identify::Fixed))
}

/// The OCSP responses to our certificates: one from a file, or those of the responders.
pub(super) fn staples(
    conf: &Conf,
    identities: &[Identity],
    resolver: &NameServers,
    cx: &mut Cx<'_>,
) -> Result<Vec<Arc<Staple>>, Diagnostic> {
    if !conf.stapling {
        return Ok(Vec::new());
    }
    if let Some(file) = &conf.stapling_file {
        if file.is_there {
            let staple = |identity: &Identity| identity.staple(Some((file.bytes.to_vec(), None)));
            identities.iter().for_each(staple);
        }
        return Ok(Vec::new());
    }
    let trusted = authorities(conf.trusted_certificate.as_deref())?;
    let mut staples = Vec::new();
    for (identity, source) in identities.iter().zip(&conf.certificates) {
        match staple(conf, identity, &trusted, resolver, cx) {
            Ok(staple) => staples.push(staple),
            Err(problem) => {
                let (shown, span) = source.place();
                let message = format!("\"ssl_stapling\" ignored, {problem} \"{shown}\"");
                cx.diagnostics.push(Diagnostic::warn(message).at(span));
            }
        }
    }
    Ok(staples)
}

fn staple(
    conf: &Conf,
    identity: &Identity,
    trusted: &[Arc<Certificate>],
    resolver: &NameServers,
    cx: &Cx<'_>,
) -> Result<Arc<Staple>, String> {
    let unreadable = |_| "the certificate cannot be read:".to_owned();
    let chain = read_chain(identity.chain()).map_err(unreadable)?;
    let (leaf, others) = chain.split_first().ok_or("there is no certificate in")?;
    let issuer = others
        .iter()
        .chain(trusted)
        .find(|issuer| issuer.may_have_issued(leaf))
        .ok_or("issuer certificate not found for certificate")?;
    let named = || {
        let url = leaf.extensions().ocsp_urls.first();
        let url = url.ok_or("no OCSP responder URL in the certificate")?;
        let responder = Responder::parse(url);
        let responder = responder.ok_or("invalid URL of an OCSP responder in the certificate")?;
        with_addrs(responder, cx).map_err(|host| {
            format!("host not found in OCSP responder \"{host}\" in the certificate")
        })
    };
    let responder = match &conf.stapling_responder {
        Some(responder) => responder.clone(),
        None => named()?,
    };
    let verify = conf.stapling_verify.then(|| {
        let mut judge = Judge::new(u32::try_from(conf.verify_depth).unwrap_or(u32::MAX));
        judge.trust(trusted.iter().cloned());
        judge
    });
    let asker = Asker {
        responder: Some(responder),
        resolver: resolver.clone(),
        cache: None,
        any_signer: !conf.stapling_verify,
    };
    let leaf = Certificate::clone(leaf);
    Ok(Staple::new(
        identity.clone(),
        leaf,
        issuer.clone(),
        asker,
        verify,
    ))
}

fn unusable(error: &IdentityError, certificate: &Loaded, key: &Loaded) -> Diagnostic {
    let (what, at) = match error.is_certificate() {
        true => ("certificate", certificate),
        false => ("certificate key", key),
    };
    let message = format!("cannot load {what} \"{}\": {error}", at.shown);
    Diagnostic::emerg(message).at(at.span)
}
