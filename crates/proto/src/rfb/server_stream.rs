//! What a server sends after `ServerInit`, cut into messages without a look at the pixels.
//!
//! The stream walks over the heads of messages, rectangles and their parts, and jumps over what
//! they announce. It holds nothing: a head that has not wholly arrived is left to the caller, who
//! offers it again with what follows, at most [`HEAD_LEN_MAX`] bytes.

mod filter;
mod hextile;
mod rect;
mod tight;

pub use filter::{Filtered, Passed, ServerFilter};

use super::encoding::Extensions;
use super::pixels::Pixels;
use super::{ServerInit, Violation};
use hextile::Hextile;
use rect::Rect;
use tight::Tight;

/// Every head is shorter than this, so that no more is ever left to the caller.
pub const HEAD_LEN_MAX: usize = 16;

/// Message types of servers.
pub(super) mod kind {
    pub(in crate::rfb) const UPDATE: u8 = 0;
    pub(in crate::rfb) const COLOUR_MAP: u8 = 1;
    pub(in crate::rfb) const BELL: u8 = 2;
    pub(in crate::rfb) const CUT_TEXT: u8 = 3;
    pub(in crate::rfb) const END_OF_CONTINUOUS_UPDATES: u8 = 150;
    pub(in crate::rfb) const FENCE: u8 = 248;
    pub(in crate::rfb) const XVP: u8 = 250;
    pub(in crate::rfb) const GII: u8 = 253;
    pub(in crate::rfb) const QEMU: u8 = 255;
}

/// A message of a server, as far as somebody between the sides needs to tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerMessage {
    /// `ServerCutText` with plain text of so many bytes.
    CutText(u32),
    /// `ServerCutText` of the extended clipboard.
    Clipboard {
        /// What it is and the formats that it is about.
        flags: u32,
        /// Bytes of the whole, flags included.
        len: u32,
    },
    /// Any other, by its type.
    Other(u8),
}

impl ServerMessage {
    /// The message's type.
    pub fn kind(self) -> u8 {
        match self {
            Self::CutText(_) | Self::Clipboard { .. } => kind::CUT_TEXT,
            Self::Other(kind) => kind,
        }
    }
}

/// The next bytes of a server belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Framed {
    /// The message that they belong to.
    pub message: ServerMessage,
    /// How many they are; 0 only where a message ends without more.
    pub len: usize,
    /// The message begins with them.
    pub begins: bool,
    /// The message ends with them.
    pub ends: bool,
}

/// A server's stream.
#[derive(Debug, Clone)]
pub struct ServerStream {
    state: State,
    /// The message that is passing.
    message: ServerMessage,
    /// Bytes to jump over before the state goes on.
    skip: u64,
    /// Rectangles that are left of an update.
    rects_left: u16,
    /// `None` while it is not certain which format the server has in mind.
    pixels: Option<Pixels>,
    /// The viewer has asked for updates: from then on the format is fixed.
    has_begun: bool,
    width: u16,
    height: u16,
    /// The first screen of the layout, as the server told it.
    screen: [u8; rect::SCREEN_LEN],
    /// Extensions that the server has shown to know.
    confirmed: Extensions,
    /// Extensions that the viewer asked for.
    asked: Extensions,
}

/// What is awaited once the jump is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// A message.
    Message,
    /// The end of the message.
    End,
    /// A rectangle, or the end of the update.
    Rect,
    /// A length of four bytes, and so many bytes.
    Counted,
    /// The subrectangles of (Co)RRE: their number, and so many bytes each.
    Subrects { each: u8 },
    /// The kind of VMware's cursor.
    VmwareCursor(Rect),
    /// The number of screens.
    Screens,
    /// The first of so many screens.
    FirstScreen { others: u8 },
    /// A part of a Tight rectangle.
    Tight(Tight),
    /// A tile of a Hextile rectangle.
    Hextile(Hextile),
}

