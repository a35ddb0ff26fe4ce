//! Live sessions and the configuration of now: each is judged again as its own request would be,
//! after a reload and when a file of tokens or of users changes.
//!
//! A session holds no configuration (decision 0005). What is kept of it is its request's head and
//! what it was granted ([`Case`]); decision 0023 says why.

mod each;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use net::log::Level;
use proto::h1::FieldName;
use tokio::task::AbortHandle;
use vnc::{Asked, Policy, Refusal, Role, SessionId, Target, Ticket, TokenSource};

use self::each::each;
use super::grant::{self, Goal, Grant, Subject};
use super::status;
use crate::connection::{Connection, Memory};
use crate::downstream::{head, tls};
use crate::modules::auth_request::{self, Answers};
use crate::modules::core::Handler;
use crate::phases;
use crate::request::Request;
use crate::secrets::Secrets;
use crate::thread::{Generation, Thread};

mod came;

use came::Came;

/// How often it is looked whether files of tokens and users have changed under live sessions.
const FILES_INTERVAL: Duration = Duration::from_secs(2);

/// How often services are asked whether the tokens of live sessions hold.
const ELSEWHERE_INTERVAL: Duration = Duration::from_secs(30);

/// A session, as far as it takes to judge it again.
pub struct Case {
    id: SessionId,
    memory: Memory,
    /// What of it no log may show.
    secrets: Secrets,
    /// What its location is for: desktops, or sessions that are watched.
    handler: Handler,
    /// How the person came in.
    came: Came,
    /// What was kept of the answer of `auth_request`, which is not asked again.
    answers: Answers,
    /// When it began.
    start: SystemTime,
    /// Where the request was led by the server itself, if it was.
    led: Option<Led>,
    /// What it was granted.
    granted: RefCell<Granted>,
    /// The task that ends the session, once its reason to be is gone.
    ending: RefCell<Option<AbortHandle>>,
}

/// An internal redirect.
struct Led {
    uri: Bytes,
    args: Bytes,
    named: Option<Bytes>,
}

/// What a session was granted at last.
struct Granted {
    target: Target,
    role: Role,
    policy: Policy,
    grace: Duration,
    token: Option<Token>,
}

/// A token, who vouches for it, and what it said at last.
#[derive(Clone)]
struct Token {
    source: Arc<TokenSource>,
    text: Box<str>,
    ticket: Rc<Ticket>,
}

/// Where that stands which live sessions rest on, each with a task that looks whether it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    /// In files of this machine: a look costs little.
    Files,
    /// Somebody else has to be asked.
    Elsewhere,
}

