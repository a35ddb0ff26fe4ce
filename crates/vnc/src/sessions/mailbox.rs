//! What others have for a session's page: words of operators, warnings, news of who else is there.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Texts that wait for one page. Beyond, the oldest goes: its session does not keep up.
const TEXTS_MAX: usize = 16;

/// Texts that wait, and whether the page's picture of who is there is out of date.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    /// Something may wait. Looked at on every turn of the session, hence no lock.
    due: AtomicBool,
    inner: Mutex<Waiting>,
}

/// What waits.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    pub(crate) texts: VecDeque<String>,
    /// Any number of changes are one piece of news.
    pub(crate) presence: bool,
}

impl Mailbox {
    pub(super) fn put(&self, text: String) {
        let mut waiting = self.lock();
        if waiting.texts.len() == TEXTS_MAX {
            waiting.texts.pop_front();
        }
        waiting.texts.push_back(text);
        drop(waiting);
        self.due.store(true, Ordering::Release);
    }

    pub(super) fn put_presence(&self) {
        self.lock().presence = true;
        self.due.store(true, Ordering::Release);
    }

    /// What waits; nothing most of the time, which costs a load.
    pub(super) fn take(&self) -> Option<Waiting> {
        if !self.due.load(Ordering::Relaxed) {
            return None;
        }
        self.due.swap(false, Ordering::Acquire);
        Some(std::mem::take(&mut *self.lock()))
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        // Nothing that holds the lock can leave it half changed.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_wait_in_order_and_bounded_and_presence_once() {
        let mailbox = Mailbox::default();
        assert!(mailbox.take().is_none());
        for n in 0..=TEXTS_MAX {
            mailbox.put(n.to_string());
            mailbox.put_presence();
        }
        let waiting = mailbox.take().unwrap();
        assert_eq!(waiting.texts.len(), TEXTS_MAX);
        assert_eq!(waiting.texts[0], "1", "the oldest went");
        assert!(waiting.presence);
        assert!(mailbox.take().is_none());
    }
}
