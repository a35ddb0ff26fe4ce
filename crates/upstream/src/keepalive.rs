//! Idle connections to peers, kept by a thread (`ngx_http_upstream_keepalive_module`).
//!
//! One task watches all idle connections of a pool, so that keeping one costs no task: a connection
//! that its peer closes is dropped at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use net::{Deadline, PeerAddr, Stream, clock};

/// What the `keepalive*` directives of a group say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Idle connections that a thread keeps; 0 keeps none.
    pub connections: usize,
    /// Requests that one connection may carry.
    pub requests: u64,
    /// How long one connection may live.
    pub time: Duration,
    /// How long it may be idle.
    pub timeout: Duration,
}

impl Default for Limits {
    /// nginx's defaults since 1.29.7.
    fn default() -> Self {
        Self {
            connections: 32,
            requests: 1000,
            time: Duration::from_secs(3600),
            timeout: Duration::from_secs(60),
        }
    }
}

/// A connection to a peer and what it has done.
#[derive(Debug)]
pub struct Connection {
    /// The socket.
    pub stream: Stream,
    /// Requests that it has carried, the current one included.
    pub requests: u64,
    /// When it was opened.
    pub opened: Instant,
    /// What its request waits for, one wait at a time.
    pub deadline: Deadline,
    /// What it was made for beside its address, see [`Purpose`].
    pub purpose: Purpose,
}

/// What a connection was made for beside its address: with which configuration, certificate and
/// name of TLS. Only a request that wants the same gets it. A plain connection has none.
pub type Purpose = Option<Rc<[u8]>>;

struct Idle {
    peer: PeerAddr,
    connection: Connection,
    until: Instant,
}

/// The idle connections of one group in one thread, the longest unused first.
#[derive(Default)]
pub struct Pool {
    idle: RefCell<VecDeque<Idle>>,
    watcher: RefCell<Option<Waker>>,
    watched: std::cell::Cell<bool>,
}

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool")
            .field("idle", &self.idle.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Pool {
    /// Takes the most recently used connection to `peer` that is still open and was made for the
    /// same purpose.
    pub fn take(&self, peer: &PeerAddr, purpose: &Purpose) -> Option<Connection> {
        let mut idle = self.idle.borrow_mut();
        loop {
            let fits = |entry: &Idle| entry.peer == *peer && entry.connection.purpose == *purpose;
            let at = idle.iter().rposition(fits)?;
            let mut entry = idle.remove(at)?;
            let open = is_open(
                &entry.connection.stream,
                &mut Context::from_waker(Waker::noop()),
            );
            if open && entry.until > clock::now() {
                entry.connection.requests += 1;
                entry.connection.deadline.clear();
                return Some(entry.connection);
            }
        }
    }

    /// Keeps a connection whose last response was read to its end, within `limits`.
    pub fn put(self: &Rc<Self>, peer: &PeerAddr, connection: Connection, limits: &Limits) {
        let now = clock::now();
        if limits.connections == 0
            || connection.requests >= limits.requests
            || now - connection.opened >= limits.time
        {
            return;
        }
        self.watch();
        let waker = self.watcher.borrow().clone();
        let waker = waker.as_ref().unwrap_or(Waker::noop());
        // Registers the watcher for news of this connection; bytes that nobody asked for end it.
        if !is_open(&connection.stream, &mut Context::from_waker(waker)) {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        while idle.len() >= limits.connections {
            idle.pop_front();
        }
        idle.push_back(Idle {
            peer: peer.clone(),
            connection,
            until: now + limits.timeout,
        });
    }

    /// Closes all of them.
    pub fn clear(&self) {
        self.idle.borrow_mut().clear();
    }

    fn watch(self: &Rc<Self>) {
        if !self.watched.replace(true) {
            tokio::task::spawn_local(watch(Rc::downgrade(self)));
        }
    }

    /// Drops what was closed or has expired; says when the next one expires.
    fn sweep(&self, cx: &mut Context<'_>) -> Option<Instant> {
        let now = clock::now();
        let mut idle = self.idle.borrow_mut();
        idle.retain(|entry| entry.until > now && is_open(&entry.connection.stream, cx));
        idle.iter().map(|entry| entry.until).min()
    }
}

/// Open and silent: nothing to read, not even an end.
fn is_open(stream: &Stream, cx: &mut Context<'_>) -> bool {
    stream.poll_quiet(cx)
}

/// The task that watches a pool for as long as it exists.
async fn watch(pool: Weak<Pool>) {
    let deadline = Deadline::unset();
    poll_fn(|cx| {
        let Some(pool) = pool.upgrade() else {
            return Poll::Ready(());
        };
        pool.watcher.replace(Some(cx.waker().clone()));
        // A pool that is dropped wakes nobody, so look at least once a minute.
        let next = pool
            .sweep(cx)
            .unwrap_or_else(|| clock::now() + Duration::from_secs(60));
        deadline.set(next.max(clock::now() + Duration::from_millis(1)));
        match deadline.poll_expired(cx) {
            Poll::Ready(()) => cx.waker().wake_by_ref(),
            Poll::Pending => {}
        }
        Poll::Pending
    })
    .await;
}
