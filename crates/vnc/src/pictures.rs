//! Pictures of machines, without a viewer: for screenshots, and for the wall.
//!
//! A machine is asked by one connection at a time, however many people want to see it: who comes
//! while it is asked gets the same picture, and so does who comes a moment later. The process asks
//! few machines at a time. Decoding is no business of the threads that carry sessions.

mod live;
mod look;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use net::{Deadline, Resolver};
use picture::{Framebuffer, Limits};
use tokio::sync::{OnceCell, Semaphore, watch};

use crate::{Fence, Password, Policy, Refusal, Sessions, TapSource, Target, Tls, Unreachable};
use live::{Live, LiveOf, Shown};

/// Machines that are asked at the same time.
const LOOKS_MAX: usize = 8;

/// Pictures that are waited for or kept.
const SLOTS_MAX: usize = 1024;

/// How long a picture may take, the time in which others are asked included.
const LOOK_TIMEOUT: Duration = Duration::from_secs(15);

/// PNGs that are made at the same time; each takes a processor, and a large one for seconds.
const ENCODES_MAX: usize = 4;

/// How long somebody waits until a PNG of theirs is begun.
const ENCODE_WAIT: Duration = Duration::from_secs(5);

/// They are the process's, whosever pictures they are.
static ENCODES: Semaphore = Semaphore::const_new(ENCODES_MAX);

/// How long a screenshot is good for whoever else wants one.
pub const SHOT_AGE_MAX: Duration = Duration::from_secs(1);

/// The longest side of a picture on the wall.
pub const THUMBNAIL_SIDE_MAX: u16 = 480;

/// What a machine can make this process hold for a picture of it.
const LIMITS: Limits = Limits {
    side_max: 16384,
    pixels_max: 32 << 20,
};

/// A picture of a machine's screen.
#[derive(Debug)]
pub struct Shot {
    /// Its pixels.
    pub screen: Framebuffer,
    /// When it was taken.
    pub at: SystemTime,
    /// As large as it is, for all who want it so.
    png: OnceCell<Bytes>,
}

impl Shot {
    fn new(screen: Framebuffer, at: SystemTime) -> Self {
        Self {
            screen,
            at,
            png: OnceCell::new(),
        }
    }

    /// The picture as a PNG, at most so wide; made elsewhere than on the caller's thread. Refused
    /// when too many others are being made.
    pub async fn png(self: Arc<Self>, width_max: Option<u16>) -> Result<Bytes, Unreachable> {
        // Those who wait for the same one wait no longer than those who want others.
        let deadline = Deadline::after(ENCODE_WAIT);
        match width_max {
            Some(_) if width_max < Some(self.screen.width()) => {
                self.encode(&ENCODES, deadline, width_max).await
            }
            _ => {
                let shot = &self;
                let make = move || shot.encode(&ENCODES, deadline, None);
                self.png.get_or_try_init(make).await.cloned()
            }
        }
    }

    async fn encode(
        self: &Arc<Self>,
        encodes: &'static Semaphore,
        deadline: Deadline,
        width_max: Option<u16>,
    ) -> Result<Bytes, Unreachable> {
        // It is never closed.
        let permit = tokio::select! {
            biased;
            permit = encodes.acquire() => permit,
            () = deadline.expired() => {
                return Err(refused(Refusal::Busy, "too many pictures are wanted"));
            }
        };
        let shot = Arc::clone(self);
        let encode = move || {
            // Whoever wanted it may go; the work is still done.
            let _permit = permit;
            match width_max {
                Some(width_max) => picture::encode_png(&shot.screen.scaled(width_max, u16::MAX)),
                None => picture::encode_png(&shot.screen),
            }
        };
        let encoded = tokio::task::spawn_blocking(encode).await;
        let encoded = encoded.map_err(|error| refused(Refusal::Internal, error.to_string()));
        encoded.map(Bytes::from)
    }
}

