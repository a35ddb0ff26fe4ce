//! `PIXEL_FORMAT` (RFC 6143 §7.4) and reading pixels of any such format.

use crate::{Error, Pixel};

/// The structure as servers send it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PixelFormat {
    /// 8, 16 or 32.
    pub bits_per_pixel: u8,
    /// Bits that matter.
    pub depth: u8,
    /// The most significant byte comes first.
    pub big_endian: bool,
    /// Pixels are colours; otherwise they are indices of a table.
    pub true_colour: bool,
    /// The largest red, green and blue.
    pub max: [u16; 3],
    /// How far red, green and blue are shifted; less than 32.
    pub shift: [u8; 3],
}

impl PixelFormat {
    /// What viewers commonly ask for: four bytes, red, green, blue, nothing.
    pub const RGBX: Self = Self {
        bits_per_pixel: 32,
        depth: 24,
        big_endian: false,
        true_colour: true,
        max: [255; 3],
        shift: [0, 8, 16],
    };

    /// Reads and checks the structure.
    pub fn parse(bytes: &[u8; 16]) -> Result<Self, Error> {
        let [
            bits_per_pixel,
            depth,
            big_endian,
            true_colour,
            max @ ..,
            r,
            g,
            b,
            _,
            _,
            _,
        ] = *bytes;
        let [r0, r1, g0, g1, b0, b1] = max;
        let format = Self {
            bits_per_pixel,
            depth,
            big_endian: big_endian != 0,
            true_colour: true_colour != 0,
            max: [[r0, r1], [g0, g1], [b0, b1]].map(u16::from_be_bytes),
            shift: [r, g, b],
        };
        format.check()?;
        Ok(format)
    }

    /// Writes the structure.
    pub fn to_bytes(&self) -> [u8; 16] {
        let [r, g, b] = self.max.map(u16::to_be_bytes);
        let [rs, gs, bs] = self.shift;
        let flags = [u8::from(self.big_endian), u8::from(self.true_colour)];
        [
            self.bits_per_pixel,
            self.depth,
            flags[0],
            flags[1],
            r[0],
            r[1],
            g[0],
            g[1],
            b[0],
            b[1],
            rs,
            gs,
            bs,
            0,
            0,
            0,
        ]
    }

    fn check(&self) -> Result<(), Error> {
        if !matches!(self.bits_per_pixel, 8 | 16 | 32) {
            return Err(Error::PixelFormat("bits per pixel are not 8, 16 or 32"));
        }
        if self.true_colour {
            if self.max.contains(&0) {
                return Err(Error::PixelFormat("a colour has no bits"));
            }
            let bits = u32::from(self.bits_per_pixel);
            if self.shift.iter().any(|shift| u32::from(*shift) >= bits) {
                return Err(Error::PixelFormat("a colour is shifted out of the pixel"));
            }
        }
        Ok(())
    }

    /// Whether Tight sends three bytes, red, green and blue, for a pixel.
    fn is_tight_rgb(&self) -> bool {
        self.true_colour && self.bits_per_pixel == 32 && self.depth == 24 && self.max == [255; 3]
    }

    /// Which three bytes hold all of a 32-bit pixel: the low ones, or the high ones (RFC 6143
    /// §7.7.5).
    fn compact(&self) -> Option<Part> {
        if !self.true_colour || self.bits_per_pixel != 32 || self.depth > 24 {
            return None;
        }
        let colours = self.max.iter().zip(self.shift);
        let used = colours.fold(0u64, |used, (max, shift)| used | u64::from(*max) << shift);
        match used {
            0..=0x00ff_ffff => Some(Part::Low),
            _ if used & 0xff == 0 && used <= 0xffff_ffff => Some(Part::High),
            _ => None,
        }
    }
}

/// Which bytes of a pixel are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Low,
    High,
}

/// The three forms in which encodings send pixels of one format.
#[derive(Debug, Clone)]
pub(crate) struct PixelReaders {
    /// As the format says.
    pub(crate) plain: PixelReader,
    /// `CPIXEL` of ZRLE and TRLE.
    pub(crate) compact: PixelReader,
    /// `TPIXEL` of Tight.
    pub(crate) tight: PixelReader,
}

impl PixelReaders {
    pub(crate) fn new(format: &PixelFormat) -> Self {
        let part = format.compact().unwrap_or(Part::Whole);
        let tight = match format.is_tight_rgb() {
            true => PixelReader {
                len: 3,
                max: [255; 3],
                layout: Layout::Bytes([0, 1, 2]),
            },
            false => PixelReader::new(format, Part::Whole),
        };
        Self {
            plain: PixelReader::new(format, Part::Whole),
            compact: PixelReader::new(format, part),
            tight,
        }
    }
}

