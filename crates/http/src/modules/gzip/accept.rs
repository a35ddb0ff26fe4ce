//! Whether a request's client wants and may have a compressed response (`ngx_http_gzip_ok`).

use net::clock;
use net::log::time::seconds;
use proto::h1::{FieldName, parse_http_date};

use super::{Disable, Proxied};
use crate::filters::compress::Coding;
use crate::request::Request;
use crate::response::Head;

/// Whether the client of a request can read gzip and may have it; `head` is that of the response.
pub fn may_compress(request: &Request, head: &Head) -> bool {
    let conf = &request.conf().gzip;
    let agent = request.header(FieldName::UserAgent);
    // A sub-request's answer is put into another one, which may be compressed as a whole.
    request.is_main()
        && Coding::Gzip.weight(request) > 0
        && request.version() >= conf.http_version.version()
        && !(conf.disable.msie6 && agent.is_some_and(is_old_msie))
        && (request.header(FieldName::Via).is_none() || proxied(request, conf.proxied, head))
        && !agent.is_some_and(|agent| conf.disable.has(agent))
}

fn proxied(request: &Request, set: Proxied, head: &Head) -> bool {
    let authorized = request.header(FieldName::Authorization).is_some();
    let now = seconds(clock::wall());
    may_leave_proxy(set, head, authorized, now)
}

/// Whether a response to a request that came through a proxy may be compressed.
fn may_leave_proxy(set: Proxied, head: &Head, authorized: bool, now: i64) -> bool {
    if set.has(Proxied::OFF) {
        return false;
    }
    if set.has(Proxied::ANY) || authorized && set.has(Proxied::AUTH) {
        return true;
    }
    if let Some(expires) = head.get(FieldName::Expires) {
        let date = match &head.date {
            Some(date) => parse_http_date(date),
            None => Some(now),
        };
        let expired = parse_http_date(expires)
            .zip(date)
            .is_some_and(|(at, now)| at < now);
        return set.has(Proxied::EXPIRED) && expired;
    }
    if head.get(FieldName::CacheControl).is_some() {
        return set.has(Proxied::NO_CACHE) && controls(head, b"no-cache")
            || set.has(Proxied::NO_STORE) && controls(head, b"no-store")
            || set.has(Proxied::PRIVATE) && controls(head, b"private");
    }
    let has_time = head.last_modified.is_some() || head.last_modified_text.is_some();
    let has_tag = head.get(FieldName::ETag).is_some();
    !(set.has(Proxied::NO_LAST_MODIFIED) && has_time || set.has(Proxied::NO_ETAG) && has_tag)
}

/// Whether `Cache-Control` has a directive, written without an argument.
fn controls(head: &Head, name: &[u8]) -> bool {
    let fields = head
        .fields
        .iter()
        .filter(|field| field.is(FieldName::CacheControl));
    fields
        .flat_map(|field| field.value.split(|&byte| byte == b','))
        .any(|word| word.trim_ascii().eq_ignore_ascii_case(name))
}

/// Internet Explorer 4, 5, and 6 without its service pack 2.
fn is_old_msie(agent: &[u8]) -> bool {
    let Some(at) = memchr::memmem::find(agent, b"MSIE ") else {
        return false;
    };
    match agent[at + 5..] {
        [b'4' | b'5', b'.', ..] => true,
        [b'6', b'.', ..] => memchr::memmem::find(agent, b"SV1").is_none(),
        _ => false,
    }
}

impl Disable {
    /// Whether a browser is named; one for which that cannot be decided is.
    fn has(&self, agent: &[u8]) -> bool {
        self.agents
            .iter()
            .any(|regex| regex.is_match(agent).unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_explorers_are_known_by_their_version() {
        assert!(is_old_msie(
            b"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)"
        ));
        assert!(is_old_msie(
            b"Mozilla/4.0 (compatible; MSIE 5.5; Windows 98)"
        ));
        assert!(!is_old_msie(
            b"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)"
        ));
        assert!(!is_old_msie(
            b"Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2)"
        ));
        assert!(!is_old_msie(b"MSIE "));
    }

    #[test]
    fn what_came_through_a_proxy_is_compressed_if_nobody_may_keep_it() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        let with = |name: &'static str, value: &'static str| {
            let mut head = Head::new(200);
            head.push(name, value);
            head
        };
        let may = |set, head: &Head| may_leave_proxy(set, head, false, 784_111_778);
        let plain = Head::new(200);
        let all = Proxied(Proxied::EXPIRED.0 | Proxied::NO_CACHE.0 | Proxied::NO_STORE.0);
        assert!(!may(Proxied::OFF, &plain));
        assert!(!may(Proxied(Proxied::OFF.0 | Proxied::ANY.0), &plain));
        assert!(may(Proxied::ANY, &with("Cache-Control", "max-age=1")));
        assert!(may(Proxied::EXPIRED, &with("Expires", DATE)));
        assert!(!may_leave_proxy(all, &with("Expires", DATE), false, 0));
        assert!(!may(Proxied::EXPIRED, &with("Expires", "0")));
        assert!(!may(Proxied::NO_CACHE, &with("Expires", DATE)));
        assert!(may(all, &with("Cache-Control", "max-age=0, No-Cache")));
        assert!(!may(
            Proxied::PRIVATE,
            &with("Cache-Control", "private=\"x\"")
        ));
        assert!(!may(Proxied::NO_ETAG, &with("ETag", "\"a\"")));
        assert!(may(Proxied::NO_LAST_MODIFIED, &with("ETag", "\"a\"")));
        let dated = Head {
            last_modified: Some(0),
            ..Head::new(200)
        };
        assert!(!may(Proxied::NO_LAST_MODIFIED, &dated));
        assert!(may_leave_proxy(Proxied::AUTH, &dated, true, 0));
    }
}
