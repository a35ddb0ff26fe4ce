//! Judgement of a certificate chain, as OpenSSL's `X509_verify_cert` with a callback that lets it
//! go on after an error, which is how nginx uses it: of several errors the last one counts.

use std::collections::HashMap;
use std::sync::Arc;

use crate::certificate::Certificate;
use crate::crl::CrlStore;
use crate::extensions::KeyUsage;
use crate::oid;
use crate::time::Time;
use crate::verify_error::VerifyError;

mod build;
mod constraints;
mod purpose;
mod revocation;
#[cfg(test)]
mod tests;

/// Certificates that are trusted, found by subject.
#[derive(Clone, Debug, Default)]
pub struct TrustStore {
    by_subject: HashMap<Box<[u8]>, Vec<Arc<Certificate>>>,
}

impl TrustStore {
    /// Without any certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a certificate; one that is there already is not added again.
    pub fn add(&mut self, certificate: Arc<Certificate>) {
        let key = certificate.subject().canonical().into();
        let same_name = self.by_subject.entry(key).or_default();
        if !same_name.contains(&certificate) {
            same_name.push(certificate);
        }
    }

    /// Whether nothing is trusted.
    pub fn is_empty(&self) -> bool {
        self.by_subject.is_empty()
    }

    /// The best issuer of a certificate: one that is valid now, or else the one that was last.
    fn issuer_of(&self, subject: &Certificate, when: Time) -> Option<&Arc<Certificate>> {
        let candidates = self.by_subject.get(subject.issuer().canonical())?;
        build::best_issuer(candidates.iter(), subject, when)
    }

    fn contains(&self, certificate: &Certificate) -> Option<&Arc<Certificate>> {
        let same_name = self.by_subject.get(certificate.subject().canonical())?;
        same_name.iter().find(|other| ***other == *certificate)
    }
}

/// What the peer uses its certificate for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// It is a TLS client.
    Client,
    /// It is a TLS server.
    Server,
}

/// What a chain is held against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// Where chains may end.
    pub trusted: &'a TrustStore,
    /// Revocation lists; with them, each certificate of the chain needs one of its issuer.
    pub crls: Option<&'a CrlStore>,
    /// Now.
    pub when: Time,
    /// What the peer uses its certificate for.
    pub purpose: Purpose,
    /// How many certificates may stand between the peer's and the anchor (`ssl_verify_depth`).
    pub depth: u32,
    /// Whether a chain may end at a trusted certificate that is not self-signed.
    pub partial_chain: bool,
    /// OpenSSL's security level, see [`SECURITY_LEVEL`].
    pub security_level: u8,
}

/// The security level of OpenSSL 3.2 and of Debian's builds before: keys and signatures of 112 bits
/// and more, so RSA from 2048 bits on and no SHA-1.
pub const SECURITY_LEVEL: u8 = 2;

/// What came of a chain.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// All that was wrong, in the order in which it was found, with the position in the path.
    pub errors: Vec<(VerifyError, usize)>,
    /// From the peer's certificate to the anchor, or as far as it could be built.
    pub path: Vec<Arc<Certificate>>,
}

impl Judgement {
    /// The error that OpenSSL reports: the last one.
    pub fn error(&self) -> Option<VerifyError> {
        self.errors.last().map(|&(error, _)| error)
    }

    /// `Ok` if nothing was wrong.
    pub fn result(&self) -> Result<(), VerifyError> {
        self.error().map_or(Ok(()), Err)
    }
}

/// Judges the chain that a peer sent, its own certificate first.
///
/// Work is bounded: a path has [`PATH_MAX`] certificates at most, and each has its signature
/// verified once. An empty chain has the error `Unspecified`; whether a certificate is needed is
/// the caller's question.
pub fn verify(chain: &[Arc<Certificate>], rules: &Rules<'_>) -> Judgement {
    let Some((leaf, others)) = chain.split_first() else {
        return Judgement {
            errors: vec![(VerifyError::Unspecified, 0)],
            path: Vec::new(),
        };
    };
    let mut verifier = Verifier {
        rules,
        path: vec![Arc::clone(leaf)],
        untrusted: 1,
        errors: Vec::new(),
    };
    if leaf.key().security_bits() < verifier.security_bits_min() {
        verifier.fail(VerifyError::LeafKeyTooWeak, 0);
    }
    verifier.build_path(others.iter().take(PATH_MAX).collect());
    verifier.check_extensions();
    verifier.check_security();
    verifier.check_revocation();
    verifier.check_signatures();
    verifier.check_name_constraints();
    Judgement {
        errors: verifier.errors,
        path: verifier.path,
    }
}

/// How many certificates a path may have, whatever depth is configured.
pub const PATH_MAX: usize = 100;

