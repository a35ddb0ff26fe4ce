//! What health checks found out about a peer (`health_check`).

/// What is known of a peer's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Verdict {
    /// Nobody checks, or nothing speaks against it.
    #[default]
    Good,
    /// It failed its checks.
    Bad,
    /// It must pass before it gets its first request (`mandatory`).
    Awaited,
}

/// Whether peers are checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Checked {
    /// Not at all: nothing is held against them.
    #[default]
    Never,
    /// While they are in use.
    Meanwhile,
    /// Before they get their first request (`mandatory`), and from then on.
    First,
}

/// The verdict, and how many checks in a row spoke against it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Health {
    pub(crate) verdict: Verdict,
    /// Checks in a row that said the opposite of the verdict.
    pub(crate) against: u32,
}

/// How many checks in a row change a verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Failures that make a good peer a bad one, at least 1.
    pub fails: u32,
    /// Passes that make a bad peer a good one, at least 1.
    pub passes: u32,
}

impl Health {
    pub(crate) fn is_good(self) -> bool {
        self.verdict == Verdict::Good
    }

    /// What is known of a peer that is new.
    pub(crate) fn new(checked: Checked) -> Self {
        let verdict = match checked {
            Checked::First => Verdict::Awaited,
            Checked::Never | Checked::Meanwhile => Verdict::Good,
        };
        Self {
            verdict,
            against: 0,
        }
    }

    /// Takes the result of a check; the new verdict if there is one.
    pub(crate) fn note(&mut self, passed: bool, patience: Patience) -> Option<Verdict> {
        // The first check is enough for a peer that was awaited.
        if self.verdict != Verdict::Awaited {
            if self.is_good() == passed {
                self.against = 0;
                return None;
            }
            self.against += 1;
            let needed = if passed {
                patience.passes
            } else {
                patience.fails
            };
            if self.against < needed {
                return None;
            }
        }
        self.against = 0;
        self.verdict = if passed { Verdict::Good } else { Verdict::Bad };
        Some(self.verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_changes_after_as_many_checks_as_were_asked_for() {
        let patience = Patience {
            fails: 2,
            passes: 3,
        };
        let mut health = Health::default();
        let mut note = |passed| health.note(passed, patience);
        assert_eq!([note(false), note(true), note(false)], [None; 3]);
        assert_eq!(note(false), Some(Verdict::Bad));
        assert_eq!([note(true), note(true)], [None; 2]);
        assert_eq!(note(true), Some(Verdict::Good));
    }

    #[test]
    fn an_awaited_peer_gets_its_verdict_from_the_first_check() {
        let patience = Patience {
            fails: 3,
            passes: 3,
        };
        for (passed, verdict) in [(true, Verdict::Good), (false, Verdict::Bad)] {
            let mut health = Health {
                verdict: Verdict::Awaited,
                against: 0,
            };
            assert_eq!(health.note(passed, patience), Some(verdict));
        }
    }
}
