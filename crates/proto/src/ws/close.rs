//! Close frames: their codes (by the names of the IANA registry), what may be received, how one is
//! made (RFC 6455 §5.5.1, §7.4).

use super::{CONTROL_LEN_MAX, Error, Opcode, Sender, encode_control};

/// The purpose of the connection is fulfilled.
pub const NORMAL: u16 = 1000;
/// A server goes down, or a page was left.
pub const GOING_AWAY: u16 = 1001;
/// The peer broke the protocol.
pub const PROTOCOL_ERROR: u16 = 1002;
/// The peer sent a kind of data that cannot be accepted.
pub const UNSUPPORTED_DATA: u16 = 1003;
/// Data that is not of the message's type, such as text that is not UTF-8.
pub const INVALID_DATA: u16 = 1007;
/// A message against the endpoint's policy.
pub const POLICY_VIOLATION: u16 = 1008;
/// A message that is too big.
pub const TOO_BIG: u16 = 1009;
/// The server met an unexpected condition.
pub const INTERNAL_ERROR: u16 = 1011;
/// The service restarts; the client may come back.
pub const SERVICE_RESTART: u16 = 1012;

/// A close frame's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseFrame {
    /// The code; `None` when the frame was empty.
    pub code: Option<u16>,
    /// The reason, possibly empty.
    pub reason: String,
}

impl CloseFrame {
    /// Reads a close frame's payload.
    pub(super) fn parse(payload: &[u8]) -> Result<Self, Error> {
        let (code, reason) = match payload {
            [] => {
                return Ok(Self {
                    code: None,
                    reason: String::new(),
                });
            }
            [_] => return Err(Error::BadClose),
            [high, low, reason @ ..] => (u16::from_be_bytes([*high, *low]), reason),
        };
        if !may_be_received(code) {
            return Err(Error::BadClose);
        }
        let reason = std::str::from_utf8(reason).map_err(|_| Error::NotUtf8)?;
        Ok(Self {
            code: Some(code),
            reason: reason.to_owned(),
        })
    }
}

/// Whether a code may stand in a close frame: registered and not reserved, or private.
pub fn may_be_received(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Appends a close frame; the reason is cut at a character's border so that it fits.
pub fn encode_close(sender: Sender, code: u16, reason: &str, out: &mut Vec<u8>) {
    let reason = &reason[..reason.floor_char_boundary(CONTROL_LEN_MAX - 2)];
    let mut payload = Vec::with_capacity(2 + reason.len());
    payload.extend_from_slice(&code.to_be_bytes());
    payload.extend_from_slice(reason.as_bytes());
    encode_control(sender, Opcode::Close, &payload, out);
}
