//! The input monitor: which keys and buttons arrive, and where the pointer is.

use std::collections::VecDeque;

use super::{App, Look};
use crate::geom::{Point, Rect};
use crate::keysym;
use crate::paint::{Colour, Painter, Weight};
use crate::theme;

/// What arrived last.
#[derive(Default)]
pub(crate) struct Monitor {
    pointer: Point,
    /// One bit for each button, as in RFB.
    buttons: u8,
    /// Notches turned so far, down is positive.
    wheel: (i32, i32),
    /// The names of the last keys, newest first, at most [`KEYS_MAX`].
    keys: VecDeque<String>,
    events_seen: u64,
}

impl Monitor {
    /// The mouse is at `at` with these buttons down.
    pub(crate) fn record_pointer(&mut self, at: Point, buttons: u8) {
        let pressed = buttons & !self.buttons;
        let bit = |bit: u8| i32::from(pressed >> bit & 1);
        self.wheel.0 += bit(6) - bit(5);
        self.wheel.1 += bit(4) - bit(3);
        self.pointer = at;
        self.buttons = buttons;
        self.events_seen += 1;
    }

    /// A key went down.
    pub(crate) fn record_key(&mut self, keysym: u32) {
        self.keys.push_front(keysym::name(keysym));
        self.keys.truncate(KEYS_MAX);
        self.events_seen += 1;
    }

    fn paint_mouse(&self, painter: &mut Painter<'_>, body: Rect) {
        let held = |mask: u8| {
            if self.buttons & mask != 0 {
                theme::TEAL
            } else {
                theme::PAPER
            }
        };
        painter.rounded(body, 24, theme::PAPER);
        let top = Rect::new(body.x, body.y, body.w / 2, 40);
        painter.within(top, |p| p.rounded(body, 24, held(1)));
        let top = Rect::new(body.x + body.w / 2, body.y, body.w / 2, 40);
        painter.within(top, |p| p.rounded(body, 24, held(4)));
        painter.outline(body, 24, theme::INK_FAINT);
        painter.fill(Rect::new(body.x, body.y + 40, body.w, 1), theme::INK_FAINT);
        painter.fill(Rect::new(body.centre().x, body.y, 1, 40), theme::INK_FAINT);
        let wheel = Rect::new(body.centre().x - 5, body.y + 12, 11, 22);
        let turning = self.buttons & 0x7a != 0;
        painter.rounded(
            wheel,
            5,
            if turning {
                theme::TEAL
            } else {
                theme::PAPER_DIM
            },
        );
        painter.outline(wheel, 5, theme::INK_FAINT);
    }

    fn paint_facts(&self, painter: &mut Painter<'_>, at: Point) {
        let wheel = match self.wheel {
            (0, down) => format!("{down}"),
            (right, down) => format!("{down}, {right} across"),
        };
        let facts = [
            ("Pointer", format!("{}, {}", self.pointer.x, self.pointer.y)),
            ("Buttons", buttons_named(self.buttons)),
            ("Wheel", wheel),
            ("Events", self.events_seen.to_string()),
        ];
        for (row, (name, value)) in (0..).zip(facts) {
            let at = Point::new(at.x, at.y + row * 22);
            painter.text(at, name, theme::SMALL, Weight::Regular, theme::INK_SOFT);
            let at = Point::new(at.x + 60, at.y);
            painter.text(at, &value, 13.0, Weight::Bold, theme::INK);
        }
    }

    fn paint_keys(&self, painter: &mut Painter<'_>, area: Rect) {
        if self.keys.is_empty() {
            let at = Point::new(area.x, area.y + 18);
            let hint = "Keys that you press appear here";
            painter.text(at, hint, 13.0, Weight::Regular, theme::INK_FAINT);
        }
        let (mut x, mut y) = (area.x, area.y);
        for (nth, key) in self.keys.iter().enumerate() {
            let width = (painter.fonts().width(key, 13.0, Weight::Bold) as i32 + 18).max(28);
            if x + width > area.right() {
                (x, y) = (area.x, y + 34);
            }
            if y + 28 > area.bottom() {
                break;
            }
            let cap = Rect::new(x, y, width, 28);
            let (paper, ink) = match nth {
                0 => (theme::INK, theme::WHITE),
                _ => (theme::PAPER, theme::INK_SOFT),
            };
            painter.rounded(cap, 6, paper);
            painter.outline(cap, 6, theme::LINE);
            let middle = Point::new(cap.centre().x, cap.centre().y + 5);
            painter.text_centred(middle, key, 13.0, Weight::Bold, ink);
            x += width + 6;
        }
    }
}

impl App for Monitor {
    fn title(&self) -> &'static str {
        "Input"
    }

    fn accent(&self) -> Colour {
        theme::TEAL
    }

    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, _look: Look) {
        painter.fill(area, theme::PAPER_DIM);
        self.paint_mouse(painter, Rect::new(area.x + 16, area.y + 12, 62, 94));
        self.paint_facts(painter, Point::new(area.x + 98, area.y + 30));
        let keys = Rect::new(area.x + 12, area.y + 120, area.w - 24, area.h - 126);
        self.paint_keys(painter, keys);
    }
}

fn buttons_named(mask: u8) -> String {
    let names = ["left", "middle", "right"];
    let held: Vec<&str> = (0..)
        .zip(names)
        .filter(|(bit, _)| mask >> bit & 1 == 1)
        .map(|(_, name)| name)
        .collect();
    if held.is_empty() {
        "none".to_owned()
    } else {
        held.join(" + ")
    }
}

const KEYS_MAX: usize = 24;
