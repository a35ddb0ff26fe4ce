//! The windows' programs: what they share, and the set of them.

pub(crate) mod clipboard;
pub(crate) mod clock;
pub(crate) mod harbour;
pub(crate) mod monitor;
pub(crate) mod notepad;
pub(crate) mod sketch;

use std::time::Duration;

use crate::geom::{Point, Rect};
use crate::keysym::Key;
use crate::paint::{Colour, Fonts, Painter};

/// The two clocks, read by the caller.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Now {
    /// Since the desktop started.
    pub(crate) uptime: Duration,
    /// Since 1970, with the offset of the local time added.
    pub(crate) local: Duration,
}

/// The buttons that a window hears of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Button {
    Left,
    Middle,
    Right,
}

/// What the mouse does, in pixels from the corner of the window's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pointer {
    /// A button goes down.
    Down(Button, Point),
    /// The mouse moves while the button that went down here is held.
    Drag(Button, Point),
    /// That button comes up.
    Up(Button, Point),
    /// The wheel turns by so many notches, down is positive.
    Wheel(i32, Point),
}

/// The shape of the pointer over a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Cursor {
    /// The ordinary one.
    #[default]
    Arrow,
    /// Over text.
    Text,
    /// Over something to draw on.
    Cross,
    /// Over a button.
    Hand,
}

/// What a window asks of the desktop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Put this text on the clipboards of all viewers.
    Copy(String),
    /// Put the notepad's text on the clipboards of all viewers.
    CopyNotepad,
    /// Insert the clipboard's text in the notepad.
    PasteIntoNotepad,
}

/// The desktop as a program sees it while it handles an event.
pub(crate) struct Context<'a> {
    pub(crate) fonts: &'a Fonts,
    /// The size of the content.
    pub(crate) size: (i32, i32),
    pub(crate) now: Now,
    /// What to repaint, in the content's pixels.
    damage: Vec<Rect>,
    actions: Vec<Action>,
}

impl<'a> Context<'a> {
    /// A context in which nothing has happened.
    pub(crate) fn new(fonts: &'a Fonts, size: (i32, i32), now: Now) -> Self {
        Self {
            fonts,
            size,
            now,
            damage: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// Asks for `area` to be painted again.
    pub(crate) fn repaint(&mut self, area: Rect) {
        self.damage.push(area);
    }

    /// Asks for the whole content to be painted again.
    pub(crate) fn repaint_all(&mut self) {
        self.repaint(Rect::new(0, 0, self.size.0, self.size.1));
    }

    /// Asks the desktop for something.
    pub(crate) fn act(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// What was asked for: areas to repaint, and actions.
    pub(crate) fn finish(self) -> (Vec<Rect>, Vec<Action>) {
        (self.damage, self.actions)
    }
}

/// How a program's next paint comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Only after an event.
    Still,
    /// Twice a second, for a caret.
    Blink,
    /// At the animation's rate.
    Film,
}

/// A program in a window.
pub(crate) trait App: Send {
    /// The title of its window.
    fn title(&self) -> &'static str;

    /// Its colour in the title bar and the task bar.
    fn accent(&self) -> Colour;

    /// Paints the content, which lies at `area` of the desktop.
    fn paint(&mut self, painter: &mut Painter<'_>, area: Rect, look: Look);

    /// The content has a new size.
    fn resize(&mut self, _context: &mut Context<'_>) {}

    /// Handles the mouse.
    fn handle_pointer(&mut self, _event: Pointer, _context: &mut Context<'_>) {}

    /// Handles a key while the window has the focus.
    fn handle_key(&mut self, _key: Key, _context: &mut Context<'_>) {}

    /// Time has passed.
    fn tick(&mut self, _context: &mut Context<'_>) {}

    /// How often it wants to tick.
    fn pace(&self) -> Pace {
        Pace::Still
    }

    /// The pointer's shape over `at`.
    fn cursor(&self, _at: Point, _size: (i32, i32)) -> Cursor {
        Cursor::Arrow
    }
}

/// What painting depends on beside the program's own state.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Whether the window has the focus.
    pub(crate) focused: bool,
    pub(crate) now: Now,
}

/// Names a program and its window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AppId {
    Notepad,
    Clipboard,
    Sketch,
    Harbour,
    Clock,
    Monitor,
}

impl AppId {
    /// All of them, in the order of the task bar.
    pub(crate) const ALL: [AppId; 6] = [
        AppId::Notepad,
        AppId::Sketch,
        AppId::Clipboard,
        AppId::Clock,
        AppId::Harbour,
        AppId::Monitor,
    ];
}

/// The programs of one desktop.
pub(crate) struct Apps {
    pub(crate) notepad: notepad::Notepad,
    pub(crate) clipboard: clipboard::Clipboard,
    pub(crate) sketch: sketch::Sketch,
    pub(crate) harbour: harbour::Harbour,
    pub(crate) clock: clock::Clock,
    pub(crate) monitor: monitor::Monitor,
}

impl Apps {
    /// The programs as they are at the start.
    pub(crate) fn new() -> Self {
        Self {
            notepad: notepad::Notepad::new(),
            clipboard: clipboard::Clipboard::default(),
            sketch: sketch::Sketch::new(),
            harbour: harbour::Harbour::new(),
            clock: clock::Clock::default(),
            monitor: monitor::Monitor::default(),
        }
    }

    /// The program called `id`.
    pub(crate) fn app(&self, id: AppId) -> &dyn App {
        match id {
            AppId::Notepad => &self.notepad,
            AppId::Clipboard => &self.clipboard,
            AppId::Sketch => &self.sketch,
            AppId::Harbour => &self.harbour,
            AppId::Clock => &self.clock,
            AppId::Monitor => &self.monitor,
        }
    }

    /// The program called `id`, to change.
    pub(crate) fn app_mut(&mut self, id: AppId) -> &mut dyn App {
        match id {
            AppId::Notepad => &mut self.notepad,
            AppId::Clipboard => &mut self.clipboard,
            AppId::Sketch => &mut self.sketch,
            AppId::Harbour => &mut self.harbour,
            AppId::Clock => &mut self.clock,
            AppId::Monitor => &mut self.monitor,
        }
    }
}
