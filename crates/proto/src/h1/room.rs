//! How much of a request head may be read (`client_header_buffer_size`,
//! `large_client_header_buffers`, `ngx_http_alloc_large_header_buffer`).

use super::message::{Part, Progress};

/// The sizes that the directives give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadBuffers {
    /// `client_header_buffer_size`
    pub first_bytes: usize,
    /// The number of `large_client_header_buffers`
    pub large_count: usize,
    /// The size of `large_client_header_buffers`
    pub large_bytes: usize,
}

impl Default for HeadBuffers {
    fn default() -> Self {
        Self {
            first_bytes: 1024,
            large_count: 4,
            large_bytes: 8192,
        }
    }
}

/// The room that a head has in one contiguous buffer, as if it were in nginx's separate ones: a
/// line that does not fit moves to a new large buffer, and there is a number of those.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadRoom {
    /// The head may fill the buffer up to here.
    end: usize,
    large_used: usize,
}

/// A head that may not grow any more; the client is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadTooLong {
    /// The request line does not fit: 414.
    #[error("client sent too long URI")]
    RequestLine,
    /// One header line does not fit: 494, shown as 400.
    #[error("client sent too long header line")]
    HeaderLine,
    /// All lines together do not fit: 494, shown as 400.
    #[error("client sent too large request")]
    Head,
}

impl HeadTooLong {
    /// The status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::RequestLine => 414,
            Self::HeaderLine | Self::Head => 494,
        }
    }
}

impl HeadRoom {
    /// The room at the beginning of a head.
    pub fn new(buffers: &HeadBuffers) -> Self {
        Self {
            end: buffers.first_bytes,
            large_used: 0,
        }
    }

    /// How long the buffer may get before [`grow`](Self::grow) is asked again.
    pub fn end(&self) -> usize {
        self.end
    }

    /// What the parser may see of a buffer that holds more, say pipelined requests.
    pub fn visible<'a>(&self, buf: &'a [u8]) -> &'a [u8] {
        buf.get(..self.end).unwrap_or(buf)
    }

    /// Makes room when `filled` visible bytes did not complete the head; does nothing while there
    /// is some.
    pub fn grow(
        &mut self,
        buffers: &HeadBuffers,
        progress: Progress,
        filled: usize,
    ) -> Result<(), HeadTooLong> {
        let Progress::More { part, line_start } = progress else {
            return Ok(());
        };
        if filled < self.end {
            return Ok(());
        }
        if part == Part::Nothing {
            // The client fills the buffer with empty lines, which cost nothing.
            self.end = filled + buffers.first_bytes;
            return Ok(());
        }
        let line_bytes = filled - line_start;
        let refusal = match part {
            Part::FirstLine => HeadTooLong::RequestLine,
            _ if line_bytes == 0 => HeadTooLong::Head,
            _ => HeadTooLong::HeaderLine,
        };
        if line_bytes >= buffers.large_bytes || self.large_used >= buffers.large_count {
            return Err(refusal);
        }
        self.large_used += 1;
        self.end = line_start + buffers.large_bytes;
        Ok(())
    }
}
