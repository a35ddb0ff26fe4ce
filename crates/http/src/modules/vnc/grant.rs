//! What a request may have: where it leads, and what all who have a say in it leave of the policy.
//!
//! The one place where they meet. Whatever may be refused is refused here, for the forecast, the
//! session, and every other request for the same desktop alike.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use net::clock;
use net::log::Level;
use proto::h1::{Unescape, argument, unescape};
use vnc::{
    Asked, Fence, Holder, Limits, NamedBy, Names, Place, Policy, Refusal, Role, SessionId,
    Spending, Target, TargetError, Watch,
};

use super::credentials::{Machine, equip};
use super::desktops::Desktop;
use super::links::{self, Guest};
use super::thumbnails::{self, Thumbnail};
use super::tickets::{self, Terms};
use super::{Conf, Pass, lossy, role};
use crate::request::Request;

/// Which desktop a request is for.
#[derive(Debug, Clone)]
pub enum Subject {
    /// The one that the location leads to.
    OfLocation,
    /// One that the wall has.
    OnWall(Arc<Desktop>),
    /// One that the wall has not.
    Missing,
    /// That of a session which an operator watches.
    Watched(SessionId),
}

/// What a request leads to.
#[derive(Debug)]
pub struct Goal {
    /// The desktop's name for people, if it has one.
    pub title: Option<String>,
    /// The token in the clear; empty if there is none.
    pub token: String,
    /// When its session began, or begins.
    pub start: SystemTime,
    /// What may be had there, or why nothing.
    pub grant: Result<Grant, Refusal>,
    /// The session whose machine it is, for an operator who watches.
    pub watched: Option<Box<Watch>>,
    /// The link by which a guest comes.
    pub guest: Option<Guest>,
}

/// Leave to open a session.
#[derive(Debug)]
pub struct Grant {
    /// Where the machine is.
    pub target: Target,
    /// The desktop, if it has a name.
    pub desktop: Option<Arc<Desktop>>,
    /// What the person is to the desktop.
    pub role: Role,
    /// What the session may do: the strictest of all that was said.
    pub policy: Policy,
    /// How many sessions there may be.
    pub limits: Limits,
    /// What links may be made for guests.
    pub links: Option<links::Allowed>,
    /// What the token says, where one led here.
    pub terms: Option<Terms>,
}

/// By what somebody is kept from coming back: a guest as a guest, and not as the link's maker.
fn held_by<'a>(token: &'a str, guest: Option<&'a Guest>) -> &'a str {
    guest.map_or(token, Guest::id)
}

impl Goal {
    /// The token, or what stands in its place, of whoever is kept from coming back.
    pub fn held_by(&self) -> &str {
        held_by(&self.token, self.guest.as_ref())
    }

    /// Uses up a token that is for one use; if somebody was faster, nothing is granted any more.
    pub fn spend(&mut self, request: &Request) -> Option<Spending> {
        let terms = self.grant.as_ref().ok()?.terms.as_ref()?;
        match terms.spend(request) {
            Ok(spending) => spending,
            Err(refusal) => {
                self.grant = Err(refusal);
                None
            }
        }
    }
}

/// Where a request leads, before anybody is asked whether it may.
struct Found {
    target: Target,
    desktop: Option<Arc<Desktop>>,
    /// Who named the target, unless the configuration spells it out.
    named_by: Option<NamedBy>,
    /// What the token says that led there.
    terms: Option<Terms>,
}

/// When it is asked what a request may have.
#[derive(Debug, Clone, Copy)]
struct Occasion {
    asked: Asked,
    /// When its session began, or begins.
    start: SystemTime,
}

/// Finds out what a request may have. Asks token sources, but never a machine.
pub async fn goal(request: &Request, subject: &Subject) -> Goal {
    let occasion = Occasion {
        asked: Asked::ToOpen,
        start: clock::wall(),
    };
    goal_at(request, subject, occasion).await
}

/// The same for a request whose session runs since `start`: what counts sessions, or counts once,
/// counted it already.
pub async fn goal_again(request: &Request, subject: &Subject, start: SystemTime) -> Goal {
    let occasion = Occasion {
        asked: Asked::Again,
        start,
    };
    goal_at(request, subject, occasion).await
}

