//! The notepad: a text editor for a page or two.

mod text;

use self::text::{Motion, Text};
use super::{Action, App, Button, Context, Cursor, Look, Pace, Pointer};
use crate::geom::{Point, Rect};
use crate::keysym::{Key, KeyAction};
use crate::paint::{Colour, Fonts, Painter, Weight};
use crate::theme;

/// The editor's state.
pub(crate) struct Notepad {
    text: Text,
    /// The first line shown.
    top: usize,
    /// When a key or click last moved the caret, so that it stands still at first.
    touched: std::time::Duration,
    caret_lit: bool,
}

impl Notepad {
    /// A notepad with a line of welcome.
    pub(crate) fn new() -> Self {
        let mut text = Text::default();
        text.insert(WELCOME);
        Self {
            text,
            top: 0,
            touched: std::time::Duration::ZERO,
            caret_lit: true,
        }
    }

    /// What is written.
    pub(crate) fn contents(&self) -> String {
        self.text.contents()
    }

    /// Inserts `text` at the caret.
    pub(crate) fn paste(&mut self, text: &str, context: &mut Context<'_>) {
        self.text.insert(text);
        self.edited(context);
    }

    fn edited(&mut self, context: &mut Context<'_>) {
        self.text.wrap(context.fonts, wrap_width(context.size.0));
        self.moved(context);
    }

    fn moved(&mut self, context: &mut Context<'_>) {
        let rows = rows_shown(context.size.1);
        let line = self.text.caret_line();
        self.top = self.top.clamp((line + 1).saturating_sub(rows), line);
        self.touched = context.now.uptime;
        self.caret_lit = true;
        context.repaint_all();
    }

    fn scroll(&mut self, lines: i32, context: &mut Context<'_>) {
        let last = self
            .text
            .lines()
            .len()
            .saturating_sub(rows_shown(context.size.1));
        self.top = self.top.saturating_add_signed(lines as isize).min(last);
        context.repaint_all();
    }

    /// The place in the text that is nearest to `point`.
    fn place(&self, point: Point, fonts: &Fonts) -> usize {
        let row = (point.y - PADDING).max(0) / LINE_HEIGHT;
        let line = (self.top + row as usize).min(self.text.lines().len() - 1);
        self.text
            .place_in_line(line, (point.x - PADDING) as f32, fonts)
    }

    fn command(&mut self, letter: char, context: &mut Context<'_>) {
        match letter.to_ascii_lowercase() {
            'a' => self.text.select_all(),
            'c' => return context.act(Action::Copy(self.text.selected_or_all())),
            'x' => {
                context.act(Action::Copy(self.text.selected_or_all()));
                if self.text.selection().is_empty() {
                    self.text.select_all();
                }
                self.text.insert("");
            }
            'v' => return context.act(Action::PasteIntoNotepad),
            _ => return,
        }
        self.edited(context);
    }

    fn paint_line(&self, painter: &mut Painter<'_>, line: usize, at: Point, look: Look) {
        let range = self.text.lines()[line].clone();
        let selection = self.text.selection();
        let from = selection.start.clamp(range.start, range.end);
        let to = selection.end.clamp(range.start, range.end);
        let x = |place| at.x + self.text.x_in_line(line, place, painter.fonts()).round() as i32;
        let (left, right, caret) = (x(from), x(to), x(self.text.caret()));
        if from < to || (selection.start < range.end && selection.end > range.end) {
            // A selected line break shows as a little more than the text.
            let tail = if selection.end > range.end { 6 } else { 0 };
            let marked = Rect::new(left, at.y, right - left + tail, LINE_HEIGHT);
            painter.fill(marked, Colour::rgb(0xbf_dbfe));
        }
        let baseline = Point::new(at.x, at.y + 16);
        let written: String = self.text.letters()[range].iter().collect();
        painter.text(
            baseline,
            &written,
            theme::TEXT + 1.0,
            Weight::Regular,
            theme::INK,
        );
        if look.focused && self.caret_lit && self.text.caret_line() == line {
            painter.fill(Rect::new(caret, at.y + 1, 2, LINE_HEIGHT - 3), theme::BLUE);
        }
    }
}

