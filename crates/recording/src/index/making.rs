//! Making an index, piece by piece.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use super::{
    Index, IndexError, MAGIC, Point, RECORDS_MAX, SLICE_MS, SLICES_MAX, Size, encode_mark, kind,
};
use crate::folder::{Folder, Found};
use crate::name::Part;
use crate::pointer::{POSITION_LEN, Position};
use crate::replay::{Progress, Replay};

/// Seek points stand so far apart at least, in milliseconds of the session …
const POINT_EVERY_MS: u32 = 20_000;

/// … and so many bytes: what is quickly decoded needs no point of its own.
const POINT_EVERY_BYTES: u64 = 1 << 20;

/// Bytes that are decoded in one piece of work.
const STEP_BYTES: u64 = 512 * 1024;

/// Time that one piece of work takes; a server can make few bytes paint for long, and the thread
/// has other things to do.
const STEP_TIME: Duration = Duration::from_millis(100);

/// Bytes of one record of activity at most; an even number.
const ACTIVITY_LEN_MAX: usize = 64 * 1024;

/// Makes an index. Killed and opened again, it goes on at its last seek point.
#[derive(Debug)]
pub struct Indexer {
    folder: Folder,
    found: Found,
    replay: Replay,
    file: File,
    records: usize,
    /// Slices that were written, and those that were not.
    written: usize,
    activity: Vec<u16>,
    /// Positions of the pointer in each slice.
    pointer: Vec<u16>,
    size: Option<Size>,
    point_ms: u32,
    bytes_since_point: u64,
}

