//! Wrong passwords: who may not try again yet.
//!
//! A VNC server blocks an address that fails too often (TigerVNC after five times), and to it all
//! people have the gateway's address. So whoever fails waits here, before the server is reached.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Policy, Target};

/// How many wrong passwords a person may type, and how long the wait is then at first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoginLimit {
    /// So many without a wait.
    pub failures: u32,
    /// The first wait; each further failure doubles it.
    pub wait: Duration,
}

impl Default for LoginLimit {
    fn default() -> Self {
        Self {
            failures: 3,
            wait: Duration::from_secs(30),
        }
    }
}

/// Failures of all people together at one machine that go without a wait: one less than makes
/// TigerVNC block the gateway.
const MACHINE_FAILURES: u32 = 4;

/// How long a stored password that was wrong is not tried again, at first.
const STORED_WAIT: Duration = Duration::from_secs(30);

/// The longest wait.
const WAIT_MAX: Duration = Duration::from_secs(15 * 60);

/// Failures are forgotten so long after the last one.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// Failures of so many are remembered. Beyond, those whose wait ends first are forgotten.
const RECORDS_MAX: usize = 10_000;

/// What is known of failures in the process.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    hasher: RandomState,
    records: Mutex<HashMap<Key, Record>>,
}

/// Somebody at a machine, or the machine, as a number of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key(u64);

#[derive(Debug, Clone, Copy)]
struct Record {
    failures: u32,
    last: Instant,
    until: Instant,
}

/// What one login counts against.
#[derive(Debug, Clone, Copy)]
struct Count {
    key: Key,
    failures_max: u32,
    wait: Duration,
}

/// One login's place in the count.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    attempts: &'a Attempts,
    counts: Vec<Count>,
}

