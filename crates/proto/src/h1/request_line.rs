//! The request line, byte by byte (`ngx_http_parse_request_line`, RFC 9112 §3).

use super::message::{Method, Version};
use super::request::{HeadError, RequestHead};
use super::span::Span;

/// Scans the request line into a head and remembers where it was cut.
#[derive(Clone, Debug, Default)]
pub(super) struct RequestLineScanner {
    state: State,
    major: u32,
    minor: u32,
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
    /// Whether nothing but line ends came.
    pub(super) fn is_before_line(&self) -> bool {
        self.state == State::Start
    }

    /// Scans from `*pos` and leaves it after what was used; true once the line is complete.
    ///
    /// `head.line.start` says where the line begins, also while it is not complete.
    pub(super) fn next(
        &mut self,
        buf: &[u8],
        pos: &mut usize,
        head: &mut RequestHead,
    ) -> Result<bool, HeadError> {
        while let Some(&byte) = buf.get(*pos) {
            if self.state == State::Target {
                let run = run_of_target(buf, *pos);
                *pos += run;
                if run > 0 {
                    continue;
                }
            }
            if self.state == State::AfterTarget && tail(buf, *pos).starts_with(USUAL_END) {
                *pos = self.usual_end(*pos, head);
                continue;
            }
            let step = self.step(byte, *pos, buf, head)?;
            *pos += 1;
            match step {
                Step::Next(state) => self.state = state,
                Step::Done => return self.finish(head).map(|()| true),
            }
        }
        Ok(false)
    }

    /// Takes the version that nearly all requests have at once, up to the LF.
    fn usual_end(&mut self, pos: usize, head: &mut RequestHead) -> usize {
        (self.major, self.minor) = (1, 1);
        self.state = State::LineEnd;
        if head.method == Method::Connect {
            let slash = pos + USUAL_END.len() - "/1.1\r".len();
            head.target = Span::new(slash, slash + 1);
        }
        let end = pos + USUAL_END.len() - 1;
        head.protocol = Span::new(pos, end);
        head.line.end = head.protocol.end;
        end + 1
    }

    fn step(&mut self, byte: u8, pos: usize, buf: &[u8], head: &mut RequestHead) -> StepResult {
        match self.state {
            State::Start | State::Method => self.method(byte, pos, buf, head),
            State::BeforeTarget | State::Scheme | State::SchemeSlashes(_) => {
                self.scheme(byte, pos, head)
            }
            State::BeforeConnectHost
            | State::HostStart
            | State::Host
            | State::IpLiteral
            | State::HostEnd
            | State::PortStart
            | State::Port => self.authority(byte, pos, head),
            State::Target | State::AfterTarget => self.target(byte, pos, head),
            State::Protocol(_)
            | State::MajorStart
            | State::Major
            | State::MinorStart
            | State::Minor
            | State::AfterVersion
            | State::LineEnd => self.version(byte, pos, head),
        }
    }

    fn method(&mut self, byte: u8, pos: usize, buf: &[u8], head: &mut RequestHead) -> StepResult {
        match byte {
            b'\r' | b'\n' if self.state == State::Start => {
                head.line = Span::new(pos + 1, pos + 1);
                next(State::Start)
            }
            b' ' if self.state == State::Method => {
                head.method_name = Span {
                    start: head.line.start,
                    end: offset(pos),
                };
                head.method = Method::from_bytes(head.method_name.of(buf));
                next(match head.method {
                    Method::Connect => State::BeforeConnectHost,
                    _ => State::BeforeTarget,
                })
            }
            b'A'..=b'Z' | b'_' | b'-' => next(State::Method),
            _ => Err(HeadError::InvalidMethod),
        }
    }

