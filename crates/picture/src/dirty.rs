//! Which tiles of a screen have changed.

use crate::Rect;

/// Pixels of a tile's side.
pub(crate) const TILE: u16 = 64;

/// A flag for each tile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dirty {
    width: u16,
    height: u16,
    /// Row by row, `columns * rows` of them.
    tiles: Vec<bool>,
    /// Whether any flag is set.
    any: bool,
}

impl Dirty {
    /// Everything has changed.
    pub(crate) fn all(width: u16, height: u16) -> Self {
        let columns = usize::from(width.div_ceil(TILE));
        let rows = usize::from(height.div_ceil(TILE));
        Self {
            width,
            height,
            tiles: vec![true; columns * rows],
            any: true,
        }
    }

    pub(crate) fn is_clean(&self) -> bool {
        !self.any
    }

    pub(crate) fn mark(&mut self, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        let columns = self.columns();
        let last = |start: u16, len: u16| usize::from((start.saturating_add(len) - 1) / TILE);
        let (left, right) = (usize::from(rect.x / TILE), last(rect.x, rect.width));
        for row in usize::from(rect.y / TILE)..=last(rect.y, rect.height) {
            let tiles = row * columns + left..=row * columns + right;
            if let Some(tiles) = self.tiles.get_mut(tiles) {
                tiles.fill(true);
                self.any = true;
            }
        }
    }

    /// The changed tiles, neighbours in a row as one rectangle; none of them is changed any more.
    pub(crate) fn take(&mut self) -> Vec<Rect> {
        let mut rects = Vec::new();
        if !std::mem::take(&mut self.any) {
            return rects;
        }
        let columns = self.columns();
        for (row, tiles) in self.tiles.chunks_mut(columns.max(1)).enumerate() {
            let mut start = None;
            for column in 0..=tiles.len() {
                let is_dirty = tiles.get(column).copied().unwrap_or(false);
                match (start, is_dirty) {
                    (None, true) => start = Some(column),
                    (Some(first), false) => {
                        rects.push(tile_rect(first, column, row, self.width, self.height));
                        start = None;
                    }
                    _ => {}
                }
            }
            tiles.fill(false);
        }
        rects
    }

    fn columns(&self) -> usize {
        self.width.div_ceil(TILE).into()
    }
}

/// The pixels of the tiles `first..end` of a row; the numbers are below 1024.
fn tile_rect(first: usize, end: usize, row: usize, width: u16, height: u16) -> Rect {
    let (x, y) = (first as u16 * TILE, row as u16 * TILE);
    let right = (end * usize::from(TILE)).min(width.into()) as u16;
    Rect {
        x,
        y,
        width: right - x,
        height: TILE.min(height - y),
    }
}
