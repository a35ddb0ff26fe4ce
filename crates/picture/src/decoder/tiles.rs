//! TRLE and ZRLE (RFC 6143 §7.7.5 and §7.7.6): tiles with palettes and runs.

use super::canvas::Canvas;
use super::walk::Walk;
use crate::pixel::PixelReader;
use crate::reader::{Reader, Stop};
use crate::{Error, Pixel, Rect};

const TRLE_TILE: u16 = 16;
const ZRLE_TILE: u16 = 64;

/// The tiles still to come.
#[derive(Debug)]
pub(super) struct Tiles {
    walk: Walk,
    side: u16,
    /// The last tile's, which TRLE may use again.
    palette: Vec<Pixel>,
    /// A tile's pixels, kept so that not every tile makes room for them.
    pixels: Vec<Pixel>,
}

impl Tiles {
    pub(super) fn trle(rect: Rect) -> Self {
        Self::new(rect, TRLE_TILE)
    }

    pub(super) fn zrle(rect: Rect) -> Self {
        Self::new(rect, ZRLE_TILE)
    }

    fn new(rect: Rect, side: u16) -> Self {
        Self {
            walk: Walk::new(rect, side),
            side,
            palette: Vec::new(),
            pixels: Vec::new(),
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
        self.tile(tile, reader, canvas)?;
        self.walk.advance();
        Ok(())
    }

    fn tile(
        &mut self,
        tile: Rect,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        let form = reader.u8()?;
        let source = &canvas.readers.compact;
        let colours = &canvas.colours;
        let one = |reader: &mut Reader<'_>| -> Result<Pixel, Stop> {
            Ok(source.read(reader.take(source.len)?, colours))
        };
        if form == 1 {
            let pixel = one(reader)?;
            canvas.screen.fill(tile, pixel);
            return Ok(());
        }
        let is_reused = matches!(form, 127 | 129) && self.side == TRLE_TILE;
        let palette = match form {
            0 | 128 => Vec::new(),
            127 | 129 if is_reused => self.palette.clone(),
            2..=16 => read_palette(form.into(), source, colours, reader)?,
            130..=255 => read_palette(usize::from(form) - 128, source, colours, reader)?,
            _ => {
                return Err(Error::NoSuch {
                    encoding: if self.side == TRLE_TILE {
                        "TRLE"
                    } else {
                        "ZRLE"
                    },
                    what: "tile",
                    value: form.into(),
                }
                .into());
            }
        };
        self.pixels.clear();
        match form {
            0 => {
                let bytes = reader.take(tile.area() * source.len)?;
                self.pixels.resize(tile.area(), [0; 4]);
                source.read_run(bytes, colours, &mut self.pixels);
            }
            2..=127 => packed(tile, &palette, reader, &mut self.pixels)?,
            128 => runs(tile.area(), reader, &mut self.pixels, |reader| {
                Ok((one(reader)?, true))
            })?,
            _ => runs(tile.area(), reader, &mut self.pixels, |reader| {
                let index = reader.u8()?;
                let pixel = palette.get(usize::from(index & 127)).copied();
                Ok((pixel.unwrap_or(BLACK), index & 128 != 0))
            })?,
        }
        canvas.screen.blit(tile, &self.pixels);
        if !palette.is_empty() {
            self.palette = palette;
        }
        Ok(())
    }
}

fn read_palette(
    len: usize,
    source: &PixelReader,
    colours: &[Pixel],
    reader: &mut Reader<'_>,
) -> Result<Vec<Pixel>, Stop> {
    let bytes = reader.take(len * source.len)?;
    let mut palette = vec![[0; 4]; len];
    source.read_run(bytes, colours, &mut palette);
    Ok(palette)
}

/// Indices of 1, 2 or 4 bits, each row from a byte's beginning.
fn packed(
    tile: Rect,
    palette: &[Pixel],
    reader: &mut Reader<'_>,
    out: &mut Vec<Pixel>,
) -> Result<(), Stop> {
    let bits = match palette.len() {
        0..=2 => 1,
        3..=4 => 2,
        _ => 4,
    };
    let width = usize::from(tile.width);
    let row_len = (width * bits).div_ceil(8);
    let bytes = reader.take(row_len * usize::from(tile.height))?;
    let mask = (1u8 << bits) - 1;
    for row in bytes.chunks_exact(row_len) {
        let indices = row
            .iter()
            .flat_map(|byte| (0..8 / bits).map(move |at| byte >> (8 - bits * (at + 1)) & mask));
        let pixels = indices.take(width);
        out.extend(pixels.map(|index| palette.get(usize::from(index)).copied().unwrap_or(BLACK)));
    }
    Ok(())
}

/// Runs of pixels that together are exactly a tile. `next` reads a pixel, and whether a length
/// follows it.
fn runs(
    area: usize,
    reader: &mut Reader<'_>,
    out: &mut Vec<Pixel>,
    mut next: impl FnMut(&mut Reader<'_>) -> Result<(Pixel, bool), Stop>,
) -> Result<(), Stop> {
    while out.len() < area {
        let (pixel, has_length) = next(reader)?;
        let left = area - out.len();
        let len = if has_length {
            run_len(left, reader)?
        } else {
            1
        };
        out.resize(out.len() + len, pixel);
    }
    Ok(())
}

/// One more than the sum of bytes up to the first that is not 255.
fn run_len(max: usize, reader: &mut Reader<'_>) -> Result<usize, Stop> {
    let mut len = 1;
    loop {
        let more = reader.u8()?;
        len += usize::from(more);
        if len > max {
            return Err(Error::Overrun("a run of TRLE or ZRLE").into());
        }
        if more < 255 {
            return Ok(len);
        }
    }
}

const BLACK: Pixel = [0, 0, 0, 255];
