//! `$1$` and `$apr1$`: a thousand rounds of MD5, as FreeBSD and Apache define them.

use md5::{Digest as _, Md5};

use super::encode;

/// What begins the kind that crypt(3) writes.
pub const CRYPT: &[u8] = b"$1$";
/// What begins the kind that Apache writes.
pub const APACHE: &[u8] = b"$apr1$";

const SALT_BYTES_MAX: usize = 8;
const ROUNDS: usize = 1000;

/// The stored form of a password, with the kind and the salt of another one.
pub fn crypt(stored: &[u8], password: &[u8]) -> Vec<u8> {
    let magic = if stored.starts_with(APACHE) {
        APACHE
    } else {
        CRYPT
    };
    let rest = stored.strip_prefix(magic).unwrap_or_default();
    let salt = rest.split(|&byte| byte == b'$').next().unwrap_or_default();
    let salt = &salt[..salt.len().min(SALT_BYTES_MAX)];
    let mut digest = first(magic, salt, password);
    for round in 0..ROUNDS {
        let mut md5 = Md5::new();
        let odd = round % 2 == 1;
        md5.update(if odd { password } else { &digest });
        if round % 3 != 0 {
            md5.update(salt);
        }
        if round % 7 != 0 {
            md5.update(password);
        }
        md5.update(if odd { &digest } else { password });
        digest = md5.finalize().into();
    }
    let mut out = [magic, salt, b"$"].concat();
    write(&digest, &mut out);
    out
}

fn first(magic: &[u8], salt: &[u8], password: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into();
    let mut md5 = Md5::new()
        .chain_update(password)
        .chain_update(magic)
        .chain_update(salt);
    for part in password.chunks(inner.len()) {
        md5.update(&inner[..part.len()]);
    }
    // By the bits of the length: a NUL or the first letter. The original meant something else, and
    // all others followed it.
    let mut bits = password.len();
    while bits > 0 {
        md5.update(if bits & 1 == 1 { &[0] } else { &password[..1] });
        bits >>= 1;
    }
    md5.finalize().into()
}

fn write(digest: &[u8; 16], out: &mut Vec<u8>) {
    for [a, b, c] in [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]] {
        encode(
            u32::from_be_bytes([0, digest[a], digest[b], digest[c]]),
            4,
            out,
        );
    }
    encode(digest[11].into(), 2, out);
}
