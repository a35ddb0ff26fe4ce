//! The pid file: written when every socket listens, removed at the end.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use net::log::{Errno, Level};

use super::Logged;
use super::state::State;
use crate::core::Core;
use crate::defaults;
use crate::invocation::Invocation;

/// A pid file that holds the id of this process, if one was wanted.
#[derive(Debug)]
pub struct PidFile {
    path: Option<PathBuf>,
}

impl PidFile {
    /// Writes the file that the configuration names.
    pub fn create(state: &State) -> Result<Self, Logged> {
        let core = &state.setup.core;
        let Some(path) = path(core, &state.invocation) else {
            return Ok(Self { path: None });
        };
        match write(&path) {
            Ok(()) => Ok(Self { path: Some(path) }),
            // A person who just tries the program has no power over the default place.
            Err(error) if core.pid.is_none() && !net::sys::process::is_root() => {
                tell(state, Level::Notice, "open()", &path, &error);
                Ok(Self { path: None })
            }
            Err(error) => {
                tell(state, Level::Emerg, "open()", &path, &error);
                Err(Logged)
            }
        }
    }

    /// Moves to the file that a new configuration names, if it is another.
    pub fn follow(&mut self, state: &State) {
        if path(&state.setup.core, &state.invocation) == self.path {
            return;
        }
        if let Ok(next) = Self::create(state) {
            self.remove(state);
            *self = next;
        }
    }

    /// Removes the file.
    pub fn remove(&self, state: &State) {
        if let Some(path) = &self.path
            && let Err(error) = fs::remove_file(path)
        {
            tell(state, Level::Alert, "unlink()", path, &error);
        }
    }
}

/// Where the pid file of this configuration is; a subcommand has none.
pub fn path(core: &Core, invocation: &Invocation) -> Option<PathBuf> {
    match (&core.pid, &invocation.built_in) {
        (Some(path), _) => Some(path.clone()),
        (None, Some(_)) => None,
        (None, None) => Some(defaults::PID_FILE.into()),
    }
}

fn write(path: &Path) -> io::Result<()> {
    fs::write(path, format!("{}\n", std::process::id()))
}

fn tell(state: &State, level: Level, call: &str, path: &Path, error: &io::Error) {
    let (path, error) = (path.display(), Errno(error));
    state.log.log(
        level,
        None,
        format_args!("{call} \"{path}\" failed {error}"),
    );
}
