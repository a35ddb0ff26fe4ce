//! The keys that vouch for tokens: a set in JSON (RFC 7517), PEM, or one secret.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::RsaPublicKeyComponents;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use x509::{Certificate, KeyKind, PublicKey, pem};

use crate::algorithm::Algorithm;
use crate::token::{JwtError, Parts, Token};

/// How many keys a file may hold.
const KEYS_MAX: usize = 256;

/// RFC 7518 §3.2: a secret is at least as long as the digest.
const SECRET_BYTES_MIN: usize = 32;

/// Why a file has no keys.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// It is JSON, and no set of keys.
    #[error("the JSON is neither a key nor a set of \"keys\"")]
    NoSet,
    /// A key of the set is not what it says.
    #[error("key {0} of the set: {1}")]
    InSet(usize, &'static str),
    /// PEM that cannot be read.
    #[error("{0}")]
    Pem(#[from] pem::PemError),
    /// PEM that holds a key of no use.
    #[error(
        "the PEM holds no public key or certificate with RSA, P-256, P-384, P-521 or Ed25519, \
         and no private key of RSA"
    )]
    NoPublicKey,
    /// Neither JSON nor PEM, and no secret in base64url either.
    #[error("neither a JSON Web Key set, nor PEM, nor a secret in base64url")]
    Unknown,
    /// A secret that is easily guessed.
    #[error("the secret is shorter than 32 bytes")]
    ShortSecret,
    /// No key is left that can verify anything.
    #[error("there is no key for signatures in it")]
    Empty,
    /// More than is looked through.
    #[error("there are more than 256 keys in it")]
    TooMany,
}

/// Keys of whom tokens are believed.
pub struct Keys(Vec<Key>);

struct Key {
    /// `kid`
    id: Option<String>,
    /// `alg`: the only algorithm that it is for.
    algorithm: Option<Algorithm>,
    material: Material,
}

enum Material {
    Secret(Box<[u8]>),
    Public(PublicKey),
    /// Opens what is encrypted for it, and vouches for nothing.
    Private(OaepPrivateDecryptingKey),
}

/// What the keys are is left out.
impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Keys").field(&self.0.len()).finish()
    }
}

impl Keys {
    /// Reads a file of keys, whichever of the three it is.
    pub fn parse(text: &[u8]) -> Result<Self, KeyError> {
        let keys = match text.trim_ascii_start().first() {
            Some(b'{') => from_json(text)?,
            _ if memmem(text, b"-----BEGIN ") => from_pem(text)?,
            _ => vec![from_secret(text)?],
        };
        match keys.len() {
            0 => Err(KeyError::Empty),
            1..=KEYS_MAX => Ok(Self(keys)),
            _ => Err(KeyError::TooMany),
        }
    }

    /// What a token says, if a key that fits it has signed it. Whether that holds at this moment
    /// is another question ([`Demands::check`](crate::Demands::check)).
    pub fn verify(&self, token: &[u8]) -> Result<Token, JwtError> {
        let parts = Parts::split(token)?;
        let algorithm = parts.algorithm()?;
        self.believe(&parts, algorithm)?;
        parts.into_token()
    }

    /// Whether one of the keys that fit has signed it.
    fn believe(&self, parts: &Parts<'_>, algorithm: Algorithm) -> Result<(), JwtError> {
        let mut candidates = self.candidates(parts.key_id(), algorithm).peekable();
        if candidates.peek().is_none() {
            return Err(JwtError::NoKey);
        }
        match candidates.any(|key| key.verifies(algorithm, parts.signed, &parts.signature)) {
            true => Ok(()),
            false => Err(JwtError::Signature),
        }
    }

    /// The secrets of that name, or of none.
    pub(crate) fn secrets<'k>(&'k self, id: Option<&'k str>) -> impl Iterator<Item = &'k [u8]> {
        self.0.iter().filter_map(move |key| match &key.material {
            Material::Secret(secret) if key.is_named(id) && key.algorithm.is_none() => {
                Some(&**secret)
            }
            _ => None,
        })
    }

    /// The private keys of that name, or of none.
    pub(crate) fn private<'k>(
        &'k self,
        id: Option<&'k str>,
    ) -> impl Iterator<Item = &'k OaepPrivateDecryptingKey> {
        self.0.iter().filter_map(move |key| match &key.material {
            Material::Private(private) if key.is_named(id) => Some(private),
            _ => None,
        })
    }

    /// The keys that may have made a signature: of that name, if there are any that have one, and
    /// of a kind that the algorithm is for.
    fn candidates<'k>(
        &'k self,
        id: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k Key> {
        let fits = move |key: &&Key| key.is_named(id) && key.is_for(algorithm);
        self.0.iter().filter(fits)
    }
}

