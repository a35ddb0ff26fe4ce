//! What a rectangle consists of, whether it comes as it is or out of a compressed stream.

use super::canvas::Canvas;
use super::hextile::Hextile;
use super::rre::Rre;
use super::tight::{Gradient, Indexed};
use super::tiles::Tiles;
use crate::Rect;
use crate::pixel::PixelReader;
use crate::reader::{Reader, Stop};

/// A rectangle's content, with how much of it is painted.
#[derive(Debug)]
pub(super) enum Content {
    /// All of it is.
    Painted,
    /// Pixels, row by row.
    Pixels(Pixels),
    /// A background and rectangles.
    Rre(Rre),
    /// Hextile's tiles.
    Hextile(Hextile),
    /// Those of TRLE and ZRLE.
    Tiles(Box<Tiles>),
    /// Tight's indices of a palette.
    Indexed(Box<Indexed>),
    /// Tight's differences from what was foreseen.
    Gradient(Gradient),
}

impl Content {
    /// Either takes bytes, or asks for more and has changed nothing.
    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        match self {
            Self::Painted => Ok(()),
            Self::Pixels(pixels) => pixels.step(reader, canvas),
            Self::Rre(rre) => rre.step(reader, canvas),
            Self::Hextile(hextile) => hextile.step(reader, canvas),
            Self::Tiles(tiles) => tiles.step(reader, canvas),
            Self::Indexed(indexed) => indexed.step(reader, canvas),
            Self::Gradient(gradient) => gradient.step(reader, canvas),
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        match self {
            Self::Painted => true,
            Self::Pixels(pixels) => pixels.rows.is_complete(),
            Self::Rre(rre) => rre.is_complete(),
            Self::Hextile(hextile) => hextile.is_complete(),
            Self::Tiles(tiles) => tiles.is_complete(),
            Self::Indexed(indexed) => indexed.rows.is_complete(),
            Self::Gradient(gradient) => gradient.rows.is_complete(),
        }
    }
}

/// How many rows of a rectangle are painted.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) rect: Rect,
    /// `done <= rect.height`
    done: u16,
}

impl Rows {
    pub(super) fn new(rect: Rect) -> Self {
        Self { rect, done: 0 }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.done == self.rect.height || self.rect.width == 0
    }

    /// Where on the screen the next one is.
    pub(super) fn y(&self) -> u16 {
        self.rect.y.saturating_add(self.done)
    }

    pub(super) fn advance(&mut self) {
        debug_assert!(self.done < self.rect.height);
        self.done += 1;
    }
}

/// Pixels, row by row.
#[derive(Debug)]
pub(super) struct Pixels {
    rows: Rows,
    /// Pixels of the next row that are painted; below the width.
    column: u16,
    reader: PixelReader,
}

impl Pixels {
    pub(super) fn new(rect: Rect, reader: PixelReader) -> Self {
        Self {
            rows: Rows::new(rect),
            column: 0,
            reader,
        }
    }

    fn step(&mut self, reader: &mut Reader<'_>, canvas: &mut Canvas) -> Result<(), Stop> {
        let rect = self.rows.rect;
        let mut painted = false;
        while !self.rows.is_complete() {
            let wanted = rect.width - self.column;
            let there = reader.rest().len() / self.reader.len;
            let count = u16::try_from(there).unwrap_or(u16::MAX).min(wanted);
            if count == 0 {
                break;
            }
            let bytes = reader.take(usize::from(count) * self.reader.len)?;
            let x = rect.x.saturating_add(self.column);
            let out = canvas.screen.row_mut(x, self.rows.y(), count);
            self.reader.read_run(bytes, &canvas.colours, out);
            self.column += count;
            if self.column == rect.width {
                self.column = 0;
                self.rows.advance();
            }
            painted = true;
        }
        if painted { Ok(()) } else { Err(Stop::More) }
    }
}
