//! Log files: opened by the master, written by every thread, opened again on request.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock;

/// A file that lines are appended to.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    /// The same descriptor for the file's whole life. To open the file again, another open file is
    /// put behind it, so that writers need no lock and no reference count.
    fd: OwnedFd,
    /// The second in which the disk was found full: until it has passed nothing is tried.
    full: AtomicI64,
}

impl LogFile {
    /// Opens `path` for appending and creates it if it is not there.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::adopt(path, open(path)?))
    }

    /// Takes a descriptor that somebody else opened.
    pub fn adopt(path: &Path, fd: OwnedFd) -> Self {
        Self {
            path: path.to_owned(),
            fd,
            full: AtomicI64::new(0),
        }
    }

    /// The path that it was opened under.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends `bytes` with one system call. A failure is nowhere to be told, so it is not.
    pub fn write(&self, bytes: &[u8]) {
        let now = crate::log::time::seconds(clock::wall());
        if self.full.load(Ordering::Relaxed) == now {
            return;
        }
        let result = rustix::io::retry_on_intr(|| rustix::io::write(&self.fd, bytes));
        if result == Err(rustix::io::Errno::NOSPC) {
            // A full disk can make every write slow; once a second is enough to see it recover.
            self.full.store(now, Ordering::Relaxed);
        }
    }

    /// Lets everybody write to the file behind `fd` from now on.
    pub fn swap(&self, fd: BorrowedFd<'_>) -> io::Result<()> {
        crate::sys::replace(fd, &self.fd)
    }

    /// Opens the path again: after a rotation the old file has another name.
    pub fn reopen(&self) -> io::Result<()> {
        self.swap(open(&self.path)?.as_fd())
    }
}

impl AsFd for LogFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open(path: &Path) -> io::Result<OwnedFd> {
    let file = OpenOptions::new()
        .append(true)
        .create(true)
        .mode(0o644)
        .open(path)?;
    Ok(file.into())
}

/// All log files of a process by path; the same path is opened once.
#[derive(Debug, Default)]
pub struct Files {
    open: Mutex<BTreeMap<PathBuf, Arc<LogFile>>>,
}

impl Files {
    /// The file of this path if it is open.
    pub fn get(&self, path: &Path) -> Option<Arc<LogFile>> {
        self.lock().get(path).cloned()
    }

    /// The file of this path, opened if it is not.
    pub fn open(&self, path: &Path) -> io::Result<Arc<LogFile>> {
        let mut open = self.lock();
        if let Some(file) = open.get(path) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(LogFile::open(path)?);
        open.insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// Takes a descriptor for `path`: a file that is open already writes there from now on.
    pub fn adopt(&self, path: &Path, fd: OwnedFd) -> io::Result<Arc<LogFile>> {
        let mut open = self.lock();
        if let Some(file) = open.get(path) {
            file.swap(fd.as_fd())?;
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(LogFile::adopt(path, fd));
        open.insert(path.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// Opens every file again. Those that fail keep the old one and are returned.
    pub fn reopen(&self) -> Vec<(PathBuf, io::Error)> {
        let failed = |file: &Arc<LogFile>| {
            let error = file.reopen().err()?;
            Some((file.path.clone(), error))
        };
        self.lock().values().filter_map(failed).collect()
    }

    /// Forgets the files that nobody but this table holds, and closes them.
    pub fn close_unused(&self) {
        self.lock().retain(|_, file| Arc::strong_count(file) > 1);
    }

    /// All files that are open, by path.
    pub fn all(&self) -> Vec<Arc<LogFile>> {
        self.lock().values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<LogFile>>> {
        // No code that runs under the lock leaves the map half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
