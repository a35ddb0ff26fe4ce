//! RFB, the protocol of VNC (RFC 6143 and the registry of rfbproto), as a gateway needs it.
//!
//! A session has two handshakes: [`ServerHandshake`] is our half towards a viewer,
//! [`ClientHandshake`] our half towards a VNC server. After them [`ClientStream`] reads what the
//! viewer sends, to observe it or to enforce [`Rules`] on it, and [`ServerFilter`] what the server
//! sends, where rules or somebody who listens need that. [`vencrypt`] is the negotiation inside of
//! security type 19, which both handshakes have.

mod auth;
mod client;
mod clipboard;
mod encoding;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod input;
mod message;
mod pixels;
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
    /// RSA-AES without encryption after the handshake.
    pub const RA2NE: u8 = 6;
    /// TightVNC's tunnels and authentication lists.
    pub const TIGHT: u8 = 16;
    /// TLS, X.509 and user names in a second negotiation.
    pub const VENCRYPT: u8 = 19;
    /// Apple's Diffie-Hellman authentication.
    pub const APPLE_DH: u8 = 30;
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
    /// A user name or a password over the limit.
    #[error("user name or password of {0} bytes")]
    LoginTooLong(u32),
}
