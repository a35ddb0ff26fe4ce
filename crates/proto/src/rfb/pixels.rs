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

    /// The one spelling of a viewer's format that every server reads in the same way. QEMU takes
    /// whatever has no true colours for 8 bits, a maximum of 0 for 255, and does not look at the
    /// depth where it packs `TPIXEL`s.
    pub(super) fn spell(format: &mut [u8; 16]) -> Result<(), Violation> {
        let [bits, depth, big_endian, true_colour, maxima @ ..] = format;
        *big_endian = u8::from(*big_endian != 0);
        *true_colour = u8::from(*true_colour != 0);
        if *true_colour == 0 {
            return match bits {
                8 => Ok(()),
                _ => Err(Violation::AmbiguousPixelFormat),
            };
        }
        let [r0, r1, g0, g1, b0, b1, ..] = *maxima;
        let maxima = [[r0, r1], [g0, g1], [b0, b1]].map(u16::from_be_bytes);
        if maxima.contains(&0) {
            return Err(Violation::AmbiguousPixelFormat);
        }
        if *bits == 32 && maxima == [255; 3] {
            *depth = 24;
        }
        Ok(())
    }

    /// Every server reads this format in the same way.
    pub(super) fn are_spelled(format: &[u8; 16]) -> bool {
        let mut spelled = *format;
        Self::spell(&mut spelled).is_ok() && spelled == *format
    }

    /// Bytes of `count` pixels.
    pub(super) fn of_count(self, count: u64) -> u64 {
        count * u64::from(self.bytes)
    }
}
