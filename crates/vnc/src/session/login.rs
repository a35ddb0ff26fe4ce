//! From the upgrade to the screen: reach the server, log in to it, let the viewer in.
//!
//! With a stored password the gateway logs in before the viewer is offered anything, and offers
//! None ([`stored`]). Without, it offers what the server offers and carries the exchange across
//! ([`relay`](super::relay)).

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use net::Deadline;
use proto::rfb::{Version, ViewerEvent, security};

use super::Browser;
use super::ending::{Failure, out_of_order};
use super::follow::Follow;
use super::pump::Pump;
use super::server::Server;
use super::stored;
use super::viewer::Viewer;
use crate::attempts::Attempts;
use crate::sessions::Entry;
use crate::{Policy, Refusal, Target};

/// Opens a session: the pump that carries it, or why there is none, after the viewer was told.
pub(super) async fn open(
    browser: Browser,
    goal: Result<Target, Refusal>,
    policy: Policy,
    attempts: Arc<Attempts>,
    entry: Arc<Entry>,
) -> Result<Box<Pump>, Failure> {
    let mut viewer = Viewer::new(browser, &policy);
    let opened = tokio::select! {
        opened = log_in(&mut viewer, goal, &policy, &attempts, &entry) => opened,
        why = cut(&entry) => Err(Failure::told(why, "cut during the handshake")),
    };
    match opened {
        Ok((server, follow)) => Ok(Pump::start(viewer, server, follow, policy, entry)),
        Err(failure) => {
            entry.set_left();
            Err(viewer.dismiss(failure).await)
        }
    }
}

/// Waits until somebody wants the session to end. Cancel-safe.
async fn cut(entry: &Entry) -> Refusal {
    poll_fn(|cx| {
        entry
            .wants_cut(cx.waker())
            .map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

async fn log_in(
    viewer: &mut Viewer,
    goal: Result<Target, Refusal>,
    policy: &Policy,
    attempts: &Attempts,
    entry: &Entry,
) -> Result<(Server, Follow), Failure> {
    let target = goal.map_err(|refusal| Failure::told(refusal, ""))?;
    // The version goes out while the server is reached.
    viewer.flush().await?;
    if policy.password.is_some() {
        let server = stored::log_in(&target, policy, attempts).await?;
        let mut login = Login::new(viewer, server, policy);
        login.viewer_version().await?;
        login.let_in().await?;
        login.show_screen(policy).await?;
        return Ok((login.server, Follow::new(policy)));
    }
    let gate = attempts.of_person(entry.about().person(), &target, policy);
    gate.may_try().map_err(too_many)?;
    let (server, types) = Server::reach(&target, policy).await?;
    let mut login = Login::new(viewer, server, policy);
    let follow = login.by_viewer(types, &target, policy, &gate).await?;
    if !matches!(follow, Follow::Blind) {
        login.show_screen(policy).await?;
    }
    Ok((login.server, follow))
}

/// A wait that is not over.
pub(super) fn too_many(wait: std::time::Duration) -> Failure {
    Failure::told(Refusal::TooManyFailures(wait), "the server was not asked")
}

/// A viewer and a server that are being brought together.
pub(super) struct Login<'a> {
    pub(super) viewer: &'a mut Viewer,
    pub(super) server: Server,
    /// For all that the person has to do.
    deadline: Deadline,
}

impl<'a> Login<'a> {
    fn new(viewer: &'a mut Viewer, server: Server, policy: &Policy) -> Self {
        Self {
            viewer,
            server,
            deadline: Deadline::after(policy.login_timeout),
        }
    }

    /// Lets the viewer in without a password.
    pub(super) async fn let_in(&mut self) -> Result<(), Failure> {
        self.offer(&[security::NONE]).await?;
        self.viewer.handshake.accept(&mut self.viewer.outbox);
        Ok(())
    }

    /// Brings the screen as far as the viewer's outbox; it is sent with what follows, so that a
    /// viewer which takes nothing is found as any other.
    async fn show_screen(&mut self, policy: &Policy) -> Result<(), Failure> {
        let ViewerEvent::ClientInit = self.viewer_says().await? else {
            return Err(out_of_order());
        };
        let mut init = self.server.initialise().await?;
        if let Some(title) = &policy.title {
            init.name = title.as_bytes().to_vec();
        }
        self.viewer.handshake.init(&init, &mut self.viewer.outbox);
        self.server.screen = Some(init);
        Ok(())
    }

    pub(super) async fn viewer_version(&mut self) -> Result<Version, Failure> {
        match self.viewer_says().await? {
            ViewerEvent::Version(version) => Ok(version),
            _ => Err(out_of_order()),
        }
    }

    /// Offers types and waits for the choice.
    pub(super) async fn offer(&mut self, types: &[u8]) -> Result<u8, Failure> {
        let decided = self.viewer.handshake.offer(types, &mut self.viewer.outbox);
        let chosen = match decided {
            Some(decided) => decided,
            None => self.viewer_says().await?,
        };
        match chosen {
            ViewerEvent::Chosen(chosen) => Ok(chosen),
            _ => Err(out_of_order()),
        }
    }

    /// Waits for the person, as long as the server does.
    pub(super) async fn viewer_says(&mut self) -> Result<ViewerEvent, Failure> {
        let link = &self.server.link;
        tokio::select! {
            biased;
            event = self.viewer.next() => event,
            () = self.deadline.expired() => {
                Err(Failure::told(Refusal::LoginTimeout, "the person did not log in"))
            }
            () = poll_fn(|cx| link.poll_hangup(cx)) => {
                Err(Failure::told(Refusal::Lost, "the server closed while the person logged in"))
            }
        }
    }
}
