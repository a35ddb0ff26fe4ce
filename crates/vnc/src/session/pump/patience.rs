//! How long input waits for a server that does not take it.
//!
//! While it waits, nothing more is read from the viewer, not even that it closed. A viewer that
//! takes nothing is found by its pings; a server has none, so it has to take something in time.

use std::task::{Context, Poll};
use std::time::Duration;

use net::Deadline;

use crate::Refusal;
use crate::session::Failure;

/// The wait of a session's input.
#[derive(Debug)]
pub(super) struct Patience {
    /// How long the server may take nothing.
    limit: Duration,
    /// While something waits.
    waits: Option<Waits>,
}

#[derive(Debug)]
struct Waits {
    deadline: Deadline,
    /// Bytes that waited when it was looked last.
    left: usize,
}

impl Patience {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, waits: None }
    }

    /// Nothing waits any more.
    pub(super) fn is_over(&mut self) {
        self.waits = None;
    }

    /// `left` bytes wait. Wakes the task when that has been so for too long, and fails then; each
    /// byte that the server takes gives it the whole time again.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>, left: usize) -> Result<(), Failure> {
        let waits = self.waits.get_or_insert_with(|| Waits {
            deadline: Deadline::after(self.limit),
            left,
        });
        if left < waits.left {
            waits.deadline.set_after(self.limit);
        }
        waits.left = left;
        match waits.deadline.poll_expired(cx) {
            Poll::Pending => Ok(()),
            Poll::Ready(()) => {
                let limit = self.limit.as_secs_f64();
                let detail =
                    format!("{left} bytes of input waited for {limit}s (vnc_send_timeout)");
                Err(Failure::told(Refusal::TakesNoInput, detail))
            }
        }
    }
}
