//! What a request may have: where it leads, and what all who have a say in it leave of the policy.
//!
//! The one place where they meet. Whatever may be refused is refused here, for the forecast, the
//! session, and every other request for the same desktop alike.

mod allowed;
mod found;
mod person;
mod token;

use std::sync::Arc;

use vnc::{Asked, Limits, Policy, Refusal, Role, SessionId, Spending, Target, Watch};

pub use self::allowed::entrance;
use self::allowed::grant;
use self::found::find;
use self::person::{held_by, refuse_held};
pub use self::person::{holder, user};
use self::token::token;
pub use self::token::{hide_token, shown};
use super::desktops::Desktop;
use super::links::{self, Guest};
use super::tickets::Terms;
use super::{Conf, lossy, role};
use crate::request::Request;

/// Which desktop a request is for.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The one that the location leads to.
    OfLocation,
    /// One that the wall has.
    OnWall(Arc<Desktop>),
    /// One that the wall has not.
    Missing,
    /// That of a session which an operator watches.
    Watched(SessionId),
}

/// What a request leads to.
#[derive(Debug)]
pub struct Goal {
    /// The desktop's name for people, if it has one.
    pub title: Option<String>,
    /// The token in the clear; empty if there is none.
    pub token: String,
    /// What may be had there, or why nothing.
    pub grant: Result<Grant, Refusal>,
    /// The session whose machine it is, for an operator who watches.
    pub watched: Option<Box<Watch>>,
    /// The link by which a guest comes.
    pub guest: Option<Guest>,
}

/// Leave to open a session.
#[derive(Debug)]
pub struct Grant {
    /// Where the machine is.
    pub target: Target,
    /// The desktop, if it has a name.
    pub desktop: Option<Arc<Desktop>>,
    /// What the person is to the desktop.
    pub role: Role,
    /// What the session may do: the strictest of all that was said.
    pub policy: Policy,
    /// How many sessions there may be.
    pub limits: Limits,
    /// What links may be made for guests.
    pub links: Option<links::Allowed>,
    /// What the token says, where one led here.
    pub terms: Option<Terms>,
}

impl Goal {
    /// The token, or what stands in its place, of whoever is kept from coming back.
    pub fn held_by(&self) -> &str {
        held_by(&self.token, self.guest.as_ref())
    }

    /// Uses up a token that is for one use; if somebody was faster, nothing is granted any more.
    pub fn spend(&mut self, request: &Request) -> Option<Spending> {
        let terms = self.grant.as_ref().ok()?.terms.as_ref()?;
        match terms.spend(request) {
            Ok(spending) => spending,
            Err(refusal) => {
                self.grant = Err(refusal);
                None
            }
        }
    }
}

/// Finds out what a request may have. Asks token sources, but never a machine.
pub async fn goal(request: &Request, subject: &Subject) -> Goal {
    goal_at(request, subject, Asked::ToOpen).await
}

/// The same for a request whose session runs: what counts sessions, or counts once, counted it
/// already.
pub async fn goal_again(request: &Request, subject: &Subject) -> Goal {
    goal_at(request, subject, Asked::Again).await
}

async fn goal_at(request: &Request, subject: &Subject, asked: Asked) -> Goal {
    let goal = goal_by(request, subject, asked).await;
    let mut seen = request.desktop.borrow_mut();
    let seen = seen.get_or_insert_default();
    seen.role = Some(goal.grant.as_ref().map_or(Role::None, |grant| grant.role));
    if goal.guest.is_some() {
        // Whoever comes by a link comes as nobody else.
        seen.user = None;
    }
    goal
}

async fn goal_by(request: &Request, subject: &Subject, asked: Asked) -> Goal {
    if let Subject::Watched(id) = subject {
        return watched(request, *id);
    }
    match links::come(request) {
        Ok(None) => goal_of(request, subject, asked, None).await,
        Ok(Some(guest)) => {
            let goal = goal_of(request, subject, asked, Some(guest)).await;
            if let Some(guest) = &goal.guest {
                guest.leave(request);
            }
            goal
        }
        Err(refusal) => Goal {
            title: None,
            token: String::new(),
            grant: Err(refusal),
            watched: None,
            guest: None,
        },
    }
}

async fn goal_of(request: &Request, subject: &Subject, asked: Asked, guest: Option<Guest>) -> Goal {
    let token = token(request);
    if guest.is_some() {
        // The token of the link's maker, which no log shows either.
        hide_token(request);
    }
    let found = find(request, subject, &token, asked).await;
    let desktop = found.as_ref().ok().and_then(|found| found.desktop.clone());
    request.speak_of(desktop.as_ref());
    // What the desktop says of itself goes before what the location says of all.
    let conf = &request.conf().vnc;
    let special = desktop
        .as_ref()
        .map_or_else(|| conf.clone(), |desktop| desktop.over(conf));
    let terms = found.as_ref().ok().and_then(|found| found.terms.as_ref());
    let title = terms
        .and_then(|terms| terms.ticket().title.clone())
        .or_else(|| title(request, &special))
        .or_else(|| Some(desktop.as_ref()?.name.to_string()));
    let token = lossy(&token);
    let grant = found.and_then(|found| {
        if asked == Asked::ToOpen {
            refuse_held(request, &found, held_by(&token, guest.as_ref()))?;
        }
        let by = guest.as_ref();
        grant(request, found, &special, title.clone(), by)
    });
    Goal {
        title,
        token,
        grant,
        watched: None,
        guest,
    }
}

/// What an operator may have of a session's machine.
fn watched(request: &Request, id: SessionId) -> Goal {
    let watch = request.generation.thread.shared.sessions.watch(id);
    let role = role::role(request, Role::Admin);
    let grant = match &watch {
        None => Err(Refusal::WatchedIsOver),
        Some(_) if role < Role::Control => Err(Refusal::NoRole),
        Some(watch) => Ok(Grant {
            target: watch.machine.clone(),
            desktop: None,
            role: Role::View,
            policy: watch.policy.clone(),
            limits: Limits::default(),
            links: None,
            terms: None,
        }),
    };
    Goal {
        title: watch.as_ref().map(|watch| watch.title.clone()),
        token: String::new(),
        grant,
        watched: watch.map(Box::new),
        guest: None,
    }
}

/// The desktop's name for people, if somebody gave it one.
pub fn title(request: &Request, conf: &Conf) -> Option<String> {
    let title = conf.title.as_ref();
    let title = title.map(|title| lossy(&request.eval(title)));
    title.filter(|title| !title.is_empty())
}
