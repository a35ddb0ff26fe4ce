//! From what a server says of TLS to what handshakes are made with.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use conf::{Diagnostic, Span};
use net::resolve::Resolver;
use net::tls::identity::{Identities, Identity, IdentityError, Offer, certificates};
use net::tls::ocsp::{self, Asker, Responder};
use net::tls::peers::{AnyClient, Judge, read_chain};
use net::tls::server::{self, ServerSettings};
use net::tls::sessions::{Cache, Sessions};
use net::tls::staple::Staple;
use net::tls::{ServerConfig, ciphers};
use sha2::{Digest as _, Sha256};
use x509::Certificate;

use super::settings::{
    AskOcsp, CertificateCache, Conf, Loaded, SessionCache, Source, VerifyClient, with_addrs,
};
use crate::module::Cx;
use crate::request::Request;

/// TLS of a server.
#[derive(Debug)]
pub struct ServerTls {
    /// What handshakes are made with, but for certificates with variables.
    pub config: Arc<ServerConfig>,
    /// Whose certificates are shown.
    pub identify: Identify,
    /// Who judges clients; nobody, if they are not asked for certificates.
    pub judge: Option<Judge>,
    /// Who is asked about clients' certificates, if anybody is.
    pub ocsp: Option<ClientOcsp>,
    /// OCSP responses that are sent with our certificates.
    pub staples: Vec<Arc<Staple>>,
}

/// Who is asked about clients' certificates.
#[derive(Debug)]
pub struct ClientOcsp {
    /// Only about the client's own.
    pub leaf_only: bool,
    /// How.
    pub asker: Asker,
}

/// Who knows addresses of names, and how long he may take.
pub type NameServers = Option<(Arc<Resolver>, Duration)>;

/// Whose certificates are shown.
#[derive(Debug)]
pub enum Identify {
    /// Those that the configuration names.
    Fixed,
    /// Those that variables name, with their keys.
    Scripted(Box<Scripted>),
}

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

/// Makes each server's TLS; servers that say the same of it have it in common.
#[derive(Debug, Default)]
pub struct Servers {
    made: Vec<Made>,
}

#[derive(Debug)]
struct Made {
    conf: Arc<Conf>,
    resolver: NameServers,
    tls: Option<Arc<ServerTls>>,
}

impl Servers {
    /// The TLS of a server that says this; none if it has no certificate.
    pub fn get(
        &mut self,
        conf: &Arc<Conf>,
        resolver: &NameServers,
        cx: &mut Cx<'_>,
    ) -> Option<Arc<ServerTls>> {
        let same = |known: &&Made| {
            let [one, other] = [&known.resolver, resolver]
                .map(|resolver| resolver.as_ref().map(|(resolver, _)| Arc::as_ptr(resolver)));
            Arc::ptr_eq(&known.conf, conf) && one == other
        };
        if let Some(known) = self.made.iter().find(same) {
            return known.tls.clone();
        }
        let made = match build(conf, resolver, cx) {
            Ok(made) => made.map(Arc::new),
            Err(error) => {
                cx.diagnostics.push(error);
                None
            }
        };
        self.made.push(Made {
            conf: conf.clone(),
            resolver: resolver.clone(),
            tls: made.clone(),
        });
        made
    }
}

fn build(
    conf: &Arc<Conf>,
    resolver: &NameServers,
    cx: &mut Cx<'_>,
) -> Result<Option<ServerTls>, Diagnostic> {
    if conf.certificates.is_empty() && !conf.reject_handshake {
        return Ok(None);
    }
    if conf.keys.len() < conf.certificates.len()
        && let Some(last) = conf.certificates.last()
    {
        let (shown, span) = last.place();
        let message = format!("no \"ssl_certificate_key\" is defined for certificate \"{shown}\"");
        return Err(Diagnostic::emerg(message).at(span));
    }
    let offer = Offer {
        tls13: conf.versions.tls13,
        tls12: match conf.versions.tls12 {
            true => ciphers_of(conf, cx)?,
            false => Vec::new(),
        },
        prefer_server_ciphers: conf.prefer_server_ciphers,
    };
    let (identities, identify) = identities(conf, &offer, cx)?;
    let staples = staples(conf, &identities, resolver, cx)?;
    let mut context = context_of(conf, &identities, &identify);
    let (verifier, judge) = match client_auth(conf)? {
        Some((verifier, judge, names)) => {
            context.update(names);
            (Some(Arc::new(verifier) as Arc<_>), Some(judge))
        }
        None => (None, None),
    };
    let settings = ServerSettings {
        versions: conf.versions,
        ciphers: offer.tls12.clone(),
        groups: server::groups_of(&conf.curves),
        prefer_server_ciphers: conf.prefer_server_ciphers,
        record_bytes_max: (conf.buffer_size < 16 * 1024).then_some(conf.buffer_size as usize),
        identities: Arc::new(Identities::new(identities, offer)),
        client_verifier: verifier,
        sessions: sessions(conf, context.finalize().into()),
        // As nginx; HTTP/2 comes with its own module.
        alpn: [&b"http/1.1"[..], b"http/1.0", b"http/0.9"]
            .map(<[u8]>::to_vec)
            .into(),
        compress_certificates: conf.certificate_compression,
    };
    let config = settings
        .build()
        .map_err(|error| Diagnostic::emerg(format!("TLS: {error}")).at(conf.ciphers.1))?;
    Ok(Some(ServerTls {
        config,
        identify,
        judge,
        ocsp: client_ocsp(conf, resolver)?,
        staples,
    }))
}