/// Which picture of a machine is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Kind {
    /// As large as it is.
    Screenshot,
    /// For the wall.
    Thumbnail,
}

/// Takes pictures for a process; its threads share it.
#[derive(Debug)]
pub struct Pictures {
    slots: Mutex<HashMap<Key, Slot>>,
    looks: Arc<Semaphore>,
    live: Arc<Live>,
    /// How long one picture may take.
    timeout: Duration,
}

/// A picture that is being taken, or was.
#[derive(Debug, Clone)]
struct Slot(watch::Receiver<Option<Taken>>);

/// A picture, or why there is none.
#[derive(Debug, Clone)]
struct Taken {
    at: Instant,
    outcome: Outcome,
}

type Outcome = Result<Arc<Shot>, Unreachable>;

impl Default for Pictures {
    fn default() -> Self {
        Self {
            slots: Mutex::default(),
            looks: Arc::new(Semaphore::new(LOOKS_MAX)),
            live: Arc::default(),
            timeout: LOOK_TIMEOUT,
        }
    }
}

impl Pictures {
    /// The screen of a machine now, or a moment ago. Logs in with what the policy stores. To be
    /// awaited on a thread's `LocalRuntime`. Cancel-safe: the picture is taken nevertheless.
    pub async fn screenshot(
        self: &Arc<Self>,
        target: &Target,
        policy: &Policy,
        sessions: &Sessions,
    ) -> Outcome {
        let key = Key::new(target, policy, Kind::Screenshot);
        self.picture(key, policy, sessions, SHOT_AGE_MAX).await
    }

    /// A small picture of a machine, not older than `age_max`. So long a failure counts too.
    /// To be awaited as [`Self::screenshot`].
    pub async fn thumbnail(
        self: &Arc<Self>,
        target: &Target,
        policy: &Policy,
        sessions: &Sessions,
        age_max: Duration,
    ) -> Outcome {
        let key = Key::new(target, policy, Kind::Thumbnail);
        self.picture(key, policy, sessions, age_max).await
    }

    /// What a session's policy needs so that its machine has a picture while it lasts.
    pub fn tap(&self, target: &Target, policy: &Policy) -> Arc<dyn TapSource> {
        Arc::new(LiveOf {
            live: self.live.clone(),
            shown: Shown::new(target, policy),
        })
    }

    /// A small picture of a machine, out of a session with [`Self::tap`] of the same fence; `None`
    /// if there is no such session, or it has seen nothing yet.
    pub async fn live(&self, target: &Target, policy: &Policy) -> Option<Arc<Shot>> {
        self.live.show(Shown::new(target, policy)).await
    }

    async fn picture(
        self: &Arc<Self>,
        key: Key,
        policy: &Policy,
        sessions: &Sessions,
        age_max: Duration,
    ) -> Outcome {
        let mut slot = self.slot(key, policy, sessions, age_max)?;
        let taken = slot.0.wait_for(Option::is_some).await;
        let outcome = taken
            .ok()
            .and_then(|taken| Some(taken.as_ref()?.outcome.clone()));
        // Without an outcome, the task is gone with its thread.
        outcome.unwrap_or_else(|| Err(refused(Refusal::Restart, "the picture's thread ended")))
    }

