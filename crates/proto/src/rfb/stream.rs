//! What a viewer sends after the handshake: observed, or made to follow rules.

use super::encoding::{self, EncodingReader, Extensions};
use super::input::Held;
use super::message::{Framer, Head, Piece, kind};

/// Encodings that a viewer may ask for at once; real ones ask for about thirty.
const ENCODINGS_MAX: u64 = 512;

/// Screens that a viewer may lay out.
const SCREENS_MAX: u64 = 16;

/// What a viewer may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// No keys, pointer, clipboard, resizing or power.
    pub view_only: bool,
    /// The viewer's clipboard may reach the machine.
    pub clipboard_in: bool,
    /// Longer cut texts are left out.
    pub clipboard_bytes_max: u32,
    /// The viewer may change the screen's size.
    pub resize: bool,
    /// The viewer may shut down and reset the machine.
    pub power: bool,
    /// The best JPEG quality that the viewer may ask for, 0 to 9.
    pub quality_max: u8,
    /// The server may tell its desktop's name, and new ones later.
    pub desktop_name: bool,
}

impl Rules {
    /// Everything that can be followed is allowed.
    pub const CONTROL: Self = Self {
        view_only: false,
        clipboard_in: true,
        clipboard_bytes_max: 1 << 20,
        resize: true,
        power: true,
        quality_max: 9,
        desktop_name: true,
    };

    /// Watching only.
    pub const VIEW_ONLY: Self = Self {
        view_only: true,
        clipboard_in: false,
        resize: false,
        power: false,
        ..Self::CONTROL
    };
}

/// Why a viewer's bytes cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A message type whose length is not known.
    #[error("unknown message type {0}")]
    UnknownType(u8),
    /// A QEMU submessage whose length is not known.
    #[error("unknown QEMU message type {0}")]
    UnknownQemuType(u8),
    /// An extended clipboard message that was not negotiated.
    #[error("negative cut text length")]
    NegativeCutText,
    /// A fence over its 64 bytes.
    #[error("fence of {0} bytes")]
    LongFence(u8),
    /// More encodings than any viewer has.
    #[error("{0} encodings")]
    TooManyEncodings(u64),
    /// More screens than any viewer has.
    #[error("{0} screens")]
    TooManyScreens(u64),
    /// A pixel size that does not exist.
    #[error("{0} bits per pixel")]
    BadPixelFormat(u8),
    /// A message of an extension that was not asked for.
    #[error("message type {0} was not negotiated")]
    NotNegotiated(u8),
}

/// What a viewer has sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Messages of all types.
    pub messages: u64,
    /// Key events, pressed and released.
    pub keys: u64,
    /// Pointer events.
    pub pointers: u64,
}

impl Counts {
    /// Keys and pointer together: what shows that a person is there.
    pub fn inputs(&self) -> u64 {
        self.keys + self.pointers
    }
}

/// A viewer's stream, from the first byte after `ClientInit` on. Use either
/// [`observe`](Self::observe) or [`enforce`](Self::enforce) for all of it.
#[derive(Debug, Clone, Default)]
pub struct ClientStream {
    framer: Framer,
    counts: Counts,
    held: Held,
    /// The stream could not be followed, so observation has ended.
    lost: bool,
    /// What becomes of the body that is arriving.
    body: Body,
    encodings: EncodingReader,
}

#[derive(Debug, Clone, Default)]
enum Body {
    #[default]
    Drop,
    Pass,
    /// The encodings that are left in the viewer's list so far.
    Encodings(Vec<i32>),
}

impl ClientStream {
    /// What was seen so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Observation has ended, because an unknown message came.
    pub fn is_lost(&self) -> bool {
        self.lost
    }

    /// Messages of ours may be put in here: the stream is followed and between two messages.
    pub fn is_at_boundary(&self) -> bool {
        !self.lost && self.framer.is_at_boundary()
    }

    /// Appends messages that release every key and button that is down, where that is possible.
    pub fn release_held(&mut self, out: &mut Vec<u8>) {
        if self.is_at_boundary() {
            self.held.release(out);
        }
    }

    /// Notes what passes by, unchanged. Something unknown merely ends the observation.
    pub fn observe(&mut self, input: &[u8]) {
        self.observe_names(input, |_| {});
    }

    /// As [`observe`](Self::observe), but takes the wish for the desktop's name out.
    pub fn observe_without_name(&mut self, input: &mut [u8]) {
        // The last byte of a number is always still here, wherever the viewer's bytes are split.
        let mut wishes = Vec::new();
        self.observe_names(input, |at| wishes.push(at));
        wishes
            .into_iter()
            .for_each(|at| input[at] = encoding::NO_DESKTOP_NAME_BYTE);
    }

