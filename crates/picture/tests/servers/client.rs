//! A viewer that only looks.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use picture::{Decoder, Limits, PixelFormat};

/// A viewer that has come as far as the screen.
pub struct Client {
    stream: TcpStream,
    pub decoder: Decoder,
    /// Everything that the server has sent since.
    pub received: Vec<u8>,
}

impl Client {
    /// Connects to a server that asks for no password, and wants its screen in a format and in
    /// some encodings.
    pub fn connect(port: u16, format: PixelFormat, encodings: &[i32]) -> Self {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a server");
        let timeout = Some(Duration::from_secs(10));
        stream.set_read_timeout(timeout).expect("a timeout");
        let version: [u8; 12] = read(&mut stream);
        stream.write_all(&version).expect("a version");
        let [types] = read(&mut stream);
        let mut offered = vec![0; types.into()];
        stream.read_exact(&mut offered).expect("security types");
        assert!(offered.contains(&1), "{offered:?}");
        stream.write_all(&[1]).expect("a choice");
        if &version == b"RFB 003.008\n" {
            assert_eq!(read(&mut stream), [0; 4], "the server lets us in");
        }
        stream.write_all(&[1]).expect("a wish to share");
        let init: [u8; 24] = read(&mut stream);
        let number = |at: usize| u16::from_be_bytes([init[at], init[at + 1]]);
        let mut name =
            vec![0; u32::from_be_bytes([init[20], init[21], init[22], init[23]]) as usize];
        stream.read_exact(&mut name).expect("a name");
        let decoder = Decoder::new(number(0), number(2), format, Limits::default());
        let mut client = Self {
            stream,
            decoder: decoder.expect("a screen of a common size"),
            received: Vec::new(),
        };
        client.ask(format, encodings);
        client
    }

    fn ask(&mut self, format: PixelFormat, encodings: &[i32]) {
        let mut out = vec![0, 0, 0, 0];
        out.extend_from_slice(&format.to_bytes());
        out.extend_from_slice(&[2, 0]);
        out.extend_from_slice(&(encodings.len() as u16).to_be_bytes());
        for encoding in encodings {
            out.extend_from_slice(&encoding.to_be_bytes());
        }
        self.stream.write_all(&out).expect("formats and encodings");
    }

    /// Asks for the screen and waits for it: all of it, or what has changed.
    pub fn update(&mut self, is_incremental: bool) {
        let screen = self.decoder.screen();
        let (width, height) = (screen.width().to_be_bytes(), screen.height().to_be_bytes());
        let mut request = vec![3, is_incremental.into(), 0, 0, 0, 0];
        request.extend_from_slice(&[width, height].concat());
        self.stream.write_all(&request).expect("a request");
        let before = self.decoder.updates();
        while self.decoder.updates() == before {
            let mut buf = [0; 16 << 10];
            let len = self.stream.read(&mut buf).expect("an update in time");
            assert!(len > 0, "the server closed");
            self.received.extend_from_slice(&buf[..len]);
            self.decoder
                .handle(&buf[..len])
                .expect("what can be decoded");
        }
    }

    /// Asks for all of the screen, and goes on until as much was painted: TigerVNC answers a first
    /// request with nothing but the screen's size.
    pub fn look(&mut self) {
        let painted = self.decoder.screen().painted();
        let mut is_incremental = false;
        loop {
            self.update(is_incremental);
            let screen = self.decoder.screen();
            if screen.painted() - painted >= screen.pixels().len() as u64 {
                return;
            }
            is_incremental = true;
        }
    }

    /// Looks again, also with a decoder that goes on from this one's state; both see the same.
    pub fn look_with_twin(&mut self) {
        let state = self.decoder.state().expect("a state between two messages");
        let mut twin = Decoder::resume(&state, Limits::default()).expect("a state to go on from");
        let seen = self.received.len();
        self.look();
        twin.handle(&self.received[seen..])
            .expect("what can be decoded");
        assert!(twin.screen().pixels() == self.decoder.screen().pixels());
    }

    /// Moves the pointer.
    pub fn point(&mut self, x: u16, y: u16) {
        let message = [&[5, 0][..], &x.to_be_bytes(), &y.to_be_bytes()].concat();
        self.stream.write_all(&message).expect("a pointer's place");
    }
}

fn read<const LEN: usize>(stream: &mut TcpStream) -> [u8; LEN] {
    let mut bytes = [0; LEN];
    stream
        .read_exact(&mut bytes)
        .expect("the server's handshake");
    bytes
}
