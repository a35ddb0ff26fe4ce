//! Certificates (RFC 5280), revocation lists, OCSP (RFC 6960) and private keys: bytes in, verdicts
//! out. No sockets, no clock, no TLS.

#![forbid(unsafe_code)]

mod certificate;
pub mod chain;
mod crl;
pub mod der;
mod extensions;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod host;
mod key;
mod name;
pub mod ocsp;
pub mod oid;
pub mod pem;
mod signature;
#[cfg(test)]
mod testing;
mod time;
mod verify_error;

pub use certificate::{Certificate, CertificateError, Trust, Validity};
pub use chain::{Judgement, Purpose, Rules, TrustStore};
pub use crl::{Crl, CrlError, CrlStore};
pub use extensions::{
    AltNames, AuthorityKeyId, BasicConstraints, Extensions, KeyUsage, NameConstraints, Subtree,
};
pub use key::{KeyError, KeyFormat, PrivateKey};
pub use name::Name;
pub use signature::{
    Algorithm, Digest, HandshakeVersion, KeyKind, PublicKey, Scheme, SignatureError,
    verify_handshake,
};
pub use time::Time;
pub use verify_error::VerifyError;
