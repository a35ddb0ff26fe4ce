//! Hextile rectangles (RFC 6143 §7.7.4), tile by tile.

use super::rect::Rect;
use super::{ServerStream, State, Step};

/// Pixels of a tile's edge.
const TILE: u16 = 16;

const RAW: u8 = 1;
const BACKGROUND: u8 = 2;
const FOREGROUND: u8 = 4;
const SUBRECTS: u8 = 8;
const COLOURED: u8 = 16;

/// Where the walk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hextile {
    /// What the tiles from this one on cover, this row whole.
    rect: Rect,
    /// Pixels of the row that are before the tile.
    x: u16,
    /// The tile's number of subrectangles is awaited, of so many bytes each.
    subrect_len: Option<u8>,
}

impl Hextile {
    pub(super) fn first(rect: Rect) -> Self {
        Self {
            rect,
            x: 0,
            subrect_len: None,
        }
    }

    /// The tile's size; `None` when there are no more.
    fn tile(self) -> Option<Rect> {
        let (width, height) = (self.rect.width.checked_sub(self.x)?, self.rect.height);
        (width > 0 && height > 0).then_some(Rect {
            width: width.min(TILE),
            height: height.min(TILE),
        })
    }

    fn next(mut self) -> Self {
        self.subrect_len = None;
        self.x = self.x.saturating_add(TILE);
        if self.x >= self.rect.width {
            self.x = 0;
            self.rect.height = self.rect.height.saturating_sub(TILE);
        }
        self
    }
}

impl ServerStream {
    pub(super) fn hextile(&mut self, input: &[u8], at: Hextile) -> Step {
        let Some(tile) = at.tile() else {
            return Ok(self.go(0, 0, State::Rect));
        };
        let Some(first) = input.first() else {
            return Ok(None);
        };
        if let Some(len) = at.subrect_len {
            let skip = u64::from(*first) * u64::from(len);
            return Ok(self.go(1, skip, State::Hextile(at.next())));
        }
        let pixel = self.pixel_format()?.bytes;
        if first & RAW != 0 {
            let skip = tile.pixels() * u64::from(pixel);
            return Ok(self.go(1, skip, State::Hextile(at.next())));
        }
        let colours = (first & (BACKGROUND | FOREGROUND)).count_ones();
        let skip = u64::from(colours) * u64::from(pixel);
        let then = match first & (SUBRECTS | COLOURED) {
            SUBRECTS => Hextile {
                subrect_len: Some(2),
                ..at
            },
            both if both == SUBRECTS | COLOURED => Hextile {
                subrect_len: Some(2 + pixel),
                ..at
            },
            _ => at.next(),
        };
        Ok(self.go(1, skip, State::Hextile(then)))
    }
}