    fn scheme(&mut self, byte: u8, pos: usize, head: &mut RequestHead) -> StepResult {
        match (self.state, byte) {
            (State::BeforeTarget, b' ') => next(State::BeforeTarget),
            (State::BeforeTarget, b'/') => {
                head.target = Span::new(pos, pos);
                next(State::Target)
            }
            (State::BeforeTarget, b'a'..=b'z' | b'A'..=b'Z') => {
                head.scheme = Span::new(pos, pos);
                next(State::Scheme)
            }
            (State::Scheme, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.') => {
                next(State::Scheme)
            }
            (State::Scheme, b':') => {
                head.scheme.end = offset(pos);
                next(State::SchemeSlashes(0))
            }
            (State::SchemeSlashes(0), b'/') => next(State::SchemeSlashes(1)),
            (State::SchemeSlashes(_), b'/') => next(State::HostStart),
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn authority(&mut self, byte: u8, pos: usize, head: &mut RequestHead) -> StepResult {
        if matches!(self.state, State::BeforeConnectHost | State::HostStart) {
            if self.state == State::BeforeConnectHost && byte == b' ' {
                return next(State::BeforeConnectHost);
            }
            head.authority = Some(Span::new(pos, pos));
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
            _ => self.end_authority(byte, pos, head),
        }
    }

    fn end_authority(&mut self, byte: u8, pos: usize, head: &mut RequestHead) -> StepResult {
        if let Some(authority) = &mut head.authority {
            authority.end = offset(pos);
        }
        match (head.method, byte) {
            // RFC 9112 §3.2.3: the target of CONNECT is a host and a port, nothing else.
            (Method::Connect, b' ') if self.state == State::Port => next(State::AfterTarget),
            (Method::Connect, _) => Err(HeadError::InvalidRequest),
            (_, b'/' | b'?') => {
                head.target = Span::new(pos, pos);
                next(State::Target)
            }
            (_, b' ') => {
                // The path is empty: the first slash after the scheme stands for it.
                let slash = head.scheme.end + 1;
                head.target = Span {
                    start: slash,
                    end: slash + 1,
                };
                next(State::AfterTarget)
            }
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn target(&mut self, byte: u8, pos: usize, head: &mut RequestHead) -> StepResult {
        if self.state == State::Target {
            head.target.end = offset(pos);
        }
        match (self.state, byte) {
            (_, b' ') => next(State::AfterTarget),
            (_, b'\r' | b'\n') => {
                self.minor = 9;
                end_line(byte, pos, head)
            }
            (State::AfterTarget, b'H') => {
                head.protocol = Span::new(pos, pos);
                next(State::Protocol(1))
            }
            (State::Target, byte) if is_target(byte) => next(State::Target),
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn version(&mut self, byte: u8, pos: usize, head: &mut RequestHead) -> StepResult {
        match (self.state, byte) {
            (State::Protocol(1 | 2), b'T') | (State::Protocol(3), b'P') => {
                let State::Protocol(seen) = self.state else {
                    return Err(HeadError::InvalidRequest);
                };
                next(State::Protocol(seen + 1))
            }
            (State::Protocol(4), b'/') => {
                if head.method == Method::Connect {
                    // The only slash of the line stands for the path.
                    head.target = Span::new(pos, pos + 1);
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
            (State::Minor | State::AfterVersion, b'\r' | b'\n') => end_line(byte, pos, head),
            (State::LineEnd, b'\n') => Ok(Step::Done),
            _ => Err(HeadError::InvalidRequest),
        }
    }

    fn finish(&self, head: &mut RequestHead) -> Result<(), HeadError> {
        head.version = Version(self.major * 1000 + self.minor);
        if head.version == Version::HTTP_09 && head.method != Method::Get {
            return Err(HeadError::InvalidMethodOfHttp09);
        }
        Ok(())
    }
}

fn end_line(byte: u8, pos: usize, head: &mut RequestHead) -> StepResult {
    head.line.end = offset(pos);
    if head.protocol.start > 0 {
        head.protocol.end = head.line.end;
    }
    if byte == b'\n' {
        Ok(Step::Done)
    } else {
        next(State::LineEnd)
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
    let rest = tail(buf, pos);
    rest.iter()
        .position(|&byte| !is_target(byte))
        .unwrap_or(rest.len())
}

fn tail(buf: &[u8], pos: usize) -> &[u8] {
    buf.get(pos..).unwrap_or_default()
}

/// Buffers stay below 4 GiB, see [`Span::new`].
fn offset(pos: usize) -> u32 {
    pos as u32
}

/// RFC 3986 §3.2.2: unreserved, sub-delims and the colon.
fn is_ip_literal(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b":-._~!$&'()*+,;=".contains(&byte)
}

const USUAL_END: &[u8] = b"HTTP/1.1\r";
