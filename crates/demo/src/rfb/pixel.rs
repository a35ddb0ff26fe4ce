//! Pixel formats (RFC 6143 §7.4): how a viewer wants its colours packed.

use super::Error;

/// A true colour format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    /// 1, 2 or 4.
    bytes: u8,
    depth: u8,
    big_endian: bool,
    /// The largest value of red, green and blue.
    max: [u16; 3],
    /// Where red, green and blue begin; less than 32.
    shift: [u8; 3],
}

impl PixelFormat {
    /// The format that the desktop has itself.
    pub(crate) const NATIVE: Self = Self {
        bytes: 4,
        depth: 24,
        big_endian: false,
        max: [255; 3],
        shift: [16, 8, 0],
    };

    /// Reads a format that a viewer asks for.
    pub(crate) fn parse(wire: &[u8; 16]) -> Result<Self, Error> {
        let [bits, depth, big_endian, true_colour, ..] = *wire;
        if !matches!(bits, 8 | 16 | 32) {
            return Err(Error::Viewer("pixels must have 8, 16 or 32 bits"));
        }
        if true_colour == 0 {
            return Err(Error::Viewer("colour maps are not offered"));
        }
        let max = |at: usize| u16::from_be_bytes([wire[at], wire[at + 1]]);
        let shift = [wire[10], wire[11], wire[12]];
        if shift.iter().any(|shift| *shift >= bits) {
            return Err(Error::Viewer("a colour lies outside the pixel"));
        }
        let max = [max(4), max(6), max(8)];
        Ok(Self {
            bytes: bits / 8,
            depth,
            big_endian: big_endian != 0,
            max,
            shift,
        })
    }

    /// The format as it goes over the wire.
    pub(crate) fn to_wire(self) -> [u8; 16] {
        let mut wire = [0; 16];
        wire[..4].copy_from_slice(&[self.bytes * 8, self.depth, u8::from(self.big_endian), 1]);
        for (at, max) in [4, 6, 8].into_iter().zip(self.max) {
            wire[at..at + 2].copy_from_slice(&max.to_be_bytes());
        }
        wire[10..13].copy_from_slice(&self.shift);
        wire
    }

    /// How many bytes a pixel takes.
    pub(crate) const fn bytes(self) -> usize {
        self.bytes as usize
    }

    /// Appends a pixel `0x00RRGGBB`.
    pub(crate) fn put(self, pixel: u32, out: &mut Vec<u8>) {
        if self == Self::NATIVE {
            return out.extend_from_slice(&pixel.to_le_bytes());
        }
        let colours = [pixel >> 16 & 0xff, pixel >> 8 & 0xff, pixel & 0xff];
        let mut value = 0u32;
        for ((colour, max), shift) in colours.into_iter().zip(self.max).zip(self.shift) {
            value |= ((colour * u32::from(max) + 127) / 255) << shift;
        }
        let (little, big) = (value.to_le_bytes(), value.to_be_bytes());
        match (self.bytes, self.big_endian) {
            (1, _) => out.push(little[0]),
            (2, false) => out.extend_from_slice(&little[..2]),
            (2, true) => out.extend_from_slice(&big[2..]),
            (_, false) => out.extend_from_slice(&little),
            (_, true) => out.extend_from_slice(&big),
        }
    }

    /// Whether Tight packs a pixel in three bytes, which it does for the usual format.
    pub(crate) fn is_packed_in_tight(self) -> bool {
        self.bytes == 4 && self.depth == 24 && self.max == [255; 3]
    }

    /// Appends a pixel as Tight packs it.
    pub(crate) fn put_tight(self, pixel: u32, out: &mut Vec<u8>) {
        if self.is_packed_in_tight() {
            let [_, red, green, blue] = pixel.to_be_bytes();
            out.extend_from_slice(&[red, green, blue]);
        } else {
            self.put(pixel, out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(bits: u8, big_endian: u8, max: [u8; 3], shift: [u8; 3]) -> PixelFormat {
        let mut wire = [
            bits, bits, big_endian, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ];
        for (nth, (max, shift)) in max.into_iter().zip(shift).enumerate() {
            wire[5 + 2 * nth] = max;
            wire[10 + nth] = shift;
        }
        let format = PixelFormat::parse(&wire).unwrap();
        assert_eq!(format.to_wire(), wire);
        format
    }

    fn put(format: PixelFormat, pixel: u32) -> Vec<u8> {
        let mut out = Vec::new();
        format.put(pixel, &mut out);
        out
    }

    #[test]
    fn pixels_are_packed_as_asked() {
        assert_eq!(put(PixelFormat::NATIVE, 0x12_3456), [0x56, 0x34, 0x12, 0]);
        let novnc = format(32, 0, [255; 3], [0, 8, 16]);
        assert_eq!(put(novnc, 0x12_3456), [0x12, 0x34, 0x56, 0]);
        let big = format(32, 1, [255; 3], [16, 8, 0]);
        assert_eq!(put(big, 0x12_3456), [0, 0x12, 0x34, 0x56]);
        let high = format(16, 0, [31, 63, 31], [11, 5, 0]);
        assert_eq!(put(high, 0xff_0000), [0x00, 0xf8]);
        assert_eq!(
            put(format(16, 1, [31, 63, 31], [11, 5, 0]), 0xff_0000),
            [0xf8, 0x00]
        );
        assert_eq!(put(format(8, 0, [7, 7, 3], [0, 3, 6]), 0xff_ffff), [0xff]);
    }

    #[test]
    fn impossible_formats_are_refused() {
        let mut wire = PixelFormat::NATIVE.to_wire();
        wire[0] = 24;
        assert!(PixelFormat::parse(&wire).is_err());
        let mut wire = PixelFormat::NATIVE.to_wire();
        wire[3] = 0;
        assert!(PixelFormat::parse(&wire).is_err());
        let mut wire = PixelFormat::NATIVE.to_wire();
        wire[11] = 32;
        assert!(PixelFormat::parse(&wire).is_err());
    }
}
