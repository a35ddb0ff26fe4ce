//! A small WebSocket client (RFC 6455) that can also misbehave.

use std::net::SocketAddr;

use crate::http::{Conn, Response};

/// The key of RFC 6455 §1.3, whose accept value is known without computing it.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A message from the server, put together from its fragments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping; answer with [`WebSocket::send_pong`].
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame, with its code and reason when it has them.
    Close(Option<(u16, String)>),
}

/// An open WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    conn: Conn,
    /// The server's answer to the upgrade.
    pub handshake: Response,
    /// Bytes of binary messages that nobody has asked for yet.
    surplus: Vec<u8>,
}

impl WebSocket {
    /// Asks for the upgrade and checks the answer; `fields` are extra lines, each with its CRLF.
    ///
    /// # Panics
    /// When the server does not switch protocols, or proves the wrong key.
    #[must_use]
    #[track_caller]
    pub fn open(addr: SocketAddr, path: &str, fields: &str) -> Self {
        match Self::try_open(addr, path, fields) {
            Ok(socket) => socket,
            Err(response) => panic!("no upgrade: {}\n{}", response.head, response.text()),
        }
    }

    /// As [`WebSocket::open`], giving back the refusal.
    #[track_caller]
    pub fn try_open(addr: SocketAddr, path: &str, fields: &str) -> Result<Self, Box<Response>> {
        let mut conn = Conn::open(addr);
        conn.send(format!(
            "GET {path} HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             {fields}\r\n"
        ));
        let handshake = conn.response();
        if handshake.status != 101 {
            return Err(Box::new(handshake));
        }
        assert_eq!(handshake.field("sec-websocket-accept"), Some(ACCEPT));
        Ok(Self {
            conn,
            handshake,
            surplus: Vec::new(),
        })
    }

    /// The connection underneath, for bytes that are no frames.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }

    /// Sends a text message.
    pub fn send_text(&mut self, text: &str) {
        self.send_frame(0x80 | TEXT, text.as_bytes());
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.send_frame(0x80 | BINARY, bytes);
    }

    /// Sends one binary message in several frames.
    pub fn send_fragments(&mut self, parts: &[&[u8]]) {
        for (index, part) in parts.iter().enumerate() {
            let opcode = if index == 0 { BINARY } else { CONTINUATION };
            let fin = if index + 1 == parts.len() { 0x80 } else { 0 };
            self.send_frame(fin | opcode, part);
        }
    }

    /// Sends a ping.
    pub fn send_ping(&mut self, payload: &[u8]) {
        self.send_frame(0x80 | PING, payload);
    }

    /// Sends a pong.
    pub fn send_pong(&mut self, payload: &[u8]) {
        self.send_frame(0x80 | PONG, payload);
    }

    /// Sends a close frame.
    pub fn send_close(&mut self, code: u16, reason: &str) {
        let mut payload = code.to_be_bytes().to_vec();
        payload.extend_from_slice(reason.as_bytes());
        self.send_frame(0x80 | CLOSE, &payload);
    }

    /// Sends a masked frame with this first byte (FIN, RSV, opcode), legal or not.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.conn.send(frame(first, payload));
    }

    /// Reads the next message; control frames between fragments come first.
    #[track_caller]
    pub fn recv(&mut self) -> Message {
        let (mut kind, mut whole) = (None, Vec::new());
        loop {
            let (first, payload) = self.recv_frame();
            let opcode = first & 0x0f;
            match opcode {
                CONTINUATION => assert!(kind.is_some(), "a continuation of nothing"),
                TEXT | BINARY => assert_eq!(kind.replace(opcode), None, "a message in a message"),
                PING => return Message::Ping(payload),
                PONG => return Message::Pong(payload),
                CLOSE => return close_message(&payload),
                other => panic!("opcode {other}"),
            }
            whole.extend(payload);
            if first & 0x80 != 0 {
                return match kind {
                    Some(TEXT) => Message::Text(String::from_utf8(whole).expect("text is UTF-8")),
                    _ => Message::Binary(whole),
                };
            }
        }
    }

    /// Reads one frame: its first byte and its payload.
    ///
    /// # Panics
    /// When it is masked (RFC 6455 §5.1 forbids it to servers) or its length is not the shortest.
    #[track_caller]
    pub fn recv_frame(&mut self) -> (u8, Vec<u8>) {
        let head = self.conn.read_exact(2);
        assert_eq!(head[1] & 0x80, 0, "a server never masks");
        let length = match head[1] {
            126 => be(&self.conn.read_exact(2)),
            127 => be(&self.conn.read_exact(8)),
            short => u64::from(short),
        };
        let shortest = match length {
            0..126 => length as u8,
            126..65_536 => 126,
            _ => 127,
        };
        assert_eq!(
            head[1], shortest,
            "length {length} not in its shortest form"
        );
        (head[0], self.conn.read_exact(length as usize))
    }

    /// Reads binary messages, answering pings, until `count` bytes have come; what a message has
    /// beyond them is given by the next call.
    #[track_caller]
    pub fn recv_bytes(&mut self, count: usize) -> Vec<u8> {
        while self.surplus.len() < count {
            match self.recv() {
                Message::Binary(part) => self.surplus.extend(part),
                Message::Ping(payload) => self.send_pong(&payload),
                other => panic!("{other:?} after {} of {count} bytes", self.surplus.len()),
            }
        }
        self.surplus.drain(..count).collect()
    }

    /// Reads on until the close frame and returns its code and reason.
    #[track_caller]
    pub fn recv_close(&mut self) -> Option<(u16, String)> {
        loop {
            if let Message::Close(reason) = self.recv() {
                return reason;
            }
        }
    }
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..126 => bytes.push(0x80 | short as u8),
        middle @ 126..65_536 => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(middle as u16).to_be_bytes());
        }
        long => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&(long as u64).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&MASK);
    bytes.extend(
        payload
            .iter()
            .zip(MASK.iter().cycle())
            .map(|(byte, mask)| byte ^ mask),
    );
    bytes
}

fn close_message(payload: &[u8]) -> Message {
    match payload {
        [] => Message::Close(None),
        [high, low, reason @ ..] => Message::Close(Some((
            u16::from_be_bytes([*high, *low]),
            String::from_utf8(reason.to_vec()).expect("a close reason is UTF-8"),
        ))),
        [_] => panic!("a close frame of one byte"),
    }
}

fn be(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Upstream;

    #[test]
    fn a_frame_is_masked_and_its_length_takes_the_shortest_form() {
        assert_eq!(
            frame(0x81, b"Hello"),
            b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"
        );
        assert_eq!(frame(0x82, &[0; 126])[1..4], [0xfe, 0, 126]);
        assert_eq!(
            frame(0x82, &[0; 65_536])[1..10],
            [0xff, 0, 0, 0, 0, 0, 1, 0, 0]
        );
    }

    #[test]
    fn fragments_are_joined_and_a_ping_between_them_is_not_lost() {
        let server = Upstream::serving(|peer| {
            peer.read_head();
            peer.send(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n");
            peer.send(format!("Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n").as_bytes());
            peer.send(b"\x89\x01!\x02\x02ab\x80\x01c\x88\x04\x03\xe8ok");
            peer.hold();
        });
        let mut socket = WebSocket::open(server.addr(), "/", "");
        assert_eq!(socket.recv(), Message::Ping(b"!".to_vec()));
        assert_eq!(socket.recv(), Message::Binary(b"abc".to_vec()));
        assert_eq!(socket.recv(), Message::Close(Some((1000, "ok".to_owned()))));
    }
}
