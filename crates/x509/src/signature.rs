//! Public keys and signatures: of certificates, lists, OCSP responses and TLS handshakes.

use aws_lc_rs::signature as lc;
use thiserror::Error;

use crate::der::{self, DerError, NULL, OID, Reader, SEQUENCE};
use crate::oid;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SignatureError {
    /// An algorithm, a curve or a size of key that is not supported.
    #[error("unsupported signature algorithm or key")]
    Unsupported,
    /// The kind of key cannot have made this kind of signature.
    #[error("signature algorithm and key do not fit")]
    Mismatch,
    /// The signature is wrong.
    #[error("bad signature")]
    Bad,
}

/// A public key: `SubjectPublicKeyInfo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    spki: Box<[u8]>,
    kind: KeyKind,
}

/// What kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// RSA, with the length of its modulus.
    Rsa {
        /// Length of the modulus.
        bits: u32,
    },
    /// RSA that may only be used with PSS.
    RsaPss {
        /// Length of the modulus.
        bits: u32,
    },
    /// P-256
    P256,
    /// P-384
    P384,
    /// P-521
    P521,
    /// Ed25519
    Ed25519,
    /// Any other.
    Unknown,
}

impl PublicKey {
    /// Reads a `SubjectPublicKeyInfo`, header included.
    pub fn parse(spki: &[u8]) -> Result<Self, DerError> {
        let mut reader = der::whole(spki, SEQUENCE)?.reader();
        let mut algorithm = reader.inside(SEQUENCE)?;
        let bits = reader.bit_string_bytes()?;
        reader.finish()?;
        let kind = match algorithm.expect(OID)?.value {
            oid::RSA => KeyKind::Rsa {
                bits: modulus_bits(bits)?,
            },
            oid::RSA_PSS => KeyKind::RsaPss {
                bits: modulus_bits(bits)?,
            },
            oid::EC => match algorithm.optional(OID)?.map(|curve| curve.value) {
                Some(oid::P256) => KeyKind::P256,
                Some(oid::P384) => KeyKind::P384,
                Some(oid::P521) => KeyKind::P521,
                _ => KeyKind::Unknown,
            },
            oid::ED25519 => KeyKind::Ed25519,
            _ => KeyKind::Unknown,
        };
        Ok(Self {
            spki: spki.into(),
            kind,
        })
    }

    /// The key as `SubjectPublicKeyInfo`.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// What kind of key it is.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The content of the key's BIT STRING: a point, an `RSAPublicKey`.
    pub fn bits(&self) -> &[u8] {
        let read = || {
            let mut reader = der::whole(&self.spki, SEQUENCE)?.reader();
            reader.expect(SEQUENCE)?;
            reader.bit_string_bytes()
        };
        read().unwrap_or_default()
    }

    /// How hard the key is to break, in bits as OpenSSL counts them (NIST SP 800-57).
    pub fn security_bits(&self) -> u32 {
        match self.kind {
            KeyKind::Rsa { bits } | KeyKind::RsaPss { bits } => match bits {
                15360.. => 256,
                7680.. => 192,
                3072.. => 128,
                2048.. => 112,
                1024.. => 80,
                _ => 0,
            },
            KeyKind::P256 | KeyKind::Ed25519 => 128,
            KeyKind::P384 => 192,
            KeyKind::P521 => 256,
            KeyKind::Unknown => 0,
        }
    }

    /// Whether this kind of key makes this kind of signature.
    pub(crate) fn may_sign(&self, algorithm: &Algorithm) -> bool {
        // Kinds that are not known are left to fail when the signature is verified.
        matches!(
            (self.kind, algorithm.scheme),
            (KeyKind::Unknown, _)
                | (_, Scheme::Unknown)
                | (KeyKind::Rsa { .. }, Scheme::RsaPkcs1(_) | Scheme::RsaPss(_))
                | (KeyKind::RsaPss { .. }, Scheme::RsaPss(_))
                | (
                    KeyKind::P256 | KeyKind::P384 | KeyKind::P521,
                    Scheme::Ecdsa(_)
                )
                | (KeyKind::Ed25519, Scheme::Ed25519)
        )
    }
}

/// A digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Digest {
    /// MD5, which is never accepted.
    Md5,
    /// SHA-1
    Sha1,
    /// SHA-224, which is never accepted in a signature.
    Sha224,
    /// SHA-256
    Sha256,
    /// SHA-384
    Sha384,
    /// SHA-512
    Sha512,
}

