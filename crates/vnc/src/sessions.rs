//! Every live session of the process: what is known of it, and a way to end it.

pub(crate) mod control;
mod entry;
mod holds;
mod limits;
mod live;
mod mailbox;
mod metrics;
mod room;
#[cfg(test)]
mod tests;
pub(crate) mod view;

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, SystemTime};

use net::TcpHealth;
use serde::Serialize;

pub use control::Order;
pub(crate) use entry::Entry;
pub use holds::Holder;
pub use limits::Limits;
pub use view::Asking;

use holds::Holds;
pub use metrics::Beside;
use metrics::{Live, Metrics, Moved};
use room::Rooms;
use view::View;

use crate::attempts::Attempts;
use crate::policy::{Allowed, Terms};
use crate::{Policy, Refusal, Role, Subprotocol, Target};

/// What is known of a session before it starts.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The name that it is to have; without one, a random one is made.
    pub id: Option<SessionId>,
    /// The browser's address, as the access log has it.
    pub client: String,
    /// The person, when one has signed in.
    pub user: Option<String>,
    /// What the person is to the desktop.
    pub role: Role,
    /// The link that led here, for a guest who watches.
    pub link: Option<LinkUse>,
    /// The session whose desktop an operator watches.
    pub watches: Option<SessionId>,
    /// The desktop's name, if it has one.
    pub desktop: String,
    /// The desktop's name for people, if it has one.
    pub title: String,
    /// Where the machine is, if it goes anywhere.
    pub target: String,
    /// The token that led here, masked ([`mask_token`](crate::mask_token)).
    pub token: Option<String>,
    /// How many sessions there may be.
    pub limits: Limits,
    /// Whoever is at a machine for one is to make room.
    pub take_over: bool,
    /// Who is refused for how long, once the session was cut.
    pub hold: Option<(Holder, Duration)>,
}

/// A link by which somebody came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkUse {
    /// Its name, which opens nothing.
    pub id: String,
    /// Who made it, if that is known.
    pub by: Option<String>,
}

impl About {
    /// Whom wrong passwords are counted for: the person, or else whoever is at the address.
    pub(crate) fn person(&self) -> &str {
        self.user.as_deref().unwrap_or(&self.client)
    }

    /// The desktop's name, or what it is called for people where it has none.
    pub fn known_as(&self) -> &str {
        match self.desktop.is_empty() {
            true => &self.title,
            false => &self.desktop,
        }
    }

    /// Who it is, as others are told.
    pub fn name(&self) -> Option<String> {
        match &self.link {
            None => self.user.clone(),
            Some(LinkUse { by: Some(by), .. }) => Some(format!("guest of {by}")),
            Some(_) => Some("guest".to_owned()),
        }
    }
}

/// A session's name: random, so that knowing one's own says nothing about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct SessionId(pub(crate) u128);

impl SessionId {
    /// A new one.
    pub fn random() -> std::io::Result<Self> {
        let mut bytes = [0; 16];
        let got = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        // Up to 256 bytes come at once or not at all.
        debug_assert_eq!(got, bytes.len());
        Ok(Self(u128::from_ne_bytes(bytes)))
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl From<SessionId> for recording::Id {
    /// A recording has its session's name.
    fn from(id: SessionId) -> Self {
        Self(id.0)
    }
}

impl std::str::FromStr for SessionId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(Self)
    }
}

/// A live session as it was at the moment of asking.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// Who and where to.
    pub about: About,
    /// When the browser's upgrade was accepted.
    pub start: SystemTime,
    /// The screen is shown; before that, the handshake.
    pub connected: bool,
    /// Somebody ended it, and its viewer is being told.
    pub ending: bool,
    /// The viewer may only watch, be it for good or because another one controls.
    pub view_only: bool,
    /// The viewer's keys reach the machine.
    pub controls: bool,
    /// How much of the session is read: 0 the viewer's stream in passing, 1 that stream enforced,
    /// 2 the server's as well.
    pub level: u8,
    /// What the viewer is shown is kept.
    pub recorded: bool,
    /// What the viewer may do at most.
    pub allowed: Allowed,
    /// Bytes of RFB towards the viewer.
    pub bytes_out: u64,
    /// Bytes of RFB from the viewer.
    pub bytes_in: u64,
    /// Frames towards the viewer.
    pub frames_out: u64,
    /// RFB messages of the viewer, as far as they could be followed.
    pub messages_in: u64,
    /// How long it has lasted.
    pub age: Duration,
    /// How long ago there was a key or the pointer; `None` if there never was.
    pub idle: Option<Duration>,
    /// The latest ping's time to the browser and back.
    pub rtt: Option<Duration>,
    /// The connection to the browser, as of the latest ping.
    pub viewer_tcp: Option<TcpHealth>,
    /// The connection to the machine, as of the latest ping.
    pub server_tcp: Option<TcpHealth>,
}

