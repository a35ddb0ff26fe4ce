//! How many bytes a pixel has (RFC 6143 §7.4, and the registry's `TPIXEL`).

use super::Violation;

/// The lengths of a pixel format's pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pixels {
    /// Bytes of a `PIXEL`: 1, 2 or 4.
    pub(super) bytes: u8,
    /// Bytes of a `TPIXEL`.
    pub(super) tight_bytes: u8,
}

impl Pixels {
    /// Of a `PIXEL_FORMAT` structure.
    pub(super) fn of(format: &[u8; 16]) -> Result<Self, Violation> {
        let [bits, depth, _, true_colour, maxima @ ..] = *format;
        let bytes = match bits {
            8 | 16 | 32 => bits / 8,
            _ => return Err(Violation::BadPixelFormat(bits)),
        };
        let is_rgb888 = bits == 32
            && depth == 24
            && true_colour != 0
            && maxima.starts_with(&[0, 255, 0, 255, 0, 255]);
        Ok(Self {
            bytes,
            tight_bytes: if is_rgb888 { 3 } else { bytes },
        })
    }

    /// Bytes of `count` pixels.
    pub(super) fn of_count(self, count: u64) -> u64 {
        count * u64::from(self.bytes)
    }
}
