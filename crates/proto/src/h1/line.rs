//! Header lines: the scanner that requests, responses and trailers share
//! (`ngx_http_parse_header_line`).

use super::span::Span;

/// Scans header lines one after the other and remembers where a line was cut.
#[derive(Clone, Debug, Default)]
pub(super) struct LineScanner {
    state: State,
    /// Where the current line begins.
    start: usize,
    name: Span,
    value: Span,
    unusual: Unusual,
}

/// What the scanner found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The buffer ends within a line.
    More,
    /// A field, complete with its line end.
    Field {
        name: Span,
        value: Span,
        unusual: Unusual,
    },
    /// The empty line that ends the head.
    End,
}

/// What is odd about the characters of a name; directives decide what that means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unusual {
    /// It has an underscore.
    pub underscore: bool,
    /// It has a character that is neither a letter, a digit, a hyphen nor an underscore.
    pub other: bool,
}

/// A line that cannot be accepted, from its start up to the offending byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BadLine(pub Span);

/// What a line that starts with `HTTP/` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatusLines {
    /// A field name with a slash in it.
    AreFields,
    /// A second status line, as some servers send: skipped, as nginx does.
    AreSkipped,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Start,
    Name,
    BeforeValue,
    Value,
    /// The value is complete; awaits the LF.
    LineEnd,
    /// An empty line began with CR; awaits the LF.
    HeadEnd,
    Skip,
}

impl LineScanner {
    /// Begins with the line that starts at `start`.
    pub(super) fn starting_at(start: usize) -> Self {
        Self {
            start,
            ..Self::default()
        }
    }

    /// Where the line that is being scanned begins.
    pub(super) fn line_start(&self) -> usize {
        self.start
    }

    /// Scans from `*pos` to the end of one line and leaves `*pos` after what was used.
    ///
    /// `buf` holds at least everything from the start of the line.
    pub(super) fn next(
        &mut self,
        buf: &[u8],
        pos: &mut usize,
        status_lines: StatusLines,
    ) -> Result<Line, BadLine> {
        if self.state == State::Start
            && let Some((line, next)) = usual(buf, *pos)
        {
            *pos = next;
            self.start = next;
            return Ok(line);
        }
        while let Some(&byte) = buf.get(*pos) {
            *pos = match (self.state, byte) {
                (State::Start | State::HeadEnd, b'\n') => {
                    *pos += 1;
                    self.state = State::Start;
                    self.start = *pos;
                    return Ok(Line::End);
                }
                (State::LineEnd, b'\n') => {
                    *pos += 1;
                    return Ok(self.field(*pos));
                }
                // As nginx: any number of CR may stand before the LF.
                (State::LineEnd, b'\r') => *pos + 1,
                (State::LineEnd | State::HeadEnd, _) => {
                    return Err(self.bad(self.value.end as usize));
                }
                (State::Start, _) => self.begin(byte, *pos)?,
                (State::Name, _) => self.name(buf, *pos, status_lines)?,
                (State::BeforeValue, _) => self.before_value(buf, *pos),
                (State::Value, _) => self.value(buf, *pos)?,
                (State::Skip, _) => self.skip(buf, *pos),
            };
        }
        Ok(Line::More)
    }

    /// Looks at the first byte of a line; returns, as those below, the position to go on from.
    fn begin(&mut self, byte: u8, pos: usize) -> Result<usize, BadLine> {
        self.start = pos;
        self.unusual = Unusual::default();
        match class(byte) {
            Class::LineEnd => {
                self.value = Span::new(pos, pos);
                self.state = State::HeadEnd;
                return Ok(pos + 1);
            }
            // RFC 9112 §5.2: a line that begins with white space is an obsolete fold.
            Class::Control | Class::Colon => return Err(self.bad(pos)),
            Class::Token | Class::Underscore | Class::Other => self.state = State::Name,
        }
        Ok(pos)
    }

    fn name(
        &mut self,
        buf: &[u8],
        pos: usize,
        status_lines: StatusLines,
    ) -> Result<usize, BadLine> {
        for (at, &byte) in (pos..).zip(tail(buf, pos)) {
            match class(byte) {
                Class::Token => {}
                Class::Underscore => self.unusual.underscore = true,
                Class::Colon => {
                    self.name = Span::new(self.start, at);
                    self.state = State::BeforeValue;
                    return Ok(at + 1);
                }
                Class::LineEnd => {
                    self.name = Span::new(self.start, at);
                    self.end_value(at, at);
                    return Ok(at);
                }
                // RFC 9112 §5.1: no white space between the name and the colon.
                Class::Control => return Err(self.bad(at)),
                Class::Other if byte == b'/' && self.skips(buf, at, status_lines) => {
                    self.state = State::Skip;
                    return Ok(at);
                }
                Class::Other => self.unusual.other = true,
            }
        }
        Ok(buf.len())
    }

