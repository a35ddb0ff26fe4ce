//! Pictures of machines, without a viewer: for screenshots, and for the wall.
//!
//! A machine is asked by one connection at a time, however many people want to see it: who comes
//! while it is asked gets the same picture, and so does who comes a moment later. The process asks
//! few machines at a time. Decoding is no business of the threads that carry sessions.

mod live;
mod look;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use net::Deadline;
use picture::{Framebuffer, Limits};
use tokio::sync::{OnceCell, Semaphore};

use crate::asks::{Answer, Asks, NotAsked, Turns};
use crate::entrance::Entrance;
use crate::{Policy, Refusal, Sessions, TapSource, Target, Unreachable};
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
    asks: Arc<Asks<(Entrance, Kind), Outcome>>,
    live: Arc<Live>,
    /// How long one picture may take.
    timeout: Duration,
}

type Outcome = Result<Arc<Shot>, Unreachable>;

impl Default for Pictures {
    fn default() -> Self {
        Self {
            asks: Arc::new(Asks::new(LOOKS_MAX, SLOTS_MAX)),
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
        let key = (Entrance::new(target, policy), Kind::Screenshot);
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
        let key = (Entrance::new(target, policy), Kind::Thumbnail);
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
        key: (Entrance, Kind),
        policy: &Policy,
        sessions: &Sessions,
        age_max: Duration,
    ) -> Outcome {
        let taking = Taking {
            target: key.0.target.clone(),
            kind: key.1,
            policy: policy.clone(),
            sessions: sessions.clone(),
            deadline: Deadline::after(self.timeout),
        };
        let is_stale = move |answer: &Answer<Outcome>| answer.at.elapsed() > age_max;
        let take = move |turns| async move { taking.run(turns).await.map(Arc::new) };
        let taken = self.asks.answer(key, is_stale, age_max, take).await;
        taken.unwrap_or_else(|why| match why {
            NotAsked::TooMany => Err(refused(Refusal::Busy, "too many pictures are wanted")),
            NotAsked::Gone => Err(refused(Refusal::Restart, "the picture's thread ended")),
        })
    }
}

/// One picture that is being taken.
struct Taking {
    target: Target,
    kind: Kind,
    policy: Policy,
    sessions: Sessions,
    /// For the wait until others have had their turn, too.
    deadline: Deadline,
}

impl Taking {
    async fn run(self, turns: Turns) -> Result<Shot, Unreachable> {
        let look = async {
            let turn = turns.next().await;
            look::look(&self.target, &self.policy, &self.sessions, turn).await
        };
        let screen = tokio::select! {
            screen = look => screen?,
            () = self.deadline.expired() => {
                return Err(refused(Refusal::Timeout, "no whole picture came in time"));
            }
        };
        let screen = match self.kind {
            Kind::Screenshot => screen,
            Kind::Thumbnail => small(screen).await?,
        };
        let at = SystemTime::now();
        Ok(Shot::new(screen, at))
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
