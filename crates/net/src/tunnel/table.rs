//! The tunnels of one thread: who they are, what they carried, and the means to end them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime};

use proto::ws::close;

use crate::clock;

/// What happens to a tunnel when the configuration that made it is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// It lives on.
    #[default]
    Keep,
    /// The client of a WebSocket is told to come back (close code 1012) and has some seconds to end
    /// in order; a tunnel without frames lives on.
    Drain {
        /// Tunnels are told at random moments within this time, so that clients do not return all
        /// at once.
        jitter: Duration,
    },
    /// It ends; a WebSocket with close code 1012 to both sides.
    Cut {
        /// As for [`Drain`](Self::Drain).
        jitter: Duration,
    },
}

/// How a tunnel is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// In order, if its protocol has a way to.
    Drain,
    /// Now.
    Cut,
}

/// An order to a tunnel to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How.
    pub action: Action,
    /// The close code for a WebSocket.
    pub code: u16,
    /// When.
    pub at: Instant,
}

/// Bytes that a tunnel carried. What was received and not sent had not been flushed when it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Read from the client.
    pub from_downstream: u64,
    /// Written to the upstream.
    pub to_upstream: u64,
    /// Read from the upstream.
    pub from_upstream: u64,
    /// Written to the client.
    pub to_downstream: u64,
}

/// What is known about a tunnel that runs.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// Unique on its thread.
    pub id: u64,
    /// The configuration that made it.
    pub generation: u64,
    /// When it began.
    pub started: SystemTime,
    /// What it carried until now.
    pub traffic: Traffic,
}

/// The tunnels of one thread. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub struct TunnelTable {
    inner: Rc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    next_id: Cell<u64>,
    running: RefCell<BTreeMap<u64, Rc<State>>>,
}

/// A tunnel's place in the table, given up when dropped.
#[derive(Debug)]
pub struct Entry {
    table: TunnelTable,
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    id: u64,
    generation: u64,
    started: SystemTime,
    policy: Policy,
    traffic: Counters,
    order: Cell<Option<Order>>,
    waker: RefCell<Option<Waker>>,
}

/// [`Traffic`] while it grows.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) from_downstream: Cell<u64>,
    pub(super) to_upstream: Cell<u64>,
    pub(super) from_upstream: Cell<u64>,
    pub(super) to_downstream: Cell<u64>,
}

thread_local! {
    static TABLE: TunnelTable = TunnelTable::default();
}

impl TunnelTable {
    /// This thread's table.
    pub fn current() -> Self {
        TABLE.with(Clone::clone)
    }

    /// A place for a tunnel that a configuration of this `generation` makes.
    pub fn enter(&self, policy: Policy, generation: u64) -> Entry {
        let id = self.inner.next_id.get();
        self.inner.next_id.set(id + 1);
        let state = Rc::new(State {
            id,
            generation,
            started: clock::wall(),
            policy,
            traffic: Counters::default(),
            order: Cell::new(None),
            waker: RefCell::new(None),
        });
        self.inner.running.borrow_mut().insert(id, state.clone());
        Entry {
            table: self.clone(),
            state,
        }
    }

    /// How many tunnels run.
    pub fn len(&self) -> usize {
        self.inner.running.borrow().len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tunnels that run now, oldest first.
    pub fn views(&self) -> Vec<View> {
        self.inner
            .running
            .borrow()
            .values()
            .map(|state| state.view())
            .collect()
    }

    /// Applies the policy of each tunnel that is older than `generation`, the one now in force.
    pub fn reloaded(&self, generation: u64) {
        self.order_all(|state| {
            let (action, jitter) = match state.policy {
                _ if state.generation >= generation => return None,
                Policy::Keep => return None,
                Policy::Drain { jitter } => (Action::Drain, jitter),
                Policy::Cut { jitter } => (Action::Cut, jitter),
            };
            let share = super::random() as u32;
            Some(Order {
                action,
                code: close::SERVICE_RESTART,
                at: clock::now() + jitter.mul_f64(f64::from(share) / f64::from(u32::MAX)),
            })
        });
    }

    /// Orders every tunnel of this thread to end because the process does (close code 1001).
    pub fn shut_down(&self, action: Action) {
        let order = Order {
            action,
            code: close::GOING_AWAY,
            at: clock::now(),
        };
        self.order_all(|_| Some(order));
    }

    /// Orders one tunnel to end; `false` if it is gone.
    pub fn order(&self, id: u64, order: Order) -> bool {
        let running = self.inner.running.borrow();
        let state = running.get(&id);
        if let Some(state) = state {
            state.give(order);
        }
        state.is_some()
    }

    fn order_all(&self, order: impl Fn(&State) -> Option<Order>) {
        for state in self.inner.running.borrow().values() {
            if let Some(order) = order(state) {
                state.give(order);
            }
        }
    }
}

impl State {
    fn give(&self, order: Order) {
        self.order.set(Some(order));
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }

    fn view(&self) -> View {
        View {
            id: self.id,
            generation: self.generation,
            started: self.started,
            traffic: self.traffic.read(),
        }
    }
}

impl Entry {
    /// The tunnel as the table shows it.
    pub fn view(&self) -> View {
        self.state.view()
    }

    /// An order that came since the last call, if any; otherwise the task is woken when one comes.
    pub fn poll_order(&self, cx: &mut Context<'_>) -> Option<Order> {
        let order = self.state.order.take();
        let mut waker = self.state.waker.borrow_mut();
        match &mut *waker {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        order
    }

    pub(super) fn counters(&self) -> &Counters {
        &self.state.traffic
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.table.inner.running.borrow_mut().remove(&self.state.id);
    }
}

impl Counters {
    pub(super) fn read(&self) -> Traffic {
        Traffic {
            from_downstream: self.from_downstream.get(),
            to_upstream: self.to_upstream.get(),
            from_upstream: self.from_upstream.get(),
            to_downstream: self.to_downstream.get(),
        }
    }
}
