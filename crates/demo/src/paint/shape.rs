//! Anti-aliased shapes, drawn from their distance functions.

use super::{Colour, Painter};
use crate::geom::Rect;

impl Painter<'_> {
    /// Fills a rectangle with round corners.
    pub(crate) fn rounded(&mut self, area: Rect, radius: i32, colour: Colour) {
        let r = radius.min(area.w / 2).min(area.h / 2).max(0);
        self.fill(
            Rect::new(area.x, area.y + r, area.w, area.h - 2 * r),
            colour,
        );
        for y in [area.y, area.bottom() - r] {
            self.fill(Rect::new(area.x + r, y, area.w - 2 * r, r), colour);
            for x in [area.x, area.right() - r] {
                let corner = Rect::new(x, y, r, r);
                self.cover(corner, colour, |x, y| {
                    0.5 - box_distance(area, r as f32, x, y)
                });
            }
        }
    }

    /// Draws the one pixel wide edge of a rectangle with round corners.
    pub(crate) fn outline(&mut self, area: Rect, radius: i32, colour: Colour) {
        let r = radius as f32;
        let mut edge = |part: Rect| {
            self.cover(part, colour, |x, y| {
                1.0 - (box_distance(area, r, x, y) + 0.5).abs()
            });
        };
        let (w, h, band) = (area.w, area.h, radius.max(1));
        edge(Rect::new(area.x, area.y, w, band));
        edge(Rect::new(area.x, area.bottom() - band, w, band));
        edge(Rect::new(area.x, area.y + band, 1, h - 2 * band));
        edge(Rect::new(area.right() - 1, area.y + band, 1, h - 2 * band));
    }

    /// Covers what lies outside the round corners of a rectangle.
    pub(crate) fn corners(&mut self, area: Rect, radius: i32, colour: Colour) {
        for y in [area.y, area.bottom() - radius] {
            for x in [area.x, area.right() - radius] {
                let corner = Rect::new(x, y, radius, radius);
                self.cover(corner, colour, |x, y| {
                    0.5 + box_distance(area, radius as f32, x, y)
                });
            }
        }
    }

    /// Darkens the surroundings of a rectangle, out to `blur` pixels.
    pub(crate) fn shadow(&mut self, area: Rect, radius: i32, blur: i32, colour: Colour) {
        let around = area.inset(-blur);
        let reach = blur as f32;
        for part in around.minus(area.inset(radius)) {
            self.shade(part, colour, |x, y| {
                let fade = 1.0 - box_distance(area, radius as f32, x, y).max(0.0) / reach;
                fade.max(0.0).powi(3)
            });
        }
    }

    /// Fills a circle.
    pub(crate) fn disc(&mut self, x: f32, y: f32, radius: f32, colour: Colour) {
        let bounds = around(x - radius, y - radius, x + radius, y + radius);
        self.cover(bounds, colour, |px, py| {
            radius + 0.5 - (px - x).hypot(py - y)
        });
    }

    /// Draws a circle's line, `width` wide.
    pub(crate) fn ring(&mut self, (x, y): (f32, f32), radius: f32, width: f32, colour: Colour) {
        let out = radius + width / 2.0;
        let bounds = around(x - out, y - out, x + out, y + out);
        self.cover(bounds, colour, |px, py| {
            width / 2.0 + 0.5 - ((px - x).hypot(py - y) - radius).abs()
        });
    }

    /// Draws a line with round ends.
    pub(crate) fn line(&mut self, a: (f32, f32), b: (f32, f32), width: f32, colour: Colour) {
        let half = width / 2.0;
        let bounds = around(
            a.0.min(b.0) - half,
            a.1.min(b.1) - half,
            a.0.max(b.0) + half,
            a.1.max(b.1) + half,
        );
        self.cover(bounds, colour, |x, y| {
            half + 0.5 - segment_distance(a, b, x, y)
        });
    }

    /// Fills a convex polygon given clockwise.
    pub(crate) fn polygon(&mut self, corners: &[(f32, f32)], colour: Colour) {
        let far = (f32::MAX, f32::MAX, f32::MIN, f32::MIN);
        let (x0, y0, x1, y1) = corners.iter().fold(far, |b, p| {
            (b.0.min(p.0), b.1.min(p.1), b.2.max(p.0), b.3.max(p.1))
        });
        let edges: Vec<_> = corners
            .iter()
            .zip(corners.iter().cycle().skip(1))
            .map(|(a, b)| {
                let (dx, dy) = (b.0 - a.0, b.1 - a.1);
                let length = dx.hypot(dy).max(f32::EPSILON);
                (*a, dy / length, -dx / length)
            })
            .collect();
        self.cover(around(x0, y0, x1, y1), colour, |x, y| {
            let outside = edges
                .iter()
                .map(|(a, nx, ny)| (x - a.0) * nx + (y - a.1) * ny);
            0.5 - outside.fold(f32::MIN, f32::max)
        });
    }

    /// Fills column `x` from `top`, which may lie between two pixels, down to `bottom`.
    pub(crate) fn column(&mut self, x: i32, top: f32, bottom: i32, colour: Colour) {
        let solid = top.ceil() as i32;
        let edge = Rect::new(x, solid - 1, 1, 1);
        self.cover(edge, colour, |_, _| solid as f32 - top);
        self.fill(Rect::new(x, solid, 1, bottom - solid), colour);
    }

    /// Blends `colour` over `area`, as much as `coverage` says for each pixel's centre.
    ///
    /// Edges get one of few shades, which no eye tells from many, so that a picture keeps few
    /// colours and goes over the wire as a palette.
    fn cover(&mut self, area: Rect, colour: Colour, coverage: impl Fn(f32, f32) -> f32) {
        self.shade(area, colour, |x, y| {
            (coverage(x, y) * SHADES).round() / SHADES
        });
    }

    /// As `cover`, with all shades.
    fn shade(&mut self, area: Rect, colour: Colour, coverage: impl Fn(f32, f32) -> f32) {
        let area = area.intersect(self.clip());
        for y in area.y..area.bottom() {
            for x in area.x..area.right() {
                let share = coverage(x as f32 + 0.5, y as f32 + 0.5);
                self.dot(x, y, colour, share.clamp(0.0, 1.0));
            }
        }
    }
}

/// The pixels that a shape within these limits can touch.
fn around(x0: f32, y0: f32, x1: f32, y1: f32) -> Rect {
    let (x, y) = (x0.floor() as i32 - 1, y0.floor() as i32 - 1);
    Rect::new(x, y, x1.ceil() as i32 + 1 - x, y1.ceil() as i32 + 1 - y)
}

/// How far `x`, `y` lies outside a rectangle with round corners; negative inside.
fn box_distance(area: Rect, radius: f32, x: f32, y: f32) -> f32 {
    let half = (area.w as f32 / 2.0, area.h as f32 / 2.0);
    let dx = (x - area.x as f32 - half.0).abs() - half.0 + radius;
    let dy = (y - area.y as f32 - half.1).abs() - half.1 + radius;
    dx.max(dy).min(0.0) + dx.max(0.0).hypot(dy.max(0.0)) - radius
}

fn segment_distance(a: (f32, f32), b: (f32, f32), x: f32, y: f32) -> f32 {
    let (dx, dy) = (b.0 - a.0, b.1 - a.1);
    let along = ((x - a.0) * dx + (y - a.1) * dy) / (dx * dx + dy * dy).max(f32::EPSILON);
    let along = along.clamp(0.0, 1.0);
    (x - a.0 - along * dx).hypot(y - a.1 - along * dy)
}

/// How many shades an edge can have between nothing and full.
const SHADES: f32 = 8.0;
