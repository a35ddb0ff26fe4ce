//! The length of everything that a viewer may send (RFC 6143 §7.5 and the registry), and a framer
//! over it. Some lengths depend on what was negotiated: that is where a parser can be led astray.

use super::Violation;
use super::encoding::Extensions;

/// Message types of viewers.
pub(super) mod kind {
    pub(in crate::rfb) const SET_PIXEL_FORMAT: u8 = 0;
    pub(in crate::rfb) const SET_ENCODINGS: u8 = 2;
    pub(in crate::rfb) const UPDATE_REQUEST: u8 = 3;
    pub(in crate::rfb) const KEY: u8 = 4;
    pub(in crate::rfb) const POINTER: u8 = 5;
    pub(in crate::rfb) const CUT_TEXT: u8 = 6;
    pub(in crate::rfb) const CONTINUOUS_UPDATES: u8 = 150;
    pub(in crate::rfb) const FENCE: u8 = 248;
    pub(in crate::rfb) const XVP: u8 = 250;
    pub(in crate::rfb) const SET_DESKTOP_SIZE: u8 = 251;
    pub(in crate::rfb) const GII: u8 = 253;
    pub(in crate::rfb) const QEMU: u8 = 255;
}

/// The longest head: `SetPixelFormat`, which has no body.
const HEAD_LEN_MAX: usize = 20;

/// Payload bytes of a fence, by its specification.
const FENCE_LEN_MAX: u8 = 64;

/// A message without the part whose length it names.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    bytes: [u8; HEAD_LEN_MAX],
    len: u8,
    /// Bytes that follow.
    pub(super) body_len: u64,
}

impl Head {
    /// The message's type.
    pub(super) fn kind(&self) -> u8 {
        self.bytes[0]
    }

    /// `SIZE` bytes from `at`; a head always holds its type's fixed part.
    pub(super) fn field<const SIZE: usize>(&self, at: usize) -> [u8; SIZE] {
        self.bytes[at..].first_chunk().copied().unwrap_or([0; SIZE])
    }

    /// What an extended clipboard message says of itself; `None` for any other message.
    pub(super) fn clipboard_flags(&self) -> Option<u32> {
        let is_extended = self.kind() == kind::CUT_TEXT && self.bytes().len() == 12;
        is_extended.then(|| u32::from_be_bytes(self.field(8)))
    }

    /// What a server must have agreed to; otherwise it would take the message for something of
    /// another length.
    pub(super) fn length_depends_on(&self) -> Extensions {
        match self.kind() {
            kind::POINTER if self.bytes().len() == 7 => Extensions::EXTENDED_MOUSE,
            kind::CUT_TEXT if self.clipboard_flags().is_some() => Extensions::EXTENDED_CLIPBOARD,
            _ => Extensions::default(),
        }
    }

    /// Puts another value into a field that it has.
    pub(super) fn set_field<const N: usize>(&mut self, at: usize, value: [u8; N]) {
        if let Some(field) = self.bytes.get_mut(at..at + N) {
            field.copy_from_slice(&value);
        }
    }

    /// All of its bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// What the next bytes of a viewer are.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A message begins; its body follows, if it has one.
    Head(Head),
    /// Bytes of the body.
    Body {
        bytes: &'a [u8],
        /// They are the body's last.
        last: bool,
    },
}

/// Cuts a viewer's bytes into messages. Holds at most the head of one.
#[derive(Debug, Clone, Default)]
pub(super) struct Framer {
    /// What the viewer has asked for.
    pub(super) asked: Extensions,
    /// What the server has shown to know, where its side is read too.
    pub(super) confirmed: Option<Extensions>,
    /// A head that has not wholly arrived.
    head: [u8; HEAD_LEN_MAX],
    head_len: u8,
    /// Bytes of the body still to come.
    body_left: u64,
}

impl Framer {
    /// The extensions that the lengths of messages depend on: those that are agreed, or where the
    /// server's side is not read, those that may be.
    pub(super) fn agreed(&self) -> Extensions {
        match self.confirmed {
            Some(confirmed) => self.asked.and(confirmed),
            None => self.asked,
        }
    }

