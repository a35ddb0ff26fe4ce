//! The desktop itself: windows, their order and focus, and the painting of what changed.

mod input;
mod layout;
mod taskbar;
mod wallpaper;
mod window;

use std::time::Duration;

use self::input::Grab;
use self::taskbar::Status;
use self::window::Window;
use crate::apps::clipboard::Origin;
use crate::apps::{Action, App, AppId, Apps, Context, Cursor, Look, Now, Pace};
use crate::geom::{Point, Rect, Region};
use crate::paint::{Fonts, Painter, Surface};
use crate::screen::Screen;

/// The whole desktop without its viewers: events come in, changed pixels go out.
pub(crate) struct Shell {
    screen: Screen,
    fonts: Fonts,
    wallpaper: Surface,
    apps: Apps,
    /// From the bottom to the top; one for each program.
    windows: Vec<Window>,
    focus: Option<AppId>,
    now: Now,
    viewers: usize,
    /// What is to be painted again.
    damage: Region,
    /// Where the window that is being moved was when last painted.
    lifted: Option<(AppId, Rect)>,
    grab: Option<Grab>,
    /// Buttons and keys that are down.
    held: input::Held,
    /// Text that is to go to the viewers.
    copied: Option<String>,
}

/// What [`Shell::paint`] changed.
pub(crate) struct Painted {
    /// Pixels that moved as a block, before `changed` applies.
    pub(crate) moved: Option<Move>,
    /// Where pixels differ from before.
    pub(crate) changed: Region,
}

/// A block of pixels that moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    /// Where they were.
    pub(crate) from: Rect,
    /// Where their corner is now.
    pub(crate) to: Point,
}

impl Move {
    /// Where the block is now.
    pub(crate) const fn target(self) -> Rect {
        Rect::new(self.to.x, self.to.y, self.from.w, self.from.h)
    }
}

impl Shell {
    /// A desktop of this size.
    pub(crate) fn new(width: i32, height: i32) -> Self {
        let windows = layout::stacking().map(|id| Window::new(id, Rect::default()));
        let mut shell = Self {
            screen: Screen::new(0, 0),
            fonts: Fonts::new(),
            wallpaper: Surface::default(),
            apps: Apps::new(),
            windows: windows.into_iter().collect(),
            focus: Some(AppId::Notepad),
            now: Now::default(),
            viewers: 0,
            damage: Region::default(),
            lifted: None,
            grab: None,
            held: input::Held::default(),
            copied: None,
        };
        shell.resize(width, height);
        shell
    }

    /// What viewers see.
    pub(crate) const fn front(&self) -> &Surface {
        self.screen.front()
    }

    /// Where the desktop's pixels lie.
    pub(crate) const fn bounds(&self) -> Rect {
        self.screen.bounds()
    }

    /// What is written in the notepad.
    pub(crate) fn notepad_text(&self) -> String {
        self.apps.notepad.contents()
    }

    /// What is on the clipboard.
    pub(crate) fn clipboard_text(&self) -> &str {
        self.apps.clipboard.text()
    }

    /// Where the window of `id` is, unless it is minimised.
    pub(crate) fn window(&self, id: AppId) -> Option<Rect> {
        let window = self.windows.iter().find(|window| window.id == id)?;
        window.shown.then_some(window.frame)
    }

    /// Text that was copied since the last call and is to go to the viewers.
    pub(crate) fn take_copied(&mut self) -> Option<String> {
        self.copied.take()
    }

    /// The pointer's shape at `at`.
    pub(crate) fn cursor(&self, at: Point) -> Cursor {
        if taskbar::area(self.bounds()).contains(at) {
            return Cursor::Hand;
        }
        let Some(window) = self.window_at(at) else {
            return Cursor::Arrow;
        };
        let content = window.content();
        if window.minimise_button().contains(at) {
            Cursor::Hand
        } else if content.contains(at) {
            let local = at.relative_to(content.origin());
            self.apps
                .app(window.id)
                .cursor(local, (content.w, content.h))
        } else {
            Cursor::Arrow
        }
    }

    /// The desktop gets a new size; windows that the user did not move find new places.
    pub(crate) fn resize(&mut self, width: i32, height: i32) {
        self.screen = Screen::new(width, height);
        self.wallpaper = Surface::new(width, height, wallpaper::BASE);
        let bounds = self.bounds();
        let mut painter = Painter::new(&mut self.wallpaper, &mut self.fonts, bounds);
        wallpaper::paint(&mut painter, bounds);
        for at in 0..self.windows.len() {
            let window = &mut self.windows[at];
            window.frame = match window.moved {
                true => layout::bring_back(window.frame, bounds),
                false => layout::place(window.id, bounds),
            };
            let id = window.id;
            self.with_app(id, |app, context| app.resize(context));
        }
        self.lifted = None;
        self.damage.clear();
        self.damage.add(bounds);
    }

    /// The number of viewers has changed.
    pub(crate) fn set_viewers(&mut self, viewers: usize) {
        self.viewers = viewers;
        self.damage.add(taskbar::area(self.bounds()));
    }

    /// A viewer sent its clipboard.
    pub(crate) fn handle_cut_text(&mut self, text: String) {
        self.apps.clipboard.put(text, Origin::Viewer);
        self.damage_app(AppId::Clipboard);
    }

