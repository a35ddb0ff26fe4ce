//! A group of servers (`ngx_http_upstream_round_robin` and the methods beside it), shared by all
//! threads.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::health::{Checked, Patience, Verdict};
use crate::least_time::Took;
use crate::member::Member;
use crate::method::Method;
use crate::search::Search;
use crate::server::{Peer, Server};
use crate::table::{Prepared, Table};

/// A peer of a group: its slot. It is its own for as long as a request goes to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PeerId(pub(crate) u32);

/// How a request to a peer went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, or nothing is known against it.
    Answered,
    /// It answered, but another one is asked: that is no failure, and no success either.
    Passed,
    /// It failed in a way that counts against it.
    Failed,
}

/// An `upstream` block, or the addresses of a name in `proxy_pass`. Shared by all threads.
#[derive(Debug)]
pub struct Group {
    name: String,
    table: Mutex<Table>,
    tries: AtomicUsize,
}

/// A peer that a request goes to. It counts as a request in progress until it is given back, by
/// [`finish`](Self::finish) or by being dropped.
#[derive(Debug)]
pub struct Lease {
    group: Arc<Group>,
    id: PeerId,
    member: Arc<Member>,
    since: Instant,
    /// Whether it counts as in flight (`least_time … inflight`).
    in_flight: bool,
    finished: bool,
}

/// A peer as health checks see it.
#[derive(Debug, Clone)]
pub struct Watched {
    id: PeerId,
    /// What the configuration says of it.
    pub member: Arc<Member>,
    /// What checks said so far.
    pub verdict: Verdict,
}

impl Group {
    /// A group of the given servers, in their order, that chooses by round robin.
    pub fn new(name: &str, servers: &[Server]) -> Self {
        Self::with_method(name, servers, Method::RoundRobin)
    }

    /// A group of the given servers, in their order.
    pub fn with_method(name: &str, servers: &[Server], method: Method) -> Self {
        let table = Table::new(method, servers, Instant::now());
        Self {
            name: name.to_owned(),
            tries: AtomicUsize::new(table.tries),
            table: Mutex::new(table),
        }
    }

    /// Its name, which logs show when no peer is left.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it chooses.
    pub fn method(&self) -> Method {
        self.lock().method
    }

    /// How many peers a request may try.
    pub fn tries(&self) -> usize {
        self.tries.load(Ordering::Relaxed)
    }

    /// Takes other servers from now on. Peers that stay keep what is known of them; requests to
    /// those that go come to their end.
    pub fn replace(&self, servers: &[Server]) {
        let members: Vec<Member> = servers.iter().flat_map(Member::of).collect();
        let table = self.lock();
        let method = table.method;
        if table.consists_of(&members) {
            return;
        }
        drop(table);
        // A ring takes its time, in which nobody shall wait for the lock.
        let servers = Prepared::of(members, method);
        let mut table = self.lock();
        table.replace(servers, Instant::now());
        self.tries.store(table.tries, Ordering::Relaxed);
    }

    /// Takes other servers, another method and whether there are checks: what a reload makes of a
    /// group that outlives it.
    pub fn reconfigure(&self, servers: &[Server], method: Method, checked: Checked) {
        let servers = Prepared::new(servers, method);
        let mut table = self.lock();
        table.reconfigure(servers, method, checked, Instant::now());
        self.tries.store(table.tries, Ordering::Relaxed);
    }

    /// Chooses the next peer for a request; `None` if none is left.
    pub fn select(self: &Arc<Self>, search: &mut Search, now: Instant) -> Option<Lease> {
        let mut table = self.lock();
        let id = table.select(search, now)?;
        let member = table.slots[id.0 as usize].member.clone();
        let in_flight = table.method.times().is_some_and(|times| times.inflight);
        drop(table);
        Some(Lease {
            group: self.clone(),
            id,
            member,
            since: now,
            in_flight,
            finished: false,
        })
    }

    /// Its peers, for health checks: primary servers first.
    pub fn watched(&self) -> Vec<Watched> {
        let table = self.lock();
        let order = table.tiers.iter().flat_map(|tier| &tier.order);
        let watched = |&slot: &u32| Watched {
            id: PeerId(slot),
            member: table.slots[slot as usize].member.clone(),
            verdict: table.slots[slot as usize].health.verdict,
        };
        order.map(watched).collect()
    }

    /// Takes the result of a check; the new verdict if that changed it.
    pub fn note_check(&self, peer: &Watched, passed: bool, patience: Patience) -> Option<Verdict> {
        self.lock().note_check(peer, passed, patience)
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // Nothing that runs under the lock can panic halfway through a change.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// The peer's address and name.
    pub fn peer(&self) -> &Peer {
        &self.member.peer
    }

    /// What the configuration says of the peer.
    pub fn member(&self) -> &Arc<Member> {
        &self.member
    }

    /// What names the peer to a client.
    pub fn id(&self) -> &bytes::Bytes {
        &self.member.id
    }

    /// Notes that the head of the answer is there.
    pub fn header_came(&mut self, took: Duration, now: Instant) {
        if self.in_flight && self.group.lock().note_header(self.id, took, now) {
            self.in_flight = false;
        }
    }

    /// Gives the peer back, with how long its answer took if there was one. True if this took it
    /// out of use for its `fail_timeout`.
    pub fn finish(mut self, outcome: Outcome, took: Option<Took>, now: Instant) -> bool {
        self.give_back(outcome, took, now)
    }

    /// Whether the group has no other peer.
    pub fn is_single(&self) -> bool {
        self.group.lock().is_single()
    }

    fn give_back(&mut self, outcome: Outcome, took: Option<Took>, now: Instant) -> bool {
        if std::mem::replace(&mut self.finished, true) {
            return false;
        }
        let in_flight = self.in_flight.then(|| now - self.since);
        let took = took.filter(|_| outcome == Outcome::Answered);
        let mut table = self.group.lock();
        table.note_times(self.id, took, in_flight, now);
        table.release(self.id, outcome, now)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if !self.finished {
            self.give_back(Outcome::Answered, None, Instant::now());
        }
    }
}

impl Watched {
    pub(crate) fn slot(&self) -> usize {
        self.id.0 as usize
    }
}

#[cfg(test)]
mod tests;
