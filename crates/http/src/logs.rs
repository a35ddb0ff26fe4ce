//! The logs that a configuration names, and the open files behind them.
//!
//! Compiling opens nothing: it collects targets, and whoever opened the files attaches them.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use conf::{Diagnostic, Item};
use net::log::{ErrorLog, Files, Level, LogFile, Sink, syslog};

use crate::module::Cx;

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

/// One `error_log` line.
#[derive(Debug, Clone)]
pub struct ErrorTarget {
    /// The least grave level that it takes.
    pub level: Level,
    /// Where it goes.
    pub to: ErrorSink,
}

/// Where an `error_log` goes.
#[derive(Debug, Clone)]
pub enum ErrorSink {
    /// A file.
    File(PathBuf),
    /// Standard error.
    Stderr,
    /// A syslog server.
    Syslog(Arc<syslog::Syslog>),
}

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
        let sinks = self.targets.iter().filter_map(|target| {
            let sink = match &target.to {
                ErrorSink::File(path) => Sink::File(files.get(path)?),
                ErrorSink::Stderr => Sink::Stderr,
                ErrorSink::Syslog(server) => Sink::Syslog(server.clone()),
            };
            Some((target.level, sink))
        });
        self.log.get_or_init(|| ErrorLog::new(sinks.collect()));
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
            if let ErrorSink::File(path) = &target.to {
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
pub fn parse_error_log(item: &Item, cx: &Cx<'_>) -> Result<ErrorTarget, Diagnostic> {
    let to = item.text(0)?;
    let to = match to.strip_prefix("syslog:") {
        Some(parameters) => {
            let spec = syslog::Spec::parse(parameters).map_err(|message| item.error(message))?;
            ErrorSink::Syslog(Arc::new(syslog_sink(item, &spec, cx)?))
        }
        None if to == "stderr" => ErrorSink::Stderr,
        None => ErrorSink::File(cx.bundle.prefix_path(to.as_bytes())),
    };
    let level = match item.args.get(1) {
        Some(word) => word.display().parse().map_err(|_| {
            item.error(format!("invalid log level \"{}\"", word.display())).at(word.span)
        })?,
        None => Level::Error,
    };
    Ok(ErrorTarget { level, to })
}

/// A syslog server of `error_log` or `access_log`.
pub fn syslog_sink(
    item: &Item,
    spec: &syslog::Spec,
    cx: &Cx<'_>,
) -> Result<syslog::Syslog, Diagnostic> {
    let peers = upstream::server::peers(&spec.server, cx.bundle, 514);
    let addr = peers.map_err(|message| item.error(message))?.into_iter().next();
    let addr = addr.ok_or_else(|| item.error("no syslog server specified"))?.addr;
    Ok(syslog::Syslog::new(spec, addr, &cx.bundle.hostname))
}
