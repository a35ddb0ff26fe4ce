//! What all viewers of a desktop share, behind its lock.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::FRAME_MIN;
use crate::apps::Now;
use crate::shell::Shell;
use crate::viewer::Viewer;

/// What the lock protects; it is never held across a wait.
pub(crate) struct State {
    pub(crate) shell: Shell,
    pub(crate) viewers: Vec<Viewer>,
    next_viewer: u64,
    /// When the programs were last told the time, as uptime.
    ticked: Option<Duration>,
}

impl State {
    /// A desktop of this size, within limits, that nobody views yet.
    pub(crate) fn new(size: (u16, u16)) -> Self {
        let (width, height) = clamp_size(size);
        Self {
            shell: Shell::new(width.into(), height.into()),
            viewers: Vec::new(),
            next_viewer: 1,
            ticked: None,
        }
    }

    /// When the programs are to be told the time again, as uptime.
    pub(crate) fn next_tick(&self) -> Duration {
        self.ticked.unwrap_or_default() + self.shell.pace()
    }

    /// The desktop's width and height.
    pub(crate) fn size(&self) -> (u16, u16) {
        let bounds = self.shell.bounds();
        (bounds.w as u16, bounds.h as u16)
    }

    /// Lets a viewer in, unless there are too many.
    pub(crate) fn admit(&mut self, viewers_max: usize) -> Option<(u64, Arc<Notify>)> {
        if self.viewers.len() >= viewers_max {
            return None;
        }
        let id = self.next_viewer;
        self.next_viewer += 1;
        let viewer = Viewer::new(id, self.size());
        let wake = viewer.wake();
        self.viewers.push(viewer);
        self.shell.set_viewers(self.viewers.len());
        Some((id, wake))
    }

    /// A viewer has been told the size of the desktop, which may have changed since.
    pub(crate) fn introduce(&mut self, id: u64, told: (u16, u16)) {
        let size = self.size();
        if let Some(viewer) = self.viewer(id) {
            viewer.introduced(told, size);
        }
    }

    /// Forgets a viewer.
    pub(crate) fn dismiss(&mut self, id: u64) {
        self.viewers.retain(|viewer| viewer.id() != id);
        self.shell.forget_viewer(id);
        self.shell.set_viewers(self.viewers.len());
    }

    /// The viewer of a connection.
    pub(crate) fn viewer(&mut self, id: u64) -> Option<&mut Viewer> {
        self.viewers.iter_mut().find(|viewer| viewer.id() == id)
    }

    /// Gives the desktop a new size, within limits, and tells all viewers.
    pub(crate) fn resize(&mut self, size: (u16, u16), asked_by: u64) {
        let size = clamp_size(size);
        if size != self.size() {
            self.shell.resize(size.0.into(), size.1.into());
            for viewer in self
                .viewers
                .iter_mut()
                .filter(|viewer| viewer.id() != asked_by)
            {
                viewer.note_resize(size, RESIZED_BY_OTHER);
            }
        }
        if let Some(viewer) = self.viewer(asked_by) {
            viewer.note_resize(size, RESIZED_BY_VIEWER);
        }
    }

    /// Brings the picture up to date, if a viewer waits for it.
    pub(crate) fn refresh(&mut self, now: Now) {
        if !self.viewers.iter().any(Viewer::waits) {
            return;
        }
        let pace = self.shell.pace();
        let due = |ticked: Duration| now.uptime + FRAME_MIN / 2 >= ticked + pace;
        if self.ticked.is_none_or(due) {
            self.ticked = Some(now.uptime);
            self.shell.tick(now);
        }
        self.paint();
    }

    /// Paints what is stale and notes it for each viewer.
    pub(super) fn paint(&mut self) {
        if self.shell.is_stale() {
            let painted = self.shell.paint();
            for viewer in &mut self.viewers {
                viewer.note_painted(&painted);
            }
        }
    }
}

fn clamp_size((width, height): (u16, u16)) -> (u16, u16) {
    (
        width.clamp(SIZE_MIN.0, SIZE_MAX.0),
        height.clamp(SIZE_MIN.1, SIZE_MAX.1),
    )
}

/// The limits of what viewers can make of the desktop.
const SIZE_MIN: (u16, u16) = (320, 200);
const SIZE_MAX: (u16, u16) = (3840, 2160);
/// The reasons of the ExtendedDesktopSize rectangle.
const RESIZED_BY_VIEWER: u16 = 1;
const RESIZED_BY_OTHER: u16 = 2;
