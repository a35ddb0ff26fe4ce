//! `$5$` and `$6$`: thousands of rounds of SHA-256 and SHA-512, as the GNU C library defines them.

use sha_crypt::{Params, sha256_crypt, sha512_crypt};

use super::encode;

/// What begins the kind with SHA-256.
pub const SHA_256: &[u8] = b"$5$";
/// What begins the kind with SHA-512.
pub const SHA_512: &[u8] = b"$6$";

const SALT_BYTES_MAX: usize = 16;

/// The stored form of a password, with the kind, the rounds and the salt of another one.
pub fn crypt(stored: &[u8], password: &[u8]) -> Vec<u8> {
    let (magic, rest) = stored.split_at(SHA_256.len());
    let (rounds, salt) = rounds(rest);
    let params = rounds
        .and_then(|rounds| Params::new(rounds).ok())
        .unwrap_or_default();
    let salt = salt.split(|&byte| byte == b'$').next().unwrap_or_default();
    let salt = &salt[..salt.len().min(SALT_BYTES_MAX)];
    let mut out = magic.to_vec();
    if let Some(rounds) = rounds {
        out.extend(format!("rounds={rounds}$").bytes());
    }
    out.extend_from_slice(salt);
    out.push(b'$');
    match magic == SHA_256 {
        true => write_256(&sha256_crypt(password, salt, params), &mut out),
        false => write_512(&sha512_crypt(password, salt, params), &mut out),
    }
    out
}

/// `rounds=N$`, brought within the limits, and what follows.
fn rounds(rest: &[u8]) -> (Option<u32>, &[u8]) {
    let parse = || {
        let text = rest.strip_prefix(b"rounds=")?;
        let end = memchr::memchr(b'$', text)?;
        let digits = std::str::from_utf8(&text[..end]).ok()?;
        let rounds: u64 = digits.parse().ok()?;
        let rounds = rounds.clamp(Params::ROUNDS_MIN.into(), Params::ROUNDS_MAX.into());
        Some((Some(rounds as u32), &text[end + 1..]))
    };
    parse().unwrap_or((None, rest))
}

/// Three bytes become four letters; which three, turns by a third of the digest each time.
fn write_256(digest: &[u8; 32], out: &mut Vec<u8>) {
    for [a, b, c] in turns::<10>([0, 10, 20], [2, 0, 1]) {
        encode(
            u32::from_be_bytes([0, digest[a], digest[b], digest[c]]),
            4,
            out,
        );
    }
    encode(u32::from_be_bytes([0, 0, digest[31], digest[30]]), 3, out);
}

fn write_512(digest: &[u8; 64], out: &mut Vec<u8>) {
    for [a, b, c] in turns::<21>([0, 21, 42], [1, 2, 0]) {
        encode(
            u32::from_be_bytes([0, digest[a], digest[b], digest[c]]),
            4,
            out,
        );
    }
    encode(digest[63].into(), 2, out);
}

/// The order in which the formats take the bytes: each triple is the one before plus one, its
/// places exchanged.
fn turns<const N: usize>(first: [usize; 3], order: [usize; 3]) -> [[usize; 3]; N] {
    let mut at = first;
    std::array::from_fn(|index| {
        if index > 0 {
            at = order.map(|place| at[place] + 1);
        }
        at
    })
}
