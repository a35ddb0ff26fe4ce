//! HTTP on one worker thread: the generation that it serves, its listeners, its connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use net::listen::Listener;
use net::log::{ErrorLog, Level};
use net::{Addr, Deadline, TunnelTable};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::load::Load;
use crate::logs::ErrorLogs;
use crate::modules::upstream::resolve::Names;
use crate::modules::vnc::judge::Cases;
use generation::retire;

mod accept;
mod generation;
mod shared;

pub use generation::{Generation, Listed};
pub use shared::Shared;

/// HTTP on one thread.
pub struct Thread {
    index: usize,
    /// What all threads share.
    pub shared: Arc<Shared>,
    /// The tunnels of this thread.
    pub tunnels: TunnelTable,
    me: Weak<Thread>,
    current: RefCell<Option<Rc<Generation>>>,
    /// Names of servers that one thread looks up for all.
    names: RefCell<Names>,
    accepting: RefCell<HashMap<Addr, JoinHandle<()>>>,
    generations: Cell<usize>,
    desktops: Cell<usize>,
    /// The desktop sessions that are judged again after a reload.
    pub(crate) cases: Cases,
    number: Cell<u64>,
    on_drained: RefCell<Option<Rc<dyn Fn()>>>,
    ended: Notify,
}

impl Thread {
    /// Thread `index` of a worker.
    pub fn new(index: usize, shared: Arc<Shared>) -> Rc<Self> {
        let thread = Rc::new_cyclic(|me| Self {
            index,
            shared,
            tunnels: TunnelTable::default(),
            me: me.clone(),
            current: RefCell::default(),
            names: RefCell::default(),
            accepting: RefCell::default(),
            generations: Cell::new(0),
            desktops: Cell::new(0),
            cases: Cases::default(),
            number: Cell::new(0),
            on_drained: RefCell::default(),
            ended: Notify::new(),
        });
        thread.receive_handed_off();
        thread
    }

    /// Calls `f` whenever a generation that was replaced has served its last request.
    pub fn on_generation_drained(&self, f: impl Fn() + 'static) {
        self.on_drained.replace(Some(Rc::new(f)));
    }

    /// Serves `config` from now on. `sockets` are the listening sockets that it does not have yet;
    /// those that the configuration no longer names are closed, and the old generation drains.
    /// What of the old one has not ended within `retire_after` is ended
    /// (`worker_shutdown_timeout`).
    pub fn install(
        &self,
        config: Arc<Config>,
        sockets: Vec<(Addr, OwnedFd)>,
        retire_after: Option<Duration>,
    ) {
        let Some(me) = self.me.upgrade() else { return };
        let number = self.number.replace(self.number.get() + 1);
        let generation = Generation::new(me.clone(), config, number);
        self.generations.set(self.generations.get() + 1);
        self.stop_accepting_elsewhere(&generation);
        let log = error_logs(&generation.config);
        self.look_names_up(&generation.config, log.log());
        if let Some(old) = self.current.replace(Some(generation)) {
            old.close();
            self.tunnels.reloaded(number);
            if let Some(current) = self.generation_now() {
                let desktops = &current.config.desktops;
                let outcomes = &self.shared.outcomes;
                outcomes.retain(|name| desktops.find(name).is_some());
                self.cases.judge_all(&current);
            }
            if let Some(limit) = retire_after {
                tokio::task::spawn_local(retire(
                    Rc::downgrade(&old),
                    old.number,
                    self.tunnels.clone(),
                    limit,
                ));
            }
        }
        for (addr, fd) in sockets {
            match Listener::new(fd, addr.clone()) {
                Ok(listener) => {
                    let task = tokio::task::spawn_local(accept::accept(me.clone(), listener));
                    if let Some(old) = self.accepting.borrow_mut().insert(addr, task) {
                        old.abort();
                    }
                }
                Err(error) => {
                    log.log().log(
                        Level::Alert,
                        None,
                        format_args!("listening on {addr}: {error}"),
                    );
                }
            }
        }
    }

