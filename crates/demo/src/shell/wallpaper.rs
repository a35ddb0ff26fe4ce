//! The wallpaper: an evening gradient, rings around a far door, and the name.

use super::layout;
use crate::geom::{Point, Rect};
use crate::paint::{Colour, Painter, Weight};
use crate::theme;

/// Paints the wallpaper of a desktop of this size.
pub(super) fn paint(painter: &mut Painter<'_>, bounds: Rect) {
    let half = bounds.h / 2;
    painter.gradient(Rect::new(0, 0, bounds.w, half), TOP, BASE);
    painter.gradient(Rect::new(0, half, bounds.w, bounds.h - half), BASE, BOTTOM);
    let centre = (bounds.w as f32 * 0.78, bounds.h as f32 * 1.02);
    for ring in 1..7 {
        let radius = bounds.h as f32 * 0.17 * ring as f32;
        painter.disc(centre.0, centre.1, radius, theme::WHITE.alpha(7));
    }
    paint_name(painter, bounds);
}

fn paint_name(painter: &mut Painter<'_>, bounds: Rect) {
    if !layout::has_header(bounds) {
        return;
    }
    theme::logo(painter, Rect::new(26, 20, 48, 48));
    let pen = painter.text(
        Point::new(88, 54),
        "Portway",
        30.0,
        Weight::Bold,
        theme::WHITE,
    );
    let x = pen as i32 + 22;
    painter.fill(Rect::new(x, 28, 1, 34), theme::WHITE.alpha(60));
    let lines = [
        (
            "This is a remote desktop, in your browser.",
            40,
            Weight::Bold,
            255,
        ),
        (
            "Type, draw, drag the windows, resize the page, copy and paste.",
            60,
            Weight::Regular,
            190,
        ),
    ];
    for (line, y, weight, alpha) in lines {
        painter.text(
            Point::new(x + 22, y),
            line,
            14.0,
            weight,
            theme::WHITE.alpha(alpha),
        );
    }
}

/// The colour in the middle.
pub(super) const BASE: Colour = Colour::rgb(0x17_3b63);
const TOP: Colour = Colour::rgb(0x10_1a3d);
const BOTTOM: Colour = Colour::rgb(0x1a_7f86);
