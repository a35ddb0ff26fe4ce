//! Extensions of certificates (RFC 5280 §4.2), those that have a say in TLS.

use std::net::IpAddr;

use crate::der::{self, BIT_STRING, DerError, Element, INTEGER, OCTET_STRING, OID, SEQUENCE};
use crate::name::Name;
use crate::oid;

/// What the extensions of a certificate say. Each may stand there once at most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extensions {
    /// basicConstraints
    pub basic_constraints: Option<BasicConstraints>,
    /// keyUsage
    pub key_usage: Option<KeyUsage>,
    /// extKeyUsage: the purposes, as identifiers.
    pub ext_key_usage: Option<Vec<Box<[u8]>>>,
    /// subjectAltName
    pub alt_names: AltNames,
    /// subjectKeyIdentifier
    pub subject_key_id: Option<Box<[u8]>>,
    /// authorityKeyIdentifier
    pub authority_key_id: Option<AuthorityKeyId>,
    /// The addresses of OCSP responders, from authorityInfoAccess.
    pub ocsp_urls: Vec<String>,
    /// Whether the certificate may only be served with an OCSP response (RFC 7633).
    pub must_staple: bool,
    /// nameConstraints
    pub name_constraints: Option<Box<NameConstraints>>,
    /// Full names of cRLDistributionPoints, as encoded.
    pub distribution_points: Vec<Box<[u8]>>,
    /// Netscape's certificate type, which OpenSSL still heeds.
    pub netscape_type: Option<u8>,
    /// id-pkix-ocsp-nocheck: a responder's certificate that is not to be asked about.
    pub ocsp_nocheck: bool,
    /// proxyCertInfo (RFC 3820)
    pub is_proxy: bool,
    /// A critical extension that neither OpenSSL nor this crate knows.
    pub unknown_critical: bool,
}

/// basicConstraints
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BasicConstraints {
    /// Whether the subject may sign certificates.
    pub ca: bool,
    /// How many authorities may follow below.
    pub path_length: Option<u32>,
}

/// keyUsage: the first byte of the bit string, and the second above it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyUsage(pub u16);

impl KeyUsage {
    /// digitalSignature
    pub const DIGITAL_SIGNATURE: u16 = 0x80;
    /// keyEncipherment
    pub const KEY_ENCIPHERMENT: u16 = 0x20;
    /// keyAgreement
    pub const KEY_AGREEMENT: u16 = 0x08;
    /// keyCertSign
    pub const CERT_SIGN: u16 = 0x04;
    /// cRLSign
    pub const CRL_SIGN: u16 = 0x02;

    /// Whether one of these usages is allowed.
    pub fn allows(self, usages: u16) -> bool {
        self.0 & usages != 0
    }
}

/// The names of subjectAltName, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AltNames {
    /// Whether the extension is there at all.
    pub present: bool,
    /// dNSName
    pub dns: Vec<Box<[u8]>>,
    /// iPAddress
    pub ips: Vec<IpAddr>,
    /// rfc822Name
    pub emails: Vec<Box<[u8]>>,
    /// directoryName
    pub directories: Vec<Name>,
    /// uniformResourceIdentifier
    pub uris: Vec<Box<[u8]>>,
    /// The tags of names of other kinds.
    pub others: Vec<u8>,
}

/// authorityKeyIdentifier
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthorityKeyId {
    /// The issuer's subjectKeyIdentifier.
    pub key_id: Option<Box<[u8]>>,
    /// The issuer's issuer.
    pub issuer: Option<Name>,
    /// The issuer's serial number.
    pub serial: Option<Box<[u8]>>,
}

/// nameConstraints
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameConstraints {
    /// If a kind of name is here, each name of that kind must lie in one of its subtrees.
    pub permitted: Vec<Subtree>,
    /// No name may lie in one of these.
    pub excluded: Vec<Subtree>,
}

