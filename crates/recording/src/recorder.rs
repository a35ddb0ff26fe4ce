//! The threads that write: whoever records hands over bytes and goes on.
//!
//! ```text
//! Track ──batches──▶ writing ──finished──▶ keeping
//!   ▲    (bounded)     │                    ends, ages, mends
//!   └──── trouble ─────┘
//! ```
//!
//! A session must never wait for a disk. A [`Track`] therefore takes a batch or says that it
//! cannot, and what becomes of the session is its owner's business. One thread writes all
//! recordings of the process; another one does what may take its time: it brings recordings to
//! their end on disk, and looks after the folders.

mod keeping;
#[cfg(test)]
mod tests;
mod writing;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use crate::{Ending, Facts, Limits, Position, Screen};

/// Bytes of one recording that may wait to be written.
pub const TRACK_WAITING_MAX: usize = 32 << 20;

/// Bytes of all recordings that may wait to be written.
pub const ALL_WAITING_MAX: usize = 256 << 20;

/// Batches of one recording that may wait to be written.
const TRACK_BATCHES_MAX: usize = 16 * 1024;

/// What a batch costs beside its bytes.
const BATCH_COST: usize = 64;

/// How grave something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grade {
    /// Of interest while something is looked into.
    Info,
    /// Worth a line.
    Notice,
    /// Something is lost, or will be.
    Error,
}

/// Where what happens is told, from any thread.
pub type Tell = Arc<dyn Fn(Grade, &str) + Send + Sync>;

/// Where recordings go, and how many of them stay.
#[derive(Clone)]
pub struct Plan {
    /// The folder.
    pub folder: PathBuf,
    /// What may stay in it.
    pub limits: Limits,
    /// Who is told.
    pub tell: Tell,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Plan");
        debug.field("folder", &self.folder);
        debug.field("limits", &self.limits).finish_non_exhaustive()
    }
}

/// Why nothing more is recorded; a sentence for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// The recorder of a process. Clones are the same one. Its threads start with the first use.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    threads: Mutex<Option<Threads>>,
    tracks: AtomicU64,
    /// Bytes of all tracks that wait.
    waiting: Arc<AtomicUsize>,
}

#[derive(Debug)]
struct Threads {
    writing: Sender<writing::Order>,
    keeping: Sender<keeping::Order>,
    /// Gets a word from each thread that has ended.
    ended: Receiver<()>,
}

const THREADS: usize = 2;

impl Recorder {
    /// Begins a recording. That it cannot be begun on disk is known later, as trouble.
    pub fn begin(&self, plan: Plan, facts: Facts, screen: Screen) -> Result<Track, Trouble> {
        let state = Arc::new(State::default());
        let number = self.inner.tracks.fetch_add(1, Relaxed);
        let orders = self.orders()?.0;
        let begin = writing::Order::Begin {
            number,
            plan,
            facts: Box::new(facts),
            screen: Box::new(screen),
            state: Arc::clone(&state),
        };
        orders.send(begin).map_err(|_| gone())?;
        Ok(Track {
            number,
            orders,
            state,
            all_waiting: Arc::clone(&self.inner.waiting),
            ended: false,
        })
    }

    /// Looks after these folders, and no others, from now on. Without any, nothing is started.
    pub fn keep(&self, plans: Vec<Plan>) {
        if plans.is_empty() && self.lock().is_none() {
            return;
        }
        let tell = plans.first().map(|plan| Arc::clone(&plan.tell));
        let sent = self.orders().and_then(|(_, keeping)| {
            keeping
                .send(keeping::Order::Keep(plans))
                .map_err(|_| gone())
        });
        if let (Err(trouble), Some(tell)) = (sent, tell) {
            tell(Grade::Error, &trouble.to_string());
        }
    }

    /// Waits until everything that was handed over is on disk, at most for `limit`; says whether
    /// it is. Nothing can be recorded afterwards.
    pub fn shut_down(&self, limit: Duration) -> bool {
        let Some(threads) = self.lock().take() else {
            return true;
        };
        let Threads {
            writing,
            keeping,
            ended,
        } = threads;
        // The one who writes ends the other, which has to finish what it is given to the last.
        drop(keeping);
        let _ = writing.send(writing::Order::Stop);
        let deadline = std::time::Instant::now() + limit;
        (0..THREADS).all(|_| {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            ended.recv_timeout(left).is_ok()
        })
    }

