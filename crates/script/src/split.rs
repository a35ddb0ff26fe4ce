//! `split_clients`: a value chosen by the hash of another (`ngx_http_split_clients_module`).

use bytes::Bytes;
use conf::{Diagnostic, Item};

use crate::template::Template;
use crate::variables::{Context, Names, Rule};

/// A compiled `split_clients`.
pub struct SplitClients {
    source: Template,
    parts: Vec<Part>,
}

/// A share of the hashes.
struct Part {
    /// The hashes below this one that no part before took; `None` for all that are left.
    below: Option<u32>,
    value: Bytes,
}

/// All, in hundredths of a percent.
const WHOLE: u64 = 10_000;

impl SplitClients {
    /// Compiles `split_clients string $name { … }`.
    pub fn compile<C: ?Sized>(
        item: &Item,
        names: &mut Names<C>,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Result<Self, Diagnostic> {
        let source = &item.arg(0)?.text;
        let source = Template::compile(source, names).map_err(|message| item.error(message))?;
        let mut shares = Vec::new();
        for entry in item.entries() {
            match share(entry) {
                Ok(share) => shares.push(share),
                Err(error) => diagnostics.push(error),
            }
        }
        let parts = parts(item, shares)?;
        Ok(Self { source, parts })
    }
}

impl<C: Context + ?Sized> Rule<C> for SplitClients {
    fn value(&self, cx: &C) -> Bytes {
        let hash = murmur_hash2(&self.source.value(cx));
        let takes = |part: &&Part| part.below.is_none_or(|below| hash < below);
        let part = self.parts.iter().find(takes);
        part.map(|part| part.value.clone()).unwrap_or_default()
    }
}

/// A share in hundredths of a percent, `None` for the rest, and its value.
fn share(entry: &Item) -> Result<(Option<u64>, Bytes), Diagnostic> {
    let value = Bytes::copy_from_slice(&entry.arg(0)?.text);
    if entry.name.text == b"*" {
        return Ok((None, value));
    }
    let share = entry.name.text.strip_suffix(b"%");
    let share = share.and_then(hundredths).filter(|&share| share > 0);
    match share {
        Some(share) => Ok((Some(share), value)),
        None => Err(entry.error(format!(
            "invalid percent value \"{}\"",
            entry.name.display()
        ))),
    }
}

/// `12`, `0.5`, `.25`: a number with at most two digits behind the point (`ngx_atofp`).
fn hundredths(text: &[u8]) -> Option<u64> {
    let (whole, part) = match text.iter().position(|&byte| byte == b'.') {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &b""[..]),
    };
    if text.is_empty() || part.len() > 2 {
        return None;
    }
    let mut digits = [whole, part].concat();
    digits.resize(whole.len() + 2, b'0');
    conf::value::number(&digits)
}

/// Shares side by side on the scale of hashes.
fn parts(item: &Item, shares: Vec<(Option<u64>, Bytes)>) -> Result<Vec<Part>, Diagnostic> {
    let mut sum = 0;
    let mut last = 0_u32;
    let mut parts = Vec::new();
    for (share, value) in shares {
        // As nginx: the rest makes the sum whole, so that nothing may follow it.
        sum = share.map_or(WHOLE, |share| sum + share);
        if sum > WHOLE {
            return Err(item.error("percent total is greater than 100%"));
        }
        let below = share.filter(|_| sum < WHOLE).map(|share| {
            let width = share * u64::from(u32::MAX) / WHOLE;
            last = last.wrapping_add(width as u32);
            last
        });
        parts.push(Part { below, value });
    }
    Ok(parts)
}

/// The hash that decides, as nginx computes it (MurmurHash2, seed 0).
pub fn murmur_hash2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let word = word
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u32::from(byte));
        let mixed = word.wrapping_mul(M);
        let mixed = (mixed ^ mixed >> 24).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ mixed;
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash ^= rest
            .iter()
            .rev()
            .fold(0, |word, &byte| word << 8 | u32::from(byte));
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ hash >> 13).wrapping_mul(M);
    hash ^ hash >> 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_murmur_hash_2() {
        for (text, hash) in [("", 0), ("a", 0x9268_5f5e), ("abcd", 0x2687_3021)] {
            assert_eq!(murmur_hash2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn percentages_have_two_digits_behind_the_point() {
        let pairs = [
            ("1", 100),
            ("0.5", 50),
            ("99.99", 9999),
            (".25", 25),
            ("3.", 300),
        ];
        for (text, wanted) in pairs {
            assert_eq!(hundredths(text.as_bytes()), Some(wanted), "{text}");
        }
        for wrong in ["", "1.234", "a", "1.2.3", "-1"] {
            assert_eq!(hundredths(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