    fn skips(&self, buf: &[u8], slash: usize, status_lines: StatusLines) -> bool {
        status_lines == StatusLines::AreSkipped && buf.get(self.start..slash) == Some(b"HTTP")
    }

    fn before_value(&mut self, buf: &[u8], pos: usize) -> usize {
        let at = pos + spaces_before(tail(buf, pos));
        if at < buf.len() {
            self.value = Span::new(at, at);
            self.state = State::Value;
        }
        at
    }

    fn value(&mut self, buf: &[u8], pos: usize) -> Result<usize, BadLine> {
        let rest = tail(buf, pos);
        let Some(length) = memchr::memchr3(b'\n', b'\r', b'\0', rest) else {
            return Ok(buf.len());
        };
        let at = pos + length;
        if rest.get(length) == Some(&b'\0') {
            return Err(self.bad(at));
        }
        let start = self.value.start as usize;
        let value = buf.get(start..at).unwrap_or_default();
        self.end_value(start, at - spaces_behind(value));
        Ok(at)
    }

    fn skip(&mut self, buf: &[u8], pos: usize) -> usize {
        let Some(length) = memchr::memchr(b'\n', tail(buf, pos)) else {
            return buf.len();
        };
        self.state = State::Start;
        self.start = pos + length + 1;
        self.start
    }

    fn end_value(&mut self, start: usize, end: usize) {
        self.value = Span::new(start, end);
        self.state = State::LineEnd;
    }

    fn field(&mut self, next_line: usize) -> Line {
        self.state = State::Start;
        self.start = next_line;
        Line::Field {
            name: self.name,
            value: self.value,
            unusual: self.unusual,
        }
    }

    fn bad(&self, at: usize) -> BadLine {
        BadLine(Span::new(self.start, at))
    }
}

/// Takes a whole line of the kind that nearly all are: a name of letters, digits and hyphens, a
/// value, CRLF. `None` leaves any other to be looked at byte by byte.
fn usual(buf: &[u8], start: usize) -> Option<(Line, usize)> {
    let line = tail(buf, start);
    if line.starts_with(b"\r\n") {
        return Some((Line::End, start + 2));
    }
    let name = line.iter().position(|&byte| class(byte) != Class::Token)?;
    let (_, after_name) = line.split_at_checked(name)?;
    let value = after_name.strip_prefix(b":")?;
    let value = tail(value, spaces_before(value));
    let end = memchr::memchr3(b'\n', b'\r', b'\0', value)?;
    let (value, after_value) = value.split_at_checked(end)?;
    if name == 0 || !after_value.starts_with(b"\r\n") {
        return None;
    }
    let end = buf.len() - after_value.len();
    let field = Line::Field {
        name: Span::new(start, start + name),
        value: Span::new(end - value.len(), end - spaces_behind(value)),
        unusual: Unusual::default(),
    };
    Some((field, end + 2))
}

fn tail(buf: &[u8], pos: usize) -> &[u8] {
    buf.get(pos..).unwrap_or_default()
}

fn spaces_before(value: &[u8]) -> usize {
    value.iter().take_while(|&&byte| byte == b' ').count()
}

fn spaces_behind(value: &[u8]) -> usize {
    value.iter().rev().take_while(|&&byte| byte == b' ').count()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Class {
    /// A letter, a digit or a hyphen.
    Token,
    Underscore,
    Colon,
    /// CR or LF.
    LineEnd,
    /// Any other control character, and the space.
    Control,
    Other,
}

fn class(byte: u8) -> Class {
    // A u8 always has a place in a table of 256, so the default is never taken.
    CLASSES
        .get(byte as usize)
        .copied()
        .unwrap_or(Class::Control)
}

static CLASSES: [Class; 256] = classes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which would refuse it"
)]
const fn classes() -> [Class; 256] {
    let mut classes = [Class::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => Class::Token,
            b'_' => Class::Underscore,
            b':' => Class::Colon,
            b'\r' | b'\n' => Class::LineEnd,
            0..=0x20 | 0x7f => Class::Control,
            _ => Class::Other,
        };
        byte += 1;
    }
    classes
}