    fn orders(&self) -> Result<(Sender<writing::Order>, Sender<keeping::Order>), Trouble> {
        let mut threads = self.lock();
        if threads.is_none() {
            let started = start(&self.inner.waiting);
            let failed = |error| Trouble(format!("the recorder's threads do not start: {error}"));
            *threads = Some(started.map_err(failed)?);
        }
        let threads = threads.as_ref().ok_or_else(gone)?;
        Ok((threads.writing.clone(), threads.keeping.clone()))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Threads>> {
        self.inner
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(waiting: &Arc<AtomicUsize>) -> io::Result<Threads> {
    let (tell_ended, ended) = mpsc::channel();
    let (keeping, for_keeping) = mpsc::channel();
    let (writing, for_writing) = mpsc::channel();
    let done = tell_ended.clone();
    std::thread::Builder::new()
        .name("keeping".into())
        .spawn(move || {
            keeping::run(&for_keeping);
            let _ = done.send(());
        })?;
    let writer = writing::Writing::new(keeping.clone(), Arc::clone(waiting))?;
    std::thread::Builder::new()
        .name("recording".into())
        .spawn(move || {
            writer.run(&for_writing);
            let _ = tell_ended.send(());
        })?;
    Ok(Threads {
        writing,
        keeping,
        ended,
    })
}

fn gone() -> Trouble {
    Trouble("the recorder has ended".into())
}

/// What a track and the writing thread share.
#[derive(Debug, Default)]
struct State {
    waiting: AtomicUsize,
    batches: AtomicUsize,
    trouble: OnceLock<Trouble>,
}

/// Things that came at one time.
#[derive(Debug, Default)]
pub struct Batch {
    /// Milliseconds of the session.
    pub ms: u32,
    /// What the server sent.
    pub bytes: Vec<u8>,
    /// Where the pointer was.
    pub positions: Vec<Position>,
}

impl Batch {
    fn cost(&self) -> usize {
        self.bytes.capacity() + self.positions.len() * size_of::<Position>() + BATCH_COST
    }
}

/// A recording, on the side of the session. Dropped without an end, it is one that was cut short.
#[derive(Debug)]
pub struct Track {
    number: u64,
    orders: Sender<writing::Order>,
    state: Arc<State>,
    all_waiting: Arc<AtomicUsize>,
    ended: bool,
}

impl Track {
    /// Hands something over. In trouble, it is not taken, and nothing will be any more.
    pub fn push(&self, batch: Batch) -> Result<(), Trouble> {
        self.trouble()?;
        let cost = batch.cost();
        let waiting = self.state.waiting.load(Relaxed) + cost;
        let batches = self.state.batches.load(Relaxed);
        let all_waiting = self.all_waiting.load(Relaxed) + cost;
        if waiting > TRACK_WAITING_MAX
            || batches >= TRACK_BATCHES_MAX
            || all_waiting > ALL_WAITING_MAX
        {
            return Err(Trouble(format!(
                "the recorder does not keep up: {} bytes wait to be written",
                all_waiting - cost
            )));
        }
        self.state.waiting.fetch_add(cost, Relaxed);
        self.state.batches.fetch_add(1, Relaxed);
        self.all_waiting.fetch_add(cost, Relaxed);
        let order = writing::Order::Batch {
            number: self.number,
            batch,
        };
        self.orders.send(order).map_err(|_| gone())
    }

    /// What went wrong on disk, if anything did.
    pub fn trouble(&self) -> Result<(), Trouble> {
        self.state.trouble.get().cloned().map_or(Ok(()), Err)
    }

    /// Ends it.
    pub fn end(mut self, ms: u32, ending: Ending, reason: &str) {
        self.finish(ms, ending, reason);
    }

    fn finish(&mut self, ms: u32, ending: Ending, reason: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let end = crate::End {
            ending,
            reason: reason.to_owned(),
            ms,
        };
        // Without the thread, there is nothing left to end.
        let _ = self.orders.send(writing::Order::End {
            number: self.number,
            end,
        });
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.finish(0, Ending::CutShort, "lost");
    }
}
