//! TLS to peers (`proxy_ssl_…`): what a location says, compiled, and the handshake.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use net::log::Level;
use net::tls::Failure;
use net::tls::client::{ClientSettings, Objection, judge_server, no_name, server_name};
use net::tls::identity::Identity;
use net::tls::peers::Judge;
use net::{Deadline, PeerAddr, Stream, clock};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;

use self::files::{Files, Names, Origin};
use super::ProxyError;
use super::target::{Scheme, Target};
use crate::request::Request;

pub mod files;

/// TLS to peers as one level of the configuration wants it.
#[derive(Debug)]
pub struct Client {
    id: u64,
    settings: ClientSettings,
    certificate: Certificate,
    judge: Option<Judge>,
    /// Whether sessions are resumed.
    resumes: bool,
    /// One per peer and certificate: each has sessions of its own.
    configs: Mutex<HashMap<ConfigKey, Arc<ClientConfig>>>,
}

/// Peer, whether a name is sent, and the names of certificate and key if they have variables.
type ConfigKey = (String, bool, Option<Names>);

/// The certificate that is shown.
#[derive(Debug)]
pub enum Certificate {
    /// None.
    None,
    /// Always the same.
    Fixed(Identity),
    /// One whose name, or that of its key, has variables.
    Scripted(Files),
}

/// What a [`Client`] is made of.
pub struct Parts {
    /// Versions and ciphers.
    pub settings: ClientSettings,
    /// The certificate that is shown.
    pub certificate: Certificate,
    /// Who judges certificates of peers; nobody if they are not verified.
    pub judge: Option<Judge>,
    /// Whether sessions are resumed.
    pub resumes: bool,
}

impl Client {
    /// Puts it together; an error if rustls can make nothing of the versions and ciphers.
    pub fn new(parts: Parts) -> Result<Self, rustls::Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        parts.settings.build(None)?;
        Ok(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            settings: parts.settings,
            certificate: parts.certificate,
            judge: parts.judge,
            resumes: parts.resumes,
            configs: Mutex::default(),
        })
    }

    fn make(&self, identity: Option<Identity>, sni: bool) -> Result<ClientConfig, Failure> {
        let mut config = self.settings.build(identity.as_ref())?;
        config.enable_sni = sni;
        if self.resumes {
            config.resumption = Resumption::in_memory_sessions(SESSIONS_PER_PEER);
        }
        Ok(config)
    }

    /// Shakes hands with a peer that is only asked whether it is well, and judges it by the name.
    /// A certificate whose name has variables is not shown: there is no request to know them.
    pub async fn greet(
        &self,
        stream: &Stream,
        name: &[u8],
        sends_name: bool,
        timeout: Duration,
    ) -> io::Result<()> {
        let identity = match &self.certificate {
            Certificate::Fixed(identity) => Some(identity.clone()),
            Certificate::None | Certificate::Scripted(_) => None,
        };
        let name = &name[..without_port(name)];
        let sent = server_name(name).filter(|_| sends_name);
        let config = self.make(identity, sent.is_some());
        let config = Arc::new(config.map_err(io::Error::other)?);
        let deadline = Deadline::after(timeout);
        let shaken = stream.connect_tls(config, sent.unwrap_or_else(no_name), &deadline);
        shaken.await.map_err(io::Error::other)?;
        match self.judgement(stream, name) {
            Ok(()) => Ok(()),
            Err(Objection::Chain(error)) => Err(io::Error::other(error)),
            Err(Objection::Host) => Err(io::Error::other("the certificate is another host's")),
        }
    }

    /// What is wrong with the certificate that the peer has shown, if anybody judges it.
    fn judgement(&self, stream: &Stream, name: &[u8]) -> Result<(), Objection> {
        let Some(judge) = &self.judge else {
            return Ok(());
        };
        let verdict = stream.with_tls(|tls| {
            let shown = tls.peer_certificates().unwrap_or_default();
            judge_server(judge, shown, name, clock::wall())
        });
        verdict.unwrap_or(Err(Objection::Host))
    }
}

/// What one request wants of TLS.
pub struct Secure<'r> {
    request: &'r Rc<Request>,
    client: Arc<Client>,
    /// The name that the peer is expected to have, without port.
    name: Bytes,
    /// Whether that name is sent.
    sends_name: bool,
    /// The names of certificate and key, if they have variables.
    stored: Option<Names>,
    /// What a connection must have been made for to be used again.
    pub purpose: Rc<[u8]>,
}

impl<'r> Secure<'r> {
    /// `None` for a target that is spoken to in the clear.
    pub fn of(request: &'r Rc<Request>, target: &Target) -> Result<Option<Self>, ProxyError> {
        if target.scheme == Scheme::Http {
            return Ok(None);
        }
        let conf = request.conf();
        let Some(client) = conf.proxy_ssl.client() else {
            // The configuration makes one wherever a URL may be `https`.
            return Err(ProxyError::client(500));
        };
        let name = match &conf.proxy.ssl_name {
            Some(template) => request.eval(template),
            None => target.host.clone(),
        };
        let mut secure = Self {
            request,
            client: client.clone(),
            name: name.slice(..without_port(&name)),
            sends_name: conf.proxy.ssl_server_name,
            stored: None,
            purpose: Rc::default(),
        };
        if let Certificate::Scripted(files) = &client.certificate {
            secure.stored = files.names(request);
        }
        secure.purpose = secure.make_purpose();
        Ok(Some(secure))
    }