fn ciphers_of(
    conf: &Conf,
    cx: &mut Cx<'_>,
) -> Result<Vec<net::tls::SupportedCipherSuite>, Diagnostic> {
    let (list, span) = &conf.ciphers;
    let chosen = ciphers::select(list);
    if chosen.is_empty() {
        let message = format!("no cipher of \"{list}\" is supported");
        if !conf.versions.tls13 {
            return Err(Diagnostic::emerg(message).at(*span));
        }
        let warning = Diagnostic::warn(format!("{message}: there is no TLS 1.2"));
        cx.diagnostics.push(warning.at(*span));
    }
    Ok(chosen)
}

/// What sessions have in common, but for the authorities that sign clients.
fn context_of(conf: &Conf, identities: &[Identity], identify: &Identify) -> Sha256 {
    let mut context = Sha256::new();
    identities
        .iter()
        .flat_map(Identity::chain)
        .for_each(|certificate| context.update(certificate));
    if let Identify::Scripted(_) = identify {
        // As nginx: what is not known yet is told apart by its names.
        for source in &conf.certificates {
            context.update(source.name());
            context.update([0]);
        }
    }
    context.update([u8::from(conf.verify_client != VerifyClient::Off)]);
    context
}

fn identities(
    conf: &Conf,
    offer: &Offer,
    cx: &mut Cx<'_>,
) -> Result<(Vec<Identity>, Identify), Diagnostic> {
    let pairs = conf.certificates.iter().zip(&conf.keys);
    let scripted = pairs
        .clone()
        .any(|pair| !matches!(pair, (Source::Loaded(_), Source::Loaded(_))));
    if scripted {
        let scripted = Scripted {
            pairs: pairs
                .map(|(one, other)| (one.clone(), other.clone()))
                .collect(),
            passphrases: conf.passphrases.clone(),
            folder: cx.bundle.conf_path(b""),
            offer: offer.clone(),
            cache: conf
                .certificate_cache
                .map(|cache| (cache, Mutex::default())),
        };
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
fn staples(
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

fn client_ocsp(conf: &Conf, resolver: &NameServers) -> Result<Option<ClientOcsp>, Diagnostic> {
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
            cache: cache.map(|(name, bytes)| ocsp::Cache::named(name, *bytes)),
            any_signer: false,
        },
    }))
}

fn unusable(error: &IdentityError, certificate: &Loaded, key: &Loaded) -> Diagnostic {
    let (what, at) = match error.is_certificate() {
        true => ("certificate", certificate),
        false => ("certificate key", key),
    };
    let message = format!("cannot load {what} \"{}\": {error}", at.shown);
    Diagnostic::emerg(message).at(at.span)
}

/// Who asks clients for certificates, who judges them, and what sessions have in common by that.
type Auth = (AnyClient, Judge, Vec<u8>);

fn client_auth(conf: &Conf) -> Result<Option<Auth>, Diagnostic> {
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

fn authorities(file: Option<&Loaded>) -> Result<Vec<Arc<Certificate>>, Diagnostic> {
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

fn sessions(conf: &Conf, context: [u8; 32]) -> Sessions {
    let cache = match &conf.session_cache {
        SessionCache::None | SessionCache::Off => None,
        SessionCache::Builtin(bytes) => Some(Cache::new(*bytes)),
        SessionCache::Shared(name, bytes) => Some(Cache::named(name, *bytes)),
    };
    Sessions {
        cache,
        tickets: conf.session_tickets,
        ticket_keys: conf.ticket_keys.clone(),
        timeout: conf.session_timeout,
        context,
    }
}

impl Source {
    /// As the configuration names it.
    fn name(&self) -> Vec<u8> {
        match self {
            Source::Loaded(file) => file.shown.clone().into_bytes(),
            Source::Script(template) => format!("{template:?}").into_bytes(),
        }
    }

    fn place(&self) -> (String, Span) {
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

impl Scripted {
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
