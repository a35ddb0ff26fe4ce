//! Revocation lists (RFC 5280 §5).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

use thiserror::Error;

use crate::certificate::Certificate;
use crate::der::{self, DerError, ENUMERATED, GENERALIZED_TIME, Reader, SEQUENCE, UTC_TIME};
use crate::extensions::{self, AuthorityKeyId};
use crate::name::{self, Name};
use crate::oid;
use crate::signature::{self, Algorithm, PublicKey, SignatureError};
use crate::time::Time;

/// Why bytes are not a revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a valid CRL: {0}")]
pub struct CrlError(#[from] pub DerError);

/// A revocation list.
#[derive(Debug)]
pub struct Crl {
    der: Box<[u8]>,
    /// What is signed, within `der`.
    signed: Range<usize>,
    issuer: Name,
    /// `None` where OpenSSL reports a format error.
    pub(crate) last_update: Option<Time>,
    /// The outer `None` if the list does not say.
    pub(crate) next_update: Option<Option<Time>>,
    /// Sorted by serial number.
    entries: Vec<Entry>,
    pub(crate) authority_key_id: Option<AuthorityKeyId>,
    pub(crate) scope: Scope,
    /// A list of changes to another list.
    pub(crate) is_delta: bool,
    pub(crate) unknown_critical: bool,
    algorithm: Algorithm,
    signature: Box<[u8]>,
    /// The key that was found to have signed the list, so that a handshake need not find it again.
    verified_with: OnceLock<Box<[u8]>>,
}

/// issuingDistributionPoint
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Names of the distribution point, as encoded.
    pub names: Option<Vec<Box<[u8]>>>,
    pub only_users: bool,
    pub only_authorities: bool,
    pub only_attributes: bool,
    /// Some reasons only, or entries of several issuers; OpenSSL needs a flag for those, which
    /// nginx does not set.
    pub is_extended: bool,
}

#[derive(Debug)]
struct Entry {
    /// Digits without leading zeros, within the list's DER.
    serial: Range<u32>,
    /// removeFromCRL: the entry takes back a revocation.
    is_removal: bool,
}

impl Crl {
    /// Reads a list that is all of `der`.
    pub fn parse(der: &[u8]) -> Result<Self, CrlError> {
        let outer = der::whole(der, SEQUENCE)?;
        if der.len() > u32::MAX as usize {
            return Err(DerError::Length.into());
        }
        let header = der.len() - outer.value.len();
        let mut outer = outer.reader();
        let tbs = outer.expect(SEQUENCE)?;
        let algorithm = Algorithm::parse(outer.expect(SEQUENCE)?.raw)?;
        let signature = outer.bit_string_bytes()?;
        outer.finish()?;

        let mut reader = tbs.reader();
        reader.optional(der::INTEGER)?;
        if reader.expect(SEQUENCE)?.raw != algorithm.raw() {
            return Err(DerError::Value.into());
        }
        let mut crl = Self {
            der: der.into(),
            signed: header..header + tbs.raw.len(),
            issuer: name::read(&mut reader)?,
            last_update: Time::read(&reader.element()?),
            next_update: None,
            entries: Vec::new(),
            authority_key_id: None,
            scope: Scope::default(),
            is_delta: false,
            unknown_critical: false,
            algorithm,
            signature: signature.into(),
            verified_with: OnceLock::new(),
        };
        for tag in [UTC_TIME, GENERALIZED_TIME] {
            if let Some(next_update) = reader.optional(tag)? {
                crl.next_update = Some(Time::read(&next_update));
                break;
            }
        }
        if let Some(list) = reader.optional(SEQUENCE)? {
            crl.read_entries(der, list.reader())?;
        }
        if let Some(list) = reader.optional(der::context(0))? {
            extensions::for_each(list.value, |oid, critical, value| {
                crl.add_extension(oid, critical, value)
            })?;
        }
        reader.finish()?;
        Ok(crl)
    }

    /// The list as DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Who made it.
    pub fn issuer(&self) -> &Name {
        &self.issuer
    }

    /// How many certificates it names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the list says that the certificate of its issuer with this number (the content of
    /// the INTEGER) is revoked.
    pub fn revokes(&self, serial: &[u8]) -> bool {
        let wanted = digits(serial);
        let found = self
            .entries
            .binary_search_by(|entry| self.serial_of(entry).cmp(wanted));
        let entry = found.ok().and_then(|index| self.entries.get(index));
        entry.is_some_and(|entry| !entry.is_removal)
    }

