//! What a viewer sends after the handshake: observed, or made to follow rules.

mod enforce;
mod learn;

use super::encoding::{self, EncodingReader, Extensions};
use super::input::Held;
use super::message::{Framer, Head, Piece, kind};
use super::{Rules, ServerFilter, ServerInit, ServerStream, Violation};
use enforce::Body;
pub use learn::Confirmations;

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

/// A viewer's stream, from the first byte after `ClientInit` on. [`observe`](Self::observe) it,
/// or [`enforce`](Self::enforce) rules; from the first to the second one may change between two
/// messages, see [`may_enforce`](Self::may_enforce).
#[derive(Debug, Clone, Default)]
pub struct ClientStream {
    framer: Framer,
    counts: Counts,
    held: Held,
    following: Following,
    /// The server is heard, though not followed, so that what it confirms can be learned.
    learns: bool,
    /// What changes lengths and was confirmed by a server that was heard.
    learned: Extensions,
    /// What changes lengths and is in the list of encodings that is being observed.
    listed: Extensions,
    /// A message was observed that has another length for a server that did not agree to it.
    is_ambiguous: bool,
    /// What becomes of the body that is arriving.
    body: Body,
    encodings: EncodingReader,
    /// The `PIXEL_FORMAT` in force.
    pixel_format: [u8; 16],
    /// The viewer has asked for updates.
    wants_updates: bool,
    /// The viewer has asked for encodings, to which servers may answer with a cursor.
    has_asked: bool,
    /// A wish for another size was left out, and its viewer waits for an answer.
    resize_denied: bool,
    /// The latest wish for another size that was left out where nobody but the server can answer.
    size_wish: Vec<u8>,
}

/// How the stream is followed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Following {
    #[default]
    Observed,
    /// It could not be followed, so observation has ended.
    Lost,
    Enforced,
}

impl ClientStream {
    /// The stream of a viewer that was shown this screen, when the server's side is read too.
    pub fn beside_server(init: &ServerInit) -> Self {
        let mut stream = Self {
            pixel_format: init.pixel_format,
            ..Self::default()
        };
        stream.framer.confirmed = Some(Extensions::default());
        stream
    }

    /// Tells each side what the other has shown. To be called after either was followed further.
    pub fn agree(&mut self, server: &mut ServerFilter) -> Result<(), Violation> {
        if std::mem::take(&mut self.resize_denied) {
            server.refuse_resize();
        }
        self.framer.confirmed = Some(server.stream().confirmed());
        self.tell(server.stream_mut())
    }

    /// Tells the server's side what to expect.
    fn tell(&self, server: &mut ServerStream) -> Result<(), Violation> {
        server.note_asked(self.framer.asked);
        if server.has_begun() {
            return Ok(());
        }
        if self.wants_updates {
            return server.begin_updates(&self.pixel_format);
        }
        // Servers answer a choice of encodings, after which the format does not change any more.
        server.expect_early(&self.pixel_format);
        Ok(())
    }

