//! What mouse and keys do on the desktop.

use super::{Shell, layout, taskbar};
use crate::apps::{AppId, Button, Pointer};
use crate::geom::{Point, Rect};
use crate::keysym::{self, Key};

/// Names a viewer as long as it is connected.
pub(crate) type ViewerId = u64;

/// What the mouse holds from the press of a button to its release.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grab {
    /// The viewer whose button is down; the others' mice wait.
    owner: ViewerId,
    button: Button,
    what: Hold,
}

#[derive(Clone, Copy, Debug)]
enum Hold {
    /// A window by its title, this far from its corner.
    Title(AppId, Point),
    /// The content of a window.
    Content(AppId),
    /// Nothing: the press was on the wallpaper or a button.
    Nothing,
}

/// Which buttons and modifier keys each viewer holds down.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The RFB button mask of each viewer that has one that is not zero.
    buttons: Vec<(ViewerId, u8)>,
    /// Shift and Control keys that are down.
    modifiers: Vec<(ViewerId, u32)>,
}

impl Held {
    /// Notes the buttons of a viewer and returns those it had before.
    fn replace_buttons(&mut self, viewer: ViewerId, mask: u8) -> u8 {
        let before = self
            .buttons
            .iter()
            .find(|(id, _)| *id == viewer)
            .map_or(0, |held| held.1);
        self.buttons.retain(|(id, _)| *id != viewer);
        if mask != 0 {
            self.buttons.push((viewer, mask));
        }
        before
    }

    fn note_key_down(&mut self, viewer: ViewerId, keysym: u32) {
        let is_modifier = keysym::is_shift(keysym) || keysym::is_control(keysym);
        if is_modifier && !self.modifiers.contains(&(viewer, keysym)) {
            self.modifiers.push((viewer, keysym));
        }
    }

    fn note_key_up(&mut self, viewer: ViewerId, keysym: u32) {
        self.modifiers.retain(|held| *held != (viewer, keysym));
    }

    fn any_modifier(&self, viewer: ViewerId, is_kind: fn(u32) -> bool) -> bool {
        self.modifiers
            .iter()
            .any(|(id, keysym)| *id == viewer && is_kind(*keysym))
    }
}

impl Shell {
    /// The mouse of `viewer` is at `at` with the buttons of an RFB mask down.
    pub(crate) fn handle_pointer(&mut self, viewer: ViewerId, at: Point, mask: u8) {
        let bounds = self.bounds();
        let at = Point::new(at.x.clamp(0, bounds.w - 1), at.y.clamp(0, bounds.h - 1));
        self.apps.monitor.record_pointer(at, mask);
        self.damage_content(AppId::Monitor);
        let before = self.held.replace_buttons(viewer, mask);
        for (bit, button) in [(0, Button::Left), (1, Button::Middle), (2, Button::Right)] {
            match (before >> bit & 1, mask >> bit & 1) {
                (0, 1) => self.press(viewer, button, at),
                (1, 0) => self.release(viewer, button, at),
                (1, 1) => self.drag(viewer, button, at),
                _ => {}
            }
        }
        let pressed = mask & !before;
        let notches = i32::from(pressed >> 4 & 1) - i32::from(pressed >> 3 & 1);
        if notches != 0 {
            self.turn_wheel(notches, at);
        }
    }

    /// A key of `viewer` goes up.
    pub(crate) fn handle_key_up(&mut self, viewer: ViewerId, keysym: u32) {
        self.held.note_key_up(viewer, keysym);
    }

    /// A key of `viewer` goes down.
    pub(crate) fn handle_key_down(&mut self, viewer: ViewerId, keysym: u32) {
        self.held.note_key_down(viewer, keysym);
        self.apps.monitor.record_key(keysym);
        self.damage_content(AppId::Monitor);
        let (Some(action), Some(id)) = (keysym::action(keysym), self.focus) else {
            return;
        };
        let key = Key {
            action,
            shift: self.held.any_modifier(viewer, keysym::is_shift),
            control: self.held.any_modifier(viewer, keysym::is_control),
        };
        self.with_app(id, |app, context| app.handle_key(key, context));
    }

    /// `viewer` has gone: nothing stays held.
    pub(crate) fn forget_viewer(&mut self, viewer: ViewerId) {
        self.held.replace_buttons(viewer, 0);
        self.held.modifiers.retain(|(id, _)| *id != viewer);
        if let Some(Grab { button, .. }) = self.grab.filter(|grab| grab.owner == viewer) {
            self.release(viewer, button, Point::default());
        }
    }

