//! The phases that a request passes, each an explicit list (`ngx_http_core_run_phases`).
//!
//! ```text
//! post-read ─▶ server rewrite ─▶ find location ─▶ rewrite ─▶ preaccess ─▶ access ─┐
//!                    ▲                 ▲             │                            │
//!                    └─────────────────┴── new URI ──┤         content ◀─ try_files
//!                                                    └────────────┴───────────┘
//! ```

use std::rc::Rc;

use bytes::Bytes;
use net::log::Level;
use proto::h1::{FieldName, Method};
use script::Context as _;

use crate::error_page;
use crate::handle::{Outcome, limit_keepalive};
use crate::location_tree::{Found, Match};
use crate::modules::core::{Handler, Satisfy};
use crate::modules::{
    access, auth_basic, auth_jwt, auth_request, autoindex, empty_gif, index, limit_conn, limit_req,
    mirror, precompressed, random_index, realip, rewrite, static_files, stub_status, try_files,
    vnc,
};
use crate::proxy;
use crate::redirect;
use crate::request::{Claim, Request};
use crate::request_body::BodyError;
use crate::response::{Field, Response};

/// What a handler says.
#[derive(Debug)]
pub enum Flow {
    /// Nothing to say: the next one.
    Next,
    /// It is allowed (access phase), or answered elsewhere.
    Allowed,
    /// This is the response.
    Respond(Response),
    /// The response is the one for this status.
    Status(u16),
    /// Start again with another URI: path and query.
    Redirect(Bytes, Bytes),
    /// Go on in a named location.
    Named(Bytes),
    /// Close the connection without a response.
    Close,
}

/// Where a turn through the phases begins.
enum Entry {
    ServerRewrite,
    Location,
}

/// Runs a request through the phases until there is a response.
pub async fn respond(request: &Rc<Request>) -> Outcome {
    realip::run(request);
    let mut entry = Entry::ServerRewrite;
    let mut early = read_body_early(request).await;
    loop {
        let flow = match early.take() {
            Some(flow) => flow,
            None => turn(request, &entry).await,
        };
        match settle(request, flow) {
            Ok(outcome) => {
                request.is_placed.set(true);
                return outcome;
            }
            Err(next) => entry = next,
        }
    }
}

/// Answers a request that was refused before any phase; an error page may still be shown.
pub async fn refuse(request: &Rc<Request>, status: u16) -> Outcome {
    match settle(request, Flow::Status(status)) {
        Ok(outcome) => outcome,
        Err(entry) => {
            let flow = turn(request, &entry).await;
            match settle(request, flow) {
                Ok(outcome) => outcome,
                Err(_) => respond(request).await,
            }
        }
    }
}

/// What a flow comes to: an outcome, or another turn.
fn settle(request: &Rc<Request>, flow: Flow) -> Result<Outcome, Entry> {
    let mut flow = flow;
    loop {
        flow = match flow {
            Flow::Respond(response) => return Ok(Outcome::Response(response)),
            Flow::Close => return Ok(Outcome::Close(444)),
            // As ngx_http_finalize_request: with these the client is taken to be gone.
            Flow::Status(status @ (408 | 444 | 499)) => return Ok(Outcome::Close(status)),
            Flow::Status(_) if let Some(stub) = request.stub_response() => {
                request.error_status.set(0);
                Flow::Respond(stub)
            }
            Flow::Status(status) => error_page::respond(request, status),
            Flow::Redirect(uri, args) => match internal_redirect(request, uri, args) {
                true => return Err(Entry::ServerRewrite),
                false => Flow::Status(500),
            },
            Flow::Named(name) => match named_location(request, &name) {
                true => return Err(Entry::Location),
                false => Flow::Status(500),
            },
            // Every chain ends with a handler that answers.
            Flow::Next | Flow::Allowed => Flow::Status(404),
        };
    }
}

fn internal_redirect(request: &Request, uri: Bytes, args: Bytes) -> bool {
    if !request.change_uri() {
        let path = String::from_utf8_lossy(&uri).into_owned();
        request.log(
            Level::Error,
            format_args!(
                "rewrite or internal redirection cycle while internally redirecting to \"{path}\""
            ),
        );
        return false;
    }
    request.uri.replace(uri);
    request.args.replace(args);
    request.uri_is_original.set(false);
    request.internal.set(true);
    request.location.set(request.server().level);
    true
}

fn named_location(request: &Request, name: &[u8]) -> bool {
    let shown = String::from_utf8_lossy(name).into_owned();
    if !request.change_uri() {
        request.log(
            Level::Error,
            format_args!(
                "rewrite or internal redirection cycle while redirect to named location \"{shown}\""
            ),
        );
        return false;
    }
    let Some(&id) = request.server().named.get(name) else {
        request.log(
            Level::Error,
            format_args!("could not find named location \"{shown}\""),
        );
        return false;
    };
    request.internal.set(true);
    request.location.set(id);
    limit_keepalive(request);
    true
}

