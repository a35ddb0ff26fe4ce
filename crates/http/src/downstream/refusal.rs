//! Heads that are refused while they are read: with which status, and what the log says.

use proto::h1::{
    Field, FieldName, FramingError, HeadError, HeadTooLong, HostError, Progress, RefusedLine,
};

/// A head that is refused.
pub struct Refusal {
    /// The status to answer with.
    pub status: u16,
    /// What is wrong with it.
    pub why: String,
}

const IN_LINE: &str = "while reading client request line";
const IN_FIELDS: &str = "while reading client request headers";

impl Refusal {
    /// What the parser refused in `buf`.
    pub fn of_head(error: &HeadError, buf: &[u8]) -> Self {
        let why = match error {
            HeadError::InvalidHeader(line) => {
                format!("{error}: {} {IN_FIELDS}", line.excerpt(buf))
            }
            HeadError::DuplicateHeader { first, second } => format!(
                "{error}: {}, previous value: {} {IN_FIELDS}",
                shown(second, buf),
                shown(first, buf)
            ),
            HeadError::TooManyHeaders => format!("{error} {IN_FIELDS}"),
            _ => format!("{error} {IN_LINE}"),
        };
        let status = error.status();
        Self { status, why }
    }

    /// A head of which `buf` holds a part, and for the rest of which there is no room.
    pub fn of_room(error: HeadTooLong, progress: &Progress, buf: &[u8]) -> Self {
        let line_start = match progress {
            Progress::More { line_start, .. } => *line_start,
            _ => buf.len(),
        };
        let why = match error {
            HeadTooLong::RequestLine => format!("{error} {IN_LINE}"),
            HeadTooLong::HeaderLine => {
                let line = RefusedLine::to_end(line_start, buf);
                format!("{error}: {} {IN_FIELDS}", line.excerpt(buf))
            }
            HeadTooLong::Head => format!("{error} {IN_FIELDS}"),
        };
        let status = error.status();
        Self { status, why }
    }

    /// A host that is none, or none where one must be.
    pub fn of_host(error: HostError) -> Self {
        let part = match error {
            HostError::InvalidAuthority => IN_LINE,
            _ => IN_FIELDS,
        };
        Self {
            status: 400,
            why: format!("{error} {part}"),
        }
    }

    /// A body whose end cannot be told.
    pub fn of_framing(error: FramingError) -> Self {
        Self {
            status: error.request_status(),
            why: format!("client sent {error} {IN_FIELDS}"),
        }
    }

    /// A client that was too slow.
    pub fn timed_out() -> Self {
        Self {
            status: 408,
            why: format!("client timed out (110: Connection timed out) {IN_FIELDS}"),
        }
    }
}

/// A field as a log may show it: credentials are nobody's business there.
fn shown(field: &Field, buf: &[u8]) -> String {
    let name = String::from_utf8_lossy(field.name.of(buf));
    match field.known {
        Some(FieldName::Authorization | FieldName::ProxyAuthorization) => {
            format!("\"{name}: ...\"")
        }
        _ => format!(
            "\"{name}: {}\"",
            String::from_utf8_lossy(field.value.of(buf))
        ),
    }
}
