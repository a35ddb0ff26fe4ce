//! Deadlines of idle connections and tunnels: one queue per thread, woken by one runtime timer.
//!
//! Moving a deadline later, which is what every byte of traffic does, costs a store: the queue is
//! put right when the old time comes. Only moving it earlier touches the queue.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::clock;

/// A moment that a task can wait for, and move as often as it likes.
#[derive(Debug)]
pub struct Deadline {
    key: usize,
}

#[derive(Debug, Default)]
struct Entry {
    /// When it expires; `None` while it is not set.
    at: Option<Instant>,
    /// The earliest time under which it stands in the queue, if it does.
    queued: Option<Instant>,
    waker: Option<Waker>,
    /// A dropped deadline's entry is reused only when it left the queue.
    live: bool,
}

#[derive(Default)]
struct Queue {
    entries: Vec<Entry>,
    free: Vec<usize>,
    heap: BinaryHeap<Reverse<(Instant, usize)>>,
    driver: Option<Waker>,
    /// When the driver will wake up by itself.
    armed: Option<Instant>,
    /// Deadlines that were dropped and still stand in the heap.
    dead: usize,
}

/// So many dropped deadlines may stand in the heap before it is looked through.
const DEAD_MIN: usize = 1024;

thread_local! {
    static QUEUE: RefCell<Queue> = RefCell::default();
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

impl Deadline {
    /// A deadline that is not set.
    pub fn unset() -> Self {
        QUEUE.with_borrow_mut(|queue| {
            let key = queue.free.pop().unwrap_or_else(|| {
                queue.entries.push(Entry::default());
                queue.entries.len() - 1
            });
            queue.entries[key].live = true;
            Self { key }
        })
    }

    /// A deadline `wait` from now.
    pub fn after(wait: Duration) -> Self {
        let deadline = Self::unset();
        deadline.set(clock::now() + wait);
        deadline
    }

    /// Moves it.
    pub fn set(&self, at: Instant) {
        QUEUE.with_borrow_mut(|queue| queue.set(self.key, at));
    }

    /// Moves it to `wait` from now.
    pub fn set_after(&self, wait: Duration) {
        self.set(clock::now() + wait);
    }

    /// Unsets it: it will not expire until it is set again.
    pub fn clear(&self) {
        QUEUE.with_borrow_mut(|queue| queue.entries[self.key].at = None);
    }

    /// Whether it is set.
    pub fn is_set(&self) -> bool {
        QUEUE.with_borrow(|queue| queue.entries[self.key].at.is_some())
    }

    /// Ready once it has expired; otherwise wakes the task when it does.
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<()> {
        start_driver();
        QUEUE.with_borrow_mut(|queue| {
            let entry = &mut queue.entries[self.key];
            if entry.at.is_some_and(|at| at <= clock::now()) {
                return Poll::Ready(());
            }
            match &mut entry.waker {
                Some(waker) => waker.clone_from(cx.waker()),
                none => *none = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
    }

    /// Waits until it expires. Cancel-safe.
    pub async fn expired(&self) {
        poll_fn(|cx| self.poll_expired(cx)).await;
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        // At thread exit the queue may be gone before the task that held the deadline.
        let _ = QUEUE.try_with(|queue| queue.borrow_mut().release(self.key));
    }
}

/// Waits for `wait`. Cancel-safe.
pub async fn sleep(wait: Duration) {
    Deadline::after(wait).expired().await;
}

impl Queue {
    fn set(&mut self, key: usize, at: Instant) {
        let entry = &mut self.entries[key];
        entry.at = Some(at);
        if entry.queued.is_none_or(|queued| at < queued) {
            entry.queued = Some(at);
            self.heap.push(Reverse((at, key)));
            if self.armed.is_none_or(|armed| at < armed)
                && let Some(driver) = self.driver.take()
            {
                driver.wake();
            }
        }
    }

    fn release(&mut self, key: usize) {
        let entry = &mut self.entries[key];
        entry.live = false;
        entry.at = None;
        entry.waker = None;
        if entry.queued.is_none() {
            self.free.push(key);
            return;
        }
        // Short connections leave deadlines behind that are a minute away: they must not pile up.
        self.dead += 1;
        if self.dead >= DEAD_MIN && self.dead * 4 > self.heap.len() {
            self.sweep();
        }
    }

    /// Takes what was dropped out of the heap.
    fn sweep(&mut self) {
        let heap = std::mem::take(&mut self.heap).into_vec();
        let (entries, free) = (&mut self.entries, &mut self.free);
        let stays = |&Reverse((at, key)): &Reverse<(Instant, usize)>| {
            let entry = &mut entries[key];
            if entry.queued != Some(at) {
                return false;
            }
            if !entry.live {
                entry.queued = None;
                free.push(key);
            }
            entry.live
        };
        self.heap = heap.into_iter().filter(stays).collect();
        self.dead = 0;
    }

    /// Wakes everything that is due and says when to come back.
    fn turn(&mut self, now: Instant) -> Option<Instant> {
        while let Some(&Reverse((at, key))) = self.heap.peek() {
            if at > now {
                return Some(at);
            }
            self.heap.pop();
            let entry = &mut self.entries[key];
            if entry.queued != Some(at) {
                continue;
            }
            entry.queued = None;
            match entry.at {
                Some(at) if at > now => self.set(key, at),
                Some(_) => {
                    if let Some(waker) = entry.waker.take() {
                        waker.wake();
                    }
                }
                None if !entry.live => {
                    self.dead = self.dead.saturating_sub(1);
                    self.free.push(key);
                }
                None => {}
            }
        }
        None
    }
}

/// Starts the task that drives this thread's queue, once per runtime.
fn start_driver() {
    if !RUNNING.replace(true) {
        tokio::task::spawn_local(Driver {
            sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
        });
    }
}

struct Driver {
    sleep: Pin<Box<tokio::time::Sleep>>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        // The runtime ended; a later one on this thread starts its own driver.
        let _ = RUNNING.try_with(|running| running.set(false));
    }
}

impl Future for Driver {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = QUEUE.with_borrow_mut(|queue| {
                let next = queue.turn(clock::now());
                queue.armed = next;
                queue.driver = Some(cx.waker().clone());
                next
            });
            let Some(next) = next else {
                return Poll::Pending;
            };
            self.sleep.as_mut().reset(next.into());
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            clock::refresh();
        }
    }
}

#[cfg(test)]
mod tests;
