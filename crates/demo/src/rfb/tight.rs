//! The Tight encoding, without its lossy part: fills, palettes and zlib.

use flate2::{Compress, Compression, FlushCompress};

use super::pixel::PixelFormat;

/// The compression streams of one viewer.
///
/// Each stream continues from rectangle to rectangle, so there is one for each kind of data.
#[derive(Default)]
pub(crate) struct TightEncoder {
    colour: Stream,
    two: Stream,
    palette: Stream,
}

/// A zlib stream that is set up when first needed.
#[derive(Default)]
struct Stream {
    zlib: Option<Compress>,
}

impl TightEncoder {
    /// Appends the body of a rectangle that is `width` pixels wide.
    pub(crate) fn encode(
        &mut self,
        pixels: &[u32],
        width: usize,
        format: PixelFormat,
        level: u32,
        out: &mut Vec<u8>,
    ) {
        match Palette::of(pixels) {
            Some(palette) if palette.colours.len() == 1 => {
                out.push(FILL);
                format.put_tight(palette.colours[0], out);
            }
            Some(palette) if palette.colours.len() == 2 => {
                out.push(STREAM_TWO | EXPLICIT_FILTER);
                palette.put(format, out);
                self.two.put(&palette.bits(pixels, width), level, out);
            }
            Some(palette) => {
                out.push(STREAM_PALETTE | EXPLICIT_FILTER);
                palette.put(format, out);
                self.palette.put(&palette.indices(pixels), level, out);
            }
            None => {
                let mut data = Vec::with_capacity(pixels.len() * format.bytes());
                for pixel in pixels {
                    format.put_tight(*pixel, &mut data);
                }
                out.push(STREAM_COLOUR);
                self.colour.put(&data, level, out);
            }
        }
    }

    /// The most pixels and the greatest width of one rectangle.
    pub(crate) const PIXELS_MAX: i32 = 64 * 1024;
    /// See [`TightEncoder::PIXELS_MAX`].
    pub(crate) const WIDTH_MAX: i32 = 2048;
}

impl Stream {
    fn put(&mut self, data: &[u8], level: u32, out: &mut Vec<u8>) {
        if data.len() < UNCOMPRESSED_BELOW {
            return out.extend_from_slice(data);
        }
        let zlib = self
            .zlib
            .get_or_insert_with(|| Compress::new(Compression::new(level), true));
        let mut packed = Vec::with_capacity(data.len() / 2 + 64);
        let start = zlib.total_in();
        loop {
            let taken = (zlib.total_in() - start) as usize;
            zlib.compress_vec(&data[taken..], &mut packed, FlushCompress::Sync)
                .expect("invariant: deflate fails only on a stream that was finished");
            let all_taken = (zlib.total_in() - start) as usize == data.len();
            // Room that is left shows that the flush has been written out whole.
            if all_taken && packed.len() < packed.capacity() {
                break;
            }
            packed.reserve(data.len() / 4 + 64);
        }
        put_compact_length(packed.len(), out);
        out.append(&mut packed);
    }
}

/// The few colours of a rectangle, in the order in which they appear.
struct Palette {
    colours: Vec<u32>,
    /// Open addressing: one more than the index in `colours`, 0 is free.
    slots: [u16; SLOTS],
}

impl Palette {
    /// The palette of `pixels`, unless they have too many colours for one to be of use.
    fn of(pixels: &[u32]) -> Option<Self> {
        let mut palette = Self {
            colours: Vec::new(),
            slots: [0; SLOTS],
        };
        let mut last = None;
        let most = COLOURS_MAX.min(pixels.len() / 4).max(2);
        for pixel in pixels {
            if last == Some(*pixel) {
                continue;
            }
            last = Some(*pixel);
            let slot = palette.slot(*pixel);
            if palette.slots[slot] == 0 {
                if palette.colours.len() == most {
                    return None;
                }
                palette.colours.push(*pixel);
                palette.slots[slot] = palette.colours.len() as u16;
            }
        }
        Some(palette)
    }

    /// Where `pixel` is, or the free slot where it belongs.
    fn slot(&self, pixel: u32) -> usize {
        let mut slot = (pixel.wrapping_mul(0x9e37_79b1) >> 22) as usize % SLOTS;
        loop {
            match self.slots[slot] {
                0 => return slot,
                index if self.colours[usize::from(index) - 1] == pixel => return slot,
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }

    fn index(&self, pixel: u32) -> u8 {
        self.slots[self.slot(pixel)].wrapping_sub(1) as u8
    }

    fn put(&self, format: PixelFormat, out: &mut Vec<u8>) {
        out.push(FILTER_PALETTE);
        out.push((self.colours.len() - 1) as u8);
        for colour in &self.colours {
            format.put_tight(*colour, out);
        }
    }

    /// One bit for each pixel; each row begins with a new byte.
    fn bits(&self, pixels: &[u32], width: usize) -> Vec<u8> {
        let second = self.colours[1];
        let pack = |group: &[u32]| {
            group
                .iter()
                .zip((0..8).rev())
                .fold(0, |byte, (pixel, bit)| {
                    byte | u8::from(*pixel == second) << bit
                })
        };
        pixels
            .chunks(width)
            .flat_map(|row| row.chunks(8).map(pack))
            .collect()
    }

    fn indices(&self, pixels: &[u32]) -> Vec<u8> {
        let (mut last, mut index) = (self.colours[0], 0);
        let find = |pixel: &u32| {
            if *pixel != last {
                (last, index) = (*pixel, self.index(*pixel));
            }
            index
        };
        pixels.iter().map(find).collect()
    }
}

/// Appends a length as Tight writes it: seven bits a byte, at most three bytes.
fn put_compact_length(length: usize, out: &mut Vec<u8>) {
    debug_assert!(
        length < 1 << 22,
        "a rectangle is limited to {} pixels",
        64 * 1024
    );
    let byte = |shift: u32| (length >> shift) as u8;
    match length {
        0..0x80 => out.push(byte(0)),
        0x80..0x4000 => out.extend([byte(0) & 0x7f | 0x80, byte(7)]),
        _ => out.extend([byte(0) & 0x7f | 0x80, byte(7) & 0x7f | 0x80, byte(14)]),
    }
}

const FILL: u8 = 0x80;
const EXPLICIT_FILTER: u8 = 0x40;
const STREAM_COLOUR: u8 = 0x00;
const STREAM_TWO: u8 = 0x10;
const STREAM_PALETTE: u8 = 0x20;
const FILTER_PALETTE: u8 = 1;
/// Shorter data is sent as it is and without its length.
const UNCOMPRESSED_BELOW: usize = 12;
const COLOURS_MAX: usize = 256;
const SLOTS: usize = 1024;
