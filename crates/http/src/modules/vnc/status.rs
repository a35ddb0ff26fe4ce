//! `vnc_status`: the live sessions as a page, as JSON and as metrics, and what an operator may do
//! with them.

use std::rc::Rc;

use net::log::Level;
use proto::h1::Method;
use vnc::{Asking, Beside, Order, Refusal, Role, SessionId, Sessions};

use super::folder;
use super::form::Form;
use super::grant::{Subject, user};
use super::login;
use super::pages::{Place, error, json, path_inside, place, reads, serve};
use super::role::role;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::Response;

/// The longest words that an operator may say at once.
const WORDS_LEN_MAX: usize = 1000;

/// The handler.
pub async fn run(request: &Rc<Request>) -> Flow {
    let uri = request.uri();
    let path = match path_inside(request, &uri) {
        Ok(path) => path,
        Err(flow) => return flow,
    };
    // The location itself says who comes in; where it says nothing of roles, they may do all.
    let role = role(request, Role::Admin);
    if role == Role::None {
        return Flow::Status(403);
    }
    if let Some(path) = path.strip_prefix("watch/") {
        return watch(request, path).await;
    }
    match (path, request.method.get()) {
        ("cut" | "message" | "control", Method::Post) => act(request, role, path).await,
        ("cut" | "message" | "control", _) => Flow::Status(405),
        _ if !reads(request) => Flow::Status(405),
        ("sessions.json", _) => json(sessions(request).to_json(&Asking {
            role,
            user: user(request),
            sign_out: login::may_sign_out(request),
        })),
        ("metrics", _) => metrics(request),
        ("" | "index.html" | "status.html", _) => serve(request, "status.html"),
        (path, _) if path.starts_with("assets/") => serve(request, path),
        (path, _) => one(request, path),
    }
}

/// The session that is watched by a request for something in its folder.
pub fn watched(request: &Request) -> Option<Subject> {
    let uri = request.uri();
    let Place::Inside(path) = place(request, &uri) else {
        return None;
    };
    let (id, _) = path.strip_prefix("watch/")?.split_once('/')?;
    Some(Subject::Watched(id.parse().ok()?))
}

/// `watch/ID/`: the folder of a desktop, for watching only.
async fn watch(request: &Rc<Request>, path: &str) -> Flow {
    let (id, place) = match path.split_once('/') {
        Some((id, inside)) => (id, Place::Inside(inside)),
        None => (path, Place::Folder),
    };
    match id.parse() {
        Ok(id) => folder(request, place, &Subject::Watched(id)).await,
        Err(_) => Flow::Status(404),
    }
}

fn sessions(request: &Request) -> &Sessions {
    &request.generation.thread.shared.sessions
}

/// `sessions/ID.json`
fn one(request: &Request, path: &str) -> Flow {
    let id = path
        .strip_prefix("sessions/")
        .and_then(|path| path.strip_suffix(".json"));
    let Some(id) = id.and_then(|id| id.parse::<SessionId>().ok()) else {
        return Flow::Status(404);
    };
    match sessions(request).one_to_json(id) {
        Some(text) => json(text),
        None => over(),
    }
}

fn metrics(request: &Request) -> Flow {
    let shared = &request.generation.thread.shared;
    let beside = Beside {
        links: shared.links.count(net::clock::wall()),
        recordings: shared.recorder.counts(),
    };
    let text = shared.sessions.metrics(&beside);
    let mut response = Response::text(200, "text/plain; version=0.0.4; charset=utf-8", text);
    response.head.push("Cache-Control", "no-store");
    Flow::Respond(response)
}

/// What changes something.
async fn act(request: &Request, role: Role, what: &str) -> Flow {
    let needed = match what {
        "message" => Role::Control,
        _ => Role::Admin,
    };
    if role < needed {
        return error(403, "Your role does not allow that.");
    }
    let form = match Form::of(request).await {
        Ok(form) => form,
        Err(flow) => return flow,
    };
    let id = form.read::<SessionId>("id");
    match (what, id) {
        ("message", None) if form.text("all") == "1" => say_to_all(request, &form),
        (_, None) => error(400, "The form names no session."),
        ("message", Some(id)) => say(request, id, &form),
        ("control", Some(id)) => control(request, id, &form),
        (_, Some(id)) => cut(request, id, &form),
    }
}

/// `POST cut` with `id=…`, `message=…`.
fn cut(request: &Request, id: SessionId, form: &Form) -> Flow {
    let words = match words(form, "message") {
        Ok(words) => words,
        Err(flow) => return flow,
    };
    let by = operator(request);
    if !sessions(request).cut_by(id, Refusal::Cut(words), &by) {
        return over();
    }
    request.log(
        Level::Notice,
        format_args!("desktop session {id} is cut by {by}"),
    );
    ok()
}

/// `POST message` with `id=…`, `text=…`.
fn say(request: &Request, id: SessionId, form: &Form) -> Flow {
    let text = match said(form) {
        Ok(text) => text,
        Err(flow) => return flow,
    };
    match sessions(request).say(id, &operator(request), &text) {
        Some(true) => ok(),
        Some(false) => error(409, "The viewer of this session cannot show messages."),
        None => over(),
    }
}

/// `POST message` with `all=1`, `text=…`.
fn say_to_all(request: &Request, form: &Form) -> Flow {
    let text = match said(form) {
        Ok(text) => text,
        Err(flow) => return flow,
    };
    let told = sessions(request).say_to_all(&operator(request), &text);
    json(format!("{{\"status\":\"ok\",\"told\":{told}}}"))
}

/// `POST control` with `id=…`, `do=take` or `do=free`.
fn control(request: &Request, id: SessionId, form: &Form) -> Flow {
    let order = match &*form.text("do") {
        "take" => Order::Take,
        "free" => Order::Free,
        _ => return error(400, "Control is taken or freed: do=take or do=free."),
    };
    let by = operator(request);
    match sessions(request).order(id, order, &by) {
        Some(Ok(())) => {
            request.log(
                Level::Notice,
                format_args!("control of desktop session {id}: {order:?} by {by}"),
            );
            ok()
        }
        Some(Err(sentence)) => error(409, sentence),
        None => over(),
    }
}

fn said(form: &Form) -> Result<String, Flow> {
    match words(form, "text")? {
        text if text.is_empty() => Err(error(400, "There are no words in the form.")),
        text => Ok(text),
    }
}

fn words(form: &Form, name: &str) -> Result<String, Flow> {
    let words = form.text(name).trim().to_owned();
    match words.len() > WORDS_LEN_MAX {
        true => Err(error(400, "These are too many words.")),
        false => Ok(words),
    }
}

/// Who acts, as others and the journal are told.
fn operator(request: &Request) -> String {
    user(request).unwrap_or_else(|| "an operator".to_owned())
}

fn ok() -> Flow {
    json("{\"status\":\"ok\"}".to_owned())
}

fn over() -> Flow {
    error(404, "This session is over.")
}
