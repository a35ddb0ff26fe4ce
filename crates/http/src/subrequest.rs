//! Sub-requests (`ngx_http_subrequest`): requests of our own whose answers become parts of a body,
//! decide about the main one, or are seen by nobody.
//!
//! ```text
//! Asking ──▶ Sending ──▶ Done        what is put into a body: `Subrequest`, a source
//!    └──────────────────▶ Done        what only has a status: `ask`
//! ```
//!
//! One is driven by whoever waits for it, within the main request's task: when the client leaves,
//! the main body is dropped, and all that was started for it with it.

mod nest;
mod running;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::ops::Deref;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use net::log::Level;
use proto::h1::{Framing, Method};

pub use self::nest::{Inserter, Nest, Piece, Pieces};
pub use self::running::{Collect, Subrequest};
use crate::handle::{Outcome, complete_head};
use crate::modules::log;
use crate::phases;
use crate::redirect::split_args;
use crate::request::{Parts, Request};
use crate::request_body::RequestBody;
use crate::response::{Body, Chunk, Response};

/// How deep sub-requests may make others (`NGX_HTTP_MAX_SUBREQUESTS`, and the main one's own).
const DEPTH_MAX: u8 = 51;

/// How many one client's request may make in all: nginx counts to sixty thousand, and each costs
/// memory until the end.
const COUNT_MAX: u32 = 64_535;

/// What a sub-request has beside what every request has.
pub struct Link {
    /// The client's request.
    main: Rc<Request>,
    /// How many more may stand between it and the deepest one.
    depth_left: u8,
    /// Whether its response is kept for somebody and not sent.
    in_memory: bool,
    /// What takes the place of an empty or failed answer, and its media type.
    stub: RefCell<Option<(Vec<Bytes>, Option<Bytes>)>>,
}

/// What sub-requests have in common with the main one, or each has for itself.
pub enum Held<T: 'static> {
    /// Its own.
    Own(T),
    /// That of another request.
    Of(Rc<Request>, fn(&Request) -> &T),
}

impl<T> Deref for Held<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Held::Own(value) => value,
            Held::Of(request, value) => value(request),
        }
    }
}

/// What is asked for, and how.
#[derive(Debug)]
pub struct Ask {
    /// The path.
    pub uri: Bytes,
    /// The query.
    pub args: Bytes,
    /// The method.
    pub method: Method,
    /// Whether the body that was read for its parent is its body, too.
    pub shares_body: bool,
    /// Whether its response is kept and not sent.
    pub in_memory: bool,
}

impl Ask {
    /// A GET with the parent's body.
    pub fn get(uri: Bytes, args: Bytes) -> Self {
        Self {
            uri,
            args,
            method: Method::Get,
            shares_body: true,
            in_memory: false,
        }
    }
}

impl Link {
    /// The client's request.
    pub fn main(&self) -> &Rc<Request> {
        &self.main
    }
}

impl Request {
    /// Makes a sub-request; `None` if there are too many, which is told in the error log.
    pub fn subrequest(self: &Rc<Self>, ask: Ask) -> Option<Rc<Request>> {
        let uri = String::from_utf8_lossy(&ask.uri);
        let depth = self.link.as_ref().map_or(DEPTH_MAX, |link| link.depth_left);
        if depth == 0 {
            self.log(
                Level::Error,
                format_args!("subrequests cycle while processing \"{uri}\""),
            );
            return None;
        }
        let count = self.main().subrequests.get();
        if count >= COUNT_MAX {
            self.log(
                Level::Crit,
                format_args!("request reference counter overflow while processing \"{uri}\""),
            );
            return None;
        }
        if self.link.as_ref().is_some_and(|link| link.in_memory) {
            self.log(
                Level::Error,
                format_args!("nested in-memory subrequest \"{uri}\""),
            );
            return None;
        }
        self.main().subrequests.set(count + 1);
        Some(Rc::new(self.child(ask, depth - 1)))
    }

