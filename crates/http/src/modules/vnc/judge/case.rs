//! A live session that can be judged again: the verdict, and what follows from it.

use std::cell::RefCell;
use std::rc::{Rc, Weak};
use std::time::Duration;

use net::log::Level;
use tokio::task::AbortHandle;
use vnc::{Asked, Policy, Refusal, SessionId};

use super::Watched;
use super::came::Came;
use super::granted::{Change, Granted, Token};
use super::kept::Kept;
use crate::downstream::tls;
use crate::modules::core::Handler;
use crate::modules::vnc::grant::{self, Goal, Grant, Subject};
use crate::modules::vnc::{status, subject};
use crate::request::Request;
use crate::thread::{Generation, Thread};

/// A session, as far as it takes to judge it again.
pub struct Case {
    /// The session.
    pub id: SessionId,
    /// Its request.
    kept: Kept,
    /// How the person came in.
    came: Came,
    /// What it was granted.
    granted: RefCell<Granted>,
    /// How the session ends, once its reason to be is gone.
    ending: RefCell<Option<Ending>>,
}

/// An end that comes after the grace.
struct Ending {
    /// The task that brings it.
    task: AbortHandle,
    /// What the page was warned of.
    warned: &'static str,
}

/// What a session comes to under the configuration of now.
enum Verdict {
    /// Nothing is different.
    Same,
    /// It may do other things than before.
    Policy(Box<Policy>),
    /// It has no reason to be any more.
    Ends(Refusal),
    /// It cannot be said, so it goes on.
    Unknown(&'static str),
    /// The configuration that it was judged by is not the one of now any more; by that one, it is
    /// judged as well.
    Overtaken,
}

/// What is said now of that which a session rests on, compared with what was said before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Now {
    /// The same, or nothing at the moment.
    Holds,
    /// Something else.
    Differs,
    /// That there is none.
    Gone,
}

impl Case {
    /// What has to be kept of a request that was granted a session; `None` for sessions that do not
    /// belong to a location of desktops.
    pub fn new(request: &Request, id: SessionId, goal: &Goal) -> Option<Self> {
        let grant = goal.grant.as_ref().ok()?;
        Some(Self {
            id,
            kept: Kept::of(request)?,
            came: Came::of(request),
            granted: RefCell::new(Granted::new(request, &goal.token, grant)),
            ending: RefCell::default(),
        })
    }

    async fn verdict(&self, generation: &Rc<Generation>) -> (Verdict, Option<Rc<Request>>) {
        if !self.kept.is_listened_for(generation) {
            return (Verdict::Ends(self.gone(generation)), None);
        }
        match self.kept.recall(generation).await {
            Ok(request) => {
                request.user.replace(self.came.user.clone());
                request.jwt.replace(self.came.jwt.clone());
                (self.verdict_of(&request).await, Some(request))
            }
            Err(why) => (Verdict::Unknown(why), None),
        }
    }

    async fn verdict_of(&self, request: &Rc<Request>) -> Verdict {
        if tls::refusal(request).is_some() {
            return Verdict::Ends(Refusal::Removed);
        }
        let Some(subject) = self.subject_of(request) else {
            return Verdict::Ends(self.gone(&request.generation));
        };
        let users = self.came.users_of(request);
        if let Some(objection) = self.came.objection(request) {
            return Verdict::Ends(objection);
        }
        request.forget_rules();
        let knows_all = self.kept.recall_answers(request);
        if !knows_all && !matches!(subject, Subject::Missing) {
            return Verdict::Unknown("\"auth_request_set\" has variables that it had not");
        }
        let goal = grant::goal_again(request, &subject).await;
        if request.generation.is_closing() {
            return Verdict::Overtaken;
        }
        match &goal.grant {
            Ok(grant) => {
                let verdict = self.compare(request, &goal.token, grant);
                if matches!(verdict, Verdict::Same | Verdict::Policy(_)) {
                    self.came.watch(users);
                }
                verdict
            }
            Err(
                Refusal::UnknownToken
                | Refusal::NotYours
                | Refusal::Fenced
                | Refusal::UnknownDesktop
                | Refusal::NoRole,
            ) => Verdict::Ends(Refusal::Removed),
            Err(refusal) => Verdict::Unknown(refusal.word()),
        }
    }

    /// What the request is about in the place where it leads now, if that is for such.
    fn subject_of(&self, request: &Rc<Request>) -> Option<Subject> {
        if !self.kept.place(request) {
            return None;
        }
        grant::hide_token(request);
        match self.kept.handler {
            Handler::VncStatus => status::watched(request),
            _ => subject(request),
        }
    }

    /// What the person is told where the request leads nowhere any more: that its server is at
    /// another address, if it is.
    fn gone(&self, generation: &Rc<Generation>) -> Refusal {
        let leads_somewhere = |request: &Rc<Request>| {
            let subject = self.subject_of(request);
            subject.is_some_and(|subject| !matches!(subject, Subject::Missing))
        };
        match self
            .kept
            .recall_elsewhere(generation)
            .any(|request| leads_somewhere(&request))
        {
            true => Refusal::Moved,
            false => Refusal::Removed,
        }
    }

