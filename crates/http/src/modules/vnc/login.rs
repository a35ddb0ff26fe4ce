//! `vnc_login`: a form of ours in place of the browser's dialog for a password.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use conf::{Item, value};
use net::clock;
use net::log::Level as LogLevel;
use proto::h1::{FieldName, Method};

use super::form::Form;
use super::pages::{Place, error, place, reads, serve};
use super::upgrade;
use crate::draft::Level;
use crate::module::{Cx, Done};
use crate::modules::auth_basic::{self, Check};
use crate::phases::Flow;
use crate::redirect::redirect_to_slash;
use crate::request::Request;
use crate::response::{Field, Head, Response};

pub mod attempts;

use attempts::{Attempt, Limit, Refused};

/// How many tries there are if nothing else is said.
const LIMIT: Limit = Limit {
    count: 5,
    time: Duration::from_secs(60),
};

/// `vnc_login`
pub fn vnc_login(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut limit = LIMIT;
    for word in item.args.iter().skip(1) {
        let text = &word.text[..];
        if let Some(count) = text.strip_prefix(b"attempts=") {
            let count = value::number(count).and_then(|count| u32::try_from(count).ok());
            let count = count.filter(|&count| count > 0);
            limit.count = count.ok_or_else(|| item.invalid_parameter(word))?;
        } else if let Some(time) = text.strip_prefix(b"time=") {
            let time = value::time(time).filter(|time| !time.is_zero());
            limit.time = time.ok_or_else(|| item.invalid_parameter(word))?;
        } else {
            return Err(item.invalid_parameter(word));
        }
    }
    let login = match item.text(0)? {
        "on" => Some(limit),
        "off" if item.args.len() == 1 => None,
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.vnc.login, login)
}

/// Whether the form stands in for the dialog here.
fn limit(request: &Request) -> Option<Limit> {
    let conf = request.conf();
    let is_here = conf.core.handler.is_of_desktops() && conf.auth_basic.is_on();
    conf.vnc.login.filter(|_| is_here)
}

/// Whether the person came in by the form, and so may leave by it.
pub fn may_sign_out(request: &Request) -> bool {
    limit(request).is_some() && auth_basic::came_by_cookie(request)
}

/// What belongs to the form itself, and needs no password: before a password is asked for.
pub async fn run(request: &Rc<Request>) -> Option<Flow> {
    let limit = limit(request)?;
    let uri = request.uri();
    let path = match place(request, &uri) {
        // Below the folder only, the addresses of the form are right.
        Place::Folder if reads(request) => {
            return Some(redirect_to_slash(request, &[&uri[..], b"/"].concat()));
        }
        Place::Inside(path) => path,
        Place::Folder | Place::Nowhere => return None,
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    match (name, request.method.get()) {
        ("login", Method::Post) => Some(sign_in(request, limit).await),
        ("logout", Method::Post) => Some(sign_out(request).await),
        _ if reads(request) => asset(path).map(|asset| serve(request, asset)),
        _ => None,
    }
}

/// The file of a page that a path is for, in whatever folder the page stands.
fn asset(path: &str) -> Option<&str> {
    match path.rfind("/assets/") {
        Some(at) => Some(&path[at + 1..]),
        None => Some(path).filter(|path| path.starts_with("assets/")),
    }
}

/// `POST login`
async fn sign_in(request: &Rc<Request>, limit: Limit) -> Flow {
    let form = match Form::of(request).await {
        Ok(form) => form,
        Err(flow) => return flow,
    };
    let (user, password) = (form.text("user"), form.text("password"));
    let attempt = match begin(request, user.as_bytes(), limit).await {
        Ok(attempt) => attempt,
        Err(flow) => return flow,
    };
    match auth_basic::sign_in(request, user.as_bytes(), password.as_bytes()).await {
        Check::Right => {
            attempt.succeeded();
            request.log(
                LogLevel::Info,
                format_args!("user \"{user}\" has signed in"),
            );
            nothing()
        }
        Check::Wrong => refused(request, "The user name or the password is wrong."),
        Check::Impossible(status) => {
            attempt.is_none();
            error(
                status,
                "Signing in does not work at the moment; the log says more.",
            )
        }
    }
}

/// A password in a field of the request is a try like one in the form.
pub async fn count(request: &Rc<Request>, check: impl Future<Output = Flow>) -> Flow {
    let (Some(limit), Some(user)) = (limit(request), auth_basic::user(request)) else {
        return check.await;
    };
    let attempt = match begin(request, &user, limit).await {
        Ok(attempt) => attempt,
        Err(flow) => return flow,
    };
    let flow = check.await;
    match &flow {
        Flow::Allowed => attempt.succeeded(),
        Flow::Status(401) => drop(attempt),
        _ => attempt.is_none(),
    }
    flow
}

/// How often it is looked whether tries at the same time have come to an end.
const PENDING_STEP: Duration = Duration::from_millis(20);

/// How long a try waits for those.
const PENDING_MAX: Duration = Duration::from_secs(10);

/// Begins a try. Where many with the right password come at once, they come one after the other.
async fn begin<'a>(request: &'a Request, user: &[u8], limit: Limit) -> Result<Attempt<'a>, Flow> {
    let address = request.client().ip().map(|addr| addr.ip());
    let attempts = &request.generation.thread.shared.sign_ins;
    let give_up = clock::now() + PENDING_MAX;
    loop {
        let wait = match attempts.begin(user, address, limit, clock::now()) {
            Ok(attempt) => return Ok(attempt),
            Err(Refused::TooMany(wait)) => wait,
            Err(Refused::Pending) if clock::now() < give_up => {
                net::timer::sleep(PENDING_STEP).await;
                continue;
            }
            Err(Refused::Pending) => Duration::ZERO,
        };
        return Err(too_many(request, user, wait));
    }
}

