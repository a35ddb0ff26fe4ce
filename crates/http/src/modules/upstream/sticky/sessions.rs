//! Which peer a session belongs to (`sticky learn`).

use std::time::{Duration, Instant};

use bytes::Bytes;
use md5::{Digest as _, Md5};
use net::clock;

use crate::zones::Kind;
use crate::zones::lru::Lru;
use crate::zones::shards::Shards;

/// What one session counts for: nginx has about 8000 of them in a megabyte.
const SESSION_BYTES: u64 = 128;

/// Sessions by the MD5 of their name, so that a long one takes no more room.
#[derive(Debug)]
pub struct Sessions {
    shards: Shards<Lru<Session>>,
}

#[derive(Debug)]
struct Session {
    peer: Bytes,
    used: Instant,
}

impl Kind for Sessions {
    /// The name of the upstream.
    type Conf = String;

    fn new(bytes: u64) -> Self {
        Self {
            shards: Shards::new(bytes, Lru::new),
        }
    }

    fn conflict(name: &str, old: &String, new: &String) -> Option<String> {
        (old != new).then(|| {
            format!(
                "sticky zone \"{name}\" is used in upstream \"{new}\" while previously it was used in upstream \"{old}\""
            )
        })
    }
}

impl Sessions {
    /// The peer of a session that was used within `timeout`.
    pub fn peer_of(&self, session: &[u8], timeout: Duration) -> Option<Bytes> {
        let key = key_of(session);
        self.shards.with(&key, |table| {
            let session = table.peek(&key)?;
            (clock::now() - session.used < timeout).then(|| session.peer.clone())
        })
    }

    /// Notes the peer of a session; false if there is no room, which cannot be for long.
    pub fn create(&self, session: &[u8], peer: &Bytes, timeout: Duration) -> bool {
        let key = key_of(session);
        self.shards.with(&key, |table| {
            expire(table, timeout);
            if update(table, &key, peer) {
                return true;
            }
            if !table.has_room(SESSION_BYTES) {
                table.remove_oldest();
            }
            let session = Session {
                peer: peer.clone(),
                used: clock::now(),
            };
            table.insert(&key, session, SESSION_BYTES)
        })
    }

    /// Notes that a session was used, and where it is now, if there is such a session.
    pub fn refresh(&self, session: &[u8], peer: &Bytes, timeout: Duration) {
        let key = key_of(session);
        self.shards.with(&key, |table| {
            expire(table, timeout);
            update(table, &key, peer);
        });
    }
}

fn key_of(session: &[u8]) -> [u8; 16] {
    Md5::digest(session).into()
}

fn update(table: &mut Lru<Session>, key: &[u8], peer: &Bytes) -> bool {
    let Some(session) = table.touch(key) else {
        return false;
    };
    session.peer = peer.clone();
    session.used = clock::now();
    true
}

/// Removes sessions that were not used for too long; a few at a time, so that nobody waits long.
fn expire(table: &mut Lru<Session>, timeout: Duration) {
    const AT_ONCE: usize = 16;
    for _ in 0..AT_ONCE {
        match table.oldest() {
            Some((_, session)) if clock::now() - session.used >= timeout => {}
            _ => return,
        }
        table.remove_oldest();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_the_peer_that_it_was_seen_at_last() {
        let sessions = Sessions::new(32 * 1024);
        let hour = Duration::from_secs(3600);
        assert!(sessions.peer_of(b"s", hour).is_none());
        assert!(sessions.create(b"s", &"a".into(), hour));
        assert_eq!(sessions.peer_of(b"s", hour), Some("a".into()));
        sessions.refresh(b"s", &"b".into(), hour);
        assert_eq!(sessions.peer_of(b"s", hour), Some("b".into()));
        sessions.refresh(b"unknown", &"b".into(), hour);
        assert!(sessions.peer_of(b"unknown", hour).is_none());
        assert!(sessions.peer_of(b"s", Duration::ZERO).is_none());
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::new(32 * 1024);
        let hour = Duration::from_secs(3600);
        for number in 0..1000u32 {
            assert!(sessions.create(&number.to_be_bytes(), &"a".into(), hour));
        }
        assert!(sessions.peer_of(&999u32.to_be_bytes(), hour).is_some());
        assert!(sessions.peer_of(&0u32.to_be_bytes(), hour).is_none());
    }
}
