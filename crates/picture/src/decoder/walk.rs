//! The order in which the tiles of a rectangle come: row by row, from the top left.

use crate::Rect;

/// The tiles of a rectangle that are still to come.
#[derive(Debug)]
pub(super) struct Walk {
    rect: Rect,
    /// Width and height of a tile, in pixels; at the right and at the bottom it may be less.
    side: u16,
    /// The next tile, relative to the rectangle.
    x: u16,
    y: u16,
}

impl Walk {
    pub(super) fn new(rect: Rect, side: u16) -> Self {
        Self {
            rect,
            side,
            x: 0,
            y: 0,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.y >= self.rect.height || self.rect.width == 0
    }

    /// The next tile, until it is done.
    pub(super) fn tile(&self) -> Rect {
        self.rect.part(self.x, self.y, self.side, self.side)
    }

    /// The tile is done.
    pub(super) fn advance(&mut self) {
        self.x = self.x.saturating_add(self.side);
        if self.x >= self.rect.width {
            self.x = 0;
            self.y = self.y.saturating_add(self.side);
        }
    }
}
