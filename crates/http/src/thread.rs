//! HTTP on one worker thread: the generation that it serves, its listeners, its connections.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use net::listen::Listener;
use net::log::{ErrorLog, Level};
use net::tunnel::{Action, Order};
use net::{Addr, Deadline, Stream, TunnelTable};
use proto::ws::close;
use tokio::sync::{Notify, mpsc};
use tokio::task::{AbortHandle, JoinHandle};
use upstream::Pool;

use crate::config::Config;
use crate::connection::{self, Connection};
use crate::load::{Counters, Load, Totals};
use crate::logs::ErrorLogs;
use crate::modules::upstream::resolve::Names;
use crate::modules::vnc::judge::Cases;
use crate::open_files::OpenFiles;
use crate::pages::Pages;

/// What the threads of a worker share.
pub struct Shared {
    connections: AtomicU64,
    /// Live desktop sessions.
    pub sessions: Arc<vnc::Sessions>,
    /// Who has tried to sign in of late.
    pub sign_ins: crate::modules::vnc::login::attempts::Attempts,
    /// Tokens for one use that were used.
    pub spent_tokens: Arc<vnc::SpentTokens>,
    /// What became of the last session at each desktop.
    pub outcomes: Arc<vnc::Outcomes>,
    /// Links for guests.
    pub links: vnc::Links,
    /// Who writes the recordings of sessions.
    pub recorder: recording::Recorder,
    /// Pictures of desktops.
    pub pictures: Arc<vnc::Pictures>,
    /// The web pages of desktops.
    pub pages: Pages,
    threads: Vec<Slot>,
    connections_max: AtomicUsize,
}

struct Slot {
    counters: Counters,
    hand_off: mpsc::UnboundedSender<HandedOff>,
    receiver: std::sync::Mutex<Option<mpsc::UnboundedReceiver<HandedOff>>>,
}

/// A connection that one thread accepted and another one serves.
struct HandedOff {
    fd: OwnedFd,
    peer: Addr,
    listen: Addr,
}

/// How many connections more than the least busy thread the accepting one must have before it gives
/// one away: a desktop session lives for hours and cannot move later.
const HAND_OFF_MARGIN: usize = 8;

impl Shared {
    /// For a worker with so many threads, which has these pages.
    pub fn new(threads: usize, pages: Pages) -> Arc<Self> {
        let slot = || {
            let (hand_off, receiver) = mpsc::unbounded_channel();
            let receiver = std::sync::Mutex::new(Some(receiver));
            Slot {
                counters: Counters::default(),
                hand_off,
                receiver,
            }
        };
        Arc::new(Self {
            connections: AtomicU64::new(0),
            sessions: Arc::default(),
            links: vnc::Links::default(),
            sign_ins: Default::default(),
            recorder: recording::Recorder::default(),
            spent_tokens: Arc::default(),
            outcomes: Arc::default(),
            pictures: Arc::default(),
            pages,
            threads: (0..threads).map(|_| slot()).collect(),
            connections_max: AtomicUsize::new(usize::MAX),
        })
    }

    /// Limits the connections of each thread (`worker_connections`).
    pub fn set_connections_max(&self, max: usize) {
        self.connections_max.store(max, Ordering::Relaxed);
    }

    /// What a thread counts.
    pub(crate) fn counters(&self, thread: usize) -> &Counters {
        &self.threads[thread].counters
    }

    /// What all threads have counted.
    pub(crate) fn totals(&self) -> Totals {
        Totals::of(self.threads.iter().map(|slot| &slot.counters))
    }

    /// The thread that should take a connection which thread `from` accepted.
    fn least_busy(&self, from: usize) -> Option<&Slot> {
        let load = |slot: &Slot| slot.counters.connections();
        let least = self.threads.iter().min_by_key(|slot| load(slot))?;
        (load(least) + HAND_OFF_MARGIN <= load(&self.threads[from])).then_some(least)
    }
}

/// One generation of the configuration, as one thread serves it. Whoever needs the configuration to
/// the end of its work holds one; the last one to let go ends the generation.
pub struct Generation {
    /// The configuration.
    pub config: Arc<Config>,
    /// Counted by the thread.
    pub number: u64,
    /// The thread.
    pub thread: Rc<Thread>,
    /// Files that are kept open.
    pub(crate) open_files: OpenFiles,
    /// Idle connections to each upstream.
    pub pools: Vec<Rc<Pool>>,
    listeners: HashMap<Addr, usize>,
    /// Health checks, which one thread of the process makes.
    checks: Vec<AbortHandle>,
    closing: Cell<bool>,
    closed: Notify,
    /// The tasks of its connections, to end those that do not end in time.
    tasks: RefCell<HashMap<u64, AbortHandle>>,
}

impl Generation {
    /// Ends its connections, whatever they are doing.
    fn abort(&self) {
        let tasks = self.tasks.take();
        tasks.values().for_each(AbortHandle::abort);
    }

    /// Whether a newer one has taken its place, or the thread is to stop.
    pub fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Waits until it is closing. Cancel-safe.
    pub async fn closing(&self) {
        while !self.closing.get() {
            self.closed.notified().await;
        }
    }

