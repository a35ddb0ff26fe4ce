//! Who may not come back for a while, because an operator cut a session.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Somebody at one desktop, without the name or the token: a number of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Holder(u64);

/// Holds that are kept. Beyond, the ones that end first go first.
const HOLDS_MAX: usize = 10_000;

/// The holds of a process.
#[derive(Debug, Default)]
pub(super) struct Holds {
    hasher: RandomState,
    until: Mutex<HashMap<Holder, Instant>>,
}

impl Holds {
    pub(super) fn holder(&self, user: Option<&str>, token: &str, target: &str) -> Option<Holder> {
        match (user, token) {
            (None, "") => None,
            (Some(user), _) => Some(Holder(self.hasher.hash_one(("user", user, target)))),
            (None, token) => Some(Holder(self.hasher.hash_one(("token", token, target)))),
        }
    }

    pub(super) fn add(&self, holder: Holder, time: Duration) {
        let now = net::clock::now();
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        if until.len() >= HOLDS_MAX {
            until.retain(|_, end| *end > now);
        }
        if until.len() >= HOLDS_MAX
            && let Some(first) = until
                .iter()
                .min_by_key(|(_, end)| **end)
                .map(|(who, _)| *who)
        {
            until.remove(&first);
        }
        until.insert(holder, now + time);
    }

    pub(super) fn holds(&self, holder: Holder) -> bool {
        let mut until = self.until.lock().unwrap_or_else(PoisonError::into_inner);
        let end = until.get(&holder).copied();
        let over = end.is_some_and(|end| end <= net::clock::now());
        if over {
            until.remove(&holder);
        }
        end.is_some() && !over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_is_for_one_person_at_one_desktop_and_ends() {
        let holds = Holds::default();
        let who = |user, token, target| holds.holder(user, token, target).unwrap();
        let ann = who(Some("ann"), "", "a:1");
        holds.add(ann, Duration::from_secs(60));
        assert!(holds.holds(who(Some("ann"), "other", "a:1")));
        for other in [
            who(Some("bob"), "", "a:1"),
            who(Some("ann"), "", "b:1"),
            who(None, "ann", "a:1"),
        ] {
            assert!(!holds.holds(other));
        }
        holds.add(ann, Duration::ZERO);
        assert!(!holds.holds(ann));
        assert_eq!(holds.holder(None, "", "a:1"), None, "nobody in particular");
    }

    #[test]
    fn holds_are_bounded() {
        let holds = Holds::default();
        let who = |user: usize| holds.holder(Some(&user.to_string()), "", "").unwrap();
        for user in 0..=HOLDS_MAX {
            holds.add(who(user), Duration::from_secs(60 + user as u64));
        }
        assert!(!holds.holds(who(0)) && holds.holds(who(1)) && holds.holds(who(HOLDS_MAX)));
        assert_eq!(holds.until.lock().unwrap().len(), HOLDS_MAX);
    }
}
