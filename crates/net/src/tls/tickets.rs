//! Session tickets: sessions that the client keeps, sealed with a key of ours.
//!
//! ```text
//! key name (16) | nonce (12) | sealed: issued (8) | identifier (32) | session | tag (16)
//! ```

use std::time::{Duration, Instant, UNIX_EPOCH};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest;

use super::sessions::Context;
use super::watch::{self, SessionId};
use crate::clock;

const NAME_LEN: usize = 16;
const ISSUED_LEN: usize = 8;
const ID_LEN: usize = size_of::<SessionId>();

/// A key of tickets.
#[derive(Clone)]
pub struct TicketKey {
    name: [u8; NAME_LEN],
    secret: [u8; 32],
}

/// Without the secret, so that it cannot come into a log.
impl std::fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TicketKey").finish_non_exhaustive()
    }
}

impl TicketKey {
    /// The key in a file of 48 or 80 bytes: its name, and what the secret is made of.
    ///
    /// DIFFERS: tickets are sealed with AES-256-GCM. nginx's own form would be of no use, since
    /// the sessions inside differ.
    pub fn from_file(bytes: &[u8]) -> Option<Self> {
        if !matches!(bytes.len(), 48 | 80) {
            return None;
        }
        let (name, rest) = bytes.split_first_chunk()?;
        let secret = digest::digest(&digest::SHA256, rest);
        Some(Self {
            name: *name,
            secret: secret.as_ref().try_into().ok()?,
        })
    }

    fn random() -> Self {
        let mut key = Self {
            name: [0; NAME_LEN],
            secret: [0; 32],
        };
        // Without randomness the first handshake fails anyway; a ticket never opens then.
        let _ = aws_lc_rs::rand::fill(&mut key.name);
        let _ = aws_lc_rs::rand::fill(&mut key.secret);
        key
    }

    fn aead(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, &self.secret)
            .ok()
            .map(LessSafeKey::new)
    }

    pub(super) fn seal(&self, session: &[u8], context: &Context) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).ok()?;
        let mut id = SessionId::default();
        aws_lc_rs::rand::fill(&mut id).ok()?;
        let mut sealed = Vec::with_capacity(ISSUED_LEN + ID_LEN + session.len() + 16);
        sealed.extend(unix_seconds().to_be_bytes());
        sealed.extend(id);
        sealed.extend(session);
        let nonce_bytes = nonce;
        self.aead()?
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(context),
                &mut sealed,
            )
            .ok()?;
        watch::note_session(id);
        Some([&self.name[..], &nonce_bytes, &sealed].concat())
    }

    pub(super) fn open(
        &self,
        ticket: &[u8],
        context: &Context,
        timeout: Duration,
    ) -> Option<Vec<u8>> {
        let (nonce, sealed) = ticket.get(NAME_LEN..)?.split_first_chunk::<NONCE_LEN>()?;
        let mut sealed = sealed.to_vec();
        let plain = self
            .aead()?
            .open_in_place(
                Nonce::assume_unique_for_key(*nonce),
                Aad::from(context),
                &mut sealed,
            )
            .ok()?;
        let (issued, rest) = plain.split_first_chunk::<ISSUED_LEN>()?;
        let (id, session) = rest.split_first_chunk::<ID_LEN>()?;
        let age = unix_seconds().checked_sub(u64::from_be_bytes(*issued))?;
        if age > timeout.as_secs() {
            return None;
        }
        watch::note_session(*id);
        Some(session.to_vec())
    }
}

fn unix_seconds() -> u64 {
    clock::wall()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// The keys that tickets may be sealed with, the newest first.
#[derive(Debug)]
pub(super) struct Keys {
    keys: Vec<TicketKey>,
    /// When our own newest key was made; `None` for keys that the configuration gives.
    made: Option<Instant>,
}

impl Keys {
    pub fn random() -> Self {
        Self {
            keys: vec![TicketKey::random()],
            made: Some(clock::now()),
        }
    }

    pub fn fixed(keys: Vec<TicketKey>) -> Self {
        Self { keys, made: None }
    }

    /// Our own keys seal for as long as a session lives, and open for as long again.
    pub fn rotate(&mut self, timeout: Duration) {
        let Some(made) = self.made else { return };
        let age = clock::now().saturating_duration_since(made);
        if age <= timeout {
            return;
        }
        if age > 2 * timeout {
            self.keys.clear();
        }
        self.keys.insert(0, TicketKey::random());
        self.keys.truncate(2);
        self.made = Some(clock::now());
    }

    pub fn newest(&self) -> &TicketKey {
        &self.keys[0]
    }

    /// The key that a ticket names.
    pub fn find(&self, ticket: &[u8]) -> Option<&TicketKey> {
        let name = ticket.get(..NAME_LEN)?;
        self.keys.iter().find(|key| key.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_ticket_opens_only_with_its_key_and_in_its_context() {
        let key = TicketKey::from_file(&[3; 48]).unwrap();
        let ticket = key.seal(b"session", &[1; 32]).unwrap();
        assert_eq!(key.open(&ticket, &[1; 32], HOUR).unwrap(), b"session");
        assert!(key.open(&ticket, &[2; 32], HOUR).is_none());
        let mut changed = ticket.clone();
        changed[40] ^= 1;
        assert!(key.open(&changed, &[1; 32], HOUR).is_none());
        let keys = Keys::fixed(vec![TicketKey::random(), key]);
        assert!(keys.find(&ticket).is_some());
        assert!(Keys::random().find(&ticket).is_none());
        assert!(key_of(&[]).is_none());
    }

    fn key_of(bytes: &[u8]) -> Option<TicketKey> {
        TicketKey::from_file(bytes)
    }

    #[test]
    fn keys_of_ours_are_replaced_in_time() {
        let mut keys = Keys::random();
        let first = keys.newest().name;
        keys.rotate(HOUR);
        assert_eq!(keys.newest().name, first);
        keys.made = Some(clock::now() - HOUR - HOUR / 2);
        keys.rotate(HOUR);
        assert_ne!(keys.newest().name, first);
        assert_eq!(keys.keys.len(), 2);
    }
}
