//! The folders of recordings: made by the master for a worker that may do less, and looked at
//! before anybody relies on them.

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use net::log::{ErrorLog, Level};
use net::sys::process as sys;
use net::sys::user::User;
use rustix::fs::Access;

use super::privileges;
use crate::setup::Setup;

/// Makes those that are missing, for the worker's user only, and says which cannot be used.
pub fn prepare(setup: &Setup, log: &ErrorLog) {
    if sys::is_root() {
        // Without that user there will be no worker, and that is told where it is started.
        let Ok(user) = privileges::whom(&setup.core.worker) else {
            return;
        };
        for folder in setup.http.record_folders() {
            if let Err(error) = make(folder, &user) {
                let (folder, error) = (folder.display(), net::log::Errno(&error));
                let level = Level::Error;
                log.log(
                    level,
                    None,
                    format_args!("mkdir() \"{folder}\" failed {error}"),
                );
            }
        }
    }
    check(setup, log, Level::Error);
}

/// Whether the worker can write to all of them; what is wrong is logged.
pub fn check(setup: &Setup, log: &ErrorLog, level: Level) -> bool {
    let mut good = true;
    for folder in setup.http.record_folders() {
        let wrong = match sys::is_root() {
            true => match privileges::whom(&setup.core.worker) {
                Ok(user) => for_user(folder, &user),
                Err(_) => None,
            },
            false => for_me(folder),
        };
        if let Some(wrong) = wrong {
            let folder = folder.display();
            log.log(
                level,
                None,
                format_args!("\"vnc_record\": cannot write to \"{folder}\": {wrong}"),
            );
            good = false;
        }
    }
    good
}

fn make(folder: &Path, user: &User) -> io::Result<()> {
    if folder.exists() {
        return Ok(());
    }
    if let Some(around) = folder.parent() {
        fs::create_dir_all(around)?;
    }
    DirBuilder::new().mode(0o700).create(folder)?;
    std::os::unix::fs::chown(folder, Some(user.uid), Some(user.gid))
}

/// What keeps another user from writing to a folder. One that is missing will be made.
fn for_user(folder: &Path, user: &User) -> Option<String> {
    let name = &user.name;
    for around in folder.ancestors().skip(1) {
        let passes = |found: Metadata| allows(&found, user, 0o1);
        if fs::metadata(around).is_ok_and(|found| !passes(found)) {
            let around = around.display();
            return Some(format!("user \"{name}\" may not enter \"{around}\""));
        }
    }
    let found = fs::metadata(folder).ok()?;
    if !found.is_dir() {
        return Some("it is not a folder".into());
    }
    match allows(&found, user, 0o3) {
        true => None,
        false => {
            let (mode, folder) = (found.mode() & 0o777, folder.display());
            Some(format!(
                "its mode is {mode:04o} and it is not that of user \"{name}\"; \
                 \"chown {name} {folder}\" would help"
            ))
        }
    }
}

/// Whether the bits of a file let a user do something. Supplementary groups are not asked for: who
/// relies on them is told by what happens.
fn allows(found: &Metadata, user: &User, bits: u32) -> bool {
    let mode = found.mode();
    let granted = match () {
        () if user.uid == 0 => return true,
        () if found.uid() == user.uid => mode >> 6,
        () if found.gid() == user.gid => mode >> 3,
        // The user's other groups are not known here.
        () => mode | mode >> 3,
    };
    granted & bits == bits
}

/// What keeps whoever runs this from writing to a folder, or from making it.
fn for_me(folder: &Path) -> Option<String> {
    let nearest = folder.ancestors().find(|path| path.exists())?;
    if !nearest.is_dir() {
        let nearest = nearest.display();
        return Some(format!("\"{nearest}\" is not a folder"));
    }
    match rustix::fs::access(nearest, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => None,
        Err(error) => {
            let error = io::Error::from(error);
            let (nearest, error) = (nearest.display(), net::log::Errno(&error));
            Some(format!("\"{nearest}\" {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use testkit::Scratch;

    #[test]
    fn what_keeps_a_user_from_writing_is_named() {
        let scratch = Scratch::new("record-folders");
        let folder = scratch.path().join("recordings");
        let me = User {
            name: "me".into(),
            uid: rustix::process::geteuid().as_raw(),
            gid: rustix::process::getegid().as_raw(),
        };
        let other = User {
            name: "other".into(),
            uid: 4_000_001,
            gid: 4_000_002,
        };
        assert_eq!(for_user(&folder, &other), None, "it will be made");
        make(&folder, &me).unwrap();
        make(&folder, &other).unwrap();
        let mode = fs::metadata(&folder).unwrap().mode() & 0o777;
        assert_eq!(mode, 0o700);
        assert_eq!((for_user(&folder, &me), for_me(&folder)), (None, None));
        let told = for_user(&folder, &other).unwrap();
        assert!(
            told.contains("its mode is 0700") && told.contains("chown other"),
            "{told}"
        );
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o707)).unwrap();
        assert_eq!(for_user(&folder, &other), None);
        fs::set_permissions(scratch.path(), fs::Permissions::from_mode(0o700)).unwrap();
        let told = for_user(&folder, &other).unwrap();
        assert!(told.contains("may not enter"), "{told}");
        let file = scratch.write("file", "");
        assert_eq!(for_user(&file, &me).unwrap(), "it is not a folder");
        let told = for_me(&file.join("inside")).unwrap();
        assert!(told.ends_with("is not a folder"), "{told}");
    }
}
