//! A login that only the person knows: what the server asks is asked of the viewer.
//!
//! What is inside of TLS towards the server is asked in a form that any viewer knows: VNC
//! authentication as that, user and password as VeNCrypt's Plain.

use proto::rfb::{ServerEvent, Version, ViewerEvent, security};

use super::ending::{Failure, out_of_order};
use super::follow::Follow;
use super::login::{Login, too_many};
use super::security::{Means, Way};
use super::server::{Server, refused};
use crate::attempts::Gate;
use crate::{Policy, Refusal, Target};

impl Login<'_> {
    /// Lets the viewer log in itself.
    pub(super) async fn by_viewer(
        &mut self,
        types: Vec<u8>,
        target: &Target,
        policy: &Policy,
        gate: &Gate<'_>,
    ) -> Result<Follow, Failure> {
        let version = self.viewer_version().await?;
        let same_version =
            version == Version::V3_8 && self.server.handshake.version() == Some(Version::V3_8);
        // What cannot be followed passes only when nothing has to be enforced behind it.
        let blindly = policy.rules().is_none() && policy.title.is_none() && same_version;
        let means = Means::of(policy);
        let offer = match means.viewer_way(&types, blindly)? {
            Way::Types(offer) => offer,
            Way::Vencrypt { otherwise } => {
                let subtypes = self.server.choose_vencrypt().await?;
                if let Some(subtype) = means.viewer_subtype(&subtypes) {
                    self.server.choose_subtype(subtype, target, policy).await?;
                    self.relay_vencrypt(gate).await?;
                    return Ok(Follow::new(policy));
                }
                if otherwise.is_empty() {
                    return Err(means.no_subtype(&subtypes));
                }
                // There is no way back from a type that was chosen, but to begin anew.
                self.server = Server::reach(target, policy).await?.0;
                otherwise
            }
        };
        self.relay_type(&offer, policy, gate).await
    }

    /// The viewer chooses among types that the server offers, too.
    async fn relay_type(
        &mut self,
        offer: &[u8],
        policy: &Policy,
        gate: &Gate<'_>,
    ) -> Result<Follow, Failure> {
        let chosen = self.offer(offer).await?;
        self.server.choose(chosen);
        match chosen {
            security::NONE => {
                self.server.authenticated(Refusal::WrongPassword).await?;
            }
            security::VNC_AUTH => match self.server.next().await? {
                ServerEvent::Challenge(challenge) => self.relay_challenge(challenge, gate).await?,
                other => return Err(refused(other, Refusal::WrongPassword)),
            },
            _ => {
                self.server.flush().await?;
                return Ok(Follow::Blind);
            }
        }
        self.viewer.handshake.accept(&mut self.viewer.outbox);
        Ok(Follow::new(policy))
    }

    /// The server's login is inside of VeNCrypt; the viewer is offered its like.
    async fn relay_vencrypt(&mut self, gate: &Gate<'_>) -> Result<(), Failure> {
        match self.server.next().await? {
            ServerEvent::Authenticated => return self.let_in().await,
            ServerEvent::Challenge(challenge) => {
                self.offer(&[security::VNC_AUTH]).await?;
                self.relay_challenge(challenge, gate).await?;
            }
            ServerEvent::LoginWanted => self.relay_user(gate).await?,
            other => return Err(refused(other, Refusal::WrongPassword)),
        }
        self.viewer.handshake.accept(&mut self.viewer.outbox);
        Ok(())
    }

    async fn relay_challenge(
        &mut self,
        challenge: [u8; 16],
        gate: &Gate<'_>,
    ) -> Result<(), Failure> {
        self.viewer
            .handshake
            .challenge(&challenge, &mut self.viewer.outbox);
        let ViewerEvent::Response(response) = self.viewer_says().await? else {
            return Err(out_of_order());
        };
        gate.tries().map_err(too_many)?;
        self.server
            .handshake
            .respond(&response, &mut self.server.outbox);
        self.verdict(gate).await
    }

    async fn relay_user(&mut self, gate: &Gate<'_>) -> Result<(), Failure> {
        if self.viewer.handshake.version() == Version::V3_3 {
            let old = "RFB 3.3, which the viewer speaks, has no user names";
            return Err(Failure::told(Refusal::UnsupportedSecurity, old));
        }
        self.offer(&[security::VENCRYPT]).await?;
        let ViewerEvent::Login(login) = self.viewer_says().await? else {
            return Err(out_of_order());
        };
        gate.tries().map_err(too_many)?;
        self.server
            .handshake
            .log_in(&login, &mut self.server.outbox);
        self.verdict(gate).await
    }

    async fn verdict(&mut self, gate: &Gate<'_>) -> Result<(), Failure> {
        self.server.authenticated(Refusal::WrongPassword).await?;
        gate.succeeded();
        Ok(())
    }
}
