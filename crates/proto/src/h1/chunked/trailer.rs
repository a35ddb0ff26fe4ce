//! Trailer sections (RFC 9112 §7.1.2).

use crate::h1::field::{Field, FieldName, Fields};
use crate::h1::line::{BadLine, Line, LineScanner, StatusLines};
use crate::h1::message::RefusedLine;
use crate::h1::span::{BUFFER_BYTES_MAX, Span};

/// Reads a trailer section that a [`ChunkedDecoder`](super::ChunkedDecoder) stopped before.
#[derive(Clone, Debug, Default)]
pub struct TrailerParser {
    pos: usize,
    scanner: LineScanner,
    fields: Fields,
}

/// Why a trailer section is refused; the sender is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("invalid trailer")]
pub struct TrailerError(pub RefusedLine);

impl TrailerParser {
    /// A parser at the beginning of a trailer section.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses on where the last call stopped; gives the section's length once it is complete.
    ///
    /// `buf` begins with the section and holds at least what it held before.
    pub fn parse(&mut self, buf: &[u8]) -> Result<Option<usize>, TrailerError> {
        let buf = buf.get(..BUFFER_BYTES_MAX).unwrap_or(buf);
        loop {
            let line = self
                .scanner
                .next(buf, &mut self.pos, StatusLines::AreFields);
            let line = line.map_err(|BadLine(span)| TrailerError(RefusedLine { span }))?;
            if line == Line::More {
                return Ok(None);
            }
            self.refuse_bare_line_feed(buf)?;
            match line {
                Line::Field { name, value, .. } => {
                    let known = FieldName::from_bytes(name.of(buf));
                    self.fields.push(Field { name, value, known });
                }
                Line::End | Line::More => return Ok(Some(self.pos)),
            }
        }
    }

    // DIFFERS: nginx takes a bare LF within trailers that it passes on; here, as everywhere within
    // chunked framing, it is an error.
    fn refuse_bare_line_feed(&self, buf: &[u8]) -> Result<(), TrailerError> {
        let line = buf.get(..self.pos).unwrap_or_default();
        if line.ends_with(b"\r\n") {
            return Ok(());
        }
        let span = Span::new(self.pos - 1, self.pos - 1);
        Err(TrailerError(RefusedLine { span }))
    }

    /// The fields of the section; their spans are offsets into the buffer that was parsed.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }
}