/// Finds the place of a request that nobody waits for any more, as a request of the client would
/// find it now; false if it would be answered before it came to a handler.
pub fn place(request: &Rc<Request>) -> bool {
    realip::run(request);
    let placed = locate(request, &Entry::ServerRewrite).is_ok();
    realip::run(request);
    placed
}

/// The same, in a named location.
pub fn place_named(request: &Rc<Request>, name: &[u8]) -> bool {
    realip::run(request);
    named_location(request, name) && locate(request, &Entry::Location).is_ok()
}

async fn turn(request: &Rc<Request>, entry: &Entry) -> Flow {
    request.is_placed.set(false);
    if let Err(flow) = locate(request, entry) {
        return flow;
    }
    request.is_placed.set(true);
    match preaccess(request).await {
        Flow::Next => {}
        flow => return flow,
    }
    // Who may ask was decided for the main request.
    if request.is_main() {
        match access(request).await {
            Flow::Next | Flow::Allowed => {}
            flow => return flow,
        }
    }
    match try_files::run(request) {
        Flow::Next => {}
        flow => return flow,
    }
    match mirror::run(request).await {
        Flow::Next => content(request).await,
        flow => flow,
    }
}

/// From the rewriting of the server to that of the location; the error is what already settles the
/// request.
fn locate(request: &Rc<Request>, entry: &Entry) -> Result<(), Flow> {
    if let Entry::ServerRewrite = entry {
        let flow = rewrite::run(request);
        if !matches!(flow, rewrite::After::Next | rewrite::After::NewUri) {
            return Err(flow.into());
        }
    }
    let mut find = matches!(entry, Entry::ServerRewrite);
    loop {
        if find && let Some(flow) = find_location(request) {
            return Err(flow);
        }
        match rewrite::run(request) {
            rewrite::After::Next => return Ok(()),
            rewrite::After::NewUri => {
                if !request.change_uri() {
                    let uri = String::from_utf8_lossy(&request.uri()).into_owned();
                    request.log(
                        Level::Error,
                        format_args!(
                            "rewrite or internal redirection cycle while processing \"{uri}\""
                        ),
                    );
                    return Err(Flow::Status(500));
                }
                find = true;
            }
            done => return Err(done.into()),
        }
    }
}

/// `client_body_early_read`: has the body before anything else; `Some` if that settles the request.
async fn read_body_early(request: &Rc<Request>) -> Option<Flow> {
    let conditions = &request.server().settings.body_early_read;
    let holds = |condition| !matches!(&request.eval(condition)[..], b"" | b"0");
    if !request.is_main() || !conditions.iter().any(holds) {
        return None;
    }
    if let Some(flow) = refuse_long_body(request) {
        return Some(flow);
    }
    match request.body.read(request).await {
        Ok(()) => None,
        Err(BodyError::Status(status)) => Some(Flow::Status(status)),
        Err(BodyError::Gone) => Some(Flow::Close),
    }
}

/// The answer for a request that declares a longer body than its location takes; the page of that
/// answer is not asked how long the body is that nobody will read.
fn refuse_long_body(request: &Request) -> Option<Flow> {
    if request.drops_body.get() {
        return None;
    }
    let max = request.conf().core.client_max_body_size;
    match request.framing {
        proto::h1::Framing::Length(length) if max != 0 && length > max => {
            request.log(
                Level::Error,
                format_args!("client intended to send too large body: {length} bytes"),
            );
            Some(Flow::Status(413))
        }
        _ => None,
    }
}

/// Finds the location for the path; `Some` if that already settles the request.
fn find_location(request: &Rc<Request>) -> Option<Flow> {
    let uri = request.uri();
    let config = request.config();
    let level = request.server().level;
    let mut matched = |found: Match<'_>| {
        request.set_named(found.names, &found.captures);
        request.set_captures(found.captures);
    };
    let found = config
        .location(level)
        .tree
        .as_ref()
        .and_then(|tree| tree.find(config, &uri, &mut matched));
    let id = match found {
        None => level,
        Some(Found::Location(id) | Found::AddSlash(id)) => id,
    };
    request.location.set(id);
    request.valid_location.set(true);
    request.handler_lost.set(false);
    if let Some((methods, other)) = &request.location().limit_except
        && !methods.contains(&request.method.get())
    {
        request.location.set(*other);
    }
    limit_keepalive(request);
    let location = request.location();
    let core = &location.settings.core;
    if core.handler.is_of_desktops() {
        // Whatever answers, a rewrite rule or a refusal, is logged.
        request.secrets.borrow_mut().hide_arguments();
    }
    if core.internal && !request.internal.get() {
        return Some(Flow::Status(404));
    }
    if let Some(Found::AddSlash(_)) = found {
        return Some(redirect::redirect_to_slash(request, &location.name));
    }
    refuse_long_body(request)
}

