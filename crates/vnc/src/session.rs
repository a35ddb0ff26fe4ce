//! One session: from an accepted upgrade to its end.

mod apple_dh;
mod connect;
mod ending;
mod far;
mod follow;
mod link;
mod login;
mod machine;
mod outlet;
mod pump;
mod relay;
mod rsa_aes;
mod screen;
mod seal;
mod sealed;
mod security;
mod server;
mod spill;
mod stored;
mod taps;
#[cfg(test)]
mod tests;
mod viewer;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::sessions::Seat;
use crate::{About, Policy, Refusal, Session, SessionId, Sessions, Target};
pub(crate) use ending::Failure;
pub use link::{FarSocket, Link};
pub use machine::{Machine, Unreachable};
pub use sealed::SealedLink;

/// What was agreed as WebSocket sub-protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subprotocol {
    /// None or `binary`: binary messages are all that is understood.
    Binary,
    /// `portway.v1`: JSON in text messages besides.
    Portway,
}

impl Subprotocol {
    /// The names, best first, for [`proto::ws::choose_subprotocol`].
    pub const NAMES: [&'static str; 2] = ["portway.v1", "binary"];

    /// By the name that was echoed to the browser, if one was.
    pub fn of(chosen: Option<&str>) -> Self {
        match chosen {
            Some("portway.v1") => Self::Portway,
            _ => Self::Binary,
        }
    }
}

/// The browser's side, right after the reply to its upgrade was written.
#[derive(Debug)]
pub struct Browser {
    /// The socket.
    pub stream: net::Stream,
    /// Bytes that were read behind the upgrade request.
    pub early: Vec<u8>,
    /// What was agreed.
    pub protocol: Subprotocol,
}

/// Why a session is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndReason {
    /// The viewer closed, with its code.
    ViewerClosed(Option<u16>),
    /// The viewer's connection ended without a close frame.
    ViewerGone,
    /// The viewer answered no ping.
    ViewerSilent,
    /// This side refused or ended it and said so.
    Refused(Refusal),
}

impl EndReason {
    /// One word for logs and statistics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::ViewerClosed(_) => "viewer-closed",
            Self::ViewerGone => "viewer-gone",
            Self::ViewerSilent => "viewer-silent",
            Self::Refused(refusal) => refusal.word(),
        }
    }
}

/// What the log should know of a session that is over.
#[derive(Debug, Clone)]
pub struct SessionEnd {
    /// Its name; `None` when it could not even be entered in the table.
    pub id: Option<SessionId>,
    /// Why it ended.
    pub reason: EndReason,
    /// What happened inside, for the operator only.
    pub detail: String,
    /// Bytes of RFB from the viewer.
    pub bytes_in: u64,
    /// Bytes of RFB towards the viewer.
    pub bytes_out: u64,
    /// From the upgrade to the end.
    pub duration: Duration,
    /// From the upgrade until the screen was shown; `None` if it never was.
    pub connected_after: Option<Duration>,
    /// The last ping's time to the browser and back.
    pub rtt: Option<Duration>,
    /// Who ended it, if it was a person on this side.
    pub cut_by: Option<String>,
    /// All else that was known of it.
    pub last: Box<Session>,
}

impl fmt::Display for SessionEnd {
    /// For the log: `reason=cut in=120 out=4096 time=12.345 (detail)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.duration.as_secs_f64();
        let reason = self.reason.word();
        write!(
            f,
            "reason={reason} in={} out={} time={time:.3}",
            self.bytes_in, self.bytes_out
        )?;
        if let EndReason::ViewerClosed(Some(code)) = self.reason {
            write!(f, " code={code}")?;
        }
        if !self.detail.is_empty() {
            write!(f, " ({})", self.detail)?;
        }
        Ok(())
    }
}

/// Runs a session to its end. `goal` is where it goes, or why it goes nowhere; the viewer is told
/// either way. To be spawned as a task of its own on the thread that registered the stream, so
/// that nothing of the request stays in memory with it. The session is listed at once.
pub fn run(
    browser: Browser,
    goal: Result<Target, Refusal>,
    policy: Policy,
    about: About,
    sessions: &Sessions,
) -> impl Future<Output = SessionEnd> + use<> {
    let mut seat = sessions.enter(
        about,
        goal.as_ref().ok().cloned(),
        &policy,
        browser.protocol,
    );
    // What cannot be listed cannot be cut either, so it may not start.
    let goal = match seat.id {
        Some(_) => goal,
        None => Err(Refusal::Internal),
    };
    let goal = goal.and_then(|target| seat.admit().map(|()| target));
    let room = seat.room_is_made();
    // The handshake's state is large and gone when the screen is shown, hence the boxes.
    let attempts = sessions.attempts().clone();
    let opening = login::open(browser, goal, policy, attempts, Arc::clone(&seat.entry));
    let opening = Box::pin(async move {
        room.await;
        opening.await
    });
    async move {
        let mut connected_after = None;
        let failure = match opening.await {
            Ok(mut pump) => {
                connected_after = Some(seat.entry.age());
                seat.join();
                let failure = pump.run().await;
                pump.finish(failure).await
            }
            Err(failure) => failure,
        };
        end_of(failure, seat, connected_after)
    }
}

fn end_of(failure: Failure, seat: Seat, connected_after: Option<Duration>) -> SessionEnd {
    let (reason, detail) = failure.into_parts();
    seat.count_end(reason.word());
    let last = seat.entry.snapshot();
    SessionEnd {
        id: seat.id,
        reason,
        detail,
        bytes_in: last.bytes_in,
        bytes_out: last.bytes_out,
        duration: last.age,
        connected_after,
        rtt: last.rtt,
        cut_by: seat.entry.cut_by(),
        last: Box::new(last),
    }
}