/// A part of a space of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subtree {
    /// A host, and those below it; with a dot in front only those below.
    Dns(Box<[u8]>),
    /// A mailbox, a host, or with a dot in front the hosts below.
    Email(Box<[u8]>),
    /// Names that begin with this one.
    Directory(Name),
    /// Address and mask, 8 or 32 bytes.
    Ip(Box<[u8]>),
    /// The host of an address, like `Dns`.
    Uri(Box<[u8]>),
    /// A kind of name that is not understood: its tag.
    Unsupported(u8),
    /// A minimum or a maximum, over names with this tag.
    Bounded(u8),
}

impl Extensions {
    /// Reads `Extensions`, header included.
    pub(crate) fn parse(raw: &[u8]) -> Result<Self, DerError> {
        let mut extensions = Self::default();
        for_each(raw, |oid, critical, value| {
            extensions.add(oid, critical, value)
        })?;
        Ok(extensions)
    }

    /// Whether the subject may sign certificates, as far as basicConstraints says.
    pub fn is_ca(&self) -> bool {
        self.basic_constraints.is_some_and(|basic| basic.ca)
    }

    /// Whether keyUsage is absent or allows one of these.
    pub fn usage_allows(&self, usages: u16) -> bool {
        self.key_usage.is_none_or(|usage| usage.allows(usages))
    }

    fn add(&mut self, oid: &[u8], critical: bool, value: &[u8]) -> Result<(), DerError> {
        match oid {
            oid::BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage(bits(value)?)),
            oid::EXT_KEY_USAGE => self.ext_key_usage = Some(oids(value)?),
            oid::SUBJECT_ALT_NAME => self.alt_names = alt_names(value)?,
            oid::SUBJECT_KEY_ID => {
                let id = der::whole(value, OCTET_STRING)?.value;
                self.subject_key_id = Some(id.into());
            }
            oid::AUTHORITY_KEY_ID => self.authority_key_id = Some(authority_key_id(value)?),
            oid::AUTHORITY_INFO_ACCESS => self.ocsp_urls = ocsp_urls(value)?,
            oid::TLS_FEATURE => self.must_staple = has_status_request(value)?,
            oid::NAME_CONSTRAINTS => {
                self.name_constraints = Some(Box::new(name_constraints(value)?));
            }
            oid::CRL_DISTRIBUTION_POINTS => {
                self.distribution_points = distribution_points(value)?;
            }
            oid::NETSCAPE_CERT_TYPE => self.netscape_type = Some(bits(value)? as u8),
            oid::OCSP_NOCHECK => self.ocsp_nocheck = true,
            oid::PROXY_CERT_INFO => self.is_proxy = true,
            oid::CERTIFICATE_POLICIES
            | oid::POLICY_CONSTRAINTS
            | oid::POLICY_MAPPINGS
            | oid::INHIBIT_ANY_POLICY => {}
            _ => {
                self.unknown_critical |= critical;
                return Ok(());
            }
        }
        // What was read above may still be an extension that OpenSSL does not handle when it is
        // critical.
        let unhandled = [
            oid::SUBJECT_KEY_ID,
            oid::AUTHORITY_KEY_ID,
            oid::AUTHORITY_INFO_ACCESS,
            oid::TLS_FEATURE,
            oid::OCSP_NOCHECK,
        ];
        self.unknown_critical |= critical && unhandled.contains(&oid);
        Ok(())
    }
}

/// Calls `each` with identifier, criticality and value of every extension in a list.
pub(crate) fn for_each(
    raw: &[u8],
    mut each: impl FnMut(&[u8], bool, &[u8]) -> Result<(), DerError>,
) -> Result<(), DerError> {
    let mut list = der::whole(raw, SEQUENCE)?.reader();
    let mut seen: Vec<&[u8]> = Vec::new();
    while !list.is_empty() {
        let mut extension = list.inside(SEQUENCE)?;
        let oid = extension.expect(OID)?.value;
        let critical = extension.flag()?;
        let value = extension.expect(OCTET_STRING)?.value;
        extension.finish()?;
        // RFC 5280 §4.2: no extension twice. The bound keeps the comparison cheap.
        if seen.contains(&oid) || seen.len() >= EXTENSIONS_MAX {
            return Err(DerError::Value);
        }
        seen.push(oid);
        each(oid, critical, value)?;
    }
    Ok(())
}

fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let ca = reader.flag()?;
    let path_length = match reader.optional(INTEGER)? {
        Some(length) => Some(der::unsigned(length.value)?),
        None => None,
    };
    reader.finish()?;
    Ok(BasicConstraints { ca, path_length })
}

/// The first two bytes of a BIT STRING, without its unused bits.
fn bits(value: &[u8]) -> Result<u16, DerError> {
    match der::whole(value, BIT_STRING)?.value {
        [0] => Ok(0),
        [unused @ 0..8, bits @ .., last] => {
            let last = u16::from(last & (0xff << unused));
            Ok(match bits {
                [] => last,
                [first] => u16::from(*first) | last << 8,
                [first, second, ..] => u16::from(*first) | u16::from(*second) << 8,
            })
        }
        _ => Err(DerError::Value),
    }
}

fn oids(value: &[u8]) -> Result<Vec<Box<[u8]>>, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut oids = Vec::new();
    while !reader.is_empty() {
        oids.push(reader.expect(OID)?.value.into());
    }
    Ok(oids)
}

fn alt_names(value: &[u8]) -> Result<AltNames, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut names = AltNames {
        present: true,
        ..AltNames::default()
    };
    while !reader.is_empty() {
        let element = reader.element()?;
        match element.tag {
            RFC822_NAME => names.emails.push(element.value.into()),
            DNS_NAME => names.dns.push(element.value.into()),
            DIRECTORY_NAME => names.directories.push(Name::parse(element.value)?),
            URI => names.uris.push(element.value.into()),
            IP_ADDRESS => names.ips.extend(ip_address(element.value)),
            tag => names.others.push(tag),
        }
    }
    Ok(names)
}

/// `None` for a length that no address has, which matches nothing.
fn ip_address(value: &[u8]) -> Option<IpAddr> {
    if let Ok(four) = <[u8; 4]>::try_from(value) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(value).ok().map(IpAddr::from)
}

/// Reads `AuthorityKeyIdentifier`; CRLs have it too.
pub(crate) fn authority_key_id(value: &[u8]) -> Result<AuthorityKeyId, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut id = AuthorityKeyId::default();
    if let Some(key_id) = reader.optional(der::context_primitive(0))? {
        id.key_id = Some(key_id.value.into());
    }
    if let Some(names) = reader.optional(der::context(1))? {
        let mut names = names.reader();
        while !names.is_empty() {
            let name = names.element()?;
            if name.tag == DIRECTORY_NAME && id.issuer.is_none() {
                id.issuer = Some(Name::parse(name.value)?);
            }
        }
    }
    if let Some(serial) = reader.optional(der::context_primitive(2))? {
        id.serial = Some(serial.value.into());
    }
    reader.finish()?;
    Ok(id)
}

fn ocsp_urls(value: &[u8]) -> Result<Vec<String>, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut urls = Vec::new();
    while !reader.is_empty() {
        let mut access = reader.inside(SEQUENCE)?;
        let method = access.expect(OID)?.value;
        let location = access.element()?;
        if method == oid::AD_OCSP && location.tag == URI {
            urls.push(String::from_utf8_lossy(location.value).into_owned());
        }
    }
    Ok(urls)
}

/// RFC 7633: `status_request` is feature 5, `status_request_v2` is 17.
fn has_status_request(value: &[u8]) -> Result<bool, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut found = false;
    while !reader.is_empty() {
        found |= matches!(reader.integer()?, [5 | 17]);
    }
    Ok(found)
}

fn name_constraints(value: &[u8]) -> Result<NameConstraints, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let permitted = reader.optional(der::context(0))?;
    let excluded = reader.optional(der::context(1))?;
    reader.finish()?;
    Ok(NameConstraints {
        permitted: permitted.map_or(Ok(Vec::new()), |list| subtrees(&list))?,
        excluded: excluded.map_or(Ok(Vec::new()), |list| subtrees(&list))?,
    })
}

