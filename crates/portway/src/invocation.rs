//! What stays the same for the life of a process: the paths and the log that the command line set.

use std::path::{Path, PathBuf};

use net::log::{Errno, ErrorLog, Level, LogFile, Sink, Target};

use crate::cli::builtin::{Greeting, Job, Kind};
use crate::cli::{ErrorLogFile, Options};
use crate::defaults;
use crate::demo_desktop::DemoDesktop;

/// How the program was called, with every path in full.
#[derive(Debug)]
pub struct Invocation {
    /// Where relative paths of logs and pages begin; ends with `/`.
    pub prefix: PathBuf,
    /// The configuration file.
    pub conf_file: PathBuf,
    /// `-g`.
    pub globals: Option<String>,
    /// Where errors go until a configuration says otherwise, and if it does not.
    pub error_log: Target,
    /// The configuration of a subcommand, which is in no file.
    pub built_in: Option<String>,
    /// What to tell a person who started a job.
    pub greeting: Option<Greeting>,
    /// The built-in desktop, until it is started.
    pub demo: Option<DemoDesktop>,
}

impl Default for Invocation {
    fn default() -> Self {
        Self {
            prefix: defaults::PREFIX.into(),
            conf_file: defaults::CONF_FILE.into(),
            globals: None,
            error_log: Target::Stderr,
            built_in: None,
            greeting: None,
            demo: None,
        }
    }
}

impl Invocation {
    /// The invocation that these options mean in the current directory. Where nothing was asked
    /// for and nothing is configured, that is the demo.
    pub fn to_serve(mut options: Options) -> std::io::Result<Self> {
        let configured = options.conf_file.is_some() || Path::new(defaults::CONF_FILE).exists();
        if !configured && options.job.is_none() {
            options.job = Some(Job::demo());
        }
        Self::new(options)
    }

    /// The invocation that these options mean in the current directory.
    pub fn new(options: Options) -> std::io::Result<Self> {
        let here = std::env::current_dir()?;
        let prefix = match &options.prefix {
            Some(prefix) => here.join(prefix),
            None => defaults::PREFIX.into(),
        };
        // Joined with nothing, a path gets the slash at its end that nginx gives it.
        let prefix = prefix.join("");
        let (mut job, mut demo) = (options.job, None);
        if let Some(Kind::Demo { desktop }) = job.as_mut().map(|job| &mut job.kind) {
            let bound = DemoDesktop::bind()?;
            *desktop = bound.addr()?.to_string();
            demo = Some(bound);
        }
        let conf_file = match (&job, &options.conf_file) {
            (Some(_), _) => "built-in".into(),
            // DIFFERS: without -p nginx takes the path as relative to the prefix that was compiled
            // in, which nobody means.
            (None, Some(file)) if options.prefix.is_none() => here.join(file),
            (None, Some(file)) => prefix.join(file),
            (None, None) => defaults::CONF_FILE.into(),
        };
        let error_log = match (options.error_log, &job) {
            (Some(ErrorLogFile::Stderr), _) | (None, Some(_)) => Target::Stderr,
            (Some(ErrorLogFile::File(path)), _) => Target::File(prefix.join(path)),
            (None, None) => Target::File(defaults::ERROR_LOG.into()),
        };
        Ok(Self {
            prefix,
            conf_file,
            globals: options.globals,
            error_log,
            built_in: job.as_ref().map(Job::configuration),
            greeting: job.as_ref().map(|job| job.greeting(&program())),
            demo,
        })
    }

    /// The log of the time before there is a configuration. If its file cannot be opened, standard
    /// error takes its place here and wherever a configuration names no log.
    pub fn open_log(&mut self, level: Level) -> ErrorLog {
        let console = (Level::Warn, Sink::Console);
        if let Target::File(path) = &self.error_log {
            match LogFile::open(path) {
                Ok(file) => return ErrorLog::new(vec![(level, Sink::File(file.into())), console]),
                Err(error) => {
                    let name = path.display();
                    let error = Errno(&error);
                    // Whoever did not ask for a log need not have the folder of the default one,
                    // and reads what is wrong in the form for people.
                    if path == Path::new(defaults::ERROR_LOG) {
                        self.error_log = Target::Stderr;
                        return ErrorLog::new(vec![console]);
                    }
                    eprintln!(
                        "portway: [alert] could not open error log file: \
                         open() \"{name}\" failed {error}"
                    );
                    self.error_log = Target::Stderr;
                }
            }
        }
        ErrorLog::new(vec![(level, Sink::Stderr), console])
    }
}

/// What the program was called by, so that what is suggested works where it is read: after a build
/// it stands in no folder that is searched.
fn program() -> String {
    let called = std::env::args().next().unwrap_or_default();
    match called.contains('/') {
        true => called,
        false => "portway".to_owned(),
    }
}
