//! What a handshake does that rustls does not tell afterwards: the session's identifier and the
//! algorithm of our signature.
//!
//! rustls calls our keys, caches and tickets while it processes a message, on the same thread; what
//! they note here is taken when it returns.

use std::cell::Cell;

use rustls::SignatureScheme;

/// The identifier of a session.
pub type SessionId = [u8; 32];

/// What was noted of one handshake.
#[derive(Debug, Clone, Copy, Default)]
pub struct Seen {
    /// Of the session that was resumed, or else of the one that can be.
    pub session: Option<SessionId>,
    /// The algorithm that we signed with.
    pub signature: Option<SignatureScheme>,
    /// The algorithm that the peer signed with.
    pub peer_signature: Option<SignatureScheme>,
}

thread_local! {
    static SEEN: Cell<Seen> = const { Cell::new(Seen {
        session: None,
        signature: None,
        peer_signature: None,
    }) };
}

pub(super) fn note_signature(signature: SignatureScheme) {
    let seen = SEEN.get();
    SEEN.set(Seen {
        signature: Some(signature),
        ..seen
    });
}

pub(super) fn note_peer_signature(signature: SignatureScheme) {
    let seen = SEEN.get();
    SEEN.set(Seen {
        peer_signature: Some(signature),
        ..seen
    });
}

pub(super) fn note_session(id: SessionId) {
    let seen = SEEN.get();
    SEEN.set(Seen {
        session: seen.session.or(Some(id)),
        ..seen
    });
}

/// Adds what was noted since the last call to `seen`.
pub(super) fn take(seen: &mut Seen) {
    let noted = SEEN.take();
    seen.session = seen.session.or(noted.session);
    seen.signature = noted.signature.or(seen.signature);
    seen.peer_signature = noted.peer_signature.or(seen.peer_signature);
}
