//! Reading a recording frame by frame, finished or still being written, with no more of it in
//! memory than one frame.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::fbs::{self, BadFbs, Block};
use crate::frame::{HEAD_LEN, Head};

/// Why a recording cannot be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What stands at this byte of the file is no frame.
    #[error("byte {at}: {what}")]
    Damaged {
        /// Where the frame should begin.
        at: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// A frame holds something else than FBS.
    #[error("{0}")]
    Fbs(#[from] BadFbs),
}

/// A frame's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its first byte.
    pub at: u64,
    /// What stands there.
    pub head: Head,
}

/// Reads frames in their order.
#[derive(Debug)]
pub struct Reader {
    file: File,
    /// Where the next frame begins.
    at: u64,
    /// Its number.
    number: u32,
    zstd: Vec<u8>,
    raw: Vec<u8>,
}

/// What a frame holds.
#[derive(Debug, Clone, Copy)]
pub struct Frame<'a> {
    /// Where it is.
    pub place: Place,
    /// The compressed bytes.
    pub zstd: &'a [u8],
    /// Whole blocks of FBS; in the first frame, behind [`fbs::MAGIC`].
    pub raw: &'a [u8],
}

impl Frame<'_> {
    /// Its blocks.
    pub fn blocks(&self) -> Blocks<'_> {
        let mut rest = self.raw;
        let magic = match self.place.head.number {
            0 => fbs::take_magic(&mut rest),
            _ => Ok(()),
        };
        Blocks {
            rest,
            wrong: magic.err(),
        }
    }
}

/// The blocks of a frame; an error is the last item.
#[derive(Debug)]
pub struct Blocks<'a> {
    rest: &'a [u8],
    wrong: Option<BadFbs>,
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, BadFbs>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(wrong) = self.wrong.take() {
            self.rest = &[];
            return Some(Err(wrong));
        }
        match fbs::take(&mut self.rest) {
            Ok(block) => block.map(Ok),
            Err(wrong) => {
                self.rest = &[];
                Some(Err(wrong))
            }
        }
    }
}

impl Reader {
    /// Begins at the front of a file.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::new(File::open(path)?))
    }

    /// Begins at the front of an open file.
    pub fn new(file: File) -> Self {
        Self {
            file,
            at: 0,
            number: 0,
            zstd: Vec::new(),
            raw: Vec::new(),
        }
    }

    /// Bytes of the file that were not read.
    pub fn left(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len().saturating_sub(self.at))
    }

    /// Where the next frame begins.
    pub fn position(&self) -> u64 {
        self.at
    }

    /// Goes on at a frame that was found before.
    pub fn go_to(&mut self, place: &Place) {
        self.at = place.at;
        self.number = place.head.number;
    }

    /// Looks at the next frame without reading it; `None` when there is none, or not all of it.
    pub fn peek(&self) -> Result<Option<Place>, ReadError> {
        let left = self.left()?;
        if left < HEAD_LEN as u64 {
            return Ok(None);
        }
        let mut bytes = [0; HEAD_LEN];
        self.file.read_exact_at(&mut bytes, self.at)?;
        let head = Head::parse(&bytes).ok_or(self.damaged("no frame begins here"))?;
        if head.number != self.number {
            return Err(self.damaged("a frame is missing before this one"));
        }
        let place = Place { at: self.at, head };
        Ok((left >= head.file_len()).then_some(place))
    }

    /// Steps over a frame that was looked at.
    pub fn skip(&mut self, place: &Place) {
        // A place out of a damaged index may be anywhere.
        self.at = place.at.saturating_add(place.head.file_len());
        self.number = place.head.number.saturating_add(1);
    }

    /// Steps to the first frame that ends at or after `ms`; `None` when all end before.
    pub fn seek(&mut self, ms: u32) -> Result<Option<Place>, ReadError> {
        while let Some(place) = self.peek()? {
            if place.head.end_ms >= ms {
                return Ok(Some(place));
            }
            self.skip(&place);
        }
        Ok(None)
    }

    /// Reads the next frame; `None` at the end of what is there.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let Some(place) = self.peek()? else {
            return Ok(None);
        };
        let head = place.head;
        // Both lengths were checked against what a frame can have.
        self.zstd.resize(head.zstd_len as usize, 0);
        self.file
            .read_exact_at(&mut self.zstd, place.at + HEAD_LEN as u64)?;
        self.raw.resize(head.raw_len as usize, 0);
        let len = zstd::bulk::decompress_to_buffer(&self.zstd, &mut self.raw)
            .map_err(|_| self.damaged("the frame cannot be decompressed"))?;
        if len != head.raw_len as usize {
            return Err(self.damaged("the frame has another length than it says"));
        }
        self.skip(&place);
        Ok(Some(Frame {
            place,
            zstd: &self.zstd,
            raw: &self.raw,
        }))
    }

    fn damaged(&self, what: &'static str) -> ReadError {
        ReadError::Damaged { at: self.at, what }
    }
}
