//! A recording as pictures: decoded from the front, or from a seek point, to any moment.

use picture::{Decoder, Framebuffer, PixelFormat, ResumeError, StateError};

use crate::fbs::{self, BadFbs};
use crate::reader::{Place, ReadError, Reader};

/// Why a recording cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The file cannot be read.
    #[error("{0}")]
    Read(#[from] ReadError),
    /// A frame holds something else than FBS.
    #[error("{0}")]
    Fbs(#[from] BadFbs),
    /// It does not begin with a handshake.
    #[error("the handshake at its beginning is not one")]
    Handshake,
    /// What the server sent makes no picture.
    #[error("{0}")]
    Picture(#[from] picture::Error),
    /// A seek point is not one.
    #[error("{0}")]
    Resume(#[from] ResumeError),
}

/// How far a replay has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Everything up to the moment is shown.
    Reached,
    /// There is more to decode before the moment.
    Short,
    /// The recording ends before the moment; its last picture is shown.
    End,
}

/// One block that was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it came.
    pub ms: u32,
    /// How much it was.
    pub bytes: usize,
}

/// A place between two blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The frame.
    pub place: Place,
    /// Bytes of its blocks that are before.
    pub done: usize,
    /// When the last block before came.
    pub ms: u32,
}

/// Decodes a recording.
#[derive(Debug)]
pub struct Replay {
    reader: Reader,
    /// The blocks of the frame that is being decoded, and how much of them is.
    raw: Vec<u8>,
    done: usize,
    /// Bytes of the block behind those that are decoded already.
    part: usize,
    place: Option<Place>,
    decoder: Option<Decoder>,
    /// Of the last block that was decoded.
    ms: u32,
}

/// Bytes of a block that are decoded at once where time counts; few bytes may paint much.
const PART_LEN: usize = 4 << 10;

/// Bytes of the handshake before the screen: version and security type.
const BEFORE_INIT: usize = 16;

impl Replay {
    /// Begins at the front.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            raw: Vec::new(),
            done: 0,
            part: 0,
            place: None,
            decoder: None,
            ms: 0,
        }
    }

    /// Begins at a mark, with what [`state`](Self::state) gave there.
    pub fn resume(mut reader: Reader, mark: &Mark, state: &[u8]) -> Result<Self, ReplayError> {
        reader.go_to(&mark.place);
        let mut replay = Self::new(reader);
        replay.decoder = Some(Decoder::resume(state, picture::Limits::default())?);
        replay.ms = mark.ms;
        if !replay.load()? || mark.done > replay.raw.len() {
            return Err(BadFbs::Short.into());
        }
        replay.done = mark.done;
        Ok(replay)
    }

    /// Decodes the next block, if it came no later than `until`.
    pub fn step(&mut self, until: u32) -> Result<Result<Step, Progress>, ReplayError> {
        loop {
            match self.step_part(until)? {
                Ok(Some(step)) => return Ok(Ok(step)),
                Ok(None) => {}
                Err(progress) => return Ok(Err(progress)),
            }
        }
    }

    /// Decodes a little of the next block, if it came no later than `until`; says which block it
    /// was once all of it is decoded.
    pub fn step_part(&mut self, until: u32) -> Result<Result<Option<Step>, Progress>, ReplayError> {
        let (block, len) = loop {
            let mut rest = &self.raw[self.done..];
            let before = rest.len();
            if let Some(block) = fbs::take(&mut rest)? {
                break (block, before - rest.len());
            }
            if !self.load()? {
                return Ok(Err(Progress::End));
            }
        };
        if block.ms > until {
            return Ok(Err(Progress::Reached));
        }
        let (ms, bytes) = (block.ms, block.data.len());
        self.ms = ms;
        match &mut self.decoder {
            Some(decoder) => {
                let rest = block.data.get(self.part..).unwrap_or_default();
                let part = &rest[..rest.len().min(PART_LEN)];
                decoder.handle(part)?;
                if part.len() < rest.len() {
                    self.part += part.len();
                    return Ok(Ok(None));
                }
            }
            None => self.decoder = Some(begin(block.data)?),
        }
        self.part = 0;
        self.done += len;
        Ok(Ok(Some(Step { ms, bytes })))
    }

    /// Decodes what came up to `until`, at most about so many bytes of it.
    pub fn advance(&mut self, until: u32, bytes_max: usize) -> Result<Progress, ReplayError> {
        let mut bytes = 0;
        while bytes < bytes_max {
            match self.step(until)? {
                // Empty blocks cost something, too.
                Ok(step) => bytes += step.bytes.max(1),
                Err(progress) => return Ok(progress),
            }
        }
        Ok(Progress::Short)
    }

    /// What is on the screen; `None` before the handshake.
    pub fn screen(&self) -> Option<&Framebuffer> {
        self.decoder.as_ref().map(Decoder::screen)
    }

    /// The decoder, for whoever tells what has changed.
    pub fn decoder(&mut self) -> Option<&mut Decoder> {
        self.decoder.as_mut()
    }

    /// When the last thing came that is on the screen.
    pub fn ms(&self) -> u32 {
        self.ms
    }

    /// Where it is; `None` before the first block and within one.
    pub fn mark(&self) -> Option<Mark> {
        if self.part > 0 {
            return None;
        }
        Some(Mark {
            place: self.place?,
            done: self.done,
            ms: self.ms,
        })
    }

    /// What is needed to go on from here; not possible everywhere.
    pub fn state(&self) -> Option<Result<Vec<u8>, StateError>> {
        self.decoder.as_ref().map(Decoder::state)
    }

    /// The next frame; `false` when there is none.
    fn load(&mut self) -> Result<bool, ReplayError> {
        let Some(frame) = self.reader.next_frame()? else {
            return Ok(false);
        };
        let mut raw = frame.raw;
        if frame.place.head.number == 0 {
            fbs::take_magic(&mut raw)?;
        }
        self.place = Some(frame.place);
        self.raw.clear();
        self.raw.extend_from_slice(raw);
        self.done = 0;
        Ok(true)
    }
}

/// The decoder for what follows a handshake.
fn begin(handshake: &[u8]) -> Result<Decoder, ReplayError> {
    let init = handshake
        .get(BEFORE_INIT..)
        .and_then(|rest| rest.first_chunk::<20>())
        .ok_or(ReplayError::Handshake)?;
    let [w0, w1, h0, h1, format @ ..] = *init;
    let (width, height) = (u16::from_be_bytes([w0, w1]), u16::from_be_bytes([h0, h1]));
    let format = PixelFormat::parse(&format)?;
    Ok(Decoder::new(
        width,
        height,
        format,
        picture::Limits::default(),
    )?)
}
