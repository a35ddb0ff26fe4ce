//! One session's line in the table: written by its thread, read by any.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use super::live::Live;
use super::{About, Session, SessionId};
use crate::Refusal;
use crate::policy::Terms;

/// What a session shows of itself. Only its own task writes the counters, so that adding is a
/// load and a store.
#[derive(Debug)]
pub(crate) struct Entry {
    about: About,
    live: Live,
    start: SystemTime,
    start_instant: Instant,
    connected: AtomicBool,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    frames_out: AtomicU64,
    messages_in: AtomicU64,
    /// Milliseconds from the start to the last input; 0 before the first.
    input_at: AtomicU64,
    /// Microseconds; 0 before the first pong.
    rtt: AtomicU64,
    cut: Mutex<CutSlot>,
}

#[derive(Debug, Default)]
struct CutSlot {
    why: Option<Refusal>,
    waker: Option<Waker>,
}

impl Entry {
    pub(crate) fn new(about: About, terms: Terms) -> Self {
        Self {
            about,
            live: Live::new(terms),
            start: net::clock::wall(),
            start_instant: net::clock::now(),
            connected: AtomicBool::new(false),
            bytes_out: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            frames_out: AtomicU64::new(0),
            messages_in: AtomicU64::new(0),
            input_at: AtomicU64::new(0),
            rtt: AtomicU64::new(0),
            cut: Mutex::default(),
        }
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// What may change while the session runs.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Changes what holds for the session, and has its task look at it.
    pub(super) fn change(&self, change: impl FnOnce(&mut Terms)) {
        if self.live.change(change) {
            let waker = self.lock().waker.take();
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }

    /// How long the session has lasted.
    pub(crate) fn age(&self) -> Duration {
        net::clock::now().saturating_duration_since(self.start_instant)
    }

    pub(crate) fn set_connected(&self) {
        self.connected.store(true, Relaxed);
    }

    pub(crate) fn add_out(&self, bytes: u64) {
        add(&self.bytes_out, bytes);
        add(&self.frames_out, 1);
    }

    pub(crate) fn add_in(&self, bytes: u64) {
        add(&self.bytes_in, bytes);
    }

    pub(crate) fn set_messages_in(&self, messages: u64) {
        self.messages_in.store(messages, Relaxed);
    }

    pub(crate) fn note_input(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start_instant);
        self.input_at
            .store((since.as_millis() as u64).max(1), Relaxed);
    }

    pub(crate) fn set_rtt(&self, rtt: Duration) {
        self.rtt.store((rtt.as_micros() as u64).max(1), Relaxed);
    }

    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Relaxed), self.bytes_out.load(Relaxed))
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        match self.rtt.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    /// Asks the session's task to end; the first reason counts.
    pub(super) fn cut(&self, why: Refusal) {
        let waker = {
            let mut slot = self.lock();
            slot.why.get_or_insert(why);
            slot.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Whether somebody wants the session to end. Otherwise `waker` is woken when somebody does.
    pub(crate) fn wants_cut(&self, waker: &Waker) -> Option<Refusal> {
        let mut slot = self.lock();
        match &mut slot.waker {
            Some(known) if known.will_wake(waker) => {}
            known => *known = Some(waker.clone()),
        }
        slot.why.clone()
    }

    pub(super) fn snapshot(&self, id: SessionId) -> Session {
        let input_at = match self.input_at.load(Relaxed) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        };
        let age = self.age();
        let terms = self.live.terms();
        Session {
            id,
            about: self.about.clone(),
            start: self.start,
            connected: self.connected.load(Relaxed),
            ending: self.lock().why.is_some(),
            view_only: terms.permissions.view_only,
            controls: terms.controls && !terms.permissions.view_only,
            permissions: terms.permissions,
            level: self.live.level(),
            bytes_out: self.bytes_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            messages_in: self.messages_in.load(Relaxed),
            age,
            idle: input_at.map(|at| age.saturating_sub(at)),
            rtt: self.rtt(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, CutSlot> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed) + n, Relaxed);
}
