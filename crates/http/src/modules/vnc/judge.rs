//! Live sessions and the configuration of now: each is judged again as its own request would be,
//! after a reload and when a file of tokens or of users changes.
//!
//! A session holds no configuration (decision 0005). What is kept of it is its request's head and
//! what it was granted ([`Case`]); decision 0023 says why.

mod came;
mod case;
mod each;
mod granted;
mod kept;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::task::AbortHandle;
use vnc::SessionId;

pub use self::case::Case;
use self::each::each;
use crate::thread::{Generation, Thread};

/// How often it is looked whether files of tokens and users have changed under live sessions.
const FILES_INTERVAL: Duration = Duration::from_secs(2);

/// How often services are asked whether the tokens of live sessions hold.
const ELSEWHERE_INTERVAL: Duration = Duration::from_secs(30);

/// Where that stands which live sessions rest on, each with a task that looks whether it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Watched {
    /// In files of this machine: a look costs little.
    Files,
    /// Somebody else has to be asked.
    Elsewhere,
}

impl Watched {
    fn interval(self) -> Duration {
        match self {
            Self::Files => FILES_INTERVAL,
            Self::Elsewhere => ELSEWHERE_INTERVAL,
        }
    }
}

/// The sessions of a thread that can be judged again.
#[derive(Default)]
pub struct Cases {
    all: RefCell<HashMap<SessionId, Rc<Case>>>,
    /// The task that judges after a reload.
    judging: RefCell<Option<AbortHandle>>,
    /// The tasks that watch tokens and files of users.
    watching: RefCell<Vec<Watched>>,
}

/// A session's place among them.
pub struct Enrolled {
    thread: Weak<Thread>,
    id: SessionId,
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.upgrade() {
            thread.cases.all.borrow_mut().remove(&self.id);
        }
    }
}

impl Cases {
    /// Adds a session that begins. `under` is the number of the generation that granted it.
    pub fn enrol(thread: &Rc<Thread>, case: Case, under: u64) -> Enrolled {
        let id = case.id;
        let case = Rc::new(case);
        thread.cases.all.borrow_mut().insert(id, case.clone());
        for watched in [Watched::Files, Watched::Elsewhere] {
            if case.is_watched(watched) && !thread.cases.watching.borrow().contains(&watched) {
                thread.cases.watching.borrow_mut().push(watched);
                tokio::task::spawn_local(watch(Rc::downgrade(thread), watched));
            }
        }
        // There was a reload between the request and now.
        if let Some(generation) = thread.generation_now()
            && generation.number != under
        {
            tokio::task::spawn_local(async move { case.judge(&generation).await });
        }
        Enrolled {
            thread: Rc::downgrade(thread),
            id,
        }
    }

    /// Judges all by a configuration that has just come into force.
    pub fn judge_all(&self, generation: &Rc<Generation>) {
        if let Some(older) = self.judging.take() {
            older.abort();
        }
        let cases = self.list();
        if cases.is_empty() {
            return;
        }
        let generation = generation.clone();
        let task = tokio::task::spawn_local(each(cases, move |case| {
            let generation = generation.clone();
            async move {
                if let Some(case) = case.upgrade() {
                    case.judge(&generation).await;
                }
            }
        }));
        self.judging.replace(Some(task.abort_handle()));
    }

    fn list(&self) -> Vec<Weak<Case>> {
        self.all.borrow().values().map(Rc::downgrade).collect()
    }
}

/// Judges sessions whose tokens say something else or whose users are gone, for as long as there
/// are sessions with such.
async fn watch(thread: Weak<Thread>, watched: Watched) {
    loop {
        net::timer::sleep(watched.interval()).await;
        let Some(cases) = thread.upgrade().map(|thread| thread.cases.list()) else {
            return;
        };
        let is_watched = |case: &Weak<Case>| {
            let case = case.upgrade();
            case.is_some_and(|case| case.is_watched(watched))
        };
        let cases: Vec<_> = cases.into_iter().filter(is_watched).collect();
        if cases.is_empty() {
            if let Some(thread) = thread.upgrade() {
                let mut watching = thread.cases.watching.borrow_mut();
                watching.retain(|one| *one != watched);
            }
            return;
        }
        each(cases, |case| {
            let thread = thread.clone();
            async move {
                if let Some(case) = case.upgrade() {
                    case.look(thread, watched).await;
                }
            }
        })
        .await;
    }
}