/// What a step made of the bytes at hand: how many it used; `None` needs more of them.
type Step = Result<Option<usize>, Violation>;

impl ServerStream {
    /// The stream that follows a screen's announcement.
    pub fn new(init: &ServerInit) -> Self {
        Self {
            state: State::Message,
            message: ServerMessage::Other(0),
            skip: 0,
            rects_left: 0,
            pixels: None,
            has_begun: false,
            width: init.width,
            height: init.height,
            screen: rect::whole_screen(init.width, init.height),
            confirmed: Extensions::default(),
            asked: Extensions::default(),
        }
    }

    /// The size of the screen as the viewer knows it.
    pub fn size(&self) -> (u16, u16) {
        (self.width, self.height)
    }

    /// Between two messages.
    pub fn is_at_boundary(&self) -> bool {
        self.state == State::Message
    }

    /// From here on there are updates, and all pixels have this format.
    pub(super) fn begin_updates(&mut self, format: &[u8; 16]) -> Result<(), Violation> {
        self.pixels = Some(Pixels::of(format)?);
        self.has_begun = true;
        Ok(())
    }

    /// Before updates were asked for, servers may tell what they know of extensions, and cursors,
    /// which have this format.
    pub(super) fn expect_early(&mut self, format: &[u8; 16]) {
        self.pixels = Pixels::of(format).ok();
    }

    /// The viewer has asked for updates.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// What the server has shown to know.
    pub(super) fn confirmed(&self) -> Extensions {
        self.confirmed
    }

    /// The viewer has asked for this.
    pub(super) fn note_asked(&mut self, asked: Extensions) {
        self.asked.insert(asked);
    }

    /// The longest part of one message at the front of `input`; `None` when more is needed to say
    /// anything. What was not framed is to be offered again, with what follows.
    pub fn next(&mut self, input: &[u8]) -> Result<Option<Framed>, Violation> {
        let begins = self.is_at_boundary();
        let mut at = 0;
        loop {
            let left = (input.len() - at) as u64;
            let jumped = self.skip.min(left);
            self.skip -= jumped;
            at += jumped as usize;
            if self.skip > 0 || self.state == State::End {
                break;
            }
            match self.step(&input[at..])? {
                Some(used) => at += used,
                None => break,
            }
        }
        let ends = self.skip == 0 && self.state == State::End;
        if ends {
            self.state = State::Message;
        }
        debug_assert!(at <= input.len());
        debug_assert!(self.skip > 0 || input.len() - at < HEAD_LEN_MAX || ends);
        let framed = Framed {
            message: self.message,
            len: at,
            begins,
            ends,
        };
        Ok((at > 0 || ends).then_some(framed))
    }

    fn step(&mut self, input: &[u8]) -> Step {
        match self.state {
            State::Message => self.message(input),
            State::End => Ok(Some(0)),
            State::Rect => self.rect(input),
            State::Counted => Ok(self.counted(input)),
            State::Subrects { each } => self.subrects(input, each),
            State::VmwareCursor(rect) => self.vmware_cursor(input, rect),
            State::Screens => Ok(self.screens(input)),
            State::FirstScreen { others } => Ok(self.first_screen(input, others)),
            State::Tight(part) => self.tight(input, part),
            State::Hextile(tile) => self.hextile(input, tile),
        }
    }

    /// A head of `used` bytes, `skip` bytes to jump over, then `state`.
    fn go(&mut self, used: usize, skip: u64, state: State) -> Option<usize> {
        self.skip = skip;
        self.state = state;
        Some(used)
    }

