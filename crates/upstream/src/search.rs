//! One request's way through the peers of a group.

use bytes::Bytes;

use crate::group::PeerId;

/// How often a method that goes by a key or by chance tries before round robin takes over.
pub(crate) const TRIES: u32 = 20;

/// What one request asks for, which peers it tried already, and how far its method has come.
#[derive(Debug, Default)]
pub struct Search {
    /// What decides, for methods that go by a key; for `ip_hash`, the bytes of the address.
    pub key: Bytes,
    /// The id of the peer that the request asks for, if it names one (`sticky`).
    pub hint: Option<Bytes>,
    pub(crate) asked: bool,
    pub(crate) tried: Vec<PeerId>,
    pub(crate) backup: bool,
    pub(crate) tries: u32,
    pub(crate) rehash: u32,
    /// The running hash, or the point on the ring.
    pub(crate) hash: Option<u32>,
}

impl Search {
    /// The search of a request with that key.
    pub fn by_key(key: Bytes) -> Self {
        Self {
            key,
            ..Self::default()
        }
    }

    /// Whether no peer was asked yet.
    pub fn is_fresh(&self) -> bool {
        !self.asked
    }

    pub(crate) fn tier(&self) -> usize {
        usize::from(self.backup)
    }
}
