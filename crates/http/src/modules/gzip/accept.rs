//! Whether a request's client wants and may have a compressed response (`ngx_http_gzip_ok`).

use net::clock;
use net::log::time::seconds;
use proto::h1::{FieldName, parse_http_date};

use super::{Conf, Disable, Proxied};
use crate::request::Request;
use crate::response::Head;

/// Whether the client of a request can and may have a compressed response.
pub fn may_compress(request: &Request, conf: &Conf, head: &Head) -> bool {
    let agent = request.header(FieldName::UserAgent);
    request
        .header(FieldName::AcceptEncoding)
        .is_some_and(accepts)
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

/// Whether `Accept-Encoding` has gzip with a weight above zero.
fn accepts(accept: &[u8]) -> bool {
    let mut members = accept.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    let weight = members.find_map(|member| {
        let mut parts = member.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let is_gzip = parts.next()?.eq_ignore_ascii_case(b"gzip");
        is_gzip.then(|| parts.next())
    });
    match weight {
        None => false,
        Some(None | Some([])) => true,
        Some(Some([b'q' | b'Q', b'=', weight @ ..])) => is_positive(weight),
        Some(Some(_)) => false,
    }
}

/// Whether a weight is above zero; what is no weight is not (RFC 9110 §12.4.2).
fn is_positive(weight: &[u8]) -> bool {
    let (whole, fraction) = match weight {
        [whole] | [whole, b'.'] => (*whole, &[][..]),
        [whole, b'.', fraction @ ..] => (*whole, fraction),
        _ => return false,
    };
    let digits = fraction.len() <= 3 && fraction.iter().all(u8::is_ascii_digit);
    let nonzero = fraction.iter().any(|&digit| digit != b'0');
    match whole {
        b'0' => digits && nonzero,
        b'1' => digits && !nonzero,
        _ => false,
    }
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
    fn gzip_is_accepted_by_name_and_weight() {
        for accept in [
            "gzip",
            "GZIP",
            "gzip, deflate",
            "deflate,gzip",
            "deflate, gzip ;q=0.001",
            "gzip;q=1",
            "gzip; Q=1.000",
            "br, gzip;q=0.5, x",
            "gzip;q=1.",
            "gzip;",
            "gzip,gzip;q=0",
        ] {
            assert!(accepts(accept.as_bytes()), "{accept}");
        }
        for accept in [
            "",
            "gz",
            "deflate",
            "*",
            "x-gzip",
            "gzipped",
            "gzip;q=0",
            "gzip;q=0.000",
            "gzip;q=2",
            "gzip;q=0.0001",
            "gzip;q=1.001",
            "gzip;q",
            "gzip;x=1",
            "gzip;q=",
            "gzip;q=0.x",
        ] {
            assert!(!accepts(accept.as_bytes()), "{accept}");
        }
    }

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
