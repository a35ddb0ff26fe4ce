//! `portway recording`: what an administrator does with recordings on disk.

mod text;

use std::fs::File;
use std::io::{self, IsTerminal as _, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use recording::{Entry, Folder, FolderError, Found, Limits, Verdict, verify};

use crate::cli::recording::{Job, What};

/// Something was altered.
const ALTERED: u8 = 2;

/// Something was cut short.
const CUT_SHORT: u8 = 3;

/// Does it.
pub fn run(job: Job) -> ExitCode {
    match execute(&Folder::new(job.folder), job.what) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("portway: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why it could not be done; a sentence.
#[derive(Debug)]
struct Failed(String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<FolderError> for Failed {
    fn from(error: FolderError) -> Self {
        Self(error.to_string())
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self(error.to_string())
    }
}

fn execute(folder: &Folder, what: What) -> Result<ExitCode, Failed> {
    if !folder.path().is_dir() {
        let shown = folder.path().display();
        return Err(Failed(format!("\"{shown}\" is not a folder")));
    }
    match what {
        What::List {
            json,
            user,
            desktop,
        } => list(folder, json, user.as_deref(), desktop.as_deref()),
        What::Info { id, json } => {
            let found = find(folder, &id)?;
            let entry = folder.entry(&found)?;
            let shown = match json {
                true => entry.to_json() + "\n",
                false => text::info(folder, &found, &entry),
            };
            print(&shown)
        }
        What::Verify { ids, seal } => check(folder, &ids, seal.as_deref()),
        What::Picture { id, at, output } => picture(folder, &id, at, output),
        What::Export { id, output } => export(folder, &id, output),
        What::Delete { ids } => {
            let all: Result<Vec<_>, _> = ids.iter().map(|id| find(folder, id)).collect();
            for found in all? {
                folder.delete(&found)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        What::Prune { keep, max_size } => prune(
            folder,
            Limits {
                keep,
                bytes_max: max_size,
            },
        ),
    }
}

/// The recording whose id, or name, begins so.
fn find(folder: &Folder, beginning: &str) -> Result<Found, Failed> {
    let all = folder.recordings()?;
    let begins = |found: &&Found| {
        found.name.id.to_string().starts_with(beginning) || found.name.to_string() == beginning
    };
    let mut matching = all.iter().filter(begins);
    let shown = folder.path().display();
    match (matching.next(), matching.next()) {
        (Some(found), None) => Ok(*found),
        (None, _) => Err(Failed(format!(
            "there is no recording \"{}\" in \"{shown}\"; \"portway recording list\" shows them",
            text::plain(beginning)
        ))),
        (Some(_), Some(_)) => Err(Failed(format!(
            "several recordings in \"{shown}\" begin with \"{beginning}\""
        ))),
    }
}

fn list(
    folder: &Folder,
    json: bool,
    user: Option<&str>,
    desktop: Option<&str>,
) -> Result<ExitCode, Failed> {
    let mut entries = Vec::new();
    let mut failed = false;
    for found in folder.recordings()? {
        match folder.entry(&found) {
            Ok(entry) => entries.push(entry),
            // One that cannot be read must not hide the others.
            Err(error) => {
                eprintln!("portway: {error}");
                failed = true;
            }
        }
    }
    entries.retain(|entry| {
        let facts = &entry.sidecar.facts;
        user.is_none_or(|user| facts.user.as_deref() == Some(user))
            && desktop.is_none_or(|desktop| facts.desktop == desktop)
    });
    let shown = match json {
        true => {
            let entries: Vec<String> = entries.iter().map(Entry::to_json).collect();
            format!("[{}]\n", entries.join(",\n"))
        }
        false => text::table(&entries),
    };
    print(&shown)?;
    Ok(match failed {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

fn check(folder: &Folder, ids: &[String], seal: Option<&str>) -> Result<ExitCode, Failed> {
    let all = match ids {
        [] => folder.recordings()?,
        ids => ids
            .iter()
            .map(|id| find(folder, id))
            .collect::<Result<_, _>>()?,
    };
    if seal.is_some() && all.len() != 1 {
        return Err(Failed(
            "\"seal=\" is about one recording: name its id".into(),
        ));
    }
    let mut gravest = 0;
    for found in &all {
        let verdict = verify(folder, found)?;
        let verdict = compare(verdict, seal)?;
        let code = match &verdict {
            Verdict::Whole { .. } => 0,
            Verdict::Altered { .. } => ALTERED,
            Verdict::CutShort { .. } => CUT_SHORT,
        };
        // What was altered is graver than what was cut short.
        gravest = match (gravest, code) {
            (ALTERED, _) | (_, ALTERED) => ALTERED,
            (before, code) => before.max(code),
        };
        print(&text::verdict(&found.name.id.to_string(), &verdict))?;
    }
    Ok(ExitCode::from(gravest))
}

/// Compares with the seal that somebody kept elsewhere.
fn compare(verdict: Verdict, kept: Option<&str>) -> Result<Verdict, Failed> {
    let Some(kept) = kept else {
        return Ok(verdict);
    };
    let kept = recording::sidecar::unhex(kept)
        .ok_or_else(|| Failed("a seal is 64 hexadecimal digits".into()))?;
    let (seal, good_ms) = match &verdict {
        Verdict::Whole { seal } => (Some(*seal), 0),
        Verdict::CutShort {
            seal, duration_ms, ..
        } => (*seal, *duration_ms),
        Verdict::Altered { .. } => return Ok(verdict),
    };
    match seal == Some(kept) {
        true => Ok(verdict),
        false => Ok(Verdict::Altered {
            what: "the seal is another one: all of it was made anew".into(),
            good_ms,
        }),
    }
}

fn export(folder: &Folder, id: &str, output: Option<PathBuf>) -> Result<ExitCode, Failed> {
    let found = find(folder, id)?;
    let mut reader = folder.read(&found)?;
    let mut out = Output::open(output)?;
    let failed = |error: recording::ReadError| Failed(error.to_string());
    while let Some(frame) = reader.next_frame().map_err(failed)? {
        out.write(frame.raw)?;
    }
    out.finish()
}

fn picture(
    folder: &Folder,
    id: &str,
    at: std::time::Duration,
    output: Option<PathBuf>,
) -> Result<ExitCode, Failed> {
    let found = find(folder, id)?;
    let until = u32::try_from(at.as_millis()).unwrap_or(u32::MAX);
    let replay = recording::index::Index::replay(folder, &found, until);
    let mut replay = replay.map_err(|error| Failed(error.to_string()))?;
    let failed = |error: recording::ReplayError| Failed(error.to_string());
    while replay.advance(until, usize::MAX).map_err(failed)? == recording::Progress::Short {}
    let screen = replay.screen();
    let screen = screen.ok_or_else(|| Failed("there is no picture in it yet".into()))?;
    let mut out = Output::open(output)?;
    out.write(&picture::encode_png(screen))?;
    out.finish()
}

fn prune(folder: &Folder, limits: Limits) -> Result<ExitCode, Failed> {
    let recovered = folder.recover();
    for name in recovered.names {
        print(&format!("{} was cut short; mended\n", name.id))?;
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let pruned = folder.prune(&limits, now.map_or(0, |now| now.as_secs()))?;
    print(&format!(
        "{} recordings removed, {}; {} left\n",
        pruned.recordings,
        text::size(pruned.bytes),
        text::size(pruned.bytes_left)
    ))?;
    // What cannot be removed keeps nothing else from it.
    if let Some(error) = pruned.failed {
        let failures = pruned.failures;
        return Err(Failed(format!(
            "{failures} recordings cannot be removed, the first: {error}"
        )));
    }
    // What cannot be mended keeps nothing from being removed.
    match recovered.failed {
        Some(error) => Err(error.into()),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// A file, or standard output unless that is a person's terminal.
enum Output {
    File(File, PathBuf),
    Standard,
}

impl Output {
    fn open(path: Option<PathBuf>) -> Result<Self, Failed> {
        match path {
            Some(path) => match File::create(&path) {
                Ok(file) => Ok(Self::File(file, path)),
                Err(error) => Err(Failed(format!("\"{}\": {error}", path.display()))),
            },
            None if io::stdout().is_terminal() => Err(Failed(
                "this is nothing for a terminal: name a file with -o".into(),
            )),
            None => Ok(Self::Standard),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        match self {
            Self::Standard => Ok(io::stdout().write_all(bytes)?),
            Self::File(file, path) => {
                let written = file.write_all(bytes);
                written.map_err(|error| Failed(format!("\"{}\": {error}", path.display())))
            }
        }
    }

    fn finish(self) -> Result<ExitCode, Failed> {
        if let Self::Standard = self {
            io::stdout().flush()?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Prints text; a reader that has seen enough is no error.
fn print(text: &str) -> Result<ExitCode, Failed> {
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}
