//! The pointer's picture, which servers send apart from the screen.

use crate::Pixel;
use crate::framebuffer::Framebuffer;

/// Most pixels of a cursor.
pub(crate) const PIXELS_MAX: usize = 512 * 512;

/// A picture of the pointer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Cursor {
    /// Pixels in a row; 0 is a pointer that is not shown.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// Which of its pixels points.
    pub hotspot: (u16, u16),
    /// Its pixels with their opacity, not multiplied by it.
    pub pixels: Vec<Pixel>,
}

impl Cursor {
    /// Draws it where the pointer is.
    pub fn draw(&self, screen: &mut Framebuffer, x: u16, y: u16) {
        let left = i32::from(x) - i32::from(self.hotspot.0);
        let top = i32::from(y) - i32::from(self.hotspot.1);
        let rows = self.pixels.chunks_exact(usize::from(self.width).max(1));
        for (row, pixels) in (top..).zip(rows) {
            for (column, pixel) in (left..).zip(pixels) {
                let place = u16::try_from(column).ok().zip(u16::try_from(row).ok());
                let Some((column, row)) = place else { continue };
                if let Some(under) = screen.row_mut(column, row, 1).first_mut() {
                    *under = over(*pixel, *under);
                }
            }
        }
    }
}

fn over([r, g, b, alpha]: Pixel, under: Pixel) -> Pixel {
    let alpha = u32::from(alpha);
    let mix = |over: u8, under: u8| {
        ((u32::from(over) * alpha + u32::from(under) * (255 - alpha) + 127) / 255) as u8
    };
    [mix(r, under[0]), mix(g, under[1]), mix(b, under[2]), 255]
}
