//! From what a server says of TLS to what handshakes are made with.

use std::sync::Arc;
use std::time::Duration;

use conf::Diagnostic;
use net::resolve::Resolver;
use net::tls::identity::{Identities, Identity, Offer};
use net::tls::peers::Judge;
use net::tls::server::{self, ServerSettings};
use net::tls::sessions::{Cache, Sessions};
use net::tls::staple::Staple;
use net::tls::{ServerConfig, ciphers};
use sha2::{Digest as _, Sha256};

use super::settings::{Conf, SessionCache, VerifyClient};
use crate::module::Cx;

mod clients;
mod identities;
mod scripted;

pub use clients::ClientOcsp;
pub use scripted::Scripted;

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
    let (identities, identify) = identities::load(conf, &offer, cx)?;
    let staples = identities::staples(conf, &identities, resolver, cx)?;
    let mut context = context_of(conf, &identities, &identify);
    let (verifier, judge) = match clients::auth(conf)? {
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
        kernel: conf.kernel,
    };
    let config = settings
        .build()
        .map_err(|error| Diagnostic::emerg(format!("TLS: {error}")).at(conf.ciphers.1))?;
    Ok(Some(ServerTls {
        config,
        identify,
        judge,
        ocsp: clients::ocsp(conf, resolver)?,
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
