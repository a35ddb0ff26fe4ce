//! A viewer's stream made to follow rules: written anew, message by message.
//!
//! What comes out is a sequence of messages that every server reads in one way, whatever it has
//! agreed to. How the viewer's own bytes are to be cut is the viewer's word.

use super::{ClientStream, Following};
use crate::rfb::clipboard::{self, Verdict};
use crate::rfb::encoding::{self, Extensions};
use crate::rfb::message::{Head, Piece, kind};
use crate::rfb::pixels::Pixels;
use crate::rfb::{Rules, Violation};

/// Encodings that a viewer may ask for at once; real ones ask for about thirty.
const ENCODINGS_MAX: u64 = 512;

/// Screens that a viewer may lay out.
const SCREENS_MAX: u64 = 16;

/// What becomes of a body.
#[derive(Debug, Clone, Default)]
pub(super) enum Body {
    #[default]
    Drop,
    Pass,
    /// The encodings that are left in the viewer's list so far.
    Encodings(Vec<i32>),
    /// A clipboard that passes once it is whole, if it is bearable.
    Clipboard(Box<Clipboard>),
    /// A wish for another size, which waits from its end on until it may pass.
    Size(Vec<u8>),
}

/// A clipboard that is being weighed.
#[derive(Debug, Clone)]
pub(super) struct Clipboard {
    head: Head,
    packed: Vec<u8>,
}

impl Body {
    /// The head was sent on, and not all of the body.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Pass)
    }
}

impl ClientStream {
    /// Appends to `out` what may pass of `input`, written anew. After a violation the stream must
    /// not be used any more.
    pub fn enforce(
        &mut self,
        mut input: &[u8],
        rules: &Rules,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        debug_assert!(self.following == Following::Enforced || self.framer.is_at_boundary());
        self.following = Following::Enforced;
        while let Some(piece) = self.framer.next(&mut input)? {
            match piece {
                Piece::Head(head) => self.enforce_head(head, rules, out)?,
                Piece::Body { bytes, last } => self.enforce_body(bytes, last, rules, out),
            }
        }
        Ok(())
    }

    fn enforce_head(
        &mut self,
        mut head: Head,
        rules: &Rules,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.body = Body::Drop;
        if head.kind() == kind::SET_PIXEL_FORMAT && self.framer.confirmed.is_some() {
            let mut format = head.field(4);
            Pixels::spell(&mut format)?;
            head.set_field(4, format);
        }
        let head = &head;
        let verdict = self.judge(head, rules);
        if verdict == Verdict::Drop {
            self.counts.messages += 1;
            if head.kind() == kind::SET_DESKTOP_SIZE {
                self.leave_size_out(head, rules);
            }
            return Ok(());
        }
        self.check(head)?;
        // What is not remembered could not be released at the end.
        if self.held.is_overfull_with(head) {
            self.counts.messages += 1;
            return Ok(());
        }
        self.note(head);
        match head.kind() {
            kind::SET_ENCODINGS if head.body_len == 0 => self.write_encodings(&[], out),
            kind::SET_ENCODINGS => {}
            _ if verdict == Verdict::Weigh => {
                self.body = Body::Clipboard(Box::new(Clipboard {
                    head: *head,
                    packed: Vec::new(),
                }));
            }
            _ => {
                if head.kind() == kind::SET_DESKTOP_SIZE {
                    self.size_wish.clear();
                }
                rewrite(head, self.knows(Extensions::EXTENDED_MOUSE), out);
                if head.body_len > 0 {
                    self.body = Body::Pass;
                }
            }
        }
        Ok(())
    }

    /// A wish for another size may not pass. Whoever reads the server's side knows where an answer
    /// can stand in it; elsewhere the server has to give it, as soon as the wish may pass.
    fn leave_size_out(&mut self, head: &Head, rules: &Rules) {
        self.resize_denied |= rules.both_sides;
        if !rules.both_sides && self.check(head).is_ok() {
            let mut wish = Vec::new();
            rewrite(head, false, &mut wish);
            self.body = Body::Size(wish);
            if head.body_len == 0 {
                self.end_body(rules, &mut Vec::new());
            }
        }
    }