async fn goal_at(request: &Request, subject: &Subject, occasion: Occasion) -> Goal {
    let goal = goal_by(request, subject, occasion).await;
    let mut seen = request.desktop.borrow_mut();
    let seen = seen.get_or_insert_default();
    seen.role = Some(goal.grant.as_ref().map_or(Role::None, |grant| grant.role));
    if goal.guest.is_some() {
        // Whoever comes by a link comes as nobody else.
        seen.user = None;
    }
    goal
}

async fn goal_by(request: &Request, subject: &Subject, occasion: Occasion) -> Goal {
    if let Subject::Watched(id) = subject {
        return watched(request, *id, occasion.start);
    }
    match links::come(request) {
        Ok(None) => goal_of(request, subject, occasion, None).await,
        Ok(Some(guest)) => {
            let goal = goal_of(request, subject, occasion, Some(guest)).await;
            if let Some(guest) = &goal.guest {
                guest.leave(request);
            }
            goal
        }
        Err(refusal) => Goal {
            title: None,
            token: String::new(),
            start: occasion.start,
            grant: Err(refusal),
            watched: None,
            guest: None,
        },
    }
}

async fn goal_of(
    request: &Request,
    subject: &Subject,
    occasion: Occasion,
    guest: Option<Guest>,
) -> Goal {
    let token = token(request);
    if guest.is_some() {
        // The token of the link's maker, which no log shows either.
        hide_token(request);
    }
    let found = find(request, subject, &token, occasion.asked).await;
    let desktop = found.as_ref().ok().and_then(|found| found.desktop.clone());
    request.speak_of(desktop.as_ref());
    // What the desktop says of itself goes before what the location says of all.
    let conf = &request.conf().vnc;
    let special = desktop
        .as_ref()
        .map_or_else(|| conf.clone(), |desktop| desktop.over(conf));
    let terms = found.as_ref().ok().and_then(|found| found.terms.as_ref());
    let title = terms
        .and_then(|terms| terms.ticket().title.clone())
        .or_else(|| title(request, &special))
        .or_else(|| Some(desktop.as_ref()?.name.to_string()));
    let token = String::from_utf8_lossy(&token).into_owned();
    let grant = found.and_then(|found| {
        if occasion.asked == Asked::ToOpen {
            refuse_held(request, &found, held_by(&token, guest.as_ref()))?;
        }
        let by = guest.as_ref();
        grant(request, found, &special, title.clone(), occasion.start, by)
    });
    Goal {
        title,
        token,
        start: occasion.start,
        grant,
        watched: None,
        guest,
    }
}

/// What an operator may have of a session's machine.
fn watched(request: &Request, id: SessionId, start: SystemTime) -> Goal {
    let watch = request.generation.thread.shared.sessions.watch(id);
    let role = role::role(request, Role::Admin);
    let grant = match &watch {
        None => Err(Refusal::WatchedIsOver),
        Some(_) if role < Role::Control => Err(Refusal::NoRole),
        Some(watch) => Ok(Grant {
            target: watch.machine.clone(),
            desktop: None,
            role: Role::View,
            policy: watch.policy.clone(),
            limits: Limits::default(),
            links: None,
            terms: None,
        }),
    };
    Goal {
        title: watch.as_ref().map(|watch| watch.title.clone()),
        token: String::new(),
        start,
        grant,
        watched: watch.map(Box::new),
        guest: None,
    }
}

/// Refuses somebody whose session was cut a moment ago.
fn refuse_held(request: &Request, found: &Found, token: &str) -> Result<(), Refusal> {
    let sessions = &request.generation.thread.shared.sessions;
    let holder = holder(request, token, &found.target);
    match holder.is_some_and(|holder| sessions.is_held(holder)) {
        true => Err(Refusal::Cut(String::new())),
        false => Ok(()),
    }
}

/// The token that a line of credentials may be for.
fn credential_token(request: &Request) -> String {
    String::from_utf8_lossy(&token(request)).into_owned()
}

