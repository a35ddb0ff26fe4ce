//! The logs that a configuration names, and the open files behind them.
//!
//! Compiling opens nothing: it collects targets, and whoever opened the files attaches them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use net::log::{ErrorLog, Files, Level, LogFile, Target};

/// An access log's file, connected when the files are open.
#[derive(Debug)]
pub struct FileTarget {
    path: PathBuf,
    file: OnceLock<Arc<LogFile>>,
}

impl FileTarget {
    /// Appends bytes that end with a line end.
    pub fn write(&self, bytes: &[u8]) {
        if let Some(file) = self.file.get() {
            file.write(bytes);
        }
    }
}

/// One `error_log` line: the least grave level that it takes, and where it goes.
pub type ErrorTarget = (Level, Target);

/// The error log of a level, connected when the files are open.
#[derive(Debug, Default)]
pub struct ErrorLogs {
    targets: Vec<ErrorTarget>,
    log: OnceLock<ErrorLog>,
}

impl ErrorLogs {
    /// The log to write to.
    pub fn log(&self) -> &ErrorLog {
        self.log.get_or_init(ErrorLog::default)
    }

    fn attach(&self, files: &Files) {
        // A file that cannot be opened was reported by whoever opened the files.
        self.log
            .get_or_init(|| ErrorLog::open(&self.targets, files).unwrap_or_default());
    }
}

/// All logs of a configuration.
#[derive(Debug, Default)]
pub struct LogTargets {
    files: Vec<Arc<FileTarget>>,
    errors: Vec<Arc<ErrorLogs>>,
}

impl LogTargets {
    /// The file of that path.
    pub fn file(&mut self, path: &Path) -> Arc<FileTarget> {
        if let Some(file) = self.files.iter().find(|file| file.path == path) {
            return file.clone();
        }
        let file = Arc::new(FileTarget {
            path: path.to_owned(),
            file: OnceLock::new(),
        });
        self.files.push(file.clone());
        file
    }

    /// The error log with these targets.
    pub fn errors(&mut self, targets: Vec<ErrorTarget>) -> Arc<ErrorLogs> {
        let logs = Arc::new(ErrorLogs {
            targets,
            log: OnceLock::new(),
        });
        self.errors.push(logs.clone());
        logs
    }

    /// The paths of all files.
    pub fn paths(&self) -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = self.files.iter().map(|file| file.path.clone()).collect();
        for target in self.errors.iter().flat_map(|errors| &errors.targets) {
            if let Target::File(path) = &target.1 {
                paths.push(path.clone());
            }
        }
        paths.sort();
        paths.dedup();
        paths
    }

    /// Connects everything with the open files.
    pub fn attach(&self, files: &Files) {
        for target in &self.files {
            if let Some(file) = files.get(&target.path) {
                target.file.get_or_init(|| file);
            }
        }
        self.errors.iter().for_each(|errors| errors.attach(files));
    }
}
