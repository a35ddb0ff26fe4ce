//! `master_process off`: one process that both holds the privileges and serves.

use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::log::Level;
use net::sys::signal::{Arrived, Signal, Signals};

use super::pid_file::PidFile;
use super::service_manager::{self, News};
use super::serving::{Outcome, Serving};
use super::state::State;
use super::{Logged, privileges, tell_signal, wait};

/// How long the threads may take to end when everything ends now.
const TERMINATION: Duration = Duration::from_secs(1);

/// Runs until told to stop.
pub fn run(state: State, pid_file: PidFile, signals: Signals) -> ExitCode {
    let single = Single::start(state, pid_file, signals);
    single.map_or(ExitCode::FAILURE, Single::run)
}

struct Single {
    state: State,
    pid_file: PidFile,
    signals: Signals,
    serving: Serving,
    kill_at: Option<Instant>,
    quitting: bool,
}

impl Single {
    fn start(mut state: State, pid_file: PidFile, signals: Signals) -> Result<Self, Logged> {
        privileges::apply(&state.setup, &state.log, true)?;
        if let Some(demo) = state.invocation.demo.take() {
            demo.start(state.log.clone());
        }
        let (files, log) = (Arc::clone(&state.files), state.log.clone());
        let serving = Serving::start(&state.setup, files, log);
        let serving = state.told("starting threads", serving)?;
        let mut single = Self {
            state,
            pid_file,
            signals,
            serving,
            kill_at: None,
            quitting: false,
        };
        single.install();
        Ok(single)
    }

    fn install(&mut self) {
        let sockets = self
            .state
            .sockets
            .all()
            .map(|(addr, fds)| (addr.clone(), fds))
            .collect();
        self.serving
            .install(&self.state.setup, &sockets, self.state.log.clone());
    }

    fn run(mut self) -> ExitCode {
        let code = loop {
            let look_at = self.state.next_look().filter(|_| !self.quitting);
            let until = self.kill_at.into_iter().chain(look_at).min();
            wait(&[self.signals.as_fd(), self.serving.as_fd()], until);
            while let Some(arrived) = self.signals.next() {
                self.signal(arrived);
            }
            if !self.quitting && self.state.renew().is_some() {
                self.install();
            }
            match self.serving.turn() {
                Outcome::Running if self.kill_at.is_some_and(|at| at <= Instant::now()) => {
                    break ExitCode::SUCCESS;
                }
                Outcome::Running => {}
                Outcome::Ended => break ExitCode::SUCCESS,
                Outcome::Broken => break ExitCode::FAILURE,
            }
        };
        self.serving.finish_recordings();
        self.pid_file.remove(&self.state);
        self.state.close_sockets();
        self.state
            .log
            .log(Level::Notice, None, format_args!("exit"));
        code
    }

    fn signal(&mut self, arrived: Arrived) {
        tell_signal(&self.state.log, arrived);
        match arrived.signal {
            Signal::Quit if !self.quitting => {
                service_manager::tell(News::Stopping);
                self.quitting = true;
                self.state.close_sockets();
                self.serving.quit();
            }
            Signal::Term | Signal::Int => {
                service_manager::tell(News::Stopping);
                self.quitting = true;
                self.kill_at = Some(Instant::now() + TERMINATION);
                self.serving.terminate();
            }
            Signal::Hup if !self.quitting => {
                service_manager::tell(News::Reloading);
                self.reload();
                service_manager::tell(News::Ready);
            }
            Signal::Usr1 => self.state.reopen_logs(),
            Signal::Quit | Signal::Hup | Signal::Winch | Signal::Usr2 | Signal::Chld => {}
        }
    }

    fn reload(&mut self) {
        self.state
            .log
            .log(Level::Notice, None, format_args!("reconfiguring"));
        let Ok(old) = self.state.reload() else {
            return;
        };
        // What holds for a whole process cannot be changed in this one.
        if old.core.worker != self.state.setup.core.worker {
            self.state.log.log(
                Level::Warn,
                None,
                format_args!("new worker settings need a restart of this process"),
            );
        }
        self.pid_file.follow(&self.state);
        self.install();
    }
}
