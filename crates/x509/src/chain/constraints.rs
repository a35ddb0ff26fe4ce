//! Name constraints (RFC 5280 §4.2.1.10), checked as OpenSSL's `NAME_CONSTRAINTS_check` does.

use std::net::IpAddr;

use super::Verifier;
use crate::certificate::Certificate;
use crate::extensions::{
    DIRECTORY_NAME, DNS_NAME, IP_ADDRESS, NameConstraints, RFC822_NAME, Subtree, URI,
};
use crate::name::Name;
use crate::oid;
use crate::verify_error::VerifyError;

impl Verifier<'_> {
    /// Every name against the constraints of all authorities above it.
    pub(super) fn check_name_constraints(&mut self) {
        let path = self.path.clone();
        for (position, certificate) in path.iter().enumerate().rev() {
            if position != 0 && certificate.is_self_issued() {
                continue;
            }
            for above in path.iter().skip(position + 1).rev() {
                let Some(constraints) = &above.extensions().name_constraints else {
                    continue;
                };
                let names = names_of(certificate, position == 0);
                if let Err(error) = check(&names, constraints) {
                    self.fail(error, position);
                }
            }
        }
    }
}

/// A name that constraints may speak of.
enum Subject<'a> {
    Directory(&'a Name),
    Email(&'a [u8]),
    OwnedEmail(Vec<u8>),
    Dns(&'a [u8]),
    OwnedDns(Vec<u8>),
    Ip(IpAddr),
    Uri(&'a [u8]),
    Other(u8),
}

fn names_of(certificate: &Certificate, is_leaf: bool) -> Vec<Subject<'_>> {
    let subject = certificate.subject();
    let alt = &certificate.extensions().alt_names;
    let mut names = Vec::new();
    if !subject.is_empty() {
        names.push(Subject::Directory(subject));
    }
    let emails = subject.texts_of(oid::EMAIL_ADDRESS).into_iter();
    names.extend(emails.map(Subject::OwnedEmail));
    names.extend(alt.directories.iter().map(Subject::Directory));
    names.extend(alt.emails.iter().map(|email| Subject::Email(email)));
    names.extend(alt.dns.iter().map(|dns| Subject::Dns(dns)));
    names.extend(alt.ips.iter().map(|&ip| Subject::Ip(ip)));
    names.extend(alt.uris.iter().map(|uri| Subject::Uri(uri)));
    names.extend(alt.others.iter().map(|&tag| Subject::Other(tag)));
    if is_leaf && alt.dns.is_empty() {
        let common_names = subject.texts_of(oid::COMMON_NAME).into_iter();
        names.extend(
            common_names
                .filter(|name| is_host(name))
                .map(Subject::OwnedDns),
        );
    }
    names
}

fn check(names: &[Subject<'_>], constraints: &NameConstraints) -> Result<(), VerifyError> {
    let subtrees = constraints.permitted.len() + constraints.excluded.len();
    if names.len().saturating_mul(subtrees) > COMPARISONS_MAX {
        return Err(VerifyError::Unspecified);
    }
    for name in names {
        let same_kind = |subtree: &&Subtree| tag_of_subtree(subtree) == name.tag();
        let mut permitted = constraints.permitted.iter().filter(same_kind).peekable();
        if permitted.peek().is_some() {
            let mut is_permitted = false;
            for subtree in permitted {
                is_permitted |= name.lies_in(subtree)?;
            }
            if !is_permitted {
                return Err(VerifyError::PermittedViolation);
            }
        }
        for subtree in constraints.excluded.iter().filter(same_kind) {
            if name.lies_in(subtree)? {
                return Err(VerifyError::ExcludedViolation);
            }
        }
    }
    Ok(())
}

impl Subject<'_> {
    fn tag(&self) -> u8 {
        match self {
            Self::Directory(_) => DIRECTORY_NAME,
            Self::Email(_) | Self::OwnedEmail(_) => RFC822_NAME,
            Self::Dns(_) | Self::OwnedDns(_) => DNS_NAME,
            Self::Ip(_) => IP_ADDRESS,
            Self::Uri(_) => URI,
            Self::Other(tag) => *tag,
        }
    }

    fn lies_in(&self, subtree: &Subtree) -> Result<bool, VerifyError> {
        Ok(match (self, subtree) {
            (_, Subtree::Bounded(_)) => return Err(VerifyError::SubtreeMinMax),
            (Self::Directory(name), Subtree::Directory(base)) => name.is_within(base),
            (Self::Email(email), Subtree::Email(base)) => email_lies_in(email, base)?,
            (Self::OwnedEmail(email), Subtree::Email(base)) => email_lies_in(email, base)?,
            (Self::Dns(dns), Subtree::Dns(base)) => host_lies_in(dns, base),
            (Self::OwnedDns(dns), Subtree::Dns(base)) => host_lies_in(dns, base),
            (Self::Ip(ip), Subtree::Ip(base)) => ip_lies_in(*ip, base),
            (Self::Uri(uri), Subtree::Uri(base)) => uri_lies_in(uri, base)?,
            _ => return Err(VerifyError::UnsupportedConstraint),
        })
    }
}

fn tag_of_subtree(subtree: &Subtree) -> u8 {
    match subtree {
        Subtree::Dns(_) => DNS_NAME,
        Subtree::Email(_) => RFC822_NAME,
        Subtree::Directory(_) => DIRECTORY_NAME,
        Subtree::Ip(_) => IP_ADDRESS,
        Subtree::Uri(_) => URI,
        Subtree::Unsupported(tag) | Subtree::Bounded(tag) => *tag,
    }
}

pub(super) fn host_lies_in(host: &[u8], base: &[u8]) -> bool {
    let Some((front, end)) = host.split_at_checked(host.len().wrapping_sub(base.len())) else {
        return false;
    };
    let at_label = base.is_empty() || base.starts_with(b".") || matches!(front, [] | [.., b'.']);
    at_label && end.eq_ignore_ascii_case(base)
}

fn email_lies_in(email: &[u8], base: &[u8]) -> Result<bool, VerifyError> {
    let Some((user, host)) = split_last_at(email) else {
        return Err(VerifyError::UnsupportedNameSyntax);
    };
    Ok(match split_last_at(base) {
        Some((base_user, base_host)) => {
            (base_user.is_empty() || base_user == user) && host.eq_ignore_ascii_case(base_host)
        }
        None if base.starts_with(b".") => {
            let end = host
                .len()
                .checked_sub(base.len())
                .and_then(|at| host.get(at..));
            end.is_some_and(|end| end.eq_ignore_ascii_case(base))
        }
        None => host.eq_ignore_ascii_case(base),
    })
}

fn split_last_at(email: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = email.iter().rposition(|&byte| byte == b'@')?;
    Some((email.get(..at)?, email.get(at + 1..)?))
}

fn uri_lies_in(uri: &[u8], base: &[u8]) -> Result<bool, VerifyError> {
    let after_scheme = uri.windows(3).position(|window| window == b"://");
    let Some(rest) = after_scheme.and_then(|at| uri.get(at + 3..)) else {
        return Err(VerifyError::UnsupportedNameSyntax);
    };
    let authority = rest.split(|&byte| byte == b'/').next().unwrap_or_default();
    let host = authority
        .split(|&byte| byte == b':')
        .next()
        .unwrap_or_default();
    if host.is_empty() {
        return Err(VerifyError::UnsupportedNameSyntax);
    }
    if base.starts_with(b".") {
        return Ok(host.len() > base.len() && host_lies_in(host, base));
    }
    Ok(host.eq_ignore_ascii_case(base))
}

fn ip_lies_in(ip: IpAddr, base: &[u8]) -> bool {
    let octets = match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let Some((net, mask)) = base.split_at_checked(octets.len()) else {
        return false;
    };
    let mut bytes = octets.iter().zip(net).zip(mask);
    net.len() == mask.len() && bytes.all(|((&byte, &net), &mask)| (byte ^ net) & mask == 0)
}

/// Whether a common name looks like a host: two labels or more, of the letters of hosts.
fn is_host(name: &[u8]) -> bool {
    let mut labels = name.split(|&byte| byte == b'.');
    let is_label = |label: &[u8]| {
        let allowed =
            |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'*');
        !label.is_empty() && label.iter().all(allowed)
    };
    name.contains(&b'.') && labels.all(is_label)
}

/// As OpenSSL: names times constraints.
const COMPARISONS_MAX: usize = 1 << 20;
