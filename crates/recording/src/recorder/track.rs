//! A recording, on the side of the session.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;

use super::writing::Order;
use super::{Totals, Trouble, gone};
use crate::gathered::Gathered;
use crate::{End, Ending, Position, fbs};

/// Bytes of one recording that may wait to be written.
pub const TRACK_WAITING_MAX: usize = 32 << 20;

/// Bytes of all recordings that may wait to be written.
pub const ALL_WAITING_MAX: usize = 256 << 20;

/// What a track and the writing thread share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Locked for as long as it takes to copy or to take out what waits; never while a file is
    /// written.
    waiting: Mutex<Waiting>,
    totals: Arc<Totals>,
    trouble: OnceLock<Trouble>,
    /// Whom to wake in trouble.
    alarm: Waker,
}

/// What waits to be written.
#[derive(Debug, Default)]
struct Waiting {
    /// Frames that are full.
    full: VecDeque<Gathered>,
    current: Gathered,
    /// Bytes of all of it.
    bytes: usize,
    /// The writing thread knows that there is something.
    is_told: bool,
}

impl Shared {
    pub(super) fn new(totals: &Arc<Totals>, alarm: Waker) -> Self {
        totals.open.fetch_add(1, Relaxed);
        Self {
            waiting: Mutex::default(),
            totals: Arc::clone(totals),
            trouble: OnceLock::new(),
            alarm,
        }
    }

    /// Takes out the frames that are full.
    pub(super) fn take_full(&self) -> VecDeque<Gathered> {
        let mut waiting = self.lock();
        let full = std::mem::take(&mut waiting.full);
        self.give_back(&mut waiting, full.iter().map(Gathered::len).sum());
        full
    }

    /// Takes out everything. With the next bytes, the thread is told again.
    pub(super) fn take_all(&self) -> VecDeque<Gathered> {
        let mut waiting = self.lock();
        let mut all = std::mem::take(&mut waiting.full);
        all.push_back(waiting.current.take());
        self.give_back(&mut waiting, all.iter().map(Gathered::len).sum());
        waiting.is_told = false;
        all
    }

    /// Says what went wrong. Only the first one counts.
    pub(super) fn fail(&self, trouble: Trouble) {
        if self.trouble.set(trouble).is_ok() {
            self.totals.failed.fetch_add(1, Relaxed);
            self.totals.open.fetch_sub(1, Relaxed);
            self.alarm.wake_by_ref();
        }
    }

    /// Adds to what waits; says what waits in all.
    fn add(&self, waiting: &mut Waiting, add: impl FnOnce(&mut Gathered)) -> usize {
        let before = waiting.current.len();
        add(&mut waiting.current);
        let grown = waiting.current.len() - before;
        waiting.bytes += grown;
        self.totals.waiting.fetch_add(grown, Relaxed) + grown
    }

    fn give_back(&self, waiting: &mut Waiting, bytes: usize) {
        waiting.bytes -= bytes;
        self.totals.waiting.fetch_sub(bytes, Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let left = self.lock().bytes;
        self.totals.waiting.fetch_sub(left, Relaxed);
        if self.trouble.get().is_none() {
            self.totals.open.fetch_sub(1, Relaxed);
        }
    }
}

/// A recording, on the side of the session. Dropped without an end, it is one that was cut short.
#[derive(Debug)]
pub struct Track {
    number: u64,
    orders: Sender<Order>,
    shared: Arc<Shared>,
    ended: bool,
}

impl Track {
    pub(super) fn new(number: u64, orders: Sender<Order>, shared: Arc<Shared>) -> Self {
        Self {
            number,
            orders,
            shared,
            ended: false,
        }
    }

    /// Appends what the server sent; what comes before [`settle`](Self::settle) belongs together.
    /// In trouble, it is not taken, and nothing will be any more.
    pub fn append(&self, ms: u32, bytes: &[u8]) -> Result<(), Trouble> {
        // A frame has no more than one piece beyond its being full.
        bytes
            .chunks(fbs::BLOCK_LEN_MAX)
            .try_for_each(|piece| self.gather(|current| current.append(ms, piece)))
    }

    /// Notes where the pointer is.
    pub fn point(&self, position: Position) -> Result<(), Trouble> {
        self.gather(|current| current.point(position))
    }

    /// There is nothing more for the moment.
    pub fn settle(&self) -> Result<(), Trouble> {
        self.gather(Gathered::close)
    }

    /// What went wrong on disk, if anything did.
    pub fn trouble(&self) -> Result<(), Trouble> {
        self.shared.trouble.get().cloned().map_or(Ok(()), Err)
    }

    /// Ends it.
    pub fn end(mut self, ms: u32, ending: Ending, reason: &str) {
        self.finish(ms, ending, reason);
    }

    /// Adds to what waits, and tells the thread if it has to know.
    fn gather(&self, add: impl FnOnce(&mut Gathered)) -> Result<(), Trouble> {
        self.trouble()?;
        let mut waiting = self.shared.lock();
        let all = self.shared.add(&mut waiting, |current| {
            add(current);
            if current.is_full() {
                current.close();
            }
        });
        if waiting.bytes > TRACK_WAITING_MAX || all > ALL_WAITING_MAX {
            drop(waiting);
            let trouble = Trouble(format!(
                "the recorder does not keep up: {all} bytes wait to be written"
            ));
            self.shared.fail(trouble.clone());
            return Err(trouble);
        }
        let number = self.number;
        let order = if waiting.current.is_full() {
            let full = waiting.current.take();
            waiting.full.push_back(full);
            Order::Full { number }
        } else if waiting.current.len() > 0 && !waiting.is_told {
            Order::Waiting { number }
        } else {
            return Ok(());
        };
        waiting.is_told = true;
        drop(waiting);
        self.orders.send(order).map_err(|_| gone())
    }

    fn finish(&mut self, ms: u32, ending: Ending, reason: &str) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        // Whatever has become of it: the last block is no longer open.
        let mut waiting = self.shared.lock();
        self.shared.add(&mut waiting, Gathered::close);
        drop(waiting);
        let end = End {
            ending,
            reason: reason.to_owned(),
            ms,
        };
        // Without the thread, there is nothing left to end.
        let _ = self.orders.send(Order::End {
            number: self.number,
            end,
        });
    }
}

impl Drop for Track {
    fn drop(&mut self) {
        self.finish(0, Ending::CutShort, "lost");
    }
}
