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
    if area.w >= COLUMNS_FROM.0 && area.h >= COLUMNS_FROM.1 {
        in_columns(id, area)
    } else {
        in_cascade(id, area)
    }
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

/// Three columns of two windows below the name on the wallpaper.
fn in_columns(id: AppId, area: Rect) -> Rect {
    let room_w = (area.w - 2 * MARGIN - 2 * GAP).min(WIDEST);
    let room_h = (area.h - HEADER - MARGIN).min(HIGHEST);
    let left = (area.w - room_w - 2 * GAP) / 2;
    let top = HEADER + (area.h - HEADER - MARGIN - room_h) / 2;
    let (first, second) = (room_w * 33 / 100, room_w * 40 / 100);
    let (column_x, column_w, split, lower) = match id {
        AppId::Notepad => (left, first, 57, false),
        AppId::Clipboard => (left, first, 57, true),
        AppId::Sketch => (left + first + GAP, second, 56, false),
        AppId::Harbour => (left + first + GAP, second, 56, true),
        AppId::Clock => (
            left + first + second + 2 * GAP,
            room_w - first - second,
            52,
            false,
        ),
        AppId::Monitor => (
            left + first + second + 2 * GAP,
            room_w - first - second,
            52,
            true,
        ),
    };
    let upper_h = (room_h - GAP) * split / 100;
    if lower {
        Rect::new(
            column_x,
            top + upper_h + GAP,
            column_w,
            room_h - GAP - upper_h,
        )
    } else {
        Rect::new(column_x, top, column_w, upper_h)
    }
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

const COLUMNS_FROM: (i32, i32) = (1000, 600);
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
        let bounds = Rect::new(0, 0, 1280, 800);
        for (nth, id) in AppId::ALL.into_iter().enumerate() {
            for other in &AppId::ALL[nth + 1..] {
                assert!(
                    !place(id, bounds).overlaps(place(*other, bounds)),
                    "{id:?} {other:?}"
                );
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
