//! `open_file_cache` and `open_log_file_cache`: files that stay open, and what is known of paths.
//!
//! Each thread has its own, so that nothing is locked. A table has a size; what was not asked for
//! longest goes first, and what nobody asked for in a while goes by the way.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conf::{Diagnostic, Item, value};
use net::clock;
use rustix::fs::{FileType, Mode, OFlags, Stat};

/// Entries that were not asked for in a while and go when another one is looked up.
const EXPIRED_AT_ONCE: usize = 2;

/// A cache of files, as the configuration describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheConf {
    /// Tells the caches of different levels apart.
    pub id: u64,
    /// How many entries.
    pub max: usize,
    /// How long an entry stays that nobody asks for.
    pub inactive: Duration,
    /// How long what is known is taken for true.
    pub valid: Duration,
    /// How often a file must have been asked for to stay open.
    pub min_uses: u64,
}

impl CacheConf {
    /// Reads `off`, or `max=N [inactive=time]` and, for logs, `[min_uses=N] [valid=time]`.
    pub fn read(item: &Item, for_logs: bool) -> Result<Option<Self>, Diagnostic> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = item.name();
        let mut max = None;
        let mut cache = Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            max: 0,
            inactive: Duration::from_secs(if for_logs { 10 } else { 60 }),
            valid: Duration::from_secs(60),
            min_uses: 1,
        };
        for word in &item.args {
            let invalid = || {
                let message = format!("invalid \"{name}\" parameter \"{}\"", word.display());
                item.error(message).at(word.span)
            };
            let mut halves = word.text.splitn(2, |&byte| byte == b'=');
            match (halves.next().unwrap_or_default(), halves.next()) {
                (b"off", None) if item.args.len() == 1 => return Ok(None),
                (b"max", Some(text)) => {
                    let number = value::number(text).filter(|&number| number > 0);
                    max = Some(number.ok_or_else(invalid)? as usize);
                }
                (b"inactive", Some(time)) => {
                    cache.inactive = value::time(time).ok_or_else(invalid)?;
                }
                (b"valid", Some(time)) if for_logs => {
                    cache.valid = value::time(time).ok_or_else(invalid)?;
                }
                (b"min_uses", Some(text)) if for_logs => {
                    let number = value::number(text).filter(|&number| number > 0);
                    cache.min_uses = number.ok_or_else(invalid)?;
                }
                _ => return Err(invalid()),
            }
        }
        cache.max =
            max.ok_or_else(|| item.error(format!("\"{name}\" must have the \"max\" parameter")))?;
        Ok(Some(cache))
    }
}

/// A table of what is known by path, of limited size.
#[derive(Debug)]
pub struct Table<V> {
    max: usize,
    inactive: Duration,
    /// By path; a path as such would be taken apart to be hashed.
    entries: HashMap<Rc<OsStr>, Entry<V>>,
    /// The paths in the order in which they were asked for last.
    order: BTreeMap<u64, Rc<OsStr>>,
    turn: u64,
}

/// What is known of one path.
#[derive(Debug)]
pub struct Entry<V> {
    /// What is known.
    pub value: V,
    /// When that was found out.
    pub checked: Instant,
    /// How often it was asked for.
    pub uses: u64,
    used: Instant,
    turn: u64,
}

impl<V> Table<V> {
    /// An empty table.
    pub fn new(conf: &CacheConf) -> Self {
        Self {
            max: conf.max,
            inactive: conf.inactive,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            turn: 0,
        }
    }

    /// What is known of a path; that counts as a use.
    pub fn get(&mut self, path: &Path, now: Instant) -> Option<&mut Entry<V>> {
        let entry = self.entries.get_mut(path.as_os_str())?;
        self.turn += 1;
        if let Some(path) = self.order.remove(&entry.turn) {
            self.order.insert(self.turn, path);
        }
        entry.turn = self.turn;
        entry.used = now;
        entry.uses += 1;
        Some(entry)
    }

    /// Remembers something of a path that nothing was known of.
    pub fn put(&mut self, path: &Path, value: V, now: Instant) {
        self.remove(path);
        while self.entries.len() >= self.max {
            self.remove_oldest();
        }
        let path: Rc<OsStr> = path.as_os_str().into();
        self.turn += 1;
        self.order.insert(self.turn, path.clone());
        let entry = Entry {
            value,
            checked: now,
            uses: 1,
            used: now,
            turn: self.turn,
        };
        self.entries.insert(path, entry);
    }

    /// Forgets a path.
    pub fn remove(&mut self, path: &Path) {
        if let Some(entry) = self.entries.remove(path.as_os_str()) {
            self.order.remove(&entry.turn);
        }
    }

    /// Forgets some of what nobody asked for in a while.
    pub fn expire(&mut self, now: Instant) {
        for _ in 0..EXPIRED_AT_ONCE {
            let oldest = self.order.first_key_value();
            let entry = oldest.and_then(|(_, path)| self.entries.get(path));
            match entry {
                Some(entry) if now.saturating_duration_since(entry.used) >= self.inactive => {
                    self.remove_oldest();
                }
                _ => return,
            }
        }
    }

    /// Whether nobody asked for anything in a while.
    pub fn is_idle(&self, now: Instant) -> bool {
        let newest = self.order.last_key_value();
        let entry = newest.and_then(|(_, path)| self.entries.get(path));
        entry.is_none_or(|entry| now.saturating_duration_since(entry.used) >= self.inactive)
    }

