//! The threads that write: whoever records hands over bytes and goes on.
//!
//! ```text
//! Track ──gathered──▶ writing ──finished──▶ keeping
//!   ▲     (bounded)     │                    ends, ages, mends
//!   └───── trouble ─────┘
//! ```
//!
//! A session must never wait for a disk. A [`Track`] therefore takes what it is given or says that
//! it cannot, and what becomes of the session is its owner's business. What it takes gathers where
//! both sides can reach it; the thread that writes all recordings of the process is woken when a
//! frame is full, and when the first bytes of one come, so that it knows when they are old enough.
//! Another thread does what may take its time: it brings recordings to their end on disk, and
//! looks after the folders.

mod keeping;
#[cfg(test)]
mod tests;
mod track;
mod writing;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;
use std::time::Duration;

pub use track::Track;

use crate::{Facts, Limits, Screen};

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
    totals: Arc<Totals>,
}

/// What all recordings of the process come to.
#[derive(Debug, Default)]
struct Totals {
    /// Bytes of all tracks that wait.
    waiting: AtomicUsize,
    /// Tracks that are open.
    open: AtomicUsize,
    /// Bytes that were written to files.
    written: AtomicU64,
    /// Recordings that could not be begun, or not go on.
    failed: AtomicU64,
}

/// Counts of a process since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that are being recorded now.
    pub open: usize,
    /// Bytes that were written to files.
    pub written: u64,
    /// Recordings that could not be begun, or not go on.
    pub failed: u64,
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
    /// Begins a recording. That it cannot be begun on disk is known later, as trouble; `alarm` is
    /// woken then.
    pub fn begin(
        &self,
        plan: Plan,
        facts: Facts,
        screen: Screen,
        alarm: Waker,
    ) -> Result<Track, Trouble> {
        let shared = Arc::new(track::Shared::new(&self.inner.totals, alarm));
        let number = self.inner.tracks.fetch_add(1, Relaxed);
        let orders = self.orders()?.0;
        let begin = writing::Order::Begin {
            number,
            plan,
            facts: Box::new(facts),
            screen: Box::new(screen),
            shared: Arc::clone(&shared),
        };
        orders.send(begin).map_err(|_| gone())?;
        Ok(Track::new(number, orders, shared))
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        let totals = &self.inner.totals;
        Counts {
            open: totals.open.load(Relaxed),
            written: totals.written.load(Relaxed),
            failed: totals.failed.load(Relaxed),
        }
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
            let started = start(&self.inner.totals);
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

fn start(totals: &Arc<Totals>) -> io::Result<Threads> {
    let (tell_ended, ended) = mpsc::channel();
    let (keeping, for_keeping) = mpsc::channel();
    let (writing, for_writing) = mpsc::channel();
    let done = tell_ended.clone();
    let counts = Arc::clone(totals);
    std::thread::Builder::new()
        .name("keeping".into())
        .spawn(move || {
            keeping::run(&for_keeping, &counts);
            let _ = done.send(());
        })?;
    let writer = writing::Writing::new(keeping.clone(), Arc::clone(totals))?;
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
