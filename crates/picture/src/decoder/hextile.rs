//! Hextile (RFC 6143 §7.7.4): tiles of 16 by 16, raw or rectangles on a background.

use super::canvas::Canvas;
use super::walk::Walk;
use crate::reader::{Reader, Stop};
use crate::{Error, Pixel, Rect};

const TILE: u16 = 16;

mod flag {
    pub(super) const RAW: u8 = 1;
    pub(super) const BACKGROUND: u8 = 2;
    pub(super) const FOREGROUND: u8 = 4;
    pub(super) const RECTANGLES: u8 = 8;
    pub(super) const COLOURED: u8 = 16;
}

/// The tiles still to come.
#[derive(Debug)]
pub(super) struct Hextile {
    walk: Walk,
    background: Pixel,
    foreground: Pixel,
}

impl Hextile {
    pub(super) fn new(rect: Rect) -> Self {
        Self {
            walk: Walk::new(rect, TILE),
            background: [0, 0, 0, 255],
            foreground: [0, 0, 0, 255],
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.walk.is_over()
    }

    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        let tile = self.walk.tile();
        let flags = reader.u8()?;
        if flags & flag::RAW != 0 {
            raw(tile, reader, canvas)?;
        } else {
            self.rectangles(tile, flags, reader, canvas)?;
        }
        self.walk.advance();
        Ok(())
    }

    fn rectangles(
        &mut self,
        tile: Rect,
        flags: u8,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        let pixels = &canvas.readers.plain;
        let (mut background, mut foreground) = (self.background, self.foreground);
        if flags & flag::BACKGROUND != 0 {
            background = pixels.read(reader.take(pixels.len)?, &canvas.colours);
        }
        if flags & flag::FOREGROUND != 0 {
            foreground = pixels.read(reader.take(pixels.len)?, &canvas.colours);
        }
        let count = match flags & flag::RECTANGLES {
            0 => 0,
            _ => usize::from(reader.u8()?),
        };
        let colour_len = match flags & flag::COLOURED {
            0 => 0,
            _ => pixels.len,
        };
        // All of it is there before anything is painted.
        let parts = reader.take(count * (colour_len + 2))?;
        canvas.screen.fill(tile, background);
        for part in parts.chunks_exact(colour_len + 2) {
            let (colour, place) = part.split_at(colour_len);
            if colour_len > 0 {
                foreground = pixels.read(colour, &canvas.colours);
            }
            let part = nibbles(place);
            if !tile.holds(&part) {
                return Err(Error::Overrun("Hextile").into());
            }
            let part = tile.part(part.x, part.y, part.width, part.height);
            canvas.screen.fill(part, foreground);
        }
        (self.background, self.foreground) = (background, foreground);
        Ok(())
    }
}

fn raw(tile: Rect, reader: &mut Reader<'_>, canvas: &mut Canvas) -> Result<(), Stop> {
    let pixels = &canvas.readers.plain;
    let bytes = reader.take(tile.area() * pixels.len)?;
    let rows = bytes.chunks_exact(usize::from(tile.width) * pixels.len);
    for (y, bytes) in (tile.y..).zip(rows) {
        let out = canvas.screen.row_mut(tile.x, y, tile.width);
        pixels.read_run(bytes, &canvas.colours, out);
    }
    Ok(())
}

/// Place and size of a rectangle in two bytes.
fn nibbles(bytes: &[u8]) -> Rect {
    let [place, size] = bytes.first_chunk().copied().unwrap_or_default();
    Rect {
        x: (place >> 4).into(),
        y: (place & 15).into(),
        width: u16::from(size >> 4) + 1,
        height: u16::from(size & 15) + 1,
    }
}
