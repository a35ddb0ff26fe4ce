//! What a reader demands of the claims of a token: its time, for whom it is, by whom (RFC 7519 §4).

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::token::{Claims, JwtError};

/// What claims must say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// `aud` must be, or hold, this.
    pub audience: Option<String>,
    /// `iss` must be this.
    pub issuer: Option<String>,
    /// How far clocks may be apart.
    pub leeway: Duration,
}

impl Demands {
    /// Whether claims hold at that time.
    pub fn check(&self, claims: &Claims, now: SystemTime) -> Result<(), JwtError> {
        if let Some(end) = expiry(claims)?
            && end.checked_add(self.leeway).is_some_and(|end| end <= now)
        {
            return Err(JwtError::Expired);
        }
        if let Some(begin) = instant(claims, "nbf")?
            && now.checked_add(self.leeway).is_some_and(|now| now < begin)
        {
            return Err(JwtError::NotYet);
        }
        if let Some(wanted) = &self.audience {
            let is_for = match claims.get("aud") {
                Some(Value::String(one)) => one == wanted,
                Some(Value::Array(all)) => all.iter().any(|one| one.as_str() == Some(wanted)),
                _ => false,
            };
            if !is_for {
                return Err(JwtError::Claim("aud"));
            }
        }
        match &self.issuer {
            Some(wanted) if claims.text("iss") != Some(wanted) => Err(JwtError::Claim("iss")),
            _ => Ok(()),
        }
    }
}

/// When claims end to hold.
pub(crate) fn expiry(claims: &Claims) -> Result<Option<SystemTime>, JwtError> {
    instant(claims, "exp")
}

impl Claims {
    /// When they end to hold, if they say so in a way that can be read.
    pub fn expires(&self) -> Option<SystemTime> {
        expiry(self).ok().flatten()
    }
}

/// A `NumericDate`: seconds since 1970, possibly with a fraction. One that is none is an error and
/// not absent, so that a token whose end cannot be read has none that is far away.
fn instant(claims: &Claims, name: &'static str) -> Result<Option<SystemTime>, JwtError> {
    let Some(value) = claims.get(name) else {
        return Ok(None);
    };
    let seconds = value.as_f64().ok_or(JwtError::Claim(name))?;
    let since = Duration::try_from_secs_f64(seconds).map_err(|_| JwtError::Claim(name))?;
    let time = SystemTime::UNIX_EPOCH.checked_add(since);
    time.map(Some).ok_or(JwtError::Claim(name))
}
