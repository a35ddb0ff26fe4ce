//! Tight and TightPNG: one colour, JPEG, PNG, or pixels behind a filter.

use super::canvas::Canvas;
use super::content::{Content, Pixels, Rows};
use super::inflate::{Deflated, Inflaters, StreamId};
use super::rect::Body;
use crate::pixel::PixelReader;
use crate::reader::{Reader, Stop};
use crate::{Error, Pixel, Rect, jpeg, png};

/// Data shorter than this is not compressed, and its length is not told.
const COMPRESSED_LEN_MIN: usize = 12;

/// Most bytes of one picture; its length has no more than 22 bits.
pub(super) const IMAGE_LEN_MAX: usize = (1 << 22) - 1;

/// A rectangle of which nothing is read yet.
#[derive(Debug)]
pub(super) struct Tight {
    rect: Rect,
    has_png: bool,
}

impl Tight {
    pub(super) fn new(rect: Rect) -> Self {
        Self {
            rect,
            has_png: false,
        }
    }

    pub(super) fn with_png(rect: Rect) -> Self {
        Self {
            rect,
            has_png: true,
        }
    }

    /// Reads how the rectangle is sent, up to where its content begins.
    pub(super) fn choose(
        &self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
        inflaters: &mut Inflaters,
    ) -> Result<Body, Stop> {
        let control = reader.u8()?;
        let body = match control >> 4 {
            8 => {
                let pixels = &canvas.readers.tight;
                let pixel = pixels.read(reader.take(pixels.len)?, &canvas.colours);
                canvas.screen.fill(self.rect, pixel);
                Body::Plain(Content::Painted)
            }
            9 => {
                let pixels = jpeg::decode(read_image(reader)?, self.rect)?;
                canvas.screen.blit(self.rect, &pixels);
                Body::Plain(Content::Painted)
            }
            10 if self.has_png => {
                let pixels = png::decode(read_image(reader)?, self.rect)?;
                canvas.screen.blit(self.rect, &pixels);
                Body::Plain(Content::Painted)
            }
            basic @ 0..=7 => {
                let (content, len) = self.filter(basic & 4 != 0, reader, canvas)?;
                deflated(basic & 3, content, len, reader)?
            }
            // libvncserver's way at compression 0.
            form @ (10 | 14) => {
                let (content, len) = self.filter(form & 4 != 0, reader, canvas)?;
                as_it_is(content, len, reader)?
            }
            form => return Err(no_such("form", form)),
        };
        // Only now is it sure that this is not tried again.
        for number in (0..4).filter(|number| control >> number & 1 != 0) {
            inflaters.reset_tight(number);
        }
        Ok(body)
    }

    /// The filter, and how long the pixels behind it are.
    fn filter(
        &self,
        is_told: bool,
        reader: &mut Reader<'_>,
        canvas: &Canvas,
    ) -> Result<(Content, usize), Stop> {
        let filter = if is_told { reader.u8()? } else { 0 };
        let pixels = canvas.readers.tight.clone();
        let rect = self.rect;
        Ok(match filter {
            0 => {
                let len = rect.area() * pixels.len;
                (Content::Pixels(Pixels::new(rect, pixels)), len)
            }
            1 => {
                let indexed = Indexed::begin(rect, &pixels, canvas, reader)?;
                let len = indexed.row_len() * usize::from(rect.height);
                (Content::Indexed(Box::new(indexed)), len)
            }
            2 if !pixels.is_mapped() => {
                let len = rect.area() * pixels.len;
                (Content::Gradient(Gradient::new(rect, pixels)), len)
            }
            filter => return Err(no_such("filter", filter)),
        })
    }
}

/// Data of one of the four streams.
fn deflated(
    stream: u8,
    content: Content,
    len: usize,
    reader: &mut Reader<'_>,
) -> Result<Body, Stop> {
    if len < COMPRESSED_LEN_MIN {
        return Ok(Body::Plain(content));
    }
    let stream = StreamId::Tight(stream);
    let len = read_len(reader)?;
    Ok(Body::Deflated(Deflated::new(stream, len, content)))
}

/// Data that is not compressed although it is long; its length is told all the same.
fn as_it_is(content: Content, len: usize, reader: &mut Reader<'_>) -> Result<Body, Stop> {
    if len >= COMPRESSED_LEN_MIN {
        let told = read_len(reader)?;
        if usize::try_from(told) != Ok(len) {
            return Err(no_such("length", told));
        }
    }
    Ok(Body::Plain(content))
}

