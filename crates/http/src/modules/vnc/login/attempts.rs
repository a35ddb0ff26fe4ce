//! How often somebody may try to sign in.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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
    count: u32,
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

/// A try that is counted.
#[derive(Debug)]
pub struct Attempt([u64; 3]);

impl Attempts {
    /// Counts a try before its password is looked at; the error is how long there is none.
    pub fn begin(
        &self,
        user: &str,
        address: Option<IpAddr>,
        limit: Limit,
        now: Instant,
    ) -> Result<Attempt, Duration> {
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
        for (key, most) in keys.iter().zip(counts) {
            let entry = entries.get(key).filter(|entry| entry.until > now);
            if let Some(entry) = entry.filter(|entry| entry.count >= most) {
                return Err(entry.until.saturating_duration_since(now));
            }
        }
        make_room(&mut entries, now);
        for key in keys {
            let entry = entries.entry(key).or_insert(Entry {
                count: 0,
                until: now + limit.time,
            });
            if entry.until <= now {
                *entry = Entry {
                    count: 0,
                    until: now + limit.time,
                };
            }
            entry.count += 1;
        }
        Ok(Attempt(keys))
    }

    /// The password was right: the try does not count, and those before it are forgiven.
    pub fn succeeded(&self, attempt: &Attempt) {
        let mut entries = self.lock();
        let [both, others @ ..] = &attempt.0;
        entries.remove(both);
        for key in others {
            if let Some(entry) = entries.get_mut(key) {
                entry.count = entry.count.saturating_sub(1);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn a_user_has_so_many_tries_from_an_address() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let try_as =
            |user: &str, from: &str, now: Instant| attempts.begin(user, address(from), LIMIT, now);
        for _ in 0..3 {
            assert!(try_as("ann", "10.0.0.1", now).is_ok());
        }
        let wait = try_as("ann", "10.0.0.1", now + Duration::from_secs(20));
        assert_eq!(wait.unwrap_err(), Duration::from_secs(40));
        assert!(try_as("bob", "10.0.0.1", now).is_ok());
        assert!(try_as("ann", "10.0.0.2", now).is_ok());
        let later = now + LIMIT.time;
        assert!(try_as("ann", "10.0.0.1", later).is_ok());
        // All addresses of a network are one client's.
        for host in 1..=3 {
            assert!(try_as("eve", &format!("2001:db8::{host}"), now).is_ok());
        }
        assert!(try_as("eve", "2001:db8::9", now).is_err());
        assert!(try_as("eve", "2001:db8:1::9", now).is_ok());
    }

    #[test]
    fn an_address_and_a_user_have_limits_of_their_own() {
        let attempts = Attempts::default();
        let now = Instant::now();
        let many = LIMIT.count * PER_ADDRESS;
        for number in 0..many {
            let user = format!("user{number}");
            assert!(
                attempts
                    .begin(&user, address("10.0.0.1"), LIMIT, now)
                    .is_ok()
            );
        }
        assert!(
            attempts
                .begin("x", address("10.0.0.1"), LIMIT, now)
                .is_err()
        );
        let many = LIMIT.count * PER_USER;
        for number in 0..many {
            let from = format!("10.1.{}.{}", number / 250, number % 250);
            assert!(attempts.begin("ann", address(&from), LIMIT, now).is_ok());
        }
        assert!(
            attempts
                .begin("ann", address("10.9.9.9"), LIMIT, now)
                .is_err()
        );
    }

    #[test]
    fn a_right_password_forgives() {
        let attempts = Attempts::default();
        let now = Instant::now();
        for _ in 0..100 {
            let attempt = attempts.begin("ann", address("10.0.0.1"), LIMIT, now);
            attempts.succeeded(&attempt.expect("not too many"));
        }
        for _ in 0..2 {
            assert!(attempts.begin("ann", None, LIMIT, now).is_ok());
        }
    }

    #[test]
    fn there_are_never_too_many_entries() {
        let attempts = Attempts::default();
        let start = Instant::now();
        for number in 0..ENTRIES_MAX as u32 {
            let now = start + Duration::from_millis(number.into());
            let from = IpAddr::V4(number.into());
            let limit = Limit {
                time: Duration::from_secs(3600),
                ..LIMIT
            };
            assert!(
                attempts
                    .begin(&number.to_string(), Some(from), limit, now)
                    .is_ok()
            );
        }
        assert!(attempts.lock().len() <= ENTRIES_MAX);
    }
}
