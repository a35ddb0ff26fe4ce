//! Temporary files of bodies, in the folders that `…_temp_path` names, gone when dropped.

use std::fs::{self, DirBuilder, File, FileTimes, OpenOptions};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Where temporary files go: a folder, and how many digits of a file's number name folders inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TempPath {
    /// The folder.
    pub folder: PathBuf,
    /// Digits for each level of folders.
    pub levels: Vec<usize>,
}

/// An open temporary file, written at its end.
#[derive(Debug)]
pub struct TempFile {
    path: PathBuf,
    file: File,
    fd: Rc<OwnedFd>,
    len: u64,
    keep: bool,
}

static NUMBER: AtomicU64 = AtomicU64::new(0);

impl TempFile {
    /// Creates one, and the folders that it stands in; `prefix` is where relative paths begin.
    pub fn create(place: &TempPath, prefix: &Path) -> io::Result<Self> {
        loop {
            let name = format!("{:010}", NUMBER.fetch_add(1, Ordering::Relaxed) + 1);
            let path = prefix.join(place.path_of(&name));
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true).mode(0o600);
            let file = options.open(&path).or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => {
                    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
                    options.open(&path)
                }
                _ => Err(error),
            });
            match file {
                Ok(file) => {
                    let fd = Rc::new(file.try_clone()?.into());
                    return Ok(Self {
                        path,
                        file,
                        fd,
                        len: 0,
                        keep: false,
                    });
                }
                // A file of an earlier process, which somebody asked to keep.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes in it.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The file, for reading.
    pub fn fd(&self) -> Rc<OwnedFd> {
        self.fd.clone()
    }

    /// Makes it the file at `path`, which is replaced if there is one; folders are made as needed,
    /// and those who may read the file may enter them. `modified` is seconds since 1970.
    pub fn move_to(mut self, path: &Path, mode: u32, modified: Option<i64>) -> io::Result<()> {
        self.file
            .set_permissions(fs::Permissions::from_mode(mode))?;
        if let Some(modified) = modified.and_then(|modified| u64::try_from(modified).ok()) {
            let time = UNIX_EPOCH + Duration::from_secs(modified);
            let times = FileTimes::new().set_modified(time).set_accessed(time);
            self.file.set_times(times)?;
        }
        let moved = fs::rename(&self.path, path).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                // Who reads a folder must be able to enter it.
                let folder_mode = mode | (mode & 0o444) >> 2;
                let folder = path.parent().unwrap_or(Path::new("/"));
                let mut folders = DirBuilder::new();
                folders.recursive(true).mode(folder_mode).create(folder)?;
                fs::rename(&self.path, path)
            }
            _ => Err(error),
        });
        match moved {
            Ok(()) => self.keep = true,
            // On another file system: beside its place first, so that nobody sees half of it.
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                let mut beside = path.as_os_str().to_owned();
                beside.push(".portway");
                fs::copy(&self.path, &beside)?;
                if let Ok(times) = self.file.metadata().and_then(|file| file.modified()) {
                    File::options()
                        .write(true)
                        .open(&beside)?
                        .set_modified(times)?;
                }
                fs::rename(&beside, path)?;
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Leaves it where it is.
    pub fn keep(&mut self) {
        self.keep = true;
    }
}

impl Write for TempFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.len += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if !self.keep {
            // Somebody may have cleaned the folder up; then it is gone already.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl TempPath {
    /// A folder without levels.
    pub fn new(folder: PathBuf) -> Self {
        Self {
            folder,
            levels: Vec::new(),
        }
    }

    /// The last digits of the number name the folders, as nginx lays them out.
    fn path_of(&self, name: &str) -> PathBuf {
        let mut path = self.folder.clone();
        let mut end = name.len();
        for &digits in &self.levels {
            let start = end.saturating_sub(digits);
            path.push(&name[start..end]);
            end = start;
        }
        path.join(name)
    }
}
