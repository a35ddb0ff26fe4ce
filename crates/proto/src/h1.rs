//! HTTP/1: heads, bodies and their small change, without input or output (RFC 9112, nginx).
//!
//! The caller owns the bytes. Parsers look at a buffer that grows at its end, remember where they
//! stopped, and hand out [`Span`]s of it.
//!
//! A server reads a request in this order:
//!
//! 1. [`RequestParser::parse`] after each read until [`Progress::Done`]. [`Progress::More`] says in
//!    which line the buffer ends; [`HeadRoom`] turns that and `large_client_header_buffers` into
//!    how much may still be read. [`Progress::FirstLine`] and [`Progress::Host`] come in between,
//!    for callers that pick a server by them; parse again to go on.
//! 2. [`RequestParser::take_head`], then [`Host::of_request`], [`normalize`] on the head's target,
//!    and [`Framing::of_request`], each of which may refuse the request.
//! 3. The body starts at `head.end`: [`ChunkedDecoder`] if it is chunked.
//! 4. [`RequestParser::recycle`] with the head that is no longer needed.
//!
//! A proxy reads a response with [`ResponseParser`], [`Framing::of_response`] and the same decoder;
//! a 1xx response is a head of its own. Everything that is refused says so by an error that names
//! what was wrong; where heads are concerned, what is refused is what nginx refuses.
//!
//! Lengths of heads are bounded by the caller's buffer, numbers of fields by
//! [`HeadOptions::fields_max`], everything in chunked framing by the decoder.

#![warn(clippy::indexing_slicing)]

mod chunked;
mod date;
mod escape;
mod field;
mod framing;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod host;
mod line;
mod message;
mod request;
mod request_line;
mod response;
mod room;
mod span;
mod status;
#[cfg(test)]
#[expect(clippy::indexing_slicing, reason = "a test may panic")]
mod tests;
mod uri;

pub use chunked::{
    CHUNK_END, ChunkError, ChunkHeader, ChunkStep, ChunkedDecoder, Decoded, EXTENSION_BYTES_MAX,
    LAST_CHUNK, LAST_CHUNK_BEFORE_TRAILERS, TRAILER_BYTES_MAX, TrailerError, TrailerParser,
    Trailers,
};
pub use date::{format_http_date, parse_http_date};
pub use escape::{Escape, Unescape, escape, escape_into, unescape};
pub use field::{Field, FieldName, Fields};
pub use framing::{Framing, FramingError};
pub use host::{Host, HostError};
pub use message::{Method, Part, Persistence, Progress, RefusedLine, Version};
pub use request::{HeadError, HeadOptions, RequestHead, RequestParser};
pub use response::{ResponseError, ResponseHead, ResponseParser};
pub use room::{HeadBuffers, HeadRoom, HeadTooLong};
pub use span::Span;
pub use status::{CONTINUE, status_line};
pub use uri::{InvalidUri, Slashes, UnsafeUri, Uri, argument, extension, internal, normalize};
