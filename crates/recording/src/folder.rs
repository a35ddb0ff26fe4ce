//! A folder of recordings: listing, finding, deleting, ageing, and mending what a crash left.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};

use crate::frame::{Chain, Head};
use crate::json::Object;
use crate::name::{Id, Name, Part};
use crate::pointer::{POSITION_LEN, Track};
use crate::reader::{ReadError, Reader};
use crate::sidecar::{BadSidecar, Ending, Outcome, SIDECAR_LEN_MAX, Sidecar, hex};
use crate::writer;

/// A folder of recordings. Other files in it are left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// A recording as it is found in a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// What it is called.
    pub name: Name,
    /// Whether its data has its final name.
    pub finished: bool,
}

/// What is going on with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being written.
    Live,
    /// All of it is there.
    Whole,
    /// Its writer died, or could not write any more.
    CutShort,
}

impl State {
    /// As lists say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Whole => "whole",
            Self::CutShort => "cut-short",
        }
    }
}

/// What is known of a recording without reading its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its sidecar.
    pub sidecar: Sidecar,
    /// What is going on with it.
    pub state: State,
    /// Up to the last byte that can be read.
    pub duration_ms: u32,
    /// Bytes of all of its files.
    pub bytes: u64,
    /// Whether a replay can begin in its middle without reading all before.
    pub seekable: bool,
}

/// Why something of a recording cannot be done.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder or a file cannot be used.
    #[error("{path}: {error}", path = path.display())]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// There is no such recording.
    #[error("there is no recording {0}")]
    Unknown(Id),
    /// It is being written, and what was asked for would destroy it.
    #[error("recording {0} is being written")]
    Live(Id),
    /// Its sidecar cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Sidecar {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        error: BadSidecar,
    },
    /// It cannot be shown.
    #[error("{path}: {error}", path = path.display())]
    Show {
        /// Where it is.
        path: PathBuf,
        /// Why not.
        error: Box<crate::index::IndexError>,
    },
    /// Its frames cannot be read.
    #[error("{path}: {error}", path = path.display())]
    Read {
        /// Where they are.
        path: PathBuf,
        /// What is wrong with them.
        error: ReadError,
    },
}

/// What may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Recordings that ended so long ago go.
    pub keep: Option<Duration>,
    /// The oldest go until all together have no more bytes.
    pub bytes_max: Option<u64>,
}

/// What was mended.
#[derive(Debug, Default)]
pub struct Recovered {
    /// The recordings that were cut short and are finished now.
    pub names: Vec<Name>,
    /// Why another one, the first of them, could not be mended.
    pub failed: Option<FolderError>,
}

/// How long a live file may be without a sidecar: its writer may be about to write one.
const ORPHAN_AGE: Duration = Duration::from_secs(60);

/// What was removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pruned {
    /// How many recordings.
    pub recordings: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What the folder still holds.
    pub bytes_left: u64,
}

impl Entry {
    /// All that is known.
    pub fn to_json(&self) -> String {
        self.write_all(Object::begin()).end()
    }

    /// What everybody may know who may see it.
    pub fn to_public_json(&self) -> String {
        self.write_public(Object::begin()).end()
    }

    /// All that is known, for whoever has more to say.
    pub fn write_all(&self, object: Object) -> Object {
        let facts = &self.sidecar.facts;
        let outcome = self.sidecar.outcome.as_ref();
        let seal = outcome.map(|outcome| hex(&outcome.seal()));
        self.write_public(object)
            .text("target", &facts.target)
            .text_or_null("token", facts.token.as_deref())
            .text("software", &facts.software)
            .text_or_null("seal", seal.as_deref())
    }

    /// What everybody may know who may see it, for whoever has more to say.
    pub fn write_public(&self, object: Object) -> Object {
        let facts = &self.sidecar.facts;
        let outcome = self.sidecar.outcome.as_ref();
        let or_null = |number: Option<u16>| number.map_or("null".into(), |n| n.to_string());
        object
            .text("id", &facts.id.to_string())
            .text_or_null("user", facts.user.as_deref())
            .text("client", &facts.client)
            .text("desktop", &facts.desktop)
            .text_or_null("title", facts.title.as_deref())
            .plain("started", facts.started_ms / 1000)
            .plain("started_ms", facts.started_ms)
            .plain("duration_s", f64::from(self.duration_ms) / 1000.0)
            .plain("bytes", self.bytes)
            .plain("width", or_null(outcome.map(|outcome| outcome.width)))
            .plain("height", or_null(outcome.map(|outcome| outcome.height)))
            .text("state", self.state.word())
            .text_or_null("reason", outcome.map(|outcome| outcome.reason.as_str()))
            .plain("seekable", self.seekable)
    }
}

