//! Whether and how far a request may have what was found: what all who have a say in it leave of
//! the policy.

use std::sync::Arc;

use net::log::Level;
use vnc::{Fence, NamedBy, Names, Policy, Refusal, Role, Target};

use super::Grant;
use super::found::Found;
use super::token::token_text;
use crate::modules::vnc::credentials::{Machine, equip};
use crate::modules::vnc::desktops::Desktop;
use crate::modules::vnc::links::{self, Guest};
use crate::modules::vnc::thumbnails::{self, Thumbnail};
use crate::modules::vnc::{Conf, Pass, record, role};
use crate::request::Request;

/// Whether and how far a request may have what was found.
pub fn grant(
    request: &Request,
    found: Found,
    special: &Conf,
    title: Option<String>,
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
        token: &token_text(request),
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
        terms.restrict(&mut policy);
    }
    if let Some(guest) = guest {
        policy = guest.restrict(policy);
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
        token: &token_text(request),
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
        taps: record::taps(request, conf),
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
