//! The algorithms of signatures (RFC 7518 §3, RFC 8037), each tied to one kind of key.

use aws_lc_rs::hmac;
use aws_lc_rs::signature as lc;
use x509::{KeyKind, PublicKey};

/// An algorithm, as `alg` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Hs256,
    Hs384,
    Hs512,
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
}

impl Algorithm {
    const ALL: [(&str, Algorithm); 14] = [
        ("HS256", Self::Hs256),
        ("HS384", Self::Hs384),
        ("HS512", Self::Hs512),
        ("RS256", Self::Rs256),
        ("RS384", Self::Rs384),
        ("RS512", Self::Rs512),
        ("PS256", Self::Ps256),
        ("PS384", Self::Ps384),
        ("PS512", Self::Ps512),
        ("ES256", Self::Es256),
        ("ES384", Self::Es384),
        ("ES512", Self::Es512),
        ("EdDSA", Self::EdDsa),
        // RFC 9864 names it by its curve.
        ("Ed25519", Self::EdDsa),
    ];

    /// The algorithm of that name; `none` is none.
    pub fn of(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        all.find(|(known, _)| *known == name).map(|&(_, it)| it)
    }

    /// What a secret computes with; nothing if the algorithm is not for secrets.
    fn hmac(self) -> Option<hmac::Algorithm> {
        match self {
            Self::Hs256 => Some(hmac::HMAC_SHA256),
            Self::Hs384 => Some(hmac::HMAC_SHA384),
            Self::Hs512 => Some(hmac::HMAC_SHA512),
            _ => None,
        }
    }

    /// How a public key of that kind verifies; nothing if the two do not belong together.
    fn verification(self, kind: KeyKind) -> Option<&'static dyn lc::VerificationAlgorithm> {
        Some(match (self, kind) {
            (Self::Rs256, KeyKind::Rsa { .. }) => &lc::RSA_PKCS1_2048_8192_SHA256,
            (Self::Rs384, KeyKind::Rsa { .. }) => &lc::RSA_PKCS1_2048_8192_SHA384,
            (Self::Rs512, KeyKind::Rsa { .. }) => &lc::RSA_PKCS1_2048_8192_SHA512,
            (Self::Ps256, KeyKind::Rsa { .. } | KeyKind::RsaPss { .. }) => {
                &lc::RSA_PSS_2048_8192_SHA256
            }
            (Self::Ps384, KeyKind::Rsa { .. } | KeyKind::RsaPss { .. }) => {
                &lc::RSA_PSS_2048_8192_SHA384
            }
            (Self::Ps512, KeyKind::Rsa { .. } | KeyKind::RsaPss { .. }) => {
                &lc::RSA_PSS_2048_8192_SHA512
            }
            // RFC 7518 §3.4: each of these is for one curve.
            (Self::Es256, KeyKind::P256) => &lc::ECDSA_P256_SHA256_FIXED,
            (Self::Es384, KeyKind::P384) => &lc::ECDSA_P384_SHA384_FIXED,
            (Self::Es512, KeyKind::P521) => &lc::ECDSA_P521_SHA512_FIXED,
            (Self::EdDsa, KeyKind::Ed25519) => &lc::ED25519,
            _ => return None,
        })
    }

    /// Whether it is computed with a secret.
    pub fn is_for_secrets(self) -> bool {
        self.hmac().is_some()
    }

    /// Whether keys of that kind sign with it.
    pub fn is_for(self, kind: KeyKind) -> bool {
        self.verification(kind).is_some()
    }

    /// Whether a secret made this tag. False too if the algorithm is not for secrets.
    pub fn verify_with_secret(self, secret: &[u8], signed: &[u8], tag: &[u8]) -> bool {
        let Some(algorithm) = self.hmac() else {
            return false;
        };
        // Compares in constant time.
        hmac::verify(&hmac::Key::new(algorithm, secret), signed, tag).is_ok()
    }

    /// Whether the owner of a key made this signature. False too if the key is of another kind.
    pub fn verify_with_key(self, key: &PublicKey, signed: &[u8], signature: &[u8]) -> bool {
        let Some(algorithm) = self.verification(key.kind()) else {
            return false;
        };
        let key = lc::UnparsedPublicKey::new(algorithm, key.spki());
        key.verify(signed, signature).is_ok()
    }
}
