//! Where windows are put on a desktop of a given size.

use super::taskbar;
use super::window::TITLE;
use crate::apps::AppId;
use crate::geom::Rect;

/// The order of the windows at the start, from the bottom to the top.
pub(super) const fn stacking() -> [AppId; 6] {
    [
        AppId::Monitor,
        AppId::Clock,
        AppId::Harbour,
        AppId::Clipboard,
        AppId::Sketch,
        AppId::Notepad,
    ]
}

/// The part of the desktop that is for windows.
pub(super) const fn work_area(bounds: Rect) -> Rect {
    Rect::new(0, 0, bounds.w, bounds.h - taskbar::HEIGHT)
}

/// The place of a window that the user did not move.
pub(super) fn place(id: AppId, bounds: Rect) -> Rect {
    let area = work_area(bounds);
    let below = if has_header(bounds) { HEADER } else { MARGIN };
    let room = Rect::new(0, below, area.w, area.h - below);
    if room.w >= 900 && room.h >= 500 {
        in_three_columns(id, room)
    } else if room.w >= 600 && room.h >= 720 {
        in_two_columns(id, room)
    } else {
        in_cascade(id, area)
    }
}

/// Whether there is room for the name above the windows.
pub(super) const fn has_header(bounds: Rect) -> bool {
    bounds.w >= 740 && bounds.h >= 680
}

/// Puts back within reach a window that would lie outside.
pub(super) fn bring_back(frame: Rect, bounds: Rect) -> Rect {
    let area = work_area(bounds);
    let x = frame
        .x
        .clamp(REACH - frame.w, (area.w - REACH).max(REACH - frame.w));
    let y = frame.y.clamp(0, (area.h - TITLE).max(0));
    Rect::new(x, y, frame.w, frame.h)
}

/// Three columns of two windows.
fn in_three_columns(id: AppId, room: Rect) -> Rect {
    let w = (room.w - 2 * MARGIN - 2 * GAP).min(WIDEST);
    let h = (room.h - MARGIN).min(HIGHEST);
    let left = (room.w - w - 2 * GAP) / 2;
    let top = room.y + (room.h - MARGIN - h) / 2;
    let (first, second) = (w * 33 / 100, w * 40 / 100);
    let second_x = left + first + GAP;
    let third_x = second_x + second + GAP;
    let column = |x, w| Rect::new(x, top, w, h);
    let (column, split) = match id {
        AppId::Notepad | AppId::Clipboard => (column(left, first), 57),
        AppId::Sketch | AppId::Harbour => (column(second_x, second), 56),
        AppId::Clock | AppId::Monitor => (column(third_x, w - first - second), 52),
    };
    let upper = (h - GAP) * split / 100;
    match id {
        AppId::Notepad | AppId::Sketch | AppId::Clock => Rect { h: upper, ..column },
        _ => Rect {
            y: top + upper + GAP,
            h: h - GAP - upper,
            ..column
        },
    }
}

/// Two columns of three windows, on a desktop that is higher than wide.
fn in_two_columns(id: AppId, room: Rect) -> Rect {
    let w = (room.w - 2 * MARGIN - GAP).min(WIDEST) / 2;
    let h = ((room.h - MARGIN).min(HIGHEST * 3 / 2) - 2 * GAP) / 3;
    let left = (room.w - 2 * w - GAP) / 2;
    let (column, row) = match id {
        AppId::Notepad => (0, 0),
        AppId::Sketch => (1, 0),
        AppId::Clipboard => (0, 1),
        AppId::Harbour => (1, 1),
        AppId::Monitor => (0, 2),
        AppId::Clock => (1, 2),
    };
    Rect::new(left + column * (w + GAP), room.y + row * (h + GAP), w, h)
}

/// On a small desktop: each window as large as it can be, offset so that all titles show.
fn in_cascade(id: AppId, area: Rect) -> Rect {
    let nth = stacking()
        .iter()
        .position(|other| *other == id)
        .unwrap_or(0) as i32;
    let w = (area.w * 7 / 10).clamp(220, 420).min(area.w);
    let h = (area.h * 7 / 10).clamp(150, 340).min(area.h);
    let (room_x, room_y) = ((area.w - w).max(0), (area.h - h).max(0));
    Rect::new(room_x * nth / 5, room_y * nth / 5, w, h)
}

const MARGIN: i32 = 24;
const GAP: i32 = 18;
/// What is kept free for the name on the wallpaper.
const HEADER: i32 = 88;
/// Columns grow no wider or higher than this, so that a large desktop keeps its air.
const WIDEST: i32 = 1500;
const HIGHEST: i32 = 900;
/// How much of a window stays on the desktop.
const REACH: i32 = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_window_lies_on_the_desktop_whatever_its_size() {
        for (w, h) in [
            (320, 200),
            (640, 480),
            (1000, 700),
            (1280, 800),
            (1920, 1080),
            (3840, 2160),
        ] {
            let area = work_area(Rect::new(0, 0, w, h));
            for id in AppId::ALL {
                let frame = place(id, Rect::new(0, 0, w, h));
                assert!(area.encloses(frame), "{id:?} at {frame:?} on {w}x{h}");
                assert!(
                    frame.w >= 200 && frame.h >= 100,
                    "{id:?} at {frame:?} on {w}x{h}"
                );
            }
        }
    }

    #[test]
    fn columns_do_not_overlap() {
        for (w, h) in [(900, 600), (1280, 800), (768, 1024), (2560, 1440)] {
            let bounds = Rect::new(0, 0, w, h);
            for (nth, id) in AppId::ALL.into_iter().enumerate() {
                for other in &AppId::ALL[nth + 1..] {
                    let apart = !place(id, bounds).overlaps(place(*other, bounds));
                    assert!(apart, "{id:?} {other:?} on {w}x{h}");
                }
            }
        }
    }

    #[test]
    fn a_window_outside_comes_back_within_reach() {
        let bounds = Rect::new(0, 0, 320, 200);
        let frame = bring_back(Rect::new(3000, 2000, 500, 400), bounds);
        assert!(frame.overlaps(work_area(bounds)));
    }
}