    /// How long after one paint the next is due without any event.
    pub(crate) fn pace(&self) -> Duration {
        let shown = self.windows.iter().filter(|window| window.shown);
        let film = shown
            .map(|window| self.apps.app(window.id).pace())
            .any(|p| p == Pace::Film);
        if film { FILM_FRAME } else { BLINK }
    }

    /// Lets the programs that move do so.
    pub(crate) fn tick(&mut self, now: Now) {
        if now.local.as_secs() / 60 != self.now.local.as_secs() / 60 {
            self.damage.add(taskbar::area(self.bounds()));
        }
        self.now = now;
        for at in 0..self.windows.len() {
            let Window { id, shown, .. } = self.windows[at];
            let runs = match self.apps.app(id).pace() {
                Pace::Still => false,
                Pace::Blink => self.focus == Some(id),
                Pace::Film => true,
            };
            if shown && runs {
                self.with_app(id, |app, context| app.tick(context));
            }
        }
    }

    /// Whether something waits to be painted.
    pub(crate) fn is_stale(&self) -> bool {
        !self.damage.is_empty()
    }

    /// Paints what is stale and returns what thereby changed.
    pub(crate) fn paint(&mut self) -> Painted {
        let moved = self.moved_block();
        let mut damage = std::mem::take(&mut self.damage);
        damage.clip(self.bounds());
        if let Some(block) = moved {
            self.screen.shift(block.from, block.to);
        }
        for area in damage.rects() {
            self.compose(*area);
        }
        Painted {
            moved,
            changed: self.screen.publish(&damage),
        }
    }

    /// The part of a dragged window that stayed within the desktop on its way.
    fn moved_block(&mut self) -> Option<Move> {
        let (id, old) = self.lifted.take()?;
        let new = self.window(id)?;
        let (dx, dy) = (new.x - old.x, new.y - old.y);
        let visible = layout::work_area(self.bounds());
        let from = old.intersect(visible).intersect(visible.offset(-dx, -dy));
        let block = Move {
            from,
            to: Point::new(from.x + dx, from.y + dy),
        };
        (!from.is_empty() && (dx, dy) != (0, 0)).then_some(block)
    }

    /// Paints all that is visible in `area`, from the bottom to the top.
    fn compose(&mut self, area: Rect) {
        let status = Status {
            viewers: self.viewers,
            size: (self.bounds().w, self.bounds().h),
            now: self.now,
            focus: self.focus,
        };
        let Self {
            screen,
            fonts,
            wallpaper,
            apps,
            windows,
            focus,
            now,
            ..
        } = self;
        let bounds = screen.bounds();
        // What a window covers need not be painted.
        let hides = |window: &Window| window.shown && window.opaque().encloses(area);
        let lowest = windows.iter().rposition(hides);
        screen.paint(fonts, area, |painter| {
            if lowest.is_none() {
                painter.picture(wallpaper, Point::default());
            }
            for window in windows
                .iter()
                .skip(lowest.unwrap_or(0))
                .filter(|window| window.shown)
            {
                let look = Look {
                    focused: *focus == Some(window.id),
                    now: *now,
                };
                window.paint(painter, apps.app_mut(window.id), look);
            }
            taskbar::paint(painter, bounds, apps, windows, &status);
        });
    }

    /// The topmost window at `at`.
    fn window_at(&self, at: Point) -> Option<&Window> {
        self.windows
            .iter()
            .rev()
            .find(|window| window.shown && window.frame.contains(at))
    }

    /// Runs a program's handler and does what it asks for.
    fn with_app(&mut self, id: AppId, handle: impl FnOnce(&mut dyn App, &mut Context<'_>)) {
        let Some(window) = self.windows.iter().find(|window| window.id == id) else {
            return;
        };
        let (content, shown) = (window.content(), window.shown);
        let mut context = Context::new(&self.fonts, (content.w, content.h), self.now);
        handle(self.apps.app_mut(id), &mut context);
        let (damage, actions) = context.finish();
        for area in damage.into_iter().filter(|_| shown) {
            self.damage
                .add(area.offset(content.x, content.y).intersect(content));
        }
        for action in actions {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Copy(text) => {
                self.apps.clipboard.put(text.clone(), Origin::Desktop);
                self.copied = Some(text);
                self.damage_app(AppId::Clipboard);
            }
            Action::CopyNotepad => self.act(Action::Copy(self.apps.notepad.contents())),
            Action::PasteIntoNotepad => self.paste(),
        }
    }

    fn paste(&mut self) {
        let text = self.apps.clipboard.text().to_owned();
        let Some(window) = self
            .windows
            .iter()
            .find(|window| window.id == AppId::Notepad)
        else {
            return;
        };
        let content = window.content();
        let mut context = Context::new(&self.fonts, (content.w, content.h), self.now);
        self.apps.notepad.paste(&text, &mut context);
        self.damage_app(AppId::Notepad);
    }

    /// Asks for the window of `id` to be painted again, shadow included.
    fn damage_app(&mut self, id: AppId) {
        if let Some(window) = self.windows.iter().find(|window| window.id == id) {
            self.damage.add(window.reach());
        }
    }
}

/// Twenty-five pictures a second.
const FILM_FRAME: Duration = Duration::from_millis(40);
/// Twice the rate of the caret.
const BLINK: Duration = Duration::from_millis(265);

#[cfg(test)]
mod tests;
