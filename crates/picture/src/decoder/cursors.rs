//! The forms in which servers send the pointer's picture.

use super::Decoder;
use super::encodings::RAW;
use crate::cursor::PIXELS_MAX;
use crate::reader::{Reader, Stop};
use crate::{Cursor, Error, Pixel, Rect};

const TRANSPARENT: Pixel = [0; 4];

impl Decoder {
    /// Pixels, and a mask of those that are shown.
    pub(super) fn handle_cursor(
        &mut self,
        rect: Rect,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        let area = area(rect)?;
        let source = &self.canvas.readers.plain;
        let bytes = reader.take(area * source.len)?;
        let mask = reader.take(mask_len(rect))?;
        let mut pixels = vec![TRANSPARENT; area];
        source.read_run(bytes, &self.canvas.colours, &mut pixels);
        for (pixel, is_shown) in pixels.iter_mut().zip(bits(mask, rect)) {
            if !is_shown {
                *pixel = TRANSPARENT;
            }
        }
        self.set_cursor(rect, pixels);
        Ok(())
    }

    /// Two colours, which pixels are of the first, and which are shown.
    pub(super) fn handle_x_cursor(
        &mut self,
        rect: Rect,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        if area(rect)? == 0 {
            self.set_cursor(rect, Vec::new());
            return Ok(());
        }
        let [r, g, b, r2, g2, b2] = reader.array()?;
        let (first, second) = ([r, g, b, 255], [r2, g2, b2, 255]);
        let is_first = reader.take(mask_len(rect))?;
        let mask = reader.take(mask_len(rect))?;
        let pixels = bits(is_first, rect).zip(bits(mask, rect));
        let pixels = pixels.map(|pixel| match pixel {
            (_, false) => TRANSPARENT,
            (true, true) => first,
            (false, true) => second,
        });
        self.set_cursor(rect, pixels.collect());
        Ok(())
    }

    /// Red, green, blue and opacity, multiplied by the latter.
    pub(super) fn handle_cursor_with_alpha(
        &mut self,
        rect: Rect,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        let area = area(rect)?;
        let encoding = reader.u32()? as i32;
        if encoding != RAW {
            return Err(Error::UnknownEncoding(encoding).into());
        }
        let bytes = reader.take(area * 4)?;
        let pixels = bytes.as_chunks::<4>().0.iter().map(|[r, g, b, alpha]| {
            let plain = |value: u8| match alpha {
                0 => 0,
                alpha => (u32::from(value) * 255 / u32::from(*alpha)).min(255) as u8,
            };
            [plain(*r), plain(*g), plain(*b), *alpha]
        });
        self.set_cursor(rect, pixels.collect());
        Ok(())
    }

    /// VMware's two kinds: masks of what to keep and what to invert, or pixels with opacity.
    pub(super) fn handle_vmware_cursor(
        &mut self,
        rect: Rect,
        reader: &mut Reader<'_>,
    ) -> Result<(), Stop> {
        let area = area(rect)?;
        let [kind, _] = reader.array()?;
        let pixels = match kind {
            0 => {
                let source = &self.canvas.readers.plain;
                let len = area * source.len;
                let (keep, invert) = (reader.take(len)?, reader.take(len)?);
                let is_zero = |pixel: &[u8]| pixel.iter().all(|byte| *byte == 0);
                let pairs = keep
                    .chunks_exact(source.len)
                    .zip(invert.chunks_exact(source.len));
                pairs
                    .map(|(keep, invert)| match (is_zero(keep), is_zero(invert)) {
                        (true, _) => source.read(invert, &self.canvas.colours),
                        (false, true) => TRANSPARENT,
                        // What inverts the screen cannot be shown apart from it.
                        (false, false) => [0, 0, 0, 255],
                    })
                    .collect()
            }
            1 => reader.take(area * 4)?.as_chunks::<4>().0.to_vec(),
            kind => {
                return Err(Error::NoSuch {
                    encoding: "VMware's cursor",
                    what: "kind",
                    value: kind.into(),
                }
                .into());
            }
        };
        self.set_cursor(rect, pixels);
        Ok(())
    }

    /// A cursor's rectangle has its hotspot for a place.
    fn set_cursor(&mut self, rect: Rect, pixels: Vec<Pixel>) {
        debug_assert_eq!(pixels.len(), rect.area());
        self.cursor = Some(Cursor {
            width: rect.width,
            height: rect.height,
            hotspot: (rect.x, rect.y),
            pixels,
        });
    }
}

fn area(rect: Rect) -> Result<usize, Error> {
    match rect.area() {
        area @ 0..=PIXELS_MAX => Ok(area),
        _ => Err(Error::CursorTooLarge(rect.width, rect.height)),
    }
}

/// Rows of bits, each from a byte's beginning.
fn mask_len(rect: Rect) -> usize {
    usize::from(rect.width).div_ceil(8) * usize::from(rect.height)
}

fn bits(mask: &[u8], rect: Rect) -> impl Iterator<Item = bool> {
    let width = usize::from(rect.width);
    let rows = mask.chunks_exact(width.div_ceil(8).max(1));
    rows.flat_map(move |row| {
        let bits = row
            .iter()
            .flat_map(|byte| (0..8).map(move |at| byte << at & 128 != 0));
        bits.take(width)
    })
}
