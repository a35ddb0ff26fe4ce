//! A window: its frame, its title bar and the parts that react to the mouse.

use crate::apps::{App, AppId, Look};
use crate::geom::{Point, Rect};
use crate::paint::{Painter, Weight};
use crate::theme;

/// A window and where it is.
#[derive(Clone, Debug)]
pub(super) struct Window {
    pub(super) id: AppId,
    pub(super) frame: Rect,
    /// False while minimised.
    pub(super) shown: bool,
    /// Whether the user moved it, so that a new layout leaves it alone.
    pub(super) moved: bool,
}

impl Window {
    /// A window that is shown.
    pub(super) const fn new(id: AppId, frame: Rect) -> Self {
        Self {
            id,
            frame,
            shown: true,
            moved: false,
        }
    }

    /// The program's part.
    pub(super) const fn content(&self) -> Rect {
        let Rect { x, y, w, h } = self.frame;
        Rect::new(x + MARGIN, y + TITLE, w - 2 * MARGIN, h - TITLE - MARGIN)
    }

    /// The bar by which it is moved.
    pub(super) const fn title_bar(&self) -> Rect {
        Rect::new(self.frame.x, self.frame.y, self.frame.w, TITLE)
    }

    /// The button that puts it away.
    pub(super) const fn minimise_button(&self) -> Rect {
        Rect::new(self.frame.right() - 36, self.frame.y + 4, 30, 28)
    }

    /// All pixels that it paints, its shadow included.
    pub(super) const fn reach(&self) -> Rect {
        Rect::new(
            self.frame.x - SHADOW,
            self.frame.y - SHADOW + DROP,
            self.frame.w + 2 * SHADOW,
            self.frame.h + 2 * SHADOW,
        )
    }

    /// A part that hides all that lies below.
    pub(super) const fn opaque(&self) -> Rect {
        self.frame.inset(RADIUS / 2)
    }

    /// Paints shadow, frame and content.
    pub(super) fn paint(&self, painter: &mut Painter<'_>, app: &mut dyn App, look: Look) {
        if !painter.clip().overlaps(self.reach()) {
            return;
        }
        let content = self.content();
        if !content.inset(CORNER).encloses(painter.clip()) {
            let shade = if look.focused { 110 } else { 60 };
            let below = self.frame.offset(0, DROP);
            painter.shadow(below, RADIUS, SHADOW, theme::BLACK.alpha(shade));
            painter.rounded(self.frame, RADIUS, theme::PAPER);
            self.paint_title(painter, app, look);
        }
        painter.within(content, |painter| app.paint(painter, content, look));
        painter.corners(content, CORNER, theme::PAPER);
        painter.outline(content, CORNER, theme::LINE);
    }

    fn paint_title(&self, painter: &mut Painter<'_>, app: &dyn App, look: Look) {
        let bar = self.title_bar();
        let ink = if look.focused {
            theme::INK
        } else {
            theme::INK_SOFT
        };
        let wash = if look.focused { 0.0 } else { 0.45 };
        let dot = app.accent().mix(theme::WHITE, wash);
        painter.disc(bar.x as f32 + 18.0, bar.centre().y as f32, 5.0, dot);
        let at = Point::new(bar.x + 32, bar.centre().y + 5);
        let room = (bar.w - 32 - 44) as f32;
        let title = painter
            .fonts()
            .fit(app.title(), theme::TEXT, Weight::Bold, room);
        painter.text(at, &title, theme::TEXT, Weight::Bold, ink);
        let button = self.minimise_button().centre();
        let (x, y) = (button.x as f32, button.y as f32 + 2.0);
        painter.line((x - 5.0, y), (x + 5.0, y), 2.0, theme::INK_FAINT);
    }
}

/// The height of the title bar.
pub(super) const TITLE: i32 = 36;
/// What the frame shows around the content.
const MARGIN: i32 = 8;
const RADIUS: i32 = 12;
const CORNER: i32 = 6;
const SHADOW: i32 = 22;
/// How far the shadow falls below.
const DROP: i32 = 6;
