//! What requests and responses share: version, method, progress.

use std::fmt;

use super::span::Span;

/// An HTTP version, `major * 1000 + minor` as nginx numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u32);

/// HTTP/1.0: how a request is answered whose version did not come.
impl Default for Version {
    fn default() -> Self {
        Self::HTTP_10
    }
}

impl Version {
    /// HTTP/0.9: a request line without a version.
    pub const HTTP_09: Self = Self(9);
    /// HTTP/1.0
    pub const HTTP_10: Self = Self(1000);
    /// HTTP/1.1
    pub const HTTP_11: Self = Self(1001);
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "HTTP/{}.{}", self.0 / 1000, self.0 % 1000)
    }
}

macro_rules! methods {
    ($($variant:ident = $text:literal,)+) => {
        /// The request methods that nginx knows; any other is [`Method::Other`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum Method {
            $(#[doc = $text] $variant,)+
            /// A method without a meaning here; its name is in the head.
            #[default]
            Other,
        }

        impl Method {
            /// The method that `name` spells; methods are case-sensitive.
            pub fn from_bytes(name: &[u8]) -> Self {
                $(
                    if name == $text.as_bytes() {
                        return Self::$variant;
                    }
                )+
                Self::Other
            }

            /// The name, if it is a known method.
            pub const fn as_str(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => Some($text),)+
                    Self::Other => None,
                }
            }
        }
    };
}

methods! {
    Get = "GET",
    Head = "HEAD",
    Post = "POST",
    Put = "PUT",
    Delete = "DELETE",
    Options = "OPTIONS",
    Patch = "PATCH",
    Connect = "CONNECT",
    Trace = "TRACE",
    Mkcol = "MKCOL",
    Copy = "COPY",
    Move = "MOVE",
    Propfind = "PROPFIND",
    Proppatch = "PROPPATCH",
    Lock = "LOCK",
    Unlock = "UNLOCK",
}

/// How far a head has been parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The buffer ends within the head: read more, then parse again.
    More {
        /// The part that the buffer ends in.
        part: Part,
        /// Where the line begins that is not complete; equal to the buffer's length when nothing
        /// of it has come. Limits per line are measured from here.
        line_start: usize,
    },
    /// The first line is complete; said once, parse again to go on.
    FirstLine,
    /// The first `Host` field of a request is complete; said once, parse again to go on. A server
    /// that picks the configuration by it can give other options from here on.
    Host,
    /// The head is complete.
    Done,
}

/// A part of a head, for limits and messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Before the first byte of the first line; only line ends may have come.
    Nothing,
    /// The request line or the status line.
    FirstLine,
    /// The header fields.
    Fields,
}

/// What the `Connection` fields of a message ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: the version's default.
    #[default]
    Default,
    /// `close`
    Close,
    /// `keep-alive`
    KeepAlive,
}

impl Persistence {
    /// As nginx: a word anywhere in the value counts, and the last field that has one wins.
    pub(super) fn of<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let verdict = |value: &[u8]| {
            if contains_ignore_case(value, b"close") {
                Some(Self::Close)
            } else if contains_ignore_case(value, b"keep-alive") {
                Some(Self::KeepAlive)
            } else {
                None
            }
        };
        values.filter_map(verdict).last().unwrap_or_default()
    }
}

fn contains_ignore_case(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len())
        .any(|window| window.eq_ignore_ascii_case(word))
}

/// A header line that was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedLine {
    /// From the start of the line up to the byte that was wrong, which is at `span.end`.
    pub span: Span,
}

/// The most that an excerpt shows of a line.
const EXCERPT_MAX: usize = 64;

impl RefusedLine {
    /// The line from `start` to the end of `buf`, which is too long.
    pub fn to_end(start: usize, buf: &[u8]) -> Self {
        Self {
            span: Span::new(start.min(buf.len()), buf.len()),
        }
    }

    /// The line up to the byte that was wrong, for a log: `"Bad\x20..."`.
    pub fn excerpt(&self, buf: &[u8]) -> String {
        let start = self.span.of(buf);
        let shown = start.get(..EXCERPT_MAX).unwrap_or(start);
        let mut excerpt = format!("\"{}", String::from_utf8_lossy(shown));
        let wrong = buf.get(self.span.end as usize);
        if let Some(wrong) = wrong.filter(|_| shown.len() == start.len()) {
            excerpt.push_str(&format!("\\x{wrong:02x}"));
        }
        excerpt.push_str("...\"");
        excerpt
    }
}
