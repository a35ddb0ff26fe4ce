//! Whether a file is still the one that was read.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// What changes when a file is replaced or written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// File times move in steps of the kernel's tick: a second write within one leaves no trace.
const GRANULARITY: Duration = Duration::from_millis(50);

impl Stamp {
    /// The file's stamp; `None` when it was written so recently that it proves nothing.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let meta = std::fs::metadata(path)?;
        let settled = meta.modified()? + GRANULARITY < SystemTime::now();
        Ok(settled.then_some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            size: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }))
    }
}
