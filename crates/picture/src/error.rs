//! What a server did that its picture cannot be followed.

use crate::Rect;

/// Why a picture cannot be decoded any further.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A message whose length is not known.
    #[error("unknown message type {0}")]
    UnknownMessage(u8),
    /// A message of QEMU's whose length is not known.
    #[error("unknown QEMU message {0}")]
    UnknownQemuMessage(u8),
    /// An encoding that was not asked for, or that cannot be decoded.
    #[error("encoding {0} cannot be decoded")]
    UnknownEncoding(i32),
    /// A pixel format that breaks its rules.
    #[error("impossible pixel format: {0}")]
    PixelFormat(&'static str),
    /// A screen over the limit.
    #[error("a screen of {width}x{height} is over the limit")]
    ScreenTooLarge {
        /// Pixels in a row.
        width: u16,
        /// Rows.
        height: u16,
    },
    /// A cursor over the limit.
    #[error("a cursor of {0}x{1} is over the limit")]
    CursorTooLarge(u16, u16),
    /// A text over the limit.
    #[error("a text of {0} bytes is over the limit")]
    TextTooLong(u32),
    /// A rectangle that is not inside the screen.
    #[error("rectangle {0} is not inside the screen")]
    OutOfBounds(Rect),
    /// A part that is not inside its rectangle, or a run over the end of a tile.
    #[error("{0} encoding paints outside of its rectangle")]
    Overrun(&'static str),
    /// A number that the encoding has no meaning for.
    #[error("{encoding} encoding has no {what} {value}")]
    NoSuch {
        /// The encoding.
        encoding: &'static str,
        /// What the number is.
        what: &'static str,
        /// The number.
        value: u32,
    },
    /// Compressed data that is damaged, or of a stream that has ended.
    #[error("compressed data is damaged: {0}")]
    Inflate(String),
    /// Compressed data that holds less than its rectangle.
    #[error("compressed data ends before its rectangle does")]
    Short,
    /// Compressed data that holds more than its rectangle.
    #[error("compressed data goes on after its rectangle")]
    Long,
    /// A picture in a picture that cannot be read.
    #[error("{format} data cannot be read: {reason}")]
    Image {
        /// JPEG or PNG.
        format: &'static str,
        /// What its decoder says.
        reason: String,
    },
}