/// Reads pixels of one form.
#[derive(Debug, Clone)]
pub(crate) struct PixelReader {
    /// Bytes of a pixel, 1 to 4.
    pub(crate) len: usize,
    pub(crate) max: [u16; 3],
    layout: Layout,
}

#[derive(Debug, Clone)]
enum Layout {
    /// Each colour is a byte, at these places, each below `len`.
    Bytes([usize; 3]),
    /// Numbers to be shifted.
    Shifted {
        big_endian: bool,
        /// What the bytes sent are shifted by within the pixel.
        lift: u8,
        shift: [u8; 3],
    },
    /// Indices.
    Mapped { big_endian: bool },
}

impl PixelReader {
    fn new(format: &PixelFormat, part: Part) -> Self {
        let whole = usize::from(format.bits_per_pixel / 8);
        let len = if part == Part::Whole { whole } else { 3 };
        let lift = if part == Part::High { 8 } else { 0 };
        let big_endian = format.big_endian;
        let is_bytes = format.max == [255; 3] && format.shift.iter().all(|shift| shift % 8 == 0);
        let layout = if !format.true_colour {
            Layout::Mapped { big_endian }
        } else if is_bytes && whole == 4 {
            Layout::Bytes(format.shift.map(|shift| {
                let place = usize::from((shift - lift) / 8);
                if big_endian { len - 1 - place } else { place }
            }))
        } else {
            let shift = format.shift;
            Layout::Shifted {
                big_endian,
                lift,
                shift,
            }
        };
        Self {
            len,
            max: format.max,
            layout,
        }
    }

    /// One pixel; `bytes` are `len` long. Missing ones count as zero.
    pub(crate) fn read(&self, bytes: &[u8], colours: &[Pixel]) -> Pixel {
        let mut pixel = [[0, 0, 0, 255]];
        self.read_run(bytes, colours, &mut pixel);
        pixel[0]
    }

    /// As many pixels as `out` takes.
    pub(crate) fn read_run(&self, bytes: &[u8], colours: &[Pixel], out: &mut [Pixel]) {
        match self.layout {
            Layout::Bytes(places) if self.len == 4 => read_bytes::<4>(bytes, places, out),
            Layout::Bytes(places) => read_bytes::<3>(bytes, places, out),
            Layout::Shifted { .. } => {
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(self.len)) {
                    *out = self.colour(self.components(bytes));
                }
            }
            Layout::Mapped { big_endian } => {
                for (out, bytes) in out.iter_mut().zip(bytes.chunks_exact(self.len)) {
                    let index = number(bytes, big_endian) as usize;
                    *out = colours.get(index).copied().unwrap_or([0, 0, 0, 255]);
                }
            }
        }
    }

    /// Red, green and blue as the format has them.
    pub(crate) fn components(&self, bytes: &[u8]) -> [u16; 3] {
        match self.layout {
            Layout::Bytes(places) => {
                places.map(|place| bytes.get(place).copied().unwrap_or_default().into())
            }
            Layout::Shifted {
                big_endian,
                lift,
                shift: [r, g, b],
            } => {
                let number = number(bytes, big_endian) << lift;
                let [rm, gm, bm] = self.max;
                [(r, rm), (g, gm), (b, bm)].map(|(shift, max)| (number >> shift) as u16 & max)
            }
            Layout::Mapped { .. } => [0; 3],
        }
    }

    /// A colour of components.
    pub(crate) fn colour(&self, components: [u16; 3]) -> Pixel {
        let [r, g, b] = components;
        let [rm, gm, bm] = self.max;
        let [r, g, b] = [(r, rm), (g, gm), (b, bm)].map(|(value, max)| {
            let (value, max) = (u32::from(value), u32::from(max.max(1)));
            ((value * 255 + max / 2) / max).min(255) as u8
        });
        [r, g, b, 255]
    }

    /// Whether the pixels are indices of a table.
    pub(crate) fn is_mapped(&self) -> bool {
        matches!(self.layout, Layout::Mapped { .. })
    }
}

fn read_bytes<const LEN: usize>(bytes: &[u8], [r, g, b]: [usize; 3], out: &mut [Pixel]) {
    debug_assert!(r < LEN && g < LEN && b < LEN);
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks::<LEN>().0) {
        *out = [bytes[r], bytes[g], bytes[b], 255];
    }
}

fn number(bytes: &[u8], big_endian: bool) -> u32 {
    let add = |number: u32, byte: &u8| number << 8 | u32::from(*byte);
    if big_endian {
        bytes.iter().fold(0, add)
    } else {
        bytes.iter().rev().fold(0, add)
    }
}
