//! Private keys in all the forms that OpenSSL writes, made into what a TLS library reads.

use aws_lc_rs::signature::{self as lc, KeyPair as _};
use thiserror::Error;

use crate::certificate::Certificate;
use crate::der::{self, DerError, OCTET_STRING, OID, SEQUENCE};
use crate::oid;
use crate::pem::{self, Block, PemError};
use crate::signature::KeyKind;

mod decrypt;
#[cfg(test)]
mod tests;

/// Why there is no key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyError {
    /// No block of the file is a private key.
    #[error("no private key found")]
    Missing,
    /// The file is not PEM.
    #[error("{0}")]
    Pem(#[from] PemError),
    /// The key is encrypted, and no passphrase was given.
    #[error("the private key is encrypted, and there is no passphrase for it")]
    NoPassphrase,
    /// None of the passphrases decrypts the key.
    #[error("none of the passphrases decrypts the private key")]
    WrongPassphrase,
    /// The key is encrypted in a way that is not supported.
    #[error("the private key is encrypted with {0}, which is not supported")]
    UnsupportedEncryption(String),
    /// The key is of a kind that is not supported.
    #[error("the private key is of an unsupported kind")]
    UnsupportedKind,
    /// The content of the block is not a key.
    #[error("the private key is not valid: {0}")]
    Invalid(#[from] DerError),
}

/// How a key is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// `PRIVATE KEY`: PKCS#8
    Pkcs8,
    /// `RSA PRIVATE KEY`: PKCS#1
    Pkcs1,
    /// `EC PRIVATE KEY`: SEC 1
    Sec1,
}

/// A private key. Its bytes are overwritten when it goes.
pub struct PrivateKey {
    format: KeyFormat,
    der: Vec<u8>,
}

impl PrivateKey {
    /// Reads the first private key of a PEM file; what stands before it, parameters of a curve or
    /// certificates, is skipped.
    ///
    /// The passphrases are tried in order if the key is encrypted.
    pub fn from_pem(text: &[u8], passphrases: &[impl AsRef<[u8]>]) -> Result<Self, KeyError> {
        for block in pem::blocks(text) {
            let block = block?;
            if block.is_private_key() {
                return Self::from_block(&block, passphrases);
            }
        }
        Err(KeyError::Missing)
    }

    fn from_block(block: &Block, passphrases: &[impl AsRef<[u8]>]) -> Result<Self, KeyError> {
        let format = match block.label.as_str() {
            "PRIVATE KEY" | "ENCRYPTED PRIVATE KEY" => KeyFormat::Pkcs8,
            "RSA PRIVATE KEY" => KeyFormat::Pkcs1,
            "EC PRIVATE KEY" => KeyFormat::Sec1,
            _ => return Err(KeyError::UnsupportedKind),
        };
        let decrypt = if block.label == "ENCRYPTED PRIVATE KEY" {
            decrypt::pkcs8
        } else if block.header("Proc-Type").is_some_and(is_encrypted) {
            decrypt::traditional
        } else {
            return Self::from_der(format, block.content.clone());
        };
        if passphrases.is_empty() {
            return Err(KeyError::NoPassphrase);
        }
        for passphrase in passphrases {
            // A wrong passphrase may leave a valid padding by chance; what it leaves is no key.
            match decrypt(block, passphrase.as_ref()) {
                Ok(der) => {
                    if let Ok(key) = Self::from_der(format, der) {
                        return Ok(key);
                    }
                }
                Err(KeyError::WrongPassphrase) => {}
                Err(error) => return Err(error),
            }
        }
        Err(KeyError::WrongPassphrase)
    }

    /// Takes a key that is not encrypted.
    pub fn from_der(format: KeyFormat, der: Vec<u8>) -> Result<Self, KeyError> {
        let key = Self { format, der };
        key.check()?;
        Ok(key)
    }

    /// How the key is encoded.
    pub fn format(&self) -> KeyFormat {
        self.format
    }

