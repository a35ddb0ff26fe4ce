//! What stands around the payload of chunks that are sent (RFC 9112 §7.1).

/// The line end after the payload of a chunk.
pub const CHUNK_END: &[u8] = b"\r\n";

/// The last chunk and an empty trailer section.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The last chunk when trailers follow; after them comes [`CHUNK_END`].
pub const LAST_CHUNK_BEFORE_TRAILERS: &[u8] = b"0\r\n";

/// The line before the payload of a chunk, without an allocation.
#[derive(Clone, Copy, Debug)]
pub struct ChunkHeader {
    /// The text stands at the end.
    bytes: [u8; Self::BYTES_MAX],
    /// `start <= BYTES_MAX`
    start: usize,
}

impl ChunkHeader {
    const BYTES_MAX: usize = 18;

    /// The header of a chunk with that many bytes of payload, which are more than none: a chunk of
    /// none would end the body.
    pub fn new(payload_bytes: u64) -> Self {
        debug_assert!(payload_bytes > 0);
        let mut bytes = [0; Self::BYTES_MAX];
        let mut start = Self::BYTES_MAX;
        let mut rest = payload_bytes;
        for (at, place) in bytes.iter_mut().enumerate().rev() {
            *place = match Self::BYTES_MAX - at {
                1 => b'\n',
                2 => b'\r',
                _ => {
                    let digit = b"0123456789abcdef".get((rest % 16) as usize);
                    rest /= 16;
                    digit.copied().unwrap_or_default()
                }
            };
            start = at;
            if rest == 0 && at < Self::BYTES_MAX - 2 {
                break;
            }
        }
        Self { bytes, start }
    }
}

impl std::ops::Deref for ChunkHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}
