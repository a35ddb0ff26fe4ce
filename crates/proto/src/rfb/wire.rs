//! What both handshakes share: numbers, reasons, the server's initial message.

use super::HandshakeError;

/// Bytes of a failure reason that are kept.
pub(super) const REASON_LEN_MAX: u32 = 4096;

/// Bytes of a desktop's name that are accepted.
const NAME_LEN_MAX: u32 = 4096;

/// Bytes of `ServerInit` before the name.
const INIT_LEN: usize = 24;

/// The screen that a server shows: size, pixel format and name (RFC 6143 §7.3.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerInit {
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The `PIXEL_FORMAT` structure as sent.
    pub pixel_format: [u8; 16],
    /// The desktop's name, as sent (commonly UTF-8; text of a stranger).
    pub name: Vec<u8>,
}

impl ServerInit {
    /// Reads the message with its length; `None` asks for more.
    pub(super) fn parse(input: &[u8]) -> Result<Option<(Self, usize)>, HandshakeError> {
        let Some(fixed) = input.first_chunk::<INIT_LEN>() else {
            return Ok(None);
        };
        let [w0, w1, h0, h1, rest @ ..] = *fixed;
        let (pixel_format, name_len) = rest.split_at(16);
        let Some(name_len) = read_u32(name_len) else {
            return Ok(None);
        };
        if name_len > NAME_LEN_MAX {
            return Err(HandshakeError::NameTooLong(name_len));
        }
        let end = INIT_LEN + name_len as usize;
        let Some(name) = input.get(INIT_LEN..end) else {
            return Ok(None);
        };
        let mut init = Self {
            width: u16::from_be_bytes([w0, w1]),
            height: u16::from_be_bytes([h0, h1]),
            pixel_format: [0; 16],
            name: name.to_vec(),
        };
        init.pixel_format.copy_from_slice(pixel_format);
        Ok(Some((init, end)))
    }

    /// Appends the message.
    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.width.to_be_bytes());
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&self.pixel_format);
        write_text(&self.name, out);
    }
}

/// A stranger's text as a sentence that can stand in a log line, an RFB reason or a close frame:
/// printable ASCII, one space between words, at most `len_max` bytes.
pub fn ascii_sentence(text: &[u8], len_max: usize) -> String {
    let printable = |byte: &u8| {
        if byte.is_ascii_graphic() {
            *byte as char
        } else {
            ' '
        }
    };
    let spaced: String = text.iter().map(printable).collect();
    let mut sentence = spaced
        .split_ascii_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    sentence.truncate(len_max);
    sentence
}

/// The big-endian number at the front.
pub(super) fn read_u16(input: &[u8]) -> Option<u16> {
    input.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
}

pub(super) fn read_u32(input: &[u8]) -> Option<u32> {
    input.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// Appends a length and the text.
pub(super) fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text);
}