/// Whether and how far a request may have what was found.
fn grant(
    request: &Request,
    found: Found,
    special: &Conf,
    title: Option<String>,
    start: SystemTime,
    guest: Option<&Guest>,
) -> Result<Grant, Refusal> {
    let Found {
        target,
        desktop,
        named_by,
        terms,
    } = found;
    let links = links::allowed(&request.conf().vnc, special);
    let role = match guest {
        Some(guest) => guest.role(&target, links)?,
        None => role::of(request, desktop.as_ref()),
    };
    let role = terms.as_ref().map_or(role, |terms| terms.limit_role(role));
    if role == Role::None {
        return Err(Refusal::NoRole);
    }
    let mut policy = policy(request, &request.conf().vnc);
    let mut limits = request.conf().vnc.limits();
    if let Some(desktop) = &desktop {
        limits = limits.strictest(desktop.conf.limits());
        policy = policy.strictest(self::policy(request, &desktop.conf));
    }
    policy.view_only |= role == Role::View;
    let machine = Machine {
        token: &credential_token(request),
        desktop: desktop.as_ref().map(|desktop| &*desktop.name),
        target: &target,
    };
    equip(request, special, &machine, &mut policy)?;
    policy.fence = fence(request, named_by, &target)?;
    policy.title = title;
    if thumbnails::thumbnail(request, desktop.as_deref()) != Thumbnail::Off {
        let pictures = &request.generation.thread.shared.pictures;
        policy.taps.push(pictures.tap(&target, &policy));
    }
    policy.names = names(request, desktop.as_deref());
    if let Some(terms) = &terms {
        terms.restrict(&mut policy, start);
    }
    if let Some(guest) = guest {
        policy = guest.restrict(policy, start);
    }
    Ok(Grant {
        target,
        desktop,
        role,
        policy,
        limits,
        links,
        terms,
    })
}

/// How the gateway enters a desktop of the configuration, whoever that is for.
pub fn entrance(request: &Request, desktop: &Arc<Desktop>) -> Result<Policy, Refusal> {
    let special = desktop.over(&request.conf().vnc);
    let mut policy = Policy {
        connect_timeout: special.connect_timeout,
        ..Policy::default()
    };
    let machine = Machine {
        token: &credential_token(request),
        desktop: Some(&desktop.name),
        target: &desktop.target,
    };
    equip(request, &special, &machine, &mut policy)?;
    Ok(policy)
}

/// What may be reached by a target that others than the configuration named; the machine's address
/// is judged at once where it is written out.
fn fence(
    request: &Request,
    named_by: Option<NamedBy>,
    target: &Target,
) -> Result<Option<Fence>, Refusal> {
    let Some(named_by) = named_by else {
        return Ok(None);
    };
    let fence = Fence {
        rules: request.conf().vnc.reach.as_slice().into(),
        named_by,
    };
    if fence.admits_as_written(target) {
        return Ok(Some(fence));
    }
    request.log(
        Level::Error,
        format_args!("{target} may not be reached here (see \"vnc_allow\")"),
    );
    Err(Refusal::Fenced)
}

/// Keeps the token out of the logs; to be called before anything of the request is written.
pub fn hide_token(request: &Request) {
    let mut token = token(request);
    if token.is_empty() {
        // Whatever looks it up, such as a map, it is one.
        token = argument_token(request);
    }
    request.secrets.borrow_mut().hide(token);
}

/// The token as it stands in the request; empty if there is none.
fn token(request: &Request) -> Bytes {
    let conf = &request.conf().vnc;
    let token = match &conf.token {
        Some(template) => request.eval(template),
        None if conf.source.is_some() => return argument_token(request),
        None => Bytes::new(),
    };
    plain(token)
}

/// The argument `token`.
fn argument_token(request: &Request) -> Bytes {
    let args = request.args();
    let token = argument(&args, b"token").unwrap_or_default();
    plain(Bytes::copy_from_slice(token))
}

fn plain(token: Bytes) -> Bytes {
    match unescape(&token, Unescape::All) {
        std::borrow::Cow::Borrowed(_) => token,
        std::borrow::Cow::Owned(token) => token.into(),
    }
}

/// A target as logs and lists may show it: without a token that is a part of its path.
pub fn shown(request: &Request, target: &Target) -> String {
    let text = target.to_string();
    lossy(&request.secrets.borrow().mask_uris(text.as_bytes()))
}

/// Who is kept from coming back once an operator has cut the session.
pub fn holder(request: &Request, token: &str, target: &Target) -> Option<Holder> {
    let sessions = &request.generation.thread.shared.sessions;
    sessions.holder(user(request).as_deref(), token, &target.identity())
}

/// The person, when one has signed in: as `vnc_person` says, otherwise the user that authenticated.
pub fn user(request: &Request) -> Option<String> {
    let Some(person) = &request.conf().vnc.person else {
        return request.user.borrow().as_ref().map(|user| lossy(user));
    };
    Some(lossy(&request.eval(person))).filter(|person| !person.is_empty())
}

