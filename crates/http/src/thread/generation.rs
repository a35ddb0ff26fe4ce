//! One generation of the configuration on one thread, and its connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use net::log::ErrorLog;
use net::tunnel::{Action, Order};
use net::{Addr, TunnelTable};
use proto::ws::close;
use tokio::task::AbortHandle;
use upstream::Pool;

use super::Thread;
use crate::config::Config;
use crate::logs::ErrorLogs;
use crate::open_files::OpenFiles;

/// One generation of the configuration, as one thread serves it. Whoever needs the configuration to
/// the end of its work holds one; the last one to let go ends the generation.
pub struct Generation {
    /// The configuration.
    pub config: Arc<Config>,
    /// Counted by the thread.
    pub number: u64,
    /// The thread.
    pub thread: Rc<Thread>,
    /// The error logs of the configuration as a whole, which may well have no location.
    errors: Arc<ErrorLogs>,
    /// Files that are kept open.
    pub(crate) open_files: OpenFiles,
    /// Idle connections to each upstream.
    pub pools: Vec<Rc<Pool>>,
    pub(super) listeners: HashMap<Addr, usize>,
    /// Health checks, which one thread of the process makes.
    checks: Vec<AbortHandle>,
    closing: Cell<bool>,
    /// The tasks of its connections.
    pub(super) tasks: RefCell<HashMap<u64, Serving>>,
}

/// The task of a connection.
pub(super) struct Serving {
    /// To end it if it does not end in time.
    pub(super) abort: AbortHandle,
    /// To tell it that the generation is closing, once it has asked for that.
    wakes: Option<Waker>,
}

impl Serving {
    pub(super) fn new(abort: AbortHandle) -> Self {
        Self { abort, wakes: None }
    }
}

impl Generation {
    /// The configuration as `thread` serves it from now on.
    pub(super) fn new(thread: Rc<Thread>, config: Arc<Config>, number: u64) -> Rc<Self> {
        let listeners = config.listeners.iter().enumerate();
        Rc::new(Self {
            // Once for the process: all threads see what is found out.
            checks: match thread.index {
                0 => crate::health::start(&config),
                _ => Vec::new(),
            },
            open_files: OpenFiles::default(),
            pools: config.upstreams.iter().map(|_| Rc::default()).collect(),
            listeners: listeners
                .map(|(at, conf)| (conf.listen.addr.clone(), at))
                .collect(),
            number,
            thread,
            errors: super::error_logs(&config),
            config,
            closing: Cell::new(false),
            tasks: RefCell::default(),
        })
    }

    /// Ends its connections, whatever they are doing.
    fn abort(&self) {
        let tasks = self.tasks.take();
        tasks.values().for_each(|task| task.abort.abort());
    }

    /// Whether a newer one has taken its place, or the thread is to stop.
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Has the task of a connection look again once it is closing, whatever it waits for then.
    pub(crate) fn wake_when_closing(&self, connection: u64, task: &Waker) {
        if let Some(serving) = self.tasks.borrow_mut().get_mut(&connection) {
            serving.wakes.get_or_insert_with(|| task.clone());
        }
    }

    /// The listening socket of an address.
    pub(crate) fn listener_at(&self, listen: &Addr) -> Option<usize> {
        self.listeners.get(listen).copied()
    }

    /// The error log of the configuration as a whole.
    pub(crate) fn error_log(&self) -> &ErrorLog {
        self.errors.log()
    }

    pub(super) fn close(&self) {
        self.closing.set(true);
        self.checks.iter().for_each(AbortHandle::abort);
        let tasks = self.tasks.borrow();
        let wakers = tasks.values().filter_map(|task| task.wakes.as_ref());
        wakers.for_each(Waker::wake_by_ref);
        drop(tasks);
        self.pools.iter().for_each(|pool| pool.clear());
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.config.flush_logs();
        self.thread.generation_ended();
    }
}

/// Keeps a connection among the tasks of its generation for as long as it exists.
pub struct Listed {
    /// The generation.
    pub generation: Rc<Generation>,
    /// The connection's number.
    pub id: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.generation.tasks.borrow_mut().remove(&self.id);
    }
}

/// Ends a generation and its tunnels when its time is over.
pub(super) async fn retire(
    generation: Weak<Generation>,
    number: u64,
    tunnels: TunnelTable,
    limit: Duration,
) {
    net::timer::sleep(limit).await;
    if let Some(generation) = generation.upgrade() {
        generation.abort();
    }
    let old = tunnels
        .views()
        .into_iter()
        .filter(|view| view.generation <= number);
    for view in old {
        let order = Order {
            action: Action::Cut,
            code: close::GOING_AWAY,
            at: net::clock::now(),
        };
        tunnels.order(view.id, order);
    }
}
