//! From the upgrade to the screen: reach the server, log in to it, let the viewer in.
//!
//! With a stored password the gateway logs in before the viewer is offered anything, and offers
//! None. Without, it offers what the server offers and carries the exchange across.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use net::Deadline;
use proto::rfb::{ServerEvent, Version, ViewerEvent, answer_challenge, ascii_sentence, security};

use super::Browser;
use super::connect::connect;
use super::ending::Failure;
use super::follow::Follow;
use super::pump::Pump;
use super::server::Server;
use super::viewer::Viewer;
use crate::policy::Level;
use crate::sessions::Entry;
use crate::{Password, Policy, Refusal, Target};

/// Bytes of a server's own words that a person is shown: what fits a close frame.
const WORDS_LEN_MAX: usize = 96;

/// Opens a session: the pump that carries it, or why there is none, after the viewer was told.
pub(super) async fn open(
    browser: Browser,
    goal: Result<Target, Refusal>,
    policy: Policy,
    entry: Arc<Entry>,
) -> Result<Pump, Failure> {
    let mut viewer = Viewer::new(browser, &policy);
    let opened = tokio::select! {
        opened = log_in(&mut viewer, goal, &policy) => opened,
        why = cut(&entry) => Err(Failure::told(why, "cut during the handshake")),
    };
    match opened {
        Ok((server, follow)) => Pump::start(viewer, server, follow, policy, entry),
        Err(failure) => Err(viewer.dismiss(failure).await),
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
) -> Result<(Server, Follow), Failure> {
    let target = goal.map_err(|refusal| Failure::told(refusal, ""))?;
    // The version goes out while the server is reached.
    viewer.flush().await?;
    let stream = connect(&target, policy).await?;
    let mut server = Server::new(stream, policy.handshake_timeout);
    let types = match server.next().await? {
        ServerEvent::Types(types) => types,
        other => return Err(refused(other, Refusal::WrongPassword)),
    };
    let mut login = Login {
        viewer,
        server,
        deadline: Deadline::after(policy.login_timeout),
    };
    let follow = match &policy.password {
        Some(password) => {
            login.with_stored(&types, password).await?;
            Follow::new(policy)
        }
        None => login.by_viewer(&types, policy).await?,
    };
    if !matches!(follow, Follow::Blind) {
        login.show_screen(policy).await?;
    }
    Ok((login.server, follow))
}

struct Login<'a> {
    viewer: &'a mut Viewer,
    server: Server,
    /// For all that the person has to do.
    deadline: Deadline,
}

