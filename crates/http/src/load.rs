//! How busy the threads are: connections and requests, counted by each for itself and summed up
//! when somebody asks (`ngx_stat_active` and the like).

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::thread::Shared;

/// What one thread counts. Nobody else writes it, so counting is a plain load and store, and it has
/// its lines of the cache for itself.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counters {
    connections: AtomicUsize,
    reading: AtomicUsize,
    writing: AtomicUsize,
    accepted: AtomicU64,
    handled: AtomicU64,
    requests: AtomicU64,
}

impl Counters {
    /// Its connections, tunnels included.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Counts a connection that was accepted, whoever serves it.
    pub fn accepted(&self) {
        more(&self.accepted);
    }

    fn state(&self, state: State) -> Option<&AtomicUsize> {
        match state {
            State::Waiting => None,
            State::Reading => Some(&self.reading),
            State::Writing => Some(&self.writing),
        }
    }
}

fn more(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn up(counter: &AtomicUsize) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

fn down(counter: &AtomicUsize) {
    let count = counter.load(Ordering::Relaxed);
    counter.store(count.saturating_sub(1), Ordering::Relaxed);
}

/// What all threads have counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Connections there are.
    pub active: usize,
    /// Those whose request's head is not whole yet.
    pub reading: usize,
    /// Those with a request under way, or a tunnel.
    pub writing: usize,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Those of them that were served.
    pub handled: u64,
    /// Requests since the start.
    pub requests: u64,
}

impl Totals {
    /// Sums up.
    pub fn of<'a>(counters: impl Iterator<Item = &'a Counters>) -> Self {
        counters.fold(Self::default(), |sum, one| Self {
            active: sum.active + one.connections(),
            reading: sum.reading + one.reading.load(Ordering::Relaxed),
            writing: sum.writing + one.writing.load(Ordering::Relaxed),
            accepted: sum.accepted + one.accepted.load(Ordering::Relaxed),
            handled: sum.handled + one.handled.load(Ordering::Relaxed),
            requests: sum.requests + one.requests.load(Ordering::Relaxed),
        })
    }

    /// Connections without a request.
    pub fn waiting(&self) -> usize {
        // The threads go on counting while they are read.
        self.active.saturating_sub(self.reading + self.writing)
    }
}

/// What a connection does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Reading,
    Writing,
}

/// A connection's place in the counts of its thread, for as long as it exists. It goes where the
/// connection goes: a tunnel keeps it.
pub struct Load {
    shared: Arc<Shared>,
    thread: usize,
    state: Cell<State>,
    counts: bool,
}

impl Load {
    /// That of a connection that is only thought of: nothing counts it.
    pub fn uncounted(shared: Arc<Shared>, thread: usize) -> Self {
        Self {
            shared,
            thread,
            state: Cell::new(State::Waiting),
            counts: false,
        }
    }

    /// A new connection of a thread, which must be the one that runs.
    pub fn new(shared: Arc<Shared>, thread: usize) -> Self {
        let counters = shared.counters(thread);
        up(&counters.connections);
        more(&counters.handled);
        Self {
            shared,
            thread,
            state: Cell::new(State::Waiting),
            counts: true,
        }
    }

    /// It waits for a request.
    pub fn waits(&self) {
        self.enter(State::Waiting);
    }

    /// A request has begun to come.
    pub fn reads(&self) {
        self.enter(State::Reading);
    }

    /// A request is handled.
    pub fn writes(&self) {
        // One that was there already, behind the one before it.
        if self.state.get() == State::Writing {
            more(&self.shared.counters(self.thread).requests);
        }
        self.enter(State::Writing);
    }

    fn enter(&self, state: State) {
        if !self.counts {
            return;
        }
        let before = self.state.replace(state);
        if before == state {
            return;
        }
        let counters = self.shared.counters(self.thread);
        // A head that comes in pieces is read first, and counted then.
        if state == State::Reading || (before, state) == (State::Waiting, State::Writing) {
            more(&counters.requests);
        }
        if let Some(counter) = counters.state(before) {
            down(counter);
        }
        if let Some(counter) = counters.state(state) {
            up(counter);
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        if !self.counts {
            return;
        }
        self.enter(State::Waiting);
        down(&self.shared.counters(self.thread).connections);
    }
}
