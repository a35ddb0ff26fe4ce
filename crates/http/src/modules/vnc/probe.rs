//! `vnc_probe`: machines are asked whether they let the gateway in, before somebody is told that
//! they may come and for the state on a wall.

use std::sync::Arc;
use std::time::{Duration, Instant};

use conf::{Diagnostic, Item, value};
use net::log::Level as LogLevel;
use vnc::{Known, Outcome, Probe, Refusal, Target, Unreachable};

use super::desktops::{Desktop, Desktops};
use super::grant::{self, Grant};
use super::{Conf, Pass};
use crate::draft::Level;
use crate::module::{Cx, Done};
use crate::modules::Settings;
use crate::modules::core::Handler;
use crate::request::Request;

/// Whether machines are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Never.
    Never,
    /// By logging in with what is stored, and not again for so long.
    Auth(Duration),
}

/// How long an answer counts without another word.
const INTERVAL: Duration = Duration::from_secs(60);

/// The longest time that can be meant: it is kept in memory.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

/// `vnc_probe`
pub fn vnc_probe(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let asked = match (item.text(0)?, item.args.get(1)) {
        ("off", None) => Asked::Never,
        ("auth", None) => Asked::Auth(INTERVAL),
        ("auth", Some(word)) => {
            let time = word.text.strip_prefix(b"interval=").and_then(value::time);
            let time = time.filter(|time| !time.is_zero() && *time <= INTERVAL_MAX);
            Asked::Auth(time.ok_or_else(|| item.invalid_parameter(word))?)
        }
        ("off", Some(word)) => return Err(item.invalid_parameter(word)),
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.vnc.probe, Some(asked))
}

/// How long an answer of a machine counts; `None` where it is not asked. Where desktop and
/// location disagree, it is asked less.
fn interval(request: &Request, desktop: Option<&Desktop>) -> Option<Duration> {
    let of_location = request.conf().vnc.probe;
    let of_desktop = desktop.and_then(|desktop| desktop.conf.probe);
    let said = of_location.into_iter().chain(of_desktop);
    let said = said.map(|asked| match asked {
        Asked::Never => None,
        Asked::Auth(interval) => Some(interval),
    });
    said.reduce(|one, other| Some(one?.max(other?))).flatten()
}

/// Why somebody would not come in who asks whether they may; `None` if nothing is known against
/// it.
pub async fn objection(request: &Request, grant: &Grant) -> Option<Refusal> {
    let Grant {
        target,
        desktop,
        policy,
        ..
    } = grant;
    let age_max = interval(request, desktop.as_deref())?;
    let shared = &request.generation.thread.shared;
    let text = target.to_string();
    if shared.sessions.count(|about| about.target == text) > 0 {
        // Somebody is there, so it can be reached.
        return None;
    }
    let probe = Probe::new(target, policy, &shared.sessions, age_max)?;
    let note = note(request, target, desktop.as_ref());
    let failure = shared.probes.answer(&probe, note).await?.err()?;
    Outcome::of_probe(&Err(failure.clone())).map(|_| failure.refusal)
}

/// Asks the machine of a desktop, where that is wanted, and what is `known` is older than it may
/// be. What it says is known when the list is asked for again.
pub fn refresh(request: &Request, desktop: &Arc<Desktop>, known: Option<&Known>) {
    let Some(age_max) = interval(request, Some(desktop)) else {
        return;
    };
    if known.is_some_and(|known| Instant::now().duration_since(known.at) < age_max) {
        return;
    }
    let shared = &request.generation.thread.shared;
    let Ok(policy) = grant::entrance(request, desktop) else {
        return;
    };
    if let Some(probe) = Probe::new(&desktop.target, &policy, &shared.sessions, age_max) {
        let note = note(request, &desktop.target, Some(desktop));
        shared.probes.begin(&probe, note);
    }
}

/// Keeps what a machine said for the wall, and says in the log what is wrong.
fn note(
    request: &Request,
    target: &Target,
    desktop: Option<&Arc<Desktop>>,
) -> impl FnOnce(&Result<(), Unreachable>) + 'static {
    let outcomes = request.generation.thread.shared.outcomes.clone();
    let log = request.conf().core.error_logs.log().clone();
    let (target, desktop) = (target.clone(), desktop.map(|desktop| desktop.name.clone()));
    move |answer| {
        if let Err(Unreachable { refusal, detail }) = answer {
            let word = refusal.word();
            let line = format_args!("{target} lets nobody in: reason={word} ({detail})");
            log.log(LogLevel::Info, None, line);
        }
        if let (Some(desktop), Some(outcome)) = (desktop, Outcome::of_probe(answer)) {
            outcomes.note(&desktop, &target, outcome);
        }
    }
}

impl Settings {
    /// What deserves a warning: nothing is stored that a probe could show.
    pub(crate) fn probes_in_vain(&self, desktops: &Desktops) -> Option<Diagnostic> {
        let conf = &self.vnc;
        let stores = |conf: &Conf| conf.password.is_some() || conf.credentials.is_some();
        let asks = matches!(conf.probe, Some(Asked::Auth(_)));
        if self.core.handler != Handler::Vnc || !asks || stores(conf) {
            return None;
        }
        let stored_by_desktop = match (&conf.wall, &conf.pass) {
            (Some(wall), _) => wall.desktops(desktops).any(|desktop| stores(&desktop.conf)),
            (None, Some(Pass::Desktop { name, .. })) => desktops
                .find(name)
                .is_some_and(|desktop| stores(&desktop.conf)),
            (None, Some(Pass::Dynamic(_))) => {
                desktops.all().iter().any(|desktop| stores(&desktop.conf))
            }
            (None, _) => false,
        };
        if stored_by_desktop {
            return None;
        }
        let what = "\"vnc_probe auth\" asks no machine, since no password is stored for any";
        let remedy = "add \"vnc_password_file\" or \"vnc_credentials_file\"";
        Some(Diagnostic::warn(what).help(remedy))
    }
}
