//! The command line: nginx's switches, exactly, and the subcommands that need no file.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use net::sys::signal::Signal;

pub mod builtin;
pub mod recording;
pub mod version;

use builtin::Job;

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Print the version, and go on to what follows if that is a test.
    Version {
        /// With the help (`-h`).
        help: bool,
        /// With the configure arguments (`-V`).
        configure: bool,
        /// The test that was asked for, too (`-V -t`).
        then: Option<Box<Command>>,
    },
    /// Run the server.
    Serve(Options),
    /// Test the configuration (`-t`), and print it (`-T`).
    Test {
        /// Where it is.
        options: Options,
        /// Whether to print it.
        dump: bool,
        /// Whether to say nothing if all is well (`-q`).
        quiet: bool,
    },
    /// Send a signal to the master that runs (`-s`).
    Signal {
        /// Where its configuration is, which names its pid file.
        options: Options,
        /// Which.
        signal: Signal,
    },
    /// Print the file that a subcommand stands for (`--print-config`).
    Print(Job),
    /// Do something with recordings (`portway recording`).
    Recording(recording::Job),
    /// Say what can be done with recordings.
    RecordingHelp,
}

/// Where the configuration comes from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options {
    /// `-p`.
    pub prefix: Option<PathBuf>,
    /// `-c`.
    pub conf_file: Option<PathBuf>,
    /// `-e`; `stderr` is [`ErrorLogFile::Stderr`].
    pub error_log: Option<ErrorLogFile>,
    /// `-g`.
    pub globals: Option<String>,
    /// A subcommand instead of a file.
    pub job: Option<Job>,
}

/// Where errors go before a configuration says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorLogFile {
    /// Standard error.
    Stderr,
    /// A file, relative to the prefix.
    File(PathBuf),
}

/// A command line that cannot be understood; what is said after `portway: `.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageError(pub String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the arguments, the program's name not among them.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut args = args.into_iter().peekable();
    let first = args.peek().map(OsString::as_os_str);
    if let Some(word) = first.filter(|word| !word.as_bytes().starts_with(b"-")) {
        let word = word.to_owned();
        args.next();
        if word == "recording" {
            return recording::parse(args.map(|arg| arg.to_string_lossy().into_owned()));
        }
        return builtin::parse(&word, args);
    }
    let mut parsed = Switches::default();
    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("--help") => parsed.help = true,
            Some("--version") => parsed.version = true,
            _ => parsed.read(&arg, &mut args)?,
        }
    }
    Ok(parsed.command())
}

#[derive(Debug, Default)]
struct Switches {
    help: bool,
    version: bool,
    configure: bool,
    test: bool,
    dump: bool,
    quiet: bool,
    signal: Option<Signal>,
    options: Options,
}

impl Switches {
    /// Reads one argument: a dash and letters, of which the last may take a value, from the rest
    /// of the argument or from the next one.
    fn read(
        &mut self,
        arg: &OsStr,
        rest: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), UsageError> {
        let Some(letters) = arg.as_bytes().strip_prefix(b"-") else {
            return Err(invalid(arg.to_string_lossy()));
        };
        for (index, &letter) in letters.iter().enumerate() {
            let mut value = |what: &str| {
                let tail = &letters[index + 1..];
                match tail {
                    [] => rest.next().ok_or_else(|| requires(letter, what)),
                    _ => Ok(OsStr::from_bytes(tail).to_owned()),
                }
            };
            match letter {
                b'?' | b'h' => self.help = true,
                b'v' => self.version = true,
                b'V' => self.configure = true,
                b't' => self.test = true,
                b'T' => (self.test, self.dump) = (true, true),
                b'q' => self.quiet = true,
                b'p' => {
                    self.options.prefix = Some(value("directory name")?.into());
                    return Ok(());
                }
                b'c' => {
                    self.options.conf_file = Some(value("file name")?.into());
                    return Ok(());
                }
                b'e' => {
                    self.options.error_log = Some(error_log(value("file name")?));
                    return Ok(());
                }
                b'g' => {
                    let text = value("parameter")?;
                    self.options.globals = Some(text.to_string_lossy().into_owned());
                    return Ok(());
                }
                b's' => {
                    self.signal = Some(signal(&value("parameter")?)?);
                    return Ok(());
                }
                _ => return Err(invalid(String::from_utf8_lossy(&[letter]))),
            }
        }
        Ok(())
    }

    fn command(self) -> Command {
        let options = self.options;
        let job = match (self.test, self.signal) {
            (true, _) => Some(Command::Test {
                options,
                dump: self.dump,
                quiet: self.quiet,
            }),
            (false, Some(signal)) => Some(Command::Signal { options, signal }),
            (false, None) if self.help || self.version || self.configure => None,
            (false, None) => return Command::Serve(options),
        };
        if !(self.help || self.version || self.configure) {
            return job.unwrap_or(Command::Serve(Options::default()));
        }
        // As nginx: of what else was asked for, only a test is done.
        Command::Version {
            help: self.help,
            configure: self.configure,
            then: job.filter(|_| self.test).map(Box::new),
        }
    }
}

fn error_log(value: OsString) -> ErrorLogFile {
    match value == "stderr" {
        true => ErrorLogFile::Stderr,
        false => ErrorLogFile::File(value.into()),
    }
}

fn signal(name: &OsStr) -> Result<Signal, UsageError> {
    match name.to_str() {
        Some("stop") => Ok(Signal::Term),
        Some("quit") => Ok(Signal::Quit),
        Some("reopen") => Ok(Signal::Usr1),
        Some("reload") => Ok(Signal::Hup),
        _ => Err(invalid(format!("-s {}", name.to_string_lossy()))),
    }
}

fn invalid(option: impl fmt::Display) -> UsageError {
    UsageError(format!("invalid option: \"{option}\""))
}

fn requires(letter: u8, what: &str) -> UsageError {
    let letter = char::from(letter);
    UsageError(format!("option \"-{letter}\" requires {what}"))
}

#[cfg(test)]
mod tests;