/// Where a request leads, or why it leads nowhere.
async fn find(
    request: &Request,
    subject: &Subject,
    token: &[u8],
    asked: Asked,
) -> Result<Found, Refusal> {
    let conf = &request.conf().vnc;
    match (subject, &conf.pass, &conf.source) {
        (Subject::OnWall(desktop), ..) => Ok(desktop.into()),
        (Subject::Missing | Subject::Watched(_), ..) => Err(Refusal::UnknownDesktop),
        (Subject::OfLocation, Some(pass), _) => passed(request, pass),
        (Subject::OfLocation, None, Some(source)) => {
            let terms = tickets::find(request, source, token, asked).await?;
            let found = match &terms.ticket().place {
                Place::Target(target) => Found {
                    named_by: Some(match source.is_local() {
                        true => NamedBy::Operator,
                        false => NamedBy::Other,
                    }),
                    ..target.clone().into()
                },
                Place::Desktop(name) => {
                    let desktop = request.config().desktops.find(name).ok_or_else(|| {
                        let message = format_args!("no desktop \"{name}\", to which a token leads");
                        request.log(Level::Error, message);
                        Refusal::UnknownDesktop
                    })?;
                    desktop.into()
                }
            };
            Ok(Found {
                terms: Some(terms),
                ..found
            })
        }
        (Subject::OfLocation, None, None) => {
            request.log(
                Level::Error,
                format_args!("\"vnc_token\" without \"vnc_token_source\" or \"vnc_pass\""),
            );
            Err(Refusal::Internal)
        }
    }
}

/// Where `vnc_pass` leads.
fn passed(request: &Request, pass: &Pass) -> Result<Found, Refusal> {
    let desktops = &request.config().desktops;
    let template = match pass {
        Pass::Static(target) => return Ok(target.clone().into()),
        Pass::Desktop { name, .. } => {
            let desktop = desktops.find(name).ok_or(Refusal::UnknownDesktop)?;
            return Ok(desktop.into());
        }
        Pass::Dynamic(template) => template,
    };
    let value = request.eval(template);
    let failed = |error: &dyn std::fmt::Display| {
        request.log(
            Level::Error,
            format_args!("no target in \"vnc_pass\": {error}"),
        );
        Refusal::UnknownDesktop
    };
    let text = std::str::from_utf8(&value).map_err(|error| failed(&error))?;
    if let Some(desktop) = desktops.find(text) {
        return Ok(desktop.into());
    }
    let target: Target = text.parse().map_err(|error: TargetError| failed(&error))?;
    Ok(Found {
        named_by: Some(NamedBy::Operator),
        ..target.into()
    })
}

impl From<Target> for Found {
    fn from(target: Target) -> Self {
        Self {
            target,
            desktop: None,
            named_by: None,
            terms: None,
        }
    }
}

impl From<&Arc<Desktop>> for Found {
    fn from(desktop: &Arc<Desktop>) -> Self {
        Self {
            target: desktop.target.clone(),
            desktop: Some(desktop.clone()),
            named_by: None,
            terms: None,
        }
    }
}

/// The desktop's name for people, if somebody gave it one.
pub fn title(request: &Request, conf: &Conf) -> Option<String> {
    let title = conf.title.as_ref();
    let title = title.map(|title| lossy(&request.eval(title)));
    title.filter(|title| !title.is_empty())
}

/// What the settings of one level allow.
fn policy(request: &Request, conf: &Conf) -> Policy {
    Policy {
        view_only: conf.view_only.is_on(request),
        clipboard_in: conf.clipboard.inwards,
        clipboard_out: conf.clipboard.outwards,
        clipboard_bytes_max: conf.clipboard.bytes_max,
        resize: conf.resize,
        power: conf.power,
        quality_max: conf.quality_max,
        taps: super::record::taps(request, conf),
        ping: conf.ping,
        idle: conf.idle_timeout,
        session_max: conf.max_session,
        connect_timeout: conf.connect_timeout,
        send_timeout: conf.send_timeout,
        ..Policy::default()
    }
}

/// Who knows names that the configuration does not spell out; the system knows the others.
fn names(request: &Request, desktop: Option<&Desktop>) -> Option<Names> {
    let conf = request.conf();
    let is_spelt_out = desktop.is_some() || matches!(conf.vnc.pass, Some(Pass::Static(_)));
    let resolver = conf.core.resolver.as_ref().filter(|_| !is_spelt_out)?;
    Some(Names {
        resolver: resolver.clone(),
        log: conf.core.error_logs.log().clone(),
    })
}
