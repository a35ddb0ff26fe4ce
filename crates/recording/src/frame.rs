//! A frame: the unit in which a recording is written, read and checked.
//!
//! ```text
//! skippable frame of zstd, 64 bytes          zstd frame
//! ┌──────────┬────┬──────┬────────┬─────┬─────────┬──────────┬───────┐ ┌──────────────────┐
//! │ magic, 56│PWR1│number│start ms│end  │raw bytes│zstd bytes│ chain │ │ whole FBS blocks │
//! └──────────┴────┴──────┴────────┴─────┴─────────┴──────────┴───────┘ └──────────────────┘
//! ```
//!
//! Numbers are big-endian but for zstd's own. `zstd -d` passes the skippable frames over, so that
//! what it writes is plain FBS. Each frame can be decoded without those before it. The chain is
//! SHA-256 over the chain before, the numbers and the compressed bytes: who changes a byte, leaves
//! a frame out or moves one breaks every chain behind it.

use std::io;

use sha2::{Digest as _, Sha256};

/// A link of the chain.
pub type Chain = [u8; 32];

/// The most bytes of FBS in a frame that is read. What is written has less, as a full one and the
/// block that filled it are shorter.
pub const RAW_MAX: usize = 1024 * 1024 + crate::fbs::BLOCK_LEN_MAX + 64;

const _: () = assert!(crate::gathered::FULL_LEN + 2 * crate::fbs::BLOCK_LEN_MAX < RAW_MAX);

/// The most compressed bytes: zstd makes what it cannot shorten a little longer.
const ZSTD_MAX: usize = RAW_MAX + RAW_MAX / 128 + 1024;

/// Bytes before the compressed ones.
pub const HEAD_LEN: usize = 64;

/// How hard compression tries. Screens come compressed already; what a higher level gains on them
/// is little.
const LEVEL: i32 = 1;

/// One of the sixteen magic numbers of skippable frames, and the length of ours.
const SKIPPABLE: [u8; 8] = [0x50, 0x2a, 0x4d, 0x18, 56, 0, 0, 0];

const TAG: [u8; 4] = *b"PWR1";

/// What stands before the compressed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Counted from 0.
    pub number: u32,
    /// Of its first block, in milliseconds of the session.
    pub start_ms: u32,
    /// Of its last block; not before `start_ms`.
    pub end_ms: u32,
    /// Bytes of FBS inside; at most [`RAW_MAX`].
    pub raw_len: u32,
    /// Compressed bytes that follow.
    pub zstd_len: u32,
    /// The chain up to and with this frame.
    pub chain: Chain,
}

impl Head {
    /// Reads one; `None` when it is none that this program writes.
    pub fn parse(bytes: &[u8; HEAD_LEN]) -> Option<Self> {
        let rest = bytes.strip_prefix(&SKIPPABLE)?.strip_prefix(&TAG)?;
        let (numbers, chain) = rest.split_at_checked(20)?;
        let number = |at: usize| {
            let four = numbers.get(at..at + 4)?;
            Some(u32::from_be_bytes(four.try_into().ok()?))
        };
        let head = Self {
            number: number(0)?,
            start_ms: number(4)?,
            end_ms: number(8)?,
            raw_len: number(12)?,
            zstd_len: number(16)?,
            chain: chain.try_into().ok()?,
        };
        let sound = head.start_ms <= head.end_ms
            && (1..=RAW_MAX).contains(&(head.raw_len as usize))
            && (1..=ZSTD_MAX).contains(&(head.zstd_len as usize));
        sound.then_some(head)
    }

