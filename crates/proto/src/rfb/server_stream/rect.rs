//! The rectangles of an update (RFC 6143 §7.7, §7.8 and the registry): how long each is.

use super::super::encoding::{self, Extensions};
use super::hextile::Hextile;
use super::tight::{Dialect, Tight};
use super::{ServerStream, State, Step};
use crate::rfb::Violation;

/// Bytes of one screen in a layout.
pub(super) const SCREEN_LEN: usize = 16;

/// The head of a rectangle.
const RECT_LEN: usize = 12;

/// A rectangle's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rect {
    pub(super) width: u16,
    pub(super) height: u16,
}

impl Rect {
    /// How many pixels it has.
    pub(super) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Bytes of a bitmap of its size, each row of whole bytes.
    pub(super) fn bitmap_len(self) -> u64 {
        u64::from(self.width).div_ceil(8) * u64::from(self.height)
    }

    fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

/// A layout of one screen that covers everything.
pub(super) fn whole_screen(width: u16, height: u16) -> [u8; SCREEN_LEN] {
    let mut screen = [0; SCREEN_LEN];
    screen[8..10].copy_from_slice(&width.to_be_bytes());
    screen[10..12].copy_from_slice(&height.to_be_bytes());
    screen
}

impl ServerStream {
    /// The next rectangle's head, or the end of the update.
    pub(super) fn rect(&mut self, input: &[u8]) -> Step {
        if self.rects_left == 0 {
            return Ok(self.go(0, 0, State::End));
        }
        let Some([place @ .., w0, w1, h0, h1, e0, e1, e2, e3]) = input.first_chunk::<RECT_LEN>()
        else {
            return Ok(None);
        };
        let rect = Rect {
            width: u16::from_be_bytes([*w0, *w1]),
            height: u16::from_be_bytes([*h0, *h1]),
        };
        let encoding = i32::from_be_bytes([*e0, *e1, *e2, *e3]);
        self.rects_left -= 1;
        if encoding == encoding::LAST_RECT {
            self.rects_left = 0;
        }
        let place: [u8; 4] = *place;
        let (skip, state) = self.body(place, rect, encoding)?;
        Ok(self.go(RECT_LEN, skip, state))
    }

    /// The table of encodings: bytes to jump over, and what comes then.
    fn body(
        &mut self,
        place: [u8; 4],
        rect: Rect,
        encoding: i32,
    ) -> Result<(u64, State), Violation> {
        let extension = Extensions::of(encoding);
        Ok(match encoding {
            encoding::RAW => (self.pixel_format()?.of_count(rect.pixels()), State::Rect),
            encoding::COPY_RECT => (4, State::Rect),
            encoding::RRE => (0, State::Subrects { each: 8 }),
            encoding::CO_RRE => (0, State::Subrects { each: 4 }),
            encoding::HEXTILE => (0, State::Hextile(Hextile::first(rect))),
            encoding::ZLIB | encoding::ZRLE | encoding::ZYWRLE => (0, State::Counted),
            encoding::TIGHT => (0, State::Tight(Tight::begin(rect, Dialect::Zlib))),
            encoding::TIGHT_PNG => (0, State::Tight(Tight::begin(rect, Dialect::Png))),
            encoding::CURSOR => {
                let len = self.pixel_format()?.of_count(rect.pixels()) + rect.bitmap_len();
                (len, State::Rect)
            }
            encoding::X_CURSOR if rect.is_empty() => (0, State::Rect),
            encoding::X_CURSOR => (6 + 2 * rect.bitmap_len(), State::Rect),
            encoding::VMWARE_CURSOR => (0, State::VmwareCursor(rect)),
            encoding::DESKTOP_SIZE => {
                (self.width, self.height) = (rect.width, rect.height);
                (0, State::Rect)
            }
            encoding::EXTENDED_DESKTOP_SIZE => {
                self.confirmed.insert(extension);
                (0, self.layout(place, rect))
            }
            encoding::DESKTOP_NAME => (0, State::Counted),
            encoding::LED_STATE => (1, State::Rect),
            encoding::LAST_RECT => (0, State::Rect),
            encoding::QEMU_KEY | encoding::QEMU_AUDIO | encoding::EXTENDED_MOUSE => {
                self.confirmed.insert(extension);
                (0, State::Rect)
            }
            unknown => return Err(Violation::UnknownEncoding(unknown)),
        })
    }

    /// A layout. It stands for a new size unless it answers a wish that was not granted.
    fn layout(&mut self, place: [u8; 4], rect: Rect) -> State {
        let [reason, status] = [&place[..2], &place[2..]];
        if reason != [0, 1] || status == [0, 0] {
            (self.width, self.height) = (rect.width, rect.height);
        }
        State::Screens
    }

    pub(super) fn subrects(&mut self, input: &[u8], each: u8) -> Step {
        let Some(count) = input.first_chunk().map(|count| u32::from_be_bytes(*count)) else {
            return Ok(None);
        };
        let pixel = u64::from(self.pixel_format()?.bytes);
        let skip = pixel + u64::from(count) * (pixel + u64::from(each));
        Ok(self.go(4, skip, State::Rect))
    }

    pub(super) fn vmware_cursor(&mut self, input: &[u8], rect: Rect) -> Step {
        let [kind, _, ..] = input else {
            return Ok(None);
        };
        let skip = match kind {
            // Two masks.
            0 => 2 * self.pixel_format()?.of_count(rect.pixels()),
            // Red, green, blue, alpha.
            1 => 4 * rect.pixels(),
            unknown => return Err(Violation::UnknownCursor(*unknown)),
        };
        Ok(self.go(2, skip, State::Rect))
    }

    pub(super) fn screens(&mut self, input: &[u8]) -> Option<usize> {
        let [count, _, _, _, ..] = input else {
            return None;
        };
        match count.checked_sub(1) {
            None => self.go(4, 0, State::Rect),
            Some(others) => self.go(4, 0, State::FirstScreen { others }),
        }
    }

    pub(super) fn first_screen(&mut self, input: &[u8], others: u8) -> Option<usize> {
        self.screen = *input.first_chunk()?;
        let skip = u64::from(others) * SCREEN_LEN as u64;
        self.go(SCREEN_LEN, skip, State::Rect)
    }
}
