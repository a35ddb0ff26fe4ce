//! How often somebody may try to sign in.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use net::clock;

/// Entries that are kept. Beyond, the ones that end first go first.
const ENTRIES_MAX: usize = 30_000;

/// How many more tries an address has, since several people may share it.
const PER_ADDRESS: u32 = 6;

/// How many more tries there are for a user from all addresses: enough that nobody can be kept out
/// by a stranger with a few, and too few to guess.
const PER_USER: u32 = 20;

/// Failed tries of a process, by user and address.
#[derive(Debug, Default)]
pub struct Attempts {
    hasher: RandomState,
    entries: Mutex<HashMap<u64, Entry>>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    failed: u32,
    /// Tries that are being judged, and count as failed until they are.
    pending: u32,
    /// When what failed is forgotten.
    until: Instant,
}

/// How much is too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Tries of one user from one address.
    pub count: u32,
    /// Within so long from the first.
    pub time: Duration,
}

/// Why there is no try now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// So many failed that there is none for so long.
    TooMany(Duration),
    /// So many are being judged that there would be too many if they failed.
    Pending,
}

/// A try. It has failed unless something else is said of it.
#[derive(Debug)]
pub struct Attempt<'a> {
    all: &'a Attempts,
    keys: [u64; 3],
    time: Duration,
    end: End,
}

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Failed,
    Succeeded,
    /// It was none.
    Void,
}

