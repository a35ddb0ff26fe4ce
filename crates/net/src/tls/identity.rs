//! Certificates that we show, with their keys, and the choice among several of them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{CipherSuite, SignatureAlgorithm, SignatureScheme, SupportedCipherSuite};
use x509::{Certificate, KeyError, KeyFormat, PrivateKey, pem};

use super::ciphers::TLS13;
use super::watch;
use crate::clock;

/// A certificate, those above it, and the key.
#[derive(Debug, Clone)]
pub struct Identity {
    certified: Arc<CertifiedKey>,
    stapled: Arc<Mutex<Stapled>>,
}

/// The same with an OCSP response to show, and until when that may be shown.
type Stapled = Option<(Arc<CertifiedKey>, Option<SystemTime>)>;

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no certificate in the text.
    #[error("no certificate in it")]
    NoCertificate,
    /// A certificate cannot be read.
    #[error("{0}")]
    BadCertificate(String),
    /// The key cannot be read.
    #[error("{0}")]
    BadKey(#[from] KeyError),
    /// The key is of a kind that cannot sign here.
    #[error("the private key is of an unsupported kind")]
    UnusableKey,
    /// The key is another certificate's.
    #[error("key values mismatch")]
    Mismatch,
}

impl IdentityError {
    /// Whether the certificate is at fault, and not the key.
    pub fn is_certificate(&self) -> bool {
        matches!(self, Self::NoCertificate | Self::BadCertificate(_))
    }
}

/// Reads the certificates of a text in PEM.
pub fn certificates(text: &[u8]) -> Result<Vec<Certificate>, IdentityError> {
    let bad = |error: String| IdentityError::BadCertificate(error);
    let mut found = Vec::new();
    for block in pem::blocks(text) {
        let block = block.map_err(|error| bad(error.to_string()))?;
        if block.is_certificate() {
            let parsed = match block.label.starts_with("TRUSTED") {
                true => Certificate::parse_trusted(&block.content),
                false => Certificate::parse(&block.content),
            };
            found.push(parsed.map_err(|error| bad(error.to_string()))?);
        }
    }
    match found.is_empty() {
        true => Err(IdentityError::NoCertificate),
        false => Ok(found),
    }
}

/// A key in the form that rustls takes.
fn key_der(key: &PrivateKey) -> PrivateKeyDer<'static> {
    let der = key.der().to_vec();
    match key.format() {
        KeyFormat::Pkcs8 => PrivatePkcs8KeyDer::from(der).into(),
        KeyFormat::Pkcs1 => PrivatePkcs1KeyDer::from(der).into(),
        KeyFormat::Sec1 => PrivateSec1KeyDer::from(der).into(),
    }
}

impl Identity {
    /// Reads a chain of certificates and a key in PEM.
    pub fn load(
        chain: &[u8],
        key: &[u8],
        passphrases: &[Vec<u8>],
        provider: &CryptoProvider,
    ) -> Result<Self, IdentityError> {
        let chain = certificates(chain)?;
        let key = PrivateKey::from_pem(key, passphrases)?;
        if !chain.first().is_some_and(|leaf| key.belongs_to(leaf)) {
            return Err(IdentityError::Mismatch);
        }
        let key = provider
            .key_provider
            .load_private_key(key_der(&key))
            .map_err(|_| IdentityError::UnusableKey)?;
        let chain = chain
            .iter()
            .map(|certificate| CertificateDer::from(certificate.der().to_vec()))
            .collect();
        let certified = CertifiedKey::new(chain, Arc::new(WatchedKey(key)));
        Ok(Self {
            certified: Arc::new(certified),
            stapled: Arc::default(),
        })
    }

    /// For whoever shows it as a client.
    pub fn certified_key(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }

