//! The software renderer: anti-aliased shapes and text on a buffer of pixels.

mod shape;
mod text;

pub(crate) use text::{Fonts, Weight};

use crate::geom::{Point, Rect};

/// A colour with its opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour {
    /// `0x00RRGGBB`.
    rgb: u32,
    /// 255 covers what lies below.
    alpha: u8,
}

impl Colour {
    /// The opaque colour `0xRRGGBB`.
    pub(crate) const fn rgb(rgb: u32) -> Self {
        Self { rgb, alpha: 255 }
    }

    /// The same colour, this opaque.
    pub(crate) const fn alpha(self, alpha: u8) -> Self {
        Self {
            rgb: self.rgb,
            alpha,
        }
    }

    /// The opaque colour that lies `share` (0 to 1) of the way to `other`.
    pub(crate) fn mix(self, other: Colour, share: f32) -> Self {
        let share = (share.clamp(0.0, 1.0) * 255.0) as u32;
        Self {
            rgb: blend(self.rgb, other.rgb, share),
            alpha: 255,
        }
    }
}

/// A picture: rows of `0x00RRGGBB` pixels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Surface {
    width: i32,
    height: i32,
    /// `width * height` values, row by row.
    pixels: Vec<u32>,
}

impl Surface {
    /// A picture of one colour.
    pub(crate) fn new(width: i32, height: i32, colour: Colour) -> Self {
        let (width, height) = (width.max(0), height.max(0));
        Self {
            width,
            height,
            pixels: vec![colour.rgb; width as usize * height as usize],
        }
    }

    /// Where its pixels lie.
    pub(crate) const fn bounds(&self) -> Rect {
        Rect::new(0, 0, self.width, self.height)
    }

    /// The pixel at `point`, if that is inside.
    pub(crate) fn pixel(&self, point: Point) -> Option<u32> {
        self.bounds()
            .contains(point)
            .then(|| self.row(point.y)[point.x as usize])
    }

    /// The pixels of row `y`, which must be inside.
    pub(crate) fn row(&self, y: i32) -> &[u32] {
        let start = y as usize * self.width as usize;
        &self.pixels[start..start + self.width as usize]
    }

    /// The pixels `x..x + w` of row `y`, which must be inside.
    pub(crate) fn span(&self, x: i32, y: i32, w: i32) -> &[u32] {
        &self.row(y)[x as usize..(x + w) as usize]
    }

    /// As [`Surface::span`], to write to.
    pub(crate) fn span_mut(&mut self, x: i32, y: i32, w: i32) -> &mut [u32] {
        let start = y as usize * self.width as usize + x as usize;
        &mut self.pixels[start..start + w as usize]
    }

    /// Copies `area` of `from`, which lies at the same place, to here.
    pub(crate) fn copy_from(&mut self, from: &Surface, area: Rect) {
        let area = area.intersect(self.bounds()).intersect(from.bounds());
        for y in area.y..area.bottom() {
            self.span_mut(area.x, y, area.w)
                .copy_from_slice(from.span(area.x, y, area.w));
        }
    }

    /// Moves the pixels of `from` so that its corner comes to `to`; both must be inside.
    pub(crate) fn copy_within(&mut self, from: Rect, to: Point) {
        let line = |row: i32| {
            // Rows are taken in the order that never overwrites one which is still to be read.
            let row = if to.y > from.y { from.h - 1 - row } else { row };
            (from.y + row, to.y + row)
        };
        for (source, target) in (0..from.h).map(line) {
            let start = source as usize * self.width as usize + from.x as usize;
            let target = target as usize * self.width as usize + to.x as usize;
            self.pixels
                .copy_within(start..start + from.w as usize, target);
        }
    }
}

/// Draws on a surface, only inside a clip.
pub(crate) struct Painter<'a> {
    surface: &'a mut Surface,
    fonts: &'a mut Fonts,
    clip: Rect,
}

impl<'a> Painter<'a> {
    /// A painter that changes nothing outside `clip`.
    pub(crate) fn new(surface: &'a mut Surface, fonts: &'a mut Fonts, clip: Rect) -> Self {
        let clip = clip.intersect(surface.bounds());
        Self {
            surface,
            fonts,
            clip,
        }
    }

    /// What may be changed.
    pub(crate) const fn clip(&self) -> Rect {
        self.clip
    }

