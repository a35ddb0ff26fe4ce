//! The error log, and the files that logs are written to (`ngx_log`, `ngx_errlog_module`).
//!
//! An [`ErrorLog`] is what one `error_log` context admits: a list of levels and sinks, immutable,
//! shared by all threads. A message that no sink admits costs one comparison.

use std::cell::Cell;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Addr, clock};

mod file;
pub mod syslog;
pub mod time;

pub use file::{Files, LogFile};
pub use syslog::Syslog;

/// How grave a message is; the graver, the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// The program cannot go on, or a configuration is refused.
    Emerg = 1,
    /// Something that never happens in a sane system.
    Alert,
    /// A resource is exhausted, or a file is missing that should be there.
    Crit,
    /// A request failed through no fault of its client.
    Error,
    /// Something works, but not as intended.
    Warn,
    /// What an operator wants to know: starts, reloads, stops.
    Notice,
    /// What single clients do wrong.
    Info,
    /// For finding faults in this program.
    Debug,
}

impl Level {
    /// All of them, the gravest first.
    pub const ALL: [Level; 8] = [
        Level::Emerg,
        Level::Alert,
        Level::Crit,
        Level::Error,
        Level::Warn,
        Level::Notice,
        Level::Info,
        Level::Debug,
    ];

    /// The name that stands in configurations and log lines.
    pub fn name(self) -> &'static str {
        match self {
            Level::Emerg => "emerg",
            Level::Alert => "alert",
            Level::Crit => "crit",
            Level::Error => "error",
            Level::Warn => "warn",
            Level::Notice => "notice",
            Level::Info => "info",
            Level::Debug => "debug",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no level.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a log level")]
pub struct UnknownLevel;

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(name: &str) -> Result<Self, UnknownLevel> {
        let level = Level::ALL.into_iter().find(|level| level.name() == name);
        level.ok_or(UnknownLevel)
    }
}

/// Where messages go.
#[derive(Debug, Clone)]
pub enum Sink {
    /// A log file.
    File(Arc<LogFile>),
    /// Standard error, with the line of a log file.
    Stderr,
    /// A syslog server.
    Syslog(Arc<Syslog>),
    /// Standard error for a person who just started the program: `portway: [level] message`.
    /// Admits nothing below `warn`, and nothing that [`Stderr`](Sink::Stderr) shows already.
    Console,
}

/// A sink as a configuration names it, before anything is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A file, by its full path.
    File(PathBuf),
    /// Standard error.
    Stderr,
    /// A syslog server, and its address.
    Syslog(syslog::Spec, Addr),
}

/// What one `error_log` context writes, and to where.
#[derive(Debug, Clone, Default)]
pub struct ErrorLog {
    sinks: Vec<(Level, Sink)>,
    /// The least grave level that any sink admits.
    admits: Option<Level>,
}

impl ErrorLog {
    /// A log with these sinks. Each that admits a message gets one copy, also if two are the same
    /// file.
    pub fn new(sinks: Vec<(Level, Sink)>) -> Self {
        let admits = sinks.iter().map(|(level, _)| *level).max();
        Self { sinks, admits }
    }

    /// The log that `targets` describe. Files that are not open in `files` yet are opened.
    pub fn open(targets: &[(Level, Target)], files: &Files) -> io::Result<Self> {
        let sink = |target: &Target| -> io::Result<Sink> {
            Ok(match target {
                Target::File(path) => Sink::File(files.open(path)?),
                Target::Stderr => Sink::Stderr,
                Target::Syslog(spec, server) => {
                    let host = crate::sys::user::host_name();
                    Sink::Syslog(Arc::new(Syslog::new(spec, server.clone(), &host)))
                }
            })
        };
        let sinks: io::Result<_> = targets
            .iter()
            .map(|(level, target)| Ok((*level, sink(target)?)))
            .collect();
        Ok(Self::new(sinks?))
    }

    /// A log for tests and for the time before there is a configuration: standard error.
    pub fn stderr(level: Level) -> Self {
        Self::new(vec![(level, Sink::Stderr)])
    }

    /// The same log with one sink more.
    pub fn with(&self, level: Level, sink: Sink) -> Self {
        let mut sinks = self.sinks.clone();
        sinks.push((level, sink));
        Self::new(sinks)
    }

    /// The levels and sinks.
    pub fn sinks(&self) -> &[(Level, Sink)] {
        &self.sinks
    }

    /// Whether a message of this level would be written anywhere.
    pub fn admits(&self, level: Level) -> bool {
        self.admits.is_some_and(|least| level <= least)
    }

    /// Writes one message: `YYYY/MM/DD HH:MM:SS [level] pid#tid: *conn message`. Longer lines than
    /// [`LINE_MAX`] are cut; control characters are shown as `\x1B` and the like.
    pub fn log(&self, level: Level, conn: Option<u64>, message: fmt::Arguments<'_>) {
        if !self.admits(level) {
            return;
        }
        let mut line = Line::start(level, conn);
        // A full line refuses the rest of the message, which is what is wanted.
        let _ = line.write_fmt(message);
        self.deliver(level, line);
    }

    /// As [`log`](Self::log), for a message that holds a client's bytes, which may not be UTF-8.
    pub fn log_bytes(&self, level: Level, conn: Option<u64>, message: &[u8]) {
        if !self.admits(level) {
            return;
        }
        let mut line = Line::start(level, conn);
        let _ = line.write_all(message);
        self.deliver(level, line);
    }