/// A session as somebody may watch it.
#[derive(Debug, Clone)]
pub struct Watch {
    /// The session.
    pub id: SessionId,
    /// Its machine.
    pub machine: Target,
    /// How the machine is reached, for watching only.
    pub policy: Policy,
    /// The desktop's name, if it has one.
    pub desktop: String,
    /// Its name for people.
    pub title: String,
}

/// The table of live sessions. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<SessionId, Arc<Entry>>>>,
    holds: Arc<Holds>,
    attempts: Arc<Attempts>,
    rooms: Arc<Rooms>,
    metrics: Arc<Metrics>,
}

impl Sessions {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// How many are for somebody or something, such as for a limit.
    pub fn count(&self, matches: impl Fn(&About) -> bool) -> usize {
        self.lock()
            .values()
            .filter(|entry| matches(entry.about()))
            .count()
    }

    /// All of them, the oldest first.
    pub fn list(&self) -> Vec<Session> {
        let entries: Vec<_> = self.lock().values().cloned().collect();
        let mut list: Vec<_> = entries.iter().map(|entry| entry.snapshot()).collect();
        list.sort_by_key(|session| (session.start, session.id));
        list
    }

    /// All of them as JSON for whoever asks, without those that are being ended.
    pub fn to_json(&self, asking: &Asking) -> String {
        let list = self.list();
        let live = list.iter().filter(|session| !session.ending);
        view::json(&view::List {
            asking,
            sessions: live.map(View::of).collect(),
        })
    }

    /// One of them as JSON; `None` when it is over.
    pub fn one_to_json(&self, id: SessionId) -> Option<String> {
        let session = self.entry(id)?.snapshot();
        Some(view::json(&View::of(&session)))
    }

    /// Everything that is counted, as Prometheus reads it.
    pub fn metrics(&self, beside: &Beside) -> String {
        // A session that ends now is counted either as alive or as over.
        let table = self.lock();
        let (mut live, mut moved) = (Live::default(), Moved::default());
        for entry in table.values() {
            match entry.is_connected() {
                true => live.connected += 1,
                false => live.connecting += 1,
            }
            moved.add(entry.moved());
        }
        self.metrics.text(live, moved, beside)
    }

    /// Shows words in the page of a session: whether it is a page that can. `None` when there is
    /// no such session.
    pub fn say(&self, id: SessionId, from: &str, text: &str) -> Option<bool> {
        Some(self.entry(id)?.say(message(from, text)))
    }

    /// Shows words in the pages of all sessions; says in how many.
    pub fn say_to_all(&self, from: &str, text: &str) -> usize {
        self.tell_all(&message(from, text))
    }

    /// Tells all pages that their sessions end for a restart, so soon.
    pub fn warn_of_restart(&self, left: Duration) -> usize {
        self.tell_all(&view::json(&Warning {
            kind: "warning",
            reason: "restart",
            seconds: left.as_secs(),
        }))
    }

    /// Tells the page of a session that it ends for this reason, so soon.
    pub fn warn(&self, id: SessionId, reason: &str, left: Duration) {
        let warning = Warning {
            kind: "warning",
            reason,
            seconds: left.as_secs(),
        };
        if let Some(entry) = self.entry(id) {
            entry.say(view::json(&warning));
        }
    }

