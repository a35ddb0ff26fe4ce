//! What of a server's stream may pass to the viewer.

use super::{Framed, ServerMessage, ServerStream, kind, rect};
use crate::rfb::clipboard::{self, Verdict};
use crate::rfb::encoding;
use crate::rfb::{Rules, ServerInit, Violation};

/// A server's stream on its way to a viewer, from the first byte after `ServerInit` on.
#[derive(Debug, Clone)]
pub struct ServerFilter {
    stream: ServerStream,
    /// What becomes of the message that is passing.
    verdict: Verdict,
    /// A clipboard that is being weighed, with its head.
    weighed: Vec<u8>,
    /// The viewer waits to be told that it may not resize.
    owes_refusal: bool,
}

/// What came of some bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filtered {
    /// How many were used; the others, fewer than [`HEAD_LEN_MAX`](super::HEAD_LEN_MAX), are to
    /// be offered again with what follows.
    pub used: usize,
    /// What may pass.
    pub passed: Passed,
}

/// Where the bytes that may pass are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// So many at the front of what was offered.
    InPlace(usize),
    /// Not where they were, since something was put between them.
    Apart(Vec<u8>),
}

impl ServerFilter {
    /// For the stream that follows a screen's announcement.
    pub fn new(init: &ServerInit) -> Self {
        Self {
            stream: ServerStream::new(init),
            verdict: Verdict::Pass,
            weighed: Vec::new(),
            owes_refusal: false,
        }
    }

    /// What the server's side is known to be.
    pub fn stream(&self) -> &ServerStream {
        &self.stream
    }

    pub(in crate::rfb) fn stream_mut(&mut self) -> &mut ServerStream {
        &mut self.stream
    }

    /// Tells the viewer, as soon as a message ends, that its wish for another size is not granted.
    pub fn refuse_resize(&mut self) {
        self.owes_refusal = true;
    }

    /// The viewer is owed something that can be said now, between two messages.
    pub fn owes(&self) -> bool {
        self.owes_refusal && self.stream.is_at_boundary() && self.stream.has_begun()
    }

    /// Follows `bytes` and moves what may pass to their front; `pass` sees each piece of it. After
    /// a violation the stream must not be used any more.
    pub fn filter(
        &mut self,
        bytes: &mut [u8],
        rules: &Rules,
        mut pass: impl FnMut(Framed, &[u8]),
    ) -> Result<Filtered, Violation> {
        let mut used = 0;
        let mut out = Out {
            bytes,
            passed: 0,
            apart: None,
        };
        loop {
            self.refuse_now(&mut out, &mut pass);
            let Some(framed) = self.stream.next(&out.bytes[used..])? else {
                break;
            };
            if framed.begins {
                self.verdict = judge(framed.message, rules);
            }
            let (start, end) = (used, used + framed.len);
            used = end;
            match self.verdict {
                Verdict::Drop => {}
                Verdict::Pass => {
                    pass(framed, &out.bytes[start..end]);
                    out.keep(start, end);
                }
                Verdict::Weigh => {
                    self.weighed.extend_from_slice(&out.bytes[start..end]);
                    if framed.ends {
                        self.weigh(framed, rules, &mut out, &mut pass);
                    }
                }
            }
        }
        let passed = match out.apart {
            Some(apart) => Passed::Apart(apart),
            None => Passed::InPlace(out.passed),
        };
        Ok(Filtered { used, passed })
    }

    /// Lets a clipboard through that is whole, if it is not too long.
    fn weigh(
        &mut self,
        framed: Framed,
        rules: &Rules,
        out: &mut Out<'_>,
        pass: &mut impl FnMut(Framed, &[u8]),
    ) {
        let weighed = std::mem::take(&mut self.weighed);
        let ServerMessage::Clipboard { flags, .. } = framed.message else {
            return;
        };
        let packed = weighed.get(CLIPBOARD_HEAD_LEN..).unwrap_or_default();
        if clipboard::is_bearable(flags, packed, rules.clipboard_bytes_max) {
            let whole = Framed {
                len: weighed.len(),
                begins: true,
                ..framed
            };
            pass(whole, &weighed);
            out.insert(&weighed);
        }
    }

    /// Says what the viewer waits for, if this is between two messages.
    fn refuse_now(&mut self, out: &mut Out<'_>, pass: &mut impl FnMut(Framed, &[u8])) {
        if !self.owes() {
            return;
        }
        self.owes_refusal = false;
        let refusal = self.stream.resize_refusal();
        let framed = Framed {
            message: ServerMessage::Other(kind::UPDATE),
            len: refusal.len(),
            begins: true,
            ends: true,
        };
        pass(framed, &refusal);
        out.insert(&refusal);
    }
}

impl ServerStream {
    /// An update that answers a viewer's wish for another size: it is not allowed, and the size is
    /// as before.
    fn resize_refusal(&self) -> Vec<u8> {
        let mut out = vec![kind::UPDATE, 0, 0, 1, 0, BY_THIS_VIEWER, 0, PROHIBITED];
        out.extend_from_slice(&self.width.to_be_bytes());
        out.extend_from_slice(&self.height.to_be_bytes());
        out.extend_from_slice(&encoding::EXTENDED_DESKTOP_SIZE.to_be_bytes());
        out.extend_from_slice(&[1, 0, 0, 0]);
        let screen: [u8; rect::SCREEN_LEN] = self.screen;
        out.extend_from_slice(&screen);
        out
    }
}

/// Bytes before the packed clipboard: the head and the flags.
const CLIPBOARD_HEAD_LEN: usize = 12;

/// Why the layout is told: this viewer wished for another.
const BY_THIS_VIEWER: u8 = 1;

/// What came of it.
const PROHIBITED: u8 = 1;

fn judge(message: ServerMessage, rules: &Rules) -> Verdict {
    match message {
        ServerMessage::CutText(len) if !rules.clipboard_out || len > rules.clipboard_bytes_max => {
            Verdict::Drop
        }
        ServerMessage::Clipboard { flags, len } => clipboard::judge(
            flags,
            len,
            rules.clipboard_out,
            rules.takes_clipboard(),
            rules.clipboard_bytes_max,
        ),
        ServerMessage::CutText(_) | ServerMessage::Other(_) => Verdict::Pass,
    }
}

/// What passes, in place for as long as nothing is put in.
struct Out<'a> {
    bytes: &'a mut [u8],
    /// `passed` never overtakes what was read.
    passed: usize,
    apart: Option<Vec<u8>>,
}

impl Out<'_> {
    fn keep(&mut self, start: usize, end: usize) {
        if let Some(apart) = &mut self.apart {
            apart.extend_from_slice(&self.bytes[start..end]);
            return;
        }
        if self.passed != start {
            self.bytes.copy_within(start..end, self.passed);
        }
        self.passed += end - start;
    }

    fn insert(&mut self, inserted: &[u8]) {
        let passed = &self.bytes[..self.passed];
        self.apart
            .get_or_insert_with(|| passed.to_vec())
            .extend_from_slice(inserted);
    }
}
