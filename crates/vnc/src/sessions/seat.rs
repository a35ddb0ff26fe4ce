//! A session's place in the table.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::limits;
use super::{About, Entry, SessionId, Sessions};
use crate::{Policy, Refusal, Subprotocol, Target};

/// How long a session waits for those that must make room: they are told before they go.
const ROOM_TIMEOUT: Duration = Duration::from_secs(3);

/// A session's place in the table.
#[derive(Debug)]
pub(crate) struct Seat {
    /// `None` if the session could not be listed.
    pub(crate) id: Option<SessionId>,
    pub(crate) entry: Arc<Entry>,
    sessions: Sessions,
    /// Those that had to make room.
    displaced: Vec<Arc<Entry>>,
}

impl Sessions {
    /// Enters a session; it leaves when the seat is dropped. Without a name, which only fails to
    /// be made when the system has no random bytes, it is not listed.
    pub(crate) fn enter(
        &self,
        about: About,
        machine: Option<Target>,
        policy: &Policy,
        protocol: Subprotocol,
    ) -> Seat {
        let id = about.id.or_else(|| SessionId::random().ok());
        let metrics = Arc::clone(&self.metrics);
        let entry = Entry::new(
            id.unwrap_or_default(),
            about,
            machine,
            policy,
            protocol,
            metrics,
        );
        let entry = Arc::new(entry);
        self.metrics.started();
        if let Some(id) = id {
            self.lock().insert(id, Arc::clone(&entry));
        }
        // Its policy may have changed since it was asked what watching it takes.
        if let Some(watched) = entry.about().watches.and_then(|id| self.entry(id)) {
            entry.watch_as(&watched);
        }
        Seat {
            id,
            entry,
            sessions: self.clone(),
            displaced: Vec::new(),
        }
    }
}

impl Seat {
    /// Lets the session begin, if the limits allow it. From then on it counts itself, and whoever
    /// makes room for it is told.
    pub(crate) fn admit(&mut self) -> Result<(), Refusal> {
        let Some(machine) = self.entry.machine() else {
            return Ok(());
        };
        let table = self.sessions.lock();
        self.displaced = limits::admit(self.entry.about(), machine, table.values())?;
        if limits::takes_a_place(self.entry.about()) {
            self.entry.set_counts();
        }
        let name = self.entry.about().name();
        for entry in &self.displaced {
            entry.cut(Refusal::TakenOver(name.clone()), name.as_deref());
        }
        Ok(())
    }

    /// Waits until those that had to make room have left the machine, but not for ever.
    pub(crate) fn room_is_made(&mut self) -> impl Future<Output = ()> + use<> {
        let displaced = std::mem::take(&mut self.displaced);
        async move {
            let deadline = net::Deadline::after(ROOM_TIMEOUT);
            let left = poll_fn(|cx| {
                let has_left = |entry: &Arc<Entry>| entry.has_left(cx.waker());
                match displaced.iter().all(has_left) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            });
            tokio::select! {
                () = left => {}
                () = deadline.expired() => {}
            }
        }
    }

    /// The screen is shown: others that look at the desktop are told.
    pub(crate) fn join(&self) {
        self.sessions.rooms.join(&self.entry);
    }

    /// Counts the end.
    pub(crate) fn count_end(&self, reason: &'static str) {
        match self.entry.is_connected() {
            true => self.sessions.metrics.ended(reason),
            false => self.sessions.metrics.refused(reason),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.entry.set_left();
        self.sessions.rooms.leave(&self.entry);
        let mut table = self.sessions.lock();
        if let Some(id) = self.id {
            table.remove(&id);
            let watches = |entry: &&Arc<Entry>| entry.about().watches == Some(id);
            for entry in table.values().filter(watches) {
                entry.cut(Refusal::WatchedIsOver, None);
            }
        }
        self.sessions.metrics.moved(self.entry.moved());
    }
}
