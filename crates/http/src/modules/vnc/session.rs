//! From what a request was granted to a desktop session, and what the logs say of it.

use std::rc::Rc;
use std::sync::Arc;

use net::clock;
use net::log::Level;
use proto::h1::argument;
use vnc::{
    About, Browser, EndReason, Outcome, Outcomes, Policy, Refusal, SessionEnd, SessionId, Spending,
    Subprotocol, Target,
};

use super::grant::{Goal, holder, shown, user};
use super::journal::{self, Journal};
use super::judge::{Case, Cases, Enrolled};
use super::links::Guest;
use crate::connection::Connection;
use crate::load::Load;
use crate::log_later::LogLater;
use crate::request::Request;
use crate::response::Takeover;
use crate::thread::{DesktopCount, Thread};

/// A session that begins once the head of the 101 was sent.
pub struct Opening {
    goal: Result<Target, Refusal>,
    policy: Policy,
    about: About,
    /// The desktop's name, if it has one.
    desktop: Option<Arc<str>>,
    /// What is needed to judge the session again.
    case: Option<Case>,
    /// The number of the generation that granted it.
    under: u64,
    protocol: Subprotocol,
    /// The token, if it is for one use.
    spending: Option<Spending>,
    journals: Vec<Journal>,
}

impl Opening {
    /// Takes from the request what its session needs.
    pub fn new(request: &Request, mut goal: Goal, protocol: Subprotocol) -> Self {
        let spending = goal.spend(request);
        if let (Ok(_), Some(guest)) = (&goal.grant, &goal.guest) {
            guest.note_use();
        }
        let grant = goal.grant.as_ref().ok();
        let target = grant.map(|grant| shown(request, &grant.target));
        // Without a random name the session cannot start, which it says itself.
        let id = SessionId::random().ok();
        {
            let mut seen = request.desktop.borrow_mut();
            let seen = seen.get_or_insert_default();
            seen.session = id;
            seen.target.clone_from(&target);
        }
        let desktop = grant.and_then(|grant| Some(grant.desktop.as_ref()?.name.clone()));
        let case = id.and_then(|id| Case::new(request, id, &goal));
        let about = About {
            id,
            ..about(request, &goal)
        };
        let (goal, policy) = match goal.grant {
            Ok(grant) => (Ok(grant.target), grant.policy),
            Err(refusal) => (Err(refusal), Policy::default()),
        };
        Self {
            goal,
            policy,
            about,
            desktop,
            case,
            under: request.generation.number,
            protocol,
            spending,
            journals: request.conf().vnc.journals.clone(),
        }
    }
}

/// What is known of a session before it begins.
pub fn about(request: &Request, goal: &Goal) -> About {
    let grant = goal.grant.as_ref().ok();
    let hold = grant.and_then(|grant| {
        let who = holder(request, goal.held_by(), &grant.target)?;
        Some((who, request.conf().vnc.cut_hold?))
    });
    let desktop = grant.and_then(|grant| grant.desktop.as_ref());
    let desktop = match &goal.watched {
        Some(watched) => watched.desktop.clone(),
        None => desktop.map_or_else(String::new, |desktop| desktop.name.to_string()),
    };
    let target = grant.map(|grant| shown(request, &grant.target));
    About {
        id: None,
        client: request.client_text(),
        // Whoever comes by a link comes as nobody else.
        user: user(request).filter(|_| goal.guest.is_none()),
        link: goal.guest.as_ref().map(Guest::link_use),
        role: grant.map(|grant| grant.role).unwrap_or_default(),
        desktop,
        title: goal.title.clone().unwrap_or_default(),
        target: target.unwrap_or_default(),
        token: (!goal.token.is_empty() && goal.guest.is_none())
            .then(|| vnc::mask_token(&goal.token)),
        watches: goal.watched.as_ref().map(|watched| watched.id),
        limits: grant.map(|grant| grant.limits).unwrap_or_default(),
        take_over: argument(&request.args(), b"take_over") == Some(b"1"),
        hold,
        notes: journal::notes(request),
    }
}

impl Takeover for Opening {
    fn prepare(self: Box<Self>, request: &Rc<Request>) -> Box<dyn FnOnce(Connection)> {
        let log = LogLater::new(request);
        let thread = request.generation.thread.clone();
        if self.goal.is_ok() {
            log.error(
                Level::Info,
                &format!("desktop session {} begins", self.name()),
            );
        }
        Box::new(move |conn| self.start(conn, log, &thread))
    }
}

