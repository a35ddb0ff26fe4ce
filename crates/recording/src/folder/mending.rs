//! Mending: recordings whose writer is gone are brought to their end.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;

use super::{Folder, FolderError, digest};
use crate::frame::{Chain, Head};
use crate::name::{Name, Part};
use crate::pointer::POSITION_LEN;
use crate::reader::{Frame, ReadError, Reader};
use crate::sidecar::{Ending, Outcome, Sidecar};
use crate::writer;

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

impl Folder {
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
}

/// Whether a file was written a moment ago.
fn is_young(file: &File) -> io::Result<bool> {
    let age = file.metadata()?.modified()?.elapsed();
    Ok(age.is_ok_and(|age| age < ORPHAN_AGE))
}

/// The screen's size, as the handshake at the beginning says it.
fn size_of(frame: &Frame<'_>) -> Option<(u16, u16)> {
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
