//! Version negotiation (RFC 6143 §7.1.1) and the odd versions that exist.

use super::HandshakeError;

/// The three handshakes that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// 3.3: the server decides the security type.
    V3_3,
    /// 3.7: the server offers types, the client chooses.
    V3_7,
    /// 3.8: always a security result, with a reason on failure.
    V3_8,
}

/// Bytes of a version message.
pub(super) const VERSION_LEN: usize = 12;

const TEMPLATE: &[u8; VERSION_LEN] = b"RFB 000.000\n";

impl Version {
    /// The message that names this version.
    pub fn message(self) -> &'static [u8; VERSION_LEN] {
        match self {
            Self::V3_3 => b"RFB 003.003\n",
            Self::V3_7 => b"RFB 003.007\n",
            Self::V3_8 => b"RFB 003.008\n",
        }
    }

    /// Reads a version message as far as it has come; `None` asks for more.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<Self>, HandshakeError> {
        let fits = |(byte, place): (&u8, &u8)| match place {
            b'0' => byte.is_ascii_digit(),
            place => byte == place,
        };
        let seen = &bytes[..bytes.len().min(VERSION_LEN)];
        let shown = || String::from_utf8_lossy(seen).into_owned();
        if !seen.iter().zip(TEMPLATE).all(fits) {
            return Err(HandshakeError::NotRfb(shown()));
        }
        let Some(message) = seen.first_chunk::<VERSION_LEN>() else {
            return Ok(None);
        };
        let number = |at: usize| {
            message[at..at + 3]
                .iter()
                .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
        };
        match (number(4), number(8)) {
            (0, 0) => Err(HandshakeError::Repeater),
            (0..=2, _) => Err(HandshakeError::UnsupportedVersion(
                shown().trim_end().to_owned(),
            )),
            (3, 7) => Ok(Some(Self::V3_7)),
            // 3.889 is Apple's; 4 and 5 are RealVNC's. All speak 3.8.
            (3, 8 | 889) | (4.., _) => Ok(Some(Self::V3_8)),
            // RFC 6143 §7.1.1: other versions do not implement the handshake of 3.7 or 3.8.
            (3, _) => Ok(Some(Self::V3_3)),
        }
    }
}
