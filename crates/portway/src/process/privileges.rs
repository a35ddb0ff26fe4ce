//! What a worker gives up and is limited to before it serves anybody.

use std::io;

use net::log::{Errno, ErrorLog, Level};
use net::sys::process as sys;
use net::sys::user::{self, User};

use super::Logged;
use crate::core::{Core, WorkerSettings};
use crate::defaults;
use crate::setup::Setup;

/// Says so if `user` stands in the configuration of somebody who cannot become anybody else.
pub fn warn_if_in_vain(core: &Core, log: &ErrorLog) {
    if core.worker.user.is_some() && !sys::is_root() {
        log.log(
            Level::Warn,
            None,
            format_args!(
                "the \"user\" directive makes sense only if the master process runs with \
                 super-user privileges, ignored"
            ),
        );
    }
}

/// Makes this process what the configuration says a worker is; `single` if it is the only process,
/// which stays whoever started it, as in nginx.
pub fn apply(setup: &Setup, log: &ErrorLog, single: bool) -> Result<(), Logged> {
    let settings = &setup.core.worker;
    let told = |level: Level, call: &str, result: io::Result<()>| {
        result.map_err(|error| {
            log.log(level, None, format_args!("{call} failed {}", Errno(&error)));
            Logged
        })
    };
    // What fails below at "alert" leaves a worker that can work, if not as it was wished.
    let _ = told(Level::Alert, "environment", limit_environment(settings));
    if single {
        return Ok(());
    }
    if settings.priority != 0 {
        let result = rustix::process::setpriority_process(None, settings.priority);
        let _ = told(Level::Alert, "setpriority()", result.map_err(Into::into));
    }
    if let Some(count) = settings.open_files_max {
        let _ = told(
            Level::Alert,
            "setrlimit(RLIMIT_NOFILE)",
            sys::limit_open_files(count),
        );
    }
    if let Some(bytes) = settings.core_bytes_max {
        let _ = told(
            Level::Alert,
            "setrlimit(RLIMIT_CORE)",
            sys::limit_core(bytes),
        );
    }
    if sys::is_root() {
        let transparent = setup.http.binds_transparently();
        let user = whom(settings);
        let result = user.and_then(|user| match transparent {
            true => sys::become_user_with_raw_sockets(&user),
            false => sys::become_user(&user),
        });
        told(Level::Emerg, "setuid()", result)?;
    }
    if settings.core_bytes_max.is_some() {
        // DIFFERS: nginx's workers always can leave a core, and so can always be traced by other
        // programs of the same user, who would find the keys of certificates there.
        let dumpable = rustix::process::DumpableBehavior::Dumpable;
        let result = rustix::process::set_dumpable_behavior(dumpable);
        let _ = told(
            Level::Alert,
            "prctl(PR_SET_DUMPABLE)",
            result.map_err(Into::into),
        );
    }
    if let Some(directory) = &settings.directory {
        let call = format!("chdir(\"{}\")", directory.display());
        told(Level::Alert, &call, std::env::set_current_dir(directory))?;
    }
    Ok(())
}

fn limit_environment(settings: &WorkerSettings) -> io::Result<()> {
    let mut keep = settings.environment.clone();
    if !keep.iter().any(|(name, _)| name == "TZ") {
        // As nginx: the worker's times are in the zone of its master.
        keep.push(("TZ".to_owned(), None));
    }
    sys::limit_environment(&keep)
}

/// Whom root's worker runs as.
pub fn whom(settings: &WorkerSettings) -> io::Result<User> {
    if let Some(user) = &settings.user {
        return Ok(user.clone());
    }
    let name = defaults::USER;
    let found = user::user(name)?;
    found.ok_or_else(|| io::Error::other(format!("there is no user \"{name}\"")))
}
