//! The index of a recording: where a replay can begin, and how lively it was. Made after the
//! session, in pieces, so that whoever makes it can do other things in between, or be killed.
//!
//! ```text
//! "PWRIDX1\n"
//! kind, U32 length, U32 CRC of the body, body     … records, appended as they are found
//! ```
//!
//! A record is a seek point (`P`), activity (`A`), a size of the screen (`S`), or the end (`E`).
//! Everything in it can be made again from the recording, so it is in no chain and no seal.

mod making;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

pub use making::Indexer;

use crate::folder::{Folder, FolderError, Found};
use crate::frame::Head;
use crate::name::{Name, Part};
use crate::reader::Place;
use crate::replay::{Mark, Replay, ReplayError};

const MAGIC: &[u8; 8] = b"PWRIDX1\n";

/// Bytes before a record's body.
const RECORD_HEAD: u64 = 9;

/// The longest body that is read: the state of an 8K screen fits.
const BODY_MAX: u32 = 160 << 20;

/// The longest body of a record that is no seek point.
const SMALL_MAX: u32 = 1 << 20;

/// Activity is kept for so many milliseconds each.
pub const SLICE_MS: u32 = 1000;

/// Slices that are kept: a week.
const SLICES_MAX: usize = 7 * 24 * 3600;

/// Records of one index at most.
const RECORDS_MAX: usize = 100_000;

mod kind {
    pub const POINT: u8 = b'P';
    pub const ACTIVITY: u8 = b'A';
    pub const SIZE: u8 = b'S';
    pub const END: u8 = b'E';
}

/// Why there is no index, or none that can be used.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The file cannot be read or written.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// It is none, or damaged; it can be made again.
    #[error("the index is damaged")]
    Damaged,
    /// The recording cannot be shown.
    #[error("{0}")]
    Replay(#[from] ReplayError),
    /// The recording cannot be read.
    #[error("{0}")]
    Folder(#[from] FolderError),
}

/// A place where a replay can begin.
#[derive(Debug, Clone, Copy)]
struct Point {
    mark: Mark,
    /// How lively the slice that it is in was before.
    so_far: u16,
    state_at: u64,
    state_len: u32,
    crc: u32,
}

impl Point {
    /// Behind its record.
    fn end(&self) -> u64 {
        self.state_at + u64::from(self.state_len)
    }
}

/// A size that the screen had from some moment on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// The moment.
    pub ms: u32,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
}

/// An index that is read.
#[derive(Debug)]
pub struct Index {
    file: File,
    /// In the order of time.
    points: Vec<Point>,
    activity: Vec<u16>,
    sizes: Vec<Size>,
    /// Behind the last whole record.
    end: u64,
    /// It was made to the end.
    is_whole: bool,
}

