//! What became of the last session at each desktop, and of the last time that it was asked
//! (`vnc_probe`): all that is known of a machine. Without that it is never asked, since many VNC
//! servers take a connection that comes and goes for an attack.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use crate::probes::is_of_machine;
use crate::{EndReason, Refusal, SessionEnd, Target, Unreachable};

/// How a machine was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, whatever came of that.
    Reached,
    /// It could not be reached, was no VNC server, or let the gateway not in.
    Failed(Refusal),
}

impl Outcome {
    /// What a session's end says of its machine; `None` if it says nothing.
    pub fn of(end: &SessionEnd) -> Option<Self> {
        let EndReason::Refused(refusal) = &end.reason else {
            return end.connected_after.map(|_| Self::Reached);
        };
        let is_failed = match refusal {
            // If it was there, it is not any more.
            Refusal::Lost | Refusal::TakesNoInput => true,
            _ if end.connected_after.is_some() => false,
            Refusal::NameNotFound
            | Refusal::HostDown
            | Refusal::ConnectionRefused
            | Refusal::Timeout
            | Refusal::NotVnc => true,
            Refusal::ServerRefused(_)
            | Refusal::WrongPassword
            | Refusal::StoredPassword
            | Refusal::UnsupportedSecurity
            | Refusal::LoginTimeout => false,
            _ => return None,
        };
        Some(match is_failed {
            true => Self::Failed(refusal.clone()),
            false => Self::Reached,
        })
    }

    /// What a probe says of its machine; `None` if it says nothing.
    pub fn of_probe(answer: &Result<(), Unreachable>) -> Option<Self> {
        match answer {
            Ok(()) => Some(Self::Reached),
            Err(failure) if is_of_machine(&failure.refusal) => {
                Some(Self::Failed(failure.refusal.clone()))
            }
            Err(_) => None,
        }
    }
}

/// The last outcome at a desktop.
#[derive(Debug, Clone)]
pub struct Known {
    /// What it was.
    pub outcome: Outcome,
    /// Since when that is known.
    pub at: Instant,
    target: Target,
}

/// The last outcome at each desktop.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<HashMap<Box<str>, Known>>);

impl Outcomes {
    /// Notes what was found at a desktop.
    pub fn note(&self, desktop: &str, target: &Target, outcome: Outcome) {
        let known = Known {
            outcome,
            at: Instant::now(),
            target: target.clone(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(desktop.into(), known);
    }

    /// What was found at a desktop last, if it was the same machine.
    pub fn last(&self, desktop: &str, target: &Target) -> Option<Known> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(desktop)
            .filter(|known| known.target == *target)
            .cloned()
    }

    /// Forgets desktops that are no more.
    pub fn retain(&self, is_there: impl Fn(&str) -> bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|desktop, _| is_there(desktop));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_is_of_one_machine_under_one_name() {
        let outcomes = Outcomes::default();
        let [one, other] = ["lab:1", "lab:2"].map(|text| text.parse::<Target>().unwrap());
        let last = |target: &Target| outcomes.last("lab", target).map(|known| known.outcome);
        assert_eq!(last(&one), None);
        let failed = Outcome::Failed(Refusal::HostDown);
        outcomes.note("lab", &one, failed.clone());
        assert_eq!(last(&one), Some(failed));
        assert_eq!(last(&other), None, "it moved");
        outcomes.retain(|desktop| desktop != "lab");
        assert_eq!(last(&one), None);
    }

    #[test]
    fn what_the_gateway_failed_at_says_nothing_of_a_machine() {
        let of = |refusal| {
            let detail = String::new();
            Outcome::of_probe(&Err(Unreachable { refusal, detail }))
        };
        assert_eq!(of(Refusal::Internal), None);
        let wrong = Refusal::StoredPassword;
        assert_eq!(of(wrong.clone()), Some(Outcome::Failed(wrong)));
        assert_eq!(Outcome::of_probe(&Ok(())), Some(Outcome::Reached));
    }
}
