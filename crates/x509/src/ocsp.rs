//! OCSP (RFC 6960): the question about one certificate, and what a responder says.

use std::sync::Arc;

use aws_lc_rs::digest;
use thiserror::Error;

use crate::certificate::Certificate;
use crate::der::{self, DerError, ENUMERATED, Element, NULL, OCTET_STRING, OID, Reader, SEQUENCE};
use crate::name::Name;
use crate::oid;
use crate::signature::{self, Algorithm};
use crate::time::Time;

#[cfg(test)]
mod tests;

/// Why a response is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum OcspError {
    /// The bytes are not a response.
    #[error("not a valid OCSP response: {0}")]
    Invalid(#[from] DerError),
    /// The responder has no answer.
    #[error("OCSP response not successful ({0}: {name})", name = status_name(*.0))]
    NotSuccessful(u32),
    /// It is another kind of answer than the basic one.
    #[error("unsupported type of OCSP response")]
    UnsupportedType,
    /// No certificate of the responder is there.
    #[error("the signer of the OCSP response is not known")]
    UnknownSigner,
    /// The signer is neither the issuer nor one that the issuer authorised.
    #[error("the signer of the OCSP response is not authorised")]
    UnauthorisedSigner,
    /// The signature is wrong.
    #[error("bad signature of the OCSP response")]
    BadSignature,
    /// The answer is about other certificates.
    #[error("certificate status not found in the OCSP response")]
    StatusNotFound,
    /// The answer lies in the future, or in the past.
    #[error("the OCSP response is not valid at this time")]
    Expired,
}

/// What a responder says about a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is not revoked.
    Good,
    /// It is revoked.
    Revoked,
    /// The responder does not know it.
    Unknown,
}

impl Status {
    /// OpenSSL's word for it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Revoked => "revoked",
            Self::Unknown => "unknown",
        }
    }
}

/// A status, and how long it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SingleStatus {
    /// The status.
    pub status: Status,
    /// Since when it is known.
    pub this_update: Time,
    /// When there is news, if the responder says that.
    pub next_update: Option<Time>,
}

/// The request about `certificate`, as `OCSP_cert_to_id` with SHA-1 makes it.
pub fn request(certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let request = der::wrap(SEQUENCE, &[&certificate_id(certificate, issuer)]);
    let list = der::wrap(SEQUENCE, &[&request]);
    let to_be_signed = der::wrap(SEQUENCE, &[&list]);
    der::wrap(SEQUENCE, &[&to_be_signed])
}

/// A response of a responder that had an answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// What is signed.
    signed: Box<[u8]>,
    responder: Responder,
    answers: Vec<Answer>,
    algorithm: Algorithm,
    signature: Box<[u8]>,
    certificates: Vec<Arc<Certificate>>,
}

#[derive(Clone, Debug)]
enum Responder {
    Name(Name),
    /// SHA-1 of the key.
    KeyHash(Box<[u8]>),
}

#[derive(Clone, Debug)]
struct Answer {
    /// `CertID`, as encoded.
    id: Box<[u8]>,
    status: Status,
    this_update: Option<Time>,
    next_update: Option<Option<Time>>,
}

impl Response {
    /// Reads an `OCSPResponse`.
    ///
    /// # Errors
    ///
    /// `NotSuccessful` if it holds no answer.
    pub fn parse(der: &[u8]) -> Result<Self, OcspError> {
        let mut outer = der::whole(der, SEQUENCE)?.reader();
        let status = der::unsigned(outer.expect(ENUMERATED)?.value)?;
        if status != 0 {
            return Err(OcspError::NotSuccessful(status));
        }
        let mut bytes = outer.inside(der::context(0))?.inside(SEQUENCE)?;
        if bytes.expect(OID)?.value != oid::OCSP_BASIC {
            return Err(OcspError::UnsupportedType);
        }
        let basic = bytes.expect(OCTET_STRING)?.value;
        Ok(Self::parse_basic(basic)?)
    }

