//! The list of files and functions that may be longer than the rest, each with its reason.

use super::Problems;
use super::tree::Tree;

const LIST: &str = "xtask/tidy-exceptions.txt";

/// Lines `PATH reason` for a file and `PATH::FUNCTION reason` for a function.
#[derive(Debug, Default)]
pub struct Exceptions {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    what: String,
    line: usize,
    used: bool,
}

impl Exceptions {
    pub fn read(tree: &Tree, problems: &mut Problems) -> Self {
        let mut entries = Vec::new();
        for (index, line) in tree.text(LIST).unwrap_or_default().lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once(' ') {
                Some((what, _reason)) => {
                    entries.push(Entry {
                        what: what.to_owned(),
                        line: index + 1,
                        used: false,
                    });
                }
                None => problems.at(LIST, index + 1, "an exception without a reason"),
            }
        }
        Self { entries }
    }

    /// Whether `what` is excused; remembers that the line was needed.
    pub fn excuse(&mut self, what: &str) -> bool {
        let entry = self.entries.iter_mut().find(|entry| entry.what == what);
        entry.map(|entry| entry.used = true).is_some()
    }

    pub fn report_unused(&self, problems: &mut Problems) {
        for entry in self.entries.iter().filter(|entry| !entry.used) {
            problems.at(
                LIST,
                entry.line,
                &format!("{} needs no exception", entry.what),
            );
        }
    }
}