    /// The key in its encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whether the key is the one that the certificate is about.
    pub fn belongs_to(&self, certificate: &Certificate) -> bool {
        let key = certificate.key();
        let curve = match key.kind() {
            KeyKind::Rsa { .. } | KeyKind::RsaPss { .. } => {
                return self.rsa_public().is_ok_and(|own| own == key.bits());
            }
            KeyKind::P256 => &lc::ECDSA_P256_SHA256_ASN1_SIGNING,
            KeyKind::P384 => &lc::ECDSA_P384_SHA384_ASN1_SIGNING,
            KeyKind::P521 => &lc::ECDSA_P521_SHA512_ASN1_SIGNING,
            KeyKind::Ed25519 => {
                let pair = lc::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&self.der);
                return pair.is_ok_and(|pair| pair.public_key().as_ref() == key.bits());
            }
            KeyKind::Unknown => return false,
        };
        let Ok(pair) = lc::EcdsaKeyPair::from_private_key_der(curve, &self.der) else {
            return false;
        };
        // A certificate may have the point in its short form.
        let point = pair.public_key().as_ref();
        point == key.bits() || compressed(point) == key.bits()
    }

    /// An error if the structure is not that of a key.
    fn check(&self) -> Result<(), KeyError> {
        match self.format {
            KeyFormat::Pkcs1 => self.rsa_public().map(drop)?,
            KeyFormat::Sec1 => {
                let mut reader = der::whole(&self.der, SEQUENCE)?.reader();
                reader.small_integer()?;
                reader.expect(OCTET_STRING)?;
            }
            KeyFormat::Pkcs8 => {
                let (algorithm, content) = self.pkcs8_parts()?;
                match algorithm {
                    oid::RSA | oid::RSA_PSS => rsa_public(content).map(drop)?,
                    oid::EC | oid::ED25519 => {}
                    _ => return Err(KeyError::UnsupportedKind),
                }
            }
        }
        Ok(())
    }

    /// The algorithm, and what is in the OCTET STRING.
    fn pkcs8_parts(&self) -> Result<(&[u8], &[u8]), DerError> {
        let mut reader = der::whole(&self.der, SEQUENCE)?.reader();
        reader.small_integer()?;
        let algorithm = reader.inside(SEQUENCE)?.expect(OID)?.value;
        Ok((algorithm, reader.expect(OCTET_STRING)?.value))
    }

    /// The key's `RSAPublicKey`.
    fn rsa_public(&self) -> Result<Vec<u8>, DerError> {
        match self.format {
            KeyFormat::Pkcs1 => rsa_public(&self.der),
            KeyFormat::Pkcs8 => rsa_public(self.pkcs8_parts()?.1),
            KeyFormat::Sec1 => Err(DerError::Value),
        }
    }
}

/// Says nothing of the key itself.
impl std::fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PrivateKey")
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Drop for PrivateKey {
    fn drop(&mut self) {
        self.der.fill(0);
        // Without a look at the bytes the compiler may leave the writing out.
        std::hint::black_box(&self.der);
    }
}

fn is_encrypted(proc_type: &str) -> bool {
    proc_type.starts_with("4,") && proc_type.contains("ENCRYPTED")
}

/// `RSAPublicKey` out of an `RSAPrivateKey`.
fn rsa_public(private: &[u8]) -> Result<Vec<u8>, DerError> {
    let mut reader = der::whole(private, SEQUENCE)?.reader();
    reader.small_integer()?;
    let modulus = reader.expect(der::INTEGER)?.raw;
    let exponent = reader.expect(der::INTEGER)?.raw;
    Ok(der::wrap(SEQUENCE, &[modulus, exponent]))
}

/// SEC 1 §2.3.3: the short form of a point.
fn compressed(point: &[u8]) -> Vec<u8> {
    let (Some(rest), Some(last)) = (point.strip_prefix(&[4]), point.last()) else {
        return Vec::new();
    };
    let x = rest.get(..rest.len() / 2).unwrap_or_default();
    [&[2 | last & 1][..], x].concat()
}
