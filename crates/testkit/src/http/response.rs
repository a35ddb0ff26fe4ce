//! One HTTP/1 response, as it stood on the wire.

use std::io;

use super::Conn;

/// A response: its head byte for byte, its body without the framing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Status line and fields as received, without the empty line.
    pub head: String,
    /// The fields in order, names as written.
    pub fields: Vec<(String, String)>,
    /// The body, chunked framing taken off.
    pub body: Vec<u8>,
    /// The sizes of the chunks, when it was chunked.
    pub chunks: Vec<usize>,
    /// Trailer fields after a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl Response {
    /// The value of the first field of this name, whatever its case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.all(name).into_iter().next()
    }

    /// The values of all fields of this name.
    #[must_use]
    pub fn all(&self, name: &str) -> Vec<&str> {
        let same = |(field, _): &&(String, String)| field.eq_ignore_ascii_case(name);
        self.fields
            .iter()
            .filter(same)
            .map(|(_, value)| value.as_str())
            .collect()
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The status line.
    #[must_use]
    pub fn status_line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// Whether the connection can carry another request (RFC 9112 §9.3).
    #[must_use]
    pub fn keeps_alive(&self) -> bool {
        match self.field("connection").map(str::to_ascii_lowercase) {
            Some(value) if value.contains("close") => false,
            Some(value) if value.contains("keep-alive") => true,
            _ => self.head.starts_with("HTTP/1.1"),
        }
    }

    fn of_head(head: String) -> io::Result<Self> {
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        let status = status.filter(|_| head.starts_with("HTTP/1."));
        let status = status.ok_or_else(|| malformed(&format!("no status line: {head:?}")))?;
        let fields = fields_of(head.lines().skip(1))?;
        let (body, chunks, trailers) = Default::default();
        Ok(Self {
            status,
            head,
            fields,
            body,
            chunks,
            trailers,
        })
    }

    fn read_chunked(&mut self, conn: &mut Conn) -> io::Result<()> {
        loop {
            let line = conn.try_read_until(b"\r\n")?;
            let digits = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            let size = usize::from_str_radix(digits.split(';').next().unwrap_or(""), 16)
                .map_err(|_| malformed(&format!("chunk size {digits:?}")))?;
            if size == 0 {
                return self.read_trailers(conn);
            }
            self.body.extend(conn.try_read_exact(size)?);
            self.chunks.push(size);
            if conn.try_read_exact(2)? != b"\r\n" {
                return Err(malformed("a chunk that does not end in CRLF"));
            }
        }
    }

    fn read_trailers(&mut self, conn: &mut Conn) -> io::Result<()> {
        loop {
            let line = conn.try_read_until(b"\r\n")?;
            let line = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
            if line.is_empty() {
                return Ok(());
            }
            self.trailers
                .extend(fields_of(std::iter::once(line.as_str()))?);
        }
    }
}

/// Reads one response to a request with this method from `conn`.
pub(super) fn read(conn: &mut Conn, method: &str) -> io::Result<Response> {
    if conn.peek_byte()? != b'H' {
        return simple_response(conn);
    }
    let head = conn.try_read_until(b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&head[..head.len() - 4]).into_owned();
    let mut response = Response::of_head(head)?;
    let bodiless = method == "HEAD"
        || matches!(response.status, 100..=199 | 204 | 304)
        || (method == "CONNECT" && response.status < 300);
    if bodiless {
        return Ok(response);
    }
    if response.field("transfer-encoding").is_some() {
        response.read_chunked(conn)?;
    } else if let Some(length) = response.field("content-length") {
        let length = length.parse().map_err(|_| malformed("content-length"))?;
        response.body = conn.try_read_exact(length)?;
    } else {
        response.body = conn.drain_to_end()?;
    }
    Ok(response)
}

/// An answer in HTTP/0.9: a body and nothing else.
fn simple_response(conn: &mut Conn) -> io::Result<Response> {
    let body = conn.drain_to_end()?;
    let (head, fields, chunks, trailers) = Default::default();
    Ok(Response {
        status: 0,
        head,
        fields,
        body,
        chunks,
        trailers,
    })
}

fn fields_of<'a>(lines: impl Iterator<Item = &'a str>) -> io::Result<Vec<(String, String)>> {
    lines
        .map(|line| match line.split_once(':') {
            Some((name, value)) => Ok((name.to_owned(), value.trim().to_owned())),
            None => Err(malformed(&format!("field line {line:?}"))),
        })
        .collect()
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