impl Indexer {
    /// Begins, or goes on with what was begun.
    pub fn open(folder: &Folder, found: &Found) -> Result<Self, IndexError> {
        let path = folder.path_of(&found.name, Part::NewIndex);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        let mut file = options.truncate(false).open(&path)?;
        let begun = Index::read(file.try_clone()?).ok();
        let (replay, begun) = match begun
            .as_ref()
            .and_then(|begun| resume(begun, folder, found))
        {
            Some(replay) => (replay, begun),
            None => {
                file.set_len(0)?;
                file.write_all(MAGIC)?;
                (Replay::new(folder.read(found)?), None)
            }
        };
        let point = begun.as_ref().and_then(|begun| begun.points.last());
        // What was found behind the last point will be found again.
        let end = point.map_or(MAGIC.len() as u64, Point::end);
        let is_before = |size: &&Size| point.is_some_and(|point| size.ms <= point.mark.ms);
        file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Self {
            folder: folder.clone(),
            found: *found,
            point_ms: replay.ms(),
            replay,
            file,
            records: 0,
            written: begun.as_ref().map_or(0, |begun| begun.activity.len()),
            activity: point.map(|point| point.so_far).into_iter().collect(),
            pointer: pointer_activity(folder, found)?,
            size: begun
                .as_ref()
                .and_then(|begun| begun.sizes.iter().rev().find(is_before).copied()),
            bytes_since_point: 0,
        })
    }

    /// Up to where the work is done, in milliseconds of the session.
    pub fn ms(&self) -> u32 {
        self.replay.ms()
    }

    /// Does a piece of work; `true` when all is done.
    pub fn step(&mut self) -> Result<bool, IndexError> {
        let mut bytes = 0;
        let until = Instant::now() + STEP_TIME;
        while bytes < STEP_BYTES {
            let step = match self.replay.step_part(u32::MAX)? {
                Ok(step) => step,
                Err(Progress::End | Progress::Reached | Progress::Short) => {
                    self.finish()?;
                    return Ok(true);
                }
            };
            if let Some(step) = step {
                bytes += step.bytes.max(1) as u64;
                self.note(step.ms, step.bytes)?;
            }
            // It goes on there, be it within a block.
            if Instant::now() >= until {
                break;
            }
        }
        Ok(false)
    }

    fn note(&mut self, ms: u32, bytes: usize) -> Result<(), IndexError> {
        let slice = (ms / SLICE_MS) as usize;
        let Some(decoder) = self.replay.decoder() else {
            return Ok(());
        };
        let area: usize = decoder.take_dirty().iter().map(picture::Rect::area).sum();
        let screen = decoder.screen();
        let size = Size {
            ms,
            width: screen.width(),
            height: screen.height(),
        };
        if self
            .size
            .is_none_or(|old| (old.width, old.height) != (size.width, size.height))
        {
            self.size = Some(size);
            let body = [
                &ms.to_be_bytes()[..],
                &size.width.to_be_bytes(),
                &size.height.to_be_bytes(),
            ];
            self.record(kind::SIZE, &body.concat())?;
        }
        // What was written before does not come again when the work goes on.
        if let Some(at) = slice.checked_sub(self.written)
            && slice < SLICES_MAX
        {
            if self.activity.len() <= at {
                self.activity.resize(at + 1, 0);
            }
            let lively = (area / 1024 + bytes / 256) as u64;
            add(&mut self.activity[at], lively);
        }
        self.bytes_since_point += bytes as u64;
        // What was not written by this program may go back in time.
        let is_due = ms.saturating_sub(self.point_ms) >= POINT_EVERY_MS
            && self.bytes_since_point >= POINT_EVERY_BYTES
            && self.records < RECORDS_MAX / 2;
        match is_due {
            true => self.point(ms),
            false => Ok(()),
        }
    }

    /// Writes a seek point, if one can be here.
    fn point(&mut self, ms: u32) -> Result<(), IndexError> {
        let (Some(mark), Some(Ok(state))) = (self.replay.mark(), self.replay.state()) else {
            return Ok(());
        };
        // All slices that are over; the one that is not is counted behind the point.
        let over = ((ms / SLICE_MS) as usize).saturating_sub(self.written);
        self.write_activity(over)?;
        let so_far = self.activity.first().copied().unwrap_or_default();
        let body = [&encode_mark(&mark)[..], &so_far.to_be_bytes(), &state].concat();
        self.record(kind::POINT, &body)?;
        self.point_ms = ms;
        self.bytes_since_point = 0;
        Ok(())
    }

    fn write_activity(&mut self, count: usize) -> Result<(), IndexError> {
        let mut body = Vec::new();
        for at in 0..count {
            let mut value = self.activity.get(at).copied().unwrap_or_default();
            let positions = self.pointer.get(self.written + at).copied();
            add(&mut value, u64::from(positions.unwrap_or_default()));
            body.extend_from_slice(&value.to_be_bytes());
        }
        self.activity.drain(..count.min(self.activity.len()));
        self.written += count;
        let mut pieces = body.chunks(ACTIVITY_LEN_MAX);
        pieces.try_for_each(|piece| self.record(kind::ACTIVITY, piece))
    }

    fn finish(&mut self) -> Result<(), IndexError> {
        let pointer = self.pointer.len().saturating_sub(self.written);
        self.write_activity(self.activity.len().max(pointer))?;
        self.record(kind::END, &[])?;
        let [from, to] =
            [Part::NewIndex, Part::Index].map(|part| self.folder.path_of(&self.found.name, part));
        // It may have been deleted meanwhile, and must not come back in part.
        if !self.folder.path_of(&self.found.name, Part::Data).exists() {
            fs::remove_file(from)?;
            return Ok(());
        }
        Ok(fs::rename(from, to)?)
    }

    fn record(&mut self, kind: u8, body: &[u8]) -> Result<(), IndexError> {
        let mut record = vec![kind];
        record.extend_from_slice(&(body.len() as u32).to_be_bytes());
        record.extend_from_slice(&crc32fast::hash(body).to_be_bytes());
        record.extend_from_slice(body);
        self.records += 1;
        Ok(self.file.write_all(&record)?)
    }
}

/// A replay at the last point of an index that was begun; `None` when there is none.
fn resume(begun: &Index, folder: &Folder, found: &Found) -> Option<Replay> {
    let point = begun.points.last()?;
    let state = begun.state(point).ok()?;
    Replay::resume(folder.read(found).ok()?, &point.mark, &state).ok()
}

/// How many positions of the pointer each slice has.
fn pointer_activity(folder: &Folder, found: &Found) -> Result<Vec<u16>, IndexError> {
    let track = folder.pointer(&found.name)?;
    let mut rest = io::BufReader::new(track.into_file());
    let mut slices = Vec::new();
    let mut bytes = [0; POSITION_LEN];
    while rest.read_exact(&mut bytes).is_ok() {
        let slice = (Position::parse(&bytes).ms / SLICE_MS) as usize;
        if slice < SLICES_MAX {
            if slices.len() <= slice {
                slices.resize(slice + 1, 0);
            }
            add(&mut slices[slice], 1);
        }
    }
    Ok(slices)
}

fn add(value: &mut u16, more: u64) {
    *value = (u64::from(*value) + more).min(u64::from(u16::MAX)) as u16;
}
