//! Tokens: websockify's files, re-read whenever they change; a service or a Redis server that is
//! asked; tokens that are signed. What a source says is a [`Ticket`].

mod file;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod http;
mod instant;
mod jwt;
mod redis;
mod spent;
mod stamp;
#[cfg(test)]
mod tests;
mod ticket;
mod words;

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use file::TokenFile;

pub use self::http::{HttpSource, Service};
pub use self::jwt::Signed;
pub use self::redis::{RedisSource, Store};
pub use self::spent::{SpendError, Spending, SpentTokens};
pub use self::stamp::Stamp;
pub use self::ticket::{Bearer, Place, Ticket, TicketError};

/// Files of a token directory that are read.
const FILES_MAX: usize = 100_000;

/// Bytes of a file whose name is the token.
const NAMED_LEN_MAX: u64 = 4096;

/// A token that is nowhere makes a directory be looked through again, but not more often.
const RESCAN_INTERVAL: Duration = Duration::from_millis(500);

/// Where tokens are looked up. Shared by threads; a lookup in files costs a `stat` or two while
/// nothing has changed.
#[derive(Debug)]
pub enum TokenSource {
    /// A file of lines `token: host:port`.
    File(TokenList),
    /// A directory of such files; in the order of their names, the last line for a token counts.
    Dir(TokenDir),
    /// A directory in which a file's name is the token and its content the target.
    NameDir(PathBuf),
    /// A service that is asked about each.
    Http(HttpSource),
    /// A Redis server that is asked about each.
    Redis(RedisSource),
    /// None: tokens are signed and say it themselves.
    Jwt(Signed),
}

/// Why a source is asked about a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Somebody wants to open a session, or to know whether that is possible. The answer may be
    /// some seconds old.
    ToOpen,
    /// A session lives, and its token may have changed.
    Again,
}

/// Why a token could not be looked up. Not for the person: it names files.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The source cannot be read.
    #[error("cannot read tokens from {path}: {error}")]
    Unreadable {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// The token stands there, with something that makes no sense.
    #[error("bad line for a token in {path}: {error}")]
    BadTicket {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        error: TicketError,
    },
    /// A service, or a signed token, says something that makes no sense.
    #[error("a token of {of} makes no sense: {error}")]
    BadAnswer {
        /// The service, or the file with the keys.
        of: String,
        /// What is wrong.
        error: String,
    },
    /// A service does not answer.
    #[error("asking {of} about a token failed: {error}")]
    Failed {
        /// The service.
        of: String,
        /// What went wrong.
        error: String,
    },
    /// A signed token that nobody vouches for, or that is for somebody else.
    #[error("a token is not believed, by the keys of {of}: {error}")]
    Disbelieved {
        /// The file with the keys.
        of: String,
        /// What is wrong.
        error: String,
    },
}

impl TokenError {
    /// Whether the token itself is at fault, and not the source: then it is as good as unknown.
    pub fn is_of_token(&self) -> bool {
        matches!(self, Self::Disbelieved { .. })
    }
}

impl TokenSource {
    /// A file of tokens, read at the first lookup.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::File(TokenList {
            file: Mutex::new(TokenFile::new(path.into())),
        })
    }

    /// A directory of such files.
    pub fn dir(path: impl Into<PathBuf>) -> Self {
        Self::Dir(TokenDir {
            path: path.into(),
            state: Mutex::default(),
        })
    }

    /// A directory of files named as their tokens.
    pub fn name_dir(path: impl Into<PathBuf>) -> Self {
        Self::NameDir(path.into())
    }

    /// A service.
    pub fn http(service: Service) -> Self {
        Self::Http(HttpSource::new(service))
    }

    /// A Redis server.
    pub fn redis(store: Store) -> Self {
        Self::Redis(RedisSource::new(store))
    }

    /// Signed tokens.
    pub fn jwt(signed: Signed) -> Self {
        Self::Jwt(signed)
    }

    /// What the source says of a token at this moment. `Ok(None)`: it knows no such token, or not
    /// any more. An error: it could not be asked, or what it says cannot be understood. Whoever has
    /// a session then keeps it, and nobody gets a new one. Cancel-safe.
    pub async fn lookup(&self, token: &str, asked: Asked) -> Result<Option<Ticket>, TokenError> {
        let max = match self {
            Self::Jwt(_) => SIGNED_LEN_MAX,
            _ => TOKEN_LEN_MAX,
        };
        if token.is_empty() || token.len() > max {
            return Ok(None);
        }
        match self {
            Self::File(list) => {
                let mut file = lock(&list.file);
                file.refresh()?;
                file.ticket(token)
            }
            Self::Dir(dir) => dir.lookup(token),
            Self::NameDir(path) => lookup_named(path, token),
            Self::Http(service) => service.lookup(token, asked).await,
            Self::Redis(redis) => redis.lookup(token).await,
            Self::Jwt(signed) => signed.lookup(token),
        }
    }

    /// What tells it from other sources: a token is used up for one of them.
    pub fn name(&self) -> String {
        match self {
            Self::File(list) => lock(&list.file).path().display().to_string(),
            Self::Dir(dir) => dir.path.display().to_string(),
            Self::NameDir(path) => path.display().to_string(),
            Self::Http(service) => service.name(),
            Self::Redis(redis) => redis.name(),
            Self::Jwt(signed) => signed.file.clone(),
        }
    }

    /// Whether the operator of this machine wrote the targets. What comes from elsewhere must not
    /// lead to what only this machine can reach.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::File(_) | Self::Dir(_) | Self::NameDir(_))
    }
}

