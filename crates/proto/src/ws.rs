//! WebSocket framing and handshake values (RFC 6455), without input or output.
//!
//! [`FrameParser`] finds frame boundaries and checks what a single header can be wrong about;
//! [`Receiver`] stands on it and gives unmasked message data, whole control frames and the rules
//! that span frames. Both take bytes as they come, split anywhere. [`FrameHeader::encode`] and
//! [`encode_close`] make what is sent.

pub mod close;
mod frame;
pub mod fuzz;
mod handshake;
mod mask;
mod receiver;
#[cfg(test)]
mod tests;
mod utf8;

pub use close::{CloseFrame, encode_close, may_be_received};
pub use frame::{
    EncodedHeader, FrameHeader, FrameParser, HEADER_LEN_MAX, Opcode, Piece, Sender, encode_control,
};
pub use handshake::{accept_key, choose_subprotocol, client_key, is_valid_key, is_valid_version};
pub use mask::Mask;
pub use receiver::{Event, Limits, Receiver};

/// Payload bytes that a control frame can hold.
pub const CONTROL_LEN_MAX: usize = 125;

/// What a peer did against RFC 6455 or a limit of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A client's frame without a mask (§5.1).
    #[error("frame of a client is not masked")]
    NotMasked,
    /// A server's frame with a mask (§5.1).
    #[error("frame of a server is masked")]
    Masked,
    /// RSV1 to RSV3 without a negotiated extension (§5.2).
    #[error("reserved bits are set")]
    ReservedBits,
    /// An opcode that no specification defines (§5.2).
    #[error("unknown opcode {0}")]
    UnknownOpcode(u8),
    /// A control frame without FIN (§5.5).
    #[error("control frame is fragmented")]
    FragmentedControl,
    /// A control frame longer than 125 bytes (§5.5).
    #[error("control frame is too long")]
    LongControl,
    /// A length that is not in its shortest form, or over 2^63 (§5.2).
    #[error("length is badly encoded")]
    BadLength,
    /// A continuation frame while no message is open (§5.4).
    #[error("continuation of no message")]
    UnexpectedContinuation,
    /// A new message while another one is open (§5.4).
    #[error("message inside another message")]
    InterleavedMessage,
    /// A frame over the limit.
    #[error("frame is too big")]
    FrameTooBig,
    /// A message over the limit.
    #[error("message is too big")]
    MessageTooBig,
    /// Text or a close reason that is not UTF-8 (§8.1).
    #[error("text is not UTF-8")]
    NotUtf8,
    /// A close frame of one byte, or with a code that may not be sent (§7.4).
    #[error("close frame is malformed")]
    BadClose,
}

impl Error {
    /// The close code that tells the peer.
    pub fn close_code(self) -> u16 {
        match self {
            Self::NotUtf8 => close::INVALID_DATA,
            Self::FrameTooBig | Self::MessageTooBig => close::TOO_BIG,
            _ => close::PROTOCOL_ERROR,
        }
    }
}