    /// The certificates, ours first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// Shows an OCSP response from now on, until then; all that share the identity do.
    pub fn staple(&self, response: Option<(Vec<u8>, Option<SystemTime>)>) {
        let stapled = response.map(|(der, until)| {
            let mut certified = CertifiedKey::clone(&self.certified);
            certified.ocsp = Some(der);
            (Arc::new(certified), until)
        });
        *self.lock() = stapled;
    }

    /// What is to be shown now.
    fn current(&self) -> Arc<CertifiedKey> {
        match &*self.lock() {
            Some((stapled, until)) if until.is_none_or(|until| clock::wall() <= until) => {
                stapled.clone()
            }
            _ => self.certified.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stapled> {
        // Nothing panics while it holds it.
        self.stapled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.certified.key.algorithm()
    }
}

/// Several identities, of which the client's algorithms choose one.
#[derive(Debug)]
pub struct Identities {
    identities: Vec<Identity>,
    offer: Offer,
}

/// What we offer that has a say in the choice.
#[derive(Debug, Clone)]
pub struct Offer {
    /// Whether there is TLS 1.3, whose ciphers go with every key.
    pub tls13: bool,
    /// Our ciphers of TLS 1.2, in order.
    pub tls12: Vec<SupportedCipherSuite>,
    /// Whether our order of them counts, and not the client's.
    pub prefer_server_ciphers: bool,
}

impl Identities {
    /// Of one kind of key, the last given counts.
    pub fn new(given: impl IntoIterator<Item = Identity>, offer: Offer) -> Self {
        let mut identities: Vec<Identity> = Vec::new();
        for identity in given {
            identities.retain(|known| known.algorithm() != identity.algorithm());
            identities.push(identity);
        }
        Self { identities, offer }
    }

    /// As OpenSSL: in TLS 1.3 the first algorithm of the client's that a key of ours can use
    /// decides; in TLS 1.2 the first common cipher that goes with one does.
    fn choose(&self, hello: &ClientHello<'_>) -> Option<&Identity> {
        let offered = hello.signature_schemes();
        if let [only] = &self.identities[..] {
            return Some(only);
        }
        let theirs = hello.cipher_suites();
        let is_tls13 = |suite: &CipherSuite| TLS13.iter().any(|known| known.suite() == *suite);
        if self.offer.tls13 && theirs.iter().any(is_tls13) {
            return self.signing(offered);
        }
        let ours = &self.offer.tls12;
        let go_with = |suite: &SupportedCipherSuite| {
            let SupportedCipherSuite::Tls12(suite) = suite else {
                return None;
            };
            let common = offered.iter().filter(|scheme| suite.sign.contains(scheme));
            self.signing(&common.copied().collect::<Vec<_>>())
        };
        if self.offer.prefer_server_ciphers {
            let mut common = ours.iter().filter(|suite| theirs.contains(&suite.suite()));
            return common.find_map(go_with);
        }
        let known = |suite: &CipherSuite| ours.iter().find(|known| known.suite() == *suite);
        theirs.iter().filter_map(known).find_map(go_with)
    }

    /// The identity that can sign with the first of these algorithms that any can.
    fn signing(&self, schemes: &[SignatureScheme]) -> Option<&Identity> {
        schemes.iter().find_map(|scheme| {
            let fits = |id: &&Identity| id.certified.key.choose_scheme(&[*scheme]).is_some();
            self.identities.iter().find(fits)
        })
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(&hello).map(Identity::current)
    }
}

/// A key that signs with the first algorithm of the client's that it can use, as OpenSSL, and
/// notes which that was.
#[derive(Debug)]
struct WatchedKey(Arc<dyn SigningKey>);

impl SigningKey for WatchedKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let signer = offered
            .iter()
            .find_map(|scheme| self.0.choose_scheme(&[*scheme]))?;
        watch::note_signature(signer.scheme());
        Some(signer)
    }

    fn public_key(&self) -> Option<rustls::pki_types::SubjectPublicKeyInfoDer<'_>> {
        self.0.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}
