//! Every live session of the process: what is known of it, and a way to end it.

mod entry;
mod holds;
mod live;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

pub(crate) use entry::Entry;
pub use holds::Holder;

use holds::Holds;

use crate::json::Object;
use crate::policy::Terms;
use crate::{Permissions, Policy, Refusal};

/// What is known of a session before it starts.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// The name that it is to have; without one, a random one is made.
    pub id: Option<SessionId>,
    /// The browser's address, as the access log has it.
    pub client: String,
    /// The person, when one has signed in.
    pub user: Option<String>,
    /// The desktop's name, if it has one.
    pub desktop: String,
    /// Where the machine is, if it goes anywhere.
    pub target: String,
    /// The token that led here, masked ([`mask_token`](crate::mask_token)).
    pub token: Option<String>,
    /// Who is refused for how long, once the session was cut.
    pub hold: Option<(Holder, Duration)>,
}

/// A session's name: random, so that knowing one's own says nothing about others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(u128);

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
    /// The viewer may only watch.
    pub view_only: bool,
    /// The viewer's input reaches the machine: it may do more than watch, and nobody else has
    /// taken control.
    pub controls: bool,
    /// What the viewer may do while it controls.
    pub permissions: Permissions,
    /// How much of the session is read: 0 the viewer's stream in passing, 1 that stream enforced,
    /// 2 the server's as well.
    pub level: u8,
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
}

/// The table of live sessions. Clones are the same table.
#[derive(Debug, Clone, Default)]
pub struct Sessions {
    live: Arc<Mutex<HashMap<SessionId, Arc<Entry>>>>,
    holds: Arc<Holds>,
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
        let entries: Vec<_> = self
            .lock()
            .iter()
            .map(|(id, entry)| (*id, Arc::clone(entry)))
            .collect();
        let mut list: Vec<_> = entries
            .iter()
            .map(|(id, entry)| entry.snapshot(*id))
            .collect();
        list.sort_by_key(|session| (session.start, session.id));
        list
    }

    /// All of them as a JSON array, without those that are being ended.
    pub fn to_json(&self) -> String {
        let mut out = String::from("[");
        let list = self.list();
        for (at, session) in list.iter().filter(|session| !session.ending).enumerate() {
            if at > 0 {
                out.push(',');
            }
            session.write_json(&mut out);
        }
        out.push(']');
        out
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
        let entry = self.lock().get(&id).cloned();
        entry.is_some_and(|entry| {
            if let (Refusal::Cut(_), Some((holder, time))) = (&why, entry.about().hold) {
                self.holds.add(holder, time);
            }
            entry.cut(why);
            true
        })
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
        self.change(id, |terms| {
            *terms = Terms {
                controls: terms.controls,
                ..new
            };
        })
    }

    /// Says whether a session's input reaches the machine, beside what its policy says: `false`
    /// while somebody else is in control. Applied as [`set_policy`](Self::set_policy) is, and kept
    /// apart from it. `false` when there is no such session.
    pub fn set_control(&self, id: SessionId, controls: bool) -> bool {
        self.change(id, |terms| terms.controls = controls)
    }

    fn change(&self, id: SessionId, change: impl FnOnce(&mut Terms)) -> bool {
        let entry = self.lock().get(&id).cloned();
        entry.is_some_and(|entry| {
            entry.change(change);
            true
        })
    }

    /// Enters a session; it leaves when the seat is dropped.
    pub(crate) fn enter(&self, entry: Arc<Entry>) -> std::io::Result<Seat> {
        let id = match entry.about().id {
            Some(id) => id,
            None => SessionId::random()?,
        };
        self.lock().insert(id, entry);
        Ok(Seat {
            id,
            sessions: self.clone(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Arc<Entry>>> {
        // Nothing that holds the lock can leave the table half changed.
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A session's place in the table.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) id: SessionId,
    sessions: Sessions,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.sessions.lock().remove(&self.id);
    }
}

impl Session {
    fn write_json(&self, out: &mut String) {
        let since = self
            .start
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let mut object = Object::begin(out);
        object
            .text("id", &self.id.to_string())
            .text("client", &self.about.client)
            .text_if("user", self.about.user.as_deref())
            .text("desktop", &self.about.desktop)
            .text("target", &self.about.target)
            .text_if("token", self.about.token.as_deref())
            .plain("started", since.as_secs())
            .plain("duration_s", self.age.as_secs())
            .plain("connected", self.connected)
            .plain("view_only", self.view_only)
            .plain("bytes_down", self.bytes_out)
            .plain("bytes_up", self.bytes_in)
            .plain("frames_down", self.frames_out)
            .plain("messages_up", self.messages_in)
            .plain("last_input_s", seconds_or_null(self.idle));
        if let Some(rtt) = self.rtt {
            object.plain("rtt_ms", rtt.as_micros() as f64 / 1000.0);
        }
        object.end();
    }
}

fn seconds_or_null(time: Option<Duration>) -> String {
    time.map_or_else(|| "null".to_owned(), |time| time.as_secs().to_string())
}
