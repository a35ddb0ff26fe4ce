//! A range of the caller's buffer, in eight bytes.

/// A half-open range of offsets into the buffer that was parsed (`start <= end`).
///
/// Heads hold spans instead of slices, so that they can be kept beside the buffer they describe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// The range from `start` to `end`; buffers stay below 4 GiB, see [`BUFFER_BYTES_MAX`].
    pub(super) fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end && end <= BUFFER_BYTES_MAX);
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The bytes of `buf` that the span names; empty if `buf` is not the buffer it came from.
    pub fn of(self, buf: &[u8]) -> &[u8] {
        buf.get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }

    /// Number of bytes.
    pub fn len(self) -> usize {
        self.end.saturating_sub(self.start) as usize
    }

    /// Whether the span holds nothing.
    pub fn is_empty(self) -> bool {
        self.end <= self.start
    }
}

/// No buffer handed to a parser may be longer; what lies behind is not looked at.
pub(super) const BUFFER_BYTES_MAX: usize = u32::MAX as usize;