    fn deliver(&self, level: Level, mut line: Line) {
        let message_from = line.message_from;
        let text = line.finish();
        let mut failed = None;
        for (_, sink) in self.sinks.iter().filter(|(least, _)| level <= *least) {
            match sink {
                Sink::File(file) => file.write(text),
                Sink::Stderr => write_stderr(text),
                Sink::Console => self.write_console(level, message_from, text),
                Sink::Syslog(server) => {
                    let line = text.trim_ascii_end();
                    failed = server.send_error_line(level, line).err().or(failed);
                }
            }
        }
        if let Some(failure) = failed {
            self.report(failure);
        }
    }

    fn write_console(&self, level: Level, message_from: usize, text: &[u8]) {
        let shown = |(least, sink): &(Level, Sink)| level <= *least && matches!(sink, Sink::Stderr);
        if level > Level::Warn || self.sinks.iter().any(shown) {
            return;
        }
        let mut line = format!("portway: [{level}] ").into_bytes();
        line.extend_from_slice(text.get(message_from..).unwrap_or_default());
        write_stderr(&line);
    }

    /// Tells the sinks that are not syslog servers that one of those does not take messages.
    fn report(&self, failure: syslog::Failure) {
        let mut rest = self.clone();
        rest.sinks
            .retain(|(_, sink)| !matches!(sink, Sink::Syslog(_)));
        Self::new(rest.sinks).log(Level::Error, None, format_args!("{failure}"));
    }
}

/// The longest line of an error log, with its end, as in nginx.
pub const LINE_MAX: usize = 2048;

/// A line of the error log that is being written.
struct Line {
    buf: [u8; LINE_MAX],
    len: usize,
    /// Where the message starts, after time, level and ids.
    message_from: usize,
}

impl Line {
    fn start(level: Level, conn: Option<u64>) -> Self {
        let mut line = Line {
            buf: [0; LINE_MAX],
            len: 0,
            message_from: 0,
        };
        let (pid, tid) = ids();
        // What stands before the message is far shorter than a line.
        let _ = time::with(|times| write!(line, "{} [{level}] {pid}#{tid}: ", times.error_log()));
        line.message_from = line.len;
        if let Some(conn) = conn {
            let _ = write!(line, "*{conn} ");
        }
        line
    }

    /// Ends the line; room for that was kept.
    fn finish(&mut self) -> &[u8] {
        self.buf[self.len] = b'\n';
        &self.buf[..=self.len]
    }
}

impl Line {
    /// Adds what is no control character; false if the line is full.
    fn append(&mut self, bytes: &[u8]) -> bool {
        let n = bytes.len().min(LINE_MAX - 1 - self.len);
        self.buf[self.len..self.len + n].copy_from_slice(&bytes[..n]);
        self.len += n;
        n == bytes.len()
    }
}

// DIFFERS: nginx writes control characters of names, URIs and peers' words into error_log as they
// are; here none can begin a line or command a terminal.
impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut rest = bytes;
        while let Some(at) = control_in(rest) {
            let (clean, behind) = rest.split_at(at);
            // Of a control character in UTF-8 both bytes are shown.
            let (control, behind) = behind.split_at(1 + usize::from(behind[0] == C1_LEAD));
            let mut is_room = self.append(clean);
            for byte in control {
                is_room = is_room && self.append(format!("\\x{byte:02X}").as_bytes());
            }
            if !is_room {
                return Ok(0);
            }
            rest = behind;
        }
        match self.append(rest) {
            true => Ok(bytes.len()),
            false => Ok(0),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What U+0080 to U+009F begin with in UTF-8: some terminals take them for commands.
const C1_LEAD: u8 = 0xc2;

/// Where the first control character is.
fn control_in(bytes: &[u8]) -> Option<usize> {
    let is_control = |(at, &byte): (usize, &u8)| match byte {
        0..0x20 | 0x7f => true,
        C1_LEAD => matches!(bytes.get(at + 1), Some(0x80..=0x9f)),
        _ => false,
    };
    bytes.iter().enumerate().position(is_control)
}

fn write_stderr(line: &[u8]) {
    // There is nowhere left to complain to.
    let _ = rustix::io::retry_on_intr(|| rustix::io::write(rustix::stdio::stderr(), line));
}

thread_local! {
    static IDS: Cell<Option<(u32, i32)>> = const { Cell::new(None) };
}

/// The ids of this process and thread.
fn ids() -> (u32, i32) {
    IDS.get().unwrap_or_else(|| {
        let tid = rustix::thread::gettid().as_raw_nonzero().get();
        let ids = (std::process::id(), tid);
        IDS.set(Some(ids));
        ids
    })
}

/// Forgets the ids of this thread: after a fork they are others.
pub(crate) fn forget_ids() {
    IDS.set(None);
    clock::refresh();
}

/// A system error as log lines show it: `(98: Address already in use)`.
#[derive(Debug, Clone, Copy)]
pub struct Errno<'a>(pub &'a io::Error);

impl fmt::Display for Errno<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match self.0.raw_os_error() {
            Some(code) => {
                let name = text.split(" (os error").next().unwrap_or_default();
                write!(f, "({code}: {name})")
            }
            None => write!(f, "({text})"),
        }
    }
}

#[cfg(test)]
mod tests;