    /// What somebody else waits for or has got, or else a new one.
    fn slot(
        self: &Arc<Self>,
        key: Key,
        policy: &Policy,
        sessions: &Sessions,
        age_max: Duration,
    ) -> Result<Slot, Unreachable> {
        let mut slots = self.lock();
        if let Some(slot) = slots.get(&key)
            && slot.is_good(age_max)
        {
            return Ok(slot.clone());
        }
        if slots.len() >= SLOTS_MAX {
            return Err(refused(Refusal::Busy, "too many pictures are wanted"));
        }
        let (sender, receiver) = watch::channel(None);
        let slot = Slot(receiver);
        slots.insert(key.clone(), slot.clone());
        let taking = Taking {
            pictures: Arc::clone(self),
            key,
            slot: slot.clone(),
        };
        let (policy, sessions) = (policy.clone(), sessions.clone());
        tokio::task::spawn_local(taking.run(policy, sessions, age_max, sender));
        Ok(slot)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Slot>> {
        // Nothing that holds the lock can leave the table half changed.
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// Whether it is still waited for, or young enough.
    fn is_good(&self, age_max: Duration) -> bool {
        let taken = self.0.borrow();
        taken
            .as_ref()
            .is_none_or(|taken| taken.at.elapsed() <= age_max)
    }
}

/// One picture that is being taken. Its slot goes with it.
struct Taking {
    pictures: Arc<Pictures>,
    key: Key,
    slot: Slot,
}

impl Taking {
    /// Takes the picture and keeps it for whoever comes within `age_max`.
    async fn run(
        self,
        policy: Policy,
        sessions: Sessions,
        age_max: Duration,
        sender: watch::Sender<Option<Taken>>,
    ) {
        let outcome = self.take(&policy, &sessions).await.map(Arc::new);
        let at = Instant::now();
        sender.send_replace(Some(Taken { at, outcome }));
        Deadline::after(age_max).expired().await;
    }

    async fn take(&self, policy: &Policy, sessions: &Sessions) -> Result<Shot, Unreachable> {
        let look = async {
            // It is never closed.
            let permit = Arc::clone(&self.pictures.looks).acquire_owned().await.ok();
            look::look(&self.key.target, policy, sessions, permit).await
        };
        let deadline = Deadline::after(self.pictures.timeout);
        let screen = tokio::select! {
            screen = look => screen?,
            () = deadline.expired() => {
                return Err(refused(Refusal::Timeout, "no whole picture came in time"));
            }
        };
        let screen = match self.key.kind {
            Kind::Screenshot => screen,
            Kind::Thumbnail => small(screen).await?,
        };
        let at = SystemTime::now();
        Ok(Shot::new(screen, at))
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let mut slots = self.pictures.lock();
        let is_own = |slot: &Slot| slot.0.same_channel(&self.slot.0);
        if slots.get(&self.key).is_some_and(is_own) {
            slots.remove(&self.key);
        }
    }
}

/// Makes a picture as small as the wall has them.
async fn small(screen: Framebuffer) -> Result<Framebuffer, Unreachable> {
    let scale = move || screen.scaled(THUMBNAIL_SIDE_MAX, THUMBNAIL_SIDE_MAX);
    let scaled = tokio::task::spawn_blocking(scale).await;
    scaled.map_err(|error| refused(Refusal::Internal, error.to_string()))
}

fn refused(refusal: Refusal, detail: impl Into<String>) -> Unreachable {
    Unreachable {
        refusal,
        detail: detail.into(),
    }
}

/// A machine, and how it is entered: who may not enter it so gets no picture that was taken so.
#[derive(Debug, Clone)]
struct Key {
    target: Target,
    kind: Kind,
    user: Option<String>,
    password: Option<Password>,
    plain_login: bool,
    tls: Option<Tls>,
    /// By the same name, others may reach other machines.
    fence: Option<Fence>,
    resolver: Option<Arc<Resolver>>,
}

impl Key {
    fn new(target: &Target, policy: &Policy, kind: Kind) -> Self {
        Self {
            target: target.clone(),
            kind,
            user: policy.user.clone(),
            password: policy.password.clone(),
            plain_login: policy.plain_login,
            tls: policy.tls.clone(),
            fence: policy.fence.clone(),
            resolver: policy.names.as_ref().map(|names| names.resolver.clone()),
        }
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let is_same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        let is_same_resolver = match (&self.resolver, &other.resolver) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        is_same_tls
            && is_same_resolver
            && self.fence == other.fence
            && self.target == other.target
            && self.kind == other.kind
            && self.user == other.user
            && self.password == other.password
            && self.plain_login == other.plain_login
    }
}

impl Eq for Key {}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.target, self.kind).hash(state);
    }
}
