//! What was agreed on in a handshake.

use rustls::{CommonState, HandshakeKind, NamedGroup, ProtocolVersion, SupportedCipherSuite};

/// What was agreed on, whoever goes on with it.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The version.
    pub version: Option<ProtocolVersion>,
    /// The cipher.
    pub suite: Option<SupportedCipherSuite>,
    /// The group of the key exchange; none for some resumed sessions.
    pub group: Option<NamedGroup>,
    /// The protocol inside.
    pub alpn: Option<Box<[u8]>>,
    /// Whether a session was resumed.
    pub kind: Option<HandshakeKind>,
}

impl Facts {
    pub(super) fn of(common: &CommonState) -> Self {
        Self {
            version: common.protocol_version(),
            suite: common.negotiated_cipher_suite(),
            group: common
                .negotiated_key_exchange_group()
                .map(|group| group.name()),
            alpn: common.alpn_protocol().map(Into::into),
            kind: common.handshake_kind(),
        }
    }
}