    /// Between two messages.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.head_len == 0 && self.body_left == 0
    }

    /// The next piece from the front of `input`; `None` means that all was taken.
    pub(super) fn next<'a>(
        &mut self,
        input: &mut &'a [u8],
    ) -> Result<Option<Piece<'a>>, Violation> {
        if input.is_empty() {
            return Ok(None);
        }
        if self.body_left > 0 {
            let len = usize::try_from(self.body_left)
                .unwrap_or(usize::MAX)
                .min(input.len());
            let (bytes, rest) = input.split_at(len);
            *input = rest;
            self.body_left -= len as u64;
            return Ok(Some(Piece::Body {
                bytes,
                last: self.body_left == 0,
            }));
        }
        self.next_head(input)
    }

    fn next_head<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Violation> {
        loop {
            let kept = usize::from(self.head_len);
            let needed = match frame(&self.head[..kept], self.agreed())? {
                Framing::Needs(needed) => needed,
                Framing::Whole { body_len } => {
                    let head = Head {
                        bytes: self.head,
                        len: self.head_len,
                        body_len,
                    };
                    self.head_len = 0;
                    self.body_left = body_len;
                    return Ok(Some(Piece::Head(head)));
                }
            };
            debug_assert!(kept < needed && needed <= HEAD_LEN_MAX);
            let (taken, rest) = input.split_at(input.len().min(needed - kept));
            if taken.is_empty() {
                return Ok(None);
            }
            self.head[kept..kept + taken.len()].copy_from_slice(taken);
            self.head_len += taken.len() as u8;
            *input = rest;
        }
    }
}

enum Framing {
    /// So many bytes of the head, at least, before more can be said.
    Needs(usize),
    /// The head is whole.
    Whole { body_len: u64 },
}

/// The table: how long a message is, as far as its first bytes tell.
fn frame(head: &[u8], agreed: Extensions) -> Result<Framing, Violation> {
    let Some(kind) = head.first() else {
        return Ok(Framing::Needs(1));
    };
    let fixed = match *kind {
        kind::SET_PIXEL_FORMAT => 20,
        kind::SET_ENCODINGS | kind::XVP | kind::GII => 4,
        kind::UPDATE_REQUEST | kind::CONTINUOUS_UPDATES => 10,
        kind::KEY | kind::SET_DESKTOP_SIZE => 8,
        kind::CUT_TEXT => cut_text_head_len(head),
        kind::POINTER => pointer_len(head, agreed),
        kind::FENCE => 9,
        kind::QEMU => qemu_len(head)?,
        unknown => return Err(Violation::UnknownType(unknown)),
    };
    if let [kind::CUT_TEXT, _, _, _, 0x80..=0xff, ..] = head
        && !agreed.contains(Extensions::EXTENDED_CLIPBOARD)
    {
        return Err(Violation::NegativeCutText);
    }
    if head.len() < fixed {
        return Ok(Framing::Needs(fixed));
    }
    Ok(Framing::Whole {
        body_len: body_len(head)?,
    })
}

/// With extended mouse buttons a set top bit announces a seventh byte; without them it is the
/// eighth button.
fn pointer_len(head: &[u8], agreed: Extensions) -> usize {
    let extended = agreed.contains(Extensions::EXTENDED_MOUSE);
    match head.get(1) {
        Some(buttons) if extended && buttons & 0x80 != 0 => 7,
        _ => 6,
    }
}

fn qemu_len(head: &[u8]) -> Result<usize, Violation> {
    Ok(match head {
        [] | [_] => 2,
        // An extended key event.
        [_, 0, ..] => 12,
        // Audio: the format takes six bytes more than on and off.
        [_, 1] | [_, 1, _] | [_, 1, 0, 0 | 1, ..] => 4,
        [_, 1, 0, 2, ..] => 10,
        [_, unknown, ..] => return Err(Violation::UnknownQemuType(*unknown)),
    })
}

/// With the extended clipboard, a negative length announces flags. To a server that never agreed
/// to it the same bytes mean something else, so it must not pass for a length.
fn cut_text_head_len(head: &[u8]) -> usize {
    match head.get(4) {
        Some(0x80..=0xff) => 12,
        _ => 8,
    }
}

fn body_len(head: &[u8]) -> Result<u64, Violation> {
    Ok(match *head {
        [kind::SET_ENCODINGS, _, high, low, ..] => u64::from(u16::from_be_bytes([high, low])) * 4,
        [kind::CUT_TEXT, _, _, _, a, b, c, d, ..] => {
            let len = i32::from_be_bytes([a, b, c, d]);
            match (u64::try_from(len), len.unsigned_abs()) {
                (Ok(len), _) => len,
                (Err(_), len @ 4..) => u64::from(len) - 4,
                (Err(_), len) => return Err(Violation::ShortClipboard(len)),
            }
        }
        [kind::FENCE, .., len] if len > FENCE_LEN_MAX => return Err(Violation::LongFence(len)),
        [kind::FENCE, .., len] => len.into(),
        [kind::SET_DESKTOP_SIZE, _, _, _, _, _, screens, ..] => u64::from(screens) * 16,
        [kind::GII, flags, a, b, ..] if flags & 0x80 != 0 => u16::from_be_bytes([a, b]).into(),
        [kind::GII, _, a, b, ..] => u16::from_le_bytes([a, b]).into(),
        _ => 0,
    })
}
