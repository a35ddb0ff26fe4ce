//! The clipboard panel: what the browser sent, and a button to send something back.

use super::{Action, App, Button, Context, Cursor, Look, Pointer};
use crate::geom::{Point, Rect};
use crate::paint::{Colour, Painter, Weight};
use crate::theme::{self, ButtonStyle};

/// The desktop's clipboard.
#[derive(Default)]
pub(crate) struct Clipboard {
    text: String,
    origin: Origin,
}

/// Where the clipboard's text comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Origin {
    /// There is none yet.
    #[default]
    Nowhere,
    /// A viewer sent it.
    Viewer,
    /// It was copied on the desktop and goes to the viewers.
    Desktop,
}

impl Clipboard {
    /// The text on the clipboard.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Puts `text` on the clipboard.
    pub(crate) fn put(&mut self, text: String, origin: Origin) {
        self.text = text;
        self.origin = origin;
    }

    fn caption(&self) -> String {
        let count = self.text.chars().count();
        match self.origin {
            Origin::Nowhere => "Copy text in your browser: it appears here".to_owned(),
            Origin::Viewer => format!("From your browser, {count} characters"),
            Origin::Desktop => format!("Sent to your browser, {count} characters"),
        }
    }
}

impl App for Clipboard {
    fn title(&self) -> &'static str {
        "Clipboard"
    }

    fn accent(&self) -> Colour {
        theme::VIOLET
    }

    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, _look: Look) {
        painter.fill(area, theme::PAPER_DIM);
        let at = Point::new(area.x + 10, area.y + 20);
        let caption = self.caption();
        painter.text(at, &caption, theme::SMALL, Weight::Regular, theme::INK_SOFT);
        let buttons = buttons(area.w, area.h);
        let sheet = Rect::new(area.x + 8, area.y + 30, area.w - 16, buttons[0].y - 38);
        painter.rounded(sheet, 6, theme::PAPER);
        painter.outline(sheet, 6, theme::LINE);
        let lines = ((sheet.h - 12) / LINE_HEIGHT).max(0) as usize;
        for (row, line) in (0..).zip(self.text.lines().take(lines)) {
            let width = (sheet.w - 20) as f32;
            let line: String = line.chars().filter(|c| !c.is_control()).take(400).collect();
            let line = painter
                .fonts()
                .fit(&line, theme::TEXT, Weight::Regular, width);
            let at = Point::new(sheet.x + 10, sheet.y + 20 + row * LINE_HEIGHT);
            painter.text(at, &line, theme::TEXT, Weight::Regular, theme::INK);
        }
        let [send, paste] = buttons.map(|place| place.offset(area.x, area.y));
        theme::button(painter, send, "Send notepad", ButtonStyle::Primary);
        theme::button(painter, paste, "Paste to notepad", ButtonStyle::Plain);
    }

    fn handle_pointer(&mut self, event: Pointer, context: &mut Context<'_>) {
        let Pointer::Down(Button::Left, at) = event else {
            return;
        };
        let [send, paste] = buttons(context.size.0, context.size.1);
        if send.contains(at) {
            context.act(Action::CopyNotepad);
        } else if paste.contains(at) {
            context.act(Action::PasteIntoNotepad);
        }
    }

    fn cursor(&self, at: Point, size: (i32, i32)) -> Cursor {
        let over = buttons(size.0, size.1)
            .iter()
            .any(|place| place.contains(at));
        if over { Cursor::Hand } else { Cursor::Arrow }
    }
}

fn buttons(width: i32, height: i32) -> [Rect; 2] {
    let each = (width - 24) / 2;
    [
        Rect::new(8, height - 40, each, 32),
        Rect::new(16 + each, height - 40, each, 32),
    ]
}

const LINE_HEIGHT: i32 = 20;
