//! Frame headers and frame boundaries (RFC 6455 §5.2).

use super::{CONTROL_LEN_MAX, Error, Mask};

/// The longest frame header: two bytes, a 64-bit length, a mask.
pub const HEADER_LEN_MAX: usize = 14;

/// The meaning of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opcode {
    /// More of the message that is open.
    Continuation,
    /// A text message begins.
    Text,
    /// A binary message begins.
    Binary,
    /// The connection ends.
    Close,
    /// Are you there?
    Ping,
    /// I am.
    Pong,
}

impl Opcode {
    /// Whether it is a control frame's: may stand inside a message, is short and whole.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_bits(bits: u8) -> Result<Self, Error> {
        Ok(match bits {
            0 => Self::Continuation,
            1 => Self::Text,
            2 => Self::Binary,
            8 => Self::Close,
            9 => Self::Ping,
            10 => Self::Pong,
            unknown => return Err(Error::UnknownOpcode(unknown)),
        })
    }

    fn bits(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

/// Which end of a connection frames come from: a client masks, a server does not (§5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Frames are masked with this key (made by the caller, unpredictable).
    Client([u8; 4]),
    /// Frames are not masked.
    Server,
}

/// A frame header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// The message ends with this frame.
    pub fin: bool,
    /// What the frame is.
    pub opcode: Opcode,
    /// The masking key of a client's frame.
    pub mask: Option<[u8; 4]>,
    /// Payload bytes that follow.
    pub len: u64,
}

/// A header's bytes, on the stack.
#[derive(Debug, Clone, Copy)]
pub struct EncodedHeader {
    bytes: [u8; HEADER_LEN_MAX],
    len: u8,
}

impl EncodedHeader {
    fn push(&mut self, bytes: &[u8]) {
        let start = usize::from(self.len);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len() as u8;
    }
}

impl std::ops::Deref for EncodedHeader {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl FrameHeader {
    /// A whole message in one unmasked binary frame: what a server sends most.
    pub fn binary(len: u64) -> Self {
        Self {
            fin: true,
            opcode: Opcode::Binary,
            mask: None,
            len,
        }
    }

    /// The header's bytes: 2 to 10, or 6 to 14 with a mask.
    pub fn encode(&self) -> EncodedHeader {
        let mut out = EncodedHeader {
            bytes: [0; HEADER_LEN_MAX],
            len: 0,
        };
        let first = u8::from(self.fin) << 7 | self.opcode.bits();
        let masked = u8::from(self.mask.is_some()) << 7;
        match self.len {
            len @ 0..=125 => out.push(&[first, masked | len as u8]),
            len @ 126..=0xffff => {
                out.push(&[first, masked | 126]);
                out.push(&(len as u16).to_be_bytes());
            }
            len => {
                out.push(&[first, masked | 127]);
                out.push(&len.to_be_bytes());
            }
        }
        if let Some(key) = self.mask {
            out.push(&key);
        }
        out
    }

