//! The request line, byte by byte (`ngx_http_parse_request_line`, RFC 9112 §3).

use super::message::{Method, Version};
use super::request::HeadError;
use super::span::Span;

/// Scans the request line and remembers where it was cut.
///
/// The offsets are in the order of the fields and count only once the scanner has passed them.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestLineScanner {
    state: State,
    start: usize,
    method: Method,
    method_end: usize,
    scheme_start: usize,
    scheme_end: usize,
    authority_start: usize,
    authority_end: usize,
    target_start: usize,
    target_end: usize,
    protocol_start: usize,
    major: u32,
    minor: u32,
    /// Where the line end begins.
    end: usize,
}

/// The parts of a complete request line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RequestLine {
    pub line: Span,
    pub method: Method,
    pub method_name: Span,
    pub scheme: Span,
    pub authority: Option<Span>,
    pub target: Span,
    pub version: Version,
    pub protocol: Span,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the line; line ends are skipped.
    #[default]
    Start,
    Method,
    BeforeTarget,
    Scheme,
    /// Within `://`; holds how many slashes came.
    SchemeSlashes(u8),
    BeforeConnectHost,
    HostStart,
    Host,
    IpLiteral,
    HostEnd,
    PortStart,
    Port,
    Target,
    AfterTarget,
    /// Within `HTTP/`; holds how many of its bytes came.
    Protocol(u8),
    MajorStart,
    Major,
    MinorStart,
    Minor,
    AfterVersion,
    /// After CR; awaits the LF.
    LineEnd,
}

/// What a byte did to the line.
enum Step {
    /// The byte belongs to the state it was given; the next one goes to this state.
    Next(State),
    /// The byte was the LF that ends the line.
    Done,
}

type StepResult = Result<Step, HeadError>;

impl RequestLineScanner {
    /// Where the line begins; the number of bytes seen as long as only line ends came.
    pub(super) fn line_start(&self) -> usize {
        self.start
    }

    /// Whether nothing but line ends came.
    pub(super) fn is_before_line(&self) -> bool {
        self.state == State::Start
    }

    /// Scans from `*pos`; leaves `*pos` after what was used.
    pub(super) fn next(
        &mut self,
        buf: &[u8],
        pos: &mut usize,
    ) -> Result<Option<RequestLine>, HeadError> {
        while let Some(&byte) = buf.get(*pos) {
            if self.state == State::Target && is_target(byte) {
                *pos += run_of_target(buf, *pos);
                continue;
            }
            let step = self.step(byte, *pos, buf)?;
            *pos += 1;
            match step {
                Step::Next(state) => self.state = state,
                Step::Done => return self.finish().map(Some),
            }
        }
        Ok(None)
    }

    fn step(&mut self, byte: u8, pos: usize, buf: &[u8]) -> StepResult {
        match self.state {
            State::Start | State::Method => self.method(byte, pos, buf),
            State::BeforeTarget | State::Scheme | State::SchemeSlashes(_) => self.scheme(byte, pos),
            State::BeforeConnectHost
            | State::HostStart
            | State::Host
            | State::IpLiteral
            | State::HostEnd
            | State::PortStart
            | State::Port => self.authority(byte, pos),
            State::Target | State::AfterTarget => self.target(byte, pos),
            State::Protocol(_)
            | State::MajorStart
            | State::Major
            | State::MinorStart
            | State::Minor
            | State::AfterVersion
            | State::LineEnd => self.version(byte, pos),
        }
    }

    fn method(&mut self, byte: u8, pos: usize, buf: &[u8]) -> StepResult {
        match byte {
            b'\r' | b'\n' if self.state == State::Start => {
                self.start = pos + 1;
                next(State::Start)
            }
            b' ' if self.state == State::Method => {
                self.method_end = pos;
                self.method = Method::from_bytes(buf.get(self.start..pos).unwrap_or_default());
                next(match self.method {
                    Method::Connect => State::BeforeConnectHost,
                    _ => State::BeforeTarget,
                })
            }
            b'A'..=b'Z' | b'_' | b'-' => next(State::Method),
            _ => Err(HeadError::InvalidMethod),
        }
    }

