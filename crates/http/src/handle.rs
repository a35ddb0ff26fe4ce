//! One request from its head to its last byte and its line in the log.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use bytes::Bytes;
use net::clock;
use net::log::Level;
use proto::h1::{FieldName, Method, Persistence, Version};

use crate::connection::{Connection, Linger, Rest};
use crate::downstream::head::Incoming;
use crate::downstream::output::Output;
use crate::downstream::write_head::{self, BodyEnd};
use crate::modules::core::{KeepaliveDisable, LingeringClose};
use crate::modules::{core, log, mirror};
use crate::phases;
use crate::request::Request;
use crate::request_body::BodyError;
use crate::response::{Body, Head, Response, Takeover};
use crate::{error_page, filters, redirect};

/// What becomes of the connection behind a response.
pub enum After {
    /// It waits for the next request.
    KeepAlive(Rest),
    /// It closes.
    Close,
    /// It closes once the client has had time to read the response.
    Linger(Linger),
    /// It becomes a tunnel.
    Tunnel(Box<dyn FnOnce(Connection)>),
}

/// What a handler comes to.
#[derive(Debug)]
pub enum Outcome {
    /// A response.
    Response(Response),
    /// No response: the connection closes (444, or the client is gone: 499).
    Close(u16),
}

/// Handles a request.
pub async fn handle(incoming: Incoming) -> After {
    let Incoming { request, refused } = incoming;
    request.conn.load.writes();
    decide_keepalive(&request);
    if refused.is_some() {
        // As nginx: what could not be read to its end cannot be followed by another request.
        request.keepalive.set(false);
    }
    let mut outcome = match refused {
        Some(status) => phases::refuse(&request, status).await,
        None => answer(&request).await,
    };
    if let Outcome::Response(_) = outcome
        && request.error_status.get() == 0
        && let Some(status) = finish_body(&request).await
    {
        outcome = phases::refuse(&request, status).await;
    }
    request.body.suppress_continue();
    let after = match outcome {
        Outcome::Response(response) => send(&request, response).await,
        Outcome::Close(status) => {
            request.status.set(status);
            if !request.background.borrow().is_empty() {
                Box::pin(mirror::abort(&request)).await;
            }
            After::Close
        }
    };
    if let After::Tunnel(_) = after {
        // DIFFERS: nginx lets copies of the request run beside a tunnel. Here the tunnel has the
        // connection for itself and does not wait for them.
        if !request.background.borrow().is_empty() {
            Box::pin(mirror::abort(&request)).await;
        }
        return after;
    }
    // Whatever an upstream still sends is no part of this any more.
    if let Some(attempt) = request.attempts.borrow_mut().last_mut()
        && attempt.response_time.is_none()
    {
        attempt.response_time = Some(attempt.elapsed());
    }
    phases::post_action(&request).await;
    log::write(&request);
    if !request.background.borrow().is_empty() {
        if let After::Close = after {
            // The client need not wait; if that fails, it is gone.
            let _ = request.conn.stream.shutdown_write();
        }
        Box::pin(mirror::wait(&request)).await;
    }
    after
}

/// Before an answer goes out: a client that waits to be told so may send its body, and what is
/// there of it must make sense. `Some` is the status to answer with instead.
async fn finish_body(request: &Request) -> Option<u16> {
    if request.body.send_continue(request).await.is_err() {
        return None;
    }
    match request.body.discard_available(request) {
        Err(BodyError::Status(status)) => Some(status),
        _ => None,
    }
}

/// Runs the handlers. A client that goes away meanwhile ends them: nobody waits for the answer.
async fn answer(request: &Rc<Request>) -> Outcome {
    let mut handler = std::pin::pin!(phases::respond(request));
    poll_fn(|cx| {
        if let Poll::Ready(outcome) = handler.as_mut().poll(cx) {
            return Poll::Ready(outcome);
        }
        let watch = request.body.is_complete() && !request.conf().proxy.ignore_client_abort;
        if watch && request.conn.stream.poll_hangup(cx).is_ready() {
            request.log(
                Level::Info,
                format_args!(
                    "client prematurely closed connection, so upstream connection is closed too"
                ),
            );
            return Poll::Ready(Outcome::Close(499));
        }
        Poll::Pending
    })
    .await
}

