//! Slow kinds are checked on threads of their own: one bcrypt would stall every desktop of a thread
//! for a tenth of a second.
//!
//! Browsers send a password with every request, so what was right is remembered for a while: not
//! the password, but a digest of it, the stored form and a secret of the process.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use net::clock;
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use super::{Error, Kind, verify};

const THREADS: usize = 2;

/// Passwords that may wait; the next one is refused.
const WAITING_MAX: usize = 128;

/// For how long a right password is remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(60);

/// How many are remembered by a thread.
const REMEMBERED_MAX: usize = 1024;

/// Checks a password without stalling the thread.
pub async fn check(stored: &[u8], password: &[u8]) -> Result<bool, Error> {
    if !Kind::of(stored).is_some_and(Kind::is_slow) {
        return verify(stored, password);
    }
    let memory = Memory::key(stored, password);
    if MEMORY.with_borrow(|remembered| remembered.has(&memory)) {
        return Ok(true);
    }
    let (answer, verdict) = oneshot::channel();
    let job = Job {
        stored: stored.into(),
        password: password.into(),
        answer,
    };
    pool().try_send(job).map_err(|_| Error::Busy)?;
    let verdict = verdict.await.unwrap_or(Err(Error::Busy));
    if verdict == Ok(true) {
        MEMORY.with_borrow_mut(|remembered| remembered.add(memory));
    }
    verdict
}

struct Job {
    stored: Box<[u8]>,
    password: Box<[u8]>,
    answer: oneshot::Sender<Result<bool, Error>>,
}

/// The threads, which start with the first password.
fn pool() -> &'static SyncSender<Job> {
    static POOL: OnceLock<SyncSender<Job>> = OnceLock::new();
    POOL.get_or_init(|| {
        let (sender, jobs) = sync_channel(WAITING_MAX);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..THREADS {
            let jobs = jobs.clone();
            let named = thread::Builder::new().name("password".into());
            // Without any thread, sending fails and every check is refused.
            drop(named.spawn(move || work(&jobs)));
        }
        sender
    })
}

fn work(jobs: &Mutex<Receiver<Job>>) {
    loop {
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job {
            stored,
            password,
            answer,
        }) = job
        else {
            return;
        };
        // Nobody waits for a client that is gone.
        if !answer.is_closed() {
            // It may go just now, too.
            let _ = answer.send(verify(&stored, &password));
        }
    }
}

thread_local! {
    static MEMORY: RefCell<Memory> = RefCell::default();
}

type Key = [u8; 32];

/// What was right a moment ago.
#[derive(Default)]
struct Memory {
    until: HashMap<Key, Instant>,
}

impl Memory {
    fn key(stored: &[u8], password: &[u8]) -> Option<Key> {
        static SECRET: OnceLock<Option<[u8; 32]>> = OnceLock::new();
        let secret = SECRET.get_or_init(|| {
            let mut secret = [0; 32];
            let filled =
                rustix::rand::getrandom(&mut secret, rustix::rand::GetRandomFlags::empty());
            (filled == Ok(secret.len())).then_some(secret)
        });
        let digest = Sha256::new()
            .chain_update((*secret)?)
            .chain_update((stored.len() as u64).to_be_bytes())
            .chain_update(stored)
            .chain_update(password);
        Some(digest.finalize().into())
    }

    fn has(&self, key: &Option<Key>) -> bool {
        let until = key.as_ref().and_then(|key| self.until.get(key));
        until.is_some_and(|&until| clock::now() < until)
    }

    fn add(&mut self, key: Option<Key>) {
        let Some(key) = key else { return };
        let now = clock::now();
        if self.until.len() >= REMEMBERED_MAX {
            self.until.retain(|_, until| now < *until);
        }
        if self.until.len() < REMEMBERED_MAX {
            self.until.insert(key, now + REMEMBERED_FOR);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.expect("a runtime").block_on(future)
    }

    #[test]
    fn slow_passwords_are_checked_elsewhere_and_remembered_when_right() {
        const STORED: &[u8] = b"$5$saltstring$OH4IDuTlsuTYPdED1gsuiRMyTAwNlRWyA6Xr3I4/dQ5";
        let remembered = |password: &[u8]| {
            MEMORY.with_borrow(|memory| memory.has(&Memory::key(STORED, password)))
        };
        assert_eq!(run(check(STORED, b"wrong")), Ok(false));
        assert!(!remembered(b"wrong"));
        assert_eq!(run(check(STORED, b"password")), Ok(true));
        assert!(remembered(b"password"));
        assert_eq!(run(check(STORED, b"password")), Ok(true));
        let other = Memory::key(b"$5$saltstring$x", b"password");
        assert!(!MEMORY.with_borrow(|memory| memory.has(&other)));
    }

    #[test]
    fn memory_is_bounded_and_forgets() {
        let mut memory = Memory::default();
        for number in 0..REMEMBERED_MAX as u64 + 1 {
            memory.add(Memory::key(b"stored", &number.to_be_bytes()));
        }
        assert_eq!(memory.until.len(), REMEMBERED_MAX);
        memory
            .until
            .values_mut()
            .for_each(|until| *until = clock::now());
        let key = Memory::key(b"stored", b"new");
        assert!(!memory.has(&Memory::key(b"stored", &0_u64.to_be_bytes())));
        memory.add(key);
        assert!(memory.has(&key));
        assert_eq!(memory.until.len(), 1);
    }
}
