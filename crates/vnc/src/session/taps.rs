//! The taps of one session.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proto::rfb::Framed;

use super::ending::Failure;
use crate::Refusal;
use crate::sessions::Entry;
use crate::tap::{Piece, Pointer, Taken, Tap, TapSource, TapStart};

/// Who gets what the viewer is shown: first waiting for the screen to begin, then fed.
#[derive(Debug)]
pub(super) struct Taps {
    /// Until the screen begins.
    waiting: Vec<Arc<dyn TapSource>>,
    open: Vec<Box<dyn Tap>>,
    /// A message has begun since: what came of one before is not theirs.
    is_in_step: bool,
    start: Instant,
    /// Something was given since the last flush.
    is_fed: bool,
    /// A tap has said that the session must end.
    must_end: Option<String>,
    /// Why a tap wanted no more.
    stopped: Option<String>,
}

impl Taps {
    pub(super) fn new(sources: Vec<Arc<dyn TapSource>>) -> Self {
        Self {
            waiting: sources,
            open: Vec::new(),
            is_in_step: false,
            start: net::clock::now(),
            is_fed: false,
            must_end: None,
            stopped: None,
        }
    }

    /// Taps wait for the screen to begin.
    pub(super) fn wait(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The screen begins, with this size and format.
    pub(super) fn begin(
        &mut self,
        entry: &Entry,
        name: &[u8],
        (width, height): (u16, u16),
        pixel_format: [u8; 16],
    ) {
        self.start = net::clock::now();
        let start = TapStart {
            id: entry.id(),
            about: entry.about(),
            at: net::clock::wall(),
            width,
            height,
            pixel_format,
            name,
            alarm: &entry.alarm(),
        };
        for source in std::mem::take(&mut self.waiting) {
            match source.open(&start) {
                Ok(tap) => self.open.push(tap),
                Err(Taken::Yes) => {}
                Err(Taken::Stop(why)) => self.stopped = Some(why),
                Err(Taken::EndSession(why)) => self.must_end = Some(why),
            }
        }
    }

    /// Whether what is given is kept.
    pub(super) fn are_recording(&self) -> bool {
        self.waiting.iter().any(|source| source.is_recording())
            || self.open.iter().any(|tap| tap.is_recording())
    }

    /// The shortest time after which a tap wants the whole screen again.
    pub(super) fn refresh_every(&self) -> Option<Duration> {
        self.open.iter().filter_map(|tap| tap.refresh_every()).min()
    }

    /// Gives a piece of what passes to the viewer.
    pub(super) fn give(&mut self, framed: Framed, bytes: &[u8]) {
        self.is_in_step |= framed.begins && !self.open.is_empty();
        if !self.is_in_step {
            return;
        }
        let piece = Piece {
            kind: framed.message.kind(),
            begins: framed.begins,
            ends: framed.ends,
            bytes,
        };
        self.ask(|tap, at| tap.message(at, piece));
        self.is_fed = true;
    }

    /// Gives where the pointer is.
    pub(super) fn give_pointer(&mut self, (x, y, buttons): (u16, u16, u8)) {
        self.ask(|tap, at| tap.pointer(at, Pointer { x, y, buttons }));
        self.is_fed = true;
    }

    /// There is nothing more for the moment.
    pub(super) fn flush(&mut self) {
        match std::mem::take(&mut self.is_fed) {
            true => self.ask(|tap, _| tap.flush()),
            false => self.ask(|tap, _| tap.check()),
        }
    }

    /// Whether the session may go on.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        match self.must_end.take() {
            None => Ok(()),
            Some(why) => Err(Failure::told(Refusal::NotRecorded, why)),
        }
    }

    /// The session is over; gives back why a tap stopped before, if one did.
    pub(super) fn end(self, reason: &str) -> Option<String> {
        let at = self.now();
        self.open.into_iter().for_each(|tap| tap.end(at, reason));
        self.stopped
    }

    fn now(&self) -> Duration {
        net::clock::now().saturating_duration_since(self.start)
    }

    fn ask(&mut self, mut give: impl FnMut(&mut dyn Tap, Duration) -> Taken) {
        if self.open.is_empty() {
            return;
        }
        let at = self.now();
        let (must_end, stopped) = (&mut self.must_end, &mut self.stopped);
        self.open.retain_mut(|tap| match give(tap.as_mut(), at) {
            Taken::Yes => true,
            Taken::Stop(why) => {
                stopped.get_or_insert(why);
                false
            }
            Taken::EndSession(why) => {
                must_end.get_or_insert(why);
                false
            }
        });
    }
}