impl Digest {
    fn of(oid: &[u8]) -> Option<Self> {
        match oid {
            oid::SHA1 => Some(Self::Sha1),
            oid::SHA224 => Some(Self::Sha224),
            oid::SHA256 => Some(Self::Sha256),
            oid::SHA384 => Some(Self::Sha384),
            oid::SHA512 => Some(Self::Sha512),
            _ => None,
        }
    }

    /// As OpenSSL counts: half of the output, less where attacks are known.
    fn security_bits(self) -> u32 {
        match self {
            Self::Md5 => 39,
            Self::Sha1 => 63,
            Self::Sha224 => 112,
            Self::Sha256 => 128,
            Self::Sha384 => 192,
            Self::Sha512 => 256,
        }
    }
}

/// How something was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5
    RsaPkcs1(Digest),
    /// RSASSA-PSS with the same digest in MGF1, and a salt as long as the digest.
    RsaPss(Digest),
    /// ECDSA over whatever curve the key is on.
    Ecdsa(Digest),
    /// Ed25519
    Ed25519,
    /// Any other.
    Unknown,
}

/// An `AlgorithmIdentifier` of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Algorithm {
    raw: Box<[u8]>,
    scheme: Scheme,
}

impl Algorithm {
    /// Reads an `AlgorithmIdentifier`, header included.
    pub fn parse(raw: &[u8]) -> Result<Self, DerError> {
        let mut reader = der::whole(raw, SEQUENCE)?.reader();
        let scheme = match reader.expect(OID)?.value {
            oid::RSA_MD5 => Scheme::RsaPkcs1(Digest::Md5),
            oid::RSA_SHA1 => Scheme::RsaPkcs1(Digest::Sha1),
            oid::RSA_SHA224 => Scheme::RsaPkcs1(Digest::Sha224),
            oid::RSA_SHA256 => Scheme::RsaPkcs1(Digest::Sha256),
            oid::RSA_SHA384 => Scheme::RsaPkcs1(Digest::Sha384),
            oid::RSA_SHA512 => Scheme::RsaPkcs1(Digest::Sha512),
            oid::RSA_PSS => pss(&mut reader)?,
            oid::ECDSA_SHA1 => Scheme::Ecdsa(Digest::Sha1),
            oid::ECDSA_SHA224 => Scheme::Ecdsa(Digest::Sha224),
            oid::ECDSA_SHA256 => Scheme::Ecdsa(Digest::Sha256),
            oid::ECDSA_SHA384 => Scheme::Ecdsa(Digest::Sha384),
            oid::ECDSA_SHA512 => Scheme::Ecdsa(Digest::Sha512),
            oid::ED25519 => Scheme::Ed25519,
            _ => Scheme::Unknown,
        };
        Ok(Self {
            raw: raw.into(),
            scheme,
        })
    }

    /// The identifier as DER.
    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    /// What it stands for.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// How hard such a signature is to forge, in bits; `None` if that is not known.
    pub fn security_bits(&self) -> Option<u32> {
        match self.scheme {
            Scheme::RsaPkcs1(digest) | Scheme::RsaPss(digest) | Scheme::Ecdsa(digest) => {
                Some(digest.security_bits())
            }
            Scheme::Ed25519 => Some(128),
            Scheme::Unknown => None,
        }
    }
}

/// Whether `key` signed `message`.
pub fn verify(
    algorithm: &Algorithm,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    verify_scheme(algorithm.scheme, key, message, signature)
}