    /// The bytes of it.
    pub fn encode(&self) -> [u8; HEAD_LEN] {
        let mut out = [0; HEAD_LEN];
        let parts = [&SKIPPABLE[..], &TAG, &self.numbers(), &self.chain];
        let mut at = 0;
        for part in parts {
            out[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        out
    }

    /// The chain that must stand here behind `before`, with these compressed bytes.
    pub fn link(&self, before: &Chain, zstd: &[u8]) -> Chain {
        let hash = Sha256::new()
            .chain_update(before)
            .chain_update(self.numbers())
            .chain_update(zstd);
        hash.finalize().into()
    }

    /// Bytes in the file, with the compressed ones.
    pub fn file_len(&self) -> u64 {
        HEAD_LEN as u64 + u64::from(self.zstd_len)
    }

    fn numbers(&self) -> [u8; 20] {
        let numbers = [
            self.number,
            self.start_ms,
            self.end_ms,
            self.raw_len,
            self.zstd_len,
        ];
        let mut out = [0; 20];
        for (place, number) in out.chunks_exact_mut(4).zip(numbers) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        out
    }
}

/// Compresses; one serves any number of recordings, one after another.
pub struct Press {
    zstd: zstd::bulk::Compressor<'static>,
    /// As long as the longest frame so far could have been; what is in it says nothing.
    out: Vec<u8>,
}

impl Press {
    /// A new one.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            zstd: zstd::bulk::Compressor::new(LEVEL)?,
            out: Vec::new(),
        })
    }

    /// Makes a frame of `raw`, which holds 1 to [`RAW_MAX`] bytes. Gives its bytes and its chain.
    pub fn frame(
        &mut self,
        number: u32,
        times: (u32, u32),
        raw: &[u8],
        before: &Chain,
    ) -> io::Result<(&[u8], Chain)> {
        debug_assert!((1..=RAW_MAX).contains(&raw.len()));
        let room = HEAD_LEN + zstd::zstd_safe::compress_bound(raw.len());
        if self.out.len() < room {
            self.out.resize(room, 0);
        }
        let len = self
            .zstd
            .compress_to_buffer(raw, &mut self.out[HEAD_LEN..])?;
        let out = &mut self.out[..HEAD_LEN + len];
        let mut head = Head {
            number,
            start_ms: times.0,
            end_ms: times.1,
            raw_len: raw.len() as u32,
            zstd_len: len as u32,
            chain: [0; 32],
        };
        head.chain = head.link(before, &out[HEAD_LEN..]);
        out[..HEAD_LEN].copy_from_slice(&head.encode());
        Ok((out, head.chain))
    }
}

impl std::fmt::Debug for Press {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Press")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written_and_nothing_else_is_one() {
        let head = Head {
            number: 3,
            start_ms: 5000,
            end_ms: 9999,
            raw_len: 77,
            zstd_len: 60,
            chain: [9; 32],
        };
        let bytes = head.encode();
        assert_eq!(bytes[..8], [0x50, 0x2a, 0x4d, 0x18, 56, 0, 0, 0]);
        assert_eq!(Head::parse(&bytes), Some(head));
        for at in 0..12 {
            let mut other = bytes;
            other[at] ^= 1;
            assert_eq!(Head::parse(&other), None, "byte {at}");
        }
        let backwards = Head {
            end_ms: 4999,
            ..head
        };
        assert_eq!(Head::parse(&backwards.encode()), None);
        let huge = Head {
            raw_len: RAW_MAX as u32 + 1,
            ..head
        };
        assert_eq!(Head::parse(&huge.encode()), None);
    }

    #[test]
    fn a_chain_depends_on_everything_before_it() {
        let mut press = Press::new().unwrap();
        let mut link = |number, raw: &[u8], before| {
            let (_, chain) = press.frame(number, (0, 1), raw, before).unwrap();
            chain
        };
        let first = link(0, b"one", &[0; 32]);
        assert_eq!(first, link(0, b"one", &[0; 32]));
        assert_ne!(first, link(1, b"one", &[0; 32]));
        assert_ne!(first, link(0, b"two", &[0; 32]));
        assert_ne!(first, link(0, b"one", &[1; 32]));
    }
}
