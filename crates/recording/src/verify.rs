//! Whether a recording is as it was written.

use std::fs::File;

use crate::folder::{Folder, FolderError, Found, digest};
use crate::frame::Chain;
use crate::name::Part;
use crate::sidecar::{BadSidecar, Ending, Outcome, Sidecar};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything fits, from the facts of the start to the seal.
    Whole {
        /// What the log has, if it was kept.
        seal: Chain,
    },
    /// Everything that is there fits, but the recording has no end of its own.
    CutShort {
        /// What the log has, if it was kept; none if nobody has mended it yet.
        seal: Option<Chain>,
        /// Up to where it can be read.
        duration_ms: u32,
        /// The word for what happened; none if nobody has mended it yet.
        reason: Option<String>,
        /// Bytes at its end that are a part of a frame, and so cannot be read.
        torn: u64,
    },
    /// It was changed, or is damaged.
    Altered {
        /// What does not fit.
        what: String,
        /// Up to where everything fits.
        good_ms: u32,
    },
}

/// Reads all of a recording and compares. Finding something wrong is no error.
pub fn verify(folder: &Folder, found: &Found) -> Result<Verdict, FolderError> {
    let sidecar = match as_written(folder, found) {
        Ok(sidecar) => sidecar,
        Err(FolderError::Sidecar { error, .. }) => {
            return Ok(Verdict::Altered {
                what: format!("the sidecar: {error}"),
                good_ms: 0,
            });
        }
        Err(error) => return Err(error),
    };
    if sidecar.facts.name() != found.name {
        return Ok(Verdict::Altered {
            what: "the sidecar is one of another recording".into(),
            good_ms: 0,
        });
    }
    let mut so_far = SoFar {
        chain: sidecar.facts.genesis(),
        ..SoFar::default()
    };
    let frames = so_far.read(folder, found)?;
    let altered = |what: String| {
        Ok(Verdict::Altered {
            what,
            good_ms: so_far.duration_ms,
        })
    };
    if let Err(what) = frames {
        return altered(what);
    }
    let Some(outcome) = sidecar.outcome else {
        return Ok(Verdict::CutShort {
            seal: None,
            duration_ms: so_far.duration_ms,
            reason: None,
            torn: so_far.torn,
        });
    };
    if let Some(what) = so_far.differs(&outcome) {
        return altered(what.into());
    }
    let path = folder.path_of(&found.name, Part::Pointer);
    let pointer = File::open(&path).and_then(|mut file| digest(&mut file));
    match pointer {
        Ok(digest) if digest == outcome.pointer_sha256 => {}
        Ok(_) => return altered("the pointer's track is not the one that was recorded".into()),
        Err(error) => return altered(format!("the pointer's track: {error}")),
    }
    Ok(match outcome.ending {
        Ending::Whole => Verdict::Whole {
            seal: outcome.seal(),
        },
        Ending::CutShort => Verdict::CutShort {
            seal: Some(outcome.seal()),
            duration_ms: outcome.duration_ms,
            reason: Some(outcome.reason),
            torn: 0,
        },
    })
}

/// The sidecar; the writer's text has no other spelling.
fn as_written(folder: &Folder, found: &Found) -> Result<Sidecar, FolderError> {
    let sidecar = folder.sidecar(&found.name)?;
    match sidecar.to_json() == folder.sidecar_text(&found.name)? {
        true => Ok(sidecar),
        false => Err(FolderError::Sidecar {
            path: folder.path_of(&found.name, Part::Sidecar),
            error: BadSidecar::Seal,
        }),
    }
}

#[derive(Debug, Default)]
struct SoFar {
    chain: Chain,
    frames: u32,
    bytes: u64,
    raw_bytes: u64,
    duration_ms: u32,
    /// Bytes behind the last whole frame.
    torn: u64,
}

impl SoFar {
    /// Follows the chain; the inner error is what does not fit.
    fn read(&mut self, folder: &Folder, found: &Found) -> Result<Result<(), String>, FolderError> {
        let mut reader = folder.read(found)?;
        loop {
            let frame = match reader.next_frame() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => return Ok(Err(error.to_string())),
            };
            let head = frame.place.head;
            self.chain = head.link(&self.chain, frame.zstd);
            if self.chain != head.chain {
                let at = frame.place.at;
                return Ok(Err(format!("byte {at}: the chain breaks at this frame")));
            }
            if let Some(error) = frame.blocks().find_map(Result::err) {
                return Ok(Err(format!("frame {}: {error}", head.number)));
            }
            self.frames += 1;
            self.bytes += head.file_len();
            self.raw_bytes += u64::from(head.raw_len);
            self.duration_ms = head.end_ms;
        }
        let left = reader.left().map_err(|error| FolderError::Io {
            path: folder.path().to_owned(),
            error,
        })?;
        self.torn = left;
        Ok(match left {
            0 => Ok(()),
            // What nobody has mended yet may end with a part of a frame.
            _ if !found.finished => Ok(()),
            _ => Err(format!("byte {}: a part of a frame", reader.position())),
        })
    }

    fn differs(&self, outcome: &Outcome) -> Option<&'static str> {
        let pairs = [
            (u64::from(self.frames), u64::from(outcome.frames)),
            (self.bytes, outcome.bytes),
            (self.raw_bytes, outcome.raw_bytes),
        ];
        if self.frames < outcome.frames {
            return Some("frames at its end are missing");
        }
        if pairs.iter().any(|(here, there)| here != there) || self.chain != outcome.chain {
            return Some("its frames are not those that were recorded");
        }
        None
    }
}