    /// Paints with the clip narrowed to `area`.
    pub(crate) fn within(&mut self, area: Rect, paint: impl FnOnce(&mut Painter<'_>)) {
        let clip = self.clip.intersect(area);
        if !clip.is_empty() {
            paint(&mut Painter {
                surface: self.surface,
                fonts: self.fonts,
                clip,
            });
        }
    }

    /// Paints on another surface with the same fonts.
    pub(crate) fn elsewhere(
        &mut self,
        surface: &mut Surface,
        paint: impl FnOnce(&mut Painter<'_>),
    ) {
        let clip = surface.bounds();
        paint(&mut Painter::new(surface, self.fonts, clip));
    }

    /// Fills a rectangle.
    pub(crate) fn fill(&mut self, area: Rect, colour: Colour) {
        let area = area.intersect(self.clip);
        for y in area.y..area.bottom() {
            let span = self.surface.span_mut(area.x, y, area.w);
            if colour.alpha == 255 {
                span.fill(colour.rgb);
            } else {
                for pixel in span {
                    *pixel = blend(*pixel, colour.rgb, u32::from(colour.alpha));
                }
            }
        }
    }

    /// Fills a rectangle from one colour at its top to another at its bottom.
    pub(crate) fn gradient(&mut self, area: Rect, top: Colour, bottom: Colour) {
        let rows = area.intersect(self.clip);
        for y in rows.y..rows.bottom() {
            let share = (y - area.y) as f32 / area.h.max(1) as f32;
            self.fill(Rect::new(rows.x, y, rows.w, 1), top.mix(bottom, share));
        }
    }

    /// Draws a picture with its corner at `at`.
    pub(crate) fn picture(&mut self, picture: &Surface, at: Point) {
        let area = picture.bounds().offset(at.x, at.y).intersect(self.clip);
        for y in area.y..area.bottom() {
            let from = picture.span(area.x - at.x, y - at.y, area.w);
            self.surface
                .span_mut(area.x, y, area.w)
                .copy_from_slice(from);
        }
    }

    /// Blends one pixel; `coverage` (0 to 1) is how much of it the shape holds.
    fn dot(&mut self, x: i32, y: i32, colour: Colour, coverage: f32) {
        let alpha = (coverage * f32::from(colour.alpha) + 0.5) as u32;
        if alpha > 0 {
            let pixel = &mut self.surface.span_mut(x, y, 1)[0];
            *pixel = blend(*pixel, colour.rgb, alpha.min(255));
        }
    }
}

/// `below` covered by `above` with opacity `alpha` (0 to 255).
fn blend(below: u32, above: u32, alpha: u32) -> u32 {
    // Red and blue share one multiplication: each product fits in the 16 bits that it is given.
    let keep = 255 - alpha;
    let rb = (below & 0xff_00ff) * keep + (above & 0xff_00ff) * alpha + 0x80_0080;
    let rb = ((rb + ((rb >> 8) & 0xff_00ff)) >> 8) & 0xff_00ff;
    let g = ((below >> 8) & 0xff) * keep + ((above >> 8) & 0xff) * alpha + 0x80;
    let g = ((g + (g >> 8)) >> 8) & 0xff;
    rb | g << 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blending_reaches_both_ends_exactly() {
        assert_eq!(blend(0x12_3456, 0xfe_dcba, 0), 0x12_3456);
        assert_eq!(blend(0x12_3456, 0xfe_dcba, 255), 0xfe_dcba);
        assert_eq!(blend(0, 0xff_ffff, 128), 0x80_8080);
    }

    #[test]
    fn nothing_is_painted_outside_the_clip() {
        let mut surface = Surface::new(20, 20, Colour::rgb(0));
        let mut fonts = Fonts::new();
        let clip = Rect::new(5, 5, 4, 4);
        let mut painter = Painter::new(&mut surface, &mut fonts, clip);
        let white = Colour::rgb(0xff_ffff);
        painter.fill(Rect::new(-50, -50, 200, 200), white);
        painter.disc(10.0, 10.0, 50.0, white);
        painter.line((0.0, 0.0), (20.0, 20.0), 3.0, white);
        painter.text(Point::new(0, 12), "Wide text", 14.0, Weight::Bold, white);
        let lit = surface.pixels.iter().filter(|pixel| **pixel != 0).count();
        assert_eq!(lit, 16);
    }

    #[test]
    fn moving_pixels_survives_overlap_in_each_direction() {
        for (dx, dy) in [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, -1)] {
            let mut surface = Surface::new(8, 8, Colour::rgb(0));
            for (value, pixel) in surface.pixels.iter_mut().enumerate() {
                *pixel = value as u32;
            }
            let before = surface.clone();
            surface.copy_within(Rect::new(1, 1, 6, 6), Point::new(1 + dx, 1 + dy));
            for y in 1..7 {
                assert_eq!(surface.span(1 + dx, y + dy, 6), before.span(1, y, 6));
            }
        }
    }
}