    /// The table of messages (RFC 6143 §7.6 and the registry).
    fn message(&mut self, input: &[u8]) -> Step {
        let Some(kind) = input.first() else {
            return Ok(None);
        };
        let head = match (*kind, input) {
            (kind::BELL | kind::END_OF_CONTINUOUS_UPDATES, _) => Some((1, 0)),
            (kind::UPDATE, [_, _, high, low, ..]) => return Ok(self.update(*high, *low)),
            (kind::COLOUR_MAP, [_, _, _, _, high, low, ..]) => {
                Some((6, u64::from(u16::from_be_bytes([*high, *low])) * 6))
            }
            (kind::CUT_TEXT, _) => return self.cut_text(input),
            (kind::FENCE, [_, _, _, _, _, _, _, _, len, ..]) => Some((9, u64::from(*len))),
            (kind::XVP, [_, _, _, _, ..]) => Some((4, 0)),
            (kind::GII, [_, flags, a, b, ..]) if flags & 0x80 != 0 => {
                Some((4, u16::from_be_bytes([*a, *b]).into()))
            }
            (kind::GII, [_, _, a, b, ..]) => Some((4, u16::from_le_bytes([*a, *b]).into())),
            (kind::QEMU, _) => qemu(input)?,
            (kind::UPDATE | kind::COLOUR_MAP | kind::FENCE | kind::XVP | kind::GII, _) => None,
            (unknown, _) => return Err(Violation::UnknownServerType(unknown)),
        };
        Ok(head.and_then(|(used, skip)| {
            self.message = ServerMessage::Other(*kind);
            if *kind == kind::END_OF_CONTINUOUS_UPDATES {
                self.confirmed.insert(Extensions::CONTINUOUS_UPDATES);
            }
            self.go(used, skip, State::End)
        }))
    }

    fn update(&mut self, high: u8, low: u8) -> Option<usize> {
        self.message = ServerMessage::Other(kind::UPDATE);
        // 65535 means as many as there are before a `LastRect`, and is also enough of them.
        self.rects_left = u16::from_be_bytes([high, low]);
        self.go(4, 0, State::Rect)
    }

    fn cut_text(&mut self, input: &[u8]) -> Step {
        let [_, _, _, _, a, b, c, d, rest @ ..] = input else {
            return Ok(None);
        };
        let len = i32::from_be_bytes([*a, *b, *c, *d]);
        if let Ok(len) = u32::try_from(len) {
            self.message = ServerMessage::CutText(len);
            return Ok(self.go(8, len.into(), State::End));
        }
        // A server that was not asked for it cannot mean the extended clipboard.
        if !self.asked.contains(Extensions::EXTENDED_CLIPBOARD) {
            return Err(Violation::NegativeCutText);
        }
        let len = len.unsigned_abs();
        if len < 4 {
            return Err(Violation::ShortClipboard(len));
        }
        let Some(flags) = rest.first_chunk().map(|flags| u32::from_be_bytes(*flags)) else {
            return Ok(None);
        };
        if flags & super::clipboard::CAPS != 0 {
            self.confirmed.insert(Extensions::EXTENDED_CLIPBOARD);
        }
        self.message = ServerMessage::Clipboard { flags, len };
        Ok(self.go(12, u64::from(len) - 4, State::End))
    }

    fn counted(&mut self, input: &[u8]) -> Option<usize> {
        let len = u32::from_be_bytes(*input.first_chunk()?);
        self.go(4, len.into(), State::Rect)
    }

    fn pixel_format(&self) -> Result<Pixels, Violation> {
        self.pixels.ok_or(Violation::EarlyPixels)
    }
}

/// QEMU's audio: begins, ends, or a number of bytes.
fn qemu(input: &[u8]) -> Result<Option<(usize, u64)>, Violation> {
    match input {
        [_, 1, 0, 0 | 1, ..] => Ok(Some((4, 0))),
        [_, 1, 0, 2, a, b, c, d, ..] => Ok(Some((8, u32::from_be_bytes([*a, *b, *c, *d]).into()))),
        [] | [_] | [_, 1] | [_, 1, 0] | [_, 1, 0, 2, ..] => Ok(None),
        [_, unknown, ..] => Err(Violation::UnknownQemuType(*unknown)),
    }
}
