//! RFB, the protocol of VNC (RFC 6143 and the registry of rfbproto), as a gateway needs it.
//!
//! A session has two handshakes: [`ServerHandshake`] is our half towards a viewer,
//! [`ClientHandshake`] our half towards a VNC server. After them [`ClientStream`] reads what the
//! viewer sends, to observe it or to enforce [`Rules`] on it, and [`ServerFilter`] what the server
//! sends, where rules or somebody who listens need that. [`vencrypt`] is the negotiation inside of
//! security type 19, which both handshakes have; [`rsa_aes`] and [`apple_dh`] are exchanges of
//! which a handshake knows only that they are made.

pub mod apple_dh;
mod auth;
mod client;
mod clipboard;
mod encoding;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod input;
mod message;
mod pixels;
pub mod rsa_aes;
mod rules;
mod server;
mod server_stream;
mod stream;
#[cfg(test)]
mod tests;
pub mod vencrypt;
mod version;
mod wire;

pub use auth::{answer_challenge, reveal_password};
pub use client::{ClientHandshake, ServerEvent};
pub use rules::{Rules, Violation};
pub use server::{RefusalSent, ServerHandshake, ViewerEvent};
pub use server_stream::{
    Filtered, Framed, HEAD_LEN_MAX, Passed, ServerFilter, ServerMessage, ServerStream,
};
pub use stream::{ClientStream, Confirmations, Counts};
pub use version::Version;
pub use wire::{ServerInit, ascii_sentence};

/// Security types by their registered numbers.
pub mod security {
    /// No authentication.
    pub const NONE: u8 = 1;
    /// DES challenge and response with a password of 8 characters.
    pub const VNC_AUTH: u8 = 2;
    /// RSA-AES: everything after the exchange of keys is encrypted.
    pub const RA2: u8 = 5;
    /// RSA-AES without encryption after the handshake.
    pub const RA2NE: u8 = 6;
    /// TightVNC's tunnels and authentication lists.
    pub const TIGHT: u8 = 16;
    /// TLS, X.509 and user names in a second negotiation.
    pub const VENCRYPT: u8 = 19;
    /// Apple's Diffie-Hellman authentication.
    pub const APPLE_DH: u8 = 30;
    /// [`RA2`] with SHA-256 and AES-256.
    pub const RA2_256: u8 = 129;
    /// [`RA2NE`] with SHA-256 and AES-256.
    pub const RA2NE_256: u8 = 130;
}

/// What a peer did against the protocol of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HandshakeError {
    /// The first bytes are not an RFB version.
    #[error("not an RFB version: {0:?}")]
    NotRfb(String),
    /// A repeater, which waits to be told an id.
    #[error("an UltraVNC repeater, not a VNC server")]
    Repeater,
    /// A version older than 3.3.
    #[error("unsupported RFB version {0}")]
    UnsupportedVersion(String),
    /// The viewer chose a security type that was not offered.
    #[error("security type {0} was not offered")]
    NotOffered(u8),
    /// A security result that does not exist.
    #[error("unknown security result {0}")]
    UnknownResult(u32),
    /// A 3.3 server chose a type that does not fit a byte.
    #[error("unknown security type {0}")]
    UnknownSecurity(u32),
    /// The desktop's name is over the limit.
    #[error("desktop name of {0} bytes")]
    NameTooLong(u32),
    /// The peer sent something while it was our turn.
    #[error("bytes out of turn")]
    OutOfTurn,
    /// A version of VeNCrypt that is not spoken.
    #[error("unsupported VeNCrypt version {0}.{1}")]
    UnsupportedVencrypt(u8, u8),
    /// The server took back an offer of VeNCrypt.
    #[error("the server refused in VeNCrypt")]
    VencryptRefused,
    /// The viewer chose a VeNCrypt subtype that was not offered.
    #[error("VeNCrypt subtype {0} was not offered")]
    SubtypeNotOffered(u32),
    /// A public key, or what stands for one, that is too short or too long.
    #[error("a key of {0} bits")]
    KeyLength(u32),
    /// What was encrypted with a key has not its length.
    #[error("{0} bytes encrypted with a key of another length")]
    EncryptedLength(u16),
    /// A login that is neither a password nor user and password.
    #[error("unknown kind of login {0}")]
    UnknownLogin(u8),
    /// A user name or a password over the limit.
    #[error("user name or password of {0} bytes")]
    LoginTooLong(u32),
}
