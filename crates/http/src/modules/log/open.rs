//! Logs whose paths have variables: opened for each line, or kept open by `open_log_file_cache`.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use net::clock;
use net::log::LogFile;

use crate::open_files::{CacheConf, Table};

thread_local! {
    /// The open logs of this thread, by cache.
    static OPEN: RefCell<HashMap<u64, Table<Option<Arc<LogFile>>>>> = RefCell::default();
}

/// The log at a path, open for a line.
pub fn open(path: &Path, cache: Option<&CacheConf>) -> io::Result<Arc<LogFile>> {
    let Some(conf) = cache else {
        return Ok(Arc::new(LogFile::open(path)?));
    };
    let now = clock::now();
    OPEN.with_borrow_mut(|open| {
        if !open.contains_key(&conf.id) {
            // Those of earlier configurations.
            open.retain(|_, table| !table.is_idle(now));
        }
        let table = open.entry(conf.id).or_insert_with(|| Table::new(conf));
        find(table, conf, path, now)
    })
}

fn find(
    table: &mut Table<Option<Arc<LogFile>>>,
    conf: &CacheConf,
    path: &Path,
    now: Instant,
) -> io::Result<Arc<LogFile>> {
    table.expire(now);
    let Some(entry) = table.get(path, now) else {
        let file = Arc::new(LogFile::open(path)?);
        table.put(path, (conf.min_uses <= 1).then(|| file.clone()), now);
        return Ok(file);
    };
    let is_fresh = now.saturating_duration_since(entry.checked) < conf.valid;
    if let Some(file) = &entry.value
        && (is_fresh || is_at(file, path))
    {
        if !is_fresh {
            entry.checked = now;
        }
        return Ok(file.clone());
    }
    entry.value = None;
    let file = Arc::new(LogFile::open(path)?);
    entry.checked = now;
    entry.value = (entry.uses >= conf.min_uses).then(|| file.clone());
    Ok(file)
}

/// Whether an open log is still the one at its path: somebody may have rotated it.
fn is_at(file: &LogFile, path: &Path) -> bool {
    match (rustix::fs::fstat(file.as_fd()), rustix::fs::stat(path)) {
        (Ok(open), Ok(there)) => (open.st_dev, open.st_ino) == (there.st_dev, there.st_ino),
        _ => false,
    }
}
