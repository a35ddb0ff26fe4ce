//! Everything outside the program that a configuration depends on, read up front.
//!
//! Compiling a configuration is a pure function of its bundle. Whatever is asked for and not there
//! yet is noted and answered with a harmless stand-in; the loader fetches what is wanted and
//! compiles again until nothing is. So `-t`, tests, reload and the split between master and worker
//! use one path.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that a configuration needs to know and the bundle does not hold yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Want {
    /// The contents of a file.
    File(PathBuf),
    /// The paths that match a pattern, sorted.
    Glob(PathBuf),
    /// The addresses of a host name.
    Host(String),
    /// The ids of a user.
    User(String),
    /// The id of a group.
    Group(String),
}

/// Why something could not be had, in the system's words: `2: No such file or directory`.
pub type Failure = String;

/// The ids of a user: its own and that of its group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UserIds {
    /// The user id.
    pub uid: u32,
    /// The user's first group.
    pub gid: u32,
}

/// A file as it was when it was read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct File {
    /// Its contents.
    pub text: Arc<[u8]>,
    /// Its permission bits.
    pub mode: u32,
}

/// Random bytes that nobody else knows. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The inputs of a configuration. Shared between threads; only the list of wants changes.
#[derive(Debug, Default)]
pub struct Bundle {
    /// `-p`: where relative paths of logs and served files begin.
    pub prefix: PathBuf,
    /// The main file.
    pub conf_file: PathBuf,
    /// `-g`: directives from the command line.
    pub globals: Option<String>,
    /// The name of this host, lower-case.
    pub hostname: String,
    /// The environment that the program was started with.
    pub environment: BTreeMap<String, String>,
    /// Files, or why they could not be read.
    pub files: BTreeMap<PathBuf, Result<File, Failure>>,
    /// Patterns and what they matched.
    pub globs: BTreeMap<PathBuf, Vec<PathBuf>>,
    /// Host names and their addresses.
    pub hosts: BTreeMap<String, Result<Vec<IpAddr>, Failure>>,
    /// User names and their ids; `None` for a user that does not exist.
    pub users: BTreeMap<String, Option<UserIds>>,
    /// Group names and their ids.
    pub groups: BTreeMap<String, Option<u32>>,
    /// A secret of this start of the program, the same for all its configurations; none where
    /// nothing is served.
    pub secret: Option<Secret>,
    /// What was asked for in vain since [`Bundle::take_wants`].
    pub wants: Mutex<BTreeSet<Want>>,
    /// Files that others renew in their own time (see [`Bundle::read_renewable`]).
    pub renewable: Mutex<BTreeSet<PathBuf>>,
}

impl Bundle {
    /// The contents of a file.
    pub fn read(&self, path: &Path) -> Result<Arc<[u8]>, Failure> {
        self.file(path).map(|file| file.text)
    }

    /// A file's contents and permissions.
    pub fn file(&self, path: &Path) -> Result<File, Failure> {
        match self.files.get(path) {
            Some(result) => result.clone(),
            None => {
                self.want(Want::File(path.to_owned()));
                Ok(File::default())
            }
        }
    }

    /// The contents of a file that something renews without touching the configuration:
    /// certificates, keys, revocation lists. It is noted as such.
    pub fn read_renewable(&self, path: &Path) -> Result<Arc<[u8]>, Failure> {
        lock(&self.renewable).insert(path.to_owned());
        self.read(path)
    }

    /// The files that were read as renewable ones.
    pub fn renewable_files(&self) -> BTreeSet<PathBuf> {
        lock(&self.renewable).clone()
    }

    /// The same inputs, with these files in place of what they were.
    pub fn renewed(&self, files: BTreeMap<PathBuf, Result<File, Failure>>) -> Self {
        let mut all = self.files.clone();
        all.extend(files);
        Self {
            prefix: self.prefix.clone(),
            conf_file: self.conf_file.clone(),
            globals: self.globals.clone(),
            hostname: self.hostname.clone(),
            environment: self.environment.clone(),
            files: all,
            globs: self.globs.clone(),
            hosts: self.hosts.clone(),
            users: self.users.clone(),
            groups: self.groups.clone(),
            secret: self.secret.clone(),
            wants: Mutex::default(),
            renewable: Mutex::default(),
        }
    }

    /// The paths that match a pattern, sorted; none is no error.
    pub fn glob(&self, pattern: &Path) -> Vec<PathBuf> {
        self.globs.get(pattern).cloned().unwrap_or_else(|| {
            self.want(Want::Glob(pattern.to_owned()));
            Vec::new()
        })
    }

    /// The addresses of a host name; an address stands for itself.
    pub fn resolve(&self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        if let Ok(ip) = host.trim_start_matches('[').trim_end_matches(']').parse() {
            return Ok(vec![ip]);
        }
        match self.hosts.get(host) {
            Some(result) => result.clone(),
            None => {
                self.want(Want::Host(host.to_owned()));
                Ok(vec![IpAddr::from([127, 0, 0, 1])])
            }
        }
    }

    /// The ids of a user, if there is such a user.
    pub fn user(&self, name: &str) -> Option<UserIds> {
        *self.users.get(name).unwrap_or_else(|| {
            self.want(Want::User(name.to_owned()));
            &Some(UserIds { uid: 0, gid: 0 })
        })
    }

    /// The id of a group, if there is such a group.
    pub fn group(&self, name: &str) -> Option<u32> {
        *self.groups.get(name).unwrap_or_else(|| {
            self.want(Want::Group(name.to_owned()));
            &Some(0)
        })
    }

    /// What was asked for in vain since the last call. Empty: the last compilation is good.
    pub fn take_wants(&self) -> BTreeSet<Want> {
        std::mem::take(&mut *lock(&self.wants))
    }

    /// Whether something was asked for in vain since [`Bundle::take_wants`]. Then what is compiled
    /// will be compiled again.
    pub fn is_incomplete(&self) -> bool {
        !lock(&self.wants).is_empty()
    }

    /// A path that is relative to the folder of the main file: includes, certificates, passwords.
    pub fn conf_path(&self, path: &[u8]) -> PathBuf {
        let folder = self.conf_file.parent().unwrap_or(Path::new("/"));
        folder.join(Path::new(std::ffi::OsStr::from_bytes(path)))
    }

    /// A path that is relative to the prefix: logs, served files, temporary folders.
    pub fn prefix_path(&self, path: &[u8]) -> PathBuf {
        self.prefix
            .join(Path::new(std::ffi::OsStr::from_bytes(path)))
    }

    fn want(&self, want: Want) {
        lock(&self.wants).insert(want);
    }
}

fn lock<T>(set: &Mutex<T>) -> MutexGuard<'_, T> {
    set.lock().unwrap_or_else(PoisonError::into_inner)
}
