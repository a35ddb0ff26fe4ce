//! Request heads: `RequestParser` and what it yields (RFC 9112 §3 and §5, `ngx_http_request.c`).

use super::field::{Field, FieldName, Fields};
use super::line::{BadLine, Line, LineScanner, StatusLines, Unusual};
use super::message::{Method, Part, Persistence, Progress, RefusedLine, Version};
use super::request_line::RequestLineScanner;
use super::span::{BUFFER_BYTES_MAX, Span};

/// What directives say about header fields of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadOptions {
    /// `underscores_in_headers`
    pub underscores_in_headers: bool,
    /// `ignore_invalid_headers`
    pub ignore_invalid_headers: bool,
    /// `max_headers`
    pub fields_max: usize,
}

impl Default for HeadOptions {
    fn default() -> Self {
        Self {
            underscores_in_headers: false,
            ignore_invalid_headers: true,
            fields_max: 1000,
        }
    }
}

/// The head of a request; its spans are offsets into the buffer that was parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestHead {
    /// The whole request line without its end (`$request`); of a refused one as much as came.
    pub line: Span,
    /// The method.
    pub method: Method,
    /// The method as written.
    pub method_name: Span,
    /// The scheme of an absolute target, otherwise empty.
    pub scheme: Span,
    /// Host and port of an absolute target or of CONNECT.
    pub authority: Option<Span>,
    /// Path and query as written (`$request_uri`). It begins with a slash, or with a question mark
    /// if an absolute target has an empty path.
    pub target: Span,
    /// The version; HTTP/0.9 if the line names none, HTTP/1.0 until it is known.
    pub version: Version,
    /// The version as written (`$server_protocol`); empty for HTTP/0.9.
    pub protocol: Span,
    /// The header fields.
    pub fields: Fields,
    /// How many invalid header lines were ignored.
    pub ignored_lines: usize,
    /// The last of the ignored lines, for the log.
    pub last_ignored_line: Span,
    /// Where the head ends and the body begins.
    pub end: usize,
}

impl RequestHead {
    /// The value of the first field with this name.
    pub fn value<'a>(&self, buf: &'a [u8], name: FieldName) -> Option<&'a [u8]> {
        self.fields.get(name).map(|field| field.value.of(buf))
    }

    /// What the `Connection` fields ask for.
    pub fn persistence(&self, buf: &[u8]) -> Persistence {
        let fields = self.fields.all(FieldName::Connection);
        Persistence::of(fields.map(|field| field.value.of(buf)))
    }

    /// The bytes of the head as `$request_length` counts them: without line ends before it.
    pub fn length(&self) -> usize {
        // Of a request that never began, line ends before it may be all there is.
        self.end.saturating_sub(self.line.start as usize)
    }

    /// Makes the head as new and keeps the memory of its fields.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.fields);
        fields.clear();
        *self = Self {
            fields,
            ..Self::default()
        };
    }
}

/// Why a request head is refused; the client is at fault in each case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    /// The method has a character that no method has.
    #[error("client sent invalid method")]
    InvalidMethod,
    /// The request line does not follow the grammar.
    #[error("client sent invalid request")]
    InvalidRequest,
    /// A major version above 1.
    #[error("client sent invalid version")]
    InvalidVersion,
    /// A request line without a version whose method is not GET.
    #[error("client sent invalid method in HTTP/0.9 request")]
    InvalidMethodOfHttp09,
    /// A header line that is refused whatever the directives say.
    #[error("client sent invalid header line")]
    InvalidHeader(RefusedLine),
    /// A field that may come only once came twice.
    #[error("client sent duplicate header line")]
    DuplicateHeader {
        /// The one that came first.
        first: Field,
        /// The one that repeats it.
        second: Field,
    },
    /// More header fields than `max_headers`.
    #[error("client sent too many header lines")]
    TooManyHeaders,
}

impl HeadError {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::InvalidVersion => 505,
            // nginx's own code, shown to the client as 400.
            Self::TooManyHeaders => 494,
            _ => 400,
        }
    }
}

impl From<BadLine> for HeadError {
    fn from(BadLine(span): BadLine) -> Self {
        Self::InvalidHeader(RefusedLine { span })
    }
}

/// Parses request heads out of a buffer that grows at its end.
///
/// After `Progress::Done` the head is in [`head`](Self::head); [`take_head`](Self::take_head)
/// moves it out and readies the parser for the next request, [`recycle`](Self::recycle) gives the
/// memory of a head back. After an error the parser is of no more use until it is cleared.
#[derive(Clone, Debug, Default)]
pub struct RequestParser {
    state: State,
    /// Everything before it has been looked at.
    pos: usize,
    line: RequestLineScanner,
    scanner: LineScanner,
    head: RequestHead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    RequestLine,
    Fields,
    Done,
}

