//! Certificates whose names have variables, which each handshake reads, and their cache.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use conf::Span;
use net::tls::ServerConfig;
use net::tls::identity::{Identities, Identity, Offer};
use net::tls::server;

use super::super::settings::{CertificateCache, Conf, Source};
use crate::module::Cx;
use crate::request::Request;

/// Certificates whose names have variables.
#[derive(Debug)]
pub struct Scripted {
    pairs: Vec<(Source, Source)>,
    passphrases: Arc<Vec<Vec<u8>>>,
    folder: PathBuf,
    offer: Offer,
    cache: Option<(CertificateCache, Mutex<Kept>)>,
}

type Kept = HashMap<(Vec<u8>, Vec<u8>), KeptIdentity>;

#[derive(Debug)]
struct KeptIdentity {
    identity: Identity,
    loaded: Instant,
    used: Instant,
}

impl Scripted {
    pub(super) fn new(conf: &Conf, offer: &Offer, cx: &Cx<'_>) -> Self {
        let pairs = conf.certificates.iter().zip(&conf.keys);
        Self {
            pairs: pairs
                .map(|(one, other)| (one.clone(), other.clone()))
                .collect(),
            passphrases: conf.passphrases.clone(),
            folder: cx.bundle.conf_path(b""),
            offer: offer.clone(),
            cache: conf
                .certificate_cache
                .map(|cache| (cache, Mutex::default())),
        }
    }

    /// The configuration for one handshake.
    pub fn config(
        &self,
        base: &Arc<ServerConfig>,
        request: &Request,
    ) -> Result<Arc<ServerConfig>, String> {
        let identities = self
            .pairs
            .iter()
            .map(|pair| self.identity(pair, request))
            .collect::<Result<Vec<_>, _>>()?;
        let mut config = ServerConfig::clone(base);
        config.cert_resolver = Arc::new(Identities::new(identities, self.offer.clone()));
        Ok(Arc::new(config))
    }

    fn identity(&self, pair: &(Source, Source), request: &Request) -> Result<Identity, String> {
        let Some((limits, kept)) = &self.cache else {
            return self.load(pair, request);
        };
        let name = (pair.0.key(request), pair.1.key(request));
        let now = net::clock::now();
        let age = |since: Instant| now.saturating_duration_since(since);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, known| age(known.used) < limits.inactive);
        if let Some(known) = kept.get_mut(&name)
            && age(known.loaded) < limits.valid
        {
            known.used = now;
            return Ok(known.identity.clone());
        }
        let identity = self.load(pair, request)?;
        while kept.len() >= limits.max {
            let oldest = kept.iter().min_by_key(|(_, known)| known.used);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else {
                break;
            };
            kept.remove(&oldest);
        }
        let known = KeptIdentity {
            identity: identity.clone(),
            loaded: now,
            used: now,
        };
        kept.insert(name, known);
        Ok(identity)
    }

    fn load(&self, pair: &(Source, Source), request: &Request) -> Result<Identity, String> {
        let failed = |what: &str, error: String| format!("cannot load {what} {error}");
        let certificate = pair.0.read(request, self);
        let certificate = certificate.map_err(|error| failed("certificate", error))?;
        let key = pair.1.read(request, self);
        let key = key.map_err(|error| failed("certificate key", error))?;
        let provider = server::provider();
        Identity::load(&certificate, &key, &self.passphrases, &provider).map_err(|error| {
            let what = match error.is_certificate() {
                true => "certificate",
                false => "certificate key",
            };
            let of = if error.is_certificate() {
                &pair.0
            } else {
                &pair.1
            };
            let shown = String::from_utf8_lossy(&of.key(request)).into_owned();
            format!("cannot load {what} \"{shown}\": {error}")
        })
    }
}

impl Source {
    /// As the configuration names it.
    pub(super) fn name(&self) -> Vec<u8> {
        match self {
            Source::Loaded(file) => file.shown.clone().into_bytes(),
            Source::Script(template) => format!("{template:?}").into_bytes(),
        }
    }

    pub(super) fn place(&self) -> (String, Span) {
        match self {
            Source::Loaded(file) => (file.shown.clone(), file.span),
            Source::Script(_) => ("$…".to_owned(), Span::default()),
        }
    }

    /// What is in it, for a request; the name of what cannot be read comes with the reason.
    fn read(&self, request: &Request, scripted: &Scripted) -> Result<Arc<[u8]>, String> {
        let template = match self {
            Source::Loaded(file) => return Ok(file.bytes.clone()),
            Source::Script(template) => template,
        };
        let value = request.eval(template);
        if let Some(text) = value.strip_prefix(b"data:") {
            return Ok(text.into());
        }
        use std::os::unix::ffi::OsStrExt as _;
        let path = scripted.folder.join(std::ffi::OsStr::from_bytes(&value));
        let text = std::fs::read(&path);
        text.map(Into::into).map_err(|error| {
            let reason = net::log::Errno(&error);
            format!("\"{}\": open() failed {reason}", path.display())
        })
    }

    fn key(&self, request: &Request) -> Vec<u8> {
        match self {
            Source::Loaded(file) => file.shown.clone().into_bytes(),
            Source::Script(template) => request.eval(template).into(),
        }
    }
}
