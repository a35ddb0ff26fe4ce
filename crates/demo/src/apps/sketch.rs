//! The drawing board.

use super::{App, Button, Context, Cursor, Look, Pointer};
use crate::geom::{Point, Rect};
use crate::keysym::{Key, KeyAction};
use crate::paint::{Colour, Fonts, Painter, Surface, Weight};
use crate::theme::{self, ButtonStyle};

/// The board, its drawing and the chosen pen.
pub(crate) struct Sketch {
    /// Of fixed size; the window shows its top left part.
    paper: Surface,
    fonts: Fonts,
    ink: usize,
    pen: usize,
    /// Where the pen was last while it is down.
    last: Option<Point>,
    /// Nothing was drawn yet: a hint is shown.
    blank: bool,
}

impl Sketch {
    /// An empty board.
    pub(crate) fn new() -> Self {
        Self {
            paper: Surface::new(PAPER_SIZE.0, PAPER_SIZE.1, theme::PAPER),
            fonts: Fonts::new(),
            ink: 1,
            pen: 1,
            last: None,
            blank: true,
        }
    }

    fn draw(&mut self, to: Point, colour: Colour, width: f32, context: &mut Context<'_>) {
        let to = to.relative_to(Point::new(0, TOOLS));
        let from = self.last.unwrap_or(to);
        self.last = Some(to);
        let reach = width as i32 + 2;
        let line = Rect::new(from.x, from.y, 1, 1).union(Rect::new(to.x, to.y, 1, 1));
        let touched = line.inset(-reach);
        let mut painter = Painter::new(&mut self.paper, &mut self.fonts, touched);
        let centre = |p: Point| (p.x as f32 + 0.5, p.y as f32 + 0.5);
        painter.line(centre(from), centre(to), width, colour);
        if std::mem::take(&mut self.blank) {
            context.repaint_all();
        }
        context.repaint(touched.offset(0, TOOLS));
    }

    fn choose(&mut self, at: Point, context: &mut Context<'_>) {
        let width = context.size.0;
        if let Some(ink) = (0..INKS.len()).find(|ink| swatch(*ink, width).contains(at)) {
            self.ink = ink;
        } else if let Some(pen) = (0..PENS.len()).find(|pen| nib(*pen, width).contains(at)) {
            self.pen = pen;
        } else if clear_button(width).contains(at) {
            self.clear();
        }
        context.repaint_all();
    }

    fn clear(&mut self) {
        let all = self.paper.bounds();
        Painter::new(&mut self.paper, &mut self.fonts, all).fill(all, theme::PAPER);
        self.blank = true;
    }

    fn paint_tools(&self, painter: &mut Painter<'_>, area: Rect) {
        painter.fill(Rect::new(area.x, area.y, area.w, TOOLS), theme::PAPER_DIM);
        painter.fill(
            Rect::new(area.x, area.y + TOOLS - 1, area.w, 1),
            theme::LINE,
        );
        for (ink, colour) in INKS.iter().enumerate() {
            let place = swatch(ink, area.w).offset(area.x, area.y);
            let (x, y) = middle(place);
            painter.disc(x, y, 9.0, *colour);
            if ink == self.ink {
                painter.ring((x, y), 12.0, 2.0, *colour);
            }
        }
        for (pen, width) in PENS.iter().enumerate() {
            let place = nib(pen, area.w).offset(area.x, area.y);
            if pen == self.pen {
                painter.rounded(place.inset(1), 6, theme::LINE);
            }
            let (x, y) = middle(place);
            painter.disc(x, y, width / 2.0, theme::INK);
        }
        let clear = clear_button(area.w).offset(area.x, area.y);
        theme::button(painter, clear, "Clear", ButtonStyle::Plain);
    }
}

impl App for Sketch {
    fn title(&self) -> &'static str {
        "Sketch"
    }

    fn accent(&self) -> Colour {
        theme::ROSE
    }

    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, _look: Look) {
        painter.fill(area, theme::PAPER);
        let board = Rect::new(area.x, area.y + TOOLS, area.w, area.h - TOOLS);
        painter.within(board, |painter| {
            painter.picture(&self.paper, board.origin())
        });
        if self.blank {
            let at = Point::new(board.centre().x, board.centre().y + 6);
            let faint = theme::INK_FAINT;
            painter.text_centred(at, "Draw here with the mouse", 18.0, Weight::Regular, faint);
        }
        painter.within(area, |painter| self.paint_tools(painter, area));
    }

    fn handle_pointer(&mut self, event: Pointer, context: &mut Context<'_>) {
        match event {
            Pointer::Down(Button::Left, at) if at.y < TOOLS => self.choose(at, context),
            Pointer::Down(button, at) => {
                self.last = None;
                self.handle_pointer(Pointer::Drag(button, at), context);
                self.last = Some(at.relative_to(Point::new(0, TOOLS)));
            }
            Pointer::Drag(button, at) if self.last.is_some() || at.y >= TOOLS => match button {
                Button::Left => self.draw(at, INKS[self.ink], PENS[self.pen], context),
                Button::Middle | Button::Right => self.draw(at, theme::PAPER, ERASER, context),
            },
            Pointer::Up(..) => self.last = None,
            Pointer::Drag(..) | Pointer::Wheel(..) => {}
        }
    }

    fn handle_key(&mut self, key: Key, context: &mut Context<'_>) {
        if matches!(key.action, KeyAction::Delete | KeyAction::Escape) {
            self.clear();
            context.repaint_all();
        }
    }

    fn cursor(&self, at: Point, _size: (i32, i32)) -> Cursor {
        if at.y < TOOLS {
            Cursor::Hand
        } else {
            Cursor::Cross
        }
    }
}

/// Inks and pens side by side, closer together in a narrow window.
fn tool(nth: usize, width: i32) -> Rect {
    let each = ((width - 100) / (INKS.len() + PENS.len()) as i32).clamp(16, 30);
    Rect::new(8 + each * nth as i32, 5, each, 30)
}

fn swatch(ink: usize, width: i32) -> Rect {
    tool(ink, width)
}

fn nib(pen: usize, width: i32) -> Rect {
    tool(INKS.len() + pen, width).offset(8, 0)
}

fn clear_button(width: i32) -> Rect {
    Rect::new(width - 68, 6, 60, 28)
}

fn middle(place: Rect) -> (f32, f32) {
    (
        place.x as f32 + place.w as f32 / 2.0,
        place.y as f32 + place.h as f32 / 2.0,
    )
}

const TOOLS: i32 = 40;
const PAPER_SIZE: (i32, i32) = (1024, 768);
const INKS: [Colour; 6] = [
    theme::INK,
    theme::ROSE,
    theme::AMBER,
    theme::TEAL,
    theme::BLUE,
    theme::VIOLET,
];
const PENS: [f32; 3] = [3.0, 6.0, 12.0];
const ERASER: f32 = 24.0;
