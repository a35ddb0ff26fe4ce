//! Frame boundaries of a WebSocket that passes through: one direction.
//!
//! Headers are read, payload is not, except that of a pong as long as ours. Reserved bits and masks
//! are the endpoints' affair (`permessage-deflate` passes), so this is more lenient than
//! [`proto::ws::FrameParser`]. What left here always ends at a boundary or inside a payload: an
//! incomplete header, or a pong that may be ours, is held back until the rest arrives.

use proto::ws::{Error, Mask, Opcode, Sender, encode_close, encode_control};

/// The payload of our pings: by it their pongs are told from those that peers sent each other.
pub(super) type Cookie = [u8; 8];

/// A frame of ours, to be put in at the next boundary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Insert {
    Ping,
    /// With its code; nothing follows it.
    Close(u16),
}

/// What became of a chunk of bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It goes on as it is.
    Unchanged,
    /// These bytes go instead.
    Changed(Vec<u8>),
}

/// Whether frames of this direction still go on.
///
/// ```text
/// Open ── violation ──> Muted
///   └──── Close sent ────┴──> Closed
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// A frame broke a rule: it and all behind it is dropped.
    Muted(Error),
    /// Our close frame went out: nothing may follow.
    Closed,
}

/// One direction of a WebSocket.
#[derive(Debug)]
pub(super) struct Frames {
    state: State,
    /// Whether frames of this direction are masked, ours too: it leads from client to server.
    masked: bool,
    /// Payload bytes of the current frame still to come; `0` is a boundary.
    left: u64,
    /// The start of a frame that is not passed on yet, at most a whole control frame.
    held: Vec<u8>,
    /// The length so far of the current message.
    message: u64,
    message_max: u64,
    /// A close frame of the peer passed: a ping may not follow it.
    closing: bool,
    cookie: Cookie,
    insert: Option<Insert>,
}

/// What stands at a boundary.
enum Next {
    Incomplete,
    OwnPong { total: usize },
    Frame { header: usize, payload: u64 },
}

impl Frames {
    pub(super) fn new(masked: bool, message_max: Option<u64>, cookie: Cookie) -> Self {
        Self {
            state: State::Open,
            masked,
            left: 0,
            held: Vec::new(),
            message: 0,
            message_max: message_max.unwrap_or(u64::MAX),
            closing: false,
            cookie,
            insert: None,
        }
    }

    /// The rule that a frame broke, if one did.
    pub(super) fn violation(&self) -> Option<Error> {
        match self.state {
            State::Muted(error) => Some(error),
            State::Open | State::Closed => None,
        }
    }

    /// Whether our close frame went out.
    pub(super) fn is_closed(&self) -> bool {
        self.state == State::Closed
    }

    /// Asks for a frame of ours. A close frame takes the place of a ping, not the reverse.
    pub(super) fn request(&mut self, insert: Insert) {
        match (insert, self.insert) {
            (Insert::Ping, _) if self.closing || self.state != State::Open => {}
            (Insert::Ping, Some(Insert::Close(_))) => {}
            _ if self.is_closed() => {}
            _ => self.insert = Some(insert),
        }
    }

    /// The requested frame, if it can go now: this direction is at a boundary.
    pub(super) fn take_insert(&mut self) -> Option<Vec<u8>> {
        if self.left > 0 {
            return None;
        }
        let mut frame = Vec::new();
        self.encode_insert(self.insert?, &mut frame);
        self.insert = None;
        Some(frame)
    }

    /// How many of the next bytes are surely payload and may go on unseen.
    pub(super) fn opaque(&self) -> u64 {
        if self.state == State::Open {
            self.left
        } else {
            0
        }
    }

    /// Accounts for bytes that went on unseen, no more than [`opaque`](Self::opaque).
    pub(super) fn skip(&mut self, len: usize) {
        debug_assert!(len as u64 <= self.left);
        self.left -= len as u64;
    }

    /// At the end of the stream: what was held back.
    pub(super) fn finish(&mut self) -> Vec<u8> {
        let held = std::mem::take(&mut self.held);
        if self.state == State::Open {
            held
        } else {
            Vec::new()
        }
    }