impl Opening {
    /// The session's name and where it goes.
    fn name(&self) -> String {
        let id = self.about.id.map(|id| id.to_string()).unwrap_or_default();
        match &self.goal {
            Ok(target) => format!("{id} to {target}"),
            Err(_) => id,
        }
    }

    fn start(self, conn: Connection, log: LogLater, thread: &Rc<Thread>) {
        let Connection {
            stream, buf, load, ..
        } = conn;
        let name = self.name();
        let id = self.about.id;
        let early = buf.into_inner().to_vec();
        let browser = Browser {
            stream,
            early,
            protocol: self.protocol,
        };
        let machine = match (self.desktop, &self.goal) {
            (Some(desktop), Ok(target)) => Some(Machine {
                desktop,
                target: target.clone(),
                outcomes: thread.shared.outcomes.clone(),
            }),
            _ => None,
        };
        let sessions = &thread.shared.sessions;
        if self.goal.is_ok() && !self.journals.is_empty() {
            let record = vnc::start_record(&self.about, &self.policy);
            note(&self.journals, &log, &record);
        }
        let came_by = self.about.link.as_ref().map(|link| link.id.clone());
        let session = vnc::run(browser, self.goal, self.policy, self.about, sessions);
        // It is listed now. Whoever ended the link before saw nothing of it to cut.
        if let (Some(link), Some(id)) = (came_by, id)
            && !thread.shared.links.is_open(&link, clock::wall())
        {
            sessions.cut(id, Refusal::LinkEnded);
        }
        let count = thread.desktop_starts();
        let case = self.case;
        let end = End {
            _enrolled: case.map(|case| Cases::enrol(thread, case, self.under)),
            name,
            machine,
            log,
            spending: self.spending,
            journals: self.journals,
            _load: load,
            _count: count,
        };
        tokio::task::spawn_local(run(session, Box::new(end)));
    }
}

/// What the end of a session needs.
struct End {
    name: String,
    machine: Option<Machine>,
    log: LogLater,
    _enrolled: Option<Enrolled>,
    spending: Option<Spending>,
    journals: Vec<Journal>,
    _load: Load,
    _count: DesktopCount,
}

/// A desktop with a name, of which the wall shows how it was found.
struct Machine {
    desktop: Arc<str>,
    target: Target,
    outcomes: Arc<Outcomes>,
}

/// The task of a session: nothing in it but the session and a pointer to what its end needs.
async fn run(session: impl Future<Output = SessionEnd>, end: Box<End>) {
    let mut ended = session.await;
    ended.detail = end.log.masked(&ended.detail);
    if let (Some(machine), Some(outcome)) = (&end.machine, Outcome::of(&ended)) {
        let Machine {
            desktop,
            target,
            outcomes,
        } = machine;
        outcomes.note(desktop, target, outcome);
    }
    let how = match (&ended.reason, ended.connected_after) {
        (EndReason::Refused(_), None) => "refused",
        _ => "ended",
    };
    if let Some(spending) = end.spending
        && ended.connected_after.is_some()
    {
        spending.keep();
    }
    let name = &end.name;
    end.log.error(
        level(&ended.reason),
        &format!("desktop session {name} {how}: {ended}"),
    );
    if !end.journals.is_empty() {
        note(&end.journals, &end.log, &vnc::end_record(&ended));
    }
    end.log.write_session(&ended);
}

/// Writes a record to the journals.
fn note(journals: &[Journal], log: &LogLater, record: &str) {
    for journal in journals {
        if let Err(failure) = journal.write(record) {
            log.error(Level::Error, &failure);
        }
    }
}

/// How grave an end is: what a person or an operator wanted is not.
fn level(reason: &EndReason) -> Level {
    match reason {
        EndReason::ViewerClosed(_) | EndReason::ViewerGone | EndReason::ViewerSilent => Level::Info,
        EndReason::Refused(refusal) => match refusal {
            Refusal::ServerClosed | Refusal::Idle | Refusal::TimeOver | Refusal::LoginTimeout => {
                Level::Info
            }
            Refusal::Cut(_)
            | Refusal::Removed
            | Refusal::PasswordChanged
            | Refusal::Changed
            | Refusal::Moved
            | Refusal::TakenOver(_)
            | Refusal::Restart
            | Refusal::PolicyChanged => Level::Notice,
            Refusal::InUse { .. } => Level::Info,
            _ => Level::Error,
        },
    }
}