impl Key {
    /// Whether it has that name, where both have one.
    fn is_named(&self, wanted: Option<&str>) -> bool {
        match (wanted, &self.id) {
            (Some(wanted), Some(id)) => wanted == id,
            _ => true,
        }
    }

    /// The kind of the key decides, and what its file says of it; never the token alone.
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let is_kind = match &self.material {
            Material::Secret(_) => algorithm.is_for_secrets(),
            Material::Public(key) => algorithm.is_for(key.kind()),
            Material::Private(_) => false,
        };
        is_kind && self.algorithm.is_none_or(|only| only == algorithm)
    }

    fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        match &self.material {
            Material::Secret(secret) => algorithm.verify_with_secret(secret, signed, signature),
            Material::Public(key) => algorithm.verify_with_key(key, signed, signature),
            Material::Private(_) => false,
        }
    }
}

fn memmem(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// As websockify: the file is the secret in base64url, as a JSON Web Key would have it in `k`.
fn from_secret(text: &[u8]) -> Result<Key, KeyError> {
    let text = text.trim_ascii();
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let text = text.strip_suffix(b"=").unwrap_or(text);
    let secret = BASE64_URL_SAFE_NO_PAD.decode(text);
    let secret = secret.map_err(|_| KeyError::Unknown)?;
    if secret.len() < SECRET_BYTES_MIN {
        return Err(KeyError::ShortSecret);
    }
    Ok(Key::unnamed(Material::Secret(secret.into())))
}

impl Key {
    fn unnamed(material: Material) -> Self {
        Self {
            id: None,
            algorithm: None,
            material,
        }
    }
}

fn from_pem(text: &[u8]) -> Result<Vec<Key>, KeyError> {
    let mut keys = Vec::new();
    for block in pem::blocks(text) {
        let block = block?;
        let key = match block.label.as_str() {
            "PUBLIC KEY" => PublicKey::parse(&block.content).ok(),
            "RSA PUBLIC KEY" => PublicKey::parse(&spki_of_rsa(&block.content)).ok(),
            "PRIVATE KEY" | "RSA PRIVATE KEY" => {
                let rsa = match block.label.as_str() {
                    "PRIVATE KEY" => private_rsa(&block.content),
                    _ => private_rsa(&pkcs8_of_rsa(&block.content)),
                };
                // Private keys of other kinds may stand beside their certificates.
                let Some((private, public)) = rsa else {
                    continue;
                };
                keys.push(Key::unnamed(Material::Private(private)));
                public
            }
            _ if block.is_certificate() => Certificate::parse(&block.content)
                .ok()
                .map(|certificate| certificate.key().clone()),
            _ => continue,
        };
        let key = key.filter(|key| key.kind() != KeyKind::Unknown);
        keys.push(Key::unnamed(Material::Public(
            key.ok_or(KeyError::NoPublicKey)?,
        )));
    }
    match keys.is_empty() {
        true => Err(KeyError::NoPublicKey),
        false => Ok(keys),
    }
}

/// A private key of RSA, and its public half: whoever has the one file signs and encrypts with it.
fn private_rsa(pkcs8: &[u8]) -> Option<(OaepPrivateDecryptingKey, Option<PublicKey>)> {
    let private = PrivateDecryptingKey::from_pkcs8(pkcs8).ok()?;
    let spki: PublicKeyX509Der<'_> = private.public_key().as_der().ok()?;
    let public = PublicKey::parse(spki.as_ref()).ok();
    Some((OaepPrivateDecryptingKey::new(private).ok()?, public))
}

/// `RSAPrivateKey` inside of `PrivateKeyInfo` (RFC 5208 §5).
fn pkcs8_of_rsa(key: &[u8]) -> Vec<u8> {
    const HEAD: &[u8] = b"\x02\x01\x00\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    tagged(0x30, &[HEAD, &tagged(0x04, key)].concat())
}

/// `RSAPublicKey` inside of `SubjectPublicKeyInfo` (RFC 3279 §2.3.1).
fn spki_of_rsa(key: &[u8]) -> Vec<u8> {
    const RSA: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let bits = tagged(0x03, &[b"\0", key].concat());
    tagged(0x30, &[RSA, &bits].concat())
}

fn tagged(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    let len = content.len().to_be_bytes();
    let from = len.iter().position(|&byte| byte != 0).unwrap_or(7);
    match content.len() {
        short @ 0..128 => out.push(short as u8),
        _ => {
            out.push(0x80 | (len.len() - from) as u8);
            out.extend_from_slice(&len[from..]);
        }
    }
    out.extend_from_slice(content);
    out
}

fn from_json(text: &[u8]) -> Result<Vec<Key>, KeyError> {
    let set: Value = serde_json::from_slice(text).map_err(|_| KeyError::NoSet)?;
    let single = std::slice::from_ref(&set);
    let keys = match set.get("keys") {
        Some(Value::Array(keys)) => keys,
        Some(_) => return Err(KeyError::NoSet),
        None if set.get("kty").is_some() => single,
        None => return Err(KeyError::NoSet),
    };
    let mut found = Vec::new();
    for (at, key) in keys.iter().take(KEYS_MAX + 1).enumerate() {
        let key = of_jwk(key).map_err(|wrong| KeyError::InSet(at + 1, wrong))?;
        found.extend(key);
    }
    Ok(found)
}

/// A key; `None` is one for other things than signatures, or of a kind that is not supported, which
/// a set may well hold (RFC 7517 §5).
fn of_jwk(jwk: &Value) -> Result<Option<Key>, &'static str> {
    let text = |name: &str| jwk.get(name).and_then(Value::as_str);
    if text("use").is_some_and(|purpose| purpose != "sig") {
        return Ok(None);
    }
    let algorithm = match text("alg").map(Algorithm::of) {
        Some(None) => return Ok(None),
        known => known.flatten(),
    };
    let bytes = |name| {
        let text = text(name)?;
        BASE64_URL_SAFE_NO_PAD
            .decode(text.trim_end_matches('='))
            .ok()
    };
    let kind = text("kty").ok_or("it has no \"kty\"")?;
    let material = match kind {
        "oct" => {
            let secret = bytes("k").ok_or("\"k\" is not base64url")?;
            if secret.len() < SECRET_BYTES_MIN {
                return Err("the secret is shorter than 32 bytes");
            }
            Material::Secret(secret.into())
        }
        "RSA" => {
            let n = bytes("n").ok_or("\"n\" is not base64url")?;
            let e = bytes("e").ok_or("\"e\" is not base64url")?;
            public(rsa(n, e).as_deref()).ok_or("its numbers make no RSA key")?
        }
        "EC" | "OKP" => {
            let Some(curve) = text("crv").and_then(Curve::of).filter(|it| it.kty == kind) else {
                return Ok(None);
            };
            let x = bytes("x").ok_or("\"x\" is not base64url")?;
            let y = match kind {
                "EC" => bytes("y").ok_or("\"y\" is not base64url")?,
                _ => Vec::new(),
            };
            public(curve.spki(&x, &y).as_deref()).ok_or("its numbers are no point of the curve")?
        }
        _ => return Ok(None),
    };
    Ok(Some(Key {
        id: text("kid").map(str::to_owned),
        algorithm,
        material,
    }))
}

