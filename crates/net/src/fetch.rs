//! A small HTTP/1.0 client: one GET, one answer, from a server that the configuration or a
//! certificate names. Everything is bounded: time, head, body.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

use crate::tls::client::{Objection, judge_server};
use crate::tls::peers::Judge;
use crate::{Addr, Deadline, Stream, clock, connect};

/// The longest head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// How much is read at a time.
const READ_BYTES: usize = 4096;

/// What to get.
#[derive(Debug)]
pub struct Get<'a> {
    /// Where to connect to.
    pub addr: &'a Addr,
    /// What the server is called.
    pub host: &'a str,
    /// The path, with the query.
    pub path: &'a str,
    /// The longest body that is taken.
    pub body_bytes_max: usize,
    /// Within which time all of it must be there.
    pub timeout: Duration,
    /// TLS, if the server is to be asked in it.
    pub secure: Option<&'a Secure>,
}

/// TLS to a server whose certificate is verified.
#[derive(Debug)]
pub struct Secure {
    /// Versions and ciphers.
    pub config: Arc<ClientConfig>,
    /// Whose certificates count.
    pub judge: Judge,
    /// The name or address that the certificate must have, without port and brackets.
    pub name: String,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The server cannot be reached, or the connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What came is no HTTP, or too long.
    #[error("invalid HTTP response")]
    Invalid,
    /// TLS could not be agreed on.
    #[error("TLS: {0}")]
    Tls(String),
    /// The server's certificate is not to be trusted.
    #[error("the certificate of the server is not to be trusted: {0}")]
    Untrusted(String),
    /// The server said something else than 200.
    #[error("HTTP status {0}")]
    Status(u16),
}

/// Gets the body of a 200. Cancel-safe: dropping it closes the connection.
pub async fn get(get: &Get<'_>) -> Result<Vec<u8>, Failure> {
    let deadline = Deadline::after(get.timeout);
    tokio::select! {
        body = exchange(get) => body,
        () = deadline.expired() => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

async fn exchange(get: &Get<'_>) -> Result<Vec<u8>, Failure> {
    let stream = connect(get.addr, None, get.timeout).await?;
    if let Some(secure) = get.secure {
        secure.shake_hands(&stream, get.timeout).await?;
    }
    let request = format!("GET {} HTTP/1.0\r\nHost: {}\r\n\r\n", get.path, get.host);
    stream.write_all(request.as_bytes()).await?;
    let mut received = Vec::new();
    let mut buf = vec![0; READ_BYTES];
    loop {
        let n = stream.read(&mut buf).await?;
        received.extend_from_slice(buf.get(..n).unwrap_or_default());
        let over = n == 0;
        if let Some(answer) = Answer::parse(&received)? {
            let body = received.get(answer.body_at..).unwrap_or_default();
            let whole = answer.length.is_some_and(|length| body.len() >= length);
            if body.len() > get.body_bytes_max {
                return Err(Failure::Invalid);
            }
            if over && answer.length.is_some_and(|length| body.len() < length) {
                return Err(Failure::Invalid);
            }
            if over || whole {
                return Ok(body
                    .get(..answer.length.unwrap_or(body.len()))
                    .unwrap_or_default()
                    .to_vec());
            }
        } else if over || received.len() > HEAD_BYTES_MAX {
            return Err(Failure::Invalid);
        }
    }
}

impl Secure {
    /// Nothing is sent before the certificate was judged.
    async fn shake_hands(&self, stream: &Stream, timeout: Duration) -> Result<(), Failure> {
        let name = ServerName::try_from(self.name.clone());
        let name = name.map_err(|error| Failure::Tls(error.to_string()))?;
        let deadline = Deadline::after(timeout);
        let shaken = stream.connect_tls(self.config.clone(), name, &deadline);
        let failed = |error: crate::tls::Failure| Failure::Tls(error.to_string());
        shaken.await.map_err(failed)?;
        let verdict = stream.with_tls(|tls| {
            let shown = tls.peer_certificates().unwrap_or_default();
            judge_server(&self.judge, shown, self.name.as_bytes(), clock::wall())
        });
        match verdict.unwrap_or(Err(Objection::Host)) {
            Ok(()) => Ok(()),
            Err(Objection::Chain(error)) => Err(Failure::Untrusted(error.to_string())),
            Err(Objection::Host) => {
                let message = format!("it is not one of \"{}\"", self.name);
                Err(Failure::Untrusted(message))
            }
        }
    }
}

/// The head of an answer with status 200.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    body_at: usize,
    length: Option<usize>,
}

impl Answer {
    /// Reads a head, if it is there as a whole. As nginx, lines may end without a carriage return.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Failure> {
        let mut at = 0;
        let mut status = None;
        let mut length = None;
        loop {
            let rest = bytes.get(at..).unwrap_or_default();
            let Some(end) = rest.iter().position(|&byte| byte == b'\n') else {
                return Ok(None);
            };
            let line = rest.get(..end).unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            at += end + 1;
            let line = std::str::from_utf8(line).map_err(|_| Failure::Invalid)?;
            match status {
                None => status = Some(status_of(line).ok_or(Failure::Invalid)?),
                Some(200) if line.is_empty() => {
                    let body_at = at;
                    return Ok(Some(Self { body_at, length }));
                }
                Some(status) if line.is_empty() => return Err(Failure::Status(status)),
                Some(_) => {
                    let (name, value) = line.split_once(':').ok_or(Failure::Invalid)?;
                    if name.eq_ignore_ascii_case("content-length") {
                        let value = value.trim().parse().map_err(|_| Failure::Invalid)?;
                        length = Some(value);
                    }
                }
            }
        }
    }
}

fn status_of(line: &str) -> Option<u16> {
    let rest = line.strip_prefix("HTTP/1.")?;
    rest.split(' ').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = b"HTTP/1.1 200 OK\nContent-Length: 3\r\n\nabc";
        for len in 0..head.len() - 3 {
            assert!(Answer::parse(&head[..len]).unwrap().is_none());
        }
        let answer = Answer::parse(head).unwrap().unwrap();
        assert_eq!(answer.length, Some(3));
        assert_eq!(&head[answer.body_at..], b"abc");
    }

    #[test]
    fn another_status_and_nonsense_are_failures() {
        let gone = Answer::parse(b"HTTP/1.0 404 Not Found\r\n\r\n");
        assert!(matches!(gone, Err(Failure::Status(404))));
        for bad in ["SSH-2.0\n", "HTTP/1.0 200 OK\nbad\n", "HTTP/1.0 x\n"] {
            assert!(matches!(
                Answer::parse(bad.as_bytes()),
                Err(Failure::Invalid)
            ));
        }
    }
}
