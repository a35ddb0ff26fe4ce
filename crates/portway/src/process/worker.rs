//! The worker process: serves, without privileges, what the master sends it.

use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::channel::Channel;
use net::log::{Errno, ErrorLog, Level};
use net::sys::signal::{Arrived, Signal, Signals};

use super::message::{self, Order};
use super::serving::{Outcome, Serving};
use super::state::State;
use super::{Logged, privileges, wait};
use crate::setup::{self, Setup};

/// How long the threads may take to end when everything ends now.
const TERMINATION: Duration = Duration::from_secs(1);

/// The exit code of a worker that could not start.
const FATAL: i32 = 2;

/// Runs a worker that was just forked; gives its exit code.
pub fn run(state: &mut State, channel: Channel) -> i32 {
    // Fifteen bytes are what the system keeps of a name.
    let _ = rustix::thread::set_name(c"portway: worker");
    match Worker::start(state, channel) {
        Ok(worker) => worker.run(),
        Err(Logged) => FATAL,
    }
}

struct Worker<'a> {
    state: &'a mut State,
    serving: Serving,
    channel: Option<Channel>,
    signals: Signals,
    /// When to end even if threads still run.
    kill_at: Option<Instant>,
    /// Nothing new is served.
    quitting: bool,
}

impl<'a> Worker<'a> {
    fn start(state: &'a mut State, channel: Channel) -> Result<Self, Logged> {
        privileges::apply(&state.setup, &state.log, false)?;
        let signals = state.told("signalfd()", Signals::block())?;
        let (files, log) = (Arc::clone(&state.files), state.log.clone());
        let serving = Serving::start(&state.setup, files, log.clone());
        let mut serving = state.told("starting threads", serving)?;
        let sockets = state
            .sockets
            .all()
            .map(|(addr, fds)| (addr.clone(), fds))
            .collect();
        serving.install(&state.setup, &sockets, log);
        // The threads have their own now.
        state.sockets = Default::default();
        Ok(Self {
            state,
            serving,
            channel: Some(channel),
            signals,
            kill_at: None,
            quitting: false,
        })
    }

    fn run(mut self) -> i32 {
        loop {
            let mut fds = vec![self.signals.as_fd(), self.serving.as_fd()];
            fds.extend(self.channel.as_ref().map(|channel| channel.as_fd()));
            let ready = wait(&fds, self.kill_at);
            while let Some(arrived) = self.signals.next() {
                self.signal(arrived);
            }
            if ready.get(2) == Some(&true) {
                self.receive();
            }
            match self.serving.turn() {
                Outcome::Running if self.kill_at.is_some_and(|at| at <= Instant::now()) => break,
                Outcome::Running => {}
                Outcome::Ended => break,
                Outcome::Broken => return 1,
            }
        }
        self.serving.finish_recordings();
        self.notice("exit");
        0
    }

    fn signal(&mut self, arrived: Arrived) {
        match arrived.signal {
            Signal::Quit | Signal::Winch => self.quit(),
            Signal::Term | Signal::Int => {
                self.notice("exiting");
                self.quitting = true;
                self.kill_at = Some(Instant::now() + TERMINATION);
                self.serving.terminate();
            }
            // The master reloads and opens logs; a worker that is told directly knows nothing new.
            Signal::Hup | Signal::Usr1 | Signal::Usr2 | Signal::Chld => {}
        }
    }

    fn quit(&mut self) {
        if !std::mem::replace(&mut self.quitting, true) {
            self.notice("gracefully shutting down");
            self.serving.quit();
        }
    }

    fn receive(&mut self) {
        let Some(channel) = &self.channel else {
            return;
        };
        match channel.receive() {
            Ok(Some(message)) => match message::read(message) {
                Some(order) => self.obey(order),
                None => self.alert("the master's message makes no sense"),
            },
            Ok(None) => {
                self.channel = None;
                let parent = parent_id();
                self.alert(&format!("the master process is gone, parent is {parent}"));
                self.quit();
            }
            Err(error) => {
                self.channel = None;
                self.alert(&format!("recvmsg() failed {}", Errno(&error)));
                self.quit();
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Reopen { logs } => {
                if let Err(error) = self.adopt(logs) {
                    self.alert(&format!("reopening logs failed {}", Errno(&error)));
                }
                self.state.redirect_stderr();
            }
            Order::Install {
                bundle,
                sockets,
                logs,
            } => {
                if self.quitting {
                    return;
                }
                let setup =
                    setup::compile_loaded(*bundle, &self.state.invocation, self.serving.log());
                let Some(setup) = setup else {
                    return self.alert("the master's configuration does not compile here");
                };
                let log = self
                    .adopt(logs)
                    .and_then(|()| setup.open_log(self.serving.files()));
                match log {
                    Ok(log) => {
                        let sockets = sockets
                            .iter()
                            .map(|(addr, fds)| {
                                (addr.clone(), fds.iter().map(|fd| fd.as_fd()).collect())
                            })
                            .collect();
                        self.install(setup, &sockets, log);
                    }
                    Err(error) => self.alert(&format!("open() failed {}", Errno(&error))),
                }
            }
        }
    }

    fn install(
        &mut self,
        setup: Setup,
        sockets: &super::serving::SocketsByAddr<'_>,
        log: ErrorLog,
    ) {
        self.serving.install(&setup, sockets, log.clone());
        self.state.replace(setup, log);
        self.state.redirect_stderr();
    }

    fn adopt(&self, logs: Vec<(PathBuf, std::os::fd::OwnedFd)>) -> io::Result<()> {
        for (path, fd) in logs {
            self.serving.files().adopt(&path, fd)?;
        }
        Ok(())
    }

    fn notice(&self, message: &str) {
        self.serving
            .log()
            .log(Level::Notice, None, format_args!("{message}"));
    }

    fn alert(&self, message: &str) {
        self.serving
            .log()
            .log(Level::Alert, None, format_args!("{message}"));
    }
}