/// Whether the client wants the connection to stay open, and may have that.
fn decide_keepalive(request: &Request) {
    let wants = match request.head.persistence(&request.buf) {
        Persistence::Close => false,
        Persistence::KeepAlive => request.version() >= Version::HTTP_10,
        Persistence::Default => request.version() >= Version::HTTP_11,
    };
    // As nginx: what follows a CONNECT may have been meant for somebody else.
    let wants = wants && request.head.method != Method::Connect;
    request.keepalive.set(wants);
}

/// Applies what the location says about keeping connections open; called whenever the request comes
/// to a location.
pub fn limit_keepalive(request: &Request) {
    let core = &request.conf().core;
    let conn = &request.conn;
    let over = core.keepalive_timeout.is_zero()
        || conn.requests.get() >= core.keepalive_requests
        || clock::now() - conn.opened >= core.keepalive_time
        || is_disabled_for(request, core);
    if over {
        request.keepalive.set(false);
    }
}

fn is_disabled_for(request: &Request, core: &core::Conf) -> bool {
    let KeepaliveDisable { msie6, safari } = core.keepalive_disable;
    let Some(agent) = request.header(FieldName::UserAgent) else {
        return false;
    };
    let has = |word: &[u8]| agent.windows(word.len()).any(|window| window == word);
    let old_msie = || {
        let at = agent.windows(5).position(|window| window == b"MSIE ")?;
        let [major, b'.', ..] = agent.get(at + 5..)? else {
            return None;
        };
        Some(matches!(major, b'4' | b'5') || (*major == b'6' && !has(b"SV1")))
    };
    (msie6 && request.head.method == Method::Post && old_msie() == Some(true))
        || (safari && has(b"Mac OS X") && has(b"Safari/") && !has(b"Chrome/"))
}

/// Sends a response and says what becomes of the connection.
async fn send(request: &Rc<Request>, mut response: Response) -> After {
    let stays = !request.conf().core.keepalive_min_timeout.is_zero();
    if request.conn.generation.is_closing() && !stays {
        request.keepalive.set(false);
    }
    let mut refusals = 0;
    let filters = loop {
        complete_head(request, &mut response.head);
        if response.head.status == 101 && matches!(response.body, Body::Upgrade(_)) {
            break Vec::new();
        }
        // The body of any other tunnel is nothing that a filter could change, but its head is one
        // like others.
        let status = match filters::apply(request, &mut response) {
            Ok(filters) => break filters,
            Err(status) => status,
        };
        // A page for this status may itself be refused; once is enough.
        refusals += 1;
        let outcome = match refusals {
            // In a box: it is rare, and every connection would have room for it.
            1 => Box::pin(phases::refuse(request, status)).await,
            _ => {
                request.error_status.set(status);
                Outcome::Response(error_page::built_in(request, status))
            }
        };
        response = match outcome {
            Outcome::Response(response) => response,
            Outcome::Close(status) => {
                request.status.set(status);
                return After::Close;
            }
        };
    };
    if let Body::Upgrade(upgrade) = response.body {
        request.is_complete.set(true);
        return switch_protocols(request, response.head, upgrade).await;
    }
    let sent = send_body(request, response, filters).await;
    if let Err(error) = sent {
        if error.kind() == std::io::ErrorKind::TimedOut {
            request.log(Level::Info, format_args!("client timed out"));
        }
        return After::Close;
    }
    request.is_complete.set(true);
    after(request).await
}

/// Adds to a head what the request says about every response to it.
pub fn complete_head(request: &Request, head: &mut Head) {
    match request.error_status.get() {
        0 => {}
        status => {
            head.status = status;
            head.status_text = None;
        }
    }
    head.fields.append(&mut request.pending.borrow_mut());
    // An error page that names no target of its own leaves that of the redirect it stands for.
    head.location = head.location.take().or(request.pending_location.take());
}

