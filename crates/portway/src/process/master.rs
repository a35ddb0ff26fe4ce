//! The master: single-threaded, keeps the privileges, the sockets and the log files, acts on
//! signals, and sees to it that there is a worker (`ngx_master_process_cycle`).

use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use net::channel::Channel;
use net::log::{Errno, Level};
use net::sys::process::{self as sys, Exit, Fork};
use net::sys::signal::{Arrived, Signal, Signals};
use rustix::process::Pid;

use super::pid_file::PidFile;
use super::service_manager::{self, News};
use super::state::State;
use super::{message, tell_signal, wait, worker};
use crate::setup::Setup;

/// The process that watches.
pub struct Master {
    state: State,
    pid_file: PidFile,
    signals: Signals,
    workers: Vec<Worker>,
    purpose: Purpose,
    restart: Restart,
}

/// A worker process.
struct Worker {
    pid: Pid,
    channel: Channel,
    started: Instant,
    /// It was told to go.
    leaving: bool,
}

/// What the master is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// There shall be a worker.
    Serve,
    /// There shall be none, until a reload (`WINCH`).
    Rest,
    /// It ends when the workers have finished.
    Quit,
    /// It ends now; workers that are left at this time are killed.
    Terminate(Instant),
}

/// When to start a worker in place of one that died.
#[derive(Debug, Default)]
struct Restart {
    at: Option<Instant>,
    /// How long to wait the next time that a worker dies young.
    pause: Duration,
}

/// A worker that dies before this age might do so again at once.
const YOUNG: Duration = Duration::from_secs(1);
/// The first pause before such a one is replaced, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long workers may take to end when everything ends now.
const TERMINATION: Duration = Duration::from_secs(2);

impl Master {
    /// A master of this state; it has no worker yet.
    pub fn new(state: State, pid_file: PidFile, signals: Signals) -> Self {
        Self {
            state,
            pid_file,
            signals,
            workers: Vec::new(),
            purpose: Purpose::Serve,
            restart: Restart::default(),
        }
    }

    /// Runs until it is told to stop.
    pub fn run(mut self) -> ExitCode {
        let _ = rustix::thread::set_name(c"portway: master");
        self.notice("start worker processes");
        self.start_worker();
        loop {
            let until = match self.purpose {
                Purpose::Terminate(at) => Some(at),
                Purpose::Serve => self
                    .restart
                    .at
                    .into_iter()
                    .chain(self.state.next_look())
                    .min(),
                Purpose::Rest | Purpose::Quit => self.restart.at,
            };
            wait(&[self.signals.as_fd()], until);
            while let Some(arrived) = self.signals.next() {
                self.signal(arrived);
            }
            self.reap();
            self.on_time();
            let ending = matches!(self.purpose, Purpose::Quit | Purpose::Terminate(_));
            if ending && self.workers.is_empty() {
                return self.exit();
            }
        }
    }

    fn exit(self) -> ExitCode {
        self.pid_file.remove(&self.state);
        self.notice("exit");
        let Self { mut state, .. } = self;
        state.close_sockets();
        ExitCode::SUCCESS
    }

    fn signal(&mut self, arrived: Arrived) {
        tell_signal(&self.state.log, arrived);
        match (arrived.signal, self.purpose) {
            (Signal::Term | Signal::Int, purpose) => {
                service_manager::tell(News::Stopping);
                if !matches!(purpose, Purpose::Terminate(_)) {
                    self.purpose = Purpose::Terminate(Instant::now() + TERMINATION);
                }
                self.send_workers(Signal::Term);
            }
            (_, Purpose::Terminate(_)) => {}
            (Signal::Quit, Purpose::Serve | Purpose::Rest) => {
                service_manager::tell(News::Stopping);
                self.purpose = Purpose::Quit;
                self.quit_workers();
                self.state.close_sockets();
            }
            (Signal::Hup, Purpose::Serve | Purpose::Rest) => {
                service_manager::tell(News::Reloading);
                self.reload();
                service_manager::tell(News::Ready);
            }
            (Signal::Usr1, _) => self.reopen_logs(),
            (Signal::Winch, Purpose::Serve) => {
                self.purpose = Purpose::Rest;
                self.quit_workers();
            }
            (Signal::Usr2, _) => self.notice("binary upgrade is not supported yet"),
            (Signal::Quit | Signal::Hup | Signal::Winch | Signal::Chld, _) => {}
        }
    }

    fn reload(&mut self) {
        self.notice("reconfiguring");
        let Ok(old) = self.state.reload() else {
            return;
        };
        self.pid_file.follow(&self.state);
        self.purpose = Purpose::Serve;
        self.install(&old);
    }

    /// Has the configuration in force served, after this one.
    fn install(&mut self, old: &Setup) {
        self.load_kernel_tls();
        let same = old.core.worker == self.state.setup.core.worker;
        let current = self.workers.iter().find(|worker| !worker.leaving);
        if let Some(worker) = current
            && same
        {
            match message::send_install(&worker.channel, &self.state) {
                Ok(()) => return,
                Err(error) => self.alert(&format!(
                    "sendmsg() to worker process {} failed {}",
                    worker.pid,
                    Errno(&error)
                )),
            }
        }
        // Another user, other limits or another number of threads make another process.
        self.quit_workers();
        self.start_worker();
    }

