//! What became of the last session at each desktop: all that is known of a machine without asking
//! it, since many VNC servers take a connection that comes and goes for an attack.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::{EndReason, Refusal, SessionEnd, Target};

/// How a session found its machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It answered, whatever came of that.
    Reached,
    /// It could not be reached, or was no VNC server.
    Failed,
}

impl Outcome {
    /// What a session's end says of its machine; `None` if it says nothing.
    pub fn of(end: &SessionEnd) -> Option<Self> {
        if end.connected_after.is_some() {
            return Some(match end.reason {
                // It was there, and is not any more.
                EndReason::Refused(Refusal::Lost) => Self::Failed,
                _ => Self::Reached,
            });
        }
        match &end.reason {
            EndReason::Refused(refusal) => match refusal {
                Refusal::NameNotFound
                | Refusal::HostDown
                | Refusal::ConnectionRefused
                | Refusal::Timeout
                | Refusal::NotVnc
                | Refusal::Lost => Some(Self::Failed),
                Refusal::ServerRefused(_)
                | Refusal::WrongPassword
                | Refusal::StoredPassword
                | Refusal::UnsupportedSecurity
                | Refusal::LoginTimeout => Some(Self::Reached),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The last outcome at each desktop.
#[derive(Debug, Default)]
pub struct Outcomes(Mutex<HashMap<Box<str>, (Target, Outcome)>>);

impl Outcomes {
    /// Notes what was found at a desktop.
    pub fn note(&self, desktop: &str, target: &Target, outcome: Outcome) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(desktop.into(), (target.clone(), outcome));
    }

    /// What was found at a desktop last, if it was the same machine.
    pub fn last(&self, desktop: &str, target: &Target) -> Option<Outcome> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (known, outcome) = all.get(desktop)?;
        (known == target).then_some(*outcome)
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
        assert_eq!(outcomes.last("lab", &one), None);
        outcomes.note("lab", &one, Outcome::Failed);
        assert_eq!(outcomes.last("lab", &one), Some(Outcome::Failed));
        assert_eq!(outcomes.last("lab", &other), None, "it moved");
        outcomes.retain(|desktop| desktop != "lab");
        assert_eq!(outcomes.last("lab", &one), None);
    }
}
