//! The command line of `portway recording`.

use std::path::PathBuf;
use std::time::Duration;

use conf::value;

use super::{Command, UsageError, invalid};

/// What is to be done with a folder of recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The folder.
    pub folder: PathBuf,
    /// What.
    pub what: What,
}

/// See [`HELP`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// What there is.
    List {
        /// For programs.
        json: bool,
        /// Only this person's.
        user: Option<String>,
        /// Only this desktop's.
        desktop: Option<String>,
    },
    /// Everything that is known of one.
    Info {
        /// Its id, or the beginning of it.
        id: String,
        /// For programs.
        json: bool,
    },
    /// Whether it is as it was written.
    Verify {
        /// Which; none means all.
        ids: Vec<String>,
        /// What the log says that its seal is.
        seal: Option<String>,
    },
    /// A moment as a PNG.
    Picture {
        /// Its id, or the beginning of it.
        id: String,
        /// The moment.
        at: Duration,
        /// The file, otherwise standard output.
        output: Option<PathBuf>,
    },
    /// The whole as FBS.
    Export {
        /// Its id, or the beginning of it.
        id: String,
        /// The file, otherwise standard output.
        output: Option<PathBuf>,
    },
    /// Gone.
    Delete {
        /// Which.
        ids: Vec<String>,
    },
    /// The old ones gone.
    Prune {
        /// What ended longer ago goes.
        keep: Option<Duration>,
        /// The oldest go until no more bytes are left.
        max_size: Option<u64>,
    },
}

/// The text of `portway recording --help`.
pub const HELP: &str = "\
Usage: portway recording list    DIR [--json] [user=NAME] [desktop=NAME]
       portway recording info    DIR ID [--json]
       portway recording verify  DIR [ID ...] [seal=DIGITS]
       portway recording picture DIR ID at=TIME [-o FILE.png]
       portway recording export  DIR ID [-o FILE.fbs]
       portway recording delete  DIR ID ...
       portway recording prune   DIR [keep=TIME] [max_size=SIZE]

Works on recordings of desktop sessions in DIR, the folder of \"vnc_record\".

  list     what there is, the newest first
  info     everything that is known of one
  verify   whether recordings are as they were written; without ID all of them.
           seal= compares with what the error log said when the recording ended
  picture  how the screen was at a moment, such as at=90s or at=1h5m, as PNG
  export   the whole as FBS 001.001, for other programs
  delete   removes recordings that are not being written
  prune    mends what a crash left, then removes recordings that ended longer
           than keep= ago, and the oldest until no more than max_size= is left

ID is the session's, or as much of its beginning as no other one has. Files are
standard output unless -o says otherwise. Times are as in nginx.conf: 30s, 5m,
30d; and so are sizes: 512k, 100m, 20g.

Exit codes: 0 all is well; 1 it could not be done; verify also has 2, something
was altered or is damaged, and 3, a recording was cut short but is unaltered.
";

/// Reads what follows `recording`.
pub fn parse(args: impl Iterator<Item = String>) -> Result<Command, UsageError> {
    let mut words = Words::default();
    let mut args = args;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-h" | "--help" => return Ok(Command::RecordingHelp),
            "--json" => words.json = true,
            "-o" => {
                let file = args.next();
                let file = file.ok_or_else(|| error("option \"-o\" requires file name"))?;
                words.output = Some(file.into());
            }
            _ if arg.starts_with('-') => return Err(invalid(arg)),
            _ => match arg.split_once('=') {
                Some((name, value)) => words.named.push((name.to_owned(), value.to_owned())),
                None => words.plain.push(arg),
            },
        }
    }
    if words.plain.is_empty() {
        return Ok(Command::RecordingHelp);
    }
    words.job().map(Command::Recording)
}

#[derive(Default)]
struct Words {
    plain: Vec<String>,
    named: Vec<(String, String)>,
    json: bool,
    output: Option<PathBuf>,
}

impl Words {
    fn job(mut self) -> Result<Job, UsageError> {
        let name = self.plain.remove(0);
        let what = match name.as_str() {
            "list" | "info" | "verify" | "picture" | "export" | "delete" | "prune" => name,
            _ => return Err(error(&format!("\"recording {name}\" does not exist"))),
        };
        if self.plain.is_empty() {
            return Err(error(&format!("\"recording {what}\" needs a folder")));
        }
        let folder = self.plain.remove(0).into();
        let what = self.what(&what)?;
        self.nothing_left()?;
        Ok(Job { folder, what })
    }

