//! A machine that the gateway itself looks at, without a viewer: for pictures.

use std::future::poll_fn;

use proto::rfb::ServerInit;

use super::ending::Failure;
use super::{EndReason, Link, stored};
use crate::{Policy, Refusal, Sessions, Target};

/// A VNC server that let the gateway in: the next bytes that it sends are RFB messages, and so are
/// the next that it awaits. What is asked of it is the caller's business; the policy has decided
/// only how it was reached.
#[derive(Debug)]
pub struct Machine {
    /// The way to it.
    pub link: Link,
    /// The screen, as the server has it: its own name and pixel format.
    pub init: ServerInit,
    /// What it sent behind that already; to be read before the link.
    pub early: Vec<u8>,
}

/// Why the gateway is not let in.
#[derive(Debug, Clone)]
pub struct Unreachable {
    /// What may be told.
    pub refusal: Refusal,
    /// What happened inside, for the operator only.
    pub detail: String,
}

impl Machine {
    /// Connects within `policy.connect_timeout` and logs in with what the policy stores, each step
    /// within `policy.handshake_timeout`. The desktop is shared, so that nobody is thrown out.
    /// Cancel-safe: dropping it closes the connection.
    pub async fn reach(
        target: &Target,
        policy: &Policy,
        sessions: &Sessions,
    ) -> Result<Self, Unreachable> {
        let reached = async {
            let mut server = stored::log_in(target, policy, sessions.attempts()).await?;
            let init = server.initialise().await?;
            Ok((server, init))
        };
        let (server, init) = reached.await.map_err(Unreachable::of)?;
        Ok(Self {
            link: server.link,
            init,
            early: server.inbox,
        })
    }

    /// Logs in as [`Self::reach`] does, and leaves as soon as the server has let the gateway in:
    /// it is asked for no screen.
    pub(crate) async fn knock(
        target: &Target,
        policy: &Policy,
        sessions: &Sessions,
    ) -> Result<(), Unreachable> {
        let server = stored::log_in(target, policy, sessions.attempts()).await;
        let server = server.map_err(Unreachable::of)?;
        poll_fn(|cx| server.link.take_leave(cx)).await;
        Ok(())
    }

    /// Says good-bye and closes.
    pub async fn leave(self) {
        poll_fn(|cx| self.link.take_leave(cx)).await;
    }
}

impl Unreachable {
    fn of(failure: Failure) -> Self {
        let (reason, detail) = failure.into_parts();
        let refusal = match reason {
            EndReason::Refused(refusal) => refusal,
            // There is no viewer that could be at fault.
            _ => Refusal::Internal,
        };
        Self { refusal, detail }
    }
}
