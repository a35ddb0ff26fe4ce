//! Certificates that we show, with their keys, and the choice among several of them.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{Error, InconsistentKeys, SignatureAlgorithm, SignatureScheme};

use super::watch;

/// A certificate, those above it, and the key.
#[derive(Debug, Clone)]
pub struct Identity(Arc<CertifiedKey>);

/// What is wrong with a certificate or its key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// There is no certificate in the text.
    #[error("no certificate in it")]
    NoCertificate,
    /// The text is not PEM.
    #[error("bad PEM")]
    BadCertificate,
    /// There is no key in the text, or one of an unknown kind.
    #[error("no usable private key in it")]
    NoKey,
    /// The key is another certificate's.
    #[error("key values mismatch")]
    Mismatch,
}

impl IdentityError {
    /// Whether the certificate is at fault, and not the key.
    pub fn is_certificate(&self) -> bool {
        matches!(self, Self::NoCertificate | Self::BadCertificate)
    }
}

impl Identity {
    /// Reads a chain of certificates and a key in PEM.
    pub fn load(
        chain: &[u8],
        key: &[u8],
        _passphrases: &[Vec<u8>],
        provider: &CryptoProvider,
    ) -> Result<Self, IdentityError> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|_| IdentityError::BadCertificate)?;
        if chain.is_empty() {
            return Err(IdentityError::NoCertificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| IdentityError::NoKey)?;
        let key = provider
            .key_provider
            .load_private_key(key)
            .map_err(|_| IdentityError::NoKey)?;
        let certified = CertifiedKey::new(chain, Arc::new(WatchedKey(key)));
        match certified.keys_match() {
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(IdentityError::Mismatch)
            }
            // A certificate that rustls cannot read may be one that clients can.
            _ => Ok(Self(Arc::new(certified))),
        }
    }

    /// The certificates, ours first.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.0.cert
    }

    /// The same with an OCSP response to show.
    pub fn with_ocsp(&self, response: Vec<u8>) -> Self {
        let mut certified = CertifiedKey::clone(&self.0);
        certified.ocsp = Some(response);
        Self(Arc::new(certified))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.key.algorithm()
    }
}

/// Several identities, of which the client's algorithms choose one.
#[derive(Debug)]
pub struct Identities(Vec<Identity>);

impl Identities {
    /// Of one kind of key, the last given counts.
    pub fn new(given: impl IntoIterator<Item = Identity>) -> Self {
        let mut kept: Vec<Identity> = Vec::new();
        for identity in given {
            kept.retain(|known| known.algorithm() != identity.algorithm());
            kept.push(identity);
        }
        Self(kept)
    }

    /// The first algorithm of the client's that a key of ours can use decides.
    pub fn choose(&self, offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        offered.iter().find_map(|scheme| {
            let fits = |id: &&Identity| id.0.key.choose_scheme(&[*scheme]).is_some();
            self.0.iter().find(fits).map(|id| id.0.clone())
        })
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.signature_schemes())
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
