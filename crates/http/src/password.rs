//! Passwords against their stored forms: what `htpasswd`, `openssl passwd` and crypt(3) write.

use std::hint::black_box;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

mod des;
mod md5;
mod pool;
mod sha;
mod yescrypt;

pub use pool::check;

/// As crypt(3), longer passwords are refused: hashing time grows with the length.
const PASSWORD_BYTES_MAX: usize = 512;

/// Why a password could not be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The stored form is of a kind that we do not know, or damaged.
    #[error("the stored password is of no known kind")]
    UnknownKind,
    /// More passwords wait to be checked than there is room for.
    #[error("too many passwords are being checked")]
    Busy,
}

/// The kinds of stored passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Sha1,
    SaltedSha1,
    Md5,
    Sha256,
    Sha512,
    Bcrypt,
    Yescrypt,
    Des,
}

impl Kind {
    fn of(stored: &[u8]) -> Option<Self> {
        const PREFIXES: [(&[u8], Kind); 12] = [
            (b"{PLAIN}", Kind::Plain),
            (b"{SHA}", Kind::Sha1),
            (b"{SSHA}", Kind::SaltedSha1),
            (md5::APACHE, Kind::Md5),
            (md5::CRYPT, Kind::Md5),
            (sha::SHA_256, Kind::Sha256),
            (sha::SHA_512, Kind::Sha512),
            (b"$2a$", Kind::Bcrypt),
            (b"$2b$", Kind::Bcrypt),
            (b"$2y$", Kind::Bcrypt),
            (b"$2x$", Kind::Bcrypt),
            (yescrypt::YESCRYPT, Kind::Yescrypt),
        ];
        let known = PREFIXES
            .iter()
            .find(|(prefix, _)| stored.starts_with(prefix));
        known
            .map(|&(_, kind)| kind)
            .or_else(|| des::is_stored(stored).then_some(Kind::Des))
    }

    /// Whether it is slow on purpose, so that it must not run on a thread that serves.
    fn is_slow(self) -> bool {
        matches!(
            self,
            Kind::Sha256 | Kind::Sha512 | Kind::Bcrypt | Kind::Yescrypt
        )
    }
}

/// Whether a password is the one that is stored; takes its time for slow kinds.
pub fn verify(stored: &[u8], password: &[u8]) -> Result<bool, Error> {
    let kind = Kind::of(stored).ok_or(Error::UnknownKind)?;
    let is_crypt = !matches!(kind, Kind::Plain | Kind::Sha1 | Kind::SaltedSha1);
    // crypt(3) would take a NUL for the end.
    if is_crypt && (password.len() > PASSWORD_BYTES_MAX || password.contains(&0)) {
        return Ok(false);
    }
    Ok(match kind {
        Kind::Plain => equal(after(stored, b"{PLAIN}"), password),
        Kind::Sha1 => sha1(after(stored, b"{SHA}"), password, Salt::None),
        Kind::SaltedSha1 => sha1(after(stored, b"{SSHA}"), password, Salt::Behind),
        Kind::Md5 => equal(&md5::crypt(stored, password), stored),
        Kind::Sha256 | Kind::Sha512 => equal(&sha::crypt(stored, password), stored),
        Kind::Bcrypt => {
            let stored = std::str::from_utf8(stored).map_err(|_| Error::UnknownKind)?;
            bcrypt::verify(password, stored).map_err(|_| Error::UnknownKind)?
        }
        Kind::Yescrypt => {
            let made = yescrypt::crypt(stored, password).ok_or(Error::UnknownKind)?;
            equal(&made, stored)
        }
        Kind::Des => equal(
            &des::crypt(stored, password).ok_or(Error::UnknownKind)?,
            stored,
        ),
    })
}

fn after<'a>(stored: &'a [u8], prefix: &[u8]) -> &'a [u8] {
    stored.strip_prefix(prefix).unwrap_or(stored)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Salt {
    None,
    /// What follows the digest.
    Behind,
}

/// `{SHA}` and `{SSHA}`: base64 of the digest and the salt.
fn sha1(encoded: &[u8], password: &[u8], salt: Salt) -> bool {
    let Ok(decoded) = BASE64_STANDARD.decode(encoded) else {
        return false;
    };
    let Some((digest, behind)) = decoded.split_at_checked(20) else {
        return false;
    };
    if salt == Salt::None && !behind.is_empty() {
        return false;
    }
    equal(
        &Sha1::new()
            .chain_update(password)
            .chain_update(behind)
            .finalize(),
        digest,
    )
}

/// Compares without telling by its time where the first difference is.
fn equal(a: &[u8], b: &[u8]) -> bool {
    let difference = a
        .iter()
        .zip(b)
        .fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    a.len() == b.len() && difference == 0
}

/// The alphabet of crypt(3).
const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Appends `count` letters for a number, the lowest six bits first.
fn encode(mut number: u32, count: usize, out: &mut Vec<u8>) {
    for _ in 0..count {
        out.push(ALPHABET[(number & 63) as usize]);
        number >>= 6;
    }
}

#[cfg(test)]
mod tests;
