//! `ngx_http_not_modified_filter_module`: answers to conditional requests (RFC 9110 §13), 304 and
//! 412.

use std::rc::Rc;

use proto::h1::{FieldName, parse_http_date};

use crate::error_page;
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
    if response.head.status != 200 || is_upstreams(request) {
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
        Verdict::Failed => {
            request.error_status.set(412);
            *response = error_page::built_in(request, 412);
        }
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
mod tests {
    use super::*;

    const THEN: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &[u8] = b"Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &[u8] = b"Sun, 06 Nov 1994 08:49:38 GMT";
    const CURRENT: Validators<'_> = Validators {
        etag: Some(b"\"a,b\""),
        last_modified: Some(784_111_777),
    };
    const NOTHING: Validators<'_> = Validators {
        etag: None,
        last_modified: None,
    };

    fn judge(conditions: Conditions<'_>, current: Validators<'_>) -> Verdict {
        conditions.judge(&current, IfModifiedSince::Exact)
    }

    fn if_match(list: &[u8]) -> Conditions<'_> {
        Conditions {
            if_match: Some(list),
            ..Conditions::default()
        }
    }

    fn if_none_match(list: &[u8]) -> Conditions<'_> {
        Conditions {
            if_none_match: Some(list),
            ..Conditions::default()
        }
    }

    #[test]
    fn times_are_compared_as_the_directive_says() {
        let verdict = |since, how| {
            let conditions = Conditions {
                if_modified_since: Some(since),
                ..Conditions::default()
            };
            conditions.judge(&CURRENT, how)
        };
        assert_eq!(verdict(THEN, IfModifiedSince::Exact), Verdict::NotModified);
        assert_eq!(verdict(AFTER, IfModifiedSince::Exact), Verdict::Send);
        assert_eq!(
            verdict(AFTER, IfModifiedSince::Before),
            Verdict::NotModified
        );
        assert_eq!(verdict(BEFORE, IfModifiedSince::Before), Verdict::Send);
        assert_eq!(verdict(THEN, IfModifiedSince::Off), Verdict::Send);
        assert_eq!(
            verdict(b"yesterday", IfModifiedSince::Before),
            Verdict::Send
        );
    }

    #[test]
    fn if_none_match_compares_weakly() {
        for list in [
            &b"\"a,b\""[..],
            b"W/\"a,b\"",
            b"*",
            b"\"x\", \t\"a,b\" ,\"y\"",
            b"\"x\",,W/\"a,b\"",
        ] {
            assert_eq!(judge(if_none_match(list), CURRENT), Verdict::NotModified);
        }
        for list in [
            &b"\"x\""[..],
            b"a",
            b"",
            b"\"a,b\"x",
            b"\"a",
            b"\"x,\"a,b\"\"",
        ] {
            assert_eq!(judge(if_none_match(list), CURRENT), Verdict::Send);
        }
        let weak = Validators {
            etag: Some(b"W/\"a\""),
            ..NOTHING
        };
        assert_eq!(judge(if_none_match(b"\"a\""), weak), Verdict::NotModified);
        assert_eq!(judge(if_none_match(b"\"a\""), NOTHING), Verdict::Send);
        assert_eq!(judge(if_none_match(b"*"), NOTHING), Verdict::NotModified);
    }

    #[test]
    fn if_match_compares_strongly() {
        for list in [&b"\"a,b\""[..], b"*", b"\"x\", \t\"a,b\" , \"y\""] {
            assert_eq!(judge(if_match(list), CURRENT), Verdict::Send);
        }
        for list in [&b"\"x\""[..], b"W/\"a,b\"", b""] {
            assert_eq!(judge(if_match(list), CURRENT), Verdict::Failed);
        }
        assert_eq!(judge(if_match(b"\"a\""), NOTHING), Verdict::Failed);
    }

    #[test]
    fn what_is_newer_or_has_no_time_fails_if_unmodified_since() {
        let verdict = |since, current| {
            let conditions = Conditions {
                if_unmodified_since: Some(since),
                ..Conditions::default()
            };
            judge(conditions, current)
        };
        assert_eq!(verdict(THEN, CURRENT), Verdict::Send);
        assert_eq!(verdict(AFTER, CURRENT), Verdict::Send);
        assert_eq!(verdict(BEFORE, CURRENT), Verdict::Failed);
        assert_eq!(verdict(b"?", CURRENT), Verdict::Failed);
        assert_eq!(verdict(AFTER, NOTHING), Verdict::Failed);
    }

    #[test]
    fn time_and_tag_must_both_be_unchanged() {
        let both = |since, list| Conditions {
            if_modified_since: Some(since),
            if_none_match: Some(list),
            ..Conditions::default()
        };
        assert_eq!(judge(both(THEN, b"\"a,b\""), CURRENT), Verdict::NotModified);
        assert_eq!(judge(both(THEN, b"\"x\""), CURRENT), Verdict::Send);
        assert_eq!(judge(both(AFTER, b"\"a,b\""), CURRENT), Verdict::Send);
        let failed = Conditions {
            if_match: Some(b"\"x\""),
            ..both(THEN, b"\"a,b\"")
        };
        assert_eq!(judge(failed, CURRENT), Verdict::Failed);
    }
}
