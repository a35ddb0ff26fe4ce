//! `ngx_http_not_modified_filter_module`: answers to conditional requests (RFC 9110 §13), 304 and
//! 412.

use std::rc::Rc;

use proto::h1::{FieldName, parse_http_date};

use crate::filters::BodyFilter;
use crate::modules::core::{Handler, IfModifiedSince};
use crate::request::Request;
use crate::response::{Body, Head, Response};

/// The header filter.
pub fn filter(
    request: &Rc<Request>,
    response: &mut Response,
    _body_filters: &mut Vec<Box<dyn BodyFilter>>,
) {
    if response.head.status != 200 || !request.is_main() || is_upstreams(request) {
        return;
    }
    let conditions = Conditions::of(request);
    if conditions.is_empty() {
        return;
    }
    match conditions.judge(
        &Validators::of(&response.head),
        request.conf().core.if_modified_since,
    ) {
        Verdict::Send => {}
        Verdict::Failed => request.refused_by_filter.set(Some(412)),
        Verdict::NotModified => make_not_modified(response),
    }
}

/// Whether an upstream answers: it was asked with the same conditions and knows better.
fn is_upstreams(request: &Request) -> bool {
    request.conf().core.handler == Handler::Proxy && !request.attempts.borrow().is_empty()
}

fn make_not_modified(response: &mut Response) {
    let head = &mut response.head;
    head.status = 304;
    head.status_text = None;
    head.content_type = None;
    head.content_length = None;
    head.allow_ranges = false;
    head.remove(FieldName::AcceptRanges);
    head.remove(FieldName::ContentEncoding);
    response.body = Body::Empty;
}

/// What a request makes its answer depend on.
#[derive(Debug, Clone, Copy, Default)]
struct Conditions<'a> {
    if_match: Option<&'a [u8]>,
    if_unmodified_since: Option<&'a [u8]>,
    if_none_match: Option<&'a [u8]>,
    if_modified_since: Option<&'a [u8]>,
}

/// What tells one state of a resource from another.
#[derive(Debug, Clone, Copy, Default)]
struct Validators<'a> {
    etag: Option<&'a [u8]>,
    last_modified: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Send,
    NotModified,
    Failed,
}

impl<'a> Conditions<'a> {
    fn of(request: &'a Request) -> Self {
        Self {
            if_match: request.header(FieldName::IfMatch),
            if_unmodified_since: request.header(FieldName::IfUnmodifiedSince),
            if_none_match: request.header(FieldName::IfNoneMatch),
            if_modified_since: request.header(FieldName::IfModifiedSince),
        }
    }

    fn is_empty(&self) -> bool {
        self.if_match.is_none()
            && self.if_unmodified_since.is_none()
            && self.if_none_match.is_none()
            && self.if_modified_since.is_none()
    }

    /// As nginx, time and tag must agree where both are asked about.
    fn judge(&self, current: &Validators<'_>, how: IfModifiedSince) -> Verdict {
        if self
            .if_unmodified_since
            .is_some_and(|since| current.is_newer_than(since))
        {
            return Verdict::Failed;
        }
        if self
            .if_match
            .is_some_and(|list| !current.matches(list, Comparison::Strong))
        {
            return Verdict::Failed;
        }
        if self.if_modified_since.is_none() && self.if_none_match.is_none() {
            return Verdict::Send;
        }
        let changed = self
            .if_modified_since
            .is_some_and(|since| current.is_modified(since, how))
            || self
                .if_none_match
                .is_some_and(|list| !current.matches(list, Comparison::Weak));
        if changed {
            Verdict::Send
        } else {
            Verdict::NotModified
        }
    }
}

/// How entity tags are compared (RFC 9110 §8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

impl<'a> Validators<'a> {
    fn of(head: &'a Head) -> Self {
        Self {
            etag: head.get(FieldName::ETag).map(|etag| &etag[..]),
            last_modified: head.last_modified,
        }
    }

    /// `If-Unmodified-Since`; what has no time counts as newer.
    fn is_newer_than(&self, since: &[u8]) -> bool {
        match (self.last_modified, parse_http_date(since)) {
            (Some(modified), Some(since)) => modified > since,
            _ => true,
        }
    }

    /// `If-Modified-Since`
    fn is_modified(&self, since: &[u8], how: IfModifiedSince) -> bool {
        let (Some(modified), Some(since)) = (self.last_modified, parse_http_date(since)) else {
            return true;
        };
        match how {
            IfModifiedSince::Off => true,
            IfModifiedSince::Exact => modified != since,
            IfModifiedSince::Before => modified > since,
        }
    }

    /// Whether a list of entity tags has the current one.
    fn matches(&self, list: &[u8], how: Comparison) -> bool {
        if list == b"*" {
            return true;
        }
        let Some(etag) = self.etag else { return false };
        tags(list).any(|tag| match how {
            Comparison::Strong => tag == etag,
            Comparison::Weak => opaque(tag) == opaque(etag),
        })
    }
}

/// The tag without its mark of weakness.
fn opaque(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(b"W/").unwrap_or(tag)
}

/// The members of a list of entity tags; a comma between quotes belongs to its tag.
fn tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    list.split(move |&byte| {
        quoted ^= byte == b'"';
        byte == b',' && !quoted
    })
    .map(<[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests;
