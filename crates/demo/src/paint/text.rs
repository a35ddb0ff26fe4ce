//! Text: two faces of a proportional font, rasterised once per glyph and size.

use std::collections::HashMap;

use ab_glyph::{Font, FontRef, GlyphId, PxScale, ScaleFont};

use super::{Colour, Painter};
use crate::geom::Point;

/// The two faces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Weight {
    /// For text.
    Regular,
    /// For titles.
    Bold,
}

/// The font and the glyphs that were needed so far.
pub(crate) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
    /// At most [`GLYPHS_MAX`]; emptied when full.
    glyphs: HashMap<GlyphKey, Glyph>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct GlyphKey {
    letter: char,
    weight: Weight,
    /// In quarters of a pixel.
    size: u16,
    /// Where between two pixels it starts, in quarters.
    phase: u8,
}

struct Glyph {
    left: i32,
    top: i32,
    width: i32,
    /// Rows of `width` opacities.
    coverage: Vec<u8>,
}

impl Fonts {
    /// Reads the faces that the program carries.
    pub(crate) fn new() -> Self {
        let read = |data| FontRef::try_from_slice(data).expect("invariant: the font is part of us");
        Self {
            regular: read(REGULAR),
            bold: read(BOLD),
            glyphs: HashMap::new(),
        }
    }

    /// How wide `text` is.
    pub(crate) fn width(&self, text: &str, size: f32, weight: Weight) -> f32 {
        text.chars()
            .map(|letter| self.advance(letter, size, weight))
            .sum()
    }

    /// How far the pen moves over `letter`.
    pub(crate) fn advance(&self, letter: char, size: f32, weight: Weight) -> f32 {
        let font = self.face(weight).as_scaled(scale(self.face(weight), size));
        font.h_advance(glyph_id(self.face(weight), letter))
    }

    /// The longest beginning of `text` that fits `width`, with an ellipsis if cut.
    pub(crate) fn fit(&self, text: &str, size: f32, weight: Weight, width: f32) -> String {
        if self.width(text, size, weight) <= width {
            return text.to_owned();
        }
        let mut room = width - self.advance('…', size, weight);
        let cut = text.chars().take_while(|letter| {
            room -= self.advance(*letter, size, weight);
            room >= 0.0
        });
        let mut cut: String = cut.collect();
        cut.push('…');
        cut
    }

    fn face(&self, weight: Weight) -> &FontRef<'static> {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }

    fn glyph(&mut self, key: GlyphKey) -> &Glyph {
        if self.glyphs.len() >= GLYPHS_MAX && !self.glyphs.contains_key(&key) {
            self.glyphs.clear();
        }
        let face = match key.weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        };
        self.glyphs
            .entry(key)
            .or_insert_with(|| rasterise(face, key))
    }
}

