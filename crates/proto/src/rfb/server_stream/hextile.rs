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
    /// As many tiles as are at hand: there may be a million of few bytes each.
    pub(super) fn hextile(&mut self, input: &[u8], mut at: Hextile) -> Step {
        let pixel = self.pixel_format()?.bytes;
        let mut used = 0;
        while let Some(tile) = at.tile() {
            let Some(first) = input.get(used) else {
                let taken = self.go(used, 0, State::Hextile(at));
                return Ok(taken.filter(|taken| *taken > 0));
            };
            let (skip, then) = at.follow(tile, *first, pixel);
            used += 1;
            if skip > (input.len() - used) as u64 {
                return Ok(self.go(used, skip, State::Hextile(then)));
            }
            used += skip as usize;
            at = then;
        }
        Ok(self.go(used, 0, State::Rect))
    }
}

impl Hextile {
    /// What a tile's first byte, or its number of subrectangles, announces: bytes to jump over,
    /// and what comes then.
    fn follow(self, tile: Rect, first: u8, pixel: u8) -> (u64, Self) {
        if let Some(len) = self.subrect_len {
            return (u64::from(first) * u64::from(len), self.next());
        }
        if first & RAW != 0 {
            return (tile.pixels() * u64::from(pixel), self.next());
        }
        let colours = (first & (BACKGROUND | FOREGROUND)).count_ones();
        let skip = u64::from(colours) * u64::from(pixel);
        let counted = |len| Self {
            subrect_len: Some(len),
            ..self
        };
        let then = match first & (SUBRECTS | COLOURED) {
            SUBRECTS => counted(2),
            both if both == SUBRECTS | COLOURED => counted(2 + pixel),
            _ => self.next(),
        };
        (skip, then)
    }
}