/// Whether `key` signed `message` in a TLS handshake, with a `SignatureScheme` as in RFC 8446
/// §4.2.3. In TLS 1.2 a scheme of ECDSA does not say which curve, in TLS 1.3 it does; the caller
/// tells `tls13`.
///
/// # Errors
///
/// `Mismatch` if the kind of key is not the scheme's, `Unsupported` for a scheme that TLS must not
/// use any more, SHA-1 among them.
pub fn verify_handshake(
    version: HandshakeVersion,
    scheme: u16,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let tls13 = version == HandshakeVersion::Tls13;
    let (wanted, curve) = match scheme {
        0x0401 if !tls13 => (Scheme::RsaPkcs1(Digest::Sha256), None),
        0x0501 if !tls13 => (Scheme::RsaPkcs1(Digest::Sha384), None),
        0x0601 if !tls13 => (Scheme::RsaPkcs1(Digest::Sha512), None),
        0x0403 => (Scheme::Ecdsa(Digest::Sha256), Some(KeyKind::P256)),
        0x0503 => (Scheme::Ecdsa(Digest::Sha384), Some(KeyKind::P384)),
        0x0603 => (Scheme::Ecdsa(Digest::Sha512), Some(KeyKind::P521)),
        0x0804 | 0x0809 => (Scheme::RsaPss(Digest::Sha256), None),
        0x0805 | 0x080a => (Scheme::RsaPss(Digest::Sha384), None),
        0x0806 | 0x080b => (Scheme::RsaPss(Digest::Sha512), None),
        0x0807 => (Scheme::Ed25519, None),
        _ => return Err(SignatureError::Unsupported),
    };
    if tls13 && curve.is_some_and(|curve| curve != key.kind) {
        return Err(SignatureError::Mismatch);
    }
    // RFC 8446 §4.2.3: rsa_pss_rsae is for keys of rsaEncryption, rsa_pss_pss for those of PSS.
    let fits = match (scheme, key.kind) {
        (0x0804..=0x0806, kind) => matches!(kind, KeyKind::Rsa { .. }),
        (0x0809..=0x080b, kind) => matches!(kind, KeyKind::RsaPss { .. }),
        _ => true,
    };
    if !fits {
        return Err(SignatureError::Mismatch);
    }
    verify_scheme(wanted, key, message, signature)
}

/// Which TLS a handshake signature belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeVersion {
    /// TLS 1.2
    Tls12,
    /// TLS 1.3
    Tls13,
}

fn verify_scheme(
    scheme: Scheme,
    key: &PublicKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    let verifier: &'static dyn lc::VerificationAlgorithm = match (key.kind, scheme) {
        (KeyKind::Rsa { bits }, Scheme::RsaPkcs1(digest)) => rsa_pkcs1(bits, digest)?,
        (KeyKind::Rsa { .. } | KeyKind::RsaPss { .. }, Scheme::RsaPss(digest)) => match digest {
            Digest::Sha256 => &lc::RSA_PSS_2048_8192_SHA256,
            Digest::Sha384 => &lc::RSA_PSS_2048_8192_SHA384,
            Digest::Sha512 => &lc::RSA_PSS_2048_8192_SHA512,
            _ => return Err(SignatureError::Unsupported),
        },
        (KeyKind::P256, Scheme::Ecdsa(digest)) => match digest {
            Digest::Sha1 => &lc::ECDSA_P256_SHA1_ASN1,
            Digest::Sha256 => &lc::ECDSA_P256_SHA256_ASN1,
            Digest::Sha384 => &lc::ECDSA_P256_SHA384_ASN1,
            Digest::Sha512 => &lc::ECDSA_P256_SHA512_ASN1,
            _ => return Err(SignatureError::Unsupported),
        },
        (KeyKind::P384, Scheme::Ecdsa(digest)) => match digest {
            Digest::Sha256 => &lc::ECDSA_P384_SHA256_ASN1,
            Digest::Sha384 => &lc::ECDSA_P384_SHA384_ASN1,
            Digest::Sha512 => &lc::ECDSA_P384_SHA512_ASN1,
            _ => return Err(SignatureError::Unsupported),
        },
        (KeyKind::P521, Scheme::Ecdsa(digest)) => match digest {
            Digest::Sha1 => &lc::ECDSA_P521_SHA1_ASN1,
            Digest::Sha224 => &lc::ECDSA_P521_SHA224_ASN1,
            Digest::Sha256 => &lc::ECDSA_P521_SHA256_ASN1,
            Digest::Sha384 => &lc::ECDSA_P521_SHA384_ASN1,
            Digest::Sha512 => &lc::ECDSA_P521_SHA512_ASN1,
            Digest::Md5 => return Err(SignatureError::Unsupported),
        },
        (KeyKind::Ed25519, Scheme::Ed25519) => &lc::ED25519,
        (KeyKind::Unknown, _) | (_, Scheme::Unknown) => return Err(SignatureError::Unsupported),
        _ => return Err(SignatureError::Mismatch),
    };
    lc::UnparsedPublicKey::new(verifier, key.bits())
        .verify(message, signature)
        .map_err(|_| SignatureError::Bad)
}

fn rsa_pkcs1(
    bits: u32,
    digest: Digest,
) -> Result<&'static dyn lc::VerificationAlgorithm, SignatureError> {
    // Whether a key of 1024 bits or SHA-1 is good enough is the caller's question.
    Ok(match digest {
        Digest::Sha1 => &lc::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 if bits < 2048 => &lc::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        Digest::Sha512 if bits < 2048 => &lc::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
        Digest::Sha256 => &lc::RSA_PKCS1_2048_8192_SHA256,
        Digest::Sha384 => &lc::RSA_PKCS1_2048_8192_SHA384,
        Digest::Sha512 => &lc::RSA_PKCS1_2048_8192_SHA512,
        Digest::Md5 | Digest::Sha224 => return Err(SignatureError::Unsupported),
    })
}

