//! Every live session of the process: what is known of it, and a way to end it.

mod about;
pub(crate) mod control;
mod entry;
mod holds;
mod limits;
mod live;
mod mailbox;
mod metrics;
mod room;
mod seat;
#[cfg(test)]
mod tests;
pub(crate) mod view;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub use about::{About, LinkUse, Session, SessionId, Watch};
pub use control::Order;
pub(crate) use entry::Entry;
pub use holds::Holder;
pub use limits::Limits;
pub(crate) use seat::Seat;
pub use view::Asking;

use holds::Holds;
pub use metrics::Beside;
use metrics::{Live, Metrics, Moved};
use room::Rooms;
use view::View;

use crate::attempts::Attempts;
use crate::policy::Terms;
use crate::{Policy, Refusal, Target};

/// The table of live sessions. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<SessionId, Arc<Entry>>>>,
    holds: Arc<Holds>,
    attempts: Arc<Attempts>,
    rooms: Arc<Rooms>,
    metrics: Arc<Metrics>,
}

impl Sessions {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// How many are for somebody or something, such as for a limit.
    pub fn count(&self, matches: impl Fn(&About) -> bool) -> usize {
        self.lock()
            .values()
            .filter(|entry| matches(entry.about()))
            .count()
    }

    /// All of them, the oldest first.
    pub fn list(&self) -> Vec<Session> {
        let entries: Vec<_> = self.lock().values().cloned().collect();
        let mut list: Vec<_> = entries.iter().map(|entry| entry.snapshot()).collect();
        list.sort_by_key(|session| (session.start, session.id));
        list
    }

    /// All of them as JSON for whoever asks, without those that are being ended.
    pub fn to_json(&self, asking: &Asking) -> String {
        let list = self.list();
        let live = list.iter().filter(|session| !session.ending);
        view::json(&view::List {
            asking,
            sessions: live.map(View::of).collect(),
        })
    }

    /// One of them as JSON; `None` when it is over.
    pub fn one_to_json(&self, id: SessionId) -> Option<String> {
        let session = self.entry(id)?.snapshot();
        Some(view::json(&View::of(&session)))
    }

    /// Everything that is counted, as Prometheus reads it.
    pub fn metrics(&self, beside: &Beside) -> String {
        // A session that ends now is counted either as alive or as over.
        let table = self.lock();
        let (mut live, mut moved) = (Live::default(), Moved::default());
        for entry in table.values() {
            match entry.is_connected() {
                true => live.connected += 1,
                false => live.connecting += 1,
            }
            moved.add(entry.moved());
        }
        self.metrics.text(live, moved, beside)
    }

    /// What somebody needs who watches a session; `None` when it is over or goes nowhere.
    pub fn watch(&self, id: SessionId) -> Option<Watch> {
        let entry = self.entry(id)?;
        let (machine, policy) = entry.watch()?;
        Some(Watch {
            id,
            machine,
            policy,
            desktop: entry.about().desktop.clone(),
            title: entry.about().title.clone(),
        })
    }

    /// Gives control of its desktop to a session alone, or frees the desktop. `None` when there is
    /// no such session with a screen; otherwise whether it can be.
    /// `by` is who orders it, for the journal.
    pub fn order(&self, id: SessionId, order: Order, by: &str) -> Option<Result<(), &'static str>> {
        let done = self.entry(id)?.room()?.order(id, order, by);
        Some(done.map_err(control::Denied::sentence))
    }

    /// Whoever would be held: a user, otherwise a token; `None` if there is neither.
    pub fn holder(&self, user: Option<&str>, token: &str, target: &str) -> Option<Holder> {
        self.holds.holder(user, token, target)
    }

    /// Whether somebody's session was cut so lately that it may not come back yet.
    pub fn is_held(&self, holder: Holder) -> bool {
        self.holds.holds(holder)
    }

    /// Ends a session; `why` is told to its person. `false` when there is no such session. After a
    /// [`Refusal::Cut`] its person is held.
    pub fn cut(&self, id: SessionId, why: Refusal) -> bool {
        self.entry(id).is_some_and(|entry| {
            self.end(&entry, why, None);
            true
        })
    }

    /// The same at the wish of a person, whom the journal names.
    pub fn cut_by(&self, id: SessionId, why: Refusal, by: &str) -> bool {
        self.entry(id).is_some_and(|entry| {
            self.end(&entry, why, Some(by));
            true
        })
    }

    fn end(&self, entry: &Entry, why: Refusal, by: Option<&str>) {
        if let (Refusal::Cut(_), Some((holder, time))) = (&why, entry.about().hold) {
            self.holds.add(holder, time);
        }
        entry.cut(why, by);
    }

    /// Ends every session that `matches`; says how many.
    pub fn cut_matching(&self, why: &Refusal, matches: impl Fn(&Session) -> bool) -> usize {
        let matching = self.list().into_iter().filter(matches);
        matching
            .filter(|session| self.cut(session.id, why.clone()))
            .count()
    }

    /// Applies a policy to a session that runs: permissions, idle time and age; the rest of a
    /// policy counts when a session starts. `false` when there is no such session.
    ///
    /// The session's task applies it before it moves another byte, at the end of a message that is
    /// under way. Input is dropped from then on where only watching is allowed, held keys and
    /// buttons are released first, and a page of ours is told (`policy`). What is allowed again
    /// works as far as it was negotiated: what a viewer asks for when it connects is judged then.
    /// Quality counts from the viewer's next choice of encodings on.
    ///
    /// A session that cannot be held to the new policy ends with [`Refusal::PolicyChanged`], and
    /// its viewer comes back to a new one: one whose stream is not understood, or whose server's
    /// stream was not followed from the start and would have to be, as for the machine's clipboard.
    ///
    /// Sessions that watch it see no more than it does from then on.
    pub fn set_policy(&self, id: SessionId, policy: &Policy) -> bool {
        let new = policy.terms();
        self.entry(id).is_some_and(|entry| {
            let is_changed = entry.change(|terms| {
                *terms = Terms {
                    controls: terms.controls,
                    ..new
                };
            });
            if is_changed {
                self.tell_watching(&entry);
            }
            if let Some(room) = entry.room() {
                room.judge_again(id);
            }
            true
        })
    }

    /// What holds for a session holds for those that watch it.
    fn tell_watching(&self, watched: &Entry) {
        let table = self.lock();
        let watch = table.values();
        watch
            .filter(|entry| entry.about().watches == Some(watched.id()))
            .for_each(|entry| entry.watch_as(watched));
    }

    /// Logins that failed.
    pub(crate) fn attempts(&self) -> &Arc<Attempts> {
        &self.attempts
    }

    /// Whether a session might begin now. That it may is only decided when it does.
    pub fn would_admit(&self, about: &About, machine: &Target) -> Result<(), Refusal> {
        limits::admit(about, machine, self.lock().values()).map(drop)
    }

    pub(crate) fn entry(&self, id: SessionId) -> Option<Arc<Entry>> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Entry>>> {
        // Nothing that holds the lock can leave the table half changed.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