    /// Leaves the sockets that a generation does not listen on.
    fn stop_accepting_elsewhere(&self, generation: &Generation) {
        self.accepting.borrow_mut().retain(|addr, task| {
            let stays = generation.listeners.contains_key(addr);
            if !stays {
                task.abort();
            }
            stays
        });
    }

    /// Looks up the names of servers from now on, if this is the thread that does it for all.
    fn look_names_up(&self, config: &Config, log: &ErrorLog) {
        if self.index == 0 {
            // The old tasks end before the new ones ask.
            self.names.take();
            self.names.replace(Names::of(config, log));
        }
    }

    /// Stops accepting and waits until the last request has been answered, at most `limit`; then
    /// tunnels and sessions are ended too.
    pub async fn drain(&self, limit: Option<Duration>) {
        self.accepting
            .borrow_mut()
            .drain()
            .for_each(|(_, task)| task.abort());
        self.names.take();
        if let Some(current) = self.current.take() {
            current.close();
        }
        let deadline = Deadline::unset();
        if let Some(limit) = limit {
            deadline.set_after(limit);
            // Once for the process; whoever has no time left is told of the end itself.
            if self.index == 0 && limit >= WARNING_MIN {
                self.shared.sessions.warn_of_restart(limit);
            }
        }
        let live = || self.generations.get() > 0 || self.live_tunnels() > 0;
        while live() {
            tokio::select! {
                () = self.ended.notified() => {}
                () = deadline.expired() => break,
            }
        }
        self.end_desktops().await;
    }

    /// Ends the desktop sessions that are left, each with a word to its person.
    async fn end_desktops(&self) {
        if self.desktops.get() == 0 {
            return;
        }
        // Every thread gets the same order at the same time, so that nobody else's are ended.
        self.shared
            .sessions
            .cut_matching(&vnc::Refusal::Restart, |_| true);
        let deadline = Deadline::after(FAREWELL_TIME);
        while self.desktops.get() > 0 {
            tokio::select! {
                () = self.ended.notified() => {}
                () = deadline.expired() => return,
            }
        }
    }

    /// The configuration that is in force now.
    pub(crate) fn generation_now(&self) -> Option<Rc<Generation>> {
        self.current.borrow().clone()
    }

    /// For a connection that is only thought of.
    pub(crate) fn uncounted_load(&self) -> Load {
        Load::uncounted(self.shared.clone(), self.index)
    }

    /// Counts a desktop session of this thread for as long as the result lives.
    pub(crate) fn desktop_starts(self: &Rc<Self>) -> DesktopCount {
        self.desktops.set(self.desktops.get() + 1);
        DesktopCount(self.clone())
    }

    /// Tunnels and desktop sessions of this thread.
    fn live_tunnels(&self) -> usize {
        self.tunnels.len() + self.desktops.get()
    }

    /// Tells a drain to look again: a tunnel ended.
    pub(crate) fn tunnel_ended(&self) {
        self.ended.notify_waiters();
    }

    fn generation_ended(&self) {
        self.generations.set(self.generations.get() - 1);
        self.ended.notify_waiters();
        let callback = self.on_drained.borrow().clone();
        if let Some(callback) = callback {
            callback();
        }
    }
}

/// The error logs of the configuration as a whole; what has no location has none.
fn error_logs(config: &Config) -> Arc<ErrorLogs> {
    let first = config.locations.first();
    first.map_or_else(Arc::default, |location| {
        location.settings.core.error_logs.clone()
    })
}

/// A desktop session's place in its thread's count.
pub(crate) struct DesktopCount(Rc<Thread>);

impl Drop for DesktopCount {
    fn drop(&mut self) {
        self.0.desktops.set(self.0.desktops.get() - 1);
        self.0.tunnel_ended();
    }
}

/// People are not warned of an end that comes sooner: they could do nothing.
const WARNING_MIN: Duration = Duration::from_secs(1);

/// How long viewers have to take the word that their sessions end.
const FAREWELL_TIME: Duration = Duration::from_millis(500);
