//! `-s`: sends a signal to the master whose pid file the configuration names.

use std::path::Path;
use std::process::ExitCode;

use net::log::{Errno, Level};
use net::sys::signal::Signal;
use rustix::process::Pid;

use super::pid_file;
use crate::invocation::Invocation;
use crate::setup;

/// Sends it.
pub fn run(mut invocation: Invocation, signal: Signal) -> ExitCode {
    let log = invocation.open_log(Level::Notice);
    let Some(setup) = setup::load(&invocation, &log) else {
        return ExitCode::FAILURE;
    };
    let Some(path) = pid_file::path(&setup.core, &invocation) else {
        return ExitCode::FAILURE;
    };
    let result = read(&path).and_then(|pid| {
        let sent = signal.send(pid);
        sent.map_err(|error| {
            let number = signal.number();
            (
                Level::Alert,
                format!("kill({pid}, {number}) failed {}", Errno(&error)),
            )
        })
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err((level, message)) => {
            log.log(level, None, format_args!("{message}"));
            ExitCode::FAILURE
        }
    }
}

fn read(path: &Path) -> Result<Pid, (Level, String)> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        (
            Level::Error,
            format!("open() \"{name}\" failed {}", Errno(&error)),
        )
    })?;
    let pid = text
        .trim_end()
        .parse()
        .ok()
        .filter(|pid| *pid > 0)
        .and_then(Pid::from_raw);
    pid.ok_or_else(|| {
        let text = text.trim_end();
        (
            Level::Error,
            format!("invalid PID number \"{text}\" in \"{name}\""),
        )
    })
}
