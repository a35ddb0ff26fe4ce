//! What of a session's policy changes while it runs: written by anybody, read by its task.

use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::policy::{Level, Terms};

/// The terms of one session.
#[derive(Debug)]
pub(crate) struct Live {
    /// The task has not looked at the terms since they changed.
    is_changed: AtomicBool,
    terms: Mutex<Terms>,
    /// How much of the session is read, as a [`Level`].
    level: AtomicU8,
}

impl Live {
    pub(super) fn new(terms: Terms) -> Self {
        Self {
            is_changed: AtomicBool::new(false),
            terms: Mutex::new(terms),
            level: AtomicU8::new(0),
        }
    }

    /// What holds now.
    pub(crate) fn terms(&self) -> Terms {
        *self.lock()
    }

    /// How much of the session is read: 0, 1 or 2.
    pub(crate) fn level(&self) -> u8 {
        self.level.load(Relaxed)
    }

    pub(crate) fn set_level(&self, level: Level) {
        self.level.store(level as u8, Relaxed);
    }

    /// New terms, if somebody has changed them since the last call. The task that asks must have
    /// left its waker before ([`Entry::wants_cut`](super::Entry::wants_cut)).
    pub(crate) fn take_change(&self) -> Option<Terms> {
        // Without a change, nothing is written that other cores read.
        if !self.is_changed.load(Relaxed) {
            return None;
        }
        let terms = self.lock();
        self.is_changed.store(false, Relaxed);
        Some(*terms)
    }

    /// Changes the terms; says whether they are others now, so that the task has to be woken.
    pub(super) fn change(&self, change: impl FnOnce(&mut Terms)) -> bool {
        let mut terms = self.lock();
        let before = *terms;
        change(&mut terms);
        let is_changed = *terms != before;
        if is_changed {
            self.is_changed.store(true, Relaxed);
        }
        is_changed
    }

    fn lock(&self) -> MutexGuard<'_, Terms> {
        // Nothing that holds the lock can leave the terms half changed.
        self.terms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
