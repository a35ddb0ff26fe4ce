//! Who asks clients for certificates, who judges those, and who is asked about them.

use std::sync::Arc;

use conf::Diagnostic;
use net::tls::identity::certificates;
use net::tls::ocsp::{Asker, Cache};
use net::tls::peers::{AnyClient, Judge};
use x509::Certificate;

use super::super::settings::{AskOcsp, Conf, Loaded, VerifyClient};
use super::NameServers;

/// Who is asked about clients' certificates.
#[derive(Debug)]
pub struct ClientOcsp {
    /// Only about the client's own.
    pub leaf_only: bool,
    /// How.
    pub asker: Asker,
}

/// Who asks clients for certificates, who judges them, and what sessions have in common by that.
pub(super) type Auth = (AnyClient, Judge, Vec<u8>);

pub(super) fn auth(conf: &Conf) -> Result<Option<Auth>, Diagnostic> {
    let verify = conf.verify_client;
    if verify == VerifyClient::Off {
        return Ok(None);
    }
    let files = [&conf.client_certificate, &conf.trusted_certificate];
    if verify != VerifyClient::OptionalNoCa && files.iter().all(|file| file.is_none()) {
        return Err(Diagnostic::emerg(
            "no ssl_client_certificate or ssl_trusted_certificate for ssl_verify_client",
        ));
    }
    let named = authorities(conf.client_certificate.as_deref())?;
    let trusted = authorities(conf.trusted_certificate.as_deref())?;
    let verifier = AnyClient::new(named.iter().map(Arc::as_ref));
    let mut common = Vec::new();
    for authority in named.iter().chain(&trusted) {
        common.extend_from_slice(authority.subject().raw());
    }
    let mut judge = Judge::new(u32::try_from(conf.verify_depth).unwrap_or(u32::MAX));
    judge.trust(named.into_iter().chain(trusted));
    if let Some(file) = conf.crl.as_deref().filter(|file| file.is_there) {
        judge.revoke(lists(file)?);
    }
    Ok(Some((verifier, judge, common)))
}

pub(super) fn authorities(file: Option<&Loaded>) -> Result<Vec<Arc<Certificate>>, Diagnostic> {
    let Some(file) = file.filter(|file| file.is_there) else {
        return Ok(Vec::new());
    };
    let found = certificates(&file.bytes).map_err(|error| {
        let message = format!("cannot load certificate \"{}\": {error}", file.shown);
        Diagnostic::emerg(message).at(file.span)
    })?;
    Ok(found.into_iter().map(Arc::new).collect())
}

fn lists(file: &Loaded) -> Result<Vec<Arc<x509::Crl>>, Diagnostic> {
    let bad = |error: String| {
        let message = format!("cannot load CRL \"{}\": {error}", file.shown);
        Diagnostic::emerg(message).at(file.span)
    };
    let mut lists = Vec::new();
    for block in x509::pem::blocks(&file.bytes) {
        let block = block.map_err(|error| bad(error.to_string()))?;
        if block.is_crl() {
            let list = x509::Crl::parse(&block.content).map_err(|error| bad(error.to_string()))?;
            lists.push(Arc::new(list));
        }
    }
    Ok(lists)
}

pub(super) fn ocsp(conf: &Conf, resolver: &NameServers) -> Result<Option<ClientOcsp>, Diagnostic> {
    if conf.ocsp == AskOcsp::Off {
        return Ok(None);
    }
    if conf.verify_client == VerifyClient::OptionalNoCa {
        return Err(Diagnostic::emerg(
            "\"ssl_ocsp\" is incompatible with \"ssl_verify_client optional_no_ca\"",
        ));
    }
    let cache = conf.ocsp_cache.as_ref();
    Ok(Some(ClientOcsp {
        leaf_only: conf.ocsp == AskOcsp::Leaf,
        asker: Asker {
            responder: conf.ocsp_responder.clone(),
            resolver: resolver.clone(),
            cache: cache.map(|(name, bytes)| Cache::named(name, *bytes)),
            any_signer: false,
        },
    }))
}
