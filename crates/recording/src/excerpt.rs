//! A stream that begins in the middle of a recording and needs nothing of what was before: the
//! picture of the moment first, then what changes. What is shown is told anew, since the machine's
//! own compressed streams cannot be entered in the middle.

use picture::Encoder;

use crate::fbs::{self, Screen};
use crate::replay::{Progress, Replay, ReplayError};

/// Bytes of the recording that are decoded for one piece at most.
const PIECE_BYTES: usize = 512 * 1024;

/// Changes that came within so many milliseconds are told together.
const TOGETHER_MS: u32 = 20;

/// Bytes that a piece has before it is handed out.
const PIECE_FULL: usize = 256 * 1024;

/// A stream from some moment on.
#[derive(Debug)]
pub struct Excerpt {
    replay: Replay,
    from: u32,
    title: Vec<u8>,
    encoder: Encoder,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// On the way to the moment.
    Seeking,
    Telling,
    Over,
}

impl Excerpt {
    /// From `from` on, in milliseconds of the session; `replay` has not passed it yet.
    pub fn new(replay: Replay, from: u32, title: &str) -> Self {
        Self {
            replay,
            from,
            title: title.as_bytes().to_vec(),
            encoder: Encoder::new(),
            state: State::Seeking,
        }
    }

    /// Appends the next piece, which may be nothing while the moment is far; `false` at the end.
    pub fn piece(&mut self, out: &mut Vec<u8>) -> Result<bool, ReplayError> {
        match self.state {
            State::Over => return Ok(false),
            State::Telling => self.tell(out)?,
            State::Seeking => match self.replay.advance(self.from, PIECE_BYTES)? {
                Progress::Short => {}
                Progress::Reached | Progress::End => {
                    self.begin(out);
                    self.state = State::Telling;
                }
            },
        }
        Ok(true)
    }

    /// The beginning of the stream, and the whole picture.
    fn begin(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(fbs::MAGIC);
        let size = self.replay.screen();
        let (width, height) = size.map_or((0, 0), |screen| (screen.width(), screen.height()));
        let screen = Screen {
            width,
            height,
            pixel_format: Encoder::FORMAT.to_bytes(),
            name: std::mem::take(&mut self.title),
        };
        let mut handshake = Vec::new();
        screen.handshake(&mut handshake);
        fbs::push(self.from, &handshake, out);
        self.update(self.from, out);
    }

    fn tell(&mut self, out: &mut Vec<u8>) -> Result<(), ReplayError> {
        let (mut bytes, full) = (0, out.len() + PIECE_FULL);
        while bytes < PIECE_BYTES && out.len() < full {
            // The next change, and what came together with it.
            let first = match self.replay.step(u32::MAX)? {
                Ok(step) => step,
                Err(_) => {
                    fbs::push_end(self.replay.ms().max(self.from), out);
                    self.state = State::Over;
                    return Ok(());
                }
            };
            bytes += first.bytes.max(1);
            let until = first.ms.saturating_add(TOGETHER_MS);
            while bytes < PIECE_BYTES {
                match self.replay.step(until)? {
                    Ok(step) => bytes += step.bytes.max(1),
                    Err(_) => break,
                }
            }
            self.update(self.replay.ms(), out);
        }
        Ok(())
    }

    fn update(&mut self, ms: u32, out: &mut Vec<u8>) {
        let Some(decoder) = self.replay.decoder() else {
            return;
        };
        let mut message = Vec::new();
        self.encoder.update(decoder, &mut message);
        fbs::push(ms, &message, out);
    }
}
