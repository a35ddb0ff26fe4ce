//! Sessions that clients may resume: kept here, or given to them as tickets that only we can read.
//!
//! A cache with a name is one for all who name it, and stays when a configuration is replaced. What
//! one server may not resume of another is kept apart by a context: it is part of the key of a kept
//! session, and authenticated with a ticket.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustls::server::{ProducesTickets, StoresServerSessions};

use super::tickets::{Keys, TicketKey};
use super::watch;
use crate::clock;

/// What servers must have in common to resume each other's sessions.
pub type Context = [u8; 32];

/// What a kept session costs beside its bytes.
const OVERHEAD_BYTES: usize = 160;

/// Sessions of clients, up to a number of bytes; and the keys of tickets that go with them.
#[derive(Debug)]
pub struct Cache {
    kept: Mutex<Kept>,
    keys: Mutex<Keys>,
}

#[derive(Debug, Default)]
struct Kept {
    sessions: HashMap<Box<[u8]>, Session>,
    /// The oldest first; some may be gone.
    order: VecDeque<(Box<[u8]>, u64)>,
    bytes: usize,
    bytes_max: usize,
    stored: u64,
}

#[derive(Debug)]
struct Session {
    value: Vec<u8>,
    stored_at: Instant,
    number: u64,
}

static NAMED: Mutex<Option<HashMap<String, Weak<Cache>>>> = Mutex::new(None);

impl Cache {
    /// A cache of so many bytes.
    pub fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            kept: Mutex::new(Kept {
                bytes_max,
                ..Kept::default()
            }),
            keys: Mutex::new(Keys::random()),
        })
    }

    /// The cache of that name, which is made if there is none.
    pub fn named(name: &str, bytes_max: usize) -> Arc<Self> {
        let mut named = lock(&NAMED);
        let named = named.get_or_insert_default();
        named.retain(|_, cache| cache.strong_count() > 0);
        if let Some(cache) = named.get(name).and_then(Weak::upgrade) {
            lock(&cache.kept).bytes_max = bytes_max;
            return cache;
        }
        let cache = Self::new(bytes_max);
        named.insert(name.to_owned(), Arc::downgrade(&cache));
        cache
    }
}

impl Kept {
    fn put(&mut self, key: Box<[u8]>, value: Vec<u8>) {
        self.remove(&key);
        self.stored += 1;
        self.bytes += cost(&key, &value);
        self.order.push_back((key.clone(), self.stored));
        let session = Session {
            value,
            stored_at: clock::now(),
            number: self.stored,
        };
        self.sessions.insert(key, session);
        while self.bytes > self.bytes_max || self.order.len() > 2 * self.sessions.len() + 16 {
            let Some((key, number)) = self.order.pop_front() else {
                break;
            };
            let still = self.sessions.get(&key).map(|session| session.number);
            if still == Some(number) && self.bytes > self.bytes_max {
                self.remove(&key);
            } else if still == Some(number) {
                self.order.push_back((key, number));
            }
        }
    }

    fn remove(&mut self, key: &[u8]) -> Option<Session> {
        let session = self.sessions.remove(key)?;
        self.bytes -= cost(key, &session.value);
        Some(session)
    }
}

fn cost(key: &[u8], value: &[u8]) -> usize {
    2 * key.len() + value.len() + OVERHEAD_BYTES
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a server does with sessions.
#[derive(Debug, Clone)]
pub struct Sessions {
    /// Where they are kept, if they are.
    pub cache: Option<Arc<Cache>>,
    /// Whether clients get tickets.
    pub tickets: bool,
    /// Keys of tickets that the configuration gives, the first for new ones; if there are none, we
    /// make some.
    pub ticket_keys: Vec<TicketKey>,
    /// How long a session can be resumed.
    pub timeout: Duration,
    /// What must be the same to resume one.
    pub context: Context,
}

impl Sessions {
    /// Whether a session can be resumed at all.
    pub(super) fn any(&self) -> bool {
        self.tickets || self.cache.is_some()
    }

    pub(super) fn storage(&self) -> Arc<dyn StoresServerSessions> {
        Arc::new(Storage {
            cache: self.cache.clone(),
            timeout: self.timeout,
            context: self.context,
        })
    }

    pub(super) fn ticketer(&self) -> Arc<dyn ProducesTickets> {
        let fixed = !self.ticket_keys.is_empty();
        let keys = match (&self.cache, fixed) {
            (_, true) => TicketKeys::Own(Mutex::new(Keys::fixed(self.ticket_keys.clone()))),
            (Some(cache), false) => TicketKeys::Shared(cache.clone()),
            (None, false) => TicketKeys::Own(Mutex::new(Keys::random())),
        };
        Arc::new(Tickets {
            on: self.tickets,
            keys,
            timeout: self.timeout,
            context: self.context,
        })
    }
}

#[derive(Debug)]
struct Storage {
    cache: Option<Arc<Cache>>,
    timeout: Duration,
    context: Context,
}

impl Storage {
    fn key(&self, id: &[u8]) -> Box<[u8]> {
        [&self.context[..], id].concat().into()
    }

    fn fresh(&self, session: &Session) -> bool {
        clock::now().saturating_duration_since(session.stored_at) <= self.timeout
    }

    fn note(id: &[u8]) {
        if let Ok(id) = id.try_into() {
            watch::note_session(id);
        }
    }
}

impl StoresServerSessions for Storage {
    fn put(&self, id: Vec<u8>, value: Vec<u8>) -> bool {
        let Some(cache) = &self.cache else {
            return false;
        };
        Self::note(&id);
        lock(&cache.kept).put(self.key(&id), value);
        true
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let kept = lock(&self.cache.as_ref()?.kept);
        let session = kept.sessions.get(&self.key(id))?;
        let value = self.fresh(session).then(|| session.value.clone())?;
        Self::note(id);
        Some(value)
    }

    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        let session = lock(&self.cache.as_ref()?.kept).remove(&self.key(id))?;
        let value = self.fresh(&session).then_some(session.value)?;
        Self::note(id);
        Some(value)
    }

    fn can_cache(&self) -> bool {
        self.cache.is_some()
    }
}

#[derive(Debug)]
struct Tickets {
    on: bool,
    keys: TicketKeys,
    timeout: Duration,
    context: Context,
}

#[derive(Debug)]
enum TicketKeys {
    Own(Mutex<Keys>),
    Shared(Arc<Cache>),
}

impl Tickets {
    fn with_keys<T>(&self, f: impl FnOnce(&mut Keys) -> T) -> T {
        let mut keys = match &self.keys {
            TicketKeys::Own(keys) => lock(keys),
            TicketKeys::Shared(cache) => lock(&cache.keys),
        };
        keys.rotate(self.timeout);
        f(&mut keys)
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        self.on
    }

    fn lifetime(&self) -> u32 {
        u32::try_from(self.timeout.as_secs()).unwrap_or(u32::MAX)
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        self.with_keys(|keys| keys.newest().seal(plain, &self.context))
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.with_keys(|keys| keys.find(ticket)?.open(ticket, &self.context, self.timeout))
    }
}