    fn scheme(&mut self, byte: u8, pos: usize) -> StepResult {
        match (self.state, byte) {
            (State::BeforeTarget, b' ') => next(State::BeforeTarget),
            (State::BeforeTarget, b'/') => {
                self.target_start = pos;
                next(State::Target)
            }
            (State::BeforeTarget, b'a'..=b'z' | b'A'..=b'Z') => {
                self.scheme_start = pos;
                next(State::Scheme)
            }
            (State::Scheme, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') => {
                next(State::Scheme)
            }
            (State::Scheme, b':') => {
                self.scheme_end = pos;
                next(State::SchemeSlashes(0))
            }
            (State::SchemeSlashes(0), b'/') => next(State::SchemeSlashes(1)),
            (State::SchemeSlashes(_), b'/') => next(State::HostStart),
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn authority(&mut self, byte: u8, pos: usize) -> StepResult {
        if matches!(self.state, State::BeforeConnectHost | State::HostStart) {
            if self.state == State::BeforeConnectHost && byte == b' ' {
                return next(State::BeforeConnectHost);
            }
            self.authority_start = pos;
            if byte == b'[' {
                return next(State::IpLiteral);
            }
            self.state = State::Host;
        }
        match (self.state, byte) {
            (State::Host, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'-') => {
                next(State::Host)
            }
            (State::Host | State::HostEnd, b':') => next(State::PortStart),
            (State::IpLiteral, b']') => next(State::HostEnd),
            (State::IpLiteral, byte) if is_ip_literal(byte) => next(State::IpLiteral),
            (State::IpLiteral, _) => Err(HeadError::InvalidRequest),
            (State::PortStart | State::Port, b'0'..=b'9') => next(State::Port),
            _ => self.end_authority(byte, pos),
        }
    }

    fn end_authority(&mut self, byte: u8, pos: usize) -> StepResult {
        self.authority_end = pos;
        match (self.method, byte) {
            // RFC 9112 §3.2.3: the target of CONNECT is a host and a port, nothing else.
            (Method::Connect, b' ') if self.state == State::Port => next(State::AfterTarget),
            (Method::Connect, _) => Err(HeadError::InvalidRequest),
            (_, b'/' | b'?') => {
                self.target_start = pos;
                next(State::Target)
            }
            (_, b' ') => {
                // The path is empty: the first slash after the scheme stands for it.
                self.target_start = self.scheme_end + 1;
                self.target_end = self.scheme_end + 2;
                next(State::AfterTarget)
            }
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn target(&mut self, byte: u8, pos: usize) -> StepResult {
        if self.state == State::Target {
            self.target_end = pos;
        }
        match (self.state, byte) {
            (_, b' ') => next(State::AfterTarget),
            (_, b'\r' | b'\n') => {
                self.minor = 9;
                self.end_line(byte, pos)
            }
            (State::AfterTarget, b'H') => {
                self.protocol_start = pos;
                next(State::Protocol(1))
            }
            (State::Target, byte) if is_target(byte) => next(State::Target),
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn version(&mut self, byte: u8, pos: usize) -> StepResult {
        match (self.state, byte) {
            (State::Protocol(1 | 2), b'T') | (State::Protocol(3), b'P') => {
                let State::Protocol(seen) = self.state else {
                    return Err(HeadError::InvalidRequest);
                };
                next(State::Protocol(seen + 1))
            }
            (State::Protocol(4), b'/') => {
                if self.method == Method::Connect {
                    // The only slash of the line stands for the path.
                    (self.target_start, self.target_end) = (pos, pos + 1);
                }
                next(State::MajorStart)
            }
            (State::MajorStart, b'1'..=b'9') | (State::Major, b'0'..=b'9') => {
                self.major = self.major * 10 + u32::from(byte - b'0');
                if self.major > 1 {
                    return Err(HeadError::InvalidVersion);
                }
                next(State::Major)
            }
            (State::Major, b'.') => next(State::MinorStart),
            (State::MinorStart | State::Minor, b'0'..=b'9') if self.minor <= 99 => {
                self.minor = self.minor * 10 + u32::from(byte - b'0');
                next(State::Minor)
            }
            (State::Minor | State::AfterVersion, b' ') => next(State::AfterVersion),
            (State::Minor | State::AfterVersion, b'\r' | b'\n') => self.end_line(byte, pos),
            (State::LineEnd, b'\n') => Ok(Step::Done),
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn end_line(&mut self, byte: u8, pos: usize) -> StepResult {
        self.end = pos;
        if byte == b'\n' {
            Ok(Step::Done)
        } else {
            next(State::LineEnd)
        }
    }

    fn finish(&self) -> Result<RequestLine, HeadError> {
        let version = Version(self.major * 1000 + self.minor);
        if version == Version::HTTP_09 && self.method != Method::Get {
            return Err(HeadError::InvalidMethodOfHttp09);
        }
        let has_protocol = self.protocol_start > 0;
        let has_authority = self.authority_end > 0;
        Ok(RequestLine {
            line: Span::new(self.start, self.end),
            method: self.method,
            method_name: Span::new(self.start, self.method_end),
            scheme: Span::new(self.scheme_start, self.scheme_end),
            authority: has_authority.then(|| Span::new(self.authority_start, self.authority_end)),
            target: Span::new(self.target_start, self.target_end),
            version,
            protocol: if has_protocol {
                Span::new(self.protocol_start, self.end)
            } else {
                Span::default()
            },
        })
    }
}

fn next(state: State) -> StepResult {
    Ok(Step::Next(state))
}

/// Everything but control characters and the space, as nginx: bytes above 0x7f may stand raw.
fn is_target(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

fn run_of_target(buf: &[u8], pos: usize) -> usize {
    buf.get(pos..)
        .unwrap_or_default()
        .iter()
        .take_while(|&&byte| is_target(byte))
        .count()
}

/// RFC 3986 §3.2.2: unreserved, sub-delims and the colon.
fn is_ip_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":-._~!$&'()*+,;=".contains(&byte)
}