impl Folder {
    /// A folder, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a part of a recording is.
    pub fn path_of(&self, name: &Name, part: Part) -> PathBuf {
        name.path(&self.path, part)
    }

    /// All recordings, the newest first. A folder that does not exist has none.
    pub fn recordings(&self) -> Result<Vec<Found>, FolderError> {
        let files = match fs::read_dir(&self.path) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.failed(error)),
        };
        let mut found = Vec::new();
        for file in files {
            let file = file.map_err(|error| self.failed(error))?;
            let name = file.file_name();
            match name.to_str().and_then(Name::of_file) {
                Some((name, Part::Data)) => found.push(Found {
                    name,
                    finished: true,
                }),
                Some((name, Part::LiveData)) => found.push(Found {
                    name,
                    finished: false,
                }),
                _ => {}
            }
        }
        found.sort_by_key(|found| (std::cmp::Reverse(found.name), !found.finished));
        // Between the two looks of a listing, a file may get its final name.
        found.dedup_by_key(|found| found.name);
        Ok(found)
    }

    /// The recording of a session.
    pub fn find(&self, id: Id) -> Result<Found, FolderError> {
        let all = self.recordings()?;
        let found = all.into_iter().find(|found| found.name.id == id);
        found.ok_or(FolderError::Unknown(id))
    }

    /// What is known of a recording.
    pub fn entry(&self, found: &Found) -> Result<Entry, FolderError> {
        let sidecar = self.sidecar(&found.name)?;
        let bytes = self.bytes_of(&found.name);
        let seekable = self.path_of(&found.name, Part::Index).exists();
        let (state, duration_ms) = match (&sidecar.outcome, found.finished) {
            (Some(outcome), true) => {
                let state = match outcome.ending {
                    Ending::Whole => State::Whole,
                    Ending::CutShort => State::CutShort,
                };
                (state, outcome.duration_ms)
            }
            _ => {
                let state = match self.is_being_written(&found.name) {
                    true => State::Live,
                    false => State::CutShort,
                };
                (state, self.readable_ms(found)?)
            }
        };
        Ok(Entry {
            sidecar,
            state,
            duration_ms,
            bytes,
            seekable,
        })
    }

    /// Reads a recording's frames from the first.
    pub fn read(&self, found: &Found) -> Result<Reader, FolderError> {
        let parts = match found.finished {
            true => [Part::Data, Part::LiveData],
            // It may be finished just now.
            false => [Part::LiveData, Part::Data],
        };
        let mut failed = None;
        for part in parts {
            let path = self.path_of(&found.name, part);
            match Reader::open(&path) {
                Ok(reader) => return Ok(reader),
                Err(error) => failed = failed.or(Some(FolderError::Io { path, error })),
            }
        }
        Err(failed.unwrap_or(FolderError::Unknown(found.name.id)))
    }

    /// The pointer's track.
    pub fn pointer(&self, name: &Name) -> Result<Track, FolderError> {
        let path = self.path_of(name, Part::Pointer);
        let track = File::open(&path).and_then(Track::new);
        track.map_err(|error| FolderError::Io { path, error })
    }

    /// The sidecar.
    pub fn sidecar(&self, name: &Name) -> Result<Sidecar, FolderError> {
        let parsed = Sidecar::parse(&self.sidecar_text(name)?);
        parsed.map_err(|error| self.bad_sidecar(name, error))
    }

    pub(crate) fn sidecar_text(&self, name: &Name) -> Result<String, FolderError> {
        let path = self.path_of(name, Part::Sidecar);
        let mut text = String::new();
        let read = File::open(&path)
            .and_then(|file| file.take(SIDECAR_LEN_MAX + 1).read_to_string(&mut text));
        match read {
            Ok(_) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(self.bad_sidecar(name, BadSidecar::Syntax))
            }
            Err(error) => Err(FolderError::Io { path, error }),
        }
    }

    fn bad_sidecar(&self, name: &Name, error: BadSidecar) -> FolderError {
        let path = self.path_of(name, Part::Sidecar);
        FolderError::Sidecar { path, error }
    }

    /// Removes a recording, unless it is being written. The data goes last, so that what is left
    /// of an attempt that failed is found again.
    pub fn delete(&self, found: &Found) -> Result<(), FolderError> {
        if !found.finished && self.is_being_written(&found.name) {
            return Err(FolderError::Live(found.name.id));
        }
        self.remove(&found.name)
    }

    fn remove(&self, name: &Name) -> Result<(), FolderError> {
        let parts = [
            Part::NewIndex,
            Part::Index,
            Part::Pointer,
            Part::NewSidecar,
            Part::LiveData,
            Part::Data,
            Part::Sidecar,
        ];
        for part in parts {
            let path = self.path_of(name, part);
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(FolderError::Io { path, error });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes what is too old or too much. What is being written stays, whatever it comes to.
    /// `now` is seconds since 1970.
    pub fn prune(&self, limits: &Limits, now: u64) -> Result<Pruned, FolderError> {
        let mut pruned = Pruned::default();
        let mut all = self.recordings()?;
        all.reverse();
        let sizes: Vec<u64> = all.iter().map(|found| self.bytes_of(&found.name)).collect();
        pruned.bytes_left = sizes.iter().sum();
        for (found, bytes) in all.iter().zip(sizes) {
            let too_much = limits.bytes_max.is_some_and(|max| pruned.bytes_left > max);
            if !too_much && !self.is_too_old(found, limits, now) {
                continue;
            }
            match self.delete(found) {
                Ok(()) => {
                    pruned.recordings += 1;
                    pruned.bytes += bytes;
                    pruned.bytes_left -= bytes;
                }
                Err(FolderError::Live(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(pruned)
    }

    fn is_too_old(&self, found: &Found, limits: &Limits, now: u64) -> bool {
        let Some(keep) = limits.keep else {
            return false;
        };
        let age = now.saturating_sub(found.name.started);
        if age <= keep.as_secs() {
            return false;
        }
        // A session of many hours is as old as its end.
        if found.finished {
            let outcome = self.sidecar(&found.name).ok().and_then(|s| s.outcome);
            let lasted = outcome.map_or(0, |outcome| u64::from(outcome.duration_ms) / 1000);
            // A clock that was set back, or damage, makes it last longer than it is old.
            return age.saturating_sub(lasted) > keep.as_secs();
        }
        // Nobody knows how long it lasted, but its writer wrote every few seconds. One that still
        // does holds the lock, and what is locked is not deleted.
        let written = fs::metadata(self.path_of(&found.name, Part::LiveData))
            .and_then(|meta| meta.modified())
            .ok()
            .and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        written.is_some_and(|at| now.saturating_sub(at.as_secs()) > keep.as_secs())
    }

    /// Finishes the recordings whose writer is gone: what is not a whole frame is cut off, and the
    /// sidecar says that it was cut short. Says which, and what stood in the way of others: one
    /// that cannot be mended keeps none of them from it.
    pub fn recover(&self) -> Recovered {
        let mut recovered = Recovered::default();
        let all = match self.recordings() {
            Ok(all) => all,
            Err(error) => {
                recovered.failed = Some(error);
                return recovered;
            }
        };
        for found in all.iter().filter(|found| !found.finished) {
            match self.recover_one(&found.name) {
                Ok(true) => recovered.names.push(found.name),
                Ok(false) => {}
                Err(error) => recovered.failed = recovered.failed.or(Some(error)),
            }
        }
        recovered
    }

    fn recover_one(&self, name: &Name) -> Result<bool, FolderError> {
        let path = self.path_of(name, Part::LiveData);
        let failed = |error: io::Error| FolderError::Io {
            path: path.clone(),
            error,
        };
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            // Somebody was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        let is_orphan = !self.path_of(name, Part::Sidecar).exists();
        // Before the lock: a writer that is just beginning would not get it.
        if is_orphan && is_young(&file).map_err(failed)? {
            return Ok(false);
        }
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Ok(false);
        }
        // The sidecar comes before the first frame, so that nothing was recorded yet.
        if is_orphan && file.metadata().map_err(failed)?.len() == 0 {
            self.remove(name)?;
            return Ok(false);
        }
        let mut sidecar = self.sidecar(name)?;
        if sidecar.outcome.is_none() {
            let outcome = self.salvage(name, &sidecar, &file).map_err(|error| {
                let path = path.clone();
                FolderError::Read { path, error }
            })?;
            file.set_len(outcome.bytes).map_err(failed)?;
            file.sync_data().map_err(failed)?;
            sidecar.outcome = Some(outcome);
        }
        writer::close(&self.path, name, &sidecar).map_err(failed)?;
        Ok(true)
    }

    /// What can be said of a recording that nobody finished. Frames count up to the first that is
    /// not whole or does not belong there.
    fn salvage(&self, name: &Name, sidecar: &Sidecar, file: &File) -> Result<Outcome, ReadError> {
        let mut chain = sidecar.facts.genesis();
        let mut outcome = Outcome {
            ending: Ending::CutShort,
            reason: "cut-short".into(),
            duration_ms: 0,
            width: 0,
            height: 0,
            raw_bytes: 0,
            bytes: 0,
            frames: 0,
            positions: 0,
            chain,
            pointer_sha256: [0; 32],
        };
        let mut reader = Reader::new(file.try_clone()?);
        while let Ok(Some(frame)) = reader.next_frame() {
            let head: Head = frame.place.head;
            chain = head.link(&chain, frame.zstd);
            if chain != head.chain {
                break;
            }
            if head.number == 0 {
                (outcome.width, outcome.height) = size_of(&frame).unwrap_or_default();
            }
            outcome.chain = chain;
            outcome.duration_ms = head.end_ms;
            outcome.raw_bytes += u64::from(head.raw_len);
            outcome.bytes += head.file_len();
            outcome.frames += 1;
        }
        let pointer = self.path_of(name, Part::Pointer);
        (outcome.positions, outcome.pointer_sha256) = salvage_pointer(&pointer)?;
        Ok(outcome)
    }

    /// Whether some process still writes it.
    fn is_being_written(&self, name: &Name) -> bool {
        let file = File::open(self.path_of(name, Part::LiveData));
        // The lock goes with the file, which is closed at once.
        file.is_ok_and(|file| {
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared).is_err()
        })
    }

    /// The end of the last whole frame.
    fn readable_ms(&self, found: &Found) -> Result<u32, FolderError> {
        let mut reader = self.read(found)?;
        let mut end = 0;
        // What is damaged begins behind what can be read.
        while let Ok(Some(place)) = reader.peek() {
            end = place.head.end_ms;
            reader.skip(&place);
        }
        Ok(end)
    }

    fn bytes_of(&self, name: &Name) -> u64 {
        let len = |part| fs::metadata(self.path_of(name, part)).map_or(0, |meta| meta.len());
        Part::ALL.into_iter().map(len).sum()
    }

    fn failed(&self, error: io::Error) -> FolderError {
        FolderError::Io {
            path: self.path.clone(),
            error,
        }
    }
}

/// Whether a file was written a moment ago.
fn is_young(file: &File) -> io::Result<bool> {
    let age = file.metadata()?.modified()?.elapsed();
    Ok(age.is_ok_and(|age| age < ORPHAN_AGE))
}

/// The screen's size, as the handshake at the beginning says it.
fn size_of(frame: &crate::reader::Frame<'_>) -> Option<(u16, u16)> {
    let block = frame.blocks().next()?.ok()?;
    let size = block.data.get(16..20)?;
    let number = |at: usize| Some(u16::from_be_bytes([*size.get(at)?, *size.get(at + 1)?]));
    Some((number(0)?, number(2)?))
}

/// Cuts a track to whole positions; says how many there are, and their digest.
fn salvage_pointer(path: &Path) -> io::Result<(u64, Chain)> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    let len = file.metadata()?.len();
    let whole = len - len % POSITION_LEN as u64;
    file.set_len(whole)?;
    Ok((whole / POSITION_LEN as u64, digest(&mut file)?))
}

/// SHA-256 of what a file holds.
pub(crate) fn digest(file: &mut File) -> io::Result<Chain> {
    let mut hash = Sha256::new();
    let mut piece = vec![0; 64 * 1024];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(&piece[..n]),
        }
    }
}