impl App for Notepad {
    fn title(&self) -> &'static str {
        "Notepad"
    }

    fn accent(&self) -> Colour {
        theme::BLUE
    }

    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, look: Look) {
        painter.fill(area, theme::PAPER_DIM);
        let shown = rows_shown(area.h).min(self.text.lines().len() - self.top);
        for row in 0..shown {
            let y = area.y + PADDING + row as i32 * LINE_HEIGHT;
            let at = Point::new(area.x + PADDING, y);
            self.paint_line(painter, self.top + row, at, look);
        }
        let status = format!("{} characters", self.text.letters().len());
        let foot = Rect::new(area.x, area.bottom() - STATUS, area.w, STATUS);
        painter.fill(Rect::new(foot.x, foot.y, foot.w, 1), theme::LINE);
        let at = Point::new(foot.x + PADDING, foot.bottom() - 8);
        painter.text(at, &status, theme::SMALL, Weight::Regular, theme::INK_SOFT);
    }

    fn resize(&mut self, context: &mut Context<'_>) {
        self.edited(context);
    }

    fn handle_pointer(&mut self, event: Pointer, context: &mut Context<'_>) {
        match event {
            Pointer::Down(Button::Left, at) => {
                let place = self.place(at, context.fonts);
                self.text.go(Motion::To(place));
                self.moved(context);
            }
            Pointer::Drag(Button::Left, at) => {
                let place = self.place(at, context.fonts);
                self.text.extend(Motion::To(place));
                self.moved(context);
            }
            Pointer::Wheel(notches, _) => self.scroll(notches * 3, context),
            _ => {}
        }
    }

    fn handle_key(&mut self, key: Key, context: &mut Context<'_>) {
        let page = rows_shown(context.size.1) as isize;
        let motion = match key.action {
            KeyAction::Character(letter) if key.control => return self.command(letter, context),
            KeyAction::Character(letter) => {
                self.text.insert(letter.encode_utf8(&mut [0; 4]));
                return self.edited(context);
            }
            KeyAction::Enter => {
                self.text.insert("\n");
                return self.edited(context);
            }
            KeyAction::Tab => {
                self.text.insert("    ");
                return self.edited(context);
            }
            KeyAction::Backspace => {
                self.text.erase(Motion::Back);
                return self.edited(context);
            }
            KeyAction::Delete => {
                self.text.erase(Motion::Forth);
                return self.edited(context);
            }
            KeyAction::Escape => return,
            KeyAction::Left => Motion::Back,
            KeyAction::Right => Motion::Forth,
            KeyAction::Home if key.control => Motion::To(0),
            KeyAction::End if key.control => Motion::To(usize::MAX),
            KeyAction::Home => Motion::LineStart,
            KeyAction::End => Motion::LineEnd,
            KeyAction::Up => self.text.line_target(-1, context.fonts),
            KeyAction::Down => self.text.line_target(1, context.fonts),
            KeyAction::PageUp => self.text.line_target(-page, context.fonts),
            KeyAction::PageDown => self.text.line_target(page, context.fonts),
        };
        if key.shift {
            self.text.extend(motion);
        } else {
            self.text.go(motion);
        }
        self.moved(context);
    }

    fn tick(&mut self, context: &mut Context<'_>) {
        let still = context.now.uptime.saturating_sub(self.touched);
        let lit = still.as_millis() % 1060 < 530;
        if lit != self.caret_lit {
            self.caret_lit = lit;
            let row = self.text.caret_line().saturating_sub(self.top) as i32;
            let y = PADDING + row * LINE_HEIGHT;
            context.repaint(Rect::new(0, y, context.size.0, LINE_HEIGHT));
        }
    }

    fn pace(&self) -> Pace {
        Pace::Blink
    }

    fn cursor(&self, _at: Point, _size: (i32, i32)) -> Cursor {
        Cursor::Text
    }
}

fn rows_shown(height: i32) -> usize {
    ((height - PADDING - STATUS) / LINE_HEIGHT).max(1) as usize
}

fn wrap_width(width: i32) -> f32 {
    (width - 2 * PADDING).max(40) as f32
}

const PADDING: i32 = 10;
const LINE_HEIGHT: i32 = 22;
const STATUS: i32 = 26;
const WELCOME: &str =
    "Type here. Every key travels through Portway to this desktop and back to your screen.\n\n";
