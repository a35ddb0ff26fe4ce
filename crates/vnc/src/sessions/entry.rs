//! One session's line in the table: written by its thread, read by any.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant, SystemTime};

use net::TcpHealth;

use super::control::{Standing, Wish};
use super::live::Live;
use super::mailbox::Mailbox;
use super::metrics::{Metrics, Moved};
use super::room::{self, Room};
use super::{About, Session, SessionId};
use crate::policy::Terms;
use crate::{Policy, Refusal, Subprotocol, Target};

/// What a session shows of itself. Only its own task writes the counters, so that adding is a
/// load and a store.
#[derive(Debug)]
pub(crate) struct Entry {
    id: SessionId,
    about: About,
    /// Where it goes and how it was opened, if it goes anywhere.
    opened: Option<Box<(Target, Policy)>>,
    live: Live,
    /// Its page understands texts.
    speaks: bool,
    start: SystemTime,
    start_instant: Instant,
    connected: AtomicBool,
    recorded: AtomicBool,
    bytes_out: AtomicU64,
    bytes_in: AtomicU64,
    frames_out: AtomicU64,
    messages_in: AtomicU64,
    inputs_at_once: AtomicU64,
    /// Milliseconds from the start to the last input; 0 before the first.
    input_at: AtomicU64,
    /// Microseconds; 0 before the first pong.
    rtt: AtomicU64,
    viewer_tcp: Leg,
    server_tcp: Leg,
    /// It was let in, and takes a place where places are few.
    counts: AtomicBool,
    cut: Mutex<CutSlot>,
    mailbox: Mailbox,
    /// Since its screen is shown: who else looks at the desktop.
    room: OnceLock<Arc<Room>>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct CutSlot {
    cut: Option<Box<Cut>>,
    waker: Option<Waker>,
    /// It holds no connection to the machine any more.
    left: bool,
    /// Who waits for that.
    waiting: Vec<Waker>,
}

/// Somebody wants the session to end.
#[derive(Debug)]
struct Cut {
    why: Refusal,
    by: Option<String>,
}

/// The latest health of a connection; all ones if it is not known.
#[derive(Debug)]
struct Leg(AtomicU64);

impl Leg {
    const UNKNOWN: u64 = u64::MAX;

    fn set(&self, health: Option<TcpHealth>) {
        let packed = health.map_or(Self::UNKNOWN, |health| {
            let micros = (health.rtt.as_micros() as u64).min(u64::from(u32::MAX) - 1);
            micros << 32 | u64::from(health.retransmits)
        });
        self.0.store(packed, Relaxed);
    }

    fn health(&self) -> Option<TcpHealth> {
        match self.0.load(Relaxed) {
            Self::UNKNOWN => None,
            packed => Some(TcpHealth {
                rtt: Duration::from_micros(packed >> 32),
                retransmits: packed as u32,
            }),
        }
    }
}

impl Entry {
    pub(crate) fn new(
        id: SessionId,
        about: About,
        machine: Option<Target>,
        policy: &Policy,
        protocol: Subprotocol,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            id,
            about,
            opened: machine.map(|machine| Box::new((machine, policy.clone()))),
            live: Live::new(policy.terms()),
            speaks: protocol == Subprotocol::Portway,
            start: net::clock::wall(),
            start_instant: net::clock::now(),
            connected: AtomicBool::new(false),
            recorded: AtomicBool::new(policy.is_recorded()),
            bytes_out: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            frames_out: AtomicU64::new(0),
            messages_in: AtomicU64::new(0),
            inputs_at_once: AtomicU64::new(0),
            input_at: AtomicU64::new(0),
            rtt: AtomicU64::new(0),
            viewer_tcp: Leg(AtomicU64::new(Leg::UNKNOWN)),
            server_tcp: Leg(AtomicU64::new(Leg::UNKNOWN)),
            counts: AtomicBool::new(false),
            cut: Mutex::default(),
            mailbox: Mailbox::default(),
            room: OnceLock::new(),
            metrics,
        }
    }

