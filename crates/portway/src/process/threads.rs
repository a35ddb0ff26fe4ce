//! The threads of a worker: each runs an event loop of its own and takes orders.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::event::EventfdFlags;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc as orders};

use crate::core::Affinity;
use http::{Config, Shared, Thread};

/// An order to a thread.
pub enum Order {
    /// Serve this configuration.
    Install {
        /// The configuration.
        config: Arc<Config>,
        /// The sockets to accept from.
        listeners: Vec<(net::Addr, OwnedFd)>,
        /// When what still runs on the configuration before is ended.
        retire_after: Option<Duration>,
    },
    /// End everything that runs, at the latest after this time, and then the thread.
    Drain(Option<Duration>),
}

/// What a thread has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// It has let go of an old generation.
    GenerationDrained,
    /// It ended; `true` if it should not have.
    Ended(bool),
}

/// The threads, from the point of view of the one that controls them.
pub struct Threads {
    threads: Vec<(orders::Sender<Order>, JoinHandle<()>)>,
    events: mpsc::Receiver<Event>,
    wake: Arc<OwnedFd>,
}

/// Orders that may wait for a busy thread; they come from a person, one at a time.
const ORDERS_MAX: usize = 64;

impl Threads {
    /// Starts `count` threads.
    pub fn start(count: usize, affinity: &Affinity, shared: &Arc<Shared>) -> io::Result<Self> {
        let flags = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK;
        let wake = Arc::new(rustix::event::eventfd(0, flags)?);
        let (sender, events) = mpsc::channel();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let mut threads = Vec::new();
        for index in 0..count {
            let (order, orders) = orders::channel(ORDERS_MAX);
            let reporter = Reporter {
                events: sender.clone(),
                wake: Arc::clone(&wake),
            };
            let mask = affinity.of_thread(index, processors);
            let shared = Arc::clone(shared);
            let body = move || {
                if let Some(mask) = mask {
                    pin(&mask);
                }
                run(index, shared, orders, reporter);
            };
            let name = format!("thread {index}");
            threads.push((order, std::thread::Builder::new().name(name).spawn(body)?));
        }
        Ok(Self {
            threads,
            events,
            wake,
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }

    /// Gives an order to one thread. One that has ended takes none; its end is an event.
    pub fn order(&self, index: usize, order: Order) {
        if let Some((sender, _)) = self.threads.get(index) {
            let _ = sender.blocking_send(order);
        }
    }

    /// The next event, without waiting.
    pub fn next_event(&self) -> Option<Event> {
        let event = self.events.try_recv().ok();
        if event.is_none() {
            let mut count = [0; 8];
            // Nothing to read means that it is not readable, which is what is wanted.
            let _ = rustix::io::read(&self.wake, &mut count);
            return self.events.try_recv().ok();
        }
        event
    }
}

/// Readable when there may be an event.
impl AsFd for Threads {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

/// How a thread tells its events.
#[derive(Clone)]
struct Reporter {
    events: mpsc::Sender<Event>,
    wake: Arc<OwnedFd>,
}

impl Reporter {
    fn tell(&self, event: Event) {
        // At the end of the process nobody listens any more.
        let _ = self.events.send(event);
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// Tells the end of its thread, also if that is a panic.
struct Watch {
    reporter: Reporter,
    expected: bool,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.reporter.tell(Event::Ended(!self.expected));
    }
}

fn run(index: usize, shared: Arc<Shared>, mut orders: orders::Receiver<Order>, reporter: Reporter) {
    let mut watch = Watch {
        reporter: reporter.clone(),
        expected: false,
    };
    let runtime = Builder::new_current_thread()
        .enable_all()
        .on_thread_unpark(net::clock::refresh)
        .build_local(LocalOptions::default());
    let Ok(runtime) = runtime else {
        return;
    };
    runtime.block_on(async {
        let thread = Thread::new(index, shared);
        let drained = Rc::new(Notify::new());
        thread.on_generation_drained({
            let drained = Rc::clone(&drained);
            move || drained.notify_one()
        });
        obey(&thread, &mut orders, &drained, &reporter).await;
    });
    watch.expected = true;
}

async fn obey(
    thread: &Rc<Thread>,
    orders: &mut orders::Receiver<Order>,
    drained: &Notify,
    reporter: &Reporter,
) {
    loop {
        tokio::select! {
            // By the time that this task runs, the generation has gone completely.
            () = drained.notified() => reporter.tell(Event::GenerationDrained),
            order = orders.recv() => match order {
                Some(Order::Install { config, listeners, retire_after }) => {
                    thread.install(config, listeners, retire_after);
                }
                Some(Order::Drain(deadline)) => return drain(thread, orders, deadline).await,
                None => return,
            }
        }
    }
}

/// Drains; a second order to drain replaces the first's time.
async fn drain(
    thread: &Rc<Thread>,
    orders: &mut orders::Receiver<Order>,
    mut deadline: Option<Duration>,
) {
    loop {
        tokio::select! {
            () = thread.drain(deadline) => return,
            Some(order) = orders.recv() => {
                if let Order::Drain(sooner) = order {
                    deadline = sooner;
                }
            }
        }
    }
}

/// Keeps this thread on these processors; one that does not exist is no reason not to serve.
fn pin(processors: &[usize]) {
    let mut set = rustix::thread::CpuSet::new();
    processors.iter().for_each(|&processor| set.set(processor));
    let _ = rustix::thread::sched_setaffinity(None, &set);
}