    fn child(self: &Rc<Self>, ask: Ask, depth_left: u8) -> Request {
        let main = match &self.link {
            Some(link) => link.main.clone(),
            None => self.clone(),
        };
        let shares_body = ask.shares_body && self.body.was_read();
        let framing = if shares_body {
            self.framing
        } else {
            Framing::None
        };
        let parts = Parts {
            buf: self.buf.clone(),
            head: self.head.clone(),
            framing,
            host: self.host.clone(),
            request_port: self.request_port,
            started: net::clock::now(),
            started_wall: net::clock::wall(),
            server: self.server.get(),
            pipelined: self.pipelined,
        };
        let mut request = Request::new(self.conn.clone(), self.generation.clone(), parts);
        request.body = match shares_body {
            true => Held::Of(self.clone(), |request| &request.body),
            false => Held::Own(Box::new(RequestBody::new(Framing::None))),
        };
        request.drops_body = Cell::new(!shares_body);
        request.slots = Held::Of(main.clone(), |request| &request.slots);
        request.secrets = Held::Of(main.clone(), |request| &request.secrets);
        request.method = Cell::new(ask.method);
        request.uri = RefCell::new(ask.uri);
        request.args = RefCell::new(ask.args);
        request.uri_is_original = Cell::new(false);
        request.internal = Cell::new(true);
        request.user = self.user.clone();
        request.link = Some(Box::new(Link {
            main,
            depth_left,
            in_memory: ask.in_memory,
            stub: RefCell::default(),
        }));
        request
    }

    /// What this request is answered with in place of an error or of nothing, if somebody said so;
    /// once.
    fn take_stub(&self) -> Option<(Vec<Bytes>, Option<Bytes>)> {
        self.link.as_ref()?.stub.borrow_mut().take()
    }

    /// Says what an empty or failed answer is replaced by, and which media type that has.
    pub fn set_stub(&self, text: Vec<Bytes>, content_type: Option<Bytes>) {
        if let Some(link) = &self.link {
            link.stub.replace(Some((text, content_type)));
        }
    }

    /// The response in place of one for an error status.
    pub fn stub_response(&self) -> Option<Response> {
        let (text, content_type) = self.take_stub()?;
        let mut response = Response::empty(200);
        response.head.content_length = None;
        response.head.content_type = content_type;
        response.body = Body::Chunks(text.into_iter().map(Chunk::Memory).collect());
        Some(response)
    }
}

/// Splits a URI that a page or an upstream names into path and query, the path decoded; `None` if
/// it is not safe (`ngx_http_parse_unsafe_uri`).
pub fn parse_uri(uri: &Bytes) -> Option<(Bytes, Bytes)> {
    let (path, args) = split_args(uri);
    let climbs = |path: &[u8]| path.split(|&byte| byte == b'/').any(|part| part == b"..");
    if path.is_empty() || climbs(&path) || path.contains(&0) {
        return None;
    }
    let path = match proto::h1::unescape(&path, proto::h1::Unescape::All) {
        Cow::Borrowed(_) => path,
        Cow::Owned(decoded) => Bytes::from(decoded),
    };
    (!climbs(&path) && !path.contains(&0)).then_some((path, args))
}

/// A sub-request ended in a way that ends the main request: nothing more is sent, not even what
/// waits for that.
#[derive(Debug, thiserror::Error)]
#[error("a subrequest ended the request")]
pub struct Broken;

/// The main request ends with its sub-request.
pub fn broken() -> io::Error {
    io::Error::other(Broken)
}

/// Whether a body failed because a sub-request ended the request.
pub fn is_broken(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Broken>())
}

/// Runs a sub-request whose body nobody wants; false if it closes the connection. Its status is
/// that of the request, its fields are in `sent`.
pub async fn ask(request: &Rc<Request>) -> bool {
    let answered = match phases::respond(request).await {
        Outcome::Response(mut response) => {
            settle_head(request, &mut response);
            request.sent.replace(Some(response.head));
            if let Body::Source(source) = &mut response.body {
                // A short body that came with its head leaves the connection to be used again.
                poll_fn(|cx| {
                    source.poll_ahead(cx);
                    Poll::Ready(())
                })
                .await;
            }
            let upgrades = matches!(response.body, Body::Upgrade(_));
            if upgrades {
                refuse_upgrade(request);
            }
            !upgrades
        }
        Outcome::Close(status) => {
            request.status.set(status);
            false
        }
    };
    finish(request);
    answered
}

fn refuse_upgrade(request: &Request) {
    request.log(
        Level::Error,
        format_args!("connection upgrade in subrequest"),
    );
}

/// What is done before the head of a main request is sent.
fn settle_head(request: &Request, response: &mut Response) {
    complete_head(request, &mut response.head);
    request.status.set(response.head.status);
}

/// Behind the last byte of a sub-request.
fn finish(request: &Request) {
    if let Some(attempt) = request.attempts.borrow_mut().last_mut()
        && attempt.response_time.is_none()
    {
        attempt.response_time = Some(attempt.elapsed());
    }
    if request.conf().core.log_subrequest {
        log::write(request);
    }
}