impl Attempts {
    /// Begins a try before its password is looked at.
    pub fn begin(
        &self,
        user: &[u8],
        address: Option<IpAddr>,
        limit: Limit,
        now: Instant,
    ) -> Result<Attempt<'_>, Refused> {
        let address = address.map(network);
        let keys = [
            self.hasher.hash_one(("both", user, address)),
            self.hasher.hash_one(("address", address)),
            self.hasher.hash_one(("user", user)),
        ];
        let counts = [
            limit.count,
            limit.count.saturating_mul(PER_ADDRESS),
            limit.count.saturating_mul(PER_USER),
        ];
        let mut entries = self.lock();
        let mut is_pending = false;
        for (key, most) in keys.iter().zip(counts) {
            let Some(entry) = entries.get(key) else {
                continue;
            };
            let failed = entry.failed_by(now);
            if failed >= most {
                return Err(Refused::TooMany(entry.until.saturating_duration_since(now)));
            }
            is_pending |= failed.saturating_add(entry.pending) >= most;
        }
        if is_pending {
            return Err(Refused::Pending);
        }
        make_room(&mut entries, now);
        for key in keys {
            let fresh = Entry {
                failed: 0,
                pending: 0,
                until: now + limit.time,
            };
            entries.entry(key).or_insert(fresh).pending += 1;
        }
        Ok(Attempt {
            all: self,
            keys,
            time: limit.time,
            end: End::Failed,
        })
    }

    fn end(&self, attempt: &Attempt<'_>, now: Instant) {
        let mut entries = self.lock();
        for (at, key) in attempt.keys.iter().enumerate() {
            // It may have made room for others.
            let Some(entry) = entries.get_mut(key) else {
                continue;
            };
            entry.pending = entry.pending.saturating_sub(1);
            match attempt.end {
                End::Void => {}
                // What failed before is forgiven, of this user at this address.
                End::Succeeded if at == 0 => entry.failed = 0,
                End::Succeeded => {}
                End::Failed => {
                    let before = entry.failed_by(now);
                    if before == 0 {
                        entry.until = now + attempt.time;
                    }
                    entry.failed = before.saturating_add(1);
                }
            }
            if entry.pending == 0 && entry.failed_by(now) == 0 {
                entries.remove(key);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt<'_> {
    /// The password was right: the try does not count, and those before it are forgiven.
    pub fn succeeded(mut self) {
        self.end = End::Succeeded;
    }

    /// No password was looked at, or none could be.
    pub fn is_none(mut self) {
        self.end = End::Void;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.all.end(self, clock::now());
    }
}

impl Entry {
    /// How many have failed that are not forgotten.
    fn failed_by(&self, now: Instant) -> u32 {
        match self.until > now {
            true => self.failed,
            false => 0,
        }
    }
}

/// Room for one try.
fn make_room(entries: &mut HashMap<u64, Entry>, now: Instant) {
    if entries.len() + 3 <= ENTRIES_MAX {
        return;
    }
    entries.retain(|_, entry| entry.until > now);
    if entries.len() + 3 <= ENTRIES_MAX {
        return;
    }
    // A tenth at once, so that a flood does not sort all of them for every try.
    let mut ends: Vec<_> = entries.values().map(|entry| entry.until).collect();
    ends.sort_unstable();
    if let Some(&end) = ends.get(ENTRIES_MAX / 10) {
        entries.retain(|_, entry| entry.until > end);
    }
}

/// What one client has in its hands: an IPv4 address, or the network of an IPv6 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Limit = Limit {
        count: 3,
        time: Duration::from_secs(60),
    };

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().expect("an address"))
    }

    /// One that fails at once; false if there is none.
    fn fail(attempts: &Attempts, user: &str, from: &str, now: Instant) -> bool {
        attempts
            .begin(user.as_bytes(), address(from), LIMIT, now)
            .is_ok()
    }

    #[test]
    fn a_user_has_so_many_tries_from_an_address() {
        let attempts = Attempts::default();
        let now = clock::now();
        let fail = |user: &str, from: &str| fail(&attempts, user, from, clock::now());
        for _ in 0..3 {
            assert!(fail("ann", "10.0.0.1"));
        }
        let later = now + Duration::from_secs(20);
        let refused = attempts.begin(b"ann", address("10.0.0.1"), LIMIT, later);
        let Err(Refused::TooMany(wait)) = refused else {
            panic!("{refused:?}");
        };
        assert!(wait <= Duration::from_secs(41), "{wait:?}");
        assert!(wait >= Duration::from_secs(39), "{wait:?}");
        assert!(fail("bob", "10.0.0.1"));
        assert!(fail("ann", "10.0.0.2"));
        let later = now + LIMIT.time * 2;
        assert!(
            attempts
                .begin(b"ann", address("10.0.0.1"), LIMIT, later)
                .is_ok()
        );
        // All addresses of a network are one client's.
        for host in 1..=3 {
            assert!(fail("eve", &format!("2001:db8::{host}")));
        }
        assert!(!fail("eve", "2001:db8::9"));
        assert!(fail("eve", "2001:db8:1::9"));
    }

    #[test]
    fn an_address_and_a_user_have_limits_of_their_own() {
        let attempts = Attempts::default();
        let fail = |user: &str, from: &str| fail(&attempts, user, from, clock::now());
        for number in 0..LIMIT.count * PER_ADDRESS {
            assert!(fail(&format!("user{number}"), "10.0.0.1"));
        }
        assert!(!fail("x", "10.0.0.1"));
        for number in 0..LIMIT.count * PER_USER {
            let from = format!("10.1.{}.{}", number / 250, number % 250);
            assert!(fail("ann", &from));
        }
        assert!(!fail("ann", "10.9.9.9"));
    }

    #[test]
    fn a_right_password_forgives_and_what_is_no_try_does_not_count() {
        let attempts = Attempts::default();
        let begin = || attempts.begin(b"ann", address("10.0.0.1"), LIMIT, clock::now());
        for _ in 0..100 {
            begin().expect("not too many").is_none();
            begin().expect("not too many").succeeded();
        }
        assert_eq!(attempts.lock().len(), 0);
        for _ in 0..5 {
            drop(begin().expect("not too many"));
            drop(begin().expect("not too many"));
            begin().expect("not too many").succeeded();
        }
        // Of the address and of the user, what failed is remembered.
        assert_eq!(attempts.lock().len(), 2);
    }

    #[test]
    fn tries_at_the_same_time_are_never_more_than_may_fail() {
        let attempts = Attempts::default();
        let begin = || attempts.begin(b"ann", address("10.0.0.1"), LIMIT, clock::now());
        let mut pending: Vec<_> = (0..3).map(|_| begin().expect("a try")).collect();
        assert_eq!(begin().err(), Some(Refused::Pending));
        pending.pop().expect("a try").succeeded();
        let last = begin().expect("one has room");
        drop(pending);
        assert_eq!(begin().err(), Some(Refused::Pending));
        drop(last);
        assert!(matches!(begin(), Err(Refused::TooMany(_))));
    }

    #[test]
    fn there_are_never_too_many_entries() {
        let attempts = Attempts::default();
        let start = clock::now();
        for number in 0..ENTRIES_MAX as u32 {
            let now = start + Duration::from_millis(number.into());
            let from = IpAddr::V4(number.into());
            let limit = Limit {
                time: Duration::from_secs(3600),
                ..LIMIT
            };
            let user = number.to_string();
            assert!(
                attempts
                    .begin(user.as_bytes(), Some(from), limit, now)
                    .is_ok()
            );
        }
        assert!(attempts.lock().len() <= ENTRIES_MAX);
    }
}