impl Painter<'_> {
    /// Writes `text` with its baseline starting at `at`; returns where the pen comes to rest.
    pub(crate) fn text(
        &mut self,
        at: Point,
        text: &str,
        size: f32,
        weight: Weight,
        colour: Colour,
    ) -> f32 {
        let mut pen = at.x as f32;
        for letter in text.chars() {
            self.letter(pen, at.y, letter, (size, weight), colour);
            pen += self.fonts.advance(letter, size, weight);
        }
        pen
    }

    /// Writes `text` so that its middle is at `at`.
    pub(crate) fn text_centred(
        &mut self,
        at: Point,
        text: &str,
        size: f32,
        weight: Weight,
        colour: Colour,
    ) {
        let width = self.fonts.width(text, size, weight);
        let left = Point::new(at.x - (width / 2.0).round() as i32, at.y);
        self.text(left, text, size, weight, colour);
    }

    /// Writes digits that all take the same room, so that a running number does not jump.
    pub(crate) fn digits(
        &mut self,
        at: Point,
        text: &str,
        size: f32,
        weight: Weight,
        colour: Colour,
    ) {
        let room = self.fonts.advance('0', size, weight);
        let mut pen = at.x as f32;
        for letter in text.chars() {
            let own = self.fonts.advance(letter, size, weight);
            let taken = if letter.is_ascii_digit() { room } else { own };
            self.letter(
                pen + (taken - own) / 2.0,
                at.y,
                letter,
                (size, weight),
                colour,
            );
            pen += taken;
        }
    }

    /// The font, to measure with.
    pub(crate) fn fonts(&self) -> &Fonts {
        self.fonts
    }

    fn letter(
        &mut self,
        pen: f32,
        baseline: i32,
        letter: char,
        (size, weight): (f32, Weight),
        colour: Colour,
    ) {
        let clip = self.clip;
        let quarters = (pen * 4.0).round() as i32;
        let key = GlyphKey {
            letter,
            weight,
            size: (size * 4.0) as u16,
            phase: quarters.rem_euclid(4) as u8,
        };
        if baseline + 2 * size as i32 <= clip.y || baseline - 2 * size as i32 >= clip.bottom() {
            return;
        }
        let glyph = self.fonts.glyph(key);
        let left = quarters.div_euclid(4) + glyph.left;
        if glyph.width == 0 || left >= clip.right() || left + glyph.width <= clip.x {
            return;
        }
        let top = baseline + glyph.top;
        let rows = glyph.coverage.chunks_exact(glyph.width as usize);
        for (y, row) in (top..)
            .zip(rows)
            .filter(|(y, _)| (clip.y..clip.bottom()).contains(y))
        {
            for (x, share) in (left..).zip(row) {
                if *share > 0 && (clip.x..clip.right()).contains(&x) {
                    let alpha = u32::from(*share) * u32::from(colour.alpha) / 255;
                    let pixel = &mut self.surface.span_mut(x, y, 1)[0];
                    *pixel = super::blend(*pixel, colour.rgb, alpha);
                }
            }
        }
    }
}

fn rasterise(face: &FontRef<'static>, key: GlyphKey) -> Glyph {
    let scale = scale(face, f32::from(key.size) / 4.0);
    let at = ab_glyph::point(f32::from(key.phase) / 4.0, 0.0);
    let glyph = glyph_id(face, key.letter).with_scale_and_position(scale, at);
    let Some(outlined) = face.outline_glyph(glyph) else {
        return Glyph {
            left: 0,
            top: 0,
            width: 0,
            coverage: Vec::new(),
        };
    };
    let bounds = outlined.px_bounds();
    let (width, height) = (bounds.width() as usize, bounds.height() as usize);
    let mut coverage = vec![0; width * height];
    outlined.draw(|x, y, share| {
        if let Some(cell) = coverage.get_mut(y as usize * width + x as usize) {
            // As for shapes: few shades, few colours.
            *cell = ((share * SHADES).round() * (255.0 / SHADES)) as u8;
        }
    });
    Glyph {
        left: bounds.min.x as i32,
        top: bounds.min.y as i32,
        width: width as i32,
        coverage,
    }
}

/// The glyph of `letter`; an empty box stands for those that the font lacks.
fn glyph_id(face: &FontRef<'static>, letter: char) -> GlyphId {
    match face.glyph_id(letter) {
        GlyphId(0) => face.glyph_id('□'),
        found => found,
    }
}

/// The library's scale counts from ascent to descent; designers count the em.
fn scale(face: &FontRef<'static>, size: f32) -> PxScale {
    let em = face.units_per_em().unwrap_or(1000.0);
    PxScale::from(size * face.height_unscaled() / em)
}

/// How many shades the edge of a letter can have.
const SHADES: f32 = 15.0;
/// Enough for a screen full of several scripts, at most a few megabytes.
const GLYPHS_MAX: usize = 4096;

static REGULAR: &[u8] = include_bytes!("../../assets/Inter-Regular.otf");
static BOLD: &[u8] = include_bytes!("../../assets/Inter-SemiBold.otf");
