//! Whether machines let the gateway in, found out by logging in with what is stored for them.
//!
//! A VNC server takes a connection that comes and goes for an attack, and blocks whoever makes
//! many: so nobody is asked for whom no password is stored, and a login is carried to its end. No
//! screen is asked for behind it, so that a server for one viewer keeps the one that it has.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use net::Deadline;

use crate::asks::{Answer, Asks, Turns};
use crate::entrance::Entrance;
use crate::{Machine, Policy, Refusal, Sessions, Target, Unreachable};

/// Machines that are asked at the same time.
const TURNS: usize = 16;

/// Machines that are waited for or whose answer is kept.
const SLOTS_MAX: usize = 4096;

/// How long a failure counts for somebody who wants to come in: it may just have been mended.
const FAILURE_AGE_MAX: Duration = Duration::from_secs(3);

/// How long somebody who wants to come in waits for it; then they see what comes of it.
const WAIT_MAX: Duration = Duration::from_secs(15);

/// Logins that find out how machines do. The threads of a process share it.
#[derive(Debug)]
pub struct Probes(Arc<Asks<Entrance, Outcome>>);

type Outcome = Result<(), Unreachable>;

/// A machine that can be asked, as it is entered.
#[derive(Debug)]
pub struct Probe<'a> {
    target: &'a Target,
    policy: &'a Policy,
    sessions: &'a Sessions,
    /// How long an answer counts.
    age_max: Duration,
}

impl<'a> Probe<'a> {
    /// `None` for a machine that cannot be asked, since no password is stored for it.
    pub fn new(
        target: &'a Target,
        policy: &'a Policy,
        sessions: &'a Sessions,
        age_max: Duration,
    ) -> Option<Self> {
        policy.password.as_ref()?;
        Some(Self {
            target,
            policy,
            sessions,
            age_max,
        })
    }

    /// Logs in, and has it noted what came of that.
    fn ask(
        &self,
        note: impl FnOnce(&Outcome) + 'static,
    ) -> impl FnOnce(Turns) -> std::pin::Pin<Box<dyn Future<Output = Outcome>>> + 'static {
        let (target, policy) = (self.target.clone(), self.policy.clone());
        let sessions = self.sessions.clone();
        move |turns| {
            Box::pin(async move {
                let _turn = turns.next().await;
                let outcome = Machine::knock(&target, &policy, &sessions).await;
                note(&outcome);
                outcome
            })
        }
    }
}

impl Default for Probes {
    fn default() -> Self {
        Self(Arc::new(Asks::new(TURNS, SLOTS_MAX)))
    }
}

impl Probes {
    /// For somebody who wants to come in: whether the machine lets the gateway in now, or did so a
    /// while ago. `None` when that is not known in time. If the machine is asked, `note` gets what
    /// came of it. To be awaited on a thread's `LocalRuntime`. Cancel-safe: what is asked is asked
    /// nevertheless.
    pub async fn answer(
        &self,
        probe: &Probe<'_>,
        note: impl FnOnce(&Result<(), Unreachable>) + 'static,
    ) -> Option<Result<(), Unreachable>> {
        let age_max = probe.age_max;
        let is_stale = move |answer: &Answer<Outcome>| {
            let age_max = match answer.said {
                Ok(()) => age_max,
                Err(_) => age_max.min(FAILURE_AGE_MAX),
            };
            answer.at.elapsed() > age_max
        };
        let about = Entrance::new(probe.target, probe.policy);
        let answer = self.0.answer(about, is_stale, age_max, probe.ask(note));
        let deadline = Deadline::after(WAIT_MAX);
        tokio::select! {
            answer = answer => answer.ok(),
            () = deadline.expired() => None,
        }
    }

    /// For whoever looks at many machines: asks, unless the last answer is young enough. To be
    /// called on a thread's `LocalRuntime`.
    pub fn begin(&self, probe: &Probe<'_>, note: impl FnOnce(&Result<(), Unreachable>) + 'static) {
        let age_max = probe.age_max;
        let is_stale = move |answer: &Answer<Outcome>| answer.at.elapsed() > age_max;
        let about = Entrance::new(probe.target, probe.policy);
        // Of those that are too many, some are asked when the list is asked for again.
        let _ = self.0.begin(about, is_stale, age_max, probe.ask(note));
    }
}

/// Whether a failure says something about the machine, and not about the gateway.
pub(crate) fn is_of_machine(refusal: &Refusal) -> bool {
    !matches!(
        refusal,
        Refusal::Busy | Refusal::Restart | Refusal::Internal
    )
}
