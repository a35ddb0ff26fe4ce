//! What a configuration holds open: its log files and sockets, and how a reload exchanges them.

use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::time::Instant;

use net::log::{Errno, ErrorLog, Files, Level, LogFile, Sink};

use super::Logged;
use super::sockets::Sockets;
use super::watch::{Found, Watch};
use super::{record_folders, temp_folders};
use crate::invocation::Invocation;
use crate::setup::{self, Setup};

/// The configuration in force, and everything that the process with the privileges holds for it.
pub struct State {
    /// How the program was called.
    pub invocation: Invocation,
    /// The configuration.
    pub setup: Setup,
    /// The sockets that it listens on.
    pub sockets: Sockets,
    /// The log files that are open.
    pub files: Arc<Files>,
    /// Those of this configuration; in force as long as they are held here.
    log_files: Vec<Arc<LogFile>>,
    /// The error log of the main context.
    pub log: ErrorLog,
    /// What is known of the certificates' files.
    watch: Watch,
}

impl State {
    /// Opens the logs and sockets of the first configuration. Problems go to `early`, and to the
    /// configuration's own log once that is open.
    pub fn open(invocation: Invocation, setup: Setup, early: &ErrorLog) -> Result<Self, Logged> {
        let files = Arc::new(Files::default());
        let log_files = open_logs(&setup, &files, early)?;
        let log = told(early, "open()", setup.open_log(&files))?;
        let loud = log.with(Level::Warn, Sink::Console);
        let threads = setup.core.worker.thread_count();
        let sockets = Sockets::open(&setup.listens(), threads, &Sockets::default(), &loud)?;
        temp_folders::prepare(&setup, &loud);
        record_folders::prepare(&setup, &loud);
        Ok(Self {
            watch: Watch::new(setup.core.certificate_watch),
            invocation,
            setup,
            sockets,
            files,
            log_files,
            log,
        })
    }

    /// Loads the configuration again and takes it if all is well; otherwise nothing changes.
    /// Gives the configuration that was in force.
    pub fn reload(&mut self) -> Result<Setup, Logged> {
        let setup = setup::load(&self.invocation, &self.log);
        self.take(setup.ok_or(Logged)?)
    }

    /// When the files of certificates are to be looked at.
    pub fn next_look(&self) -> Option<Instant> {
        self.watch.next()
    }

    /// Looks at the files of certificates if it is time to. If some have changed and fit together,
    /// the same configuration is taken with them, and the one that was in force given.
    pub fn renew(&mut self) -> Option<Setup> {
        if self.watch.next().is_none_or(|at| at > Instant::now()) {
            return None;
        }
        let Found { files, is_news } = self.watch.look(&self.setup.bundle)?;
        let names: Vec<_> = files.keys().cloned().collect();
        let bundle = self.setup.bundle.renewed(files);
        match setup::compile_renewed(bundle, &self.invocation) {
            Ok(setup) => {
                let watch = self.watch.clone();
                let old = self.take(setup).ok()?;
                self.watch = watch.settled();
                for name in names.iter().map(|name| name.display()) {
                    let message = format_args!("\"{name}\" has changed and is in force now");
                    self.log.log(Level::Notice, None, message);
                }
                Some(old)
            }
            Err(wrong) => {
                if is_news {
                    let message = format_args!("changed certificates are not taken yet: {wrong}");
                    self.log.log(Level::Warn, None, message);
                }
                None
            }
        }
    }

    /// Takes a configuration if its logs and sockets can be opened.
    fn take(&mut self, setup: Setup) -> Result<Setup, Logged> {
        if let Some(message) = setup.http.conflict(&self.setup.http) {
            self.log.log(Level::Emerg, None, format_args!("{message}"));
            return Err(Logged);
        }
        let result = self.open_next(&setup);
        match result {
            Ok((log_files, log, sockets)) => {
                self.log_files = log_files;
                self.log = log;
                let old = std::mem::replace(&mut self.sockets, sockets);
                old.unlink_all_but(&self.sockets, &self.log);
                self.files.close_unused();
                self.redirect_stderr();
                self.watch = Watch::new(setup.core.certificate_watch);
                Ok(std::mem::replace(&mut self.setup, setup))
            }
            Err(Logged) => {
                self.files.close_unused();
                Err(Logged)
            }
        }
    }

    fn open_next(&self, setup: &Setup) -> Result<(Vec<Arc<LogFile>>, ErrorLog, Sockets), Logged> {
        let log_files = open_logs(setup, &self.files, &self.log)?;
        let log = self.told("open()", setup.open_log(&self.files))?;
        let threads = setup.core.worker.thread_count();
        let sockets = Sockets::open(&setup.listens(), threads, &self.sockets, &self.log)?;
        temp_folders::prepare(setup, &self.log);
        record_folders::prepare(setup, &self.log);
        Ok((log_files, log, sockets))
    }

    /// Takes over a configuration whose logs and sockets are open already.
    pub fn replace(&mut self, setup: Setup, log: ErrorLog) {
        self.setup = setup;
        self.log = log;
        // The registry's files belong to the generations that write to them.
        self.log_files.clear();
    }

    /// Closes the sockets, and removes the files of unix sockets.
    pub fn close_sockets(&mut self) {
        let sockets = std::mem::take(&mut self.sockets);
        sockets.unlink_all_but(&Sockets::default(), &self.log);
    }

    /// Opens every log file again, after a rotation.
    pub fn reopen_logs(&self) {
        for (path, error) in self.files.reopen() {
            let (path, error) = (path.display(), Errno(&error));
            self.log.log(
                Level::Emerg,
                None,
                format_args!("open() \"{path}\" failed {error}"),
            );
        }
        self.redirect_stderr();
    }

    /// Lets standard error, where libraries and the runtime write, lead to the log, unless it is
    /// one itself.
    pub fn redirect_stderr(&self) {
        let sinks = self.log.sinks();
        if sinks.iter().any(|(_, sink)| matches!(sink, Sink::Stderr)) {
            return;
        }
        let file = sinks.iter().find_map(|(_, sink)| match sink {
            Sink::File(file) => Some(file),
            _ => None,
        });
        if let Some(file) = file {
            let _ = self.told(
                "dup2()",
                rustix::stdio::dup2_stderr(file.as_fd()).map_err(Into::into),
            );
        }
    }

    /// The result, with a failure of `call` logged.
    pub fn told<T>(&self, call: &str, result: io::Result<T>) -> Result<T, Logged> {
        told(&self.log, call, result)
    }
}

fn told<T>(log: &ErrorLog, call: &str, result: io::Result<T>) -> Result<T, Logged> {
    result.map_err(|error| {
        log.log(
            Level::Emerg,
            None,
            format_args!("{call} failed {}", Errno(&error)),
        );
        Logged
    })
}

fn open_logs(setup: &Setup, files: &Files, log: &ErrorLog) -> Result<Vec<Arc<LogFile>>, Logged> {
    let open = |path: &std::path::PathBuf| {
        let name = path.display();
        told(log, &format!("open() \"{name}\""), files.open(path))
    };
    setup.log_paths().iter().map(open).collect()
}