    fn remove_oldest(&mut self) {
        if let Some((_, path)) = self.order.pop_first() {
            self.entries.remove(&path);
        }
    }
}

/// What stands at a path, or why nothing does, and the open file if it stays open.
#[derive(Debug, Clone)]
struct Known {
    stat: Result<Stat, rustix::io::Errno>,
    file: Option<Rc<OwnedFd>>,
}

/// The open files of one thread and generation of the configuration, by cache.
#[derive(Debug, Default)]
pub struct OpenFiles(RefCell<BTreeMap<u64, Table<Known>>>);

impl OpenFiles {
    /// What stands at a path.
    pub fn look(&self, conf: &CacheConf, errors: bool, path: &Path) -> io::Result<Stat> {
        self.find(conf, errors, path, false).0
    }

    /// The file at a path, open for reading; folders too.
    pub fn open(
        &self,
        conf: &CacheConf,
        errors: bool,
        path: &Path,
    ) -> io::Result<(Rc<OwnedFd>, Stat)> {
        let (stat, file) = self.find(conf, errors, path, true);
        let stat = stat?;
        match file {
            Some(file) => Ok((file, stat)),
            None => {
                let (file, stat) = open(path)?;
                Ok((file, stat))
            }
        }
    }

    fn find(
        &self,
        conf: &CacheConf,
        errors: bool,
        path: &Path,
        reads: bool,
    ) -> (io::Result<Stat>, Option<Rc<OwnedFd>>) {
        let now = clock::now();
        let mut tables = self.0.borrow_mut();
        let table = tables.entry(conf.id).or_insert_with(|| Table::new(conf));
        table.expire(now);
        let known = match table.get(path, now) {
            None => None,
            Some(entry) => {
                let fresh = now.saturating_duration_since(entry.checked) < conf.valid;
                if !fresh || (reads && entry.value.wants_file()) {
                    entry.value.refresh(path, reads);
                    entry.checked = now;
                }
                let known = entry.value.clone();
                if entry.uses < conf.min_uses {
                    entry.value.file = None;
                }
                Some(known)
            }
        };
        let known = known.unwrap_or_else(|| {
            let known = Known::of(path, reads);
            let mut kept = known.clone();
            if conf.min_uses > 1 {
                kept.file = None;
            }
            table.put(path, kept, now);
            known
        });
        if known.stat.is_err() && !errors {
            table.remove(path);
        }
        (known.stat.map_err(Into::into), known.file)
    }
}

impl Known {
    fn of(path: &Path, reads: bool) -> Self {
        let (stat, file) = match reads {
            true => match open(path) {
                Ok((file, stat)) if is_regular(&stat) => (Ok(stat), Some(file)),
                Ok((_, stat)) => (Ok(stat), None),
                Err(error) => (Err(error), None),
            },
            false => (rustix::fs::stat(path), None),
        };
        Self { stat, file }
    }

    /// Whether there is a file here that is not open.
    fn wants_file(&self) -> bool {
        self.file.is_none() && self.stat.as_ref().is_ok_and(is_regular)
    }

    /// Looks again: an open file stays open if it is still the one at the path.
    fn refresh(&mut self, path: &Path, reads: bool) {
        let stat = match self.file {
            Some(_) => rustix::fs::stat(path),
            None => {
                *self = Self::of(path, reads);
                return;
            }
        };
        let same = |old: &Stat, new: &Stat| (old.st_dev, old.st_ino) == (new.st_dev, new.st_ino);
        match (&self.stat, &stat) {
            (Ok(old), Ok(new)) if same(old, new) => self.stat = stat,
            _ => *self = Self::of(path, reads),
        }
    }
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile
}

fn open(path: &Path) -> Result<(Rc<OwnedFd>, Stat), rustix::io::Errno> {
    let flags = OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let stat = rustix::fs::fstat(&file)?;
    Ok((Rc::new(file), stat))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(max: usize) -> CacheConf {
        CacheConf {
            id: 0,
            max,
            inactive: Duration::from_secs(10),
            valid: Duration::from_secs(60),
            min_uses: 1,
        }
    }

    #[test]
    fn a_full_table_forgets_what_was_not_asked_for_longest() {
        let now = Instant::now();
        let mut table = Table::new(&conf(2));
        table.put(Path::new("a"), 1, now);
        table.put(Path::new("b"), 2, now);
        assert_eq!(
            table.get(Path::new("a"), now).map(|entry| entry.uses),
            Some(2)
        );
        table.put(Path::new("c"), 3, now);
        assert!(table.get(Path::new("b"), now).is_none());
        assert!(table.get(Path::new("a"), now).is_some());
        table.put(Path::new("a"), 4, now);
        assert_eq!(table.entries.len(), table.order.len());
    }

    #[test]
    fn what_nobody_asks_for_goes_after_a_while() {
        let begin = Instant::now();
        let mut table = Table::new(&conf(9));
        table.put(Path::new("a"), 1, begin);
        table.put(Path::new("b"), 2, begin);
        let later = begin + Duration::from_secs(9);
        table.get(Path::new("a"), later);
        table.expire(begin + Duration::from_secs(10));
        assert!(table.get(Path::new("b"), later).is_none());
        assert!(!table.is_idle(later));
        assert!(table.is_idle(later + Duration::from_secs(10)));
        assert!(table.get(Path::new("a"), later).is_some());
    }
}
