//! What a certificate may be used for: OpenSSL's `X509_check_purpose`, `X509_check_ca` and
//! `X509_check_trust`.

use super::Purpose;
use crate::certificate::Certificate;
use crate::extensions::KeyUsage;
use crate::oid;

/// Whether what a `TRUSTED CERTIFICATE` adds makes it an anchor for the purpose; `None` if it says
/// nothing about it.
pub(super) fn explicit_trust(certificate: &Certificate, purpose: Purpose) -> Option<bool> {
    let trust = certificate.trust()?;
    let names = |list: &[Box<[u8]>]| {
        list.iter()
            .any(|oid| **oid == *purpose.oid() || **oid == *oid::ANY_EXT_KEY_USAGE)
    };
    if names(&trust.rejected) {
        return Some(false);
    }
    trust.trusted.as_deref().map(names)
}

/// OpenSSL's scale: 0 is no authority, 1 a proper one, 3 to 5 ones from before RFC 5280.
pub(super) fn authority_level(certificate: &Certificate) -> u8 {
    let extensions = certificate.extensions();
    if !extensions.usage_allows(KeyUsage::CERT_SIGN) {
        return 0;
    }
    if let Some(basic) = extensions.basic_constraints {
        return u8::from(basic.ca);
    }
    if certificate.version() == 1 && certificate.is_self_signed() {
        3
    } else if extensions.key_usage.is_some() {
        4
    } else if netscape_allows(certificate, NETSCAPE_ANY_CA) == Some(true) {
        5
    } else {
        0
    }
}

/// Whether the peer's own certificate suits the purpose.
pub(super) fn suits_leaf(certificate: &Certificate, purpose: Purpose) -> bool {
    let extensions = certificate.extensions();
    if !extended_usage_allows(certificate, purpose) {
        return false;
    }
    let (usages, netscape) = match purpose {
        Purpose::Client => (
            KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_AGREEMENT,
            NETSCAPE_CLIENT,
        ),
        Purpose::Server => (
            KeyUsage::DIGITAL_SIGNATURE | KeyUsage::KEY_ENCIPHERMENT | KeyUsage::KEY_AGREEMENT,
            NETSCAPE_SERVER,
        ),
    };
    extensions.usage_allows(usages) && netscape_allows(certificate, netscape) != Some(false)
}

/// Whether an authority in the path suits the purpose.
pub(super) fn suits_authority(certificate: &Certificate, purpose: Purpose) -> bool {
    match authority_level(certificate) {
        0 => false,
        _ if !extended_usage_allows(certificate, purpose) => false,
        5 => netscape_allows(certificate, NETSCAPE_SSL_CA) == Some(true),
        _ => true,
    }
}

fn extended_usage_allows(certificate: &Certificate, purpose: Purpose) -> bool {
    let allowed: &[&[u8]] = match purpose {
        Purpose::Client => &[oid::CLIENT_AUTH],
        Purpose::Server => &[oid::SERVER_AUTH, oid::MS_SGC, oid::NS_SGC],
    };
    // As in OpenSSL, anyExtendedKeyUsage does not do.
    let Some(usages) = &certificate.extensions().ext_key_usage else {
        return true;
    };
    usages.iter().any(|usage| allowed.contains(&&**usage))
}

fn netscape_allows(certificate: &Certificate, types: u8) -> Option<bool> {
    let netscape = certificate.extensions().netscape_type?;
    Some(netscape & types != 0)
}

const NETSCAPE_CLIENT: u8 = 0x80;
const NETSCAPE_SERVER: u8 = 0x40;
const NETSCAPE_SSL_CA: u8 = 0x04;
const NETSCAPE_ANY_CA: u8 = 0x07;
