//! Writing a recording: blocks gather to a frame, a full or old frame goes to the file.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use sha2::{Digest as _, Sha256};

use crate::fbs::{self, Screen};
use crate::frame::{Chain, Press};
use crate::gathered::Gathered;
use crate::name::{Name, Part};
use crate::pointer::{POSITION_LEN, Position};
use crate::sidecar::{Ending, Facts, Outcome, Sidecar};

/// Milliseconds after which a frame is written though it is not full: what a crash loses at most.
pub const FRAME_MS: u32 = 5000;

/// Bytes of positions that wait for the file.
const POSITIONS_WAITING_MAX: usize = 16 * 1024;

/// Bytes that a sidecar grows by at the end.
const OUTCOME_LEN_MAX: usize = 1024;

/// Why a recording ended that could not go on, where there is no better word.
pub(crate) const NOT_RECORDED: &str = "not-recorded";

/// A recording that is being written. Until it is finished, its data has the name of a live one,
/// and a lock that no other process can take while this one lives.
#[derive(Debug)]
pub struct Writer {
    folder: PathBuf,
    name: Name,
    facts: Facts,
    size: (u16, u16),
    data: File,
    pointer: File,
    chain: Chain,
    frames: u32,
    bytes: u64,
    raw_bytes: u64,
    /// Those in the file.
    positions: u64,
    pointer_hash: Sha256,
    /// The last time that is in the file.
    written_ms: u32,
    /// What is not in the files yet.
    waiting: Gathered,
}

impl Writer {
    /// Begins a recording. The folder is made if it is missing, readable by its owner only.
    pub fn create(
        folder: &Path,
        mut facts: Facts,
        screen: &Screen,
        press: &mut Press,
    ) -> io::Result<Self> {
        facts.clamp();
        let name = facts.name();
        let mut made = Vec::new();
        let begun = Self::begin(folder, facts, screen, press, &mut made);
        if begun.is_err() {
            // Nobody would ever mend or finish what there is of it. The data goes last, as always.
            for part in made.into_iter().rev() {
                // The disk that made it fail may keep this from working, too.
                let _ = std::fs::remove_file(name.path(folder, part));
            }
        }
        begun
    }

    /// Notes in `made` which files are its own by then.
    fn begin(
        folder: &Path,
        facts: Facts,
        screen: &Screen,
        press: &mut Press,
        made: &mut Vec<Part>,
    ) -> io::Result<Self> {
        let mut folders = DirBuilder::new();
        folders.recursive(true).mode(0o700).create(folder)?;
        let name = facts.name();
        let data = create(&name.path(folder, Part::LiveData))?;
        made.push(Part::LiveData);
        rustix::fs::flock(&data, FlockOperation::NonBlockingLockExclusive)?;
        let pointer = create(&name.path(folder, Part::Pointer))?;
        made.extend([Part::Pointer, Part::NewSidecar, Part::Sidecar]);
        let mut writer = Self {
            folder: folder.to_owned(),
            name,
            chain: facts.genesis(),
            facts,
            size: (screen.width, screen.height),
            data,
            pointer,
            frames: 0,
            bytes: 0,
            raw_bytes: 0,
            positions: 0,
            pointer_hash: Sha256::new(),
            written_ms: 0,
            waiting: Gathered::beginning(),
        };
        let sidecar = Sidecar {
            facts: writer.facts.clone(),
            outcome: None,
        };
        replace_sidecar(folder, &name, &sidecar)?;
        reserve_sidecar(folder, &name, &sidecar)?;
        let mut handshake = Vec::new();
        screen.handshake(&mut handshake);
        writer.append(0, &handshake, press)?;
        // From here on there is something to recover.
        writer.flush(press)?;
        Ok(writer)
    }

    /// What it is called.
    pub fn name(&self) -> Name {
        self.name
    }

    /// The folder that it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Bytes in its files so far.
    pub fn bytes(&self) -> u64 {
        self.bytes + self.positions * POSITION_LEN as u64
    }

    /// Appends what the server sent.
    pub fn append(&mut self, ms: u32, bytes: &[u8], press: &mut Press) -> io::Result<()> {
        for piece in bytes.chunks(fbs::BLOCK_LEN_MAX) {
            self.waiting.append(ms, piece);
            self.waiting.close();
            if self.waiting.is_full() {
                self.flush(press)?;
            }
        }
        Ok(())
    }