impl Attempts {
    /// For a person, by name or address, who types a password for a machine.
    pub(crate) fn of_person(&self, who: &str, target: &Target, policy: &Policy) -> Gate<'_> {
        let mut counts = Vec::new();
        if let Some(limit) = policy.login_limit {
            counts.push(Count {
                key: self.key(("person", who, target)),
                failures_max: limit.failures,
                wait: limit.wait,
            });
            counts.push(Count {
                key: self.key(("machine", target)),
                failures_max: limit.failures.max(MACHINE_FAILURES),
                wait: limit.wait,
            });
        }
        Gate {
            attempts: self,
            counts,
        }
    }

    /// For the password that is stored for a machine. Another password begins anew.
    pub(crate) fn of_stored(&self, target: &Target, policy: &Policy) -> Gate<'_> {
        let password = policy.password.as_ref().map(|password| password.bytes());
        let stored = Count {
            key: self.key(("stored", target, policy.user.as_deref(), password)),
            failures_max: 1,
            wait: STORED_WAIT,
        };
        Gate {
            attempts: self,
            counts: vec![stored],
        }
    }

    /// The machine let somebody in, and so has forgotten what failed before.
    pub(crate) fn forget_machine(&self, target: &Target) {
        let key = self.key(("machine", target));
        self.lock().remove(&key);
    }

    fn key(&self, of: impl std::hash::Hash) -> Key {
        Key(self.hasher.hash_one(of))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Record>> {
        // A record is written whole.
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Gate<'_> {
    /// Whether the login may be tried now, or else in how long.
    pub(crate) fn may_try(&self) -> Result<(), Duration> {
        let now = net::clock::now();
        let records = self.attempts.lock();
        let until = |count: &Count| Some(records.get(&count.key)?.until);
        let latest = self.counts.iter().filter_map(until).max();
        match latest.map(|until| until.saturating_duration_since(now)) {
            Some(left) if !left.is_zero() => Err(left),
            _ => Ok(()),
        }
    }

    /// A password goes to the server: it counts as wrong until [`succeeded`](Self::succeeded) says
    /// otherwise, so that many at once are no way around.
    pub(crate) fn tries(&self) -> Result<(), Duration> {
        self.may_try()?;
        self.failed();
        Ok(())
    }

    /// A password was wrong.
    pub(crate) fn failed(&self) {
        let now = net::clock::now();
        let mut records = self.attempts.lock();
        for count in &self.counts {
            make_room(&mut records, now);
            let record = records.entry(count.key).or_insert(Record {
                failures: 0,
                last: now,
                until: now,
            });
            if now.saturating_duration_since(record.last) > MEMORY {
                record.failures = 0;
            }
            record.failures = record.failures.saturating_add(1);
            record.last = now;
            if let Some(over) = record.failures.checked_sub(count.failures_max) {
                let wait = count.wait.saturating_mul(1 << over.min(16));
                record.until = now + wait.min(WAIT_MAX.max(count.wait));
            }
        }
    }

    /// A password was right.
    pub(crate) fn succeeded(&self) {
        let mut records = self.attempts.lock();
        for count in &self.counts {
            records.remove(&count.key);
        }
    }
}

fn make_room(records: &mut HashMap<Key, Record>, now: Instant) {
    if records.len() < RECORDS_MAX {
        return;
    }
    records.retain(|_, record| now.saturating_duration_since(record.last) <= MEMORY);
    if records.len() >= RECORDS_MAX {
        let first = records.iter().min_by_key(|(_, record)| record.until);
        if let Some(key) = first.map(|(key, _)| *key) {
            records.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Password;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    fn policy(failures: u32, wait: Duration) -> Policy {
        Policy {
            login_limit: Some(LoginLimit { failures, wait }),
            ..Policy::default()
        }
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn so_many_may_fail_and_then_the_waits_double() {
        let attempts = Attempts::default();
        let (machine, policy) = (target("a:1"), policy(2, LONG));
        let ann = attempts.of_person("ann", &machine, &policy);
        assert_eq!(ann.tries(), Ok(()));
        assert_eq!(ann.tries(), Ok(()));
        let wait = ann.tries().unwrap_err();
        assert!(wait <= LONG && wait > LONG / 2, "{wait:?}");
        ann.failed();
        assert!(ann.may_try().unwrap_err() > LONG);
        (0..40).for_each(|_| ann.failed());
        assert!(ann.may_try().unwrap_err() <= WAIT_MAX);
    }

    #[test]
    fn a_wait_ends_and_a_success_forgets() {
        let attempts = Attempts::default();
        let (machine, policy) = (target("a:1"), policy(1, Duration::from_millis(30)));
        let ann = attempts.of_person("ann", &machine, &policy);
        ann.failed();
        assert!(ann.may_try().is_err());
        std::thread::sleep(Duration::from_millis(40));
        net::clock::refresh();
        assert_eq!(ann.tries(), Ok(()));
        ann.succeeded();
        assert_eq!(ann.may_try(), Ok(()));
    }

    #[test]
    fn others_and_other_machines_are_not_concerned_until_the_machine_would_block_us() {
        let attempts = Attempts::default();
        let (machine, policy) = (target("a:1"), policy(3, LONG));
        let ann = attempts.of_person("ann", &machine, &policy);
        (0..3).for_each(|_| ann.failed());
        assert!(ann.may_try().is_err());
        let bob = attempts.of_person("bob", &machine, &policy);
        assert_eq!(bob.tries(), Ok(()));
        assert!(bob.may_try().is_err(), "four in all");
        let other = target("b:1");
        assert_eq!(attempts.of_person("ann", &other, &policy).may_try(), Ok(()));
        attempts.forget_machine(&machine);
        assert_eq!(bob.may_try(), Ok(()));
        assert!(ann.may_try().is_err(), "her own stay");
    }

    #[test]
    fn a_stored_password_rests_until_it_is_another_one() {
        let attempts = Attempts::default();
        let machine = target("a:1");
        let with = |password: &[u8]| Policy {
            password: Some(Password::new(password)),
            login_limit: None,
            ..Policy::default()
        };
        let (old, new) = (with(b"old"), with(b"new"));
        attempts.of_stored(&machine, &old).failed();
        assert!(attempts.of_stored(&machine, &old).may_try().is_err());
        assert_eq!(attempts.of_stored(&machine, &new).may_try(), Ok(()));
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        let attempts = Attempts::default();
        let (machine, policy) = (
            target("a:1"),
            Policy {
                login_limit: None,
                ..Policy::default()
            },
        );
        let ann = attempts.of_person("ann", &machine, &policy);
        assert!((0..100).all(|_| ann.tries().is_ok()));
    }

    #[test]
    fn the_memory_is_bounded() {
        let attempts = Attempts::default();
        let (machine, policy) = (target("a:1"), policy(1, LONG));
        for number in 0..RECORDS_MAX + 50 {
            attempts
                .of_person(&number.to_string(), &machine, &policy)
                .failed();
        }
        assert!(attempts.lock().len() <= RECORDS_MAX);
    }
}