impl RequestParser {
    /// A parser at the beginning of a request.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses on where the last call stopped.
    ///
    /// `buf` begins with the first byte of the request and holds at least what it held before.
    pub fn parse(&mut self, buf: &[u8], options: &HeadOptions) -> Result<Progress, HeadError> {
        let buf = buf.get(..BUFFER_BYTES_MAX).unwrap_or(buf);
        match self.state {
            State::RequestLine => self.parse_line(buf),
            State::Fields => self.parse_fields(buf, options),
            State::Done => Ok(Progress::Done),
        }
    }

    /// The head as far as it has been parsed.
    pub fn head(&self) -> &RequestHead {
        &self.head
    }

    /// Moves the head out and readies the parser for the next request.
    pub fn take_head(&mut self) -> RequestHead {
        self.rewind();
        std::mem::take(&mut self.head)
    }

    /// Gives the memory of a head that is no longer needed to the next one; after
    /// [`take_head`](Self::take_head), before the next [`parse`](Self::parse).
    pub fn recycle(&mut self, mut spent: RequestHead) {
        debug_assert!(self.pos == 0);
        spent.fields.clear();
        self.head.fields = spent.fields;
    }

    /// Readies the parser for the next request, wherever it is.
    pub fn clear(&mut self) {
        self.head.clear();
        self.rewind();
    }

    fn rewind(&mut self) {
        self.state = State::RequestLine;
        self.pos = 0;
        self.line = RequestLineScanner::default();
    }

    fn parse_line(&mut self, buf: &[u8]) -> Result<Progress, HeadError> {
        let complete = self.line.next(buf, &mut self.pos, &mut self.head);
        if complete != Ok(true) {
            self.note_incomplete_line(buf);
        }
        if !complete? {
            let part = if self.line.is_before_line() {
                Part::Nothing
            } else {
                Part::FirstLine
            };
            return Ok(Progress::More {
                part,
                line_start: self.head.line.start as usize,
            });
        }
        self.head.end = self.pos;
        self.scanner = LineScanner::starting_at(self.pos);
        // HTTP/0.9 has no header fields.
        let has_fields = self.head.version >= Version::HTTP_10;
        self.state = if has_fields {
            State::Fields
        } else {
            State::Done
        };
        Ok(Progress::FirstLine)
    }

    /// What came of a line that is not complete, or is refused, still goes to the log.
    fn note_incomplete_line(&mut self, buf: &[u8]) {
        let line = buf.get(self.head.line.start as usize..).unwrap_or_default();
        let length = memchr::memchr2(b'\r', b'\n', line).unwrap_or(line.len());
        self.head.line.end = self.head.line.start + length as u32;
    }

    fn parse_fields(&mut self, buf: &[u8], options: &HeadOptions) -> Result<Progress, HeadError> {
        loop {
            match self
                .scanner
                .next(buf, &mut self.pos, StatusLines::AreFields)?
            {
                Line::Field {
                    name,
                    value,
                    unusual,
                } if is_ignored(unusual, options) => {
                    self.head.ignored_lines += 1;
                    self.head.last_ignored_line = Span {
                        start: name.start,
                        end: value.end,
                    };
                }
                Line::Field { name, value, .. } => {
                    let known = FieldName::from_bytes(name.of(buf));
                    self.push(Field { name, value, known }, options)?;
                    if known == Some(FieldName::Host) {
                        return Ok(Progress::Host);
                    }
                }
                Line::End => {
                    self.head.end = self.pos;
                    self.state = State::Done;
                    return Ok(Progress::Done);
                }
                Line::More => {
                    let line_start = self.scanner.line_start();
                    return Ok(Progress::More {
                        part: Part::Fields,
                        line_start,
                    });
                }
            }
        }
    }

    fn push(&mut self, field: Field, options: &HeadOptions) -> Result<(), HeadError> {
        if self.head.fields.len() >= options.fields_max {
            return Err(HeadError::TooManyHeaders);
        }
        let unique = field.known.filter(|&name| comes_once(name));
        if let Some(first) = unique.and_then(|name| self.head.fields.get(name)) {
            return Err(HeadError::DuplicateHeader {
                first,
                second: field,
            });
        }
        self.head.fields.push(field);
        Ok(())
    }
}

fn is_ignored(unusual: Unusual, options: &HeadOptions) -> bool {
    let invalid = unusual.other || (unusual.underscore && !options.underscores_in_headers);
    invalid && options.ignore_invalid_headers
}

/// The fields whose repetition is refused. RFC 9112 §6.3 demands it of the framing ones; the rest
/// is as nginx.
fn comes_once(name: FieldName) -> bool {
    matches!(
        name,
        FieldName::Host
            | FieldName::IfModifiedSince
            | FieldName::IfUnmodifiedSince
            | FieldName::IfMatch
            | FieldName::IfNoneMatch
            | FieldName::ContentLength
            | FieldName::ContentRange
            | FieldName::IfRange
            | FieldName::TransferEncoding
            | FieldName::Expect
            | FieldName::Authorization
            | FieldName::ProxyAuthorization
    )
}
