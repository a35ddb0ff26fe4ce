//! What an RFB server sends, as pixels: a decoder, a framebuffer, and PNG. Knows no socket.
//!
//! ```text
//! bytes after ServerInit ─▶ Decoder ─▶ Framebuffer ─▶ scaled, PNG
//! ```
//!
//! A [`Decoder`] takes what a server sends, in any split, and keeps the picture. Everything that a
//! server can make it hold is bounded by its [`Limits`]; what breaks the protocol is an [`Error`]
//! with its reason, after which the decoder is of no more use.

#![forbid(unsafe_code)]

mod cursor;
mod decoder;
mod dirty;
mod encoder;
mod error;
mod framebuffer;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod jpeg;
mod pixel;
mod png;
mod reader;
mod scale;

pub use cursor::Cursor;
pub use decoder::{Decoder, Limits, ResumeError, StateError, encodings};
pub use encoder::Encoder;
pub use error::Error;
pub use framebuffer::{Framebuffer, Pixel, Rect};
pub use pixel::PixelFormat;
pub use png::encode_png;
