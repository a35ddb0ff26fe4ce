//! TLS to peers: the configuration of a client, and the judgement of a peer's certificate.
//!
//! rustls is asked for one thing, that the peer owns the key of its certificate. What the
//! certificate is worth is said by [`Judge`], after every handshake, a resumed one too.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
    ServerName, UnixTime,
};
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme,
    SupportedCipherSuite, SupportedProtocolVersion, version,
};
use x509::{
    Certificate, Crl, CrlStore, HandshakeVersion, KeyError, KeyFormat, PrivateKey, Purpose, Rules,
    TrustStore, VerifyError, pem,
};

use super::ciphers;
use super::server::{Versions, groups, provider};

/// Why a certificate, a key or a list cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The text is not PEM.
    #[error(transparent)]
    Pem(#[from] pem::PemError),
    /// There is nothing of the wanted kind in the text.
    #[error("there is none in the file")]
    Missing,
    /// A certificate cannot be read.
    #[error(transparent)]
    Certificate(#[from] x509::CertificateError),
    /// A list cannot be read.
    #[error(transparent)]
    Crl(#[from] x509::CrlError),
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// rustls cannot sign with such a key.
    #[error("the private key is of an unsupported kind or size")]
    UnusableKey,
    /// The key is another certificate's.
    #[error("key values mismatch")]
    Mismatch,
}

/// All certificates of a text in PEM, at least one.
pub fn certificates(text: &[u8]) -> Result<Vec<Arc<Certificate>>, LoadError> {
    let mut found = Vec::new();
    for block in pem::blocks(text) {
        let block = block?;
        if block.is_certificate() {
            let certificate = match block.label.starts_with("TRUSTED") {
                true => Certificate::parse_trusted(&block.content)?,
                false => Certificate::parse(&block.content)?,
            };
            found.push(Arc::new(certificate));
        }
    }
    match found.is_empty() {
        true => Err(LoadError::Missing),
        false => Ok(found),
    }
}

/// All revocation lists of a text in PEM, at least one.
pub fn revocation_lists(text: &[u8]) -> Result<CrlStore, LoadError> {
    let mut store = CrlStore::new();
    let mut count = 0;
    for block in pem::blocks(text) {
        let block = block?;
        if block.is_crl() {
            store.add(Arc::new(Crl::parse(&block.content)?));
            count += 1;
        }
    }
    match count {
        0 => Err(LoadError::Missing),
        _ => Ok(store),
    }
}

/// The certificate that a client shows, with those above it and its key.
#[derive(Debug, Clone)]
pub struct ClientIdentity(Arc<CertifiedKey>);

impl ClientIdentity {
    /// From a chain of certificates and a key, with the passphrases that it may be encrypted with.
    pub fn new(chain: &[Arc<Certificate>], key: &PrivateKey) -> Result<Self, LoadError> {
        let leaf = chain.first().ok_or(LoadError::Missing)?;
        if !key.belongs_to(leaf) {
            return Err(LoadError::Mismatch);
        }
        let der = key.der().to_vec();
        let der = match key.format() {
            KeyFormat::Pkcs8 => PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(der)),
            KeyFormat::Pkcs1 => PrivateKeyDer::Pkcs1(PrivatePkcs1KeyDer::from(der)),
            KeyFormat::Sec1 => PrivateKeyDer::Sec1(PrivateSec1KeyDer::from(der)),
        };
        let signer = provider()
            .key_provider
            .load_private_key(der)
            .map_err(|_| LoadError::UnusableKey)?;
        let chain = chain.iter().map(|c| CertificateDer::from(c.der().to_vec()));
        Ok(Self(Arc::new(CertifiedKey::new(chain.collect(), signer))))
    }
}

/// Shown to whoever asks, as OpenSSL does, whichever authorities are asked for.
impl ResolvesClientCert for ClientIdentity {
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
    pub fn build(&self, identity: Option<ClientIdentity>) -> Result<ClientConfig, Error> {
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
            Some(identity) => builder.with_client_cert_resolver(Arc::new(identity)),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::disabled();
        Ok(config)
    }
}

/// What a peer's certificate is held against.
#[derive(Debug)]
pub struct Judge {
    /// Where chains may end.
    pub trusted: TrustStore,
    /// Revocation lists, if they are asked for.
    pub crls: Option<CrlStore>,
    /// How many authorities may stand between.
    pub depth: u32,
}

/// What is wrong with a peer's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objection {
    /// The chain; OpenSSL's number and text tell what about it.
    Chain(VerifyError),
    /// It is another host's.
    Host,
}

impl Judge {
    /// Judges the chain that a server has shown, its own certificate first, and its name.
    pub fn judge(
        &self,
        shown: &[CertificateDer<'_>],
        host: &[u8],
        when: std::time::SystemTime,
    ) -> Result<(), Objection> {
        let unreadable = Objection::Chain(VerifyError::Unspecified);
        let parsed = shown
            .iter()
            .map(|der| Certificate::parse(der).map(Arc::new));
        let chain: Vec<_> = parsed.collect::<Result<_, _>>().map_err(|_| unreadable)?;
        let since = when.duration_since(std::time::UNIX_EPOCH);
        let seconds = since.map_or(0, |since| since.as_secs());
        let rules = Rules {
            trusted: &self.trusted,
            crls: self.crls.as_ref(),
            when: x509::Time(i64::try_from(seconds).unwrap_or(i64::MAX)),
            purpose: Purpose::Server,
            depth: self.depth,
            partial_chain: false,
            security_level: SECURITY_LEVEL,
        };
        let judgement = x509::chain::verify(&chain, &rules);
        judgement.result().map_err(Objection::Chain)?;
        match chain.first() {
            Some(leaf) if leaf.matches_host(host) => Ok(()),
            _ => Err(Objection::Host),
        }
    }
}

/// As OpenSSL's own default: keys and signatures of 80 bits of security and more.
const SECURITY_LEVEL: u8 = 1;

/// Takes any certificate whose key the peer proves to have.
#[derive(Debug)]
struct OwnsKey;

impl ServerCertVerifier for OwnsKey {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        _others: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        parse(certificate).map(|_| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(HandshakeVersion::Tls12, message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify(HandshakeVersion::Tls13, message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

fn parse(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::parse(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

fn verify(
    version: HandshakeVersion,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = parse(certificate)?;
    let (key, scheme) = (certificate.key(), u16::from(signed.scheme));
    x509::verify_handshake(version, scheme, key, message, signed.signature())
        .map(|()| HandshakeSignatureValid::assertion())
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadSignature))
}

const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];
