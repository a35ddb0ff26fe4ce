//! `-t` and `-T`: whether the configuration would work, and what it is.

use std::io;
use std::process::ExitCode;

use net::log::{ErrorLog, Files, Level};
use net::{listen, log::Errno};

use crate::invocation::Invocation;
use crate::loader;
use crate::process::{privileges, record_folders};
use crate::setup::{self, Setup};

/// Tests the configuration; `dump` prints it, `quiet` keeps good news back.
pub fn run(mut invocation: Invocation, dump: bool, quiet: bool) -> ExitCode {
    let log = invocation.open_log(Level::Info);
    let name = invocation.conf_file.display().to_string();
    let (setup, tree) = setup::load_and_compare(&invocation, &log, |line| {
        if !quiet {
            eprintln!("portway: {line}");
        }
    });
    // The process ends with the answer, and the system takes memory back faster than we could
    // give it back piece by piece.
    let setup = std::mem::ManuallyDrop::new(setup);
    let tree = std::mem::ManuallyDrop::new(tree);
    let good = setup.as_ref().is_some_and(|setup| {
        if !quiet {
            eprintln!("portway: the configuration file {name} syntax is ok");
        }
        privileges::warn_if_in_vain(&setup.core, &log);
        could_open(setup, &log)
    });
    if !good {
        eprintln!("portway: configuration file {name} test failed");
        return ExitCode::FAILURE;
    }
    if !quiet {
        eprintln!("portway: configuration file {name} test is successful");
    }
    if dump && loader::dump(&tree.sources, &mut io::stdout().lock()).is_err() {
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Whether the log files and sockets can be opened, with every problem logged.
fn could_open(setup: &Setup, log: &ErrorLog) -> bool {
    let files = Files::default();
    let mut good = true;
    for path in setup.log_paths() {
        if let Err(error) = files.open(&path) {
            let (path, error) = (path.display(), Errno(&error));
            log.log(
                Level::Emerg,
                None,
                format_args!("open() \"{path}\" failed {error}"),
            );
            good = false;
        }
    }
    good &= record_folders::check(setup, log, Level::Emerg);
    for listen in setup.listens() {
        if let Err(error) = listen::check(&listen) {
            log.log(Level::Emerg, None, format_args!("{error}"));
            good = false;
        }
    }
    good
}
