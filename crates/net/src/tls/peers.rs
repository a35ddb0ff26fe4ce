//! Certificates of peers: rustls proves that the peer has the key, [`Judge`] says what the
//! certificate is worth.
//!
//! The two are apart because the judgement is made after every handshake, of a resumed session too,
//! and because what it comes to is for the protocol inside to tell, as nginx does it.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use super::watch;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, PeerMisbehaved,
    SignatureScheme,
};
use x509::{
    Certificate, Crl, CrlStore, HandshakeVersion, Judgement, Purpose, Rules, Time, TrustStore,
    VerifyError,
};

/// What a client's certificate is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientAuth {
    /// It showed none.
    None,
    /// It is good.
    Ok,
    /// It is not.
    Failed(Reason),
}

/// Why a certificate is worth nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The chain does not hold.
    Chain(VerifyError),
    /// Its issuer says that it is revoked, or nobody says that it is not.
    Status(&'static str),
}

impl Reason {
    /// Whether the chain does not lead to an authority that is known, and nothing else is wrong.
    pub fn is_missing_trust(self) -> bool {
        matches!(self, Self::Chain(error) if error.is_missing_trust())
    }
}

/// In OpenSSL's and nginx's words.
impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Chain(error) => write!(f, "{error}"),
            Self::Status(text) => f.write_str(text),
        }
    }
}

/// Judges certificates by those that are trusted.
#[derive(Debug, Default)]
pub struct Judge {
    trusted: TrustStore,
    crls: Option<CrlStore>,
    depth: u32,
}

impl Judge {
    /// One that trusts nobody; so many certificates may stand between a peer's and one that is
    /// trusted.
    pub fn new(depth: u32) -> Self {
        Self {
            depth,
            ..Self::default()
        }
    }

    /// Trusts certificates.
    pub fn trust(&mut self, certificates: impl IntoIterator<Item = Arc<Certificate>>) {
        for certificate in certificates {
            self.trusted.add(certificate);
        }
    }

    /// Asks of every certificate that a list of its issuer does not revoke it.
    pub fn revoke(&mut self, lists: impl IntoIterator<Item = Arc<Crl>>) {
        let crls = self.crls.get_or_insert_with(CrlStore::new);
        lists.into_iter().for_each(|list| crls.add(list));
    }

    /// Judges a chain, the peer's certificate first.
    pub fn judge(
        &self,
        chain: &[Arc<Certificate>],
        purpose: Purpose,
        now: SystemTime,
    ) -> Judgement {
        let seconds = now
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let rules = Rules {
            trusted: &self.trusted,
            crls: self.crls.as_ref(),
            when: Time(i64::try_from(seconds).unwrap_or(i64::MAX)),
            purpose,
            depth: self.depth,
            partial_chain: false,
            security_level: x509::chain::SECURITY_LEVEL,
        };
        x509::chain::verify(chain, &rules)
    }
}

/// Reads the certificates that a peer showed; the error is for one that cannot be read.
pub fn read_chain(shown: &[CertificateDer<'_>]) -> Result<Vec<Arc<Certificate>>, Error> {
    shown
        .iter()
        .map(|der| Certificate::parse(der).map(Arc::new))
        .collect::<Result<_, _>>()
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))
}

/// The algorithms that peers may sign with.
pub fn signature_schemes() -> Vec<SignatureScheme> {
    use SignatureScheme::*;
    vec![
        ECDSA_NISTP256_SHA256,
        ECDSA_NISTP384_SHA384,
        ECDSA_NISTP521_SHA512,
        ED25519,
        RSA_PSS_SHA256,
        RSA_PSS_SHA384,
        RSA_PSS_SHA512,
        RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384,
        RSA_PKCS1_SHA512,
    ]
}

/// Proves that the peer has the key of its certificate.
pub fn verify_owner(
    version: HandshakeVersion,
    message: &[u8],
    certificate: &CertificateDer<'_>,
    signed: &DigitallySignedStruct,
) -> Result<HandshakeSignatureValid, Error> {
    let certificate = Certificate::parse(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    if !signature_schemes().contains(&signed.scheme) {
        return Err(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
    }
    x509::verify_handshake(
        version,
        u16::from(signed.scheme),
        certificate.key(),
        message,
        signed.signature(),
    )
    .map(|()| {
        watch::note_peer_signature(signed.scheme);
        HandshakeSignatureValid::assertion()
    })
    .map_err(|_| Error::InvalidCertificate(CertificateError::BadSignature))
}

/// Asks clients for a certificate and takes any; what it is worth is judged after the handshake.
#[derive(Debug)]
pub struct AnyClient {
    names: Vec<DistinguishedName>,
}

impl AnyClient {
    /// Names those who sign clients, each once.
    pub fn new<'a>(signers: impl IntoIterator<Item = &'a Certificate>) -> Self {
        let mut names: Vec<DistinguishedName> = Vec::new();
        for signer in signers {
            let name = DistinguishedName::from(signer.subject().raw().to_vec());
            if !names.iter().any(|known| known.as_ref() == name.as_ref()) {
                names.push(name);
            }
        }
        Self { names }
    }
}

impl ClientCertVerifier for AnyClient {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.names
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        others: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        Certificate::parse(certificate)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        read_chain(others)?;
        Ok(ClientCertVerified::assertion())
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
