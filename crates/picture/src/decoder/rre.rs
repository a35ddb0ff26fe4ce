//! RRE and CoRRE (RFC 6143 §7.7.3): a background, and rectangles on it.

use super::canvas::Canvas;
use crate::reader::{Reader, Stop};
use crate::{Error, Rect};

/// The rectangles still to come.
#[derive(Debug)]
pub(super) struct Rre {
    rect: Rect,
    /// Places and sizes are bytes.
    is_compact: bool,
    left: u32,
}

impl Rre {
    /// Reads the head and paints the background.
    pub(super) fn begin(
        rect: Rect,
        is_compact: bool,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<Self, Stop> {
        let left = reader.u32()?;
        // More of them than pixels paint something twice: no server does that, but a few bytes
        // of each would paint the whole rectangle.
        if u64::from(left) > rect.area() as u64 {
            return Err(Error::NoSuch {
                encoding: "RRE",
                what: "number of subrectangles",
                value: left,
            }
            .into());
        }
        let pixels = &canvas.readers.plain;
        let background = pixels.read(reader.take(pixels.len)?, &canvas.colours);
        canvas.screen.fill(rect, background);
        Ok(Self {
            rect,
            is_compact,
            left,
        })
    }

    pub(super) fn is_complete(&self) -> bool {
        self.left == 0
    }

    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        let pixels = &canvas.readers.plain;
        let pixel = pixels.read(reader.take(pixels.len)?, &canvas.colours);
        let [x, y, width, height] = if self.is_compact {
            reader.array::<4>()?.map(u16::from)
        } else {
            [reader.u16()?, reader.u16()?, reader.u16()?, reader.u16()?]
        };
        let part = Rect {
            x,
            y,
            width,
            height,
        };
        if !self.rect.holds(&part) {
            return Err(Error::Overrun("RRE").into());
        }
        canvas
            .screen
            .fill(self.rect.part(x, y, width, height), pixel);
        self.left -= 1;
        Ok(())
    }
}