    fn reopen_logs(&mut self) {
        self.state.reopen_logs();
        for worker in &self.workers {
            if let Err(error) = message::send_reopen(&worker.channel, &self.state) {
                let (pid, error) = (worker.pid, Errno(&error));
                self.alert(&format!("sendmsg() to worker process {pid} failed {error}"));
            }
        }
    }

    /// The kernel loads its module for TLS when somebody with privileges asks for it, which a
    /// worker has not. What came of it the worker finds out, and tells.
    fn load_kernel_tls(&self) {
        if self.state.setup.http.wants_kernel_tls() {
            let _ = net::tls::kernel::probe();
        }
    }

    fn start_worker(&mut self) {
        self.restart.at = None;
        self.load_kernel_tls();
        let started = Channel::pair().and_then(|(here, there)| Ok((sys::fork()?, here, there)));
        match started {
            Ok((Fork::Parent(pid), channel, _)) => {
                self.notice(&format!("start worker process {pid}"));
                self.workers.push(Worker {
                    pid,
                    channel,
                    started: Instant::now(),
                    leaving: false,
                });
            }
            Ok((Fork::Child, here, there)) => {
                drop(here);
                // The channels of other workers stay the master's: they end when it does.
                self.workers.clear();
                let code = worker::run(&mut self.state, there);
                std::process::exit(code);
            }
            Err(error) => {
                self.alert(&format!(
                    "could not start a worker process {}",
                    Errno(&error)
                ));
                self.restart.after_failure();
            }
        }
    }

    fn quit_workers(&mut self) {
        self.send_workers(Signal::Quit);
        self.restart.at = None;
    }

    fn send_workers(&mut self, signal: Signal) {
        for worker in &mut self.workers {
            worker.leaving = true;
            // A worker that is gone already will be reaped.
            let _ = signal.send(worker.pid);
        }
    }

    fn reap(&mut self) {
        while let Some((pid, exit)) = sys::reap() {
            let Some(index) = self.workers.iter().position(|worker| worker.pid == pid) else {
                continue;
            };
            let worker = self.workers.swap_remove(index);
            self.tell_exit(&worker, exit);
            if !worker.leaving && self.purpose == Purpose::Serve {
                self.restart.after(worker.started.elapsed(), exit);
            }
        }
    }

    fn tell_exit(&self, worker: &Worker, exit: Exit) {
        let pid = worker.pid;
        match exit {
            Exit::Code(code) => {
                let level = match code == 0 || worker.leaving {
                    true => Level::Notice,
                    false => Level::Alert,
                };
                let message = format_args!("worker process {pid} exited with code {code}");
                self.state.log.log(level, None, message);
            }
            Exit::Signal(signal, core) => {
                let core = match core {
                    true => " (core dumped)",
                    false => "",
                };
                self.alert(&format!(
                    "worker process {pid} exited on signal {signal}{core}"
                ));
            }
        }
    }

    /// Does what was put off until now.
    fn on_time(&mut self) {
        let due = |at: Instant| at <= Instant::now();
        match self.purpose {
            Purpose::Terminate(at) if due(at) => {
                for worker in &self.workers {
                    let _ =
                        rustix::process::kill_process(worker.pid, rustix::process::Signal::KILL);
                }
                self.purpose = Purpose::Terminate(Instant::now() + TERMINATION);
            }
            Purpose::Serve if self.restart.at.is_some_and(due) => self.start_worker(),
            _ => {}
        }
        if self.purpose == Purpose::Serve
            && let Some(old) = self.state.renew()
            // One that is yet to be started gets it then.
            && self.workers.iter().any(|worker| !worker.leaving)
        {
            self.install(&old);
        }
    }

    fn notice(&self, message: &str) {
        self.state
            .log
            .log(Level::Notice, None, format_args!("{message}"));
    }

    fn alert(&self, message: &str) {
        self.state
            .log
            .log(Level::Alert, None, format_args!("{message}"));
    }
}

impl Restart {
    /// Plans the successor of a worker that died at this age: at once, unless it died young.
    fn after(&mut self, age: Duration, exit: Exit) {
        match age < YOUNG && exit != Exit::Code(0) {
            true => self.after_failure(),
            false => {
                self.pause = Duration::ZERO;
                self.at = Some(Instant::now());
            }
        }
    }

    fn after_failure(&mut self) {
        self.at = Some(Instant::now() + self.pause);
        self.pause = (self.pause * 2).clamp(PAUSE_MIN, PAUSE_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_that_dies_young_again_and_again_is_replaced_more_and_more_slowly() {
        let mut restart = Restart::default();
        let mut pauses = Vec::new();
        for _ in 0..10 {
            pauses.push(restart.pause);
            restart.after(Duration::ZERO, Exit::Signal(9, false));
        }
        assert_eq!(pauses[..3], [Duration::ZERO, PAUSE_MIN, PAUSE_MIN * 2]);
        assert!(pauses.is_sorted());
        assert_eq!(pauses[9], PAUSE_MAX);
        assert!(restart.at.unwrap() > Instant::now());
        restart.after(YOUNG, Exit::Signal(9, false));
        assert!(restart.at.unwrap() <= Instant::now());
        assert_eq!(restart.pause, Duration::ZERO);
    }
}
