//! Colours, measures and the few widgets that the windows share.

use crate::geom::{Point, Rect};
use crate::paint::{Colour, Painter, Weight};

pub(crate) const INK: Colour = Colour::rgb(0x0f_172a);
pub(crate) const INK_SOFT: Colour = Colour::rgb(0x47_5569);
pub(crate) const INK_FAINT: Colour = Colour::rgb(0x94_a3b8);
pub(crate) const PAPER: Colour = Colour::rgb(0xff_ffff);
pub(crate) const PAPER_DIM: Colour = Colour::rgb(0xf1_f5f9);
pub(crate) const LINE: Colour = Colour::rgb(0xdb_e3ec);
pub(crate) const TEAL: Colour = Colour::rgb(0x0d_9488);
pub(crate) const BLUE: Colour = Colour::rgb(0x25_63eb);
pub(crate) const AMBER: Colour = Colour::rgb(0xf5_9e0b);
pub(crate) const ROSE: Colour = Colour::rgb(0xe1_1d48);
pub(crate) const VIOLET: Colour = Colour::rgb(0x7c_3aed);
pub(crate) const CYAN: Colour = Colour::rgb(0x08_91b2);
pub(crate) const WHITE: Colour = Colour::rgb(0xff_ffff);
pub(crate) const BLACK: Colour = Colour::rgb(0);

/// The size of ordinary text.
pub(crate) const TEXT: f32 = 14.0;
/// The size of captions.
pub(crate) const SMALL: f32 = 12.0;

/// How a button looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ButtonStyle {
    /// The action that a window is about.
    Primary,
    /// Any other.
    Plain,
}

/// Draws a button with its label in the middle.
pub(crate) fn button(painter: &mut Painter<'_>, area: Rect, label: &str, style: ButtonStyle) {
    let ink = match style {
        ButtonStyle::Primary => {
            painter.rounded(area, 7, TEAL);
            WHITE
        }
        ButtonStyle::Plain => {
            painter.rounded(area, 7, PAPER);
            painter.outline(area, 7, LINE);
            INK
        }
    };
    let middle = Point::new(area.centre().x, area.centre().y + 5);
    painter.text_centred(middle, label, 13.0, Weight::Bold, ink);
}

/// Draws the sign of Portway, a doorway with light behind it.
pub(crate) fn logo(painter: &mut Painter<'_>, area: Rect) {
    let unit = area.w as f32 / 32.0;
    let at = |x: f32, y: f32| (area.x as f32 + x * unit, area.y as f32 + y * unit);
    painter.rounded(area, (8.0 * unit) as i32, TEAL);
    let door = |painter: &mut Painter<'_>, margin: f32, colour: Colour| {
        let radius = (8.0 - margin) * unit;
        let (cx, cy) = at(16.0, 15.0);
        painter.disc(cx, cy, radius, colour);
        let (left, right) = (at(8.0 + margin, 0.0).0, at(24.0 - margin, 0.0).0);
        let (top, bottom) = (cy, at(0.0, 26.0).1);
        let corners = [(left, top), (right, top), (right, bottom), (left, bottom)];
        painter.polygon(&corners, colour);
    };
    door(painter, 0.0, WHITE);
    door(painter, 2.6, TEAL.mix(BLACK, 0.25));
    let path = [
        at(14.4, 17.0),
        at(17.6, 17.0),
        at(21.4, 26.0),
        at(10.6, 26.0),
    ];
    painter.polygon(&path, Colour::rgb(0xfd_e68a));
}