/// Who it is, as the location sees it; who asks for too much, before anybody has to say who they
/// are.
async fn preaccess(request: &Request) -> Flow {
    realip::run(request);
    if request.conf().core.handler == Handler::Vnc {
        vnc::hide_token(request);
    }
    auth_jwt::hide_token(request);
    match limit_req::run(request).await {
        Flow::Next => limit_conn::run(request),
        flow => flow,
    }
}

/// Whether a field asks the client who it is, or to wait before it says so again.
fn asks(field: &Field) -> bool {
    field.is(FieldName::WwwAuthenticate)
        || field.is(FieldName::ProxyAuthenticate)
        || field.is(FieldName::RetryAfter)
}

/// `satisfy`: all of the handlers must agree, or one is enough.
async fn access(request: &Rc<Request>) -> Flow {
    let flow = judge(request).await;
    vnc::login::in_place_of(request, flow)
}

async fn judge(request: &Rc<Request>) -> Flow {
    let any = request.conf().core.satisfy == Satisfy::Any;
    if vnc::links::opens(request) {
        // It stands in place of signing in, and of nothing else.
        return match any {
            true => Flow::Allowed,
            false => access::run(request),
        };
    }
    let mut refused = 0;
    for step in 0..4 {
        let flow = match step {
            0 => access::run(request),
            1 => match vnc::login::run(request).await {
                Some(flow) => flow,
                None => vnc::login::count(request, auth_basic::run(request)).await,
            },
            2 => auth_jwt::run(request),
            _ => auth_request::run(request).await,
        };
        match flow {
            Flow::Next => {}
            Flow::Allowed if any => {
                // What was asked for on the way is not needed any more.
                let mut pending = request.pending.borrow_mut();
                pending.retain(|field| !asks(field));
                return Flow::Allowed;
            }
            Flow::Allowed => {}
            Flow::Status(status @ (401 | 403 | 407 | vnc::login::TOO_MANY)) if any => {
                if matches!(refused, 0 | 403) {
                    refused = status;
                }
            }
            flow => return auth_basic::delay(request, flow).await,
        }
    }
    match refused {
        0 => Flow::Next,
        status => {
            if status == 403 {
                request.log(Level::Error, format_args!("access forbidden by rule"));
            }
            auth_basic::delay(request, Flow::Status(status)).await
        }
    }
}

async fn content(request: &Rc<Request>) -> Flow {
    let handler = request.conf().core.handler;
    if request.claim.get() == Claim::Withheld {
        // Maps may have seen nobody before a user was verified.
        request.forget_rules();
    }
    if handler.is_of_desktops()
        && let Some(flow) = vnc::enter(request)
    {
        return flow;
    }
    match handler {
        Handler::Proxy => proxy::handle(request).await,
        Handler::Tunnel => proxy::connect(request).await,
        Handler::Vnc => vnc::run(request).await,
        Handler::VncStatus => vnc::status::run(request).await,
        Handler::VncRecordings => vnc::recordings::run(request).await,
        Handler::StubStatus => stub_status::run(request),
        Handler::EmptyGif => empty_gif::run(request),
        // As nginx, which still has the handler, and no longer knows where to.
        Handler::Static if request.handler_lost.get() => Flow::Status(500),
        Handler::Static => files(request),
    }
}

/// What files and folders answer with, in the order in which it is tried.
const FILE_HANDLERS: &[fn(&Request) -> Flow] = &[
    random_index::run,
    index::run,
    autoindex::run,
    precompressed::run,
    static_files::run,
];

fn files(request: &Request) -> Flow {
    for handler in FILE_HANDLERS {
        match handler(request) {
            Flow::Next => {}
            flow => return flow,
        }
    }
    Flow::Next
}

/// `post_action`: a request of our own, behind the response, whose answer nobody sees.
pub async fn post_action(request: &Rc<Request>) {
    let Some(target) = request.conf().core.post_action.clone() else {
        return;
    };
    if request.in_post_action.replace(true) {
        return;
    }
    let sent = request.status.get();
    request.method.set(Method::Get);
    let target = request.eval(&target);
    let flow = match target.first() {
        Some(b'@') => Flow::Named(target),
        _ => Flow::Redirect(target, Bytes::new()),
    };
    let Err(entry) = settle(request, flow) else {
        return;
    };
    let mut entry = entry;
    loop {
        let flow = turn(request, &entry).await;
        match settle(request, flow) {
            Ok(_) => break,
            Err(next) => entry = next,
        }
    }
    request.status.set(sent);
}