fn public(spki: Option<&[u8]>) -> Option<Material> {
    let key = PublicKey::parse(spki?).ok()?;
    (key.kind() != KeyKind::Unknown).then_some(Material::Public(key))
}

fn rsa(n: Vec<u8>, e: Vec<u8>) -> Option<Vec<u8>> {
    let key = RsaPublicKeyComponents { n, e };
    let der: PublicKeyX509Der<'_> = key.as_der().ok()?;
    Some(der.as_ref().to_vec())
}

/// A curve, with what stands before a point of it in `SubjectPublicKeyInfo`.
struct Curve {
    name: &'static str,
    kty: &'static str,
    /// Length of one number of the point.
    len: usize,
    head: &'static [u8],
}

const CURVES: [Curve; 4] = [
    Curve {
        name: "P-256",
        kty: "EC",
        len: 32,
        head: b"\x30\x59\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\
                \x03\x01\x07\x03\x42\x00\x04",
    },
    Curve {
        name: "P-384",
        kty: "EC",
        len: 48,
        head: b"\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\
                \x03\x62\x00\x04",
    },
    Curve {
        name: "P-521",
        kty: "EC",
        len: 66,
        head: b"\x30\x81\x9b\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\
                \x23\x03\x81\x86\x00\x04",
    },
    Curve {
        name: "Ed25519",
        kty: "OKP",
        len: 32,
        head: b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00",
    },
];

impl Curve {
    fn of(name: &str) -> Option<&'static Self> {
        CURVES.iter().find(|curve| curve.name == name)
    }

    fn spki(&self, x: &[u8], y: &[u8]) -> Option<Vec<u8>> {
        let is_whole = x.len() == self.len && (self.kty == "OKP" || y.len() == self.len);
        is_whole.then(|| [self.head, x, y].concat())
    }
}