impl Login<'_> {
    /// Logs in with the gateway's password, then lets the viewer in without one.
    async fn with_stored(&mut self, types: &[u8], password: &Password) -> Result<(), Failure> {
        let known = [security::VNC_AUTH, security::NONE];
        let chosen = known.into_iter().find(|known| types.contains(known));
        let chosen = chosen.ok_or_else(|| unsupported(types))?;
        self.server
            .handshake
            .choose(chosen, &mut self.server.outbox);
        if chosen == security::VNC_AUTH {
            let challenge = self.challenge().await?;
            let response = answer_challenge(password.bytes(), &challenge);
            self.server
                .handshake
                .respond(&response, &mut self.server.outbox);
        }
        self.authenticated(Refusal::StoredPassword).await?;
        self.viewer_version().await?;
        self.offer(&[security::NONE]).await?;
        self.viewer.handshake.accept(&mut self.viewer.outbox);
        Ok(())
    }

    /// Lets the viewer log in itself.
    async fn by_viewer(&mut self, types: &[u8], policy: &Policy) -> Result<Follow, Failure> {
        let version = self.viewer_version().await?;
        let same_version =
            version == Version::V3_8 && self.server.handshake.version() == Some(Version::V3_8);
        // What cannot be followed passes only when nothing has to be enforced behind it.
        let blindly = policy.level() == Level::Observe && policy.title.is_none() && same_version;
        let offer = offered(types, blindly);
        if offer.is_empty() {
            return Err(unsupported(types));
        }
        let chosen = self.offer(&offer).await?;
        self.server
            .handshake
            .choose(chosen, &mut self.server.outbox);
        match chosen {
            security::NONE => {}
            security::VNC_AUTH => self.relay_challenge().await?,
            _ => {
                self.server.flush().await?;
                return Ok(Follow::Blind);
            }
        }
        self.authenticated(Refusal::WrongPassword).await?;
        self.viewer.handshake.accept(&mut self.viewer.outbox);
        Ok(Follow::new(policy))
    }

    async fn relay_challenge(&mut self) -> Result<(), Failure> {
        let challenge = self.challenge().await?;
        self.viewer
            .handshake
            .challenge(&challenge, &mut self.viewer.outbox);
        let ViewerEvent::Response(response) = self.viewer_says().await? else {
            return Err(out_of_order());
        };
        self.server
            .handshake
            .respond(&response, &mut self.server.outbox);
        Ok(())
    }

    async fn show_screen(&mut self, policy: &Policy) -> Result<(), Failure> {
        let ViewerEvent::ClientInit = self.viewer_says().await? else {
            return Err(out_of_order());
        };
        self.server.handshake.initialise(&mut self.server.outbox);
        let mut init = match self.server.next().await? {
            ServerEvent::Init(init) => init,
            other => return Err(refused(other, Refusal::Lost)),
        };
        if let Some(title) = &policy.title {
            init.name = title.as_bytes().to_vec();
        }
        self.viewer.handshake.init(&init, &mut self.viewer.outbox);
        self.server.screen = Some(init);
        self.viewer.flush().await
    }

    async fn challenge(&mut self) -> Result<[u8; 16], Failure> {
        match self.server.next().await? {
            ServerEvent::Challenge(challenge) => Ok(challenge),
            other => Err(refused(other, Refusal::WrongPassword)),
        }
    }

    async fn authenticated(&mut self, wrong: Refusal) -> Result<(), Failure> {
        match self.server.next().await? {
            ServerEvent::Authenticated => Ok(()),
            other => Err(refused(other, wrong)),
        }
    }

    async fn viewer_version(&mut self) -> Result<Version, Failure> {
        match self.viewer_says().await? {
            ViewerEvent::Version(version) => Ok(version),
            _ => Err(out_of_order()),
        }
    }

    /// Offers types and waits for the choice.
    async fn offer(&mut self, types: &[u8]) -> Result<u8, Failure> {
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
    async fn viewer_says(&mut self) -> Result<ViewerEvent, Failure> {
        let server = &self.server.stream;
        tokio::select! {
            biased;
            event = self.viewer.next() => event,
            () = self.deadline.expired() => {
                Err(Failure::told(Refusal::LoginTimeout, "the person did not log in"))
            }
            () = poll_fn(|cx| server.poll_hangup(cx)) => {
                Err(Failure::told(Refusal::Lost, "the server closed while the person logged in"))
            }
        }
    }
}

/// The types to offer: those that are followed in the server's order, so that a viewer prefers
/// them, then the others.
fn offered(types: &[u8], blindly: bool) -> Vec<u8> {
    let is_followed = |kind: &u8| matches!(*kind, security::NONE | security::VNC_AUTH);
    let (mut offer, others): (Vec<u8>, Vec<u8>) = types.iter().partition(|kind| is_followed(kind));
    if blindly {
        offer.extend(others);
    }
    offer
}

fn unsupported(types: &[u8]) -> Failure {
    Failure::told(
        Refusal::UnsupportedSecurity,
        format!("the server offers only types {types:?}"),
    )
}

fn out_of_order() -> Failure {
    Failure::told(Refusal::Internal, "the handshake came out of order")
}

/// What the server said instead of what was awaited.
fn refused(event: ServerEvent, wrong: Refusal) -> Failure {
    let words = |reason: &[u8]| ascii_sentence(reason, WORDS_LEN_MAX);
    match event {
        ServerEvent::Refused(reason) => {
            let detail = format!("the server refused: {}", words(&reason));
            Failure::told(Refusal::ServerRefused(words(&reason)), detail)
        }
        ServerEvent::AuthFailed(reason) => {
            let said = words(&reason.unwrap_or_default());
            let detail = format!("the server's verdict: {said}");
            // Not the password's fault: the server locks out whoever fails too often.
            let locked = said.to_ascii_lowercase().contains("too many");
            let refusal = if locked {
                Refusal::ServerRefused(said)
            } else {
                wrong
            };
            Failure::told(refusal, detail)
        }
        _ => out_of_order(),
    }
}
