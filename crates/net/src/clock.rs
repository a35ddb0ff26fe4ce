//! The time, read at most once per turn of a thread's event loop.

use std::cell::Cell;
use std::time::{Instant, SystemTime};

thread_local! {
    static NOW: Cell<Option<(Instant, SystemTime)>> = const { Cell::new(None) };
}

fn read() -> (Instant, SystemTime) {
    NOW.get().unwrap_or_else(|| {
        let now = (Instant::now(), SystemTime::now());
        NOW.set(Some(now));
        now
    })
}

/// The monotonic time of this turn.
pub fn now() -> Instant {
    read().0
}

/// The wall clock of this turn.
pub fn wall() -> SystemTime {
    read().1
}

/// Forgets the time; called when the event loop wakes up, and by whoever blocked the thread.
pub fn refresh() {
    NOW.set(None);
}
