//! A raw HTTP/1 client: the test decides about every byte that is sent and sees every one received.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use crate::wait::DEADLINE;

mod response;

pub use response::Response;

/// A connection to the server under test.
#[derive(Debug)]
pub struct Conn {
    stream: TcpStream,
    deadline: Duration,
    /// Bytes received and not yet handed out.
    unread: Vec<u8>,
}

impl Conn {
    /// Connects.
    ///
    /// # Panics
    /// When nothing listens at `addr`.
    #[must_use]
    #[track_caller]
    pub fn open(addr: SocketAddr) -> Self {
        match TcpStream::connect_timeout(&addr, DEADLINE) {
            Ok(stream) => Self::over(stream),
            Err(error) => panic!("cannot connect to {addr}: {error}"),
        }
    }

    /// Goes on with a stream that is connected already.
    #[must_use]
    pub fn over(stream: TcpStream) -> Self {
        stream
            .set_nodelay(true)
            .expect("a live socket takes options");
        stream
            .set_read_timeout(Some(DEADLINE))
            .expect("a live socket takes options");
        stream
            .set_write_timeout(Some(DEADLINE))
            .expect("a live socket takes options");
        Self {
            stream,
            deadline: DEADLINE,
            unread: Vec::new(),
        }
    }

    /// The socket underneath.
    #[must_use]
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// How long each read may wait, instead of [`DEADLINE`].
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
        self.stream
            .set_read_timeout(Some(deadline))
            .expect("a live socket takes options");
    }

    /// Sends these bytes. A peer that has closed already is no failure here: what it answered
    /// before that is still to be read.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Sends the parts one by one, each in a packet of its own.
    pub fn send_split(&mut self, parts: &[&[u8]]) -> &mut Self {
        for part in parts {
            self.send(part);
            // Long enough for the server to read the part alone.
            thread::sleep(Duration::from_millis(20));
        }
        self
    }

    /// Sends `GET path` with a host, and `fields` (each line ending in CRLF) as they are.
    pub fn get(&mut self, path: &str, fields: &str) -> Response {
        self.send(format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n"
        ))
        .response()
    }

    /// Reads one response with its body, framed as RFC 9112 §6.3 says.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// As [`Conn::response`] for the answer to a request with this method: `HEAD` has no body.
    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Response {
        match self.try_response(method) {
            Ok(response) => response,
            Err(error) => {
                panic!(
                    "no whole response ({error}), only {:?}",
                    String::from_utf8_lossy(&self.unread)
                )
            }
        }
    }

    /// As [`Conn::response_to`], for tests that expect to be cut off; what came stays unread.
    pub fn try_response(&mut self, method: &str) -> io::Result<Response> {
        response::read(self, method)
    }

    /// Reads up to and including `mark`.
    #[track_caller]
    pub fn read_until(&mut self, mark: &[u8]) -> Vec<u8> {
        match self.try_read_until(mark) {
            Ok(bytes) => bytes,
            Err(error) => panic!(
                "waiting for {:?}: {error}, after {:?}",
                String::from_utf8_lossy(mark),
                String::from_utf8_lossy(&self.unread)
            ),
        }
    }

    pub(crate) fn try_read_until(&mut self, mark: &[u8]) -> io::Result<Vec<u8>> {
        loop {
            if let Some(at) = self
                .unread
                .windows(mark.len())
                .position(|window| window == mark)
            {
                return Ok(self.unread.drain(..at + mark.len()).collect());
            }
            self.fill()?;
        }
    }

    /// Reads exactly `count` bytes.
    #[track_caller]
    pub fn read_exact(&mut self, count: usize) -> Vec<u8> {
        self.try_read_exact(count)
            .unwrap_or_else(|error| panic!("waiting for {count} bytes: {error}"))
    }

    pub(crate) fn try_read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < count {
            self.fill()?;
        }
        Ok(self.unread.drain(..count).collect())
    }

    /// Reads until the server closes; a reset ends it too.
    ///
    /// # Panics
    /// When the server has not closed by the deadline.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Vec<u8> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(error) if is_timeout(&error) => panic!(
                    "the connection stayed open after {:?}",
                    String::from_utf8_lossy(&self.unread)
                ),
                Err(_) => return std::mem::take(&mut self.unread),
            }
        }
    }

    /// Takes what has come and was not handed out.
    pub fn take_unread(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.unread)
    }

    /// Whether nothing comes and the connection stays open for `span`: proof of absence.
    #[must_use]
    pub fn silent_for(&mut self, span: Duration) -> bool {
        self.stream
            .set_read_timeout(Some(span))
            .expect("a live socket takes options");
        let outcome = if self.unread.is_empty() {
            self.fill()
        } else {
            Ok(())
        };
        self.stream
            .set_read_timeout(Some(self.deadline))
            .expect("a live socket takes options");
        matches!(outcome, Err(error) if is_timeout(&error))
    }

    /// Reads what has come so far without taking it away.
    pub(crate) fn peek_byte(&mut self) -> io::Result<u8> {
        while self.unread.is_empty() {
            self.fill()?;
        }
        Ok(self.unread[0])
    }

    /// Takes everything up to the end of the stream.
    pub(crate) fn drain_to_end(&mut self) -> io::Result<Vec<u8>> {
        loop {
            match self.fill() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut buffer = [0; 65_536];
        let count = self.stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the peer closed",
            ));
        }
        self.unread.extend_from_slice(&buffer[..count]);
        Ok(())
    }
}

/// `GET path` on a fresh connection that is closed afterwards.
#[track_caller]
pub fn get(addr: SocketAddr, path: &str) -> Response {
    Conn::open(addr).get(path, "Connection: close\r\n")
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}

#[cfg(test)]
mod tests;