    fn parse_basic(der: &[u8]) -> Result<Self, DerError> {
        let mut basic = der::whole(der, SEQUENCE)?.reader();
        let data = basic.expect(SEQUENCE)?;
        let algorithm = Algorithm::parse(basic.expect(SEQUENCE)?.raw)?;
        let signature = basic.bit_string_bytes()?;
        let certificates = match basic.optional(der::context(0))? {
            Some(list) => read_certificates(&list)?,
            None => Vec::new(),
        };
        basic.finish()?;
        let mut reader = data.reader();
        reader.optional(der::context(0))?;
        let responder = reader.element()?;
        let responder = match responder.tag {
            BY_NAME => Responder::Name(Name::parse(responder.value)?),
            BY_KEY => Responder::KeyHash(der::whole(responder.value, OCTET_STRING)?.value.into()),
            _ => return Err(DerError::Tag),
        };
        reader.expect(der::GENERALIZED_TIME)?;
        let mut list = reader.inside(SEQUENCE)?;
        let mut answers = Vec::new();
        while !list.is_empty() && answers.len() < ANSWERS_MAX {
            answers.push(read_answer(&mut list)?);
        }
        Ok(Self {
            signed: data.raw.into(),
            responder,
            answers,
            algorithm,
            signature: signature.into(),
            certificates,
        })
    }

    /// Whether the issuer signed the response, or somebody whom it authorised (RFC 6960 §4.2.2.2):
    /// a certificate made by the issuer itself, for signing OCSP responses, valid at `when`. It may
    /// be in the response or among `others`.
    // DIFFERS: nginx takes a signature by any certificate of the chain, the client's own included.
    pub fn verify(
        &self,
        issuer: &Certificate,
        others: &[Arc<Certificate>],
        when: Time,
    ) -> Result<(), OcspError> {
        if self.is_by(issuer) {
            return self.check_signature(issuer);
        }
        let mut candidates = self.certificates.iter().chain(others);
        let signer = candidates
            .find(|candidate| self.is_by(candidate))
            .ok_or(OcspError::UnknownSigner)?;
        if !is_authorised(signer, issuer, when) {
            return Err(OcspError::UnauthorisedSigner);
        }
        self.check_signature(signer)
    }

    /// What the response says about `certificate`. An answer counts up to five minutes before and
    /// after its time, as in nginx.
    pub fn status_of(
        &self,
        certificate: &Certificate,
        issuer: &Certificate,
        when: Time,
    ) -> Result<SingleStatus, OcspError> {
        let id = certificate_id(certificate, issuer);
        let mut answers = self.answers.iter();
        let answer = answers
            .find(|answer| same_id(&answer.id, &id))
            .ok_or(OcspError::StatusNotFound)?;
        let this_update = answer.this_update.ok_or(DerError::Value)?;
        let next_update = match answer.next_update {
            Some(next) => Some(next.ok_or(DerError::Value)?),
            None => None,
        };
        let has_begun = this_update.0 <= when.0.saturating_add(CLOCK_SKEW_SECONDS);
        let has_ended = next_update.is_some_and(|next| {
            next < this_update || next.0 < when.0.saturating_sub(CLOCK_SKEW_SECONDS)
        });
        if !has_begun || has_ended {
            return Err(OcspError::Expired);
        }
        Ok(SingleStatus {
            status: answer.status,
            this_update,
            next_update,
        })
    }

    fn is_by(&self, certificate: &Certificate) -> bool {
        match &self.responder {
            Responder::Name(name) => name.matches(certificate.subject()),
            Responder::KeyHash(hash) => **hash == *sha1(certificate.key().bits()).as_ref(),
        }
    }

    fn check_signature(&self, signer: &Certificate) -> Result<(), OcspError> {
        signature::verify(&self.algorithm, signer.key(), &self.signed, &self.signature)
            .map_err(|_| OcspError::BadSignature)
    }
}