    /// Notes where the pointer is.
    pub fn point(&mut self, position: Position) -> io::Result<()> {
        self.waiting.point(position);
        match self.waiting.positions().len() >= POSITIONS_WAITING_MAX {
            true => self.flush_positions(),
            false => Ok(()),
        }
    }

    /// Takes over what somebody else has gathered, all of it whole. What waited here is written.
    pub(crate) fn take_over(&mut self, gathered: Gathered, press: &mut Press) -> io::Result<()> {
        self.flush(press)?;
        self.waiting = gathered;
        Ok(())
    }

    /// Writes what waits, as a frame.
    pub fn flush(&mut self, press: &mut Press) -> io::Result<()> {
        self.flush_positions()?;
        let Some((times, raw)) = self.waiting.blocks() else {
            return Ok(());
        };
        let (frame, chain) = press.frame(self.frames, times, raw, &self.chain)?;
        self.data.write_all(frame)?;
        self.chain = chain;
        self.frames += 1;
        self.bytes += frame.len() as u64;
        self.raw_bytes += raw.len() as u64;
        self.written_ms = times.1;
        self.waiting.forget_blocks();
        Ok(())
    }

    fn flush_positions(&mut self) -> io::Result<()> {
        let waiting = self.waiting.positions();
        if waiting.is_empty() {
            return Ok(());
        }
        self.pointer.write_all(waiting)?;
        self.pointer_hash.update(waiting);
        self.positions += (waiting.len() / POSITION_LEN) as u64;
        self.waiting.forget_positions();
        Ok(())
    }

    /// Writes what is left and gives everything its final name. What cannot be written makes it a
    /// recording that was cut short; [`Ending::CutShort`] says so from the outset.
    pub fn finish(mut self, end: &End, press: &mut Press) -> io::Result<Sidecar> {
        let (mut ending, mut reason) = (end.ending, end.reason.clone());
        if end.ending == Ending::Whole {
            self.waiting.push_end(end.ms);
            if let Err(error) = self.flush(press) {
                (ending, reason) = (Ending::CutShort, word_of(&error).to_owned());
            }
        }
        // A failed write may have left a part of something.
        self.data.set_len(self.bytes)?;
        self.pointer.set_len(self.positions * POSITION_LEN as u64)?;
        let outcome = Outcome {
            ending,
            reason,
            duration_ms: self.written_ms,
            width: self.size.0,
            height: self.size.1,
            raw_bytes: self.raw_bytes,
            bytes: self.bytes,
            frames: self.frames,
            positions: self.positions,
            chain: self.chain,
            pointer_sha256: self.pointer_hash.finalize().into(),
        };
        self.data.sync_data()?;
        self.pointer.sync_data()?;
        let sidecar = Sidecar {
            facts: self.facts,
            outcome: Some(outcome),
        };
        close(&self.folder, &self.name, &sidecar)?;
        Ok(sidecar)
    }
}

/// How a recording ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// Whether all of it is there.
    pub ending: Ending,
    /// Why the session ended, in one word.
    pub reason: String,
    /// When, in milliseconds of the session.
    pub ms: u32,
}

/// The last two steps of every recording: first its sidecar says how it ended, then its data gets
/// the name of a finished one. Whoever finds the first step without the second can do the second.
pub(crate) fn close(folder: &Path, name: &Name, sidecar: &Sidecar) -> io::Result<()> {
    replace_sidecar(folder, name, sidecar)?;
    std::fs::rename(
        name.path(folder, Part::LiveData),
        name.path(folder, Part::Data),
    )?;
    File::open(folder)?.sync_all()
}

/// Writes a sidecar in place of another one; nobody sees half of it.
pub(crate) fn replace_sidecar(folder: &Path, name: &Name, sidecar: &Sidecar) -> io::Result<()> {
    let path = name.path(folder, Part::NewSidecar);
    write_over(&path, sidecar.to_json().as_bytes())?;
    std::fs::rename(path, name.path(folder, Part::Sidecar))
}

/// Takes the room that the sidecar of the end will need, so that a full disk does not keep a
/// recording from being finished.
fn reserve_sidecar(folder: &Path, name: &Name, sidecar: &Sidecar) -> io::Result<()> {
    let room = sidecar.to_json().len() + OUTCOME_LEN_MAX;
    write_over(&name.path(folder, Part::NewSidecar), &vec![b' '; room])
}

/// Writes a file without giving back the room that it had.
fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.set_len(bytes.len() as u64)?;
    file.sync_data()
}

/// Why nothing more could be written, in one word.
pub(crate) fn word_of(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "disk-full",
        _ => NOT_RECORDED,
    }
}

fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)
}
