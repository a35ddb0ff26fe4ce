//! `$y$`: yescrypt, the default of crypt(3) in today's distributions.

use yescrypt::{Params, yescrypt};

use super::{ALPHABET, encode};

/// What begins it.
pub const YESCRYPT: &[u8] = b"$y$";

/// What a check may take of memory; the usual parameters take 16 MiB.
const MEMORY_BYTES_MAX: u64 = 1 << 30;

const SALT_BYTES_MAX: usize = 64;

/// The stored form of a password, with the parameters and the salt of another one; `None` if those
/// cannot be used.
pub fn crypt(stored: &[u8], password: &[u8]) -> Option<Vec<u8>> {
    let mut parts = stored.strip_prefix(YESCRYPT)?.split(|&byte| byte == b'$');
    let (written, encoded_salt) = (parts.next()?, parts.next()?);
    let params: Params = std::str::from_utf8(written).ok()?.parse().ok()?;
    let blocks = params.n().checked_mul(params.r().into())?;
    if blocks.checked_mul(128)? > MEMORY_BYTES_MAX {
        return None;
    }
    let salt = decode(encoded_salt).filter(|salt| salt.len() <= SALT_BYTES_MAX)?;
    let mut digest = [0; 32];
    yescrypt(password, &salt, &params, &mut digest).ok()?;
    let mut out = [YESCRYPT, written, b"$", encoded_salt, b"$"].concat();
    for part in digest.chunks(3) {
        encode(little_endian(part), part.len() + 1, &mut out);
    }
    Some(out)
}

/// Four letters are three bytes, the lowest six bits first.
fn decode(letters: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    for group in letters.chunks(4) {
        let mut number = 0;
        for (index, letter) in group.iter().enumerate() {
            let bits = ALPHABET.iter().position(|other| other == letter)? as u32;
            number |= bits << (6 * index);
        }
        let bytes = group.len().checked_sub(1).filter(|&bytes| bytes > 0)?;
        out.extend_from_slice(&number.to_le_bytes()[..bytes]);
        // Bits that no byte has must not be set.
        if number >> (8 * bytes) != 0 {
            return None;
        }
    }
    Some(out)
}

fn little_endian(bytes: &[u8]) -> u32 {
    bytes
        .iter()
        .rev()
        .fold(0, |number, &byte| number << 8 | u32::from(byte))
}