struct Verifier<'a> {
    rules: &'a Rules<'a>,
    path: Vec<Arc<Certificate>>,
    /// How many certificates at the front of the path come from the peer.
    untrusted: usize,
    errors: Vec<(VerifyError, usize)>,
}

impl Verifier<'_> {
    fn fail(&mut self, error: VerifyError, position: usize) {
        self.errors.push((error, position));
    }

    /// As OpenSSL's levels 1 to 5.
    fn security_bits_min(&self) -> u32 {
        match self.rules.security_level {
            0 => 0,
            1 => 80,
            2 => 112,
            3 => 128,
            4 => 192,
            _ => 256,
        }
    }

    fn check_security(&mut self) {
        let bits_min = self.security_bits_min();
        if bits_min == 0 {
            return;
        }
        for (position, certificate) in self.path.clone().iter().enumerate() {
            if position > 0 && certificate.key().security_bits() < bits_min {
                self.fail(VerifyError::CaKeyTooWeak, position);
            }
            // Nobody relies on the anchor's signature.
            let is_last = position + 1 == self.path.len();
            let bits = certificate.algorithm().security_bits();
            if !is_last && bits.is_none_or(|bits| bits < bits_min) {
                self.fail(VerifyError::CaDigestTooWeak, position);
            }
        }
    }

    fn check_extensions(&mut self) {
        let mut authorities = 0u32;
        for (position, certificate) in self.path.clone().iter().enumerate() {
            let extensions = certificate.extensions();
            if extensions.unknown_critical {
                self.fail(VerifyError::UnhandledCritical, position);
            }
            if extensions.is_proxy {
                self.fail(VerifyError::ProxyNotAllowed, position);
            }
            if position > 0 {
                let level = purpose::authority_level(certificate);
                let is_last = position + 1 == self.path.len();
                if level == 0 || (!is_last && level != 1) {
                    self.fail(VerifyError::InvalidCa, position);
                }
            }
            self.check_purpose(certificate, position);
            let path_length = extensions
                .basic_constraints
                .and_then(|basic| basic.path_length);
            if position > 1 && path_length.is_some_and(|length| authorities > length) {
                self.fail(VerifyError::PathLengthExceeded, position);
            }
            if position > 0 && !certificate.is_self_issued() {
                authorities += 1;
            }
        }
    }

    fn check_purpose(&mut self, certificate: &Certificate, position: usize) {
        if position >= self.untrusted {
            match purpose::explicit_trust(certificate, self.rules.purpose) {
                Some(true) => return,
                Some(false) => return self.fail(VerifyError::InvalidPurpose, position),
                None => {}
            }
        }
        let suits = if position == 0 {
            purpose::suits_leaf(certificate, self.rules.purpose)
        } else {
            purpose::suits_authority(certificate, self.rules.purpose)
        };
        if !suits {
            self.fail(VerifyError::InvalidPurpose, position);
        }
    }

    /// From the anchor down: who signed, and when it holds.
    fn check_signatures(&mut self) {
        let path = self.path.clone();
        let Some((anchor, below)) = path.split_last() else {
            return;
        };
        let last = below.len();
        if anchor.may_have_issued(anchor) || self.rules.partial_chain {
            self.check_time(anchor, last);
        } else if last == 0 {
            self.fail(VerifyError::UnverifiedLeaf, 0);
            self.check_time(anchor, 0);
        }
        let mut issuer = anchor;
        for (position, subject) in below.iter().enumerate().rev() {
            if !issuer.extensions().usage_allows(KeyUsage::CERT_SIGN) {
                self.fail(VerifyError::NoCertSign, position + 1);
            }
            if subject.verify_signature(issuer.key()).is_err() {
                self.fail(VerifyError::SignatureFailure, position);
            }
            self.check_time(subject, position);
            issuer = subject;
        }
    }

    fn check_time(&mut self, certificate: &Certificate, position: usize) {
        let validity = certificate.validity();
        match validity.not_before {
            None => self.fail(VerifyError::NotBeforeFormat, position),
            Some(time) if time > self.rules.when => self.fail(VerifyError::NotYetValid, position),
            Some(_) => {}
        }
        match validity.not_after {
            None => self.fail(VerifyError::NotAfterFormat, position),
            // As `X509_cmp_time`: the last second does not belong to it any more.
            Some(time) if time <= self.rules.when => self.fail(VerifyError::Expired, position),
            Some(_) => {}
        }
    }
}

impl Purpose {
    /// The identifier in extKeyUsage.
    fn oid(self) -> &'static [u8] {
        match self {
            Self::Client => oid::CLIENT_AUTH,
            Self::Server => oid::SERVER_AUTH,
        }
    }
}