    /// The same bytes if, and only if, everything that the handshake depends on is the same.
    fn make_purpose(&self) -> Rc<[u8]> {
        let mut bytes = self.client.id.to_be_bytes().to_vec();
        bytes.push(u8::from(self.sends_name));
        if self.sends_name || self.client.judge.is_some() {
            // With its length: where it ends does not depend on what is in it.
            bytes.extend_from_slice(&self.name.len().to_be_bytes());
            bytes.extend_from_slice(&self.name);
        }
        if let Some(names) = &self.stored {
            for name in [&names.certificate, &names.key] {
                bytes.extend_from_slice(&name.len().to_be_bytes());
                bytes.extend_from_slice(name);
            }
        }
        bytes.into()
    }

    /// Shakes hands within `timeout`, and judges what the peer has shown before a byte of the
    /// request is sent, for a resumed session too.
    pub async fn shake_hands(
        &self,
        stream: &Stream,
        peer: &PeerAddr,
        timeout: Duration,
    ) -> Result<(), ProxyError> {
        let name = self.server_name();
        let config = self.config(peer, name.is_some())?;
        let name = name.unwrap_or_else(no_name);
        let deadline = Deadline::after(timeout);
        let shaken = stream.connect_tls(config, name, &deadline).await;
        shaken.map_err(|failure| self.failed(&failure))?;
        self.judge(stream)
    }

    /// The name to send.
    fn server_name(&self) -> Option<ServerName<'static>> {
        server_name(&self.name).filter(|_| self.sends_name)
    }

    fn config(&self, peer: &PeerAddr, sni: bool) -> Result<Arc<ClientConfig>, ProxyError> {
        let (identity, origin) = self.identity()?;
        if origin == Origin::Read {
            // It may be another one each time, so nothing is resumed.
            return self.fresh(identity, sni);
        }
        let key = (peer.to_string(), sni, self.stored.clone());
        let configs = self.client.configs.lock();
        // Nothing is left half done by a panic.
        let mut configs = configs.unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = configs.get(&key).filter(|_| origin == Origin::Kept) {
            return Ok(config.clone());
        }
        let config = self.fresh(identity, sni)?;
        if configs.len() >= CONFIGS_MAX {
            configs.clear();
        }
        configs.insert(key, config.clone());
        Ok(config)
    }

    fn identity(&self) -> Result<(Option<Identity>, Origin), ProxyError> {
        match (&self.client.certificate, &self.stored) {
            (Certificate::Fixed(identity), _) => Ok((Some(identity.clone()), Origin::Kept)),
            (Certificate::Scripted(files), Some(names)) => {
                let loaded = files.identity(names, clock::now());
                let (identity, origin) = loaded.map_err(|message| {
                    self.request.log(Level::Error, format_args!("{message}"));
                    ProxyError::client(500)
                })?;
                Ok((Some(identity), origin))
            }
            (Certificate::Scripted(_), None) | (Certificate::None, _) => Ok((None, Origin::Kept)),
        }
    }

    fn fresh(
        &self,
        identity: Option<Identity>,
        sni: bool,
    ) -> Result<Arc<ClientConfig>, ProxyError> {
        let config = self.client.make(identity, sni);
        config
            .map(Arc::new)
            .map_err(|failure| self.failed(&failure))
    }

    fn judge(&self, stream: &Stream) -> Result<(), ProxyError> {
        let Err(objection) = self.client.judgement(stream, &self.name) else {
            return Ok(());
        };
        match objection {
            Objection::Chain(error) => self.log(format_args!(
                "upstream SSL certificate verify error: ({}:{error})",
                error.code()
            )),
            Objection::Host => self.log(format_args!(
                "upstream SSL certificate does not match \"{}\"",
                String::from_utf8_lossy(&self.name)
            )),
        }
        Err(ProxyError::ERROR)
    }

    fn failed(&self, failure: &Failure) -> ProxyError {
        match failure {
            Failure::TimedOut => {
                self.log(format_args!(
                    "upstream timed out (110: Connection timed out)"
                ));
                return ProxyError::TIMEOUT;
            }
            Failure::Closed => self.log(format_args!("{failure}")),
            Failure::Socket(error) => self.log(format_args!(
                "SSL_do_handshake() failed {}",
                net::log::Errno(error)
            )),
            Failure::Tls(_) | Failure::Rejected => {
                self.log(format_args!("SSL_do_handshake() failed (SSL: {failure})"));
            }
        }
        ProxyError::ERROR
    }

    fn log(&self, message: std::fmt::Arguments<'_>) {
        self.request.log(
            Level::Error,
            format_args!("{message} while SSL handshaking to upstream"),
        );
    }
}

/// Where the port of a host begins, or its end. Brackets around an address stay.
fn without_port(name: &[u8]) -> usize {
    let bracket = match name.first() {
        Some(b'[') => name.iter().position(|&byte| byte == b']').unwrap_or(0),
        _ => 0,
    };
    let behind = name.iter().skip(bracket);
    let colon = behind.into_iter().position(|&byte| byte == b':');
    colon.map_or(name.len(), |at| bracket + at)
}

/// How many sessions are kept of a peer: TLS 1.3 uses each once.
const SESSIONS_PER_PEER: usize = 8;
/// How many configurations with their sessions a level keeps; then it begins anew.
const CONFIGS_MAX: usize = 1024;

#[cfg(test)]
mod tests {
    use super::without_port;

    #[test]
    fn ports_are_no_part_of_names() {
        for (text, name) in [
            ("host", "host"),
            ("host:443", "host"),
            ("[::1]:443", "[::1]"),
            ("[::1]", "[::1]"),
            ("[x:1", "[x"),
            ("", ""),
        ] {
            assert_eq!(&text[..without_port(text.as_bytes())], name, "{text}");
        }
    }
}
