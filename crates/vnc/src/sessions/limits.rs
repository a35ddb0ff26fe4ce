//! How many sessions there may be: of one person, at one machine, in all; and who must go when one
//! more is let in.

use std::sync::Arc;

use super::{About, Entry};
use crate::{Refusal, Role, Target};

/// The most sessions that there may be together with a new one; `None` is any number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of the same person, if one has signed in.
    pub user: Option<u32>,
    /// At the same machine.
    pub desktop: Option<u32>,
    /// Of this process.
    pub all: Option<u32>,
}

impl Limits {
    /// What both allow.
    pub fn strictest(self, other: Self) -> Self {
        let fewer = |one: Option<u32>, other: Option<u32>| one.into_iter().chain(other).min();
        Self {
            user: fewer(self.user, other.user),
            desktop: fewer(self.desktop, other.desktop),
            all: fewer(self.all, other.all),
        }
    }
}

/// Whether a session may begin beside those that live, and which of them make room for it.
pub(super) fn admit<'e>(
    about: &About,
    machine: &Target,
    live: impl Iterator<Item = &'e Arc<Entry>>,
) -> Result<Vec<Arc<Entry>>, Refusal> {
    if !takes_a_place(about) {
        return Ok(Vec::new());
    }
    let counted: Vec<_> = live.filter(|entry| entry.counts()).collect();
    let here = |entry: &&&Arc<Entry>| entry.machine() == Some(machine);
    let displaced = at_desktop(about, counted.iter().filter(here).copied())?;
    let stays = |entry: &&&Arc<Entry>| !displaced.iter().any(|gone| gone.id() == entry.id());
    let same_user = |entry: &&&Arc<Entry>| entry.about().user == about.user;
    let limits = about.limits;
    let all = counted.iter().filter(stays).count();
    let of_user = match &about.user {
        Some(_) => counted.iter().filter(stays).filter(same_user).count(),
        None => 0,
    };
    match is_full(limits.all, all) || is_full(limits.user, of_user) {
        true => Err(Refusal::Busy),
        false => Ok(displaced),
    }
}

/// Whether a session counts where there may be so many: an operator who looks after another one
/// takes nobody's place, neither when that begins nor later.
pub(super) fn takes_a_place(about: &About) -> bool {
    about.watches.is_none()
}

/// What the limit of a machine says; `here` are those that are there.
fn at_desktop<'e>(
    about: &About,
    here: impl Iterator<Item = &'e Arc<Entry>>,
) -> Result<Vec<Arc<Entry>>, Refusal> {
    let here: Vec<_> = here.collect();
    if !is_full(about.limits.desktop, here.len()) {
        return Ok(Vec::new());
    }
    // Where many may be, nobody in particular is in the way.
    let (Some(1), Some(first)) = (about.limits.desktop, here.first()) else {
        return Err(Refusal::Busy);
    };
    let is_own = |entry: &&Arc<Entry>| about.user.is_some() && entry.about().user == about.user;
    let may_take_over =
        about.link.is_none() && (about.role >= Role::Control || here.iter().all(is_own));
    match about.take_over && may_take_over {
        true => Ok(here.into_iter().cloned().collect()),
        false => Err(Refusal::InUse {
            by: first.about().name(),
            may_take_over,
        }),
    }
}

