//! Messages and control frames out of a peer's bytes (RFC 6455 §5, §8.1).

use super::utf8::Utf8Checker;
use super::{CloseFrame, Error, FrameHeader, FrameParser, Mask, Opcode, Piece};

/// How much a peer may send at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Payload bytes of one frame.
    pub frame_bytes_max: u64,
    /// Payload bytes of one message.
    pub message_bytes_max: u64,
}

impl Limits {
    /// No limit but the protocol's own: for messages that are passed on as they come.
    pub const NONE: Self = Self {
        frame_bytes_max: u64::MAX,
        message_bytes_max: u64::MAX,
    };
}

/// What a peer said. Data is unmasked where it lay.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A part of a message: pieces come as they arrive, not whole messages.
    Data {
        /// A text message, whose pieces together are UTF-8; otherwise binary.
        text: bool,
        /// The unmasked bytes, possibly none.
        payload: &'a mut [u8],
        /// The message ends with this piece.
        last: bool,
    },
    /// A ping; a pong with the same payload is due.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close frame; nothing after it counts.
    Close(CloseFrame),
}

/// The receiving half of a connection: strict, streaming, without buffers but for a control
/// frame that is split. After an error it must not be used any more.
#[derive(Debug, Clone)]
pub struct Receiver {
    parser: FrameParser,
    from_client: bool,
    limits: Limits,
    /// The frame whose payload is arriving; its mask has moved on with the payload.
    frame: Option<(FrameHeader, Mask)>,
    /// The data message that is open.
    message: Option<Message>,
    /// What has arrived of a control frame's payload, at most `CONTROL_LEN_MAX` bytes.
    control: Vec<u8>,
}

#[derive(Debug, Clone)]
struct Message {
    text: bool,
    bytes: u64,
    utf8: Utf8Checker,
}

impl Receiver {
    /// For a server: frames come from a client and must be masked.
    pub fn from_client(limits: Limits) -> Self {
        Self::new(true, limits)
    }

    /// For a client: frames come from a server and must not be masked.
    pub fn from_server(limits: Limits) -> Self {
        Self::new(false, limits)
    }

    fn new(from_client: bool, limits: Limits) -> Self {
        Self {
            parser: FrameParser::default(),
            from_client,
            limits,
            frame: None,
            message: None,
            control: Vec::new(),
        }
    }

    /// Takes bytes from the front of `input` up to the next event. `None` means that all were
    /// taken; `input` is then empty.
    pub fn handle<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Option<Event<'a>>, Error> {
        loop {
            let (taken, piece) = self.parser.handle(input)?;
            let (bytes, rest) = std::mem::take(input).split_at_mut(taken);
            *input = rest;
            let event = match piece {
                None => return Ok(None),
                Some(Piece::Header(header)) => self.handle_header(header)?,
                Some(Piece::Payload { last, .. }) => self.handle_payload(bytes, last)?,
            };
            if event.is_some() {
                return Ok(event);
            }
        }
    }

    fn handle_header<'a>(&mut self, header: FrameHeader) -> Result<Option<Event<'a>>, Error> {
        match (self.from_client, header.mask) {
            (true, None) => return Err(Error::NotMasked),
            (false, Some(_)) => return Err(Error::Masked),
            _ => {}
        }
        if !header.opcode.is_control() {
            self.open_message(&header)?;
        }
        self.frame = Some((header, Mask::new(header.mask.unwrap_or_default())));
        if header.len > 0 {
            Ok(None)
        } else {
            self.handle_payload(&mut [], true)
        }
    }

    fn open_message(&mut self, header: &FrameHeader) -> Result<(), Error> {
        let message = match (header.opcode, self.message.take()) {
            (Opcode::Continuation, None) => return Err(Error::UnexpectedContinuation),
            (Opcode::Continuation, open) => open,
            (_, Some(_)) => return Err(Error::InterleavedMessage),
            (opcode, None) => {
                let text = opcode == Opcode::Text;
                Some(Message {
                    text,
                    bytes: 0,
                    utf8: Utf8Checker::default(),
                })
            }
        };
        self.message = message;
        let open = self.message.as_mut().ok_or(Error::UnexpectedContinuation)?;
        if header.len > self.limits.frame_bytes_max {
            return Err(Error::FrameTooBig);
        }
        open.bytes = open.bytes.saturating_add(header.len);
        if open.bytes > self.limits.message_bytes_max {
            return Err(Error::MessageTooBig);
        }
        Ok(())
    }

    fn handle_payload<'a>(
        &mut self,
        payload: &'a mut [u8],
        last: bool,
    ) -> Result<Option<Event<'a>>, Error> {
        let Some((header, mask)) = &mut self.frame else {
            return Ok(None);
        };
        let header = *header;
        if self.from_client {
            mask.apply(payload);
        }
        if last {
            self.frame = None;
        }
        if header.opcode.is_control() {
            self.control.extend_from_slice(payload);
            return if last {
                self.end_control(header.opcode).map(Some)
            } else {
                Ok(None)
            };
        }
        let Some(message) = &mut self.message else {
            return Ok(None);
        };
        let last = last && header.fin;
        let text = message.text;
        if text && !(message.utf8.handle(payload) && (!last || message.utf8.end())) {
            return Err(Error::NotUtf8);
        }
        if last {
            self.message = None;
        }
        Ok(Some(Event::Data {
            text,
            payload,
            last,
        }))
    }

    fn end_control<'a>(&mut self, opcode: Opcode) -> Result<Event<'a>, Error> {
        let payload = std::mem::take(&mut self.control);
        Ok(match opcode {
            Opcode::Ping => Event::Ping(payload),
            Opcode::Pong => Event::Pong(payload),
            _ => Event::Close(CloseFrame::parse(&payload)?),
        })
    }
}