/// Sends the head of a 101, or of the 200 to a CONNECT; what follows it is no HTTP any more.
async fn switch_protocols(
    request: &Rc<Request>,
    head: Box<Head>,
    takeover: Box<dyn Takeover>,
) -> After {
    request.status.set(head.status);
    request.keepalive.set(false);
    let connection = match head.status {
        101 => write_head::Connection::Upgrade,
        _ => write_head::Connection::Http,
    };
    let bytes = write_head::write(request, &head, BodyEnd::Length, connection);
    request.head_bytes_sent.set(bytes.len() as u64);
    request.bytes_sent.set(bytes.len() as u64);
    request.sent.replace(Some(head));
    request.conn.stream.set_nodelay(true);
    let timeout = request.conf().core.send_timeout;
    match request.conn.interject(&bytes, timeout).await {
        Ok(()) => After::Tunnel(takeover.prepare(request)),
        Err(_) => After::Close,
    }
}

async fn send_body(
    request: &Rc<Request>,
    mut response: Response,
    filters: Vec<Box<dyn filters::BodyFilter>>,
) -> std::io::Result<()> {
    redirect::absolute_location(request, &mut response.head);
    let status = response.head.status;
    request.status.set(status);
    // A 101 that nobody asked for: the head, and then nothing until the upstream's time is over.
    let switches = status == 101 && matches!(response.body, Body::Source(_));
    if switches {
        request.keepalive.set(false);
    }
    let sends_body = switches || write_head::sends_body(request, status);
    if matches!(status, 100..=199 | 204) {
        response.head.content_length = None;
        response.head.content_type = None;
    }
    if !matches!(status, 200 | 206 | 304) {
        // As nginx: what another server said goes on.
        response.head.last_modified = None;
    }
    if request.version() == Version::HTTP_09 {
        request.keepalive.set(false);
        let body = Some(response.body);
        return Output::new(request, Bytes::new(), body, filters, BodyEnd::Close)
            .run()
            .await;
    }
    if sends_body
        && write_head::reads_chunks(request)
        && request.conf().core.chunked_transfer_encoding
        && request.conf().headers.expects_trailers(status)
    {
        response.head.content_length = None;
    }
    let end = body_end(request, &response, sends_body);
    if end == BodyEnd::Close {
        request.keepalive.set(false);
    }
    let head = write_head::write(request, &response.head, end, write_head::Connection::Http);
    request.head_bytes_sent.set(head.len() as u64);
    request.sent.replace(Some(response.head));
    let body = sends_body.then_some(response.body);
    let end = if sends_body { end } else { BodyEnd::Length };
    Output::new(request, head, body, filters, end).run().await
}

fn body_end(request: &Request, response: &Response, sends_body: bool) -> BodyEnd {
    let head = &response.head;
    // The answer to HEAD, too, has no body whose end would have to be told.
    if !sends_body || head.content_length.is_some() || head.status < 200 {
        return BodyEnd::Length;
    }
    // RFC 9110 §9.3.6: what follows a good answer to CONNECT is no body.
    let is_tunnel = request.method.get() == Method::Connect && head.status < 300;
    let chunked = write_head::reads_chunks(request) && !is_tunnel;
    match chunked && request.conf().core.chunked_transfer_encoding {
        true => BodyEnd::Chunked,
        false => BodyEnd::Close,
    }
}

/// What becomes of the connection once the response was sent.
async fn after(request: &Rc<Request>) -> After {
    let core = &request.conf().core;
    let Ok(read_all) = request.body.discard_available(request) else {
        return After::Close;
    };
    if request.keepalive.get() {
        if read_all || request.body.discard(request).await {
            return After::KeepAlive(Rest {
                timeout: core.keepalive_timeout,
                min: core.keepalive_min_timeout,
            });
        }
        return After::Close;
    }
    // What may still be in the socket would make a reset of the close, and take the response along.
    let unread =
        !read_all || !request.conn.buf.borrow().is_empty() || request.conn.may_read().await;
    let lingers = match core.lingering_close {
        LingeringClose::Off => false,
        LingeringClose::On => unread,
        LingeringClose::Always => true,
    };
    match lingers {
        true => After::Linger(Linger {
            time: core.lingering_time,
            timeout: core.lingering_timeout,
        }),
        false => After::Close,
    }
}