impl Index {
    /// The index of a recording; `None` when there is none yet.
    pub fn open(folder: &Folder, name: &Name) -> Result<Option<Self>, IndexError> {
        match File::open(folder.path_of(name, Part::Index)) {
            Ok(file) => Self::read(file).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A replay that has not passed `ms` yet, from as near as possible.
    pub fn replay(folder: &Folder, found: &Found, ms: u32) -> Result<Replay, IndexError> {
        let reader = folder.read(found)?;
        // A damaged index only makes it slower.
        let index = Self::open(folder, &found.name).ok().flatten();
        let Some((index, point)) = index
            .as_ref()
            .and_then(|index| Some((index, index.before(ms)?)))
        else {
            return Ok(Replay::new(reader));
        };
        match index.state(point) {
            Ok(state) => Ok(Replay::resume(reader, &point.mark, &state)?),
            Err(_) => Ok(Replay::new(reader)),
        }
    }

    /// How lively each [`SLICE_MS`] was, in no unit.
    pub fn activity(&self) -> &[u16] {
        &self.activity
    }

    /// The sizes that the screen has had.
    pub fn sizes(&self) -> &[Size] {
        &self.sizes
    }

    /// How many places there are to begin at.
    pub fn points(&self) -> usize {
        self.points.len()
    }

    /// Reads what is whole of a file.
    pub(crate) fn read(file: File) -> Result<Self, IndexError> {
        let len = file.metadata()?.len();
        let mut magic = [0; MAGIC.len()];
        if len < MAGIC.len() as u64 || file.read_exact_at(&mut magic, 0).is_err() || magic != *MAGIC
        {
            return Err(IndexError::Damaged);
        }
        let mut index = Self {
            file,
            points: Vec::new(),
            activity: Vec::new(),
            sizes: Vec::new(),
            end: MAGIC.len() as u64,
            is_whole: false,
        };
        for _ in 0..RECORDS_MAX {
            if index.is_whole || index.end + RECORD_HEAD > len || !index.read_record(len)? {
                break;
            }
        }
        Ok(index)
    }

    /// Reads the next record; `false` when it is not whole.
    fn read_record(&mut self, len: u64) -> Result<bool, IndexError> {
        let mut head = [0; RECORD_HEAD as usize];
        self.file.read_exact_at(&mut head, self.end)?;
        let [kind, l0, l1, l2, l3, c0, c1, c2, c3] = head;
        let (body_len, crc) = (
            u32::from_be_bytes([l0, l1, l2, l3]),
            u32::from_be_bytes([c0, c1, c2, c3]),
        );
        let at = self.end + RECORD_HEAD;
        let next = at + u64::from(body_len);
        if body_len > BODY_MAX || next > len {
            return Ok(false);
        }
        // What stands before a state is small; the state itself is read when it is needed.
        let small = match kind {
            kind::POINT if (body_len as usize) < POINT_LEN => return Err(IndexError::Damaged),
            kind::POINT => POINT_LEN,
            _ if body_len > SMALL_MAX => return Err(IndexError::Damaged),
            _ => body_len as usize,
        };
        let mut body = vec![0; small];
        self.file.read_exact_at(&mut body, at)?;
        if kind != kind::POINT && crc32fast::hash(&body) != crc {
            return Ok(false);
        }
        match kind {
            kind::POINT => {
                let mark = parse_mark(&body).ok_or(IndexError::Damaged)?;
                let so_far = body.get(MARK_LEN..).and_then(|rest| rest.first_chunk());
                let so_far = *so_far.ok_or(IndexError::Damaged)?;
                self.points.push(Point {
                    mark,
                    so_far: u16::from_be_bytes(so_far),
                    state_at: at + POINT_LEN as u64,
                    state_len: body_len - POINT_LEN as u32,
                    crc,
                });
            }
            kind::ACTIVITY => {
                let values = body
                    .chunks_exact(2)
                    .map(|two| u16::from_be_bytes([two[0], two[1]]));
                let room = SLICES_MAX.saturating_sub(self.activity.len());
                self.activity.extend(values.take(room));
            }
            kind::SIZE => {
                let [m0, m1, m2, m3, w0, w1, h0, h1] =
                    *body.first_chunk::<8>().ok_or(IndexError::Damaged)?;
                self.sizes.push(Size {
                    ms: u32::from_be_bytes([m0, m1, m2, m3]),
                    width: u16::from_be_bytes([w0, w1]),
                    height: u16::from_be_bytes([h0, h1]),
                });
            }
            kind::END => self.is_whole = true,
            _ => return Err(IndexError::Damaged),
        }
        self.end = next;
        Ok(true)
    }

    /// The last point that is not behind `ms`.
    fn before(&self, ms: u32) -> Option<&Point> {
        self.points.iter().rev().find(|point| point.mark.ms <= ms)
    }

    fn state(&self, point: &Point) -> Result<Vec<u8>, IndexError> {
        let mut state = vec![0; point.state_len as usize];
        self.file.read_exact_at(&mut state, point.state_at)?;
        let mut crc = crc32fast::Hasher::new();
        crc.update(&encode_mark(&point.mark));
        crc.update(&point.so_far.to_be_bytes());
        crc.update(&state);
        match crc.finalize() == point.crc {
            true => Ok(state),
            false => Err(IndexError::Damaged),
        }
    }
}

/// A mark in a record: the place of its frame, the frame's head, bytes done, the time.
const MARK_LEN: usize = 8 + crate::frame::HEAD_LEN + 8;

/// Bytes of a seek point's record before the state: the mark, and how lively its slice was before.
const POINT_LEN: usize = MARK_LEN + 2;

fn encode_mark(mark: &Mark) -> Vec<u8> {
    let mut out = mark.place.at.to_be_bytes().to_vec();
    out.extend_from_slice(&mark.place.head.encode());
    out.extend_from_slice(&(mark.done as u32).to_be_bytes());
    out.extend_from_slice(&mark.ms.to_be_bytes());
    out
}

fn parse_mark(bytes: &[u8]) -> Option<Mark> {
    let (at, rest) = bytes.split_first_chunk::<8>()?;
    let (head, rest) = rest.split_first_chunk()?;
    let (done, rest) = rest.split_first_chunk::<4>()?;
    let ms = rest.first_chunk::<4>()?;
    Some(Mark {
        place: Place {
            at: u64::from_be_bytes(*at),
            head: Head::parse(head)?,
        },
        done: u32::from_be_bytes(*done) as usize,
        ms: u32::from_be_bytes(*ms),
    })
}
