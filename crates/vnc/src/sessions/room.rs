//! Everybody who looks at one desktop: they are told of each other, and one may control alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

use super::control::{Control, Denied, Order, Outcome, Standing, Wish};
use super::{Entry, SessionId};
use crate::journal::control_record;
use crate::{Role, Target};

/// Viewers that a page is told of by name; of more it is told the number.
const VIEWERS_TOLD_MAX: usize = 64;

/// The rooms of a process, by machine: a desktop under two names is one machine.
#[derive(Debug, Default)]
pub(super) struct Rooms(Mutex<HashMap<Target, Arc<Room>>>);

/// One desktop and its viewers.
#[derive(Debug, Default)]
pub(crate) struct Room(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    control: Control,
    viewers: Vec<Arc<Entry>>,
}

impl Rooms {
    /// A session's screen is shown: it is there now.
    pub(super) fn join(&self, entry: &Arc<Entry>) {
        let Some(machine) = entry.machine() else {
            return;
        };
        let mut rooms = self.lock();
        let room = rooms.entry(machine.clone()).or_default();
        entry.set_room(Arc::clone(room));
        let mut inner = room.lock();
        inner.control.join(entry.id(), entry.standing());
        inner.viewers.push(Arc::clone(entry));
        inner.changed();
    }

    /// It goes.
    pub(super) fn leave(&self, entry: &Entry) {
        let (Some(machine), Some(room)) = (entry.machine(), entry.room()) else {
            return;
        };
        let mut rooms = self.lock();
        let mut inner = room.lock();
        inner.control.leave(entry.id());
        inner.viewers.retain(|there| there.id() != entry.id());
        inner.changed();
        if inner.control.is_empty() {
            rooms.remove(machine);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Target, Arc<Room>>> {
        // Nothing that holds the lock can leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Room {
    /// What the page of `by` wishes; what it is to be told if it is not granted.
    pub(crate) fn wish(&self, by: SessionId, wish: Wish) -> Result<(), Denied> {
        let mut inner = self.lock();
        match inner.control.wish(by, wish)? {
            Outcome::Changed => {
                inner.changed();
                inner.note(by, wish.word(), None);
            }
            Outcome::Unchanged => {}
            Outcome::Ask(controller) => {
                let asked = Asked {
                    kind: "control",
                    state: "requested",
                    by: by.to_string(),
                    user: inner.entry(by).and_then(|entry| entry.about().name()),
                };
                let text = super::view::json(&asked);
                if let Some(entry) = inner.entry(controller) {
                    entry.say(text);
                }
            }
            Outcome::TellNo(to) => {
                if let Some(entry) = inner.entry(to) {
                    entry.say(refused(
                        "The person who controls this desktop keeps control.",
                    ));
                }
            }
        }
        Ok(())
    }

    /// What an operator, `by`, orders about `id`.
    pub(super) fn order(&self, id: SessionId, order: Order, by: &str) -> Result<(), Denied> {
        let mut inner = self.lock();
        if inner.control.order(id, order)? == Outcome::Changed {
            inner.changed();
            inner.note(id, order.word(), Some(by));
        }
        Ok(())
    }

    /// What a session may do at most has changed.
    pub(super) fn judge_again(&self, id: SessionId) {
        let mut inner = self.lock();
        let standing = inner.entry(id).map(|entry| entry.standing());
        if standing.is_some_and(|standing| inner.control.set_standing(id, standing)) {
            inner.changed();
        }
    }

    /// Who is there, as the page of `you` is told.
    pub(crate) fn presence(&self, you: SessionId) -> String {
        let inner = self.lock();
        // Who only watches need not know where the others sit.
        let tells_addresses = inner.entry(you).is_some_and(|entry| {
            let about = entry.about();
            about.role >= Role::Control && about.link.is_none()
        });
        let viewer = |entry: &Arc<Entry>| Viewer {
            id: entry.id().to_string(),
            user: entry.about().name(),
            client: tells_addresses.then(|| entry.about().client.clone()),
            view_only: entry.standing() == Standing::Watches,
            controls: inner.control.controls(entry.id()),
            watching: entry.about().watches.is_some(),
            since: super::view::unix(entry.start()),
        };
        let told = inner.viewers.iter().take(VIEWERS_TOLD_MAX);
        super::view::json(&Presence {
            kind: "presence",
            you: you.to_string(),
            viewers: told.map(viewer).collect(),
            more: inner.viewers.len().saturating_sub(VIEWERS_TOLD_MAX),
            controller: inner.control.controller().map(|id| id.to_string()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing that holds the lock can leave it half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn entry(&self, id: SessionId) -> Option<&Arc<Entry>> {
        self.viewers.iter().find(|there| there.id() == id)
    }

    /// Writes down that control has changed.
    fn note(&self, id: SessionId, what: &str, by: Option<&str>) {
        if let Some(entry) = self.entry(id) {
            let about = entry.about();
            let controller = self.control.controller();
            about
                .notes
                .write(|| control_record(about, what, by, controller));
        }
    }

    /// Lets every session know what holds for it now, and every page who is there.
    fn changed(&self) {
        for entry in &self.viewers {
            entry.set_held(self.control.is_held_from(entry.id()));
            entry.tell_presence();
        }
    }
}

/// What a page is told when its wish is not granted.
pub(crate) fn refused(reason: &str) -> String {
    super::view::json(&Refused {
        kind: "control",
        state: "refused",
        reason,
    })
}

#[derive(Serialize)]
struct Refused<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    state: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Asked<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    state: &'a str,
    by: String,
    user: Option<String>,
}

#[derive(Serialize)]
struct Presence<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    you: String,
    viewers: Vec<Viewer>,
    /// How many more there are than are named.
    more: usize,
    controller: Option<String>,
}

#[derive(Serialize)]
struct Viewer {
    id: String,
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<String>,
    view_only: bool,
    controls: bool,
    watching: bool,
    since: u64,
}
