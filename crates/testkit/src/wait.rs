//! Waiting for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How long a test waits for what should happen at once; generous, since machines are slow.
pub const DEADLINE: Duration = Duration::from_secs(20);

const PAUSE: Duration = Duration::from_millis(10);

/// Asks `probe` until it answers, and returns the answer.
///
/// # Panics
/// When [`DEADLINE`] passes first; the message names `what` was awaited.
#[track_caller]
pub fn wait_for<T>(what: &str, probe: impl FnMut() -> Option<T>) -> T {
    match poll_for(DEADLINE, probe) {
        Some(value) => value,
        None => panic!("waited {DEADLINE:?} in vain for {what}"),
    }
}

/// Asks `probe` until it says yes.
///
/// # Panics
/// When [`DEADLINE`] passes first; the message names `what` was awaited.
#[track_caller]
pub fn wait_true(what: &str, mut probe: impl FnMut() -> bool) {
    wait_for(what, || probe().then_some(()));
}

/// Asks `probe` until it answers or `limit` has passed.
pub fn poll_for<T>(limit: Duration, mut probe: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(value) = probe() {
            return Some(value);
        }
        if Instant::now() >= end {
            return None;
        }
        thread::sleep(PAUSE);
    }
}
