//! A picture told as an RFB server would: a stream that begins with everything and needs nothing
//! that came before, for replays that begin in the middle of a recording.
//!
//! Only what every viewer understands is used: ZRLE with one stream of its own, the old cursor or
//! VMware's where there is opacity, and the size. ZRLE because its palettes are short for what
//! screens mostly show, and because it is one stream and loses nothing.

#[cfg(test)]
mod tests;
mod tile;

use flate2::{Compress, Compression, FlushCompress};

use crate::decoder::encodings;
use crate::dirty::TILE;
use crate::{Cursor, Decoder, Framebuffer, PixelFormat, Rect};

/// Most pixels of one rectangle, so that a viewer need not hold much at once.
const RECT_PIXELS_MAX: usize = 256 << 10;

/// Most rectangles of one message, whose number has 16 bits.
const PARTS_MAX: usize = 60_000;

/// How hard the stream is compressed: fast, since a replay may run at many times the speed.
const LEVEL: u32 = 2;

/// Tells pictures. Each update goes on where the last one ended.
#[derive(Debug)]
pub struct Encoder {
    stream: Compress,
    /// The size that was told last.
    size: Option<(u16, u16)>,
    cursor: Option<Cursor>,
    /// A rectangle before it is compressed.
    plain: Vec<u8>,
}

impl Default for Encoder {
    fn default() -> Self {
        Self::new()
    }
}

impl Encoder {
    /// The pixel format of everything that is told; `ServerInit` must say so.
    pub const FORMAT: PixelFormat = PixelFormat::RGBX;

    /// One that has told nothing.
    pub fn new() -> Self {
        Self {
            stream: Compress::new(Compression::new(LEVEL), true),
            size: None,
            cursor: None,
            plain: Vec::new(),
        }
    }

    /// Appends one message to `out` that makes a viewer's picture the decoder's: at first all of
    /// it, then what has changed since. Appends nothing if nothing has. Takes the decoder's
    /// changes ([`Decoder::take_dirty`]).
    pub fn update(&mut self, decoder: &mut Decoder, out: &mut Vec<u8>) {
        let changed = decoder.take_dirty();
        let screen = decoder.screen();
        let size = (screen.width(), screen.height());
        let is_resized = self.size != Some(size);
        let cursor = decoder
            .cursor()
            .filter(|cursor| self.cursor.as_ref() != Some(cursor));
        let parts = match is_resized {
            true => whole(screen),
            false => changed,
        };
        let mut parts: Vec<Rect> = parts.into_iter().flat_map(pieces).collect();
        if parts.len() > PARTS_MAX {
            parts = whole(screen).into_iter().flat_map(pieces).collect();
        }
        let count = parts.len() + usize::from(is_resized) + usize::from(cursor.is_some());
        if count == 0 {
            return;
        }
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(count as u16).to_be_bytes());
        if is_resized {
            let all = Rect {
                x: 0,
                y: 0,
                width: size.0,
                height: size.1,
            };
            head(all, encodings::DESKTOP_SIZE, out);
            self.size = Some(size);
        }
        if let Some(cursor) = cursor {
            tell_cursor(cursor, out);
            self.cursor = Some(cursor.clone());
        }
        for part in parts {
            self.tell(screen, part, out);
        }
    }

    fn tell(&mut self, screen: &Framebuffer, part: Rect, out: &mut Vec<u8>) {
        self.plain.clear();
        for y in (0..part.height).step_by(TILE.into()) {
            for x in (0..part.width).step_by(TILE.into()) {
                tile::encode(screen, part.part(x, y, TILE, TILE), &mut self.plain);
            }
        }
        head(part, encodings::ZRLE, out);
        let len_at = out.len();
        out.extend_from_slice(&[0; 4]);
        self.compress(out);
        let len = (out.len() - len_at - 4) as u32;
        if let Some(place) = out.get_mut(len_at..len_at + 4) {
            place.copy_from_slice(&len.to_be_bytes());
        }
    }

    /// Appends the rectangle to the stream, flushed.
    fn compress(&mut self, out: &mut Vec<u8>) {
        let end = self.stream.total_in() + self.plain.len() as u64;
        loop {
            out.reserve(self.plain.len() / 2 + 1024);
            let left = (end - self.stream.total_in()) as usize;
            let input = self
                .plain
                .get(self.plain.len() - left..)
                .unwrap_or_default();
            let done = self.stream.compress_vec(input, out, FlushCompress::Sync);
            // Room is left only when everything was put out.
            if done.is_err() || (self.stream.total_in() == end && out.len() < out.capacity()) {
                debug_assert!(done.is_ok(), "{done:?}");
                return;
            }
        }
    }
}

/// All of a screen; nothing if it has no pixels.
fn whole(screen: &Framebuffer) -> Vec<Rect> {
    let all = Rect {
        x: 0,
        y: 0,
        width: screen.width(),
        height: screen.height(),
    };
    if all.is_empty() {
        Vec::new()
    } else {
        vec![all]
    }
}

/// A rectangle in rows of tiles, each piece of a bounded size.
fn pieces(rect: Rect) -> impl Iterator<Item = Rect> {
    let rows = RECT_PIXELS_MAX / usize::from(rect.width.max(1)) / usize::from(TILE);
    let height = u16::try_from(rows.max(1)).unwrap_or(1).saturating_mul(TILE);
    (0..rect.height)
        .step_by(height.into())
        .map(move |y| rect.part(0, y, rect.width, height))
}

fn head(rect: Rect, encoding: i32, out: &mut Vec<u8>) {
    for number in [rect.x, rect.y, rect.width, rect.height] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&encoding.to_be_bytes());
}

/// With a mask where each pixel is shown or not, otherwise as VMware's.
fn tell_cursor(cursor: &Cursor, out: &mut Vec<u8>) {
    let rect = Rect {
        x: cursor.hotspot.0,
        y: cursor.hotspot.1,
        width: cursor.width,
        height: cursor.height,
    };
    let is_masked = cursor.pixels.iter().all(|pixel| match pixel[3] {
        0 => *pixel == [0; 4],
        opacity => opacity == 255,
    });
    if !is_masked {
        head(rect, encodings::VMWARE_CURSOR, out);
        out.extend_from_slice(&[1, 0]);
        out.extend_from_slice(cursor.pixels.as_flattened());
        return;
    }
    head(rect, encodings::CURSOR, out);
    let pixels = cursor.pixels.iter();
    out.extend(pixels.flat_map(|[r, g, b, _]| [*r, *g, *b, 0]));
    for row in cursor.pixels.chunks(usize::from(cursor.width).max(1)) {
        for bits in row.chunks(8) {
            let bits = bits.iter().enumerate();
            out.push(bits.fold(0, |byte, (at, pixel)| byte | (pixel[3] & 128) >> at));
        }
    }
}