fn is_full(limit: Option<u32>, there: usize) -> bool {
    limit.is_some_and(|limit| there >= limit as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::{Seat, SessionId};
    use crate::{LinkUse, Policy, Sessions, Subprotocol};

    fn about(user: &str, target: &str, limits: Limits) -> About {
        About {
            user: Some(user.into()).filter(|user: &String| !user.is_empty()),
            target: target.into(),
            limits,
            ..About::default()
        }
    }

    fn machine(about: &About) -> Target {
        about.target.parse().unwrap()
    }

    fn enter(sessions: &Sessions, about: About) -> (Seat, Result<(), Refusal>) {
        let machine = Some(machine(&about));
        let mut seat = sessions.enter(about, machine, &Policy::default(), Subprotocol::Binary);
        let admitted = seat.admit();
        (seat, admitted)
    }

    const ONE_EACH: Limits = Limits {
        user: Some(1),
        desktop: Some(2),
        all: Some(3),
    };

    #[test]
    fn each_limit_counts_what_it_is_about() {
        let sessions = Sessions::new();
        let enter = |user, target| enter(&sessions, about(user, target, ONE_EACH));
        let (ann, admitted) = enter("ann", "a:1");
        assert_eq!(admitted, Ok(()));
        assert_eq!(enter("ann", "b:1").1, Err(Refusal::Busy), "of one user");
        let (_bob, admitted) = enter("bob", "a:1");
        assert_eq!(admitted, Ok(()), "who was refused does not count");
        assert_eq!(enter("eve", "a:1").1, Err(Refusal::Busy), "at one machine");
        let (_nobody, admitted) = enter("", "b:1");
        assert_eq!(admitted, Ok(()));
        assert_eq!(enter("", "c:1").1, Err(Refusal::Busy), "in all");
        drop(ann);
        assert_eq!(enter("", "c:1").1, Ok(()));
        let (_eve, admitted) = enter("eve", "a:1");
        assert_eq!(admitted, Ok(()));
        let watching = About {
            watches: Some(SessionId(1)),
            ..about("ann", "a:1", ONE_EACH)
        };
        let forecast = sessions.would_admit(&watching, &machine(&watching));
        assert_eq!(forecast, Ok(()), "an operator takes nobody's place");
    }

    #[test]
    fn who_watches_is_in_nobodys_way() {
        let sessions = Sessions::new();
        let (ann, _) = enter(&sessions, about("ann", "a:1", ONE_EACH));
        let watching = About {
            watches: ann.id,
            ..about("bob", "a:1", ONE_EACH)
        };
        let (_watching, admitted) = enter(&sessions, watching);
        assert_eq!(admitted, Ok(()));
        let (_bob, admitted) = enter(&sessions, about("bob", "a:1", ONE_EACH));
        assert_eq!(admitted, Ok(()), "neither at the machine nor of the user");
        assert_eq!(
            enter(&sessions, about("", "b:1", ONE_EACH)).1,
            Ok(()),
            "nor in all"
        );
    }

    const ALONE: Limits = Limits {
        user: None,
        desktop: Some(1),
        all: None,
    };

    #[test]
    fn who_may_takes_over_a_machine_for_one() {
        let sessions = Sessions::new();
        let (ann, _) = enter(&sessions, about("ann", "a:1", ALONE));
        let in_use = |may_take_over| {
            Err(Refusal::InUse {
                by: Some("ann".into()),
                may_take_over,
            })
        };
        let bob = about("bob", "a:1", ALONE);
        assert_eq!(sessions.would_admit(&bob, &machine(&bob)), in_use(true));
        let watcher = About {
            role: Role::View,
            take_over: true,
            ..bob.clone()
        };
        assert_eq!(enter(&sessions, watcher.clone()).1, in_use(false));
        let guest = About {
            link: Some(LinkUse {
                id: "l".into(),
                by: None,
            }),
            take_over: true,
            ..bob.clone()
        };
        assert_eq!(enter(&sessions, guest).1, in_use(false));
        let own = About {
            user: Some("ann".into()),
            ..watcher
        };
        assert_eq!(
            sessions.would_admit(&own, &machine(&own)),
            Ok(()),
            "one's own"
        );
        assert!(
            !ann.entry.is_ending(),
            "nobody was taken over by a question"
        );
        let take = About {
            take_over: true,
            ..bob
        };
        let (_bob, admitted) = enter(&sessions, take);
        assert_eq!(admitted, Ok(()));
        assert!(ann.entry.is_ending());
        assert_eq!(ann.entry.cut_by().as_deref(), Some("bob"));
    }

    #[test]
    fn the_fewer_of_two_limits_count() {
        let few = Limits {
            user: Some(2),
            desktop: None,
            all: Some(9),
        };
        let expected = Limits {
            user: Some(1),
            desktop: Some(2),
            all: Some(3),
        };
        assert_eq!(few.strictest(ONE_EACH), expected);
        assert_eq!(few.strictest(Limits::default()), few);
    }
}
