//! Tokens that say themselves where they lead, signed by who may (websockify's `JWTTokenApi`).

use std::sync::Arc;

use jwt::{Demands, JwtError, Keys, Token};
use net::clock;

use super::TokenError;
use super::ticket::Ticket;

/// Who may sign tokens, and what they must say.
#[derive(Debug)]
pub struct Signed {
    /// The file with the keys, for messages.
    pub file: String,
    /// The keys.
    pub keys: Arc<Keys>,
    /// What the claims must be.
    pub demands: Demands,
    /// Whether every token is for one use.
    pub once: bool,
}

impl Signed {
    /// What a token says, if it is signed and its time is now. `Ok(None)`: it is not to be
    /// believed, or not any more. The error is for what a good signature vouches for and makes no
    /// sense.
    pub(super) fn lookup(&self, text: &str) -> Result<Option<Ticket>, TokenError> {
        match self.believed(text.as_bytes()) {
            Ok(token) => self.read(&token).map(Some),
            Err(JwtError::Malformed | JwtError::Expired | JwtError::NotYet) => Ok(None),
            Err(error) => Err(TokenError::Disbelieved {
                of: self.file.clone(),
                error: error.to_string(),
            }),
        }
    }

    /// What the token says that is inside of it, if it is encrypted. That has to be signed as well:
    /// whoever has a public key can encrypt for it.
    fn believed(&self, text: &[u8]) -> Result<Token, JwtError> {
        let token = match jwt::is_encrypted(text) {
            true => self.keys.verify(&self.keys.open(text)?)?,
            false => self.keys.verify(text)?,
        };
        self.demands.check(&token.claims, clock::wall())?;
        Ok(token)
    }

    fn read(&self, token: &Token) -> Result<Ticket, TokenError> {
        let claims = &token.claims;
        let mut ticket =
            Ticket::from_json(claims.as_map()).map_err(|error| TokenError::BadAnswer {
                of: self.file.clone(),
                error: error.to_string(),
            })?;
        // Both may be there; the earlier counts.
        ticket.expires = ticket.expires.into_iter().chain(claims.expires()).min();
        ticket.once |= self.once;
        ticket.subject = claims.text("sub").map(str::to_owned);
        // RFC 7519 §4.1.7: unique by the side of the issuer.
        ticket.id = claims.text("jti").map(|id| {
            let issuer = claims.text("iss").unwrap_or_default();
            format!("{}:{issuer}:{id}", issuer.len())
        });
        Ok(ticket)
    }
}