    /// Tells the page of a session that the end which it was warned of does not come.
    pub fn warning_is_over(&self, id: SessionId, reason: &str) {
        let over = WarningOver {
            kind: "warning",
            reason,
            over: true,
        };
        if let Some(entry) = self.entry(id) {
            entry.say(view::json(&over));
        }
    }

    fn tell_all(&self, text: &str) -> usize {
        let entries: Vec<_> = self.lock().values().cloned().collect();
        let told = entries.iter().filter(|entry| entry.say(text.to_owned()));
        told.count()
    }

    /// What somebody needs who watches a session; `None` when it is over or goes nowhere.
    pub fn watch(&self, id: SessionId) -> Option<Watch> {
        let entry = self.entry(id)?;
        let (machine, policy) = entry.watch()?;
        Some(Watch {
            id,
            machine,
            policy,
            desktop: entry.about().desktop.clone(),
            title: entry.about().title.clone(),
        })
    }

    /// Gives control of its desktop to a session alone, or frees the desktop. `None` when there is
    /// no such session with a screen; otherwise whether it can be.
    pub fn order(&self, id: SessionId, order: Order) -> Option<Result<(), &'static str>> {
        let done = self.entry(id)?.room()?.order(id, order);
        Some(done.map_err(control::Denied::sentence))
    }

    /// Whoever would be held: a user, otherwise a token; `None` if there is neither.
    pub fn holder(&self, user: Option<&str>, token: &str, target: &str) -> Option<Holder> {
        self.holds.holder(user, token, target)
    }

    /// Whether somebody's session was cut so lately that it may not come back yet.
    pub fn is_held(&self, holder: Holder) -> bool {
        self.holds.holds(holder)
    }

    /// Ends a session; `why` is told to its person. `false` when there is no such session. After a
    /// [`Refusal::Cut`] its person is held.
    pub fn cut(&self, id: SessionId, why: Refusal) -> bool {
        self.entry(id).is_some_and(|entry| {
            self.end(&entry, why, None);
            true
        })
    }

    /// The same at the wish of a person, whom the journal names.
    pub fn cut_by(&self, id: SessionId, why: Refusal, by: &str) -> bool {
        self.entry(id).is_some_and(|entry| {
            self.end(&entry, why, Some(by));
            true
        })
    }

    fn end(&self, entry: &Entry, why: Refusal, by: Option<&str>) {
        if let (Refusal::Cut(_), Some((holder, time))) = (&why, entry.about().hold) {
            self.holds.add(holder, time);
        }
        entry.cut(why, by);
    }

    /// Ends every session that `matches`; says how many.
    pub fn cut_matching(&self, why: &Refusal, matches: impl Fn(&Session) -> bool) -> usize {
        let matching = self.list().into_iter().filter(matches);
        matching
            .filter(|session| self.cut(session.id, why.clone()))
            .count()
    }

    /// Applies a policy to a session that runs: permissions, idle time and age; the rest of a
    /// policy counts when a session starts. `false` when there is no such session.
    ///
    /// The session's task applies it before it moves another byte, at the end of a message that is
    /// under way. Input is dropped from then on where only watching is allowed, held keys and
    /// buttons are released first, and a page of ours is told (`policy`). What is allowed again
    /// works as far as it was negotiated: what a viewer asks for when it connects is judged then.
    /// Quality counts from the viewer's next choice of encodings on.
    ///
    /// A session that cannot be held to the new policy ends with [`Refusal::PolicyChanged`], and
    /// its viewer comes back to a new one: one that was not [`adjustable`](Policy::adjustable),
    /// and whose stream is not understood, or whose server's stream would have to be.
    pub fn set_policy(&self, id: SessionId, policy: &Policy) -> bool {
        let new = policy.terms();
        self.entry(id).is_some_and(|entry| {
            entry.change(|terms| {
                *terms = Terms {
                    controls: terms.controls,
                    ..new
                };
            });
            if let Some(room) = entry.room() {
                room.judge_again(id);
            }
            true
        })
    }

    /// Logins that failed.
    pub(crate) fn attempts(&self) -> &Arc<Attempts> {
        &self.attempts
    }

    /// Enters a session; it leaves when the seat is dropped. Without a name, which only fails to
    /// be made when the system has no random bytes, it is not listed.
    pub(crate) fn enter(
        &self,
        about: About,
        machine: Option<Target>,
        policy: &Policy,
        protocol: Subprotocol,
    ) -> Seat {
        let id = about.id.or_else(|| SessionId::random().ok());
        let metrics = Arc::clone(&self.metrics);
        let entry = Entry::new(
            id.unwrap_or_default(),
            about,
            machine,
            policy,
            protocol,
            metrics,
        );
        let entry = Arc::new(entry);
        self.metrics.started();
        if let Some(id) = id {
            self.lock().insert(id, Arc::clone(&entry));
        }
        Seat {
            id,
            entry,
            sessions: self.clone(),
            displaced: Vec::new(),
        }
    }

    /// Whether a session might begin now. That it may is only decided when it does.
    pub fn would_admit(&self, about: &About, machine: &Target) -> Result<(), Refusal> {
        limits::admit(about, machine, self.lock().values()).map(drop)
    }

    pub(crate) fn entry(&self, id: SessionId) -> Option<Arc<Entry>> {
        self.lock().get(&id).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Entry>>> {
        // Nothing that holds the lock can leave the table half changed.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long a session waits for those that must make room: they are told before they go.
const ROOM_TIMEOUT: Duration = Duration::from_secs(3);

/// A session's place in the table.
#[derive(Debug)]
pub(crate) struct Seat {
    /// `None` if the session could not be listed.
    pub(crate) id: Option<SessionId>,
    pub(crate) entry: Arc<Entry>,
    sessions: Sessions,
    /// Those that had to make room.
    displaced: Vec<Arc<Entry>>,
}

impl Seat {
    /// Lets the session begin, if the limits allow it. From then on it counts itself, and whoever
    /// makes room for it is told.
    pub(crate) fn admit(&mut self) -> Result<(), Refusal> {
        let Some(machine) = self.entry.machine() else {
            return Ok(());
        };
        let table = self.sessions.lock();
        self.displaced = limits::admit(self.entry.about(), machine, table.values())?;
        self.entry.set_counts();
        let name = self.entry.about().name();
        for entry in &self.displaced {
            entry.cut(Refusal::TakenOver(name.clone()), name.as_deref());
        }
        Ok(())
    }

    /// Waits until those that had to make room have left the machine, but not for ever.
    pub(crate) fn room_is_made(&mut self) -> impl Future<Output = ()> + use<> {
        let displaced = std::mem::take(&mut self.displaced);
        async move {
            let deadline = net::Deadline::after(ROOM_TIMEOUT);
            let left = poll_fn(|cx| {
                let has_left = |entry: &Arc<Entry>| entry.has_left(cx.waker());
                match displaced.iter().all(has_left) {
                    true => Poll::Ready(()),
                    false => Poll::Pending,
                }
            });
            tokio::select! {
                () = left => {}
                () = deadline.expired() => {}
            }
        }
    }

    /// The screen is shown: others that look at the desktop are told.
    pub(crate) fn join(&self) {
        self.sessions.rooms.join(&self.entry);
    }

    /// Counts the end.
    pub(crate) fn count_end(&self, reason: &'static str) {
        match self.entry.is_connected() {
            true => self.sessions.metrics.ended(reason),
            false => self.sessions.metrics.refused(reason),
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.entry.set_left();
        self.sessions.rooms.leave(&self.entry);
        let mut table = self.sessions.lock();
        if let Some(id) = self.id {
            table.remove(&id);
            let watches = |entry: &&Arc<Entry>| entry.about().watches == Some(id);
            for entry in table.values().filter(watches) {
                entry.cut(Refusal::WatchedIsOver, None);
            }
        }
        self.sessions.metrics.moved(self.entry.moved());
    }
}

fn message(from: &str, text: &str) -> String {
    view::json(&Message {
        kind: "message",
        from,
        text,
    })
}

#[derive(Serialize)]
struct Message<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    from: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Warning<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    reason: &'a str,
    seconds: u64,
}

#[derive(Serialize)]
struct WarningOver<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    reason: &'a str,
    over: bool,
}