    /// What is different from what was granted, which is what is granted from now on.
    fn compare(&self, request: &Request, token: &str, grant: &Grant) -> Verdict {
        let new = Granted::new(request, token, grant);
        match self.granted.borrow_mut().replace(new) {
            Change::Unnoticed => Verdict::Same,
            Change::Policy(policy) => Verdict::Policy(policy),
            Change::Other => Verdict::Ends(Refusal::Changed),
        }
    }

    /// What the token says now, as far as its source can tell. Cancel-safe.
    async fn token_now(&self) -> Now {
        let Some(Token { source, text, .. }) = self.granted.borrow().token.clone() else {
            return Now::Holds;
        };
        match source.lookup(&text, Asked::Again).await {
            Ok(Some(ticket)) => {
                let granted = self.granted.borrow();
                let token = granted.token.as_ref();
                match token.is_none_or(|token| ticket == *token.ticket) {
                    true => Now::Holds,
                    false => Now::Differs,
                }
            }
            Ok(None) => Now::Gone,
            Err(error) if error.is_of_token() => Now::Gone,
            Err(_) => Now::Holds,
        }
    }

    /// Judges the session if what is watched there says something else.
    pub async fn look(self: Rc<Self>, thread: Weak<Thread>, watched: Watched) {
        let now = self.now(watched).await;
        let Some(thread) = thread.upgrade() else {
            return;
        };
        // One that is about to end may have got its token back.
        if now == Now::Holds && self.ending.borrow().is_none() {
            return;
        }
        let why = match now {
            Now::Holds => None,
            Now::Differs => Some(Refusal::Changed),
            Now::Gone => Some(Refusal::Removed),
        };
        match (thread.generation_now(), why) {
            (Some(generation), _) => self.judge(&generation).await,
            // The process takes no requests any more, so that nothing can be granted.
            (None, Some(why)) => {
                let grace = self.granted.borrow().grace;
                self.ends_after(grace, why, &thread);
            }
            (None, None) => {}
        }
    }

    /// Whether what it rests on is watched there: its token, or the user in a file.
    pub fn is_watched(&self, watched: Watched) -> bool {
        let granted = self.granted.borrow();
        let token = granted.token.as_ref();
        let is_local = token.map(|token| token.source.is_local());
        match watched {
            Watched::Files => is_local == Some(true) || self.came.has_users(),
            Watched::Elsewhere => is_local == Some(false),
        }
    }

    /// What is said now of what is watched there. Cancel-safe.
    async fn now(&self, watched: Watched) -> Now {
        match watched {
            // The person may still come in by another way.
            Watched::Files if !self.came.is_known() => Now::Differs,
            Watched::Files if self.is_elsewhere() => Now::Holds,
            _ => self.token_now().await,
        }
    }

    fn is_elsewhere(&self) -> bool {
        self.is_watched(Watched::Elsewhere)
    }

    /// Judges the session, and does what follows.
    pub async fn judge(self: &Rc<Self>, generation: &Rc<Generation>) {
        let (verdict, request) = self.verdict(generation).await;
        // Whoever asked for it may have waited for a source of tokens, and there was another reload
        // meanwhile, or the process is to end.
        if generation.is_closing() {
            return;
        }
        let say = |level, what: std::fmt::Arguments<'_>| {
            let log = generation.error_log();
            let connection = Some(self.kept.connection_id());
            let context = request.as_ref().map(|request| request.log_context());
            let context = context.unwrap_or_default();
            let id = self.id;
            let line = format_args!("desktop session {id} {what}{context}");
            log.log(level, connection, line);
        };
        let sessions = &generation.thread.shared.sessions;
        match verdict {
            Verdict::Ends(why) => {
                let grace = self.granted.borrow().grace;
                if self.ends_after(grace, why.clone(), &generation.thread) {
                    let (reason, seconds) = (why.word(), grace.as_secs());
                    say(
                        Level::Notice,
                        format_args!("is to end in {seconds}s: reason={reason}"),
                    );
                }
                return;
            }
            Verdict::Unknown(why) => {
                say(
                    Level::Warn,
                    format_args!("could not be judged again: {why}"),
                );
                return;
            }
            Verdict::Policy(policy) => {
                sessions.set_policy(self.id, &policy);
                say(Level::Notice, format_args!("has another policy"));
            }
            Verdict::Overtaken => return,
            Verdict::Same => {}
        }
        if let Some(ending) = self.ending.take() {
            ending.task.abort();
            sessions.warning_is_over(self.id, ending.warned);
            say(Level::Notice, format_args!("may go on"));
        }
    }

    /// Warns the person and ends the session later; false if that was so already.
    fn ends_after(&self, grace: Duration, why: Refusal, thread: &Rc<Thread>) -> bool {
        let mut ending = self.ending.borrow_mut();
        if ending.is_some() {
            return false;
        }
        let sessions = thread.shared.sessions.clone();
        let id = self.id;
        let warned = why.warning();
        if !grace.is_zero() {
            sessions.warn(id, warned, grace);
        }
        let task = tokio::task::spawn_local(async move {
            net::timer::sleep(grace).await;
            sessions.cut(id, why);
        });
        *ending = Some(Ending {
            task: task.abort_handle(),
            warned,
        });
        true
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.task.abort();
        }
    }
}
