//! A recording as pictures: decoded from the front, or from a seek point, to any moment.

use picture::{Decoder, Framebuffer, PixelFormat};

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

/// Decodes a recording.
#[derive(Debug)]
pub struct Replay {
    reader: Reader,
    /// The frame that is being decoded, and how much of it is.
    raw: Vec<u8>,
    done: usize,
    place: Option<Place>,
    decoder: Option<Decoder>,
    /// Of the last block that was decoded.
    ms: u32,
}

/// Bytes of the handshake before the screen: version and security type.
const BEFORE_INIT: usize = 16;

impl Replay {
    /// Begins at the front.
    pub fn new(reader: Reader) -> Self {
        Self {
            reader,
            raw: Vec::new(),
            done: 0,
            place: None,
            decoder: None,
            ms: 0,
        }
    }

    /// Decodes what came up to `until`, at most about so many bytes of it.
    pub fn advance(&mut self, until: u32, bytes_max: usize) -> Result<Progress, ReplayError> {
        let mut left = bytes_max;
        loop {
            let mut rest = &self.raw[self.done..];
            let before = rest.len();
            let Some(block) = fbs::take(&mut rest)? else {
                if !self.load()? {
                    return Ok(Progress::End);
                }
                continue;
            };
            if block.ms > until {
                return Ok(Progress::Reached);
            }
            if left == 0 {
                return Ok(Progress::Short);
            }
            left = left.saturating_sub(block.data.len().max(1));
            match &mut self.decoder {
                Some(decoder) => decoder.handle(block.data)?,
                None => self.decoder = Some(begin(block.data)?),
            }
            self.ms = block.ms;
            self.done += before - rest.len();
        }
    }

    /// What is on the screen; `None` before the handshake.
    pub fn screen(&self) -> Option<&Framebuffer> {
        self.decoder.as_ref().map(Decoder::screen)
    }

    /// When the last thing came that is on it.
    pub fn ms(&self) -> u32 {
        self.ms
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
