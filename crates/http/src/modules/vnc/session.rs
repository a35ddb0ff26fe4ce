//! From a request to a desktop session: where it goes, what it may do, and what the logs say of it.

use std::rc::Rc;

use bytes::Bytes;
use net::log::Level;
use net::tunnel::Traffic;
use proto::h1::{Unescape, argument, unescape};
use vnc::{
    About, Browser, EndReason, Holder, Names, Policy, Refusal, SessionEnd, SessionId, Subprotocol,
    Target,
};

use super::Pass;
use crate::connection::Connection;
use crate::load::Load;
use crate::log_later::LogLater;
use crate::request::{Desktop, Request};
use crate::response::Takeover;
use crate::thread::{DesktopCount, Thread};

/// A session that begins once the head of the 101 was sent.
pub struct Opening {
    goal: Result<Target, Refusal>,
    policy: Policy,
    about: About,
    protocol: Subprotocol,
}

impl Opening {
    /// Takes from the request what decides about the session.
    pub fn new(request: &Request, protocol: Subprotocol) -> Self {
        let goal = goal(request);
        let target = goal.as_ref().ok().map(Target::to_string);
        // Without a random name the session cannot start, which it says itself.
        let id = SessionId::random().ok();
        request.desktop.replace(Some(Box::new(Desktop {
            session: id,
            target: target.clone(),
        })));
        let token = token(request);
        let about = About {
            id,
            client: request.client_text(),
            user: user(request),
            desktop: title(request).unwrap_or_default(),
            target: target.unwrap_or_default(),
            token: (!token.is_empty()).then(|| vnc::mask_token(&lossy(&token))),
            hold: goal
                .as_ref()
                .ok()
                .and_then(|target| Some((holder(request, target)?, request.conf().vnc.cut_hold?))),
        };
        Self {
            goal,
            policy: policy(request),
            about,
            protocol,
        }
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
        let early = buf.into_inner().to_vec();
        let browser = Browser {
            stream,
            early,
            protocol: self.protocol,
        };
        let sessions = &thread.shared.sessions;
        let session = vnc::run(browser, self.goal, self.policy, self.about, sessions);
        let count = thread.desktop_starts();
        let end = End {
            name,
            log,
            _load: load,
            _count: count,
        };
        tokio::task::spawn_local(run(session, Box::new(end)));
    }
}

/// What the end of a session needs.
struct End {
    name: String,
    log: LogLater,
    _load: Load,
    _count: DesktopCount,
}

/// The task of a session: nothing in it but the session and a pointer to what its end needs.
async fn run(session: impl Future<Output = SessionEnd>, end: Box<End>) {
    let ended = session.await;
    let how = match (&ended.reason, ended.connected_after) {
        (EndReason::Refused(_), None) => "refused",
        _ => "ended",
    };
    let name = &end.name;
    end.log.error(
        level(&ended.reason),
        &format!("desktop session {name} {how}: {ended}"),
    );
    end.log.write(&Traffic {
        from_downstream: ended.bytes_in,
        to_upstream: ended.bytes_in,
        from_upstream: ended.bytes_out,
        to_downstream: ended.bytes_out,
    });
}

/// How grave an end is: what a person or an operator wanted is not.
fn level(reason: &EndReason) -> Level {
    match reason {
        EndReason::ViewerClosed(_) | EndReason::ViewerGone | EndReason::ViewerSilent => Level::Info,
        EndReason::Refused(refusal) => match refusal {
            Refusal::ServerClosed | Refusal::Idle | Refusal::TimeOver | Refusal::LoginTimeout => {
                Level::Info
            }
            Refusal::Cut(_) | Refusal::Removed | Refusal::Restart | Refusal::PolicyChanged => {
                Level::Notice
            }
            _ => Level::Error,
        },
    }
}

/// Keeps the token out of the logs; to be called before anything of the request is written.
pub fn hide_token(request: &Request) {
    request.secrets.borrow_mut().hide(token(request));
}

