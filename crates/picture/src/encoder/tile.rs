//! One tile of ZRLE (RFC 6143 §7.7.6) in the form that is likely the shortest.

use crate::{Framebuffer, Pixel, Rect};

/// Most colours whose indices have four bits.
const PACKED_MAX: usize = 16;

/// A tile's colours in the order of their first appearance, as far as they are few.
struct Palette {
    colours: [Pixel; PACKED_MAX],
    len: usize,
    /// Runs of equal pixels in the tile.
    runs: usize,
    /// There are more colours than places.
    is_full: bool,
}

/// Appends a tile of at most 64 by 64 pixels of the screen.
pub(super) fn encode(screen: &Framebuffer, tile: Rect, out: &mut Vec<u8>) {
    let rows = || (tile.y..tile.y + tile.height).map(|y| screen.row(tile.x, y, tile.width));
    let palette = Palette::of(rows());
    // A run costs a colour and a length, a pixel a colour; both are compressed afterwards.
    let is_of_runs = palette.runs * 4 < tile.area();
    match palette.len {
        1 if !palette.is_full => {
            out.push(1);
            push(&palette.colours[..1], out);
        }
        len @ 2.. if !palette.is_full => {
            out.push(len as u8);
            push(&palette.colours[..len], out);
            rows().for_each(|row| pack(row, &palette, out));
        }
        _ if is_of_runs => {
            out.push(128);
            runs(rows().flatten(), out);
        }
        _ => {
            out.push(0);
            rows().for_each(|row| push(row, out));
        }
    }
}

impl Palette {
    fn of<'a>(rows: impl Iterator<Item = &'a [Pixel]>) -> Self {
        let mut palette = Self {
            colours: [[0; 4]; PACKED_MAX],
            len: 0,
            runs: 0,
            is_full: false,
        };
        let mut last = None;
        for pixel in rows.flatten() {
            if last != Some(pixel) {
                palette.runs += 1;
                palette.add(*pixel);
                last = Some(pixel);
            }
        }
        palette
    }

    fn add(&mut self, pixel: Pixel) {
        if self.is_full || self.colours[..self.len].contains(&pixel) {
            return;
        }
        match self.colours.get_mut(self.len) {
            Some(place) => {
                *place = pixel;
                self.len += 1;
            }
            None => self.is_full = true,
        }
    }

    fn index(&self, pixel: Pixel) -> u8 {
        let place = self.colours.iter().position(|colour| *colour == pixel);
        place.unwrap_or_default() as u8
    }
}

/// Three bytes for each pixel.
fn push(pixels: &[Pixel], out: &mut Vec<u8>) {
    out.extend(pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]));
}

/// Indices of a row, from a byte's beginning.
fn pack(row: &[Pixel], palette: &Palette, out: &mut Vec<u8>) {
    let bits = match palette.len {
        0..=2 => 1,
        3..=4 => 2,
        _ => 4,
    };
    let mut known = ([0; 4], 0);
    for pixels in row.chunks(8 / bits) {
        let mut byte = 0;
        for (at, pixel) in pixels.iter().enumerate() {
            if known.0 != *pixel {
                known = (*pixel, palette.index(*pixel));
            }
            byte |= known.1 << (8 - bits * (at + 1));
        }
        out.push(byte);
    }
}

/// Colours with the lengths of their runs.
fn runs<'a>(pixels: impl Iterator<Item = &'a Pixel>, out: &mut Vec<u8>) {
    let mut pixels = pixels.peekable();
    while let Some(pixel) = pixels.next() {
        let mut more = 0;
        while pixels.next_if_eq(&pixel).is_some() {
            more += 1;
        }
        push(&[*pixel], out);
        out.extend(std::iter::repeat_n(255, more / 255));
        out.push((more % 255) as u8);
    }
}