/// RFC 4055 §3.1: all parameters default to SHA-1.
fn pss(reader: &mut Reader<'_>) -> Result<Scheme, DerError> {
    let Some(parameters) = reader.optional(SEQUENCE)? else {
        return Ok(Scheme::RsaPss(Digest::Sha1));
    };
    let mut parameters = parameters.reader();
    let mut digest = Some(Digest::Sha1);
    let mut mask_digest = Some(Digest::Sha1);
    let mut salt_bytes = 20;
    if let Some(hash) = parameters.optional(der::context(0))? {
        digest = digest_of(&mut hash.reader())?;
    }
    if let Some(mask) = parameters.optional(der::context(1))? {
        let mut mask = mask.reader().inside(SEQUENCE)?;
        let is_mgf1 = mask.expect(OID)?.value == oid::MGF1;
        mask_digest = digest_of(&mut mask)?.filter(|_| is_mgf1);
    }
    if let Some(salt) = parameters.optional(der::context(2))? {
        salt_bytes = salt.reader().small_integer()?;
    }
    let expected_salt = match digest {
        Some(Digest::Sha256) => 32,
        Some(Digest::Sha384) => 48,
        Some(Digest::Sha512) => 64,
        _ => 20,
    };
    Ok(match digest {
        Some(hash) if digest == mask_digest && salt_bytes == expected_salt => Scheme::RsaPss(hash),
        _ => Scheme::Unknown,
    })
}

fn digest_of(reader: &mut Reader<'_>) -> Result<Option<Digest>, DerError> {
    let mut identifier = reader.inside(SEQUENCE)?;
    let digest = Digest::of(identifier.expect(OID)?.value);
    identifier.optional(NULL)?;
    Ok(digest)
}

fn modulus_bits(key: &[u8]) -> Result<u32, DerError> {
    let mut key = der::whole(key, SEQUENCE)?.reader();
    let modulus = key.integer()?;
    let zeros = modulus.iter().take_while(|&&byte| byte == 0).count();
    let Some(first) = modulus.get(zeros) else {
        return Ok(0);
    };
    let bytes = u32::try_from(modulus.len() - zeros).map_err(|_| DerError::Value)?;
    Ok(bytes.saturating_mul(8) - first.leading_zeros())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};

    use super::*;
    use crate::testing::{certificate, file};
    use crate::{KeyFormat, PrivateKey};

    #[test]
    fn handshakes_are_signed_with_the_key_of_the_certificate() {
        let text = file("ec_pkcs8.key");
        let key = PrivateKey::from_pem(&text, &[""; 0]).unwrap();
        assert_eq!(key.format(), KeyFormat::Pkcs8);
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, key.der()).unwrap();
        let signature = pair.sign(&SystemRandom::new(), b"transcript").unwrap();
        let own = certificate("self");
        let check = |version, scheme, key: &PublicKey, message: &[u8]| {
            verify_handshake(version, scheme, key, message, signature.as_ref())
        };
        let (tls12, tls13) = (HandshakeVersion::Tls12, HandshakeVersion::Tls13);
        for version in [tls12, tls13] {
            assert_eq!(check(version, 0x0403, own.key(), b"transcript"), Ok(()));
            let bad = check(version, 0x0403, own.key(), b"other");
            assert_eq!(bad, Err(SignatureError::Bad));
            let other = certificate("direct");
            let bad = check(version, 0x0403, other.key(), b"transcript");
            assert_eq!(bad, Err(SignatureError::Bad));
            let sha1 = check(version, 0x0203, own.key(), b"transcript");
            assert_eq!(sha1, Err(SignatureError::Unsupported));
        }
        let wrong_curve = check(tls13, 0x0503, own.key(), b"transcript");
        assert_eq!(wrong_curve, Err(SignatureError::Mismatch));
        let rsa = certificate("rsa");
        let wrong_kind = check(tls12, 0x0403, rsa.key(), b"transcript");
        assert_eq!(wrong_kind, Err(SignatureError::Mismatch));
        let pkcs1 = check(tls13, 0x0401, rsa.key(), b"transcript");
        assert_eq!(pkcs1, Err(SignatureError::Unsupported));
    }
}