/// The token as it stands in the request; empty if there is none.
fn token(request: &Request) -> Bytes {
    let conf = &request.conf().vnc;
    let token = match &conf.token {
        Some(template) => request.eval(template),
        None if conf.source.is_some() => {
            let args = request.args();
            Bytes::copy_from_slice(argument(&args, b"token").unwrap_or_default())
        }
        None => Bytes::new(),
    };
    match unescape(&token, Unescape::All) {
        std::borrow::Cow::Borrowed(_) => token,
        std::borrow::Cow::Owned(token) => token.into(),
    }
}

/// Where a request leads, or why it leads nowhere.
pub fn goal(request: &Request) -> Result<Target, Refusal> {
    let target = find(request)?;
    let sessions = &request.generation.thread.shared.sessions;
    match holder(request, &target).is_some_and(|holder| sessions.is_held(holder)) {
        true => Err(Refusal::Cut(String::new())),
        false => Ok(target),
    }
}

/// Who is kept from coming back once an operator has cut the session.
fn holder(request: &Request, target: &Target) -> Option<Holder> {
    let sessions = &request.generation.thread.shared.sessions;
    let token = lossy(&token(request));
    sessions.holder(user(request).as_deref(), &token, &target.to_string())
}

/// The person, when one has signed in.
fn user(request: &Request) -> Option<String> {
    request.user.borrow().as_ref().map(|user| lossy(user))
}

fn find(request: &Request) -> Result<Target, Refusal> {
    let conf = &request.conf().vnc;
    match (&conf.pass, &conf.source) {
        (Some(Pass::Static(target)), _) => Ok(target.clone()),
        (Some(Pass::Dynamic(template)), _) => {
            let value = request.eval(template);
            let failed = |error: &dyn std::fmt::Display| {
                request.log(
                    Level::Error,
                    format_args!("no target in \"vnc_pass\": {error}"),
                );
                Refusal::UnknownDesktop
            };
            let text = std::str::from_utf8(&value).map_err(|error| failed(&error))?;
            text.parse()
                .map_err(|error: vnc::TargetError| failed(&error))
        }
        (None, Some(source)) => {
            let token = token(request);
            // Tokens of files are text; what is not stands in none.
            let token = std::str::from_utf8(&token).map_err(|_| Refusal::UnknownToken)?;
            match source.lookup(token) {
                Ok(target) => target.ok_or(Refusal::UnknownToken),
                Err(error) => {
                    request.log(Level::Error, format_args!("{error}"));
                    Err(Refusal::Internal)
                }
            }
        }
        (None, None) => {
            request.log(
                Level::Error,
                format_args!("\"vnc_token\" without \"vnc_token_source\" or \"vnc_pass\""),
            );
            Err(Refusal::Internal)
        }
    }
}

/// The desktop's name, if it has one.
pub fn title(request: &Request) -> Option<String> {
    let title = request
        .conf()
        .vnc
        .title
        .as_ref()
        .map(|title| lossy(&request.eval(title)));
    title.filter(|title| !title.is_empty())
}

/// What the session may do.
fn policy(request: &Request) -> Policy {
    let conf = &request.conf().vnc;
    Policy {
        view_only: conf.view_only.is_on(request),
        clipboard_in: conf.clipboard.inwards,
        clipboard_out: conf.clipboard.outwards,
        clipboard_bytes_max: conf.clipboard.bytes_max,
        resize: conf.resize,
        power: conf.power,
        quality_max: conf.quality_max,
        password: conf.password.clone(),
        title: title(request),
        ping: conf.ping,
        idle: conf.idle_timeout,
        session_max: conf.max_session,
        names: names(request),
        connect_timeout: conf.connect_timeout,
        ..Policy::default()
    }
}

/// Who knows names that the configuration does not spell out; the system knows the others.
fn names(request: &Request) -> Option<Names> {
    let conf = request.conf();
    let is_spelt_out = matches!(conf.vnc.pass, Some(Pass::Static(_)));
    let resolver = conf.core.resolver.as_ref().filter(|_| !is_spelt_out)?;
    Some(Names {
        resolver: resolver.clone(),
        log: conf.core.error_logs.log().clone(),
    })
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