fn subtrees(list: &Element<'_>) -> Result<Vec<Subtree>, DerError> {
    let mut reader = list.reader();
    let mut subtrees = Vec::new();
    while !reader.is_empty() {
        let mut subtree = reader.inside(SEQUENCE)?;
        let base = subtree.element()?;
        // RFC 5280 §4.2.1.10: minimum is 0, there is no maximum.
        let bounded = !matches!(subtree.rest(), [] | [0x80, 1, 0]);
        subtrees.push(match base.tag {
            tag if bounded => Subtree::Bounded(tag),
            RFC822_NAME => Subtree::Email(base.value.into()),
            DNS_NAME => Subtree::Dns(base.value.into()),
            DIRECTORY_NAME => Subtree::Directory(Name::parse(base.value)?),
            URI => Subtree::Uri(base.value.into()),
            IP_ADDRESS if matches!(base.value.len(), 8 | 32) => Subtree::Ip(base.value.into()),
            tag => Subtree::Unsupported(tag),
        });
    }
    Ok(subtrees)
}

fn distribution_points(value: &[u8]) -> Result<Vec<Box<[u8]>>, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut names = Vec::new();
    while !reader.is_empty() {
        let mut point = reader.inside(SEQUENCE)?;
        if let Some(name) = point.optional(der::context(0))? {
            names.extend(full_names(&name)?);
        }
    }
    Ok(names)
}

/// The names of a `DistributionPointName`, as encoded.
pub(crate) fn full_names(name: &Element<'_>) -> Result<Vec<Box<[u8]>>, DerError> {
    let mut names = Vec::new();
    if let Some(full) = name.reader().optional(der::context(0))? {
        let mut full = full.reader();
        while !full.is_empty() {
            names.push(full.element()?.raw.into());
        }
    }
    Ok(names)
}

pub(crate) const RFC822_NAME: u8 = der::context_primitive(1);
pub(crate) const DNS_NAME: u8 = der::context_primitive(2);
pub(crate) const DIRECTORY_NAME: u8 = der::context(4);
pub(crate) const URI: u8 = der::context_primitive(6);
pub(crate) const IP_ADDRESS: u8 = der::context_primitive(7);

/// More than any certificate has.
const EXTENSIONS_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_bits_of_a_usage_do_not_count() {
        assert_eq!(bits(b"\x03\x02\x05\xa0"), Ok(0xa0));
        assert_eq!(bits(b"\x03\x02\x05\xbf"), Ok(0xa0));
        assert_eq!(bits(b"\x03\x03\x07\x06\x80"), Ok(0x8006));
        assert_eq!(bits(b"\x03\x01\x00"), Ok(0));
        assert_eq!(bits(b"\x03\x00"), Err(DerError::Value));
        assert_eq!(bits(b"\x03\x02\x09\x80"), Err(DerError::Value));
    }

    #[test]
    fn no_extension_stands_twice() {
        let one = der::wrap(SEQUENCE, &[b"\x06\x01\x2a", b"\x04\x00"]);
        let once = der::wrap(SEQUENCE, &[&one]);
        let twice = der::wrap(SEQUENCE, &[&one, &one]);
        assert!(Extensions::parse(&once).is_ok());
        assert_eq!(Extensions::parse(&twice), Err(DerError::Value));
    }

    #[test]
    fn unknown_extensions_matter_if_they_are_critical() {
        for (critical, flag) in [
            (&b""[..], false),
            (b"\x01\x01\x00", false),
            (b"\x01\x01\xff", true),
        ] {
            let one = der::wrap(SEQUENCE, &[b"\x06\x01\x2a", critical, b"\x04\x00"]);
            let extensions = Extensions::parse(&der::wrap(SEQUENCE, &[&one])).unwrap();
            assert_eq!(extensions.unknown_critical, flag);
        }
    }
}