    /// The listening socket of an address.
    pub(crate) fn listener_at(&self, listen: &Addr) -> Option<usize> {
        self.listeners.get(listen).copied()
    }

    /// The error log of the configuration as a whole.
    pub(crate) fn error_log(&self) -> &ErrorLog {
        generation_log(self)
    }

    fn close(&self) {
        self.closing.set(true);
        self.checks.iter().for_each(AbortHandle::abort);
        self.closed.notify_waiters();
        self.pools.iter().for_each(|pool| pool.clear());
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.config.flush_logs();
        self.thread.generation_ended();
    }
}

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
        let generation = self.generation(me.clone(), config);
        self.generations.set(self.generations.get() + 1);
        self.stop_accepting_elsewhere(&generation);
        let log = error_logs(&generation.config);
        let number = generation.number;
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
                    let task = tokio::task::spawn_local(accept(me.clone(), listener));
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

    fn generation(&self, me: Rc<Thread>, config: Arc<Config>) -> Rc<Generation> {
        let listeners = config.listeners.iter().enumerate();
        Rc::new(Generation {
            // Once for the process: all threads see what is found out.
            checks: match self.index {
                0 => crate::health::start(&config),
                _ => Vec::new(),
            },
            open_files: OpenFiles::default(),
            pools: config.upstreams.iter().map(|_| Rc::default()).collect(),
            listeners: listeners
                .map(|(at, conf)| (conf.listen.addr.clone(), at))
                .collect(),
            number: self.number.replace(self.number.get() + 1),
            thread: me,
            config,
            closing: Cell::new(false),
            closed: Notify::new(),
            tasks: RefCell::default(),
        })
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

    fn receive_handed_off(self: &Rc<Self>) {
        let slot = &self.shared.threads[self.index];
        // A poisoned lock would mean that `take` panicked, which it cannot.
        let receiver = slot
            .receiver
            .lock()
            .ok()
            .and_then(|mut receiver| receiver.take());
        let Some(mut receiver) = receiver else { return };
        let me = Rc::downgrade(self);
        tokio::task::spawn_local(async move {
            while let Some(HandedOff { fd, peer, listen }) = receiver.recv().await {
                let Some(thread) = me.upgrade() else { return };
                thread.serve(fd, peer, &listen);
            }
        });
    }

    fn serve(&self, fd: OwnedFd, peer: Addr, listen: &Addr) {
        let Some(generation) = self.current.borrow().clone() else {
            return;
        };
        let Some(&listener) = generation.listeners.get(listen) else {
            return;
        };
        let slot = &self.shared.threads[self.index];
        if slot.counters.connections() >= self.shared.connections_max.load(Ordering::Relaxed) {
            let limit = self.shared.connections_max.load(Ordering::Relaxed);
            generation_log(&generation).log(
                Level::Alert,
                None,
                format_args!("{limit} worker_connections are not enough"),
            );
            return;
        }
        let stream = match Stream::new(fd) {
            Ok(stream) => stream,
            Err(error) => {
                generation_log(&generation).log(
                    Level::Alert,
                    None,
                    format_args!("accepting a connection: {error}"),
                );
                return;
            }
        };
        // Small answers and frames are never held back.
        stream.set_nodelay(true);
        let id = self.shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
        let load = Load::new(self.shared.clone(), self.index);
        let conn = Connection::new(id, stream, peer, generation.clone(), listener, load);
        let task = tokio::task::spawn_local(connection::serve(Rc::new(conn)));
        generation
            .tasks
            .borrow_mut()
            .insert(id, task.abort_handle());
    }
}

/// Ends a generation and its tunnels when its time is over.
async fn retire(generation: Weak<Generation>, number: u64, tunnels: TunnelTable, limit: Duration) {
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

/// The error logs of the configuration as a whole; what has no location has none.
fn error_logs(config: &Config) -> Arc<ErrorLogs> {
    let first = config.locations.first();
    first.map_or_else(Arc::default, |location| {
        location.settings.core.error_logs.clone()
    })
}

fn generation_log(generation: &Generation) -> &ErrorLog {
    generation.config.locations[0]
        .settings
        .core
        .error_logs
        .log()
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

/// Accepts from one socket for as long as it is listened on.
async fn accept(thread: Rc<Thread>, listener: Listener) {
    /// Connections taken in one turn, so that those already open are not kept waiting.
    const ACCEPTS_MAX: usize = 16;
    let mut taken = 0;
    poll_fn(|cx| {
        loop {
            if taken == ACCEPTS_MAX {
                taken = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(generation) = thread.current.borrow().clone() else {
                return Poll::Ready(());
            };
            let accepted = listener.poll_accept(cx, generation_log(&generation));
            let Poll::Ready((fd, peer)) = accepted else {
                taken = 0;
                return Poll::Pending;
            };
            taken += 1;
            thread.shared.counters(thread.index).accepted();
            match thread.shared.least_busy(thread.index) {
                Some(slot) => {
                    let listen = listener.addr().clone();
                    // Its thread lives as long as the worker.
                    let _ = slot.hand_off.send(HandedOff { fd, peer, listen });
                }
                None => thread.serve(fd, peer, listener.addr()),
            }
        }
    })
    .await;
}
