//! What a viewer sends after the handshake (RFC 6143 §7.5 and extensions).

use super::Error;
use super::pixel::PixelFormat;
use crate::geom::{Point, Rect};

/// A message of a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Message {
    SetPixelFormat(PixelFormat),
    SetEncodings(Vec<i32>),
    /// Asks for what changed in an area.
    RequestChanges(Rect),
    /// Asks for all of an area.
    RequestAll(Rect),
    /// A key, by its keysym.
    KeyDown(u32),
    KeyUp(u32),
    Pointer {
        at: Point,
        buttons: u8,
    },
    /// The viewer's clipboard in Latin-1.
    CutText(Vec<u8>),
    /// A message of the extended clipboard.
    ExtendedCutText(Vec<u8>),
    /// Asks for another size of the desktop.
    SetDesktopSize {
        width: u16,
        height: u16,
    },
}

impl Message {
    /// Reads the message at the start of `input`; `None` means that it is not complete yet.
    pub(crate) fn parse(input: &[u8]) -> Result<Option<(Message, usize)>, Error> {
        let mut fields = Fields { rest: input };
        let message = fields.message().transpose()?;
        Ok(message.map(|message| (message, input.len() - fields.rest.len())))
    }

    /// The most bytes that a message can have: no more need ever be kept unparsed.
    pub(crate) const BYTES_MAX: usize = 8 + CUT_TEXT_MAX;
}

/// A place in the bytes that arrived; each method returns `None` when they do not suffice.
struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.bytes(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn message(&mut self) -> Option<Result<Message, Error>> {
        match self.u8()? {
            0 => {
                self.bytes(3)?;
                Some(PixelFormat::parse(&self.array()?).map(Message::SetPixelFormat))
            }
            2 => {
                self.bytes(1)?;
                let count = usize::from(self.u16()?);
                let list = self.bytes(4 * count)?.chunks_exact(4);
                let number = |wire: &[u8]| wire.iter().fold(0, |n, b| n << 8 | i32::from(*b));
                Some(Ok(Message::SetEncodings(list.map(number).collect())))
            }
            3 => {
                let incremental = self.u8()? != 0;
                let [x, y, w, h] = [self.u16()?, self.u16()?, self.u16()?, self.u16()?];
                let area = Rect::new(x.into(), y.into(), w.into(), h.into());
                Some(Ok(if incremental {
                    Message::RequestChanges(area)
                } else {
                    Message::RequestAll(area)
                }))
            }
            4 => {
                let down = self.u8()? != 0;
                self.bytes(2)?;
                Some(Ok(key(self.u32()?, down)))
            }
            5 => {
                let buttons = self.u8()?;
                let at = Point::new(self.u16()?.into(), self.u16()?.into());
                Some(Ok(Message::Pointer { at, buttons }))
            }
            6 => self.cut_text(),
            251 => self.set_desktop_size(),
            255 => self.qemu(),
            _ => Some(Err(Error::Viewer("unknown message"))),
        }
    }

    fn cut_text(&mut self) -> Option<Result<Message, Error>> {
        self.bytes(3)?;
        let length = self.u32()?.cast_signed();
        let bytes = length.unsigned_abs() as usize;
        if bytes > CUT_TEXT_MAX {
            return Some(Err(Error::Viewer("the clipboard text is too long")));
        }
        let text = self.bytes(bytes)?.to_vec();
        Some(Ok(match length {
            // Extended clipboard: a negative length marks it.
            ..0 => Message::ExtendedCutText(text),
            0.. => Message::CutText(text),
        }))
    }

    fn set_desktop_size(&mut self) -> Option<Result<Message, Error>> {
        self.bytes(1)?;
        let (width, height) = (self.u16()?, self.u16()?);
        let screens = usize::from(self.u8()?);
        self.bytes(1 + 16 * screens)?;
        Some(Ok(Message::SetDesktopSize { width, height }))
    }

    fn qemu(&mut self) -> Option<Result<Message, Error>> {
        if self.u8()? != 0 {
            return Some(Err(Error::Viewer("unknown QEMU message")));
        }
        let down = self.u16()? != 0;
        let (keysym, _scan_code) = (self.u32()?, self.u32()?);
        Some(Ok(key(keysym, down)))
    }
}

fn key(keysym: u32, down: bool) -> Message {
    if down {
        Message::KeyDown(keysym)
    } else {
        Message::KeyUp(keysym)
    }
}

/// What is accepted of a viewer's clipboard; also enough for the longest `SetEncodings`.
const CUT_TEXT_MAX: usize = 256 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_once_it_is_complete() {
        let mut wire = vec![251, 0, 3, 32, 2, 88, 1, 0];
        wire.extend([0; 16]);
        wire.push(4);
        for end in 0..24 {
            assert!(
                Message::parse(&wire[..end]).unwrap().is_none(),
                "{end} bytes"
            );
        }
        let size = Message::SetDesktopSize {
            width: 800,
            height: 600,
        };
        assert_eq!(Message::parse(&wire).unwrap(), Some((size, 24)));
    }

    #[test]
    fn a_clipboard_that_is_too_long_is_refused_before_it_arrives() {
        for length in [u32::MAX / 2, 0x8000_0000, CUT_TEXT_MAX as u32 + 1] {
            let mut wire = vec![6, 0, 0, 0];
            wire.extend(length.to_be_bytes());
            assert!(Message::parse(&wire).is_err(), "{length:#x}");
        }
    }

    #[test]
    fn the_sign_of_the_length_tells_the_clipboards_apart() {
        let plain = [6, 0, 0, 0, 0, 0, 0, 1, 65];
        let extended = [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 65];
        assert_eq!(
            Message::parse(&plain).unwrap(),
            Some((Message::CutText(vec![65]), 9))
        );
        let message = Message::ExtendedCutText(vec![65]);
        assert_eq!(Message::parse(&extended).unwrap(), Some((message, 9)));
    }
}