/// The longest token.
const TOKEN_LEN_MAX: usize = 1024;

/// The longest token that is signed.
const SIGNED_LEN_MAX: usize = 16 * 1024;

/// A token as a log may show it: enough to recognise, not enough to use.
pub fn mask_token(token: &str) -> String {
    let shown = if token.chars().count() >= 12 { 4 } else { 0 };
    let start = token.chars().take(shown);
    start
        .map(|char| if char.is_ascii_graphic() { char } else { '?' })
        .chain("***".chars())
        .collect()
}

/// A file of tokens with what was read of it.
#[derive(Debug)]
pub struct TokenList {
    file: Mutex<TokenFile>,
}

/// A directory of token files with what was read of it.
#[derive(Debug)]
pub struct TokenDir {
    path: PathBuf,
    state: Mutex<DirState>,
}

#[derive(Debug, Default)]
struct DirState {
    /// Of the directory itself: changes when a file comes or goes.
    stamp: Option<Stamp>,
    scanned_at: Option<Instant>,
    files: BTreeMap<PathBuf, TokenFile>,
}

impl TokenDir {
    fn lookup(&self, token: &str) -> Result<Option<Ticket>, TokenError> {
        let mut state = lock(&self.state);
        let stamp = Stamp::of(&self.path).map_err(|error| unreadable(&self.path, error))?;
        if stamp.is_none() || stamp != state.stamp {
            return state.scan_for(token, &self.path, stamp);
        }
        let recent = |at: Instant| at.elapsed() < RESCAN_INTERVAL;
        match state.file_of(token).map(TokenFile::refresh) {
            // A hit costs one more `stat`: of the file that holds it.
            Some(Ok(false)) => state.ticket(token),
            None if state.scanned_at.is_some_and(recent) => Ok(None),
            _ => state.scan_for(token, &self.path, stamp),
        }
    }
}

impl DirState {
    /// Scans and looks the token up. A file that cannot be read matters only when the token is in
    /// none of the others.
    fn scan_for(
        &mut self,
        token: &str,
        dir: &Path,
        stamp: Option<Stamp>,
    ) -> Result<Option<Ticket>, TokenError> {
        let failed = self.scan(dir)?;
        self.stamp = stamp.filter(|_| failed.is_none());
        match (self.ticket(token)?, failed) {
            (None, Some(error)) => Err(error),
            (found, _) => Ok(found),
        }
    }

    /// Reads files that are new or changed and forgets those that are gone; gives back why one
    /// could not be read.
    fn scan(&mut self, dir: &Path) -> Result<Option<TokenError>, TokenError> {
        let entries = std::fs::read_dir(dir).map_err(|error| unreadable(dir, error))?;
        let mut known = std::mem::take(&mut self.files);
        let mut failed = None;
        for entry in entries.flatten().take(FILES_MAX) {
            let path = entry.path();
            if !path.is_file() {
                continue;
            }
            let mut file = known
                .remove(&path)
                .unwrap_or_else(|| TokenFile::new(path.clone()));
            match file.refresh() {
                Ok(_) => drop(self.files.insert(path, file)),
                Err(error) => failed = Some(error),
            }
        }
        self.scanned_at = Some(Instant::now());
        Ok(failed)
    }

    fn file_of(&mut self, token: &str) -> Option<&mut TokenFile> {
        self.files
            .values_mut()
            .rev()
            .find(|file| file.contains(token))
    }

    fn ticket(&mut self, token: &str) -> Result<Option<Ticket>, TokenError> {
        self.file_of(token)
            .map_or(Ok(None), |file| file.ticket(token))
    }
}

fn lookup_named(dir: &Path, token: &str) -> Result<Option<Ticket>, TokenError> {
    // A name that is not a single component could leave the directory.
    if token.contains(['/', '\0']) || token == "." || token == ".." {
        return Ok(None);
    }
    let path = dir.join(token);
    // The file's name is the secret.
    let shown = || dir.join(mask_token(token));
    let unreadable = |error| unreadable(&shown(), error);
    let file = match std::fs::File::open(&path) {
        Ok(file) => file,
        Err(error) if is_absent(&error) && dir.is_dir() => return Ok(None),
        Err(error) => return Err(unreadable(error)),
    };
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Ok(None);
    }
    let mut content = String::new();
    file.take(NAMED_LEN_MAX)
        .read_to_string(&mut content)
        .map_err(unreadable)?;
    let ticket = Ticket::parse(&content);
    ticket.map(Some).map_err(|error| TokenError::BadTicket {
        path: shown(),
        error,
    })
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidFilename, NotFound};
    matches!(error.kind(), NotFound | InvalidFilename)
}

fn unreadable(path: &Path, error: io::Error) -> TokenError {
    TokenError::Unreadable {
        path: path.into(),
        error,
    }
}

/// A panic while a list was read leaves a list that is read again.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