fn is_authorised(signer: &Certificate, issuer: &Certificate, when: Time) -> bool {
    let validity = signer.validity();
    let has_begun = validity.not_before.is_some_and(|time| time <= when);
    let has_ended = validity.not_after.is_none_or(|time| time <= when);
    let usages = signer.extensions().ext_key_usage.as_deref();
    let may_sign = usages
        .unwrap_or_default()
        .iter()
        .any(|usage| **usage == *oid::OCSP_SIGNING);
    may_sign
        && has_begun
        && !has_ended
        && !signer.extensions().unknown_critical
        && issuer.may_have_issued(signer)
        && signer.verify_signature(issuer.key()).is_ok()
}

/// `CertID` with SHA-1.
fn certificate_id(certificate: &Certificate, issuer: &Certificate) -> Vec<u8> {
    let algorithm = [der::wrap(OID, &[oid::SHA1]), der::wrap(NULL, &[])];
    let parts = [
        der::wrap(SEQUENCE, &[&algorithm.concat()]),
        der::wrap(OCTET_STRING, &[sha1(certificate.issuer().raw()).as_ref()]),
        der::wrap(OCTET_STRING, &[sha1(issuer.key().bits()).as_ref()]),
        der::wrap(der::INTEGER, &[certificate.serial()]),
    ];
    der::wrap(SEQUENCE, &[&parts.concat()])
}

/// Responders write the algorithm with its NULL or without; the rest must be the same.
fn same_id(one: &[u8], other: &[u8]) -> bool {
    let parts = |id| -> Result<(Vec<u8>, Vec<u8>), DerError> {
        let mut reader = der::whole(id, SEQUENCE)?.reader();
        let algorithm = reader.inside(SEQUENCE)?.expect(OID)?.value.to_vec();
        Ok((algorithm, reader.rest().to_vec()))
    };
    matches!((parts(one), parts(other)), (Ok(one), Ok(other)) if one == other)
}

fn sha1(bytes: &[u8]) -> digest::Digest {
    digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
}

fn read_certificates(list: &Element<'_>) -> Result<Vec<Arc<Certificate>>, DerError> {
    let mut list = list.reader().inside(SEQUENCE)?;
    let mut certificates = Vec::new();
    while !list.is_empty() && certificates.len() < CERTIFICATES_MAX {
        let certificate = Certificate::parse(list.expect(SEQUENCE)?.raw);
        certificates.push(Arc::new(certificate.map_err(|error| error.0)?));
    }
    Ok(certificates)
}

fn read_answer(list: &mut Reader<'_>) -> Result<Answer, DerError> {
    let mut reader = list.inside(SEQUENCE)?;
    let id = reader.expect(SEQUENCE)?.raw;
    let status = match reader.element()?.tag {
        GOOD => Status::Good,
        REVOKED => Status::Revoked,
        UNKNOWN => Status::Unknown,
        _ => return Err(DerError::Tag),
    };
    let this_update = Time::read(&reader.element()?);
    let next_update = match reader.optional(der::context(0))? {
        Some(next) => Some(Time::read(&next.reader().element()?)),
        None => None,
    };
    Ok(Answer {
        id: id.into(),
        status,
        this_update,
        next_update,
    })
}

/// OpenSSL's name of an `OCSPResponseStatus`.
fn status_name(status: u32) -> &'static str {
    match status {
        0 => "successful",
        1 => "malformedrequest",
        2 => "internalerror",
        3 => "trylater",
        5 => "sigrequired",
        6 => "unauthorized",
        _ => "(UNKNOWN)",
    }
}

const BY_NAME: u8 = der::context(1);
const BY_KEY: u8 = der::context(2);
const GOOD: u8 = der::context_primitive(0);
const REVOKED: u8 = der::context(1);
const UNKNOWN: u8 = der::context_primitive(2);

/// How far the clocks of responder and server may be apart.
const CLOCK_SKEW_SECONDS: i64 = 300;
/// One was asked about; what follows many others is not looked at.
const ANSWERS_MAX: usize = 100;
/// A responder's certificate, and what may stand above it.
const CERTIFICATES_MAX: usize = 10;
