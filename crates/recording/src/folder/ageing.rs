//! Ageing: what is too old or too much is removed.

use std::fs;
use std::time::{Duration, SystemTime};

use super::{Folder, FolderError, Found};
use crate::name::Part;

/// What may be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Recordings that ended so long ago go.
    pub keep: Option<Duration>,
    /// The oldest go until all together have no more bytes.
    pub bytes_max: Option<u64>,
}

/// What was removed.
#[derive(Debug, Default)]
pub struct Pruned {
    /// How many recordings.
    pub recordings: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What the folder still holds.
    pub bytes_left: u64,
    /// How many could not be removed.
    pub failures: usize,
    /// Why the first of them could not.
    pub failed: Option<FolderError>,
}

impl Folder {
    /// Removes what is too old or too much. What is being written stays, whatever it comes to; one
    /// that cannot be removed keeps none of the others from it. `now` is seconds since 1970.
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
                Err(error) => {
                    pruned.failures += 1;
                    pruned.failed.get_or_insert(error);
                    // It may be gone in part.
                    let left = self.bytes_of(&found.name);
                    pruned.bytes_left = pruned.bytes_left.saturating_sub(bytes) + left;
                }
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
}