    /// Whether the rules let a message through; otherwise it is left out.
    fn judge(&self, head: &Head, rules: &Rules) -> Verdict {
        if self.acts_unseen(head) {
            return Verdict::Drop;
        }
        let allowed = match head.kind() {
            kind::KEY | kind::POINTER => rules.controls(),
            kind::QEMU if head.field::<1>(1) == [0] => rules.controls(),
            kind::CUT_TEXT => return self.judge_clipboard(head, rules),
            kind::SET_DESKTOP_SIZE => rules.may_resize(),
            kind::XVP => rules.controls() && rules.power,
            // No viewer that we know of sends it, and nothing needs it.
            kind::GII => false,
            _ => true,
        };
        if allowed {
            Verdict::Pass
        } else {
            Verdict::Drop
        }
    }

    /// Whether a message acts on the machine before the viewer has asked for updates. Recordings
    /// begin with that request, so whatever came before it would be done behind their back.
    fn acts_unseen(&self, head: &Head) -> bool {
        let acts = match head.kind() {
            kind::KEY | kind::POINTER | kind::SET_DESKTOP_SIZE | kind::XVP => true,
            kind::QEMU => head.field::<1>(1) == [0],
            // What a side can do is told once, and brings nothing.
            kind::CUT_TEXT => head
                .clipboard_flags()
                .is_none_or(|flags| flags & clipboard::CAPS == 0),
            _ => false,
        };
        acts && self.framer.confirmed.is_some() && !self.wants_updates
    }

    fn judge_clipboard(&self, head: &Head, rules: &Rules) -> Verdict {
        let takes = rules.takes_clipboard();
        let Some(flags) = head.clipboard_flags() else {
            let fits = takes && head.body_len <= rules.clipboard_bytes_max.into();
            return if fits { Verdict::Pass } else { Verdict::Drop };
        };
        // To a server that was not heard to agree, the length would not be one.
        if !self.knows(Extensions::EXTENDED_CLIPBOARD) {
            return Verdict::Drop;
        }
        let len = u32::try_from(head.body_len + 4).unwrap_or(u32::MAX);
        clipboard::judge(
            flags,
            len,
            takes,
            rules.clipboard_out,
            rules.clipboard_bytes_max,
        )
    }

    /// Whether a message that the rules allow is one that a viewer may send at this point.
    fn check(&self, head: &Head) -> Result<(), Violation> {
        let needed = match head.kind() {
            kind::SET_PIXEL_FORMAT => return self.check_pixel_format(head),
            kind::SET_ENCODINGS if head.body_len > ENCODINGS_MAX * 4 => {
                return Err(Violation::TooManyEncodings(head.body_len / 4));
            }
            kind::SET_DESKTOP_SIZE if head.body_len > SCREENS_MAX * 16 => {
                return Err(Violation::TooManyScreens(head.body_len / 16));
            }
            kind::CONTINUOUS_UPDATES => Extensions::CONTINUOUS_UPDATES,
            kind::FENCE => Extensions::FENCE,
            kind::XVP => Extensions::POWER,
            kind::SET_DESKTOP_SIZE => Extensions::DESKTOP_SIZE,
            kind::QEMU if head.field::<1>(1) == [0] => Extensions::QEMU_KEY,
            kind::QEMU => Extensions::QEMU_AUDIO,
            _ => Extensions::default(),
        };
        if self.framer.asked.contains(needed) {
            return Ok(());
        }
        Err(Violation::NotNegotiated(head.kind()))
    }

    /// Whether a message may have the length that goes with an extension: the server has agreed,
    /// or the viewer's bytes were cut by what it agreed to.
    fn knows(&self, extension: Extensions) -> bool {
        self.framer.confirmed.is_some() || self.learned.contains(extension)
    }

    fn check_pixel_format(&self, head: &Head) -> Result<(), Violation> {
        let format: [u8; 16] = head.field(4);
        let is_late = self.framer.confirmed.is_some() && self.is_late(&format);
        match format[0] {
            8 | 16 | 32 if is_late => Err(Violation::LatePixelFormat),
            8 | 16 | 32 => Ok(()),
            bits => Err(Violation::BadPixelFormat(bits)),
        }
    }

