//! The `portway` binary: command line, processes, signals, reload; wires the other crates.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod cli;
mod core;
mod defaults;
mod demo_desktop;
mod invocation;
mod loader;
#[cfg(test)]
mod manual;
mod process;
mod recordings;
#[cfg(test)]
mod reference;
mod setup;
mod test_config;

use cli::{Command, Options, version};
use invocation::Invocation;

/// Requests, tunnels and sessions are made of small pieces of memory. See decision 0026.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(command) => run(command),
        Err(error) => {
            let code = fail(error);
            eprintln!("portway -h shows what there is.");
            code
        }
    }
}

fn run(command: Command) -> ExitCode {
    match command {
        Command::Version {
            help,
            configure,
            then,
        } => {
            eprint!("{}", version::version(configure));
            if help {
                eprint!("{}", version::help());
            }
            then.map_or(ExitCode::SUCCESS, |then| run(*then))
        }
        Command::Serve(options) => match Invocation::to_serve(options) {
            Ok(invocation) => process::serve(invocation),
            Err(error) => fail(error),
        },
        Command::Test {
            options,
            dump,
            quiet,
        } => with(options, |invocation| {
            test_config::run(invocation, dump, quiet)
        }),
        Command::Signal { options, signal } => with(options, |invocation| {
            process::signaller::run(invocation, signal)
        }),
        Command::Print(job) => {
            print!("{}", job.configuration());
            ExitCode::SUCCESS
        }
        Command::Recording(job) => recordings::run(job),
        Command::RecordingHelp => {
            print!("{}", cli::recording::HELP);
            ExitCode::SUCCESS
        }
    }
}

fn with(options: Options, run: impl FnOnce(Invocation) -> ExitCode) -> ExitCode {
    match Invocation::new(options) {
        Ok(invocation) => run(invocation),
        Err(error) => fail(error),
    }
}

fn fail(error: impl std::fmt::Display) -> ExitCode {
    eprintln!("portway: {error}");
    ExitCode::FAILURE
}
