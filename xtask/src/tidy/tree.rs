//! The tracked files, read once.

use std::path::Path;

use crate::run::{command, quiet};

/// A tracked text file.
#[derive(Debug)]
pub struct File {
    /// Relative to the root, with `/`.
    pub path: String,
    pub text: String,
}

/// All tracked text files, and new ones that git does not ignore.
#[derive(Debug)]
pub struct Tree {
    pub files: Vec<File>,
}

impl Tree {
    pub fn tracked(root: &Path) -> Self {
        let list = quiet(&mut command(
            "git ls-files --cached --others --exclude-standard",
        ));
        assert!(list.success, "git cannot list the files:\n{}", list.output);
        let read = |path: &str| {
            // What is not UTF-8 is a picture or a saved input.
            let text = std::fs::read_to_string(root.join(path)).ok()?;
            Some(File {
                path: path.to_owned(),
                text,
            })
        };
        Self {
            files: list.output.lines().filter_map(read).collect(),
        }
    }

    pub fn with_end<'a>(&'a self, end: &'a str) -> impl Iterator<Item = &'a File> {
        self.files
            .iter()
            .filter(move |file| file.path.ends_with(end))
    }

    pub fn text(&self, path: &str) -> Option<&str> {
        self.files
            .iter()
            .find(|file| file.path == path)
            .map(|file| file.text.as_str())
    }
}
