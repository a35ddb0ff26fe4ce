//! The head of an answer as the client gets it (`ngx_http_upstream_process_headers`).

use std::rc::Rc;

use bytes::Bytes;
use net::log::Level;
use proto::h1::{FieldName, Framing, Method, parse_http_date};

use super::body::UpstreamBody;
use super::exchange::Replied;
use super::held::Held;
use super::target::{Target, Work};
use super::upgrade::Upgrade;
use super::{cookie, redirect};
use crate::downstream::head::asks_for_upgrade;
use crate::modules::proxy::{Conf, Ignored};
use crate::phases::Flow;
use crate::redirect::split_args;
use crate::request::Request;
use crate::response::{Body, Field, Head, Response};

/// Turns an answer into the response, or into a redirect of our own (`X-Accel-Redirect`).
pub fn into_flow(replied: Replied, mut held: Held, request: &Rc<Request>, target: &Target) -> Flow {
    let conf = &request.conf().proxy;
    if target.work == Work::Tunnel {
        held.header_came();
        return Flow::Respond(Response {
            head: Head::new(200).into(),
            body: Body::Upgrade(Box::new(Upgrade::tunnel(replied, held))),
        });
    }
    if replied.headless {
        held.header_came();
        // DIFFERS: nginx gives the client such an answer without a head, as HTTP/0.9.
        let body = UpstreamBody::new(request, replied, held);
        return Flow::Respond(Response {
            head: Head::new(200).into(),
            body: Body::Source(Box::new(body)),
        });
    }
    let framing = replied.framing;
    let answer = (replied.head.clone(), replied.buf.clone());
    request.upstream_answer.replace(Some(answer));
    held.header_came();
    if let Some(flow) = accel_redirect(request, conf, &replied) {
        return flow;
    }
    let status = replied.head.status;
    if conf.intercept_errors
        && status >= 300
        && request
            .conf()
            .core
            .error_pages
            .iter()
            .any(|page| page.statuses.contains(&status))
    {
        if status == 401 {
            keep_fields(request, &replied, &[FieldName::WwwAuthenticate]);
        }
        return Flow::Status(status);
    }
    let head = response_head(&replied, request, conf, framing);
    if status == 101 && (request.is_main() || asks_for_upgrade(request)) {
        return Flow::Respond(Response {
            head,
            body: Upgrade::body(request, replied, held),
        });
    }
    let body = match framing {
        Framing::None | Framing::Length(0) => {
            UpstreamBody::new(request, replied, held).finish();
            Body::Empty
        }
        _ => Body::Source(Box::new(UpstreamBody::new(request, replied, held))),
    };
    Flow::Respond(Response { head, body })
}

fn slice(buf: &Bytes, span: proto::h1::Span) -> Bytes {
    buf.slice(span.start as usize..span.end as usize)
}

fn keep_fields(request: &Request, replied: &Replied, names: &[FieldName]) {
    let kept = replied
        .head
        .fields
        .iter()
        .filter(|field| field.known.is_some_and(|known| names.contains(&known)));
    request.pending.borrow_mut().extend(kept.map(|field| Field {
        name: slice(&replied.buf, field.name),
        value: slice(&replied.buf, field.value),
    }));
}

fn accel_redirect(request: &Rc<Request>, conf: &Conf, replied: &Replied) -> Option<Flow> {
    if conf.ignores(Ignored::AccelRedirect) {
        return None;
    }
    let to = replied
        .head
        .value(&replied.buf, FieldName::XAccelRedirect)?;
    let to = Bytes::copy_from_slice(to);
    if let Some(rate) = limit_rate(conf, replied) {
        request.limit_rate.set(Some(rate));
    }
    keep_fields(
        request,
        replied,
        &[
            FieldName::SetCookie,
            FieldName::AcceptRanges,
            FieldName::ContentDisposition,
            FieldName::CacheControl,
            FieldName::Expires,
        ],
    );
    let content_type = replied.head.value(&replied.buf, FieldName::ContentType);
    request
        .pending_type
        .replace(content_type.map(|name| Box::new(Bytes::copy_from_slice(name))));
    if to.starts_with(b"@") {
        return Some(Flow::Named(to));
    }
    let (path, args) = split_args(&to);
    let path = proto::h1::unescape(&path, proto::h1::Unescape::All).into_owned();
    if !is_safe(&path) {
        let path = String::from_utf8_lossy(&path).into_owned();
        request.log(
            Level::Error,
            format_args!(
                "unsafe URI \"{path}\" was detected while reading response header from upstream"
            ),
        );
        return Some(Flow::Status(404));
    }
    if request.method.get() != Method::Head {
        request.method.set(Method::Get);
    }
    Some(Flow::Redirect(path.into(), args))
}

