//! The extended clipboard (the registry's "Extended Clipboard Pseudo-Encoding"): which of its
//! messages may pass, and whether what they bring is of a size that its receiver can bear.

use flate2::{Decompress, FlushDecompress, Status};

/// Flags: the sender tells what it can do.
pub(super) const CAPS: u32 = 1 << 24;
/// Flags: the sender wants the other's clipboard.
const REQUEST: u32 = 1 << 25;
/// Flags: the sender wants to know what the other's clipboard has.
const PEEK: u32 = 1 << 26;
/// Flags: the sender tells what its clipboard has.
const NOTIFY: u32 = 1 << 27;
/// Flags: the sender's clipboard.
const PROVIDE: u32 = 1 << 28;

/// Flags that name formats, each of which a provided clipboard brings with its length.
const FORMATS: u32 = 0xffff;

/// Bytes of a packed clipboard, whatever the rules allow: it is held until it is whole.
const PACKED_LEN_MAX: u32 = 16 << 20;

/// Bytes of a message that brings no clipboard: flags, and a size for each format.
const SHORT_LEN_MAX: u32 = 4 + 4 * 16;

/// What becomes of an extended clipboard message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Pass,
    Drop,
    /// It passes if what it brings is not too long once it is unpacked.
    Weigh,
}

/// Judges a message by its flags and its length, flags included. `gives`: the sender's clipboard
/// may reach the other side; `takes`: the other's may reach the sender.
pub(super) fn judge(flags: u32, len: u32, gives: bool, takes: bool, bytes_max: u32) -> Verdict {
    if flags & CAPS != 0 {
        // A table of sizes and of what may follow; nothing of a clipboard.
        return pass_if(len <= SHORT_LEN_MAX);
    }
    let asks = flags & (REQUEST | PEEK) != 0;
    let tells = tells(flags);
    if (asks && !takes) || (tells && !gives) || !(asks || tells) {
        return Verdict::Drop;
    }
    if flags & PROVIDE == 0 {
        return pass_if(len <= SHORT_LEN_MAX);
    }
    // What is longer even before it is unpacked; compressing adds less than this to anything.
    if len > PACKED_LEN_MAX.min(bytes_max.saturating_add(bytes_max / 64 + 64)) {
        return Verdict::Drop;
    }
    Verdict::Weigh
}

/// Whether a message says something of its sender's clipboard.
pub(super) fn tells(flags: u32) -> bool {
    flags & CAPS == 0 && flags & (NOTIFY | PROVIDE) != 0
}

fn pass_if(passes: bool) -> Verdict {
    if passes { Verdict::Pass } else { Verdict::Drop }
}

/// Whether a provided clipboard, unpacked, has no format that is longer than `bytes_max`, and all
/// together are no longer than two of that length. Unpacks no more than that, and keeps nothing.
pub(super) fn is_bearable(flags: u32, packed: &[u8], bytes_max: u32) -> bool {
    let mut lengths = Lengths {
        formats_left: (flags & FORMATS).count_ones(),
        bytes_max,
        budget: u64::from(bytes_max) * 2,
        head: [0; 4],
        head_len: 0,
        body_left: 0,
    };
    let mut inflater = Decompress::new(true);
    let mut unpacked = [0; 4096];
    loop {
        let (read, written) = (inflater.total_in(), inflater.total_out());
        let rest = usize::try_from(read)
            .ok()
            .and_then(|read| packed.get(read..));
        let status = inflater.decompress(
            rest.unwrap_or_default(),
            &mut unpacked,
            FlushDecompress::None,
        );
        let fresh = (inflater.total_out() - written) as usize;
        let fits = lengths.handle(unpacked.get(..fresh).unwrap_or_default());
        let stands_still = fresh == 0 && inflater.total_in() == read;
        match status {
            Ok(_) if !fits => return false,
            Ok(Status::StreamEnd) => return lengths.is_whole(),
            Ok(_) if stands_still => return lengths.is_whole(),
            Ok(_) => {}
            Err(_) => return false,
        }
    }
}

/// Walks over the formats of an unpacked clipboard.
struct Lengths {
    formats_left: u32,
    bytes_max: u32,
    /// Bytes that formats may still have: a receiver has to bear all of them, not only each.
    budget: u64,
    head: [u8; 4],
    /// `head_len < 4`
    head_len: u8,
    body_left: u32,
}

impl Lengths {
    /// Whether what came so far is within bounds.
    fn handle(&mut self, mut bytes: &[u8]) -> bool {
        loop {
            let jumped = bytes.len().min(self.body_left as usize);
            bytes = &bytes[jumped..];
            self.body_left -= jumped as u32;
            let Some((first, rest)) = bytes.split_first() else {
                return true;
            };
            // More than the flags said, such as to fill somebody's memory.
            if self.formats_left == 0 {
                return false;
            }
            bytes = rest;
            self.head[usize::from(self.head_len)] = *first;
            self.head_len = (self.head_len + 1) % 4;
            if self.head_len == 0 {
                self.body_left = u32::from_be_bytes(self.head);
                self.formats_left -= 1;
                let Some(budget) = self.budget.checked_sub(self.body_left.into()) else {
                    return false;
                };
                self.budget = budget;
            }
            if self.body_left > self.bytes_max {
                return false;
            }
        }
    }

    fn is_whole(&self) -> bool {
        self.formats_left == 0 && self.head_len == 0 && self.body_left == 0
    }
}
