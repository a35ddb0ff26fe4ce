//! Whether a certificate is one of a host: OpenSSL's `X509_check_host` and `X509_check_ip`.

use std::net::IpAddr;

use crate::certificate::Certificate;
use crate::oid;

impl Certificate {
    /// Whether the certificate is one of `host`, as `X509_check_host` without flags says.
    ///
    /// The host names of subjectAltName count; only if it has none, the common names of the
    /// subject. A name of an address is compared as text, as nginx has it; see
    /// [`Self::matches_ip`].
    pub fn matches_host(&self, host: &[u8]) -> bool {
        // With a terminating zero OpenSSL allows one at the end; a name has none inside.
        if host.is_empty() || host.contains(&0) {
            return false;
        }
        let mut names = self.dns_names().peekable();
        if names.peek().is_some() {
            return names.any(|pattern| matches(pattern, host));
        }
        let common_names = self.subject().texts_of(oid::COMMON_NAME);
        common_names.iter().any(|pattern| matches(pattern, host))
    }

    /// Whether subjectAltName has the address.
    pub fn matches_ip(&self, ip: IpAddr) -> bool {
        self.ip_addresses().any(|other| other == ip)
    }
}

fn matches(pattern: &[u8], host: &[u8]) -> bool {
    if host.len() > 1 && host.starts_with(b".") {
        // `.example.com` stands for every host below.
        let below = pattern.len().checked_sub(host.len());
        let end = below.and_then(|at| pattern.get(at..));
        return end.is_some_and(|end| end.eq_ignore_ascii_case(host));
    }
    match star(pattern) {
        Some((front, end)) => matches_wildcard(front, end, host),
        None => pattern.eq_ignore_ascii_case(host),
    }
}

/// What stands before and after the star, if the pattern has one that may be used: at the start or
/// the end of the first label, which is not an internationalised one, with two dots after it.
fn star(pattern: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pattern.iter().position(|&byte| byte == b'*')?;
    let (front, end) = (pattern.get(..at)?, pattern.get(at + 1..)?);
    let is_alone = !end.contains(&b'*') && !front.contains(&b'.');
    let is_at_edge = front.is_empty() || end.first().is_none_or(|&byte| byte == b'.');
    let dots = end.iter().filter(|&&byte| byte == b'.').count();
    let mut labels = pattern.split(|&byte| byte == b'.');
    let usable = is_alone && is_at_edge && dots >= 2 && !is_international(front);
    (usable && labels.all(is_label)).then_some((front, end))
}

fn is_label(label: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*');
    let has_edges = !label.starts_with(b"-") && !label.ends_with(b"-");
    !label.is_empty() && has_edges && label.iter().all(allowed)
}

fn is_international(label: &[u8]) -> bool {
    let start = label.get(..4);
    start.is_some_and(|start| start.eq_ignore_ascii_case(b"xn--"))
}

fn matches_wildcard(front: &[u8], end: &[u8], host: &[u8]) -> bool {
    let Some((host_front, rest)) = host.split_at_checked(front.len()) else {
        return false;
    };
    let starred = rest.len().checked_sub(end.len());
    let Some((starred, host_end)) = starred.and_then(|at| rest.split_at_checked(at)) else {
        return false;
    };
    if !host_front.eq_ignore_ascii_case(front) || !host_end.eq_ignore_ascii_case(end) {
        return false;
    }
    let is_whole_label = front.is_empty() && end.starts_with(b".");
    if is_whole_label && starred.is_empty() || !is_whole_label && is_international(starred) {
        return false;
    }
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    starred == b"*" || starred.iter().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::certificate;

    #[test]
    fn wildcards_stand_for_one_label() {
        for (pattern, host, expected) in [
            ("*.example.com", "www.example.com", true),
            ("*.example.com", "WWW.EXAMPLE.com", true),
            ("*.example.com", "example.com", false),
            ("*.example.com", ".example.com", true),
            ("*.example.com", "a.b.example.com", false),
            ("*.example.com", "*.example.com", true),
            ("*.example.com", "xn--a.example.com", true),
            ("*.com", "example.com", false),
            ("*", "example", false),
            ("w*.example.com", "www.example.com", true),
            ("*w.example.com", "www.example.com", true),
            ("w*w.example.com", "www.example.com", false),
            ("w*.example.com", "w.example.com", true),
            ("xn--*.example.com", "xn--a.example.com", false),
            ("*.*.example.com", "a.b.example.com", false),
            ("a.*.example.com", "a.b.example.com", false),
            ("*.exa_mple.com", "a.exa_mple.com", false),
            ("example.com", "Example.Com", true),
            ("example.com", "example.org", false),
            ("www.example.com", ".example.com", true),
            ("example.com", ".example.com", false),
        ] {
            let found = matches(pattern.as_bytes(), host.as_bytes());
            assert_eq!(found, expected, "{pattern} {host}");
        }
    }

    #[test]
    fn the_common_name_counts_if_there_is_no_other() {
        let server = certificate("server");
        assert!(server.matches_host(b"www.example.com"));
        assert!(server.matches_host(b"a.wild.example.com"));
        assert!(!server.matches_host(b"server"));
        assert!(certificate("direct").matches_host(b"DIRECT"));
        assert!(!certificate("direct").matches_host(b"direct\0"));
        assert!(!certificate("direct").matches_host(b""));
    }

    #[test]
    fn addresses_are_looked_up_as_such() {
        let server = certificate("server");
        assert!(server.matches_ip("192.0.2.1".parse().unwrap()));
        assert!(server.matches_ip("2001:db8::1".parse().unwrap()));
        assert!(!server.matches_ip("192.0.2.2".parse().unwrap()));
        assert!(!server.matches_host(b"192.0.2.1"));
    }
}
