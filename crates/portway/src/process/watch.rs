//! Files of TLS that change while the configuration stays: when to look, and what is new.
//!
//! A look costs a `stat` of each file. Only if one is not as the last look saw it are they read,
//! and compared with what is in force: so a change between loading and the first look is found,
//! and a file that was written anew with the same contents is none.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use conf::Bundle;
use conf::bundle::{Failure, File};

use crate::loader;

/// What is known of the files.
#[derive(Debug, Clone)]
pub struct Watch {
    every: Option<Duration>,
    next: Option<Instant>,
    /// What the last look saw; nothing before the first.
    seen: Stamps,
    /// What was found has not been taken.
    pending: bool,
}

/// Files that differ from those in force.
#[derive(Debug, PartialEq, Eq)]
pub struct Found {
    /// Their paths and contents.
    pub files: Files,
    /// Whether something has changed since the last look, or this was found then already.
    pub is_news: bool,
}

type Files = BTreeMap<PathBuf, Result<File, Failure>>;
type Stamps = BTreeMap<PathBuf, Option<Stamp>>;

/// What tells a file from the one that had its name before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
}

impl Watch {
    /// Looks so often, or never; the first time after as long.
    pub fn new(every: Option<Duration>) -> Self {
        Self {
            every,
            next: every.and_then(|every| Instant::now().checked_add(every)),
            seen: Stamps::new(),
            pending: false,
        }
    }

    /// When to look.
    pub fn next(&self) -> Option<Instant> {
        self.next
    }

    /// Looks at the files that a bundle has as renewable ones: those that differ from it, if any.
    pub fn look(&mut self, bundle: &Bundle) -> Option<Found> {
        self.next = self
            .every
            .and_then(|every| Instant::now().checked_add(every));
        let paths = bundle.renewable_files().into_iter();
        // Before the contents are read: what changes in between is found by the next look.
        let stamps = paths.map(|path| {
            let stamp = Stamp::of(&path);
            (path, stamp)
        });
        self.compare(stamps.collect(), &bundle.files, loader::read)
    }

    /// The same, once what was found is in force.
    #[must_use]
    pub fn settled(mut self) -> Self {
        self.pending = false;
        self
    }

    fn compare(
        &mut self,
        stamps: Stamps,
        in_force: &Files,
        read: impl Fn(&Path) -> Result<File, Failure>,
    ) -> Option<Found> {
        let is_news = stamps != self.seen;
        self.seen = stamps;
        if !is_news && !self.pending {
            return None;
        }
        let fresh = self.seen.keys().map(|path| (path.clone(), read(path)));
        let differs = |(path, file): &(PathBuf, Result<File, Failure>)| {
            let text = |file: Result<File, Failure>| file.map(|file| file.text);
            in_force.get(path).cloned().map(text) != Some(text(file.clone()))
        };
        let files: Files = fresh.filter(differs).collect();
        self.pending = !files.is_empty();
        self.pending.then_some(Found { files, is_news })
    }
}

impl Stamp {
    /// That of a file, which may be missing.
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(texts: &[(&str, &str)]) -> Files {
        let file = |text: &str| File {
            text: text.as_bytes().into(),
            mode: 0o600,
        };
        let entries = texts.iter();
        entries
            .map(|(path, text)| (path.into(), Ok(file(text))))
            .collect()
    }

    fn stamps(inodes: &[(&str, u64)]) -> Stamps {
        let stamp = |inode| Stamp {
            device: 1,
            inode,
            size: 1,
            modified: (1, 1),
        };
        let entries = inodes.iter();
        entries
            .map(|&(path, inode)| (path.into(), Some(stamp(inode))))
            .collect()
    }

    /// The names of what is found, and whether it is news.
    fn look(watch: &mut Watch, seen: Stamps, old: &Files, new: &Files) -> Option<(String, bool)> {
        let found = watch.compare(seen, old, |path| new[path].clone())?;
        let names = found.files.keys().map(|path| path.display().to_string());
        Some((names.collect(), found.is_news))
    }

    #[test]
    fn files_are_found_when_they_differ_from_what_is_in_force_until_they_are_taken() {
        let mut watch = Watch::new(None);
        let old = files(&[("c", "1"), ("k", "1")]);
        let at_first = stamps(&[("c", 1), ("k", 2)]);
        assert_eq!(look(&mut watch, at_first.clone(), &old, &old), None);
        let half = files(&[("c", "2"), ("k", "1")]);
        let written = stamps(&[("c", 3), ("k", 2)]);
        let found = |name: &str, is_news| Some((name.to_owned(), is_news));
        assert_eq!(
            look(&mut watch, written.clone(), &old, &half),
            found("c", true)
        );
        assert_eq!(look(&mut watch, written, &old, &half), found("c", false));
        let both = files(&[("c", "2"), ("k", "2")]);
        let written = stamps(&[("c", 3), ("k", 4)]);
        assert_eq!(
            look(&mut watch, written.clone(), &old, &both),
            found("ck", true)
        );
        let mut watch = watch.settled();
        assert_eq!(look(&mut watch, written, &both, &both), None);
    }

    #[test]
    fn a_change_before_the_first_look_is_found_and_the_same_contents_are_no_change() {
        let mut watch = Watch::new(None);
        let (old, new) = (files(&[("c", "1")]), files(&[("c", "2")]));
        let seen = stamps(&[("c", 1)]);
        assert!(look(&mut watch, seen, &old, &new).is_some());
        let again = stamps(&[("c", 2)]);
        assert_eq!(look(&mut watch, again.clone(), &old, &old), None);
        assert!(!watch.pending);
        let none = |_: &Path| panic!("nothing is read");
        assert_eq!(watch.compare(again, &old, none), None);
    }

    #[test]
    fn nothing_is_looked_at_when_it_is_off() {
        assert_eq!(Watch::new(None).next(), None);
        assert!(Watch::new(Some(Duration::from_secs(60))).next() > Some(Instant::now()));
    }

    #[test]
    fn what_is_looked_at_is_what_directives_of_tls_name_and_nothing_else() {
        let text = "events { } http { include mime; ssl_certificate c; ssl_certificate_key k;
            ssl_crl r; ssl_session_ticket_key t; ssl_stapling_file s; ssl_password_file p;
            server { location / { proxy_ssl_certificate uc; proxy_ssl_certificate_key uk;
            proxy_ssl_crl ur; proxy_ssl_trusted_certificate ut; } } }";
        let mut bundle = Bundle {
            conf_file: "/n.conf".into(),
            ..Bundle::default()
        };
        bundle.files = files(&[("/n.conf", text), ("/mime", "")]);
        crate::setup::compile(&bundle, &net::log::Target::Stderr);
        let found: Vec<_> = bundle.renewable_files().into_iter().collect();
        let names = ["c", "k", "p", "r", "s", "t", "uc", "uk", "ur", "ut"];
        assert_eq!(found, names.map(|name| Path::new("/").join(name)));
    }
}
