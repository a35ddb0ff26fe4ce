//! One file of lines `token: host:port`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use super::stamp::Stamp;
use super::{Ticket, TokenError, unreadable};

/// Bytes of a file that are read.
const FILE_LEN_MAX: u64 = 64 << 20;

/// A file with the tokens that it held when it was read.
#[derive(Debug)]
pub(super) struct TokenFile {
    path: PathBuf,
    /// Of what was read; `None` makes the next look read again.
    stamp: Option<Stamp>,
    /// Targets as written: they are parsed when used, so that one bad line spoils nothing else.
    targets: HashMap<Box<str>, Box<str>>,
}

impl TokenFile {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            stamp: None,
            targets: HashMap::new(),
        }
    }

    /// Reads the file again if it changed; says whether it did.
    pub(super) fn refresh(&mut self) -> Result<bool, TokenError> {
        // The stamp is taken before reading: a change in between is then seen by the next look.
        let stamp = Stamp::of(&self.path).map_err(|error| unreadable(&self.path, error))?;
        if stamp.is_some() && stamp == self.stamp {
            return Ok(false);
        }
        let file = File::open(&self.path).map_err(|error| unreadable(&self.path, error))?;
        self.targets.clear();
        for line in BufReader::new(file.take(FILE_LEN_MAX)).split(b'\n') {
            let line = line.map_err(|error| unreadable(&self.path, error))?;
            if let Some((token, target)) = std::str::from_utf8(&line).ok().and_then(parse_line) {
                self.targets.insert(token.into(), target.into());
            }
        }
        self.stamp = stamp;
        Ok(true)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn contains(&self, token: &str) -> bool {
        self.targets.contains_key(token)
    }

    pub(super) fn ticket(&self, token: &str) -> Result<Option<Ticket>, TokenError> {
        let Some(text) = self.targets.get(token) else {
            return Ok(None);
        };
        let ticket = Ticket::parse(text);
        ticket.map(Some).map_err(|error| TokenError::BadTicket {
            path: self.path.clone(),
            error,
        })
    }
}

/// Splits a line at the colon that white space follows. Comments, blank lines and lines of another
/// form hold no token.
pub(super) fn parse_line(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.starts_with('#') {
        return None;
    }
    let (token, target) = split_at_colon(line)?;
    let target = target.trim();
    // As websockify, a second such colon makes the line none; it may stand in what follows an
    // address, which websockify does not know.
    let mut words = target.split_whitespace();
    let is_another = words.next().is_some_and(|word| word.ends_with(':'));
    (!token.is_empty() && !is_another).then_some((token, target))
}

fn split_at_colon(text: &str) -> Option<(&str, &str)> {
    let is_split = |(at, _): &(usize, &str)| {
        text[at + 1..]
            .chars()
            .next()
            .is_some_and(char::is_whitespace)
    };
    let (at, _) = text.match_indices(':').find(is_split)?;
    Some((&text[..at], &text[at + 1..]))
}