/// `ngx_http_parse_unsafe_uri`: no empty URI, no NUL, nothing that climbs.
fn is_safe(path: &[u8]) -> bool {
    !path.is_empty()
        && path.first() != Some(&b'?')
        && !path.contains(&0)
        && !path.split(|&byte| byte == b'/').any(|part| part == b"..")
}

fn limit_rate(conf: &Conf, replied: &Replied) -> Option<u64> {
    if conf.ignores(Ignored::AccelLimitRate) {
        return None;
    }
    let value = replied
        .head
        .value(&replied.buf, FieldName::XAccelLimitRate)?;
    conf::value::number(value)
}

fn response_head(
    replied: &Replied,
    request: &Rc<Request>,
    conf: &Conf,
    framing: Framing,
) -> Box<Head> {
    // In its box from the beginning: it is big.
    let mut head = Box::<Head>::default();
    head.status = replied.head.status;
    head.status_text = Some(slice(&replied.buf, replied.head.status_text));
    head.content_length = match framing {
        Framing::Length(length) => Some(length),
        Framing::None => {
            let declared = replied.head.value(&replied.buf, FieldName::ContentLength);
            declared.and_then(conf::value::number)
        }
        Framing::Chunked | Framing::UntilClose => None,
    };
    if let Some(rate) = limit_rate(conf, replied) {
        request.limit_rate.set(Some(rate));
    }
    for field in replied.head.fields.iter() {
        if field.known == Some(FieldName::XAccelCharset) && !conf.ignores(Ignored::AccelCharset) {
            head.override_charset = Some(slice(&replied.buf, field.value));
        }
        if is_of_connection(field)
            || conf.hides(field.known, field.name.of(&replied.buf))
            || is_repeated(field, replied, request)
        {
            continue;
        }
        let value = slice(&replied.buf, field.value);
        let name = || slice(&replied.buf, field.name);
        match field.known {
            Some(FieldName::ContentType) => head.content_type = Some(value),
            Some(FieldName::Server) => drop(head.server.get_or_insert(value)),
            Some(FieldName::Date) => drop(head.date.get_or_insert(value)),
            // ngx_http_upstream_copy_allow_ranges: it is we who answer for them then.
            Some(FieldName::AcceptRanges) if conf.force_ranges => {}
            Some(FieldName::LastModified) => {
                head.last_modified = parse_http_date(&value);
                head.last_modified_text = Some(value);
            }
            Some(FieldName::Location) => {
                match redirect::rewrite(request, conf, &value, false) {
                    Some(rewritten) => head.location = Some(rewritten),
                    // As nginx, what no rule is for is not made absolute either.
                    None => head.push(name(), value),
                }
            }
            Some(FieldName::Refresh) => {
                let rewritten = redirect::rewrite(request, conf, &value, true);
                head.push(name(), rewritten.unwrap_or(value));
            }
            Some(FieldName::SetCookie) => {
                head.push(name(), cookie::rewrite(request, conf, value));
            }
            _ => head.push(name(), value),
        }
    }
    head.allow_ranges = conf.force_ranges;
    without_ours(conf, &mut head);
    head
}

/// Whether a field tells of the connection to the peer, or of how long the body is there: we have
/// both of our own.
pub fn is_of_connection(field: &proto::h1::Field) -> bool {
    matches!(
        field.known,
        Some(
            FieldName::Connection
                | FieldName::KeepAlive
                | FieldName::TransferEncoding
                | FieldName::ContentLength
        )
    )
}

/// As ngx_http_upstream_process_header_line: of these the first counts, and any other is left out.
fn is_repeated(field: &proto::h1::Field, replied: &Replied, request: &Request) -> bool {
    let once = matches!(
        field.known,
        Some(
            FieldName::ContentType
                | FieldName::Date
                | FieldName::LastModified
                | FieldName::ETag
                | FieldName::Server
                | FieldName::Location
                | FieldName::Refresh
        )
    );
    let first = field.known.filter(|_| once);
    let first = first.and_then(|name| replied.head.fields.get(name));
    let Some(first) = first.filter(|first| first.name.start != field.name.start) else {
        return false;
    };
    let shown = |field: &proto::h1::Field| {
        let part = |span| String::from_utf8_lossy(&slice(&replied.buf, span)).into_owned();
        format!("{}: {}", part(field.name), part(field.value))
    };
    let (repeated, first) = (shown(field), shown(&first));
    request.log(
        Level::Warn,
        format_args!(
            "upstream sent duplicate header line: \"{repeated}\", previous value: \"{first}\", \
             ignored while reading response header from upstream"
        ),
    );
    true
}

/// As ngx_http_proxy_process_header: where a peer's own are shown, one that sends none has none.
fn without_ours(conf: &Conf, head: &mut Head) {
    if !conf.hides(Some(FieldName::Server), b"Server") {
        head.server.get_or_insert_default();
    }
    if !conf.hides(Some(FieldName::Date), b"Date") {
        head.date.get_or_insert_default();
    }
}