    fn what(&mut self, name: &str) -> Result<What, UsageError> {
        Ok(match name {
            "list" => What::List {
                json: std::mem::take(&mut self.json),
                user: self.take("user"),
                desktop: self.take("desktop"),
            },
            "info" => What::Info {
                id: self.one(name)?,
                json: std::mem::take(&mut self.json),
            },
            "verify" => What::Verify {
                ids: std::mem::take(&mut self.plain),
                seal: self.take("seal"),
            },
            "picture" => What::Picture {
                id: self.one(name)?,
                at: self
                    .read("at", value::time)?
                    .ok_or_else(|| error("\"recording picture\" needs a moment, such as at=90s"))?,
                output: self.output.take(),
            },
            "export" => What::Export {
                id: self.one(name)?,
                output: self.output.take(),
            },
            "delete" => match std::mem::take(&mut self.plain) {
                ids if ids.is_empty() => return Err(needs_id(name)),
                ids => What::Delete { ids },
            },
            _ => What::Prune {
                keep: self.read("keep", value::time)?,
                max_size: self.read("max_size", value::offset)?,
            },
        })
    }

    fn one(&mut self, what: &str) -> Result<String, UsageError> {
        match self.plain.is_empty() {
            true => Err(needs_id(what)),
            false => Ok(self.plain.remove(0)),
        }
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.named.iter().position(|(known, _)| known == name)?;
        Some(self.named.remove(at).1)
    }

    fn read<T>(
        &mut self,
        name: &str,
        read: fn(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, UsageError> {
        let Some(text) = self.take(name) else {
            return Ok(None);
        };
        let value = read(text.as_bytes());
        let wrong = || error(&format!("invalid value \"{text}\" of \"{name}=\""));
        value.map(Some).ok_or_else(wrong)
    }

    /// What was given and means nothing here is a mistake.
    fn nothing_left(self) -> Result<(), UsageError> {
        let left = self.plain.into_iter().next();
        let left = left.or_else(|| self.named.first().map(|(name, _)| format!("{name}=")));
        let left = left.or_else(|| self.json.then(|| "--json".to_owned()));
        let left = left.or_else(|| self.output.map(|_| "-o".to_owned()));
        left.map_or(Ok(()), |left| Err(invalid(left)))
    }
}

fn needs_id(what: &str) -> UsageError {
    error(&format!(
        "\"recording {what}\" needs the id of a recording, as \"recording list\" shows it"
    ))
}

fn error(text: &str) -> UsageError {
    UsageError(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(line: &str) -> Result<Job, String> {
        let words = line.split_whitespace().map(str::to_owned);
        match parse(words) {
            Ok(Command::Recording(job)) => Ok(job),
            Ok(other) => panic!("{line}: {other:?}"),
            Err(error) => Err(error.0),
        }
    }

    #[test]
    fn every_job_takes_its_own_words() {
        let what = |line: &str| {
            let job = job(line).unwrap();
            assert_eq!(job.folder, PathBuf::from("/r"));
            job.what
        };
        assert_eq!(
            what("list /r --json user=ann"),
            What::List {
                json: true,
                user: Some("ann".into()),
                desktop: None
            }
        );
        assert_eq!(
            what("picture /r ab at=1m30s -o out.png"),
            What::Picture {
                id: "ab".into(),
                at: Duration::from_secs(90),
                output: Some("out.png".into())
            }
        );
        assert_eq!(
            what("prune /r max_size=20g keep=30d"),
            What::Prune {
                keep: Some(Duration::from_secs(30 * 86_400)),
                max_size: Some(20 << 30)
            }
        );
        assert_eq!(
            what("delete /r ab cd"),
            What::Delete {
                ids: vec!["ab".into(), "cd".into()]
            }
        );
    }

    #[test]
    fn what_is_missing_or_too_much_is_named() {
        for (line, words) in [
            ("lst /r", "\"recording lst\" does not exist"),
            ("list", "\"recording list\" needs a folder"),
            ("list /r x", "invalid option: \"x\""),
            ("info /r", "\"recording info\" needs the id of a recording"),
            ("info /r ab -o x", "invalid option: \"-o\""),
            ("picture /r ab", "\"recording picture\" needs a moment"),
            ("picture /r ab at=x", "invalid value \"x\" of \"at=\""),
            ("prune /r age=5d", "invalid option: \"age=\""),
            ("export /r ab --json", "invalid option: \"--json\""),
            ("export /r ab -o", "option \"-o\" requires file name"),
            ("verify /r --deep", "invalid option: \"--deep\""),
        ] {
            let error = job(line).unwrap_err();
            assert!(error.starts_with(words), "{line}: {error}");
        }
    }

    #[test]
    fn without_a_job_there_is_help() {
        for line in ["", "--help", "list -h"] {
            let words = line.split_whitespace().map(str::to_owned);
            assert_eq!(parse(words), Ok(Command::RecordingHelp), "{line}");
        }
    }
}
