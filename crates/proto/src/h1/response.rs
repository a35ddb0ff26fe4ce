//! Response heads of upstream servers (`ngx_http_parse_status_line`, `ngx_http_proxy_module.c`).

use super::field::{Field, FieldName, Fields};
use super::line::{BadLine, Line, LineScanner, StatusLines};
use super::message::{Part, Persistence, Progress, RefusedLine, Version};
use super::span::{BUFFER_BYTES_MAX, Span};

/// The head of a response; its spans are offsets into the buffer that was parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResponseHead {
    /// The version of the server.
    pub version: Version,
    /// The status code: three digits, 0 to 999.
    pub status: u16,
    /// The code and everything after it, without the line end.
    pub status_text: Span,
    /// The reason phrase; may be empty.
    pub reason: Span,
    /// The header fields.
    pub fields: Fields,
    /// Where the head ends and the body begins.
    pub end: usize,
}

impl ResponseHead {
    /// The value of the first field with this name.
    pub fn value<'a>(&self, buf: &'a [u8], name: FieldName) -> Option<&'a [u8]> {
        self.fields.get(name).map(|field| field.value.of(buf))
    }

    /// Whether the connection ends with this response: a version before 1.1, or `close`.
    pub fn closes(&self, buf: &[u8]) -> bool {
        let is_close = |field: Field| {
            Persistence::of(std::iter::once(field.value.of(buf))) == Persistence::Close
        };
        self.version < Version::HTTP_11 || self.fields.all(FieldName::Connection).any(is_close)
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

/// Why a response head is refused; the upstream server is at fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// There is no status line: nginx takes all bytes as the body of an HTTP/0.9 response.
    #[error("upstream sent no valid HTTP/1.0 header")]
    NoStatusLine,
    /// A header line that cannot be accepted.
    #[error("upstream sent invalid header")]
    InvalidHeader(RefusedLine),
}

impl From<BadLine> for ResponseError {
    fn from(BadLine(span): BadLine) -> Self {
        Self::InvalidHeader(RefusedLine { span })
    }
}

/// Parses response heads out of a buffer that grows at its end; the buffer's size is the limit.
///
/// 1xx responses are heads like any other: the caller drops `head.end` bytes, clears the parser and
/// parses again.
#[derive(Clone, Debug, Default)]
pub struct ResponseParser {
    state: State,
    /// Everything before it has been looked at.
    pos: usize,
    major: u32,
    minor: u32,
    status_digits: u8,
    status_start: usize,
    reason_start: usize,
    scanner: LineScanner,
    head: ResponseHead,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Within `HTTP/`; `pos` says how much of it came.
    #[default]
    Protocol,
    MajorStart,
    Major,
    MinorStart,
    Minor,
    Status,
    AfterStatus,
    Reason,
    /// After CR; awaits the LF.
    LineEnd,
    Fields,
    Done,
}

const PROTOCOL: &[u8] = b"HTTP/";

impl ResponseParser {
    /// A parser at the beginning of a response.
    pub fn new() -> Self {
        Self::default()
    }

    /// Parses on where the last call stopped.
    ///
    /// `buf` begins with the first byte of the response and holds at least what it held before.
    pub fn parse(&mut self, buf: &[u8]) -> Result<Progress, ResponseError> {
        let buf = buf.get(..BUFFER_BYTES_MAX).unwrap_or(buf);
        match self.state {
            State::Done => Ok(Progress::Done),
            State::Fields => self.parse_fields(buf),
            _ => self.parse_status_line(buf),
        }
    }

    /// The head as far as it has been parsed.
    pub fn head(&self) -> &ResponseHead {
        &self.head
    }

    /// Moves the head out and readies the parser for the next response.
    pub fn take_head(&mut self) -> ResponseHead {
        let head = std::mem::take(&mut self.head);
        *self = Self::default();
        head
    }

    /// Gives the memory of a head that is no longer needed to the next one; after
    /// [`take_head`](Self::take_head), before the next [`parse`](Self::parse).
    pub fn recycle(&mut self, mut spent: ResponseHead) {
        debug_assert!(self.pos == 0);
        spent.fields.clear();
        self.head.fields = spent.fields;
    }

    /// Readies the parser for the next response, wherever it is.
    pub fn clear(&mut self) {
        let mut fields = std::mem::take(&mut self.head.fields);
        fields.clear();
        *self = Self::default();
        self.head.fields = fields;
    }

