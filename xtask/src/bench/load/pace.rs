//! An open loop: things become due by the clock, whether or not earlier ones are done.
//!
//! A wait is counted from when a thing was due, so that a server that stalls is charged for all
//! that it kept waiting. The clock is a `timerfd`: the runtime's own timers count milliseconds.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec};
use tokio::net::unix::pipe::Receiver;
use tokio::sync::Notify;

/// What is due on one connection.
#[derive(Debug, Default)]
pub struct Queue {
    due: RefCell<VecDeque<Instant>>,
    more: Notify,
}

impl Queue {
    /// Waits until something is due and says since when.
    pub async fn next(&self) -> Instant {
        loop {
            if let Some(due) = self.due.borrow_mut().pop_front() {
                return due;
            }
            self.more.notified().await;
        }
    }

    fn push(&self, due: Instant) {
        self.due.borrow_mut().push_back(due);
        self.more.notify_one();
    }
}

/// Makes `rate` things a second due, on each of `queues` in turn, for ever.
pub async fn pace(rate: f64, queues: Vec<Rc<Queue>>) -> io::Result<()> {
    let timer = rustix::time::timerfd_create(
        TimerfdClockId::Monotonic,
        TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
    )?;
    // A safe way to wait for a descriptor that is neither socket nor pipe.
    let timer = Receiver::from_file_unchecked(File::from(timer))?;
    let step = Duration::from_secs_f64(1.0 / rate);
    let mut due = Instant::now();
    let mut turns = queues.iter().cycle();
    loop {
        while due <= Instant::now() {
            let Some(queue) = turns.next() else {
                return Ok(());
            };
            queue.push(due);
            due += step;
        }
        sleep_until(&timer, due).await?;
    }
}

async fn sleep_until(timer: &Receiver, at: Instant) -> io::Result<()> {
    let wait = at.saturating_duration_since(Instant::now());
    let value = Timespec {
        tv_sec: wait.as_secs() as i64,
        // Zero would disarm it.
        tv_nsec: i64::from(wait.subsec_nanos().max(1)),
    };
    let once = Itimerspec {
        it_interval: Timespec::default(),
        it_value: value,
    };
    rustix::time::timerfd_settime(timer, TimerfdTimerFlags::empty(), &once)?;
    loop {
        timer.readable().await?;
        match timer.try_read(&mut [0; 8]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            read => return read.map(drop),
        }
    }
}
