//! The screen as pixels, and what of it has changed.

use std::fmt;

use crate::Error;
use crate::dirty::Dirty;

/// Red, green, blue, and how opaque it is: 255 everywhere on a screen.
pub type Pixel = [u8; 4];

/// A part of a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rect {
    /// From the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

impl Rect {
    /// How many pixels it has.
    pub fn area(&self) -> usize {
        usize::from(self.width) * usize::from(self.height)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The part of this one that begins at a place within it, at most so large.
    pub(crate) fn part(&self, x: u16, y: u16, width: u16, height: u16) -> Self {
        Self {
            x: self.x.saturating_add(x),
            y: self.y.saturating_add(y),
            width: width.min(self.width.saturating_sub(x)),
            height: height.min(self.height.saturating_sub(y)),
        }
    }

    /// Whether `other`, which is relative to this one, lies in it.
    pub(crate) fn holds(&self, other: &Self) -> bool {
        u32::from(other.x) + u32::from(other.width) <= u32::from(self.width)
            && u32::from(other.y) + u32::from(other.height) <= u32::from(self.height)
    }
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            x,
            y,
            width,
            height,
        } = self;
        write!(f, "{width}x{height}+{x}+{y}")
    }
}

/// A screen's pixels, row by row from the top.
#[derive(Clone, PartialEq, Eq)]
pub struct Framebuffer {
    width: u16,
    height: u16,
    /// `width * height` of them.
    pixels: Vec<Pixel>,
    dirty: Dirty,
    /// Pixels painted since the beginning: what a server's updates have cost.
    painted: u64,
}

impl fmt::Debug for Framebuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Framebuffer({}x{})", self.width, self.height)
    }
}

const BLACK: Pixel = [0, 0, 0, 255];

impl Framebuffer {
    /// A black screen.
    pub fn new(width: u16, height: u16) -> Self {
        Self {
            width,
            height,
            pixels: vec![BLACK; usize::from(width) * usize::from(height)],
            dirty: Dirty::all(width, height),
            painted: 0,
        }
    }

    /// A screen of given pixels; `None` if they are not as many as it needs.
    pub fn from_pixels(width: u16, height: u16, pixels: Vec<Pixel>) -> Option<Self> {
        let fits = pixels.len() == usize::from(width) * usize::from(height);
        fits.then(|| Self {
            width,
            height,
            pixels,
            dirty: Dirty::all(width, height),
            painted: 0,
        })
    }

    /// Pixels in a row.
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> u16 {
        self.height
    }

    /// All pixels, row by row.
    pub fn pixels(&self) -> &[Pixel] {
        &self.pixels
    }

    /// The pixels of row `y` from `x` on, `width` of them, as far as they exist.
    pub fn row(&self, x: u16, y: u16, width: u16) -> &[Pixel] {
        let start = self.offset(x, y);
        let end = start + usize::from(width.min(self.width.saturating_sub(x)));
        self.pixels.get(start..end).unwrap_or_default()
    }

    /// The pixel at a place on the screen.
    pub fn pixel(&self, x: u16, y: u16) -> Option<Pixel> {
        self.row(x, y, 1).first().copied()
    }

    /// Pixels painted since the beginning, those painted over included.
    pub fn painted(&self) -> u64 {
        self.painted
    }

    /// Whether nothing was painted since [`Self::take_dirty`].
    pub fn is_clean(&self) -> bool {
        self.dirty.is_clean()
    }

    /// Where something was painted since this was last asked, rounded up to tiles of 64 by 64.
    pub fn take_dirty(&mut self) -> Vec<Rect> {
        self.dirty.take()
    }

    /// Makes it another size; what is common to both stays.
    pub(crate) fn resize(&mut self, width: u16, height: u16) {
        if (width, height) == (self.width, self.height) {
            return;
        }
        let mut resized = Self::new(width, height);
        let common = width.min(self.width);
        for y in 0..height.min(self.height) {
            let at = resized.offset(0, y);
            let kept = self.row(0, y, common);
            if let Some(row) = resized.pixels.get_mut(at..at + kept.len()) {
                row.copy_from_slice(kept);
            }
        }
        resized.painted = self.painted + resized.pixels.len() as u64;
        *self = resized;
    }

    /// Whether a rectangle of the server's lies on the screen.
    pub(crate) fn check(&self, rect: Rect) -> Result<(), Error> {
        let screen = Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        };
        match screen.holds(&rect) {
            true => Ok(()),
            false => Err(Error::OutOfBounds(rect)),
        }
    }

    /// Notes that all of a rectangle is about to be painted.
    pub(crate) fn touch(&mut self, rect: Rect) {
        self.painted += rect.area() as u64;
        self.dirty.mark(rect);
    }

    /// A row of a rectangle, to be painted.
    pub(crate) fn row_mut(&mut self, x: u16, y: u16, width: u16) -> &mut [Pixel] {
        let start = self.offset(x, y);
        let end = start + usize::from(width.min(self.width.saturating_sub(x)));
        self.pixels.get_mut(start..end).unwrap_or_default()
    }

    /// Paints a rectangle in one colour.
    pub(crate) fn fill(&mut self, rect: Rect, pixel: Pixel) {
        for y in rect.y..rect.y.saturating_add(rect.height) {
            self.row_mut(rect.x, y, rect.width).fill(pixel);
        }
    }

    /// Paints a rectangle with as many pixels as it has.
    pub(crate) fn blit(&mut self, rect: Rect, pixels: &[Pixel]) {
        if rect.is_empty() {
            return;
        }
        let rows = pixels.chunks_exact(rect.width.into());
        for (y, pixels) in (rect.y..rect.y.saturating_add(rect.height)).zip(rows) {
            let row = self.row_mut(rect.x, y, rect.width);
            debug_assert_eq!(row.len(), pixels.len(), "{rect} was checked");
            row.copy_from_slice(pixels);
        }
    }

    /// Copies what is elsewhere on the screen; both places were checked.
    pub(crate) fn copy(&mut self, from_x: u16, from_y: u16, to: Rect) {
        let width = usize::from(to.width);
        for at in 0..to.height {
            // Rows that overlap are read before they are painted over.
            let at = if from_y < to.y {
                to.height - 1 - at
            } else {
                at
            };
            let from = self.offset(from_x, from_y + at);
            let target = self.offset(to.x, to.y + at);
            self.pixels.copy_within(from..from + width, target);
        }
    }

    fn offset(&self, x: u16, y: u16) -> usize {
        usize::from(y) * usize::from(self.width) + usize::from(x)
    }
}