    /// `name_wished` gets the places where a wish for the desktop's name ends.
    fn observe_names(&mut self, input: &[u8], mut name_wished: impl FnMut(usize)) {
        let mut rest = input;
        while !self.lost {
            let at = input.len() - rest.len();
            match self.framer.next(&mut rest) {
                Ok(None) => return,
                Ok(Some(Piece::Head(head))) => self.note(&head),
                Ok(Some(Piece::Body { bytes, last })) => {
                    self.observe_body(bytes, last, |within| name_wished(at + within));
                }
                Err(_) => self.lost = true,
            }
        }
    }

    /// Appends to `out` what may pass of `input`, written anew. After a violation the stream must
    /// not be used any more.
    pub fn enforce(
        &mut self,
        mut input: &[u8],
        rules: &Rules,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        while let Some(piece) = self.framer.next(&mut input)? {
            match piece {
                Piece::Head(head) => self.enforce_head(&head, rules, out)?,
                Piece::Body { bytes, last } => self.enforce_body(bytes, last, rules, out),
            }
        }
        Ok(())
    }

    fn note(&mut self, head: &Head) {
        self.counts.messages += 1;
        if self.held.note(head) {
            match head.kind() {
                kind::POINTER => self.counts.pointers += 1,
                _ => self.counts.keys += 1,
            }
        }
        if head.kind() == kind::SET_ENCODINGS {
            self.body = Body::Encodings(Vec::new());
        }
    }

    fn observe_body(&mut self, bytes: &[u8], last: bool, mut name_wished: impl FnMut(usize)) {
        if let Body::Encodings(_) = self.body {
            let asked = &mut self.framer.asked;
            self.encodings.handle(bytes, |wish, at| {
                asked.insert(Extensions::of(wish));
                if wish == encoding::DESKTOP_NAME {
                    name_wished(at);
                }
            });
        }
        if last {
            self.body = Body::Drop;
        }
    }

    fn enforce_head(
        &mut self,
        head: &Head,
        rules: &Rules,
        out: &mut Vec<u8>,
    ) -> Result<(), Violation> {
        self.body = Body::Drop;
        if !is_allowed(head, rules) {
            self.counts.messages += 1;
            return Ok(());
        }
        self.check(head)?;
        self.note(head);
        if head.kind() == kind::SET_ENCODINGS {
            if head.body_len == 0 {
                write_encodings(&[], out);
            }
            return Ok(());
        }
        rewrite(head, out);
        if head.body_len > 0 {
            self.body = Body::Pass;
        }
        Ok(())
    }

    /// Whether a message that the rules allow is one that a viewer may send at this point.
    fn check(&self, head: &Head) -> Result<(), Violation> {
        let needed = match head.kind() {
            kind::SET_PIXEL_FORMAT => {
                let [bits] = head.field(4);
                let known = matches!(bits, 8 | 16 | 32);
                return if known {
                    Ok(())
                } else {
                    Err(Violation::BadPixelFormat(bits))
                };
            }
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

    fn enforce_body(&mut self, bytes: &[u8], last: bool, rules: &Rules, out: &mut Vec<u8>) {
        match &mut self.body {
            Body::Drop => {}
            Body::Pass => out.extend_from_slice(bytes),
            Body::Encodings(kept) => {
                let keep = |wish, _| kept.extend(encoding::negotiate(wish, rules));
                self.encodings.handle(bytes, keep);
                if last {
                    kept.iter()
                        .for_each(|kept| self.framer.asked.insert(Extensions::of(*kept)));
                    write_encodings(kept, out);
                }
            }
        }
        if last {
            self.body = Body::Drop;
        }
    }
}

/// Whether the rules let a message through; otherwise it is left out.
fn is_allowed(head: &Head, rules: &Rules) -> bool {
    let controls = !rules.view_only;
    match head.kind() {
        kind::KEY | kind::POINTER => controls,
        kind::QEMU if head.field::<1>(1) == [0] => controls,
        kind::CUT_TEXT => {
            controls && rules.clipboard_in && head.body_len <= rules.clipboard_bytes_max.into()
        }
        kind::SET_DESKTOP_SIZE => controls && rules.resize,
        kind::XVP => controls && rules.power,
        // No viewer that we know of sends it, and nothing needs it.
        kind::GII => false,
        _ => true,
    }
}

/// Writes a head anew, so that no padding or flag passes that nobody looked at.
fn rewrite(head: &Head, out: &mut Vec<u8>) {
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
    match head.kind() {
        // Flags.
        kind::KEY | kind::UPDATE_REQUEST | kind::CONTINUOUS_UPDATES => {
            written[1] = u8::from(written[1] != 0);
        }
        // Without extended mouse buttons, a top bit could only confuse a server.
        kind::POINTER => written[1] &= 0x7f,
        _ => {}
    }
}

fn write_encodings(encodings: &[i32], out: &mut Vec<u8>) {
    out.extend_from_slice(&[kind::SET_ENCODINGS, 0]);
    out.extend_from_slice(&(encodings.len() as u16).to_be_bytes());
    encodings
        .iter()
        .for_each(|encoding| out.extend_from_slice(&encoding.to_be_bytes()));
}
