//! Questions to machines: each is asked once, however many people want the answer, and few are
//! asked at a time.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::Deadline;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Questions of one kind, by what they are about. Threads share it.
#[derive(Debug)]
pub(crate) struct Asks<K, A> {
    slots: Mutex<HashMap<K, Slot<A>>>,
    turns: Turns,
    /// Questions that are waited for or whose answer is kept.
    slots_max: usize,
}

/// An answer and when it came.
#[derive(Debug, Clone)]
pub(crate) struct Answer<A> {
    pub(crate) at: Instant,
    pub(crate) said: A,
}

/// The right to ask; others wait until it is dropped.
pub(crate) type Turn = Option<OwnedSemaphorePermit>;

/// Where turns are had, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Turns {
    /// Waits for a turn. Cancel-safe.
    pub(crate) async fn next(self) -> Turn {
        // It is never closed.
        self.0.acquire_owned().await.ok()
    }
}

/// Why nobody is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotAsked {
    /// Too many others are.
    TooMany,
    /// The thread that asked is gone.
    Gone,
}

/// A question that is being asked, or was.
#[derive(Debug, Clone)]
struct Slot<A>(watch::Receiver<Option<Answer<A>>>);

impl<K, A> Asks<K, A>
where
    K: Clone + Eq + Hash + 'static,
    A: Clone + 'static,
{
    /// Lets so many questions be asked at a time, and so many be waited for or kept.
    pub(crate) fn new(turns: usize, slots_max: usize) -> Self {
        Self {
            slots: Mutex::default(),
            turns: Turns(Arc::new(Semaphore::new(turns))),
            slots_max,
        }
    }

    /// The answer that somebody else waits for or has got, unless `is_stale`, or else a new one by
    /// `ask`, which is kept for `keep`. To be awaited on a thread's `LocalRuntime`. Cancel-safe:
    /// what is asked is asked nevertheless.
    pub(crate) async fn answer<F>(
        self: &Arc<Self>,
        about: K,
        is_stale: impl Fn(&Answer<A>) -> bool,
        keep: Duration,
        ask: impl FnOnce(Turns) -> F + 'static,
    ) -> Result<A, NotAsked>
    where
        F: Future<Output = A>,
    {
        let mut slot = self.slot(about, is_stale, keep, ask)?;
        let answered = slot.0.wait_for(Option::is_some).await;
        let answer = answered
            .ok()
            .and_then(|answer| Some(answer.as_ref()?.said.clone()));
        // Without an answer, the task is gone with its thread.
        answer.ok_or(NotAsked::Gone)
    }

    /// Asks as [`Self::answer`] does, without waiting.
    pub(crate) fn begin<F>(
        self: &Arc<Self>,
        about: K,
        is_stale: impl Fn(&Answer<A>) -> bool,
        keep: Duration,
        ask: impl FnOnce(Turns) -> F + 'static,
    ) -> Result<(), NotAsked>
    where
        F: Future<Output = A>,
    {
        self.slot(about, is_stale, keep, ask).map(drop)
    }

    fn slot<F>(
        self: &Arc<Self>,
        about: K,
        is_stale: impl Fn(&Answer<A>) -> bool,
        keep: Duration,
        ask: impl FnOnce(Turns) -> F + 'static,
    ) -> Result<Slot<A>, NotAsked>
    where
        F: Future<Output = A>,
    {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(&about) {
            let answer = slot.0.borrow().clone();
            if !answer.is_some_and(|answer| is_stale(&answer)) {
                return Ok(slot.clone());
            }
        }
        if slots.len() >= self.slots_max {
            return Err(NotAsked::TooMany);
        }
        let (sender, receiver) = watch::channel(None);
        let slot = Slot(receiver);
        slots.insert(about.clone(), slot.clone());
        let place = Place {
            asks: Arc::clone(self),
            about,
            slot: slot.clone(),
        };
        let turns = self.turns.clone();
        tokio::task::spawn_local(async move {
            // The slot goes with the task.
            let _place = place;
            let said = ask(turns).await;
            let at = Instant::now();
            sender.send_replace(Some(Answer { at, said }));
            Deadline::after(keep).expired().await;
        });
        Ok(slot)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Slot<A>>> {
        // Nothing that holds the lock can leave the table half changed.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A question's place in the table.
struct Place<K: Clone + Eq + Hash + 'static, A: Clone + 'static> {
    asks: Arc<Asks<K, A>>,
    about: K,
    slot: Slot<A>,
}

impl<K: Clone + Eq + Hash + 'static, A: Clone + 'static> Drop for Place<K, A> {
    fn drop(&mut self) {
        let mut slots = self.asks.lock();
        let is_own = |slot: &Slot<A>| slot.0.same_channel(&self.slot.0);
        if slots.get(&self.about).is_some_and(is_own) {
            slots.remove(&self.about);
        }
    }
}
