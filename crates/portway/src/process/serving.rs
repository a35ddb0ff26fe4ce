//! What a process serves: its threads, and the generations of configuration on them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Weak};
use std::time::Duration;

use net::Addr;
use net::log::{Errno, ErrorLog, Files, Level};

use super::panics;
use super::threads::{Event, Order, Threads};
use crate::setup::Setup;
use http::{Config, Page, Pages, Shared};

/// The pages of desktops, which this binary carries.
const PAGES: Pages = Pages {
    find: find_page,
    content_security_policy: pages::CONTENT_SECURITY_POLICY,
};

fn find_page(path: &str) -> Option<Page> {
    let page = pages::find(path)?;
    Some(Page {
        content_type: page.content_type,
        etag: page.etag,
        immutable: page.immutable,
        body: page.body,
        gzip: page.gzip,
        brotli: page.brotli,
    })
}

/// How long the end of a process waits for recordings that are not on disk yet.
const RECORDINGS_TIME: Duration = Duration::from_secs(10);

/// The serving part of a worker, or of a single process.
pub struct Serving {
    threads: Threads,
    shared: Arc<Shared>,
    files: Arc<Files>,
    log: ErrorLog,
    /// The generation in force.
    current: Weak<Config>,
    /// Older ones that some thread still holds.
    draining: Vec<Weak<Config>>,
    /// Threads that run.
    running: usize,
    shutdown_timeout: Option<Duration>,
}

/// The sockets of each address: one for all threads or one for each.
pub type SocketsByAddr<'a> = Vec<(Addr, Vec<BorrowedFd<'a>>)>;

/// What has happened among the threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing that ends the process.
    Running,
    /// All threads have drained.
    Ended,
    /// A thread ended that should not have; the others cannot make up for it.
    Broken,
}

impl Serving {
    /// Starts the threads; nothing is served yet.
    pub fn start(setup: &Setup, files: Arc<Files>, log: ErrorLog) -> io::Result<Self> {
        let settings = &setup.core.worker;
        let count = settings.thread_count();
        let shared = Shared::new(count, PAGES);
        let threads = Threads::start(count, &settings.affinity, &shared)?;
        panics::log_to(&log);
        Ok(Self {
            running: threads.count(),
            threads,
            shared,
            files,
            log,
            current: Weak::new(),
            draining: Vec::new(),
            shutdown_timeout: None,
        })
    }

    /// The error log of the main context.
    pub fn log(&self) -> &ErrorLog {
        &self.log
    }

    /// The log files.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Finds out what TLS the kernel can do, and tells it.
    fn try_kernel_tls(&self) {
        match net::tls::kernel::probe() {
            Ok(ability) if ability.renews() => {
                self.log
                    .log(Level::Info, None, format_args!("the kernel does TLS"));
            }
            Ok(_) => self.log.log(
                Level::Info,
                None,
                format_args!("the kernel does TLS, without renewing keys"),
            ),
            Err(error) => {
                let error = Errno(&error);
                self.log.log(
                    Level::Info,
                    None,
                    format_args!("the kernel does no TLS {error}; it is done here"),
                );
            }
        }
    }

    /// Serves `setup` on all threads; what runs finishes on the generation that it began with.
    pub fn install(&mut self, setup: &Setup, sockets: &SocketsByAddr<'_>, log: ErrorLog) {
        panics::log_to(&log);
        self.log = log;
        // What runs ends by the rule that it began under.
        let retire_after =
            std::mem::replace(&mut self.shutdown_timeout, setup.core.shutdown_timeout);
        let config = &setup.http;
        config.attach_logs(&self.files);
        self.shared
            .set_connections_max(setup.core.worker_connections);
        self.shared.recorder.keep(config.record_plans(&self.log));
        if config.wants_kernel_tls() {
            self.try_kernel_tls();
        }
        if let Some(old) = self.current.upgrade() {
            config.take_over(&old);
        }
        let old = std::mem::replace(&mut self.current, Arc::downgrade(config));
        if old.strong_count() > 0 {
            self.draining.push(old);
        }
        for index in 0..self.threads.count() {
            let listeners = self.listeners_of(index, sockets);
            let order = Order::Install {
                config: Arc::clone(config),
                listeners,
                retire_after,
            };
            self.threads.order(index, order);
        }
        self.files.close_unused();
    }

    fn listeners_of(&self, index: usize, sockets: &SocketsByAddr<'_>) -> Vec<(Addr, OwnedFd)> {
        let mine = |(addr, fds): &(Addr, Vec<BorrowedFd<'_>>)| {
            let fd = fds.get(index.checked_rem(fds.len())?)?;
            match rustix::io::fcntl_dupfd_cloexec(fd, 0) {
                Ok(fd) => Some((addr.clone(), fd)),
                Err(error) => {
                    let error = io::Error::from(error);
                    let error = Errno(&error);
                    self.log.log(
                        Level::Alert,
                        None,
                        format_args!("dup() {addr} failed {error}"),
                    );
                    None
                }
            }
        };
        sockets.iter().filter_map(mine).collect()
    }

    /// Lets everything that runs finish, within `worker_shutdown_timeout`.
    pub fn quit(&self) {
        self.drain(self.shutdown_timeout);
    }

    /// Ends everything now.
    pub fn terminate(&self) {
        self.drain(Some(Duration::ZERO));
    }

    fn drain(&self, deadline: Option<Duration>) {
        for index in 0..self.threads.count() {
            self.threads.order(index, Order::Drain(deadline));
        }
    }

    /// Waits until all recordings are on disk; called when the threads have ended.
    pub fn finish_recordings(&self) {
        if !self.shared.recorder.shut_down(RECORDINGS_TIME) {
            self.log.log(
                Level::Error,
                None,
                format_args!("recordings were not written to their end in time"),
            );
        }
    }

    /// Acts on what the threads have said.
    pub fn turn(&mut self) -> Outcome {
        while let Some(event) = self.threads.next_event() {
            match event {
                Event::GenerationDrained => self.look_for_drained(),
                Event::Ended(true) => {
                    self.log.log(
                        Level::Alert,
                        None,
                        format_args!("a thread ended unexpectedly"),
                    );
                    return Outcome::Broken;
                }
                Event::Ended(false) => self.running -= 1,
            }
        }
        match self.running {
            0 => Outcome::Ended,
            _ => Outcome::Running,
        }
    }

    /// Says once of each old generation that no thread holds it any more.
    fn look_for_drained(&mut self) {
        let before = self.draining.len();
        self.draining
            .retain(|generation| generation.strong_count() > 0);
        for _ in self.draining.len()..before {
            let pid = std::process::id();
            // The words by which scripts know that an old nginx worker is gone.
            self.log.log(
                Level::Notice,
                None,
                format_args!("old generation of worker process {pid} exited with code 0"),
            );
        }
        self.files.close_unused();
    }
}

/// Readable when [`Serving::turn`] has something to do.
impl AsFd for Serving {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.threads.as_fd()
    }
}
