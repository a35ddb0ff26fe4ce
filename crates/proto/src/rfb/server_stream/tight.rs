//! Tight rectangles (the registry's "Tight Encoding"), part by part.

use super::rect::Rect;
use super::{ServerStream, State, Step};
use crate::rfb::Violation;

/// Shorter data is sent as it is, without a length.
const COMPRESSED_MIN: u64 = 12;

/// A byte that names the filter precedes the data.
const HAS_FILTER: u8 = 0x4;

/// Which of the two encodings a rectangle has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Tight: the data is compressed pixels.
    Zlib,
    /// TightPNG: the data is a picture.
    Png,
}

/// What is awaited of a rectangle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tight {
    /// The byte that says how it is compressed.
    Control { rect: Rect, dialect: Dialect },
    /// The byte that names the filter.
    Filter { rect: Rect },
    /// The number of colours.
    Palette { rect: Rect },
    /// Filtered data of so many bytes, before compression.
    Data { len: u64 },
    /// A length in its compact form, and so many bytes.
    Length,
}

impl Tight {
    pub(super) fn begin(rect: Rect, dialect: Dialect) -> Self {
        Self::Control { rect, dialect }
    }
}

impl ServerStream {
    pub(super) fn tight(&mut self, input: &[u8], part: Tight) -> Step {
        match (part, input) {
            (
                Tight::Data {
                    len: len @ 0..COMPRESSED_MIN,
                },
                _,
            ) => Ok(self.go(0, len, State::Rect)),
            (Tight::Data { .. }, _) => Ok(self.go(0, 0, State::Tight(Tight::Length))),
            (_, []) => Ok(None),
            (Tight::Control { rect, dialect }, [control, ..]) => {
                self.control(*control, rect, dialect)
            }
            (Tight::Filter { rect }, [filter, ..]) => self.filter(*filter, rect),
            (Tight::Palette { rect }, [last, ..]) => {
                let pixel = u64::from(self.pixel_format()?.tight_bytes);
                let colours = u64::from(*last) + 1;
                let len = if colours <= 2 {
                    rect.bitmap_len()
                } else {
                    rect.pixels()
                };
                Ok(self.go(1, colours * pixel, State::Tight(Tight::Data { len })))
            }
            (Tight::Length, _) => {
                Ok(compact(input).and_then(|(used, len)| self.go(used, len, State::Rect)))
            }
        }
    }

    fn control(&mut self, control: u8, rect: Rect, dialect: Dialect) -> Step {
        let pixel = self.pixel_format()?.tight_bytes;
        let state = match (control >> 4, dialect) {
            (0x8, _) => return Ok(self.go(1, pixel.into(), State::Rect)),
            // A JPEG.
            (0x9, _) => State::Tight(Tight::Length),
            (0xa, Dialect::Png) => State::Tight(Tight::Length),
            // Basic, and basic without compression: some servers send that unasked.
            (kind @ (0x0..=0x7 | 0xa | 0xe), Dialect::Zlib) if kind & HAS_FILTER != 0 => {
                State::Tight(Tight::Filter { rect })
            }
            (0x0..=0x7 | 0xa, Dialect::Zlib) => State::Tight(self.pixels_of(rect)?),
            _ => return Err(Violation::UnknownTight(control)),
        };
        Ok(self.go(1, 0, state))
    }

    fn filter(&mut self, filter: u8, rect: Rect) -> Step {
        let part = match filter {
            // Copied, or as a gradient.
            0 | 2 => self.pixels_of(rect)?,
            1 => Tight::Palette { rect },
            unknown => return Err(Violation::UnknownFilter(unknown)),
        };
        Ok(self.go(1, 0, State::Tight(part)))
    }

    fn pixels_of(&self, rect: Rect) -> Result<Tight, Violation> {
        let len = rect.pixels() * u64::from(self.pixel_format()?.tight_bytes);
        Ok(Tight::Data { len })
    }
}

/// A length of one to three bytes, seven bits in each but the last: how many they are, and it.
fn compact(input: &[u8]) -> Option<(usize, u64)> {
    match input {
        [a, ..] if a & 0x80 == 0 => Some((1, u64::from(*a))),
        [a, b, ..] if b & 0x80 == 0 => Some((2, u64::from(a & 0x7f) | u64::from(*b) << 7)),
        [a, b, c, ..] => {
            let low = u64::from(a & 0x7f) | u64::from(b & 0x7f) << 7;
            Some((3, low | u64::from(*c) << 14))
        }
        _ => None,
    }
}