    fn parse_status_line(&mut self, buf: &[u8]) -> Result<Progress, ResponseError> {
        if self.pos == 0 && self.take_usual_line(buf).is_some() {
            return Ok(Progress::FirstLine);
        }
        while let Some(&byte) = buf.get(self.pos) {
            let state = self.step(byte)?;
            self.state = state;
            self.pos += 1;
            if state == State::Fields {
                self.head.version = Version(self.major * 1000 + self.minor);
                self.begin_fields(self.pos);
                return Ok(Progress::FirstLine);
            }
        }
        let part = if self.pos == 0 {
            Part::Nothing
        } else {
            Part::FirstLine
        };
        Ok(Progress::More {
            part,
            line_start: 0,
        })
    }

    /// Takes a whole line of the kind that nearly all are: HTTP/1.1, a code, a reason, CRLF.
    fn take_usual_line(&mut self, buf: &[u8]) -> Option<()> {
        const CODE_AT: usize = "HTTP/1.1 ".len();
        const REASON_AT: usize = "HTTP/1.1 200 ".len();
        let [hundreds, tens, ones, b' ', reason @ ..] = buf.strip_prefix(b"HTTP/1.1 ")? else {
            return None;
        };
        let digits = [hundreds, tens, ones];
        if !digits.iter().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let length = memchr::memchr2(b'\r', b'\n', reason)?;
        if !reason.get(length..)?.starts_with(b"\r\n") {
            return None;
        }
        let end = REASON_AT + length;
        self.head.version = Version::HTTP_11;
        let code = |code: u16, digit: &u8| code * 10 + u16::from(digit - b'0');
        self.head.status = digits.into_iter().fold(0, code);
        self.head.status_text = Span::new(CODE_AT, end);
        self.head.reason = Span::new(REASON_AT, end);
        self.begin_fields(end + 2);
        Some(())
    }

    /// The status line ends before `pos`.
    fn begin_fields(&mut self, pos: usize) {
        self.pos = pos;
        self.head.end = pos;
        self.state = State::Fields;
        self.scanner = LineScanner::starting_at(pos);
    }

    fn step(&mut self, byte: u8) -> Result<State, ResponseError> {
        Ok(match (self.state, byte) {
            (State::Protocol, _) if PROTOCOL.get(self.pos) == Some(&byte) => match byte {
                b'/' => State::MajorStart,
                _ => State::Protocol,
            },
            (State::MajorStart, b'1'..=b'9') | (State::Major, b'0'..=b'9') if self.major <= 99 => {
                self.major = self.major * 10 + u32::from(byte - b'0');
                State::Major
            }
            (State::Major, b'.') => State::MinorStart,
            (State::MinorStart | State::Minor, b'0'..=b'9') if self.minor <= 99 => {
                self.minor = self.minor * 10 + u32::from(byte - b'0');
                State::Minor
            }
            (State::Minor | State::Status, b' ') => State::Status,
            (State::Status, b'0'..=b'9') => self.status_digit(byte - b'0'),
            // As nginx: IIS may send 403.1.
            (State::AfterStatus, b' ' | b'.') => {
                self.reason_start = self.pos + 1;
                State::Reason
            }
            (State::AfterStatus | State::Reason, b'\r') => self.end_text(State::LineEnd),
            (State::AfterStatus | State::Reason, b'\n') => self.end_text(State::Fields),
            (State::Reason, _) => State::Reason,
            (State::LineEnd, b'\n') => State::Fields,
            _ => return Err(ResponseError::NoStatusLine),
        })
    }

    fn status_digit(&mut self, digit: u8) -> State {
        self.head.status = self.head.status * 10 + u16::from(digit);
        self.status_digits += 1;
        if self.status_digits < 3 {
            return State::Status;
        }
        self.status_start = self.pos - 2;
        State::AfterStatus
    }

    fn end_text(&mut self, next: State) -> State {
        self.head.status_text = Span::new(self.status_start, self.pos);
        if self.reason_start > 0 {
            self.head.reason = Span::new(self.reason_start, self.pos);
        }
        next
    }

    fn parse_fields(&mut self, buf: &[u8]) -> Result<Progress, ResponseError> {
        loop {
            match self
                .scanner
                .next(buf, &mut self.pos, StatusLines::AreSkipped)?
            {
                Line::Field { name, value, .. } => {
                    let known = FieldName::from_bytes(name.of(buf));
                    self.head.fields.push(Field { name, value, known });
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
}