    /// Reads a header from the bytes that are there; `None` asks for more.
    fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Error> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        if first & 0x70 != 0 {
            return Err(Error::ReservedBits);
        }
        let opcode = Opcode::from_bits(first & 0x0f)?;
        let fin = first & 0x80 != 0;
        if opcode.is_control() {
            check_control(fin, second & 0x7f)?;
        }
        let Some((len, rest)) = parse_len(second & 0x7f, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match (second & 0x80 != 0, rest.split_first_chunk::<4>()) {
            (false, _) => (None, rest),
            (true, Some((key, rest))) => (Some(*key), rest),
            (true, None) => return Ok(None),
        };
        Ok(Some((
            Self {
                fin,
                opcode,
                mask,
                len,
            },
            bytes.len() - rest.len(),
        )))
    }
}

fn check_control(fin: bool, short_len: u8) -> Result<(), Error> {
    match (fin, usize::from(short_len) <= CONTROL_LEN_MAX) {
        (false, _) => Err(Error::FragmentedControl),
        (true, false) => Err(Error::LongControl),
        (true, true) => Ok(()),
    }
}

fn parse_len(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, Error> {
    let (len, least, rest) = match short {
        126 => {
            let Some((len, rest)) = rest.split_first_chunk::<2>() else {
                return Ok(None);
            };
            (u64::from(u16::from_be_bytes(*len)), 126, rest)
        }
        127 => {
            let Some((len, rest)) = rest.split_first_chunk::<8>() else {
                return Ok(None);
            };
            (u64::from_be_bytes(*len), 0x1_0000, rest)
        }
        len => (u64::from(len), 0, rest),
    };
    // RFC 6455 §5.2: the shortest form must be used, and the top bit of a 64-bit length is 0.
    if len < least || len > i64::MAX as u64 {
        return Err(Error::BadLength);
    }
    Ok(Some((len, rest)))
}

/// Appends a whole control frame. `payload` beyond 125 bytes is left out.
pub fn encode_control(sender: Sender, opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    debug_assert!(opcode.is_control() && payload.len() <= CONTROL_LEN_MAX);
    let payload = &payload[..payload.len().min(CONTROL_LEN_MAX)];
    let mask = match sender {
        Sender::Client(key) => Some(key),
        Sender::Server => None,
    };
    let header = FrameHeader {
        fin: true,
        opcode,
        mask,
        len: payload.len() as u64,
    };
    out.extend_from_slice(&header.encode());
    let start = out.len();
    out.extend_from_slice(payload);
    if let Some(key) = mask {
        Mask::new(key).apply(&mut out[start..]);
    }
}

/// What the next bytes of a stream are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// A header ended; its payload follows, possibly of no bytes.
    Header(FrameHeader),
    /// Bytes of the payload.
    Payload {
        /// How many.
        len: usize,
        /// They are the payload's last.
        last: bool,
    },
}

/// Cuts a byte stream into headers and payloads. Checks what one header can be wrong about, but
/// neither masks nor the order of frames: enough to find where a frame of our own may be put in.
#[derive(Debug, Clone, Default)]
pub struct FrameParser {
    /// A header that has not wholly arrived; `header_len < HEADER_LEN_MAX`.
    header: [u8; HEADER_LEN_MAX],
    header_len: u8,
    /// Payload bytes still to come.
    left: u64,
}

impl FrameParser {
    /// Between two frames, where another one may be put in.
    pub fn is_at_boundary(&self) -> bool {
        self.left == 0 && self.header_len == 0
    }

    /// Takes bytes from the front of `input`: how many, and what they were. `None` means that all
    /// were taken and a header is incomplete, or that there were none.
    pub fn handle(&mut self, input: &[u8]) -> Result<(usize, Option<Piece>), Error> {
        if self.left > 0 {
            return Ok(self.handle_payload(input));
        }
        if self.header_len == 0 {
            // The common case: the header is whole and is read where it is.
            if let Some((header, taken)) = FrameHeader::parse(input)? {
                self.left = header.len;
                return Ok((taken, Some(Piece::Header(header))));
            }
        }
        self.handle_split_header(input)
    }

    fn handle_payload(&mut self, input: &[u8]) -> (usize, Option<Piece>) {
        if input.is_empty() {
            return (0, None);
        }
        let len = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(input.len());
        self.left -= len as u64;
        (
            len,
            Some(Piece::Payload {
                len,
                last: self.left == 0,
            }),
        )
    }

    fn handle_split_header(&mut self, input: &[u8]) -> Result<(usize, Option<Piece>), Error> {
        let kept = usize::from(self.header_len);
        let room = input.len().min(HEADER_LEN_MAX - kept);
        self.header[kept..kept + room].copy_from_slice(&input[..room]);
        let Some((header, header_len)) = FrameHeader::parse(&self.header[..kept + room])? else {
            debug_assert!(
                kept + room < HEADER_LEN_MAX,
                "any header is whole at its longest"
            );
            self.header_len = (kept + room) as u8;
            return Ok((room, None));
        };
        self.header_len = 0;
        self.left = header.len;
        Ok((header_len - kept, Some(Piece::Header(header))))
    }
}