    fn enforce_body(&mut self, bytes: &[u8], last: bool, rules: &Rules, out: &mut Vec<u8>) {
        match &mut self.body {
            Body::Drop => {}
            Body::Pass => out.extend_from_slice(bytes),
            Body::Encodings(kept) => {
                let is_heard = self.learns || self.framer.confirmed.is_some();
                // Where the server's side is read, the length of Tight's pixels must be certain.
                let is_certain = !rules.both_sides || Pixels::are_spelled(&self.pixel_format);
                let keep = |wish, _| {
                    let may_pass = |wish: &i32| is_certain || !encoding::TIGHTS.contains(wish);
                    kept.extend(encoding::negotiate(wish, rules, is_heard).filter(may_pass));
                };
                self.encodings.handle(bytes, keep);
            }
            Body::Clipboard(clipboard) => clipboard.packed.extend_from_slice(bytes),
            Body::Size(wish) => wish.extend_from_slice(bytes),
        }
        if last {
            self.end_body(rules, out);
        }
    }

    fn end_body(&mut self, rules: &Rules, out: &mut Vec<u8>) {
        match std::mem::take(&mut self.body) {
            Body::Encodings(kept) => self.write_encodings(&kept, out),
            Body::Clipboard(clipboard) => clipboard.write(rules, out),
            Body::Size(wish) => self.size_wish = wish,
            Body::Drop | Body::Pass => {}
        }
    }

    /// Asks for encodings. What changes the length of messages is asked for again by whoever has
    /// asked for it once: a server may forget what it agreed to, and would then read messages that
    /// are under way in another way than they were written.
    fn write_encodings(&mut self, kept: &[i32], out: &mut Vec<u8>) {
        let asked = &mut self.framer.asked;
        kept.iter()
            .for_each(|kept| asked.insert(Extensions::of(*kept)));
        let sticky = [encoding::EXTENDED_MOUSE, encoding::EXTENDED_CLIPBOARD];
        let is_missing =
            |sticky: &i32| asked.contains(Extensions::of(*sticky)) && !kept.contains(sticky);
        let missing = sticky.into_iter().filter(is_missing);
        let all: Vec<i32> = kept.iter().copied().chain(missing).collect();
        out.extend_from_slice(&[kind::SET_ENCODINGS, 0]);
        out.extend_from_slice(&(all.len() as u16).to_be_bytes());
        all.iter()
            .for_each(|encoding| out.extend_from_slice(&encoding.to_be_bytes()));
    }
}

impl Clipboard {
    fn write(self, rules: &Rules, out: &mut Vec<u8>) {
        let flags = self.head.clipboard_flags().unwrap_or_default();
        // The rules may have changed while it came.
        let may_pass = rules.takes_clipboard();
        if may_pass && clipboard::is_bearable(flags, &self.packed, rules.clipboard_bytes_max) {
            rewrite(&self.head, true, out);
            out.extend_from_slice(&self.packed);
        }
    }
}

/// Writes a head anew, so that no padding or flag passes that nobody looked at. Without knowing
/// what the server agreed to, a pointer event has its six bytes.
fn rewrite(head: &Head, knows_agreement: bool, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(head.bytes());
    let written = &mut out[start..];
    let padding: &[usize] = match head.kind() {
        kind::SET_PIXEL_FORMAT => &[1, 2, 3, 17, 18, 19],
        kind::KEY => &[2, 3],
        kind::CUT_TEXT | kind::FENCE => &[1, 2, 3],
        kind::XVP => &[1],
        kind::SET_DESKTOP_SIZE => &[1, 7],
        _ => &[],
    };
    padding.iter().for_each(|at| written[*at] = 0);
    match (head.kind(), written.len()) {
        // Flags.
        (kind::KEY | kind::UPDATE_REQUEST | kind::CONTINUOUS_UPDATES, _) => {
            written[1] = u8::from(written[1] != 0);
        }
        (kind::POINTER, 7) if knows_agreement => {}
        // Without extended mouse buttons, a top bit could only confuse a server.
        (kind::POINTER, _) => {
            written[1] &= 0x7f;
            out.truncate(start + POINTER_LEN);
        }
        _ => {}
    }
}

/// A pointer event without extended buttons.
const POINTER_LEN: usize = 6;
