//! The folders of temporary files, made by the master for a worker that may do less
//! (`ngx_create_paths`).

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use net::log::{Errno, ErrorLog, Level};
use net::sys::process as sys;

use super::privileges;
use crate::setup::Setup;

/// Makes every folder and gives it to the worker's user. Whoever is not root makes workers that are
/// no other user: they make their folders when they need them.
pub fn prepare(setup: &Setup, log: &ErrorLog) {
    if !sys::is_root() {
        return;
    }
    // Without that user there will be no worker, and that is told where it is started.
    let Ok(user) = privileges::whom(&setup.core.worker) else {
        return;
    };
    for folder in setup.http.temp_folders() {
        if let Err(error) = give(&folder, user.uid) {
            let (folder, error) = (folder.display(), Errno(&error));
            log.log(
                Level::Warn,
                None,
                format_args!("could not make \"{folder}\" for temporary files {error}"),
            );
        }
    }
}

/// Makes a folder, unless it is there, that belongs to the user.
fn give(folder: &Path, uid: u32) -> io::Result<()> {
    // What is around it must let the user pass.
    if let Some(around) = folder.parent() {
        fs::create_dir_all(around)?;
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    match fs::metadata(folder)?.uid() == uid {
        true => Ok(()),
        false => std::os::unix::fs::chown(folder, Some(uid), None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_once_and_keeps_its_owner() {
        let top = std::env::temp_dir().join(format!("portway-temp-{}", std::process::id()));
        let folder = top.join("inside");
        let uid = rustix::process::geteuid().as_raw();
        give(&folder, uid).unwrap();
        give(&folder, uid).unwrap();
        let metadata = fs::metadata(&folder).unwrap();
        let around = fs::metadata(&top).unwrap();
        fs::remove_dir_all(&top).unwrap();
        assert_ne!(around.mode() & 0o111, 0o100, "another user can pass");
        assert_eq!((metadata.uid(), metadata.mode() & 0o777), (uid, 0o700));
    }
}
