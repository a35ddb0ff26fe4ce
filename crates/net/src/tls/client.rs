//! TLS to peers: the configuration of a client, and the judgement of a server's certificate.
//!
//! rustls is asked for one thing, that the server owns the key of its certificate. What that is
//! worth is said by [`judge_server`], after every handshake, a resumed one too.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, DnsName, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, DigitallySignedStruct, Error, SignatureScheme, SupportedCipherSuite,
    SupportedProtocolVersion, version,
};
use x509::{Certificate, Crl, HandshakeVersion, Purpose, VerifyError, pem};

use super::ciphers;
use super::handshake::Failure;
use super::identity::Identity;
use super::peers::{Judge, read_chain, signature_schemes, verify_owner};
use super::server::{Versions, groups, provider};
use crate::{Deadline, Stream};

/// All revocation lists of a text in PEM, at least one; the error is a sentence.
pub fn revocation_lists(text: &[u8]) -> Result<Vec<Arc<Crl>>, String> {
    let mut lists = Vec::new();
    for block in pem::blocks(text) {
        let block = block.map_err(|error| error.to_string())?;
        if block.is_crl() {
            let list = Crl::parse(&block.content).map_err(|error| error.to_string())?;
            lists.push(Arc::new(list));
        }
    }
    match lists.is_empty() {
        true => Err("there is none in the file".to_owned()),
        false => Ok(lists),
    }
}

/// Shows its certificate to whoever asks, whichever authorities are asked for, as OpenSSL does.
#[derive(Debug)]
struct Shown(Arc<CertifiedKey>);

impl ResolvesClientCert for Shown {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// What a client's TLS is made of.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// The versions.
    pub versions: Versions,
    /// The ciphers of TLS 1.2, in order.
    pub ciphers: Vec<SupportedCipherSuite>,
}

impl ClientSettings {
    /// Makes a configuration that resumes no sessions.
    pub fn build(&self, identity: Option<&Identity>) -> Result<ClientConfig, Error> {
        let mut suites = Vec::new();
        let mut versions: Vec<&SupportedProtocolVersion> = Vec::new();
        if self.versions.tls13 {
            suites.extend(ciphers::TLS13);
            versions.push(&version::TLS13);
        }
        if self.versions.tls12 && !self.ciphers.is_empty() {
            suites.extend(self.ciphers.iter().copied());
            versions.push(&version::TLS12);
        }
        let provider = CryptoProvider {
            cipher_suites: suites,
            kx_groups: groups(),
            ..provider()
        };
        let builder = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(OwnsKey));
        let mut config = match identity {
            Some(identity) => {
                builder.with_client_cert_resolver(Arc::new(Shown(identity.certified_key())))
            }
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// TLS to servers of one kind, always made in the same way. Resumes no sessions.
#[derive(Debug)]
pub struct Connector {
    named: Arc<ClientConfig>,
    nameless: Arc<ClientConfig>,
}

impl Connector {
    /// Puts it together; an error if rustls can make nothing of versions and ciphers.
    pub fn new(settings: &ClientSettings, identity: Option<&Identity>) -> Result<Self, Error> {
        let named = settings.build(identity)?;
        let mut nameless = named.clone();
        nameless.enable_sni = false;
        Ok(Self {
            named: Arc::new(named),
            nameless: Arc::new(nameless),
        })
    }

    /// Shakes hands with `host`, whose name is sent if it is none of an address. What the
    /// certificate is worth is not said. Not cancel-safe.
    pub async fn connect(
        &self,
        stream: &Stream,
        host: &str,
        deadline: &Deadline,
    ) -> Result<(), Failure> {
        let (config, name) = match server_name(host.as_bytes()) {
            Some(name) => (self.named.clone(), name),
            None => (self.nameless.clone(), no_name()),
        };
        stream.connect_tls(config, name, deadline).await
    }
}

/// Stands for a name that is not sent.
pub fn no_name() -> ServerName<'static> {
    ServerName::IpAddress(IpAddr::from([0; 4]).into())
}

/// A name as it can be sent; addresses are not sent (RFC 6066 §3).
pub fn server_name(name: &[u8]) -> Option<ServerName<'static>> {
    if name.starts_with(b"[") {
        return None;
    }
    let text = std::str::from_utf8(name).ok()?;
    if text.is_empty() || text.parse::<IpAddr>().is_ok() {
        return None;
    }
    // DIFFERS: a name that is none of a host is not sent; nginx sends any bytes.
    let name = DnsName::try_from(text.to_owned()).ok()?;
    Some(ServerName::DnsName(name))
}

/// SHA-256 of the certificate that the server of a connection has shown.
pub fn fingerprint(stream: &Stream) -> Option<[u8; 32]> {
    let of = |certificate: &CertificateDer<'_>| {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
        digest.as_ref().try_into().ok()
    };
    stream.with_tls(|tls| of(tls.peer_certificates()?.first()?))?
}

/// What is wrong with a server's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The chain; OpenSSL's number and text tell what about it.
    Chain(VerifyError),
    /// It is another host's.
    Host,
}

/// Judges the chain that a server has shown, its own certificate first, and its name.
pub fn judge_server(
    judge: &Judge,
    shown: &[CertificateDer<'_>],
    host: &[u8],
    now: SystemTime,
) -> Result<(), Objection> {
    let unreadable = Objection::Chain(VerifyError::Unspecified);
    let chain = read_chain(shown).map_err(|_| unreadable)?;
    let judgement = judge.judge(&chain, Purpose::Server, now);
    judgement.result().map_err(Objection::Chain)?;
    match chain.first() {
        Some(leaf) if leaf.matches_host(host) => Ok(()),
        _ => Err(Objection::Host),
    }
}

/// As [`judge_server`], of a connection; where the server is called by its address, that may stand
/// in the certificate as an address, too.
pub fn judge_connection(
    judge: &Judge,
    stream: &Stream,
    host: &str,
    now: SystemTime,
) -> Result<(), Objection> {
    let verdict = stream.with_tls(|tls| {
        let shown = tls.peer_certificates().unwrap_or_default();
        match judge_server(judge, shown, host.as_bytes(), now) {
            Err(Objection::Host) if is_of_address(shown, host) => Ok(()),
            verdict => verdict,
        }
    });
    verdict.unwrap_or(Err(Objection::Chain(VerifyError::Unspecified)))
}

fn is_of_address(shown: &[CertificateDer<'_>], host: &str) -> bool {
    let leaf = shown.first().and_then(|leaf| Certificate::parse(leaf).ok());
    let ip = host.parse::<IpAddr>().ok();
    leaf.zip(ip).is_some_and(|(leaf, ip)| leaf.matches_ip(ip))
}

/// Takes any certificate whose key the server proves to have.
#[derive(Debug)]
struct OwnsKey;

impl ServerCertVerifier for OwnsKey {
    fn verify_server_cert(
        &self,
        _certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_owner(HandshakeVersion::Tls12, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_owner(HandshakeVersion::Tls13, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        signature_schemes()
    }
}
