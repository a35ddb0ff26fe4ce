//! Processes: from a loaded configuration to a master with its worker, or to a single process.

use std::os::fd::BorrowedFd;
use std::process::ExitCode;
use std::time::Instant;

use net::log::{Errno, ErrorLog, Level, Sink};
use net::sys::process as sys;
use net::sys::signal::{Arrived, Signal, Signals};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::cli::builtin::Greeting;
use crate::cli::version;
use crate::invocation::Invocation;
use crate::setup::{self, Setup};

mod master;
mod message;
mod panics;
mod pid_file;
pub mod privileges;
pub mod record_folders;
mod service_manager;
mod serving;
pub mod signaller;
mod single;
mod sockets;
mod state;
mod temp_folders;
mod threads;
mod watch;
mod worker;

use pid_file::PidFile;
use service_manager::News;
use state::State;

/// What went wrong has been logged; there is nothing left to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged;

/// Runs the server until it is told to stop.
pub fn serve(mut invocation: Invocation) -> ExitCode {
    let log = invocation.open_log(Level::Notice);
    let signals = match Signals::block() {
        Ok(signals) => signals,
        Err(error) => {
            let error = Errno(&error);
            log.log(
                Level::Emerg,
                None,
                format_args!("signalfd() failed {error}"),
            );
            return ExitCode::FAILURE;
        }
    };
    let Some(setup) = setup::load(&invocation, &log) else {
        return ExitCode::FAILURE;
    };
    let greeting = invocation.greeting.take();
    match start(invocation, setup, greeting.as_ref(), &log) {
        Ok((state, pid_file)) => run(state, pid_file, signals),
        Err(Logged) => {
            if let Some(Greeting { fails, .. }) = greeting {
                eprint!("{fails}");
            }
            ExitCode::FAILURE
        }
    }
}

/// Opens everything, leaves the terminal if that is wanted, and writes the pid file.
fn start(
    invocation: Invocation,
    setup: Setup,
    greeting: Option<&Greeting>,
    log: &ErrorLog,
) -> Result<(State, PidFile), Logged> {
    privileges::warn_if_in_vain(&setup.core, log);
    let daemon = setup.core.daemon;
    let mut state = State::open(invocation, setup, log)?;
    // Whoever started the program still watches: until it runs, errors are shown, too.
    let quiet = std::mem::take(&mut state.log);
    state.log = quiet.with(Level::Warn, Sink::Console);
    describe_system(&state.log);

    let ready = match daemon {
        true => Some(state.told("daemonise()", sys::daemonise())?),
        false => None,
    };
    let pid_file = PidFile::create(&state)?;
    state.log = quiet;
    state.redirect_stderr();
    if let Some(Greeting { runs, .. }) = greeting {
        print!("{runs}");
    }
    if let Some(ready) = ready {
        ready.done();
    }
    service_manager::tell(News::Ready);
    Ok((state, pid_file))
}

fn run(state: State, pid_file: PidFile, signals: Signals) -> ExitCode {
    match state.setup.core.master {
        true => master::Master::new(state, pid_file, signals).run(),
        false => single::run(state, pid_file, signals),
    }
}

fn describe_system(log: &ErrorLog) {
    let product = version::PRODUCT;
    let nginx = version::NGINX_VERSION;
    log.log(
        Level::Notice,
        None,
        format_args!("using the \"epoll\" event method"),
    );
    log.log(
        Level::Notice,
        None,
        format_args!("{product} (nginx/{nginx})"),
    );
    let uname = rustix::system::uname();
    let (system, release) = (
        uname.sysname().to_string_lossy(),
        uname.release().to_string_lossy(),
    );
    log.log(Level::Notice, None, format_args!("OS: {system} {release}"));
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    let (soft, hard) = (
        limit.current.unwrap_or(u64::MAX),
        limit.maximum.unwrap_or(u64::MAX),
    );
    log.log(
        Level::Notice,
        None,
        format_args!("getrlimit(RLIMIT_NOFILE): {soft}:{hard}"),
    );
}

/// Waits until one of `fds` is readable or this time has come; says which are.
fn wait(fds: &[BorrowedFd<'_>], until: Option<Instant>) -> Vec<bool> {
    let mut polled: Vec<_> = fds
        .iter()
        .map(|fd| PollFd::new(fd, PollFlags::IN))
        .collect();
    let timeout = until.map(|at| at.saturating_duration_since(Instant::now()));
    let timeout = timeout.and_then(|timeout| Timespec::try_from(timeout).ok());
    // Interrupted or not, the callers look again at what there is to do.
    let _ = rustix::event::poll(&mut polled, timeout.as_ref());
    net::clock::refresh();
    polled.iter().map(|fd| !fd.revents().is_empty()).collect()
}

/// Logs a signal that the master got, and what it means.
fn tell_signal(log: &ErrorLog, arrived: Arrived) {
    let action = match arrived.signal {
        Signal::Hup => ", reconfiguring",
        Signal::Int | Signal::Term => ", exiting",
        Signal::Quit => ", shutting down",
        Signal::Usr1 => ", reopening logs",
        Signal::Usr2 => ", changing binary",
        Signal::Winch => ", stop accepting connections",
        Signal::Chld => "",
    };
    let (number, name) = (arrived.signal.number(), arrived.signal.name());
    let from = match arrived.sender {
        0 => String::new(),
        sender => format!(" from {sender}"),
    };
    let message = format_args!("signal {number} ({name}) received{from}{action}");
    log.log(Level::Notice, None, message);
}
