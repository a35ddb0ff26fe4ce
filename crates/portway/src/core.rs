//! The main and `events` contexts (`ngx_core_module`, `ngx_event_core_module`,
//! `ngx_errlog_module`).

use std::path::PathBuf;
use std::time::Duration;

use conf::{Bundle, Diagnostic, Diagnostics, Item};
use net::log::{Level, Target};
use net::sys::user::User;

use crate::defaults;

mod affinity;
mod directives;

pub use affinity::Affinity;
pub use directives::{DIRECTIVES, EVENTS, MAIN, Setter};

/// What the main and `events` contexts say, with defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Core {
    /// Whether to leave the terminal.
    pub daemon: bool,
    /// Whether a master watches over the worker.
    pub master: bool,
    /// The pid file; `None` if the configuration names none.
    pub pid: Option<PathBuf>,
    /// Where messages go; never empty.
    pub error_log: Vec<(Level, Target)>,
    /// What makes up the worker process: if this changes, a reload needs a new one.
    pub worker: WorkerSettings,
    /// How long old generations may go on after a reload or QUIT; `None` is for ever.
    pub shutdown_timeout: Option<Duration>,
    /// How often certificates and keys are looked at; `None` for never.
    pub certificate_watch: Option<Duration>,
    /// Connections that each thread holds at most.
    pub worker_connections: usize,
}

/// What cannot be changed in a worker that runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkerSettings {
    /// Whom it runs as; `None` if the configuration does not say.
    pub user: Option<User>,
    /// Its threads; `None` for as many as there are processors.
    pub threads: Option<usize>,
    /// The processors of each thread.
    pub affinity: Affinity,
    /// The scheduling priority.
    pub priority: i32,
    /// The limit of open files.
    pub open_files_max: Option<u64>,
    /// The limit of a core file.
    pub core_bytes_max: Option<u64>,
    /// The environment that it keeps: names, and values of those that are set here.
    pub environment: Vec<(String, Option<String>)>,
    /// Where it runs.
    pub directory: Option<PathBuf>,
}

/// What the directives of the main and `events` contexts have said so far.
#[derive(Debug, Default)]
pub struct Draft {
    daemon: Option<bool>,
    master: Option<bool>,
    pid: Option<PathBuf>,
    error_log: Vec<(Level, Target)>,
    user: Option<User>,
    threads: Option<Option<usize>>,
    affinity: Option<Affinity>,
    priority: Option<i32>,
    open_files_max: Option<u64>,
    core_bytes_max: Option<u64>,
    environment: Vec<(String, Option<String>)>,
    directory: Option<PathBuf>,
    shutdown_timeout: Option<Duration>,
    certificate_watch: Option<Option<Duration>>,
    worker_connections: Option<usize>,
    events: bool,
    /// What is not as with nginx.
    notices: Diagnostics,
}

/// Compiles the main context, without its `http` block. `default_log` is the file that errors go
/// to if the configuration names none.
pub fn compile(
    items: &[Item],
    bundle: &Bundle,
    default_log: &Target,
    errors: &mut Diagnostics,
) -> Core {
    let mut draft = Draft::default();
    for item in items {
        if let Err(error) = draft.take(item, bundle, errors) {
            errors.push(error);
        }
    }
    if !draft.events && errors.is_empty() {
        errors.push(Diagnostic::emerg("no \"events\" section in configuration"));
    }
    errors.append(&mut draft.notices);
    draft.finish(default_log)
}

impl Draft {
    fn take(
        &mut self,
        item: &Item,
        bundle: &Bundle,
        errors: &mut Diagnostics,
    ) -> Result<(), Diagnostic> {
        let entry = conf::directive::find(DIRECTIVES.iter(), item, MAIN)?;
        self.notices.extend(entry.notice(item));
        (entry.set)(item, self, bundle)?;
        if item.name() == "events" {
            for item in item.entries() {
                let set = |entry: &conf::Directive<Setter>, draft: &mut Draft| {
                    draft.notices.extend(entry.notice(item));
                    (entry.set)(item, draft, bundle)
                };
                let entry = conf::directive::find(DIRECTIVES.iter(), item, EVENTS);
                if let Err(error) = entry.and_then(|entry| set(entry, self)) {
                    errors.push(error);
                }
            }
        }
        Ok(())
    }

    fn finish(mut self, default_log: &Target) -> Core {
        let is_file = |(_, target): &(Level, Target)| !matches!(target, Target::Syslog(..));
        if !self.error_log.iter().any(is_file) {
            // As nginx: a syslog server alone is not trusted to keep everything.
            self.error_log.push((Level::Error, default_log.clone()));
        }
        Core {
            daemon: self.daemon.unwrap_or(true),
            master: self.master.unwrap_or(true),
            pid: self.pid,
            error_log: self.error_log,
            worker: WorkerSettings {
                user: self.user,
                threads: self.threads.unwrap_or(Some(defaults::WORKER_PROCESSES)),
                affinity: self.affinity.unwrap_or_default(),
                priority: self.priority.unwrap_or(0),
                open_files_max: self.open_files_max,
                core_bytes_max: self.core_bytes_max,
                environment: self.environment,
                directory: self.directory,
            },
            // As nginx: a time of 0 is none at all.
            shutdown_timeout: self.shutdown_timeout.filter(|time| !time.is_zero()),
            certificate_watch: self
                .certificate_watch
                .unwrap_or(Some(defaults::CERTIFICATE_WATCH)),
            worker_connections: self
                .worker_connections
                .unwrap_or(defaults::WORKER_CONNECTIONS),
        }
    }
}

impl WorkerSettings {
    /// How many threads that is on this machine.
    pub fn thread_count(&self) -> usize {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        self.threads.unwrap_or(processors).max(1)
    }
}

#[cfg(test)]
mod tests;
