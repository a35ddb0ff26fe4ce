//! A token in its compact form (RFC 7515 §7.1): header, claims, signature.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::algorithm::Algorithm;

/// The longest token.
pub(crate) const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// Why a token does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JwtError {
    /// Not a signed token at all.
    #[error("it is no signed JWT")]
    Malformed,
    /// Longer than is read.
    #[error("it is longer than 16 KiB")]
    TooLong,
    /// Encrypted, where a signed one is asked for.
    #[error("it is encrypted (JWE), which is not supported here")]
    Encrypted,
    /// No key opens it.
    #[error("it cannot be decrypted")]
    Sealed,
    /// `none`, or an algorithm that is not supported.
    #[error("its algorithm is not supported")]
    Algorithm,
    /// It must not be used by who does not know an extension (`crit`).
    #[error("it asks for extensions that are not known here")]
    Critical,
    /// No key is of the name, and for the algorithm, that it says.
    #[error("there is no key for it")]
    NoKey,
    /// The signature is wrong.
    #[error("its signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not come.
    #[error("it is not valid yet")]
    NotYet,
    /// A claim is not what is demanded, or of the wrong type.
    #[error("its claim \"{0}\" is missing or wrong")]
    Claim(&'static str),
}

/// What a token says, after its signature was verified.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// Its header.
    pub header: Claims,
    /// Its claims.
    pub claims: Claims,
    /// The claims as they were written.
    pub payload: Box<[u8]>,
}

/// Named values.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// Reads an object.
    pub(crate) fn parse(json: &[u8]) -> Option<Self> {
        // Depth is bounded by the reader, length by the token.
        serde_json::from_slice(json).ok().map(Self)
    }

    /// The value of a claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The value of a claim whose name may be written in other case.
    pub fn get_ignoring_case(&self, name: &str) -> Option<&Value> {
        self.0.get(name).or_else(|| {
            let mut all = self.0.iter();
            let (_, value) = all.find(|(other, _)| other.eq_ignore_ascii_case(name))?;
            Some(value)
        })
    }

    /// The value of a claim that is a text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).and_then(Value::as_str)
    }

    /// All of them.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }
}

/// A token taken apart, not verified yet.
pub(crate) struct Parts<'t> {
    header: Claims,
    payload: Vec<u8>,
    /// What the signature is of.
    pub signed: &'t [u8],
    /// The signature.
    pub signature: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub fn split(token: &'t [u8]) -> Result<Self, JwtError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(JwtError::TooLong);
        }
        let mut parts = token.split(|&byte| byte == b'.');
        let (header, payload, signature) = match (parts.next(), parts.next(), parts.next()) {
            (Some(header), Some(payload), Some(signature)) => (header, payload, signature),
            _ => return Err(JwtError::Malformed),
        };
        match parts.count() {
            0 => {}
            // RFC 7516 §3.1: an encrypted one has five parts.
            2 => return Err(JwtError::Encrypted),
            _ => return Err(JwtError::Malformed),
        }
        let decode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.decode(part).ok();
        let header = decode(header).and_then(|json| Claims::parse(&json));
        Ok(Self {
            header: header.ok_or(JwtError::Malformed)?,
            payload: decode(payload).ok_or(JwtError::Malformed)?,
            signed: &token[..token.len() - signature.len() - 1],
            signature: decode(signature).ok_or(JwtError::Malformed)?,
        })
    }

    pub fn algorithm(&self) -> Result<Algorithm, JwtError> {
        if self.header.get("crit").is_some() {
            return Err(JwtError::Critical);
        }
        let name = self.header.text("alg").ok_or(JwtError::Malformed)?;
        Algorithm::of(name).ok_or(JwtError::Algorithm)
    }

    pub fn key_id(&self) -> Option<&str> {
        self.header.text("kid")
    }

    /// The token; whoever calls has verified the signature.
    pub fn into_token(self) -> Result<Token, JwtError> {
        let claims = Claims::parse(&self.payload).ok_or(JwtError::Malformed)?;
        Ok(Token {
            header: self.header,
            claims,
            payload: self.payload.into(),
        })
    }
}
