//! What the threads of a worker share.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use net::Addr;
use tokio::sync::mpsc;

use crate::load::{Counters, Totals};
use crate::pages::Pages;

/// What the threads of a worker share.
pub struct Shared {
    pub(super) connections: AtomicU64,
    /// Live desktop sessions.
    pub sessions: Arc<vnc::Sessions>,
    /// Who has tried to sign in of late.
    pub sign_ins: crate::modules::vnc::login::attempts::Attempts,
    /// Tokens for one use that were used.
    pub spent_tokens: Arc<vnc::SpentTokens>,
    /// What became of the last session at each desktop.
    pub outcomes: Arc<vnc::Outcomes>,
    /// Links for guests.
    pub links: vnc::Links,
    /// Who writes the recordings of sessions.
    pub recorder: recording::Recorder,
    /// Pictures of desktops.
    pub pictures: Arc<vnc::Pictures>,
    /// Logins that find out how machines do.
    pub probes: vnc::Probes,
    /// The web pages of desktops.
    pub pages: Pages,
    pub(super) threads: Vec<Slot>,
    pub(super) connections_max: AtomicUsize,
}

/// What one thread shows to the others.
pub(super) struct Slot {
    pub(super) counters: Counters,
    pub(super) hand_off: mpsc::UnboundedSender<HandedOff>,
    pub(super) receiver: std::sync::Mutex<Option<mpsc::UnboundedReceiver<HandedOff>>>,
}

/// A connection that one thread accepted and another one serves.
pub(super) struct HandedOff {
    pub(super) fd: OwnedFd,
    pub(super) peer: Addr,
    pub(super) listen: Addr,
}

/// How many connections more than the least busy thread the accepting one must have before it gives
/// one away: a desktop session lives for hours and cannot move later.
const HAND_OFF_MARGIN: usize = 8;

impl Shared {
    /// For a worker with so many threads, which has these pages.
    pub fn new(threads: usize, pages: Pages) -> Arc<Self> {
        let slot = || {
            let (hand_off, receiver) = mpsc::unbounded_channel();
            let receiver = std::sync::Mutex::new(Some(receiver));
            Slot {
                counters: Counters::default(),
                hand_off,
                receiver,
            }
        };
        Arc::new(Self {
            connections: AtomicU64::new(0),
            sessions: Arc::default(),
            links: vnc::Links::default(),
            sign_ins: Default::default(),
            recorder: recording::Recorder::default(),
            spent_tokens: Arc::default(),
            outcomes: Arc::default(),
            pictures: Arc::default(),
            probes: vnc::Probes::default(),
            pages,
            threads: (0..threads).map(|_| slot()).collect(),
            connections_max: AtomicUsize::new(usize::MAX),
        })
    }

    /// Limits the connections of each thread (`worker_connections`).
    pub fn set_connections_max(&self, max: usize) {
        self.connections_max.store(max, Ordering::Relaxed);
    }

    /// What a thread counts.
    pub(crate) fn counters(&self, thread: usize) -> &Counters {
        &self.threads[thread].counters
    }

    /// What all threads have counted.
    pub(crate) fn totals(&self) -> Totals {
        Totals::of(self.threads.iter().map(|slot| &slot.counters))
    }

    /// The thread that should take a connection which thread `from` accepted.
    pub(super) fn least_busy(&self, from: usize) -> Option<&Slot> {
        let load = |slot: &Slot| slot.counters.connections();
        let least = self.threads.iter().min_by_key(|slot| load(slot))?;
        (load(least) + HAND_OFF_MARGIN <= load(&self.threads[from])).then_some(least)
    }
}
