//! Certificates (RFC 5280 §4), and forms that are older than it: version 1, no extensions.

use std::net::IpAddr;

use aws_lc_rs::digest;
use thiserror::Error;

use crate::der::{self, DerError, Reader, SEQUENCE};
use crate::extensions::Extensions;
use crate::name::{self, Name};
use crate::signature::{self, Algorithm, PublicKey, SignatureError};
use crate::time::Time;

#[cfg(test)]
mod tests;

/// Why bytes are not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a valid certificate: {0}")]
pub struct CertificateError(#[from] pub DerError);

/// A certificate.
#[derive(Clone)]
pub struct Certificate {
    der: Box<[u8]>,
    /// What is signed, within `der`.
    signed: std::ops::Range<usize>,
    version: u32,
    serial: Box<[u8]>,
    issuer: Name,
    subject: Name,
    validity: Validity,
    key: PublicKey,
    algorithm: Algorithm,
    signature: Box<[u8]>,
    extensions: Extensions,
    trust: Option<Trust>,
    /// Issuer and subject are the same, see [`Self::is_self_issued`].
    self_issued: bool,
    self_signed: bool,
}

/// From when to when a certificate holds; `None` where OpenSSL reports a format error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first moment.
    pub not_before: Option<Time>,
    /// The last moment.
    pub not_after: Option<Time>,
}

/// What a `TRUSTED CERTIFICATE` adds: for which purposes (identifiers as in extKeyUsage) it is an
/// anchor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// Trusted for these, and rejected for others; all, if there is no list.
    pub trusted: Option<Vec<Box<[u8]>>>,
    /// Rejected for these.
    pub rejected: Vec<Box<[u8]>>,
}

impl Certificate {
    /// Reads a certificate that is all of `der`.
    pub fn parse(der: &[u8]) -> Result<Self, CertificateError> {
        der::whole(der, SEQUENCE)?;
        Self::parse_first(der)
    }

    /// Reads the content of a PEM block with the label `TRUSTED CERTIFICATE`, or of one without
    /// what that adds.
    pub fn parse_trusted(content: &[u8]) -> Result<Self, CertificateError> {
        let mut reader = Reader::new(content);
        let mut certificate = Self::parse_first(reader.expect(SEQUENCE)?.raw)?;
        if !reader.is_empty() {
            certificate.trust = Some(read_trust(&mut reader)?);
        }
        Ok(certificate)
    }

    fn parse_first(der: &[u8]) -> Result<Self, CertificateError> {
        let mut outer = der::whole(der, SEQUENCE)?.reader();
        let tbs = outer.expect(SEQUENCE)?;
        let algorithm = Algorithm::parse(outer.expect(SEQUENCE)?.raw)?;
        let signature = outer.bit_string_bytes()?;
        outer.finish()?;
        let header = der.len() - outer_value_length(der)?;
        let signed = header..header + tbs.raw.len();

        let mut tbs = tbs.reader();
        let version = match tbs.optional(der::context(0))? {
            Some(version) => version.reader().small_integer()?,
            None => 0,
        };
        let serial = tbs.integer()?;
        // RFC 5280 §4.1.1.2: the algorithm that is signed and the one beside the signature agree.
        if tbs.expect(SEQUENCE)?.raw != algorithm.raw() {
            return Err(DerError::Value.into());
        }
        let issuer = name::read(&mut tbs)?;
        let validity = read_validity(&mut tbs)?;
        let subject = name::read(&mut tbs)?;
        let key = PublicKey::parse(tbs.expect(SEQUENCE)?.raw)?;
        tbs.optional(der::context_primitive(1))?;
        tbs.optional(der::context_primitive(2))?;
        let extensions = match tbs.optional(der::context(3))? {
            Some(element) => Extensions::parse(element.value)?,
            None => Extensions::default(),
        };
        tbs.finish()?;

        let mut certificate = Self {
            der: der.into(),
            signed,
            version,
            serial: serial.into(),
            self_issued: issuer.matches(&subject),
            self_signed: false,
            issuer,
            subject,
            validity,
            key,
            algorithm,
            signature: signature.into(),
            extensions,
            trust: None,
        };
        certificate.self_signed = certificate.may_have_issued(&certificate);
        Ok(certificate)
    }

    /// The certificate as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// 1 to 3, as in "X.509 v3".
    pub fn version(&self) -> u32 {
        self.version.saturating_add(1)
    }

    /// The content of the serial number's INTEGER.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// The serial number in upper case hexadecimal digits, as OpenSSL's `i2a_ASN1_INTEGER`.
    pub fn serial_hex(&self) -> String {
        integer_hex(&self.serial)
    }

    /// Who signed.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// Whom the certificate is about.
    pub fn subject(&self) -> &Name {
        &self.subject
    }

    /// From when to when.
    pub fn validity(&self) -> Validity {
        self.validity
    }