    pub(crate) fn id(&self) -> SessionId {
        self.id
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    pub(super) fn machine(&self) -> Option<&Target> {
        self.opened.as_ref().map(|opened| &opened.0)
    }

    /// What somebody needs who watches: the machine, and a policy for watching it in the same way
    /// as the session itself may now.
    pub(super) fn watch(&self) -> Option<(Target, Policy)> {
        let (machine, policy) = &**self.opened.as_ref()?;
        let now = self.live.terms().permissions;
        let policy = Policy {
            clipboard_out: now.clipboard_out,
            clipboard_bytes_max: now.clipboard_bytes_max,
            quality_max: now.quality_max,
            ..policy.clone().for_watching()
        };
        Some((machine.clone(), policy))
    }

    /// Holds a session that watches another to what the other may see now.
    pub(super) fn watch_as(&self, watched: &Self) {
        let now = watched.live.terms().permissions;
        self.change(|terms| {
            let may = &mut terms.permissions;
            may.clipboard_out = now.clipboard_out;
            may.clipboard_bytes_max = now.clipboard_bytes_max;
            may.quality_max = now.quality_max;
        });
    }

    pub(super) fn start(&self) -> SystemTime {
        self.start
    }

    /// Whether what the viewer is shown is kept; gives back whether that is new.
    pub(crate) fn set_recorded(&self, recorded: bool) -> bool {
        let is_new = self.recorded.load(Relaxed) != recorded;
        if is_new {
            self.recorded.store(recorded, Relaxed);
        }
        is_new
    }

    /// Wakes the session's task.
    pub(crate) fn alarm(&self) -> Waker {
        let slot = self.lock();
        slot.waker.clone().unwrap_or_else(|| Waker::noop().clone())
    }

    /// What may change while the session runs.
    pub(crate) fn live(&self) -> &Live {
        &self.live
    }

    /// Changes what holds for the session, and has its task look at it; says whether that is new.
    pub(super) fn change(&self, change: impl FnOnce(&mut Terms)) -> bool {
        let is_changed = self.live.change(change);
        if is_changed {
            wake(self.lock());
        }
        is_changed
    }

    /// How long the session has lasted.
    pub(crate) fn age(&self) -> Duration {
        net::clock::now().saturating_duration_since(self.start_instant)
    }

    pub(crate) fn set_connected(&self) {
        self.connected.store(true, Relaxed);
        self.metrics.connected(self.age());
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    pub(crate) fn add_out(&self, bytes: u64) {
        add(&self.bytes_out, bytes);
        add(&self.frames_out, 1);
    }

    pub(crate) fn add_in(&self, bytes: u64) {
        add(&self.bytes_in, bytes);
    }

    pub(crate) fn set_messages_in(&self, messages: u64) {
        self.messages_in.store(messages, Relaxed);
    }

    pub(crate) fn note_input(&self, now: Instant) {
        let since = now.saturating_duration_since(self.start_instant);
        self.input_at
            .store((since.as_millis() as u64).max(1), Relaxed);
    }

    /// The server took input as soon as it was read.
    pub(crate) fn note_taken_at_once(&self) {
        add(&self.inputs_at_once, 1);
    }

    /// The server took input that had waited so long.
    pub(crate) fn note_taken_after(&self, time: Duration) {
        self.metrics.input_waited(time);
    }

    pub(crate) fn set_rtt(&self, rtt: Duration) {
        self.rtt.store((rtt.as_micros() as u64).max(1), Relaxed);
        self.metrics.ping(rtt);
    }

    pub(crate) fn set_tcp(&self, viewer: Option<TcpHealth>, server: Option<TcpHealth>) {
        self.viewer_tcp.set(viewer);
        self.server_tcp.set(server);
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        match self.rtt.load(Relaxed) {
            0 => None,
            micros => Some(Duration::from_micros(micros)),
        }
    }

    pub(super) fn moved(&self) -> Moved {
        Moved {
            bytes_in: self.bytes_in.load(Relaxed),
            bytes_out: self.bytes_out.load(Relaxed),
            inputs_at_once: self.inputs_at_once.load(Relaxed),
        }
    }

    /// Asks the session's task to end; the first reason counts. `by` is who wants it.
    pub(super) fn cut(&self, why: Refusal, by: Option<&str>) {
        let mut slot = self.lock();
        slot.cut.get_or_insert_with(|| {
            let by = by.map(str::to_owned);
            Box::new(Cut { why, by })
        });
        wake(slot);
    }

    /// Whether somebody wants the session to end. Otherwise `waker` is woken when somebody does,
    /// or has something for its page.
    pub(crate) fn wants_cut(&self, waker: &Waker) -> Option<Refusal> {
        let mut slot = self.lock();
        match &mut slot.waker {
            Some(known) if known.will_wake(waker) => {}
            known => *known = Some(waker.clone()),
        }
        slot.cut.as_ref().map(|cut| cut.why.clone())
    }

    pub(super) fn is_ending(&self) -> bool {
        self.lock().cut.is_some()
    }

    /// Who ended it, if it was a person.
    pub(crate) fn cut_by(&self) -> Option<String> {
        self.lock().cut.as_ref()?.by.clone()
    }

    pub(super) fn set_counts(&self) {
        self.counts.store(true, Relaxed);
    }

    /// Whether it takes a place; one that is being ended does not.
    pub(super) fn counts(&self) -> bool {
        self.counts.load(Relaxed) && !self.is_ending()
    }

    /// The session holds no connection to the machine any more.
    pub(crate) fn set_left(&self) {
        let waiting = {
            let mut slot = self.lock();
            slot.left = true;
            std::mem::take(&mut slot.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Whether it holds none; otherwise `waker` is woken when it does not.
    pub(super) fn has_left(&self, waker: &Waker) -> bool {
        let mut slot = self.lock();
        if !slot.left && !slot.waiting.iter().any(|known| known.will_wake(waker)) {
            slot.waiting.push(waker.clone());
        }
        slot.left
    }

    /// Shows a text to its page, if that is one that can. Says whether it is.
    pub(crate) fn say(&self, text: String) -> bool {
        if self.speaks {
            self.mailbox.put(text);
            wake(self.lock());
        }
        self.speaks
    }

    /// Lets its page know that it should look again who is there.
    pub(super) fn tell_presence(&self) {
        if self.speaks {
            self.mailbox.put_presence();
            wake(self.lock());
        }
    }

    /// What waits for its page, in order.
    pub(crate) fn words(&self) -> Vec<String> {
        let Some(waiting) = self.mailbox.take() else {
            return Vec::new();
        };
        let presence = self.room().filter(|_| waiting.presence);
        let presence = presence.map(|room| room.presence(self.id));
        waiting.texts.into_iter().chain(presence).collect()
    }

    /// What its page wishes about control.
    pub(crate) fn wish(&self, wish: Wish) {
        let granted = self.room().map(|room| room.wish(self.id, wish));
        if let Some(Err(denied)) = granted {
            self.say(room::refused(denied.sentence()));
        }
    }

    pub(super) fn set_room(&self, room: Arc<Room>) {
        // A session enters its room once.
        let _ = self.room.set(room);
    }

    pub(super) fn room(&self) -> Option<&Arc<Room>> {
        self.room.get()
    }

    /// What it may do at most, whoever controls.
    pub(super) fn standing(&self) -> Standing {
        match self.live.terms().permissions.view_only {
            true => Standing::Watches,
            false => Standing::May(self.about.role),
        }
    }

    /// Whether somebody else has taken control, beside what the policy says: its input is dropped
    /// then.
    pub(crate) fn set_held(&self, held: bool) {
        self.change(|terms| terms.controls = !held);
    }

    pub(crate) fn snapshot(&self) -> Session {
        let input_at = match self.input_at.load(Relaxed) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        };
        let age = self.age();
        let terms = self.live.terms();
        let view_only = terms.permissions.view_only || !terms.controls;
        Session {
            id: self.id,
            about: self.about.clone(),
            start: self.start,
            connected: self.is_connected(),
            ending: self.is_ending(),
            view_only,
            controls: self.is_connected() && !view_only,
            level: self.live.level(),
            recorded: self.recorded.load(Relaxed),
            allowed: terms.permissions.allowed(),
            bytes_out: self.bytes_out.load(Relaxed),
            bytes_in: self.bytes_in.load(Relaxed),
            frames_out: self.frames_out.load(Relaxed),
            messages_in: self.messages_in.load(Relaxed),
            age,
            idle: input_at.map(|at| age.saturating_sub(at)),
            rtt: self.rtt(),
            viewer_tcp: self.viewer_tcp.health(),
            server_tcp: self.server_tcp.health(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, CutSlot> {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes the session's task, once the slot is free again.
fn wake(mut slot: MutexGuard<'_, CutSlot>) {
    let waker = slot.waker.take();
    drop(slot);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn add(counter: &AtomicU64, n: u64) {
    counter.store(counter.load(Relaxed) + n, Relaxed);
}