/// The status of somebody who has to wait.
pub const TOO_MANY: u16 = 429;

fn too_many(request: &Request, user: &[u8], wait: Duration) -> Flow {
    let user = String::from_utf8_lossy(user);
    request.log(
        LogLevel::Error,
        format_args!("user \"{user}\" has tried too often to sign in"),
    );
    let seconds = wait.as_secs().saturating_add(1).to_string();
    request.pending.borrow_mut().push(Field {
        name: FieldName::RetryAfter.as_str().into(),
        value: seconds.into(),
    });
    Flow::Status(TOO_MANY)
}

/// `POST logout`
async fn sign_out(request: &Rc<Request>) -> Flow {
    if let Err(flow) = Form::of(request).await {
        return flow;
    }
    auth_basic::sign_out(request);
    nothing()
}

fn nothing() -> Flow {
    let mut head = Head::new(204);
    head.push("Cache-Control", "no-store");
    Flow::Respond(Response {
        head: head.into(),
        body: crate::response::Body::bytes(Bytes::new()),
    })
}

/// What a person gets in place of a refusal: the form where a page was asked for, otherwise a word
/// that does not make the browser ask.
pub fn in_place_of(request: &Request, flow: Flow) -> Flow {
    match flow {
        Flow::Status(401) if limit(request).is_some() => {}
        Flow::Status(TOO_MANY) if limit(request).is_some() => {
            return error(TOO_MANY, "There were too many attempts. Try again later.");
        }
        flow => return flow,
    }
    let wanted = request.header(FieldName::Accept).unwrap_or_default();
    let is_page = wanted.windows(9).any(|part| part == b"text/html");
    if !(reads(request) && is_page && !upgrade::is_asked_for(request)) {
        return refused(request, "Sign in first.");
    }
    forget_challenges(request);
    let mut flow = serve(request, "login.html");
    if let Flow::Respond(response) = &mut flow {
        let head = &mut response.head;
        head.status = 401;
        // The same address shows another page afterwards.
        head.fields
            .retain(|field| !field.is(FieldName::ETag) && !field.is(FieldName::CacheControl));
        head.push("Cache-Control", "no-store");
        head.push("WWW-Authenticate", CHALLENGE);
    }
    flow
}

/// RFC 9110 §15.5.2 wants a challenge; no browser has a dialog for this one.
const CHALLENGE: &str = "Form";

fn refused(request: &Request, sentence: &str) -> Flow {
    forget_challenges(request);
    let mut flow = error(401, sentence);
    if let Flow::Respond(response) = &mut flow {
        response.head.push("WWW-Authenticate", CHALLENGE);
    }
    flow
}

fn forget_challenges(request: &Request) {
    let asks = |field: &Field| field.is(FieldName::WwwAuthenticate);
    request.pending.borrow_mut().retain(|field| !asks(field));
}