    /// Takes over what another stream knows to be agreed.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn agree_as(&mut self, other: &Self) {
        self.framer.confirmed = Some(other.framer.confirmed.unwrap_or(other.learned));
    }

    /// What was seen so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Where the pointer is, and the buttons that are down: x, y and the buttons' mask.
    pub fn pointer(&self) -> (u16, u16, u8) {
        self.held.pointer()
    }

    /// The `PIXEL_FORMAT` in force, once the viewer has asked for updates.
    pub fn format_of_updates(&self) -> Option<[u8; 16]> {
        self.wants_updates.then_some(self.pixel_format)
    }

    /// Observation has ended, because an unknown message came.
    pub fn is_lost(&self) -> bool {
        self.following == Following::Lost
    }

    /// Rules can be enforced from the next message on: what was observed so far meant the same to
    /// the server, whatever it agreed to.
    pub fn may_enforce(&self) -> bool {
        !self.is_lost() && !self.is_ambiguous
    }

    /// Messages of ours may be put in here: what was sent on ends with a whole message.
    pub fn is_at_boundary(&self) -> bool {
        match self.following {
            Following::Lost => false,
            Following::Observed => self.framer.is_at_boundary(),
            // A head that has not wholly arrived was not sent on yet.
            Following::Enforced => !self.body.is_passing(),
        }
    }

    /// Appends messages that release every key and button that is down, where that is possible.
    pub fn release_held(&mut self, out: &mut Vec<u8>) {
        if self.is_at_boundary() {
            self.held.release(out);
        }
    }

    /// Appends the wish for another size that was left out last, once the rules allow it: the
    /// server answers it then. Viewers ask for no other size until they have an answer.
    pub fn grant_size(&mut self, rules: &Rules, out: &mut Vec<u8>) {
        if !self.size_wish.is_empty() && rules.may_resize() && self.is_at_boundary() {
            self.counts.messages += 1;
            out.append(&mut self.size_wish);
        }
    }

    /// Notes what passes by, unchanged. Something unknown merely ends the observation.
    pub fn observe(&mut self, input: &[u8]) {
        let mut rest = input;
        while self.observe_piece(&mut rest, |_| {}) {}
    }

    /// As [`observe`](Self::observe), but takes the wish for the desktop's name out.
    pub fn observe_without_name(&mut self, input: &mut [u8]) {
        // The last byte of a number is always still here, wherever the viewer's bytes are split.
        let mut wishes = Vec::new();
        let mut rest = &*input;
        let mut at = 0;
        while self.observe_piece(&mut rest, |within| wishes.push(at + within)) {
            at = input.len() - rest.len();
        }
        wishes
            .into_iter()
            .for_each(|at| input[at] = encoding::NO_DESKTOP_NAME_BYTE);
    }

    /// How many bytes at the front of `input` belong to the message that is under way; they are
    /// not followed by that.
    pub fn rest_of_message(&self, input: &[u8]) -> usize {
        let mut ahead = self.clone();
        let mut rest = input;
        while !ahead.is_at_boundary() && ahead.observe_piece(&mut rest, |_| {}) {}
        input.len() - rest.len()
    }

    /// Observes one piece at the front of `rest`; `false` when there is none. `name_wished` gets
    /// the places in it where a wish for the desktop's name ends.
    fn observe_piece(&mut self, rest: &mut &[u8], name_wished: impl FnMut(usize)) -> bool {
        if self.is_lost() {
            return false;
        }
        match self.framer.next(rest) {
            Ok(None) => false,
            Ok(Some(Piece::Head(head))) => {
                self.is_ambiguous |= !self.learned.contains(head.length_depends_on());
                self.note(&head);
                if head.kind() == kind::SET_ENCODINGS {
                    self.begin_list(&head);
                }
                true
            }
            Ok(Some(Piece::Body { bytes, last })) => {
                self.observe_body(bytes, last, name_wished);
                true
            }
            Err(_) => {
                self.following = Following::Lost;
                false
            }
        }
    }

    fn note(&mut self, head: &Head) {
        self.counts.messages += 1;
        if self.held.note(head) {
            match head.kind() {
                kind::POINTER => self.counts.pointers += 1,
                _ => self.counts.keys += 1,
            }
        }
        match head.kind() {
            kind::SET_PIXEL_FORMAT => self.note_pixel_format(head.field(4)),
            kind::UPDATE_REQUEST | kind::CONTINUOUS_UPDATES => self.wants_updates = true,
            kind::SET_ENCODINGS => {
                self.has_asked = true;
                self.body = Body::Encodings(Vec::new());
            }
            _ => {}
        }
    }

    fn observe_body(&mut self, bytes: &[u8], last: bool, mut name_wished: impl FnMut(usize)) {
        if let Body::Encodings(_) = self.body {
            let (asked, listed) = (&mut self.framer.asked, &mut self.listed);
            self.encodings.handle(bytes, |wish, at| {
                asked.insert(Extensions::of(wish));
                listed.insert(Extensions::of(wish));
                if wish == encoding::DESKTOP_NAME {
                    name_wished(at);
                }
            });
        }
        if last && let Body::Encodings(_) = std::mem::take(&mut self.body) {
            self.end_list();
        }
    }

    fn note_pixel_format(&mut self, format: [u8; 16]) {
        if self.is_late(&format) {
            self.stop_learning();
        }
        self.pixel_format = format;
    }

    /// Nobody could say from which update on another format counts, nor whether the cursor that
    /// servers answer a choice of encodings with has it already.
    fn is_late(&self, format: &[u8; 16]) -> bool {
        (self.has_asked || self.wants_updates) && format[..13] != self.pixel_format[..13]
    }
}
