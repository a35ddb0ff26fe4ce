//! A folder of recordings: listing, finding, reading, deleting.

mod ageing;
mod entry;
mod mending;

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};

pub use ageing::{Limits, Pruned};
pub use entry::{Entry, State};
pub use mending::Recovered;

use crate::frame::Chain;
use crate::name::{Id, Name, Part};
use crate::pointer::Track;
use crate::reader::{ReadError, Reader};
use crate::sidecar::{BadSidecar, Ending, SIDECAR_LEN_MAX, Sidecar};

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