    fn press(&mut self, viewer: ViewerId, button: Button, at: Point) {
        if self.grab.is_some() {
            return;
        }
        let what = match button {
            _ if taskbar::area(self.bounds()).contains(at) => self.press_taskbar(button, at),
            _ => self.press_window(button, at),
        };
        self.grab = Some(Grab {
            owner: viewer,
            button,
            what,
        });
    }

    fn press_taskbar(&mut self, button: Button, at: Point) -> Hold {
        if let (Button::Left, Some(id)) = (button, taskbar::button_at(self.bounds(), at)) {
            if self.focus == Some(id) && self.window(id).is_some() {
                self.minimise(id);
            } else {
                self.raise(id);
            }
        }
        Hold::Nothing
    }

    fn press_window(&mut self, button: Button, at: Point) -> Hold {
        let Some(window) = self.window_at(at).cloned() else {
            self.set_focus(None);
            return Hold::Nothing;
        };
        let id = window.id;
        if window.minimise_button().contains(at) && button == Button::Left {
            self.minimise(id);
            return Hold::Nothing;
        }
        self.raise(id);
        if window.content().contains(at) {
            let local = at.relative_to(window.content().origin());
            self.with_app(id, |app, context| {
                app.handle_pointer(Pointer::Down(button, local), context);
            });
            Hold::Content(id)
        } else if window.title_bar().contains(at) && button == Button::Left {
            Hold::Title(id, at.relative_to(window.frame.origin()))
        } else {
            Hold::Nothing
        }
    }

    fn drag(&mut self, viewer: ViewerId, button: Button, at: Point) {
        let ours = |grab: &Grab| grab.owner == viewer && grab.button == button;
        match self.grab.filter(ours).map(|grab| grab.what) {
            Some(Hold::Title(id, grip)) => self.move_window(id, at.relative_to(grip)),
            Some(Hold::Content(id)) => self.send_to_content(id, at, |at| Pointer::Drag(button, at)),
            Some(Hold::Nothing) | None => {}
        }
    }

    fn release(&mut self, viewer: ViewerId, button: Button, at: Point) {
        let ours = |grab: &Grab| grab.owner == viewer && grab.button == button;
        let Some(grab) = self.grab.filter(ours) else {
            return;
        };
        self.grab = None;
        if let Hold::Content(id) = grab.what {
            self.send_to_content(id, at, |at| Pointer::Up(button, at));
        }
    }

    fn turn_wheel(&mut self, notches: i32, at: Point) {
        if let Some(id) = self.window_at(at).map(|window| window.id) {
            self.send_to_content(id, at, |at| Pointer::Wheel(notches, at));
        }
    }

    fn send_to_content(&mut self, id: AppId, at: Point, event: impl FnOnce(Point) -> Pointer) {
        if let Some(window) = self.windows.iter().find(|window| window.id == id) {
            let event = event(at.relative_to(window.content().origin()));
            self.with_app(id, |app, context| app.handle_pointer(event, context));
        }
    }

    fn move_window(&mut self, id: AppId, corner: Point) {
        let bounds = self.bounds();
        let Some(window) = self.windows.iter_mut().find(|window| window.id == id) else {
            return;
        };
        let (old, before) = (window.frame, window.reach());
        window.frame = layout::bring_back(
            Rect {
                x: corner.x,
                y: corner.y,
                ..old
            },
            bounds,
        );
        window.moved = true;
        if window.frame != old {
            self.damage.add(before);
            self.damage.add(window.reach());
            // Several moves may come before the next paint: the first place is the painted one.
            self.lifted.get_or_insert((id, old));
        }
    }

    fn raise(&mut self, id: AppId) {
        if let Some(at) = self.windows.iter().position(|window| window.id == id) {
            let mut window = self.windows.remove(at);
            window.shown = true;
            self.damage.add(window.reach());
            self.windows.push(window);
        }
        self.set_focus(Some(id));
    }

    fn minimise(&mut self, id: AppId) {
        self.damage_app(id);
        if let Some(window) = self.windows.iter_mut().find(|window| window.id == id) {
            window.shown = false;
        }
        let next = self
            .windows
            .iter()
            .rev()
            .find(|window| window.shown)
            .map(|window| window.id);
        self.set_focus(next);
    }

    fn set_focus(&mut self, focus: Option<AppId>) {
        if self.focus != focus {
            for id in [self.focus, focus].into_iter().flatten() {
                self.damage_app(id);
            }
            self.focus = focus;
        }
        self.damage.add(taskbar::area(self.bounds()));
    }

    fn damage_content(&mut self, id: AppId) {
        if let Some(window) = self.windows.iter().find(|w| w.id == id && w.shown) {
            self.damage.add(window.content());
        }
    }
}