    /// The subject's key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// How the issuer signed.
    pub fn algorithm(&self) -> &Algorithm {
        &self.algorithm
    }

    /// What the extensions say.
    pub fn extensions(&self) -> &Extensions {
        &self.extensions
    }

    /// What a `TRUSTED CERTIFICATE` added.
    pub fn trust(&self) -> Option<&Trust> {
        self.trust.as_ref()
    }

    /// SHA-1 of the DER in lower case hexadecimal digits.
    pub fn sha1_fingerprint(&self) -> String {
        let digest = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &self.der);
        digest.as_ref().iter().map(|b| format!("{b:02x}")).collect()
    }

    /// The host names of subjectAltName.
    pub fn dns_names(&self) -> impl Iterator<Item = &[u8]> {
        self.extensions.alt_names.dns.iter().map(|name| &**name)
    }

    /// The addresses of subjectAltName.
    pub fn ip_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.extensions.alt_names.ips.iter().copied()
    }

    /// Whether issuer and subject are the same name.
    pub fn is_self_issued(&self) -> bool {
        self.self_issued
    }

    /// Whether the certificate looks as if its own key had signed it (OpenSSL's `EXFLAG_SS`).
    pub fn is_self_signed(&self) -> bool {
        self.self_signed
    }

    /// Whether `self` may be the issuer of `subject`: names, key identifiers and kind of key agree.
    pub fn may_have_issued(&self, subject: &Certificate) -> bool {
        self.subject.matches(&subject.issuer)
            && self.fits_authority(&subject.extensions)
            && self.key.may_sign(&subject.algorithm)
    }

    /// Whether the authority key identifier, as far as there is one, names this certificate.
    pub(crate) fn fits_authority(&self, extensions: &Extensions) -> bool {
        let Some(authority) = &extensions.authority_key_id else {
            return true;
        };
        let differs = |wanted: &Option<Box<[u8]>>, have: Option<&[u8]>| matches!((wanted, have), (Some(wanted), Some(have)) if **wanted != *have);
        !differs(&authority.key_id, self.extensions.subject_key_id.as_deref())
            && !differs(&authority.serial, Some(&self.serial))
            && !matches!(&authority.issuer, Some(issuer) if !issuer.matches(&self.issuer))
    }

    /// Whether `issuer_key` signed this certificate.
    pub fn verify_signature(&self, issuer_key: &PublicKey) -> Result<(), SignatureError> {
        let signed = self.der.get(self.signed.clone()).unwrap_or_default();
        signature::verify(&self.algorithm, issuer_key, signed, &self.signature)
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for Certificate {}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("subject", &self.subject)
            .field("issuer", &self.issuer)
            .field("serial", &self.serial_hex())
            .finish_non_exhaustive()
    }
}

/// An INTEGER's content as OpenSSL's `i2a_ASN1_INTEGER` prints it.
pub(crate) fn integer_hex(value: &[u8]) -> String {
    let negative = value.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut magnitude = value.to_vec();
    if negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            let (next, overflow) = (!*byte).overflowing_add(u8::from(carry));
            (*byte, carry) = (next, overflow);
        }
    }
    let zeros = magnitude.iter().take_while(|&&byte| byte == 0).count();
    let mut text = String::from(if negative { "-" } else { "" });
    for byte in magnitude.iter().skip(zeros) {
        text.push_str(&format!("{byte:02X}"));
    }
    if zeros == magnitude.len() {
        text.push_str("00");
    }
    text
}

fn outer_value_length(der: &[u8]) -> Result<usize, DerError> {
    Ok(der::whole(der, SEQUENCE)?.value.len())
}

fn read_validity(reader: &mut Reader<'_>) -> Result<Validity, DerError> {
    let mut times = reader.inside(SEQUENCE)?;
    let validity = Validity {
        not_before: Time::read(&times.element()?),
        not_after: Time::read(&times.element()?),
    };
    times.finish()?;
    Ok(validity)
}

/// OpenSSL's `X509_CERT_AUX`; alias and key identifier are of no interest.
fn read_trust(reader: &mut Reader<'_>) -> Result<Trust, DerError> {
    let mut aux = reader.inside(SEQUENCE)?;
    reader.finish()?;
    let oids = |mut list: Reader<'_>| {
        let mut oids: Vec<Box<[u8]>> = Vec::new();
        while !list.is_empty() {
            oids.push(list.expect(der::OID)?.value.into());
        }
        Ok(oids)
    };
    let trusted = aux.optional(SEQUENCE)?;
    let rejected = aux.optional(der::context(0))?;
    Ok(Trust {
        trusted: trusted.map(|list| oids(list.reader())).transpose()?,
        rejected: rejected.map_or(Ok(Vec::new()), |list| oids(list.reader()))?,
    })
}
