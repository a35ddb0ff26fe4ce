//! Logging in with what is stored for a machine, whether or not a viewer waits for it.

use proto::rfb::vencrypt::Login;
use proto::rfb::{ServerEvent, answer_challenge, security};

use super::ending::{Failure, out_of_order};
use super::security::{Means, Way, is_rsa_aes};
use super::server::{Server, refused};
use super::{apple_dh, rsa_aes};
use crate::attempts::{Attempts, Gate};
use crate::{Policy, Refusal, Target};

/// Reaches the server and logs in. A password that the server has refused is not tried again for
/// a while, so that it does not lock the gateway out.
pub(super) async fn log_in(
    target: &Target,
    policy: &Policy,
    attempts: &Attempts,
) -> Result<Server, Failure> {
    let gate = attempts.of_stored(target, policy);
    gate.may_try().map_err(|wait| {
        Failure::told(
            Refusal::StoredPasswordRests(wait),
            "the server refused what is stored for it, and was not asked again",
        )
    })?;
    let (mut server, exchange) = reach(target, policy).await?;
    let answered = match exchange {
        Some(kind) => {
            server = carry(server, kind, policy).await?;
            verdict(&mut server, &gate).await.map(|()| true)?
        }
        None => answer(&mut server, policy, &gate).await?,
    };
    if answered {
        gate.succeeded();
        attempts.forget_machine(target);
    }
    Ok(server)
}

/// Connects and chooses the best type; gives back that, too, if its exchange is made here.
async fn reach(target: &Target, policy: &Policy) -> Result<(Server, Option<u8>), Failure> {
    let means = Means::of(policy);
    let (mut server, types) = Server::reach(target, policy).await?;
    let direct = match means.stored_way(&types).map_err(for_want_of(policy))? {
        Way::Types(direct) => direct,
        Way::Vencrypt { otherwise } => {
            let subtypes = server.choose_vencrypt().await?;
            let usable = means.stored_subtype(&subtypes);
            if let Some(subtype) = usable {
                server.choose_subtype(subtype, target, policy).await?;
                return Ok((server, None));
            }
            if otherwise.is_empty() {
                return Err(for_want_of(policy)(means.no_subtype(&subtypes)));
            }
            // There is no way back from a type that was chosen, but to begin anew.
            server = Server::reach(target, policy).await?.0;
            otherwise
        }
    };
    let chosen = direct.first().copied().ok_or_else(out_of_order)?;
    if is_rsa_aes(chosen) || chosen == security::APPLE_DH {
        server.choose_exchange(chosen);
        return Ok((server, Some(chosen)));
    }
    server.choose(chosen);
    Ok((server, None))
}

/// Makes the exchange of a type.
async fn carry(mut server: Server, kind: u8, policy: &Policy) -> Result<Server, Failure> {
    if is_rsa_aes(kind) {
        return rsa_aes::log_in(server, kind, policy).await;
    }
    apple_dh::log_in(&mut server, policy).await?;
    Ok(server)
}

/// Without a password, that is what is missing.
fn for_want_of(policy: &Policy) -> impl Fn(Failure) -> Failure {
    let has_password = policy.password.is_some();
    move |failure| match failure.refusal() {
        Some(Refusal::UnsupportedSecurity) if !has_password => {
            Failure::told(Refusal::NoStoredPassword, failure.into_parts().1)
        }
        _ => failure,
    }
}

/// Answers what the server asks; says whether it asked for a password.
async fn answer(server: &mut Server, policy: &Policy, gate: &Gate<'_>) -> Result<bool, Failure> {
    let password = policy.password.as_ref().map(|password| password.bytes());
    match (server.next().await?, password) {
        (ServerEvent::Authenticated, _) => return Ok(false),
        (ServerEvent::Challenge(challenge), Some(password)) => {
            let response = answer_challenge(password, &challenge);
            server.handshake.respond(&response, &mut server.outbox);
        }
        (ServerEvent::LoginWanted, Some(password)) => {
            let login = Login {
                user: policy.user.as_deref().unwrap_or_default().into(),
                password: password.to_vec(),
            };
            server.handshake.log_in(&login, &mut server.outbox);
        }
        (ServerEvent::Challenge(_) | ServerEvent::LoginWanted, None) => return Err(out_of_order()),
        (other, _) => return Err(refused(other, Refusal::StoredPassword)),
    }
    verdict(server, gate).await.map(|()| true)
}

/// What the server says to what it was shown.
async fn verdict(server: &mut Server, gate: &Gate<'_>) -> Result<(), Failure> {
    let verdict = server.authenticated(Refusal::StoredPassword).await;
    verdict.inspect_err(|failure| {
        if failure.refusal() == Some(&Refusal::StoredPassword) {
            gate.failed();
        }
    })
}