impl Watched {
    fn interval(self) -> Duration {
        match self {
            Self::Files => FILES_INTERVAL,
            Self::Elsewhere => ELSEWHERE_INTERVAL,
        }
    }
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
        let handler = request.conf().core.handler;
        if !matches!(handler, Handler::Vnc | Handler::VncStatus) {
            return None;
        }
        let conn = &request.conn;
        let memory = Memory {
            id: conn.id,
            head: without_password(request),
            peer: conn.peer.clone(),
            local: conn.local().clone(),
            listen: conn.listener_conf().listen.addr.clone(),
            proxied: conn.proxied.get().cloned(),
            tls: conn.tls.get().map(|tls| Box::new(tls.memory())),
        };
        let name = &request.location().name;
        let led = request.internal.get().then(|| Led {
            uri: request.uri(),
            args: request.args(),
            named: name.starts_with(b"@").then(|| name.clone()),
        });
        let secrets = request.secrets.borrow().clone();
        Some(Self {
            id,
            memory,
            secrets,
            handler,
            came: Came::of(request),
            answers: auth_request::answers(request),
            start: goal.start,
            led,
            granted: RefCell::new(Granted::new(request, &goal.token, grant)),
            ending: RefCell::default(),
        })
    }

    /// The request as it would be now, or why it cannot be said what that is.
    async fn request(&self, generation: &Rc<Generation>) -> Result<Rc<Request>, &'static str> {
        let unreadable = "its request cannot be read again";
        let listener = generation.listener_at(&self.memory.listen);
        let listener = listener.ok_or(unreadable)?;
        let conn = Connection::recalled(&self.memory, generation.clone(), listener);
        let conn = Rc::new(conn.map_err(|_| unreadable)?);
        if let Some(memory) = &self.memory.tls
            && !tls::recall(&conn, memory).await
        {
            return Err("the status of its certificate is not to be had");
        }
        let request = head::recall(&conn).ok_or(unreadable)?;
        // Where it leads now, nobody may know any more what is secret.
        request.secrets.borrow_mut().hide_those_of(&self.secrets);
        request.user.replace(self.came.user.clone());
        request.jwt.replace(self.came.jwt.clone());
        Ok(request)
    }

    /// Finds the request's place; false if that is for something else by now.
    fn place(&self, request: &Rc<Request>) -> bool {
        let placed = match &self.led {
            None => phases::place(request),
            Some(Led {
                named: Some(name), ..
            }) => phases::place_named(request, name),
            Some(led) => {
                request.uri.replace(led.uri.clone());
                request.args.replace(led.args.clone());
                request.uri_is_original.set(false);
                request.internal.set(true);
                phases::place(request)
            }
        };
        placed && request.conf().core.handler == self.handler
    }

    async fn verdict(&self, generation: &Rc<Generation>) -> (Verdict, Option<Rc<Request>>) {
        if generation.listener_at(&self.memory.listen).is_none() {
            return (Verdict::Ends(Refusal::Removed), None);
        }
        match self.request(generation).await {
            Ok(request) => (self.verdict_of(&request).await, Some(request)),
            Err(why) => (Verdict::Unknown(why), None),
        }
    }

    async fn verdict_of(&self, request: &Rc<Request>) -> Verdict {
        let is_refused = tls::refusal(request).is_some();
        if is_refused || !self.place(request) {
            return Verdict::Ends(Refusal::Removed);
        }
        grant::hide_token(request);
        let subject = match self.handler {
            Handler::VncStatus => status::watched(request),
            _ => super::subject(request),
        };
        let Some(subject) = subject else {
            return Verdict::Ends(Refusal::Removed);
        };
        if !self.came.would_again(request) {
            return Verdict::Ends(Refusal::Removed);
        }
        request.forget_rules();
        let knows_all = auth_request::recall(request, &self.answers);
        if !knows_all && !matches!(subject, Subject::Missing) {
            return Verdict::Unknown("\"auth_request_set\" has variables that it had not");
        }
        let goal = grant::goal_again(request, &subject, self.start).await;
        if request.generation.is_closing() {
            return Verdict::Overtaken;
        }
        match &goal.grant {
            Ok(grant) => self.compare(request, &goal.token, grant),
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

    /// What is different from what was granted, which is what is granted from now on.
    fn compare(&self, request: &Request, token: &str, grant: &Grant) -> Verdict {
        let new = Granted::new(request, token, grant);
        let mut old = self.granted.borrow_mut();
        let is_less = old.role == Role::Admin && new.role < Role::Admin;
        // A recording begins with the screen, so that a session's own cannot begin later.
        let is_other = old.target != new.target
            || !old.policy.enters_as(&new.policy)
            || old.policy.is_recorded() != new.policy.is_recorded();
        if is_less || is_other {
            // What is compared with stays: a configuration that is taken back makes it good.
            old.grace = new.grace;
            return Verdict::Ends(Refusal::Changed);
        }
        let same = same_terms(&old.policy, &new.policy);
        let policy = new.policy.clone();
        *old = new;
        match same {
            true => Verdict::Same,
            false => Verdict::Policy(Box::new(policy)),
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
    async fn look(self: Rc<Self>, thread: Weak<Thread>, watched: Watched) {
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
    fn is_watched(&self, watched: Watched) -> bool {
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
    async fn judge(self: &Rc<Self>, generation: &Rc<Generation>) {
        let (verdict, request) = self.verdict(generation).await;
        // Whoever asked for it may have waited for a source of tokens, and there was another reload
        // meanwhile, or the process is to end.
        if generation.is_closing() {
            return;
        }
        let say = |level, what: std::fmt::Arguments<'_>| {
            let log = generation.error_log();
            let connection = Some(self.memory.id);
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
            ending.abort();
            sessions.warning_is_over(self.id, "removed");
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
        if !grace.is_zero() {
            sessions.warn(id, "removed", grace);
        }
        let task = tokio::task::spawn_local(async move {
            net::timer::sleep(grace).await;
            sessions.cut(id, why);
        });
        *ending = Some(task.abort_handle());
        true
    }
}

impl Drop for Case {
    fn drop(&mut self) {
        if let Some(ending) = self.ending.take() {
            ending.abort();
        }
    }
}

impl Granted {
    fn new(request: &Request, token: &str, grant: &Grant) -> Self {
        let conf = &request.conf().vnc;
        let of_desktop = grant
            .desktop
            .as_ref()
            .map(|desktop| desktop.conf.revoke_grace);
        let graces = [Some(conf.revoke_grace), of_desktop];
        let said = conf.source.as_ref().zip(grant.terms.as_ref());
        let token = said.map(|(source, terms)| Token {
            source: source.clone(),
            text: token.into(),
            ticket: Rc::new(terms.ticket().clone()),
        });
        Self {
            target: grant.target.clone(),
            role: grant.role,
            policy: grant.policy.clone(),
            grace: graces.into_iter().flatten().min().unwrap_or_default(),
            token,
        }
    }
}

/// The head of a request without the password that it may hold.
fn without_password(request: &Request) -> Box<[u8]> {
    let mut head: Box<[u8]> = request.buf[..].into();
    for name in [FieldName::Authorization, FieldName::ProxyAuthorization] {
        for field in request.head.fields.all(name) {
            let value = field.value.start as usize..field.value.end as usize;
            let value = head.get_mut(value).unwrap_or_default();
            if value.len() >= 6 && value[..6].eq_ignore_ascii_case(b"Basic ") {
                value[6..].fill(b'-');
            }
        }
    }
    head
}

/// Whether a session that runs would notice no difference.
fn same_terms(one: &Policy, other: &Policy) -> bool {
    let terms = |policy: &Policy| (policy.permissions(), policy.idle, policy.session_max);
    terms(one) == terms(other)
}

/// The sessions of a thread that can be judged again.
#[derive(Default)]
pub struct Cases {
    all: RefCell<HashMap<SessionId, Rc<Case>>>,
    /// The task that judges after a reload.
    judging: RefCell<Option<AbortHandle>>,
    /// The tasks that watch tokens and files of users.
    watching: RefCell<Vec<Watched>>,
}

/// A session's place among them.
pub struct Enrolled {
    thread: Weak<Thread>,
    id: SessionId,
}

impl Drop for Enrolled {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.upgrade() {
            thread.cases.all.borrow_mut().remove(&self.id);
        }
    }
}

impl Cases {
    /// Adds a session that begins. `under` is the number of the generation that granted it.
    pub fn enrol(thread: &Rc<Thread>, case: Case, under: u64) -> Enrolled {
        let id = case.id;
        let case = Rc::new(case);
        thread.cases.all.borrow_mut().insert(id, case.clone());
        for watched in [Watched::Files, Watched::Elsewhere] {
            if case.is_watched(watched) && !thread.cases.watching.borrow().contains(&watched) {
                thread.cases.watching.borrow_mut().push(watched);
                tokio::task::spawn_local(watch(Rc::downgrade(thread), watched));
            }
        }
        // There was a reload between the request and now.
        if let Some(generation) = thread.generation_now()
            && generation.number != under
        {
            tokio::task::spawn_local(async move { case.judge(&generation).await });
        }
        Enrolled {
            thread: Rc::downgrade(thread),
            id,
        }
    }

    /// Judges all by a configuration that has just come into force.
    pub fn judge_all(&self, generation: &Rc<Generation>) {
        if let Some(older) = self.judging.take() {
            older.abort();
        }
        let cases = self.list();
        if cases.is_empty() {
            return;
        }
        let generation = generation.clone();
        let task = tokio::task::spawn_local(each(cases, move |case| {
            let generation = generation.clone();
            async move {
                if let Some(case) = case.upgrade() {
                    case.judge(&generation).await;
                }
            }
        }));
        self.judging.replace(Some(task.abort_handle()));
    }

    fn list(&self) -> Vec<Weak<Case>> {
        self.all.borrow().values().map(Rc::downgrade).collect()
    }
}

/// Judges sessions whose tokens say something else or whose users are gone, for as long as there
/// are sessions with such.
async fn watch(thread: Weak<Thread>, watched: Watched) {
    loop {
        net::timer::sleep(watched.interval()).await;
        let Some(cases) = thread.upgrade().map(|thread| thread.cases.list()) else {
            return;
        };
        let is_watched = |case: &Weak<Case>| {
            let case = case.upgrade();
            case.is_some_and(|case| case.is_watched(watched))
        };
        let cases: Vec<_> = cases.into_iter().filter(is_watched).collect();
        if cases.is_empty() {
            if let Some(thread) = thread.upgrade() {
                let mut watching = thread.cases.watching.borrow_mut();
                watching.retain(|one| *one != watched);
            }
            return;
        }
        each(cases, |case| {
            let thread = thread.clone();
            async move {
                if let Some(case) = case.upgrade() {
                    case.look(thread, watched).await;
                }
            }
        })
        .await;
    }
}