    /// Follows the bytes of `chunk` and says what goes on in their place.
    pub(super) fn pass(&mut self, chunk: &[u8]) -> Passed {
        if self.held.is_empty() {
            let mut output = Output::new(chunk);
            self.walk(chunk, &mut output);
            return output.finish();
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(chunk);
        let mut output = Output::new(&joined);
        self.walk(&joined, &mut output);
        match output.finish() {
            Passed::Unchanged => Passed::Changed(joined),
            changed => changed,
        }
    }

    fn walk(&mut self, input: &[u8], output: &mut Output<'_>) {
        let mut at = 0;
        loop {
            let payload = self.left.min((input.len() - at) as u64);
            at += payload as usize;
            self.left -= payload;
            if self.left > 0 {
                return;
            }
            if let Some(insert) = self.insert.take() {
                self.encode_insert(insert, output.insert_at(at));
            }
            if self.state != State::Open {
                return output.cut(at, input.len());
            }
            match self.next(&input[at..]) {
                Ok(Next::Incomplete) => {
                    self.held.extend_from_slice(&input[at..]);
                    return output.cut(at, input.len());
                }
                Ok(Next::OwnPong { total }) => {
                    output.cut(at, at + total);
                    at += total;
                }
                Ok(Next::Frame { header, payload }) => {
                    at += header;
                    self.left = payload;
                }
                Err(error) => {
                    self.state = State::Muted(error);
                    return output.cut(at, input.len());
                }
            }
        }
    }

    /// Reads what stands at a boundary.
    fn next(&mut self, bytes: &[u8]) -> Result<Next, Error> {
        let Some(header) = Header::parse(bytes)? else {
            return Ok(Next::Incomplete);
        };
        if header.opcode == PONG && header.payload == size_of::<Cookie>() as u64 {
            let total = header.len + size_of::<Cookie>();
            match bytes.get(header.len..total) {
                None => return Ok(Next::Incomplete),
                Some(payload) if header.unmask(payload) == self.cookie => {
                    return Ok(Next::OwnPong { total });
                }
                Some(_) => {}
            }
        }
        self.count_message(&header)?;
        self.closing |= header.opcode == CLOSE;
        Ok(Next::Frame {
            header: header.len,
            payload: header.payload,
        })
    }

    fn count_message(&mut self, header: &Header) -> Result<(), Error> {
        self.message = match header.opcode {
            CONTINUATION => self.message.saturating_add(header.payload),
            opcode if opcode < CLOSE => header.payload,
            _ => return Ok(()),
        };
        if self.message > self.message_max {
            return Err(Error::MessageTooBig);
        }
        Ok(())
    }

    fn encode_insert(&mut self, insert: Insert, out: &mut Vec<u8>) {
        debug_assert_eq!(self.left, 0, "never inside a frame");
        let sender = match self.masked {
            true => Sender::Client(
                super::random().to_ne_bytes()[..4]
                    .try_into()
                    .unwrap_or_default(),
            ),
            false => Sender::Server,
        };
        match insert {
            Insert::Ping if self.closing => {}
            Insert::Ping => encode_control(sender, Opcode::Ping, &self.cookie, out),
            Insert::Close(code) => {
                if !self.closing {
                    encode_close(sender, code, "", out);
                }
                self.state = State::Closed;
            }
        }
    }
}

const CONTINUATION: u8 = 0;
const CLOSE: u8 = 8;
const PONG: u8 = 10;

/// What this module needs to know of a frame header.
struct Header {
    opcode: u8,
    mask: Option<[u8; 4]>,
    /// Its own length.
    len: usize,
    /// The payload's.
    payload: u64,
}

impl Header {
    /// Reads a header from the front of `bytes`; `None` asks for more.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, Error> {
        let &[first, second, ref rest @ ..] = bytes else {
            return Ok(None);
        };
        let opcode = first & 0x0f;
        let short = second & 0x7f;
        if opcode >= CLOSE && short > 125 {
            return Err(Error::LongControl);
        }
        let (extended, payload) = match short {
            126 => (
                2,
                rest.first_chunk()
                    .map(|len| u64::from(u16::from_be_bytes(*len))),
            ),
            127 => (8, rest.first_chunk().map(|len| u64::from_be_bytes(*len))),
            len => (0, Some(u64::from(len))),
        };
        let Some(payload) = payload else {
            return Ok(None);
        };
        if payload > i64::MAX as u64 {
            return Err(Error::BadLength);
        }
        let masked = second & 0x80 != 0;
        let mask = rest.get(extended..).and_then(<[u8]>::first_chunk).copied();
        if masked && mask.is_none() {
            return Ok(None);
        }
        Ok(Some(Self {
            opcode,
            mask: mask.filter(|_| masked),
            len: 2 + extended + if masked { 4 } else { 0 },
            payload,
        }))
    }

    fn unmask(&self, payload: &[u8]) -> Cookie {
        let mut cookie = Cookie::default();
        let len = payload.len().min(cookie.len());
        cookie[..len].copy_from_slice(&payload[..len]);
        if let Some(key) = self.mask {
            Mask::new(key).apply(&mut cookie);
        }
        cookie
    }
}

/// A chunk with parts cut out and frames put in; copied only if there are any.
struct Output<'a> {
    input: &'a [u8],
    /// Input up to here is in `changed`, or was cut.
    taken: usize,
    changed: Option<Vec<u8>>,
}

impl<'a> Output<'a> {
    fn new(input: &'a [u8]) -> Self {
        Self {
            input,
            taken: 0,
            changed: None,
        }
    }

    fn insert_at(&mut self, at: usize) -> &mut Vec<u8> {
        let changed = self.changed.get_or_insert_default();
        changed.extend_from_slice(&self.input[self.taken..at]);
        self.taken = at;
        changed
    }

    fn cut(&mut self, start: usize, end: usize) {
        if start < end {
            self.insert_at(start);
            self.taken = end;
        }
    }

    fn finish(mut self) -> Passed {
        let Some(mut changed) = self.changed.take() else {
            return Passed::Unchanged;
        };
        changed.extend_from_slice(&self.input[self.taken..]);
        Passed::Changed(changed)
    }
}

#[cfg(test)]
mod tests;
