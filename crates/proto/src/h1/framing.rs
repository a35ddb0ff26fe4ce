//! How long a body is, decided once and strictly (RFC 9112 §6).

use super::field::{FieldName, Fields};
use super::message::{Method, Version};
use super::request::RequestHead;
use super::response::ResponseHead;

/// How a body is delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is no body and no length was said.
    None,
    /// Exactly this many bytes.
    Length(u64),
    /// The chunked transfer coding.
    Chunked,
    /// Everything until the connection ends: only of a response.
    UntilClose,
}

/// Why the length of a body cannot be trusted; the sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FramingError {
    /// `Content-Length` is not one decimal number that fits.
    #[error("invalid \"Content-Length\" header")]
    InvalidLength,
    /// `Content-Length` came twice.
    #[error("duplicate \"Content-Length\" header")]
    RepeatedLength,
    /// `Transfer-Encoding` came twice.
    #[error("duplicate \"Transfer-Encoding\" header")]
    RepeatedCoding,
    /// `Transfer-Encoding` is anything but `chunked`.
    #[error("unknown \"Transfer-Encoding\"")]
    UnknownCoding,
    /// Both fields came.
    #[error("\"Content-Length\" and \"Transfer-Encoding\" headers at the same time")]
    LengthAndCoding,
    /// `Transfer-Encoding` in a message of HTTP/1.0, which does not know it.
    #[error("HTTP/1.0 message with \"Transfer-Encoding\" header")]
    CodingInHttp10,
}

impl FramingError {
    /// The status to answer with when a client sent it; from an upstream server it is 502.
    pub fn request_status(self) -> u16 {
        match self {
            Self::UnknownCoding => 501,
            _ => 400,
        }
    }
}

impl Framing {
    /// The framing of a request's body.
    pub fn of_request(head: &RequestHead, buf: &[u8]) -> Result<Self, FramingError> {
        declared(&head.fields, head.version, buf)
    }

    /// The framing of a response's body to a request with this method.
    ///
    /// Bad fields are refused even where no body can follow.
    pub fn of_response(
        head: &ResponseHead,
        buf: &[u8],
        method: Method,
    ) -> Result<Self, FramingError> {
        let declared = declared(&head.fields, head.version, buf)?;
        // RFC 9112 §6.3, rules 1 and 2.
        let is_bodiless = matches!(head.status, 100..=199 | 204 | 304);
        if is_bodiless || method == Method::Head {
            return Ok(Self::None);
        }
        Ok(if declared == Self::None {
            Self::UntilClose
        } else {
            declared
        })
    }
}

fn declared(fields: &Fields, version: Version, buf: &[u8]) -> Result<Framing, FramingError> {
    let mut lengths = fields
        .all(FieldName::ContentLength)
        .map(|field| field.value.of(buf));
    let mut codings = fields
        .all(FieldName::TransferEncoding)
        .map(|field| field.value.of(buf));
    let (length, coding) = (lengths.next(), codings.next());
    if lengths.next().is_some() {
        return Err(FramingError::RepeatedLength);
    }
    if codings.next().is_some() {
        return Err(FramingError::RepeatedCoding);
    }
    let length = length.map(parse_length).transpose()?;
    match (length, coding) {
        (None, None) => Ok(Framing::None),
        (Some(length), None) => Ok(Framing::Length(length)),
        // DIFFERS: nginx takes a chunked HTTP/1.0 response; RFC 9112 §6.1 calls its framing faulty.
        (_, Some(_)) if version < Version::HTTP_11 => Err(FramingError::CodingInHttp10),
        (_, Some(coding)) if !coding.eq_ignore_ascii_case(b"chunked") => {
            Err(FramingError::UnknownCoding)
        }
        (Some(_), Some(_)) => Err(FramingError::LengthAndCoding),
        (None, Some(_)) => Ok(Framing::Chunked),
    }
}

/// Digits and nothing else; at most what a file offset holds, as nginx.
fn parse_length(value: &[u8]) -> Result<u64, FramingError> {
    let digit = |length: u64, byte: &u8| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    };
    value
        .iter()
        .try_fold(0, digit)
        .filter(|&length| !value.is_empty() && length <= i64::MAX as u64)
        .ok_or(FramingError::InvalidLength)
}
