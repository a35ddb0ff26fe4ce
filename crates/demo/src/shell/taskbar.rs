//! The task bar: a button for each window, the viewers, the size and the time.

use super::window::Window;
use crate::apps::{AppId, Apps, Now};
use crate::geom::{Point, Rect};
use crate::paint::{Colour, Painter, Weight};
use crate::theme;

/// What the bar shows beside the windows.
pub(super) struct Status {
    pub(super) viewers: usize,
    pub(super) size: (i32, i32),
    pub(super) now: Now,
    pub(super) focus: Option<AppId>,
}

/// Where the bar is.
pub(super) const fn area(bounds: Rect) -> Rect {
    Rect::new(0, bounds.h - HEIGHT, bounds.w, HEIGHT)
}

/// The button at `at`.
pub(super) fn button_at(bounds: Rect, at: Point) -> Option<AppId> {
    (0..)
        .zip(AppId::ALL)
        .find(|(nth, _)| button(bounds, *nth).contains(at))
        .map(|(_, id)| id)
}

/// Paints the bar.
pub(super) fn paint(
    painter: &mut Painter<'_>,
    bounds: Rect,
    apps: &Apps,
    windows: &[Window],
    status: &Status,
) {
    let bar = area(bounds);
    if !painter.clip().overlaps(bar) {
        return;
    }
    painter.fill(bar, BAR);
    painter.fill(Rect::new(bar.x, bar.y, bar.w, 1), theme::WHITE.alpha(26));
    theme::logo(painter, Rect::new(12, bar.y + 8, 28, 28));
    for (nth, id) in (0..).zip(AppId::ALL) {
        let shown = windows.iter().any(|window| window.id == id && window.shown);
        let place = button(bounds, nth);
        let app = apps.app(id);
        if shown {
            let strength = if status.focus == Some(id) { 48 } else { 18 };
            painter.rounded(place, 7, theme::WHITE.alpha(strength));
        }
        let accent = if shown {
            app.accent().mix(theme::WHITE, 0.25)
        } else {
            theme::INK_SOFT
        };
        painter.disc(place.x as f32 + 15.0, place.centre().y as f32, 4.5, accent);
        let ink = if shown {
            theme::WHITE
        } else {
            theme::INK_FAINT
        };
        let at = Point::new(place.x + 27, place.centre().y + 5);
        let title = app.title().split(',').next().unwrap_or_default();
        let room = (place.w - 32) as f32;
        if room > 30.0 {
            let title = painter.fonts().fit(title, 13.0, Weight::Regular, room);
            painter.text(at, &title, 13.0, Weight::Regular, ink);
        }
    }
    paint_status(painter, bar, status);
}

/// The facts at the right end, as many as there is room for.
fn paint_status(painter: &mut Painter<'_>, bar: Rect, status: &Status) {
    let seconds = status.now.local.as_secs();
    let time = format!("{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60);
    let plural = if status.viewers == 1 { "" } else { "s" };
    let baseline = bar.centre().y + 5;
    let mut right = bar.right() - 16;
    let facts = [
        (time, Weight::Bold, theme::WHITE),
        (
            format!("{} × {}", status.size.0, status.size.1),
            Weight::Regular,
            theme::INK_FAINT,
        ),
        (
            format!("{} viewer{plural}", status.viewers),
            Weight::Regular,
            theme::WHITE,
        ),
    ];
    for (nth, (fact, weight, ink)) in facts.into_iter().enumerate() {
        let width = painter.fonts().width(&fact, 13.0, weight) as i32;
        right -= width;
        if right < BUTTONS_FROM + 6 * button_width(bar) + 12 {
            return;
        }
        painter.text(Point::new(right, baseline), &fact, 13.0, weight, ink);
        if nth == 2 {
            let green = Colour::rgb(0x34_d399);
            painter.disc(right as f32 - 12.0, bar.centre().y as f32, 4.0, green);
        }
        right -= 20;
    }
}

fn button(bounds: Rect, nth: i32) -> Rect {
    let bar = area(bounds);
    let width = button_width(bar);
    Rect::new(
        BUTTONS_FROM + nth * width,
        bar.y + 7,
        width - 6,
        HEIGHT - 14,
    )
}

fn button_width(bar: Rect) -> i32 {
    ((bar.w - BUTTONS_FROM - STATUS) / 6).clamp(36, 122)
}

/// The height of the bar.
pub(super) const HEIGHT: i32 = 44;
const BUTTONS_FROM: i32 = 54;
/// Room for the facts at the right end.
const STATUS: i32 = 260;
const BAR: Colour = Colour::rgb(0x0b_1324);
