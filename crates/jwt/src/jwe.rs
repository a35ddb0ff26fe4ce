//! Encrypted tokens in their compact form (JWE, RFC 7516 §7.1): what is inside is a signed token.
//!
//! Whoever has a public key can encrypt for it, so a token that is only encrypted proves nothing;
//! [`Keys::open`] gives back bytes that are yet to be verified.

use aws_lc_rs::aead::{self, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{self, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
};
use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::keys::Keys;
use crate::token::{Claims, JwtError, TOKEN_BYTES_MAX};

#[cfg(test)]
mod tests;

/// Private keys that are tried; each takes a processor's time.
const KEYS_TRIED_MAX: usize = 4;

/// Whether a token has the five parts of an encrypted one.
pub fn is_encrypted(token: &[u8]) -> bool {
    token.iter().filter(|&&byte| byte == b'.').count() == 4
}

impl Keys {
    /// What is inside of an encrypted token, if one of the keys opens it.
    pub fn open(&self, token: &[u8]) -> Result<Vec<u8>, JwtError> {
        let sealed = Sealed::split(token)?;
        let id = sealed.header.text("kid");
        let mut result = Err(JwtError::NoKey);
        match sealed.agreement {
            // RFC 7518 §4.5.
            Agreement::Direct if !sealed.key.is_empty() => return Err(JwtError::Malformed),
            Agreement::Direct => {
                for secret in self.secrets(id) {
                    result = sealed.open(secret);
                    if result.is_ok() {
                        break;
                    }
                }
            }
            Agreement::Oaep(algorithm) => {
                for key in self.private(id).take(KEYS_TRIED_MAX) {
                    let content_key = unwrapped(key, algorithm, &sealed.key);
                    result = content_key.and_then(|key| sealed.open(&key));
                    if result.is_ok() {
                        break;
                    }
                }
            }
        }
        result
    }
}

/// How the key of the content is come by (RFC 7518 §4).
enum Agreement {
    /// It is the secret itself.
    Direct,
    /// It was encrypted for a private key.
    Oaep(&'static OaepAlgorithm),
}

/// How the content is encrypted (RFC 7518 §5).
#[derive(Clone, Copy)]
enum Content {
    Gcm(&'static aead::Algorithm),
    Cbc {
        cipher: &'static cipher::Algorithm,
        mac: hmac::Algorithm,
        /// Bytes of each of its two keys.
        half: usize,
    },
}

/// An encrypted token taken apart.
struct Sealed<'t> {
    header: Claims,
    agreement: Agreement,
    content: Content,
    /// What the tag is of besides the content: the header as it was written.
    shown: &'t [u8],
    key: Vec<u8>,
    nonce: Vec<u8>,
    text: Vec<u8>,
    tag: Vec<u8>,
}

impl<'t> Sealed<'t> {
    fn split(token: &'t [u8]) -> Result<Self, JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::TooLong);
        }
        let mut parts = token.split(|&byte| byte == b'.');
        let mut part = || parts.next().ok_or(JwtError::Malformed);
        let (shown, key, nonce, text, tag) = (part()?, part()?, part()?, part()?, part()?);
        if parts.next().is_some() {
            return Err(JwtError::Malformed);
        }
        let decode = |part: &[u8]| {
            let bytes = BASE64_URL_SAFE_NO_PAD.decode(part);
            bytes.map_err(|_| JwtError::Malformed)
        };
        let header = Claims::parse(&decode(shown)?).ok_or(JwtError::Malformed)?;
        // What is unpacked may be of any length; nobody needs it for some hundred bytes.
        if header.get("crit").is_some() || header.get("zip").is_some() {
            return Err(JwtError::Critical);
        }
        Ok(Self {
            agreement: agreement(&header)?,
            content: content(&header)?,
            header,
            shown,
            key: decode(key)?,
            nonce: decode(nonce)?,
            text: decode(text)?,
            tag: decode(tag)?,
        })
    }

    fn open(&self, key: &[u8]) -> Result<Vec<u8>, JwtError> {
        let opened = match self.content {
            Content::Gcm(algorithm) => self.open_gcm(algorithm, key),
            Content::Cbc { cipher, mac, half } => self.open_cbc(cipher, mac, half, key),
        };
        opened.ok_or(JwtError::Sealed)
    }

    fn open_gcm(&self, algorithm: &'static aead::Algorithm, key: &[u8]) -> Option<Vec<u8>> {
        let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
        let nonce = Nonce::try_assume_unique_for_key(&self.nonce).ok()?;
        // Nothing shorter than the whole tag proves anything.
        if self.tag.len() != algorithm.tag_len() {
            return None;
        }
        let mut bytes = [&self.text[..], &self.tag].concat();
        let opened = key.open_in_place(nonce, Aad::from(self.shown), &mut bytes);
        Some(opened.ok()?.to_vec())
    }

    /// RFC 7518 §5.2.2.2: the tag is looked at before anything is decrypted.
    fn open_cbc(
        &self,
        cipher: &'static cipher::Algorithm,
        mac: hmac::Algorithm,
        half: usize,
        key: &[u8],
    ) -> Option<Vec<u8>> {
        let (mac_key, key) = key.split_at_checked(half)?;
        if key.len() != half {
            return None;
        }
        let shown_bits = (self.shown.len() as u64).checked_mul(8)?.to_be_bytes();
        let signed = [self.shown, &self.nonce, &self.text, &shown_bits].concat();
        let tag = hmac::sign(&hmac::Key::new(mac, mac_key), &signed);
        let tag = tag.as_ref().get(..half)?;
        constant_time::verify_slices_are_equal(tag, &self.tag).ok()?;
        let nonce: [u8; 16] = self.nonce[..].try_into().ok()?;
        let key = UnboundCipherKey::new(cipher, key).ok()?;
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(key).ok()?;
        let mut bytes = self.text.clone();
        let context = DecryptionContext::Iv128(FixedLength::from(nonce));
        Some(key.decrypt(&mut bytes, context).ok()?.to_vec())
    }
}

fn agreement(header: &Claims) -> Result<Agreement, JwtError> {
    match header.text("alg").ok_or(JwtError::Malformed)? {
        "dir" => Ok(Agreement::Direct),
        "RSA-OAEP" => Ok(Agreement::Oaep(&OAEP_SHA1_MGF1SHA1)),
        "RSA-OAEP-256" => Ok(Agreement::Oaep(&OAEP_SHA256_MGF1SHA256)),
        _ => Err(JwtError::Algorithm),
    }
}

fn content(header: &Claims) -> Result<Content, JwtError> {
    Ok(match header.text("enc").ok_or(JwtError::Malformed)? {
        "A128GCM" => Content::Gcm(&aead::AES_128_GCM),
        "A192GCM" => Content::Gcm(&aead::AES_192_GCM),
        "A256GCM" => Content::Gcm(&aead::AES_256_GCM),
        "A128CBC-HS256" => Content::Cbc {
            cipher: &cipher::AES_128,
            mac: hmac::HMAC_SHA256,
            half: 16,
        },
        "A256CBC-HS512" => Content::Cbc {
            cipher: &cipher::AES_256,
            mac: hmac::HMAC_SHA512,
            half: 32,
        },
        _ => return Err(JwtError::Algorithm),
    })
}

fn unwrapped(
    key: &OaepPrivateDecryptingKey,
    algorithm: &'static OaepAlgorithm,
    wrapped: &[u8],
) -> Result<Vec<u8>, JwtError> {
    let mut out = vec![0; key.min_output_size()];
    let opened = key.decrypt(algorithm, wrapped, &mut out, None);
    Ok(opened.map_err(|_| JwtError::Sealed)?.to_vec())
}
