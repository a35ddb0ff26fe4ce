//! The logs that a configuration names, and the open files behind them.
//!
//! Compiling opens nothing: it collects targets, and whoever opened the files attaches them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use conf::{Bundle, Diagnostic, Item};
use net::Addr;
use net::log::{ErrorLog, Files, Level, LogFile, Target, syslog};

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
        self.log.get_or_init(|| ErrorLog::open(&self.targets, files).unwrap_or_default());
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
        let file = Arc::new(FileTarget { path: path.to_owned(), file: OnceLock::new() });
        self.files.push(file.clone());
        file
    }

    /// The error log with these targets.
    pub fn errors(&mut self, targets: Vec<ErrorTarget>) -> Arc<ErrorLogs> {
        let logs = Arc::new(ErrorLogs { targets, log: OnceLock::new() });
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

/// Reads the arguments of `error_log`.
pub fn parse_error_log(item: &Item, bundle: &Bundle) -> Result<ErrorTarget, Diagnostic> {
    let to = item.text(0)?;
    let to = match to.strip_prefix("syslog:") {
        Some(parameters) => {
            let spec = syslog::Spec::parse(parameters).map_err(|message| item.error(message))?;
            let addr = syslog_addr(item, &spec, bundle)?;
            Target::Syslog(spec, addr)
        }
        None if to == "stderr" => Target::Stderr,
        None => Target::File(bundle.prefix_path(to.as_bytes())),
    };
    let level = match item.args.get(1) {
        Some(word) => word.display().parse().map_err(|_| {
            item.error(format!("invalid log level \"{}\"", word.display())).at(word.span)
        })?,
        None => Level::Error,
    };
    Ok((level, to))
}

/// A syslog server of `access_log`.
pub fn syslog_sink(
    item: &Item,
    spec: &syslog::Spec,
    bundle: &Bundle,
) -> Result<syslog::Syslog, Diagnostic> {
    let addr = syslog_addr(item, spec, bundle)?;
    Ok(syslog::Syslog::new(spec, addr, &bundle.hostname))
}

fn syslog_addr(item: &Item, spec: &syslog::Spec, bundle: &Bundle) -> Result<Addr, Diagnostic> {
    let peers = upstream::server::peers(&spec.server, bundle, syslog::PORT);
    let peer = peers.map_err(|message| item.error(message))?.into_iter().next();
    Ok(peer.ok_or_else(|| item.error("no syslog server specified"))?.addr)
}
