//! Threads for work that would stall an event loop: reading folders, decoding pictures.
//!
//! They are few, and what is given to them is a piece of work with an end: whatever takes long
//! comes as many pieces, so that nobody waits for all of somebody else's.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::thread;

use tokio::sync::oneshot;

const THREADS: usize = 2;

/// Pieces that may wait; the next one is refused.
const WAITING_MAX: usize = 256;

/// The helpers have too much to do, or the work failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Busy;

/// What will come of a piece of work.
#[derive(Debug)]
pub struct Pending<T>(oneshot::Receiver<T>);

impl<T> Future for Pending<T> {
    type Output = Result<T, Busy>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0)
            .poll(cx)
            .map(|done| done.map_err(|_| Busy))
    }
}

/// Has a piece of work done elsewhere. Work that nobody waits for any more is not begun.
pub fn start<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Pending<T>, Busy> {
    let (done, pending) = oneshot::channel();
    let job = Box::new(move || {
        if !done.is_closed() {
            // Whoever waited may go just now, too.
            let _ = done.send(work());
        }
    });
    pool().try_send(job).map_err(|_| Busy)?;
    Ok(Pending(pending))
}

/// Does a piece of work elsewhere and waits for it. Cancel-safe.
pub async fn run<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
    start(work)?.await
}

type Job = Box<dyn FnOnce() + Send>;

/// The threads, which start with the first piece of work.
fn pool() -> &'static SyncSender<Job> {
    static POOL: OnceLock<SyncSender<Job>> = OnceLock::new();
    POOL.get_or_init(|| {
        let (sender, jobs) = sync_channel::<Job>(WAITING_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..THREADS {
            let jobs = jobs.clone();
            let named = thread::Builder::new().name("helper".into());
            // Without any thread, sending fails and all work is refused.
            drop(named.spawn(move || obey(&jobs)));
        }
        sender
    })
}

fn obey(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // The panic was logged where it happened; what it broke went with the job.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn work_is_done_elsewhere_and_a_panic_ends_only_itself() {
        let here = thread::current().id();
        for _ in 0..2 * THREADS {
            assert_eq!(wait(run(|| -> u8 { panic!("expected") })), Err(Busy));
        }
        assert_ne!(wait(run(|| thread::current().id())), Ok(here));
    }

    #[test]
    fn there_is_an_end_to_what_may_wait() {
        let (free, wait) = std::sync::mpsc::channel::<()>();
        let wait = Arc::new(Mutex::new(wait));
        let mut all = Vec::new();
        let refused = (0..WAITING_MAX + THREADS + 1).find_map(|_| {
            let wait = wait.clone();
            let work = move || {
                let _ = wait.lock().unwrap_or_else(PoisonError::into_inner).recv();
            };
            match start(work) {
                Ok(pending) => {
                    all.push(pending);
                    None
                }
                Err(busy) => Some(busy),
            }
        });
        assert_eq!(refused, Some(Busy));
        drop(free);
    }
}