fn no_such(what: &'static str, value: impl Into<u32>) -> Stop {
    let error = Error::NoSuch {
        encoding: "Tight",
        what,
        value: value.into(),
    };
    error.into()
}

/// A length of one to three bytes, seven bits in each but the last.
fn read_len(reader: &mut Reader<'_>) -> Result<u32, Stop> {
    let first = reader.u8()?;
    let mut len = u32::from(first & 127);
    if first & 128 != 0 {
        let second = reader.u8()?;
        len |= u32::from(second & 127) << 7;
        if second & 128 != 0 {
            len |= u32::from(reader.u8()?) << 14;
        }
    }
    Ok(len)
}

fn read_image<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Stop> {
    let len = read_len(reader)? as usize;
    debug_assert!(len <= IMAGE_LEN_MAX);
    reader.take(len)
}

/// Indices of a palette: of one bit for two colours, otherwise bytes.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) rows: Rows,
    palette: Vec<Pixel>,
}

impl Indexed {
    fn begin(
        rect: Rect,
        pixels: &PixelReader,
        canvas: &Canvas,
        reader: &mut Reader<'_>,
    ) -> Result<Self, Stop> {
        let count = usize::from(reader.u8()?) + 1;
        let bytes = reader.take(count * pixels.len)?;
        let mut palette = vec![[0, 0, 0, 255]; count];
        pixels.read_run(bytes, &canvas.colours, &mut palette);
        let rows = Rows::new(rect);
        Ok(Self { rows, palette })
    }

    fn row_len(&self) -> usize {
        let width = usize::from(self.rows.rect.width);
        match self.palette.len() {
            0..=2 => width.div_ceil(8),
            _ => width,
        }
    }

    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        let rect = self.rows.rect;
        let bytes = reader.take(self.row_len())?;
        let out = canvas.screen.row_mut(rect.x, self.rows.y(), rect.width);
        let colour = |index: u8| self.palette.get(usize::from(index)).copied();
        if self.palette.len() <= 2 {
            let bits = bytes
                .iter()
                .flat_map(|byte| (0..8).map(move |at| byte >> (7 - at) & 1));
            for (out, bit) in out.iter_mut().zip(bits) {
                *out = colour(bit).unwrap_or(*out);
            }
        } else {
            for (out, index) in out.iter_mut().zip(bytes) {
                *out = colour(*index).unwrap_or(*out);
            }
        }
        self.rows.advance();
        Ok(())
    }
}

/// Differences from what the pixels above and to the left let foresee.
#[derive(Debug)]
pub(super) struct Gradient {
    pub(super) rows: Rows,
    pixels: PixelReader,
    /// The row above, as components; one more at its left for what is outside.
    above: Vec<[u16; 3]>,
}

impl Gradient {
    fn new(rect: Rect, pixels: PixelReader) -> Self {
        Self {
            rows: Rows::new(rect),
            pixels,
            above: vec![[0; 3]; usize::from(rect.width) + 1],
        }
    }

    pub(super) fn step(
        &mut self,
        reader: &mut Reader<'_>,
        canvas: &mut Canvas,
    ) -> Result<(), Stop> {
        let rect = self.rows.rect;
        let bytes = reader.take(usize::from(rect.width) * self.pixels.len)?;
        let out = canvas.screen.row_mut(rect.x, self.rows.y(), rect.width);
        let mut left = [0; 3];
        let mut corner = [0; 3];
        let above = self.above.iter_mut().skip(1);
        let pixels = bytes.chunks_exact(self.pixels.len);
        for ((out, above), bytes) in out.iter_mut().zip(above).zip(pixels) {
            let sent = self.pixels.components(bytes);
            let mut components = [0; 3];
            for (at, component) in components.iter_mut().enumerate() {
                let max = self.pixels.max[at];
                let foreseen = i32::from(above[at]) + i32::from(left[at]) - i32::from(corner[at]);
                let foreseen = foreseen.clamp(0, max.into()) as u16;
                *component = foreseen.wrapping_add(sent[at]) & max;
            }
            corner = *above;
            left = components;
            *above = components;
            *out = self.pixels.colour(components);
        }
        self.rows.advance();
        Ok(())
    }
}
