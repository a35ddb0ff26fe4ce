//! The time, read at most once per turn of a thread's event loop.

use std::cell::Cell;
use std::time::{Instant, SystemTime};

thread_local! {
    static TIME: Cell<Time> = const { Cell::new(Time::NoTurns) };
}

/// What a thread knows of the time.
#[derive(Clone, Copy)]
enum Time {
    /// It has no event loop, so nobody would tell it that time goes by.
    NoTurns,
    /// Nobody has asked in this turn.
    Unread,
    Read((Instant, SystemTime)),
}

fn read() -> (Instant, SystemTime) {
    if let Time::Read(now) = TIME.get() {
        return now;
    }
    let now = (Instant::now(), SystemTime::now());
    if let Time::Unread = TIME.get() {
        TIME.set(Time::Read(now));
    }
    now
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
    TIME.set(Time::Unread);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn time_stands_still_within_a_turn_and_only_then() {
        let goes_by = || {
            let before = now();
            std::thread::sleep(Duration::from_millis(2));
            now() > before
        };
        assert!(goes_by(), "a thread without an event loop");
        refresh();
        assert!(!goes_by(), "a turn");
        refresh();
        assert!(!goes_by(), "the next turn");
    }
}