    /// Whether `issuer_key` signed the list.
    pub fn verify_signature(&self, issuer_key: &PublicKey) -> Result<(), SignatureError> {
        if self
            .verified_with
            .get()
            .is_some_and(|spki| **spki == *issuer_key.spki())
        {
            return Ok(());
        }
        let signed = self.der.get(self.signed.clone()).unwrap_or_default();
        signature::verify(&self.algorithm, issuer_key, signed, &self.signature)?;
        // Another thread may have been first, with the same key or another; either is fine.
        let _ = self.verified_with.set(issuer_key.spki().into());
        Ok(())
    }

    fn serial_of(&self, entry: &Entry) -> &[u8] {
        let range = entry.serial.start as usize..entry.serial.end as usize;
        self.der.get(range).unwrap_or_default()
    }

    fn read_entries(&mut self, der: &[u8], mut list: Reader<'_>) -> Result<(), DerError> {
        while !list.is_empty() {
            let mut reader = list.inside(SEQUENCE)?;
            let serial = digits(reader.integer()?);
            let start = der.len() - offset_from_end(der, serial)?;
            reader.element()?;
            let mut is_removal = false;
            let mut unknown_critical = false;
            if let Some(list) = reader.optional(SEQUENCE)? {
                extensions::for_each(list.raw, |oid, critical, value| {
                    match oid {
                        oid::CRL_REASON => {
                            is_removal = der::whole(value, ENUMERATED)?.value == [REMOVE_FROM_CRL];
                        }
                        _ => unknown_critical |= critical,
                    }
                    Ok(())
                })?;
            }
            self.unknown_critical |= unknown_critical;
            self.entries.push(Entry {
                serial: start as u32..(start + serial.len()) as u32,
                is_removal,
            });
        }
        let mut entries = std::mem::take(&mut self.entries);
        entries.sort_by(|one, other| self.serial_of(one).cmp(self.serial_of(other)));
        self.entries = entries;
        Ok(())
    }

    fn add_extension(&mut self, oid: &[u8], critical: bool, value: &[u8]) -> Result<(), DerError> {
        match oid {
            oid::AUTHORITY_KEY_ID => {
                self.authority_key_id = Some(extensions::authority_key_id(value)?);
            }
            oid::ISSUING_DISTRIBUTION_POINT => self.scope = scope(value)?,
            oid::DELTA_CRL => self.is_delta = true,
            _ => self.unknown_critical |= critical,
        }
        Ok(())
    }
}

/// Revocation lists, found by issuer.
#[derive(Clone, Debug, Default)]
pub struct CrlStore {
    by_issuer: HashMap<Box<[u8]>, Vec<Arc<Crl>>>,
}

impl CrlStore {
    /// Without any list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a list; there may be several of an issuer.
    pub fn add(&mut self, crl: Arc<Crl>) {
        let key = crl.issuer.canonical().into();
        self.by_issuer.entry(key).or_default().push(crl);
    }

    /// The lists that the certificate's issuer made.
    pub(crate) fn lists_for(&self, certificate: &Certificate) -> &[Arc<Crl>] {
        let lists = self.by_issuer.get(certificate.issuer().canonical());
        lists.map_or(&[], Vec::as_slice)
    }
}

/// A number's content without what does not change its value.
fn digits(serial: &[u8]) -> &[u8] {
    let mut digits = serial;
    while let [0, next, ..] = digits {
        if next & 0x80 != 0 {
            break;
        }
        digits = digits.get(1..).unwrap_or_default();
    }
    digits
}

/// How far from the end of `whole` its part begins.
fn offset_from_end(whole: &[u8], part: &[u8]) -> Result<usize, DerError> {
    let end = whole.as_ptr_range().end as usize;
    let offset = end.checked_sub(part.as_ptr() as usize);
    offset
        .filter(|&offset| offset <= whole.len())
        .ok_or(DerError::Value)
}

fn scope(value: &[u8]) -> Result<Scope, DerError> {
    let mut reader = der::whole(value, SEQUENCE)?.reader();
    let mut scope = Scope::default();
    if let Some(name) = reader.optional(der::context(0))? {
        scope.names = Some(extensions::full_names(&name)?);
    }
    let mut flag = |number: u8| -> Result<bool, DerError> {
        let element = reader.optional(der::context_primitive(number))?;
        Ok(element.is_some_and(|element| element.value != [0]))
    };
    scope.only_users = flag(1)?;
    scope.only_authorities = flag(2)?;
    scope.is_extended = flag(3)? | flag(4)?;
    scope.only_attributes = flag(5)?;
    reader.finish()?;
    Ok(scope)
}

/// The reason that takes back a revocation.
const REMOVE_FROM_CRL: u8 = 8;

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn numbers_compare_without_padding() {
        assert_eq!(digits(b"\x00\x00\x01"), b"\x01");
        assert_eq!(digits(b"\x00\x80"), b"\x00\x80");
        assert_eq!(digits(b"\x00"), b"\x00");
    }
}
