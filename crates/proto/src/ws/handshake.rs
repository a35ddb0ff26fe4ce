//! The values of the opening handshake (RFC 6455 §4).

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest, Sha1};

/// RFC 6455 §1.3: what a server appends to the key to show that it speaks WebSocket.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A `Sec-WebSocket-Key` of 16 random bytes, for a client (§4.1).
pub fn client_key(nonce: [u8; 16]) -> String {
    BASE64_STANDARD.encode(nonce)
}

/// The value of `Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key`.
pub fn accept_key(key: &[u8]) -> String {
    BASE64_STANDARD.encode(Sha1::new().chain_update(key).chain_update(GUID).finalize())
}

/// Whether a `Sec-WebSocket-Key` is the base64 of 16 bytes (§4.2.1).
pub fn is_valid_key(key: &[u8]) -> bool {
    key.len() == 24
        && BASE64_STANDARD
            .decode(key)
            .is_ok_and(|nonce| nonce.len() == 16)
}

/// Whether a `Sec-WebSocket-Version` is the one that exists.
pub fn is_valid_version(version: &[u8]) -> bool {
    version == b"13"
}

/// The first of `ours` that the client's `Sec-WebSocket-Protocol` fields offer, to be echoed.
/// When there is none, the field is left out of the reply (§4.2.2).
pub fn choose_subprotocol<'a, 'o>(
    offered: impl Iterator<Item = &'a [u8]> + Clone,
    ours: &[&'o str],
) -> Option<&'o str> {
    let is_offered = |name: &str| {
        let mut names = offered
            .clone()
            .flat_map(|field| field.split(|byte| *byte == b','));
        names.any(|offer| offer.trim_ascii() == name.as_bytes())
    };
    ours.iter().copied().find(|name| is_offered(name))
}
