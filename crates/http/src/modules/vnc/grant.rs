//! What a request may have: where it leads, and what all who have a say in it leave of the policy.
//!
//! The one place where they meet. Whatever may be refused is refused here, for the forecast, the
//! session, and every other request for the same desktop alike.

use bytes::Bytes;
use net::log::Level;
use proto::h1::{Unescape, argument, unescape};
use vnc::{Holder, Names, Policy, Refusal, Role, Target};

use super::Pass;
use super::role::role;
use crate::request::Request;

/// What a request leads to.
#[derive(Debug)]
pub struct Goal {
    /// The desktop's name for people, if it has one.
    pub title: Option<String>,
    /// The token in the clear; empty if there is none.
    pub token: String,
    /// What may be had there, or why nothing.
    pub grant: Result<Grant, Refusal>,
}

/// Leave to open a session.
#[derive(Debug)]
pub struct Grant {
    /// Where the machine is.
    pub target: Target,
    /// What the person is to the desktop.
    pub role: Role,
    /// What the session may do: the strictest of all that was said.
    pub policy: Policy,
}

/// Finds out what a request may have. Asks token sources, but never a machine.
pub async fn goal(request: &Request) -> Goal {
    let token = token(request);
    let grant = grant(request, &token).await;
    Goal {
        title: title(request),
        token: String::from_utf8_lossy(&token).into_owned(),
        grant,
    }
}

async fn grant(request: &Request, token: &[u8]) -> Result<Grant, Refusal> {
    let role = role(request, Role::Control);
    if role == Role::None {
        return Err(Refusal::NoRole);
    }
    let target = find(request, token).await?;
    let sessions = &request.generation.thread.shared.sessions;
    let holder = holder(request, &String::from_utf8_lossy(token), &target);
    if holder.is_some_and(|holder| sessions.is_held(holder)) {
        return Err(Refusal::Cut(String::new()));
    }
    let mut policy = policy(request);
    policy.view_only |= role == Role::View;
    Ok(Grant {
        target,
        role,
        policy,
    })
}

/// Keeps the token out of the logs; to be called before anything of the request is written.
pub fn hide_token(request: &Request) {
    request.secrets.borrow_mut().hide(token(request));
}

/// The token as it stands in the request; empty if there is none.
fn token(request: &Request) -> Bytes {
    let conf = &request.conf().vnc;
    let token = match &conf.token {
        Some(template) => request.eval(template),
        None if conf.source.is_some() => {
            let args = request.args();
            Bytes::copy_from_slice(argument(&args, b"token").unwrap_or_default())
        }
        None => Bytes::new(),
    };
    match unescape(&token, Unescape::All) {
        std::borrow::Cow::Borrowed(_) => token,
        std::borrow::Cow::Owned(token) => token.into(),
    }
}

/// Who is kept from coming back once an operator has cut the session.
pub fn holder(request: &Request, token: &str, target: &Target) -> Option<Holder> {
    let sessions = &request.generation.thread.shared.sessions;
    sessions.holder(user(request).as_deref(), token, &target.to_string())
}

/// The person, when one has signed in.
pub fn user(request: &Request) -> Option<String> {
    request.user.borrow().as_ref().map(|user| lossy(user))
}

/// Where it leads, or why it leads nowhere.
async fn find(request: &Request, token: &[u8]) -> Result<Target, Refusal> {
    let conf = &request.conf().vnc;
    match (&conf.pass, &conf.source) {
        (Some(Pass::Static(target)), _) => Ok(target.clone()),
        (Some(Pass::Dynamic(template)), _) => {
            let value = request.eval(template);
            let failed = |error: &dyn std::fmt::Display| {
                request.log(
                    Level::Error,
                    format_args!("no target in \"vnc_pass\": {error}"),
                );
                Refusal::UnknownDesktop
            };
            let text = std::str::from_utf8(&value).map_err(|error| failed(&error))?;
            text.parse()
                .map_err(|error: vnc::TargetError| failed(&error))
        }
        (None, Some(source)) => {
            // Tokens of files are text; what is not stands in none.
            let token = std::str::from_utf8(token).map_err(|_| Refusal::UnknownToken)?;
            match source.lookup(token) {
                Ok(target) => target.ok_or(Refusal::UnknownToken),
                Err(error) => {
                    request.log(Level::Error, format_args!("{error}"));
                    Err(Refusal::Internal)
                }
            }
        }
        (None, None) => {
            request.log(
                Level::Error,
                format_args!("\"vnc_token\" without \"vnc_token_source\" or \"vnc_pass\""),
            );
            Err(Refusal::Internal)
        }
    }
}

/// The desktop's name, if it has one.
fn title(request: &Request) -> Option<String> {
    let title = request
        .conf()
        .vnc
        .title
        .as_ref()
        .map(|title| lossy(&request.eval(title)));
    title.filter(|title| !title.is_empty())
}

/// What the session may do.
fn policy(request: &Request) -> Policy {
    let conf = &request.conf().vnc;
    let mut policy = Policy {
        view_only: conf.view_only.is_on(request),
        clipboard_in: conf.clipboard.inwards,
        resize: conf.resize,
        power: conf.power,
        quality_max: conf.quality_max,
        password: conf.password.clone(),
        title: title(request),
        ping: conf.ping,
        idle: conf.idle_timeout,
        session_max: conf.max_session,
        names: names(request),
        connect_timeout: conf.connect_timeout,
        ..Policy::default()
    };
    if let Some(max) = conf.clipboard.bytes_max {
        policy.clipboard_bytes_max = max;
    }
    policy
}

/// Who knows names that the configuration does not spell out; the system knows the others.
fn names(request: &Request) -> Option<Names> {
    let conf = request.conf();
    let is_spelt_out = matches!(conf.vnc.pass, Some(Pass::Static(_)));
    let resolver = conf.core.resolver.as_ref().filter(|_| !is_spelt_out)?;
    Some(Names {
        resolver: resolver.clone(),
        log: conf.core.error_logs.log().clone(),
    })
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(text).into_owned()
}
