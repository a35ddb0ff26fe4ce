//! Tokens for one use that were used.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

/// Tokens that are remembered. When there are so many, tokens for one use open nothing more until
/// some expire: to forget one would be to let it in again.
const SPENT_MAX: usize = 200_000;

/// The tokens for one use that a process has seen used. Not the tokens themselves are kept.
#[derive(Debug, Default)]
pub struct SpentTokens {
    hashers: [RandomState; 2],
    until: Mutex<HashMap<Key, Option<SystemTime>>>,
}

/// Two hashes with keys of this process.
type Key = [u64; 2];

/// Why a token cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SpendError {
    /// It was used.
    #[error("the token was used before")]
    Spent,
    /// More are remembered than there is room for.
    #[error("too many tokens for one use are remembered")]
    Full,
}

/// A token that somebody is using. Dropped, it is as if it had not been used.
#[derive(Debug)]
pub struct Spending {
    tokens: Arc<SpentTokens>,
    key: Key,
    /// Whether it stays used.
    kept: bool,
}

impl SpentTokens {
    /// Uses a token, which is remembered until it expires by itself. Of several who try at once,
    /// one succeeds.
    pub fn spend(
        self: &Arc<Self>,
        source: &str,
        token: &str,
        expires: Option<SystemTime>,
        now: SystemTime,
    ) -> Result<Spending, SpendError> {
        let key = self.key(source, token);
        let mut until = self.lock();
        if until.contains_key(&key) {
            return Err(SpendError::Spent);
        }
        if until.len() >= SPENT_MAX {
            until.retain(|_, end| end.is_none_or(|end| end > now));
        }
        if until.len() >= SPENT_MAX {
            return Err(SpendError::Full);
        }
        until.insert(key, expires);
        Ok(Spending {
            tokens: self.clone(),
            key,
            kept: false,
        })
    }

    /// Whether a token was used, or is being used.
    pub fn is_spent(&self, source: &str, token: &str) -> bool {
        self.lock().contains_key(&self.key(source, token))
    }

    fn key(&self, source: &str, token: &str) -> Key {
        let [first, second] = &self.hashers;
        [
            first.hash_one((source, token)),
            second.hash_one((source, token)),
        ]
    }

    /// A panic in between leaves a map that is whole.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Option<SystemTime>>> {
        self.until.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spending {
    /// The session came about: the token stays used.
    pub fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Spending {
    fn drop(&mut self) {
        if !self.kept {
            self.tokens.lock().remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_who_try_at_once_succeeds() {
        let tokens = Arc::new(SpentTokens::default());
        let now = SystemTime::now();
        let tries = (0..8).map(|_| {
            let tokens = tokens.clone();
            std::thread::spawn(move || match tokens.spend("s", "t", None, now) {
                Ok(spending) => {
                    spending.keep();
                    1
                }
                Err(_) => 0,
            })
        });
        let tries: Vec<_> = tries.collect();
        let succeeded: i32 = tries.into_iter().map(|one| one.join().unwrap()).sum();
        assert_eq!(succeeded, 1);
        assert!(tokens.is_spent("s", "t"));
        assert!(!tokens.is_spent("other", "t") && !tokens.is_spent("s", "u"));
    }

    #[test]
    fn a_use_that_came_to_nothing_is_none() {
        let tokens = Arc::new(SpentTokens::default());
        let now = SystemTime::now();
        let first = tokens.spend("s", "t", None, now).unwrap();
        assert_eq!(
            tokens.spend("s", "t", None, now).unwrap_err(),
            SpendError::Spent
        );
        drop(first);
        tokens.spend("s", "t", None, now).unwrap().keep();
        assert!(tokens.is_spent("s", "t"));
    }

    #[test]
    fn when_there_are_too_many_those_that_expired_make_room() {
        let tokens = Arc::new(SpentTokens::default());
        let now = SystemTime::now();
        let soon = now + std::time::Duration::from_secs(1);
        for number in 0..SPENT_MAX {
            let token = number.to_string();
            tokens.spend("s", &token, Some(soon), now).unwrap().keep();
        }
        let more = tokens.spend("s", "more", None, now);
        assert_eq!(more.unwrap_err(), SpendError::Full);
        tokens.spend("s", "more", None, soon).unwrap().keep();
        assert_eq!(tokens.lock().len(), 1);
    }
}
