//! `vnc_role`: what a person is to a desktop.

use std::sync::Arc;

use conf::Item;
use net::log::Level as LogLevel;
use script::Template;
use vnc::Role;

use super::desktops::Desktop;
use crate::draft::Level;
use crate::module::{Cx, Done};
use crate::request::Request;

/// Who has which role.
#[derive(Debug, Clone)]
pub enum Roles {
    /// Everybody this one.
    All(Role),
    /// As the value says.
    Of(Template),
}

impl Roles {
    /// The role of whoever sent the request. A value that is no role counts as none.
    fn role(&self, request: &Request) -> Role {
        let template = match self {
            Self::All(role) => return *role,
            Self::Of(template) => template,
        };
        let value = request.eval(template);
        let text = String::from_utf8_lossy(&value);
        text.parse().unwrap_or_else(|error| {
            if !text.is_empty() {
                request.log(
                    LogLevel::Error,
                    format_args!("\"vnc_role\" is \"{text}\", which counts as none: {error}"),
                );
            }
            Role::None
        })
    }
}

/// What a request's person is to a desktop: the least of what the location and the desktop say.
/// Where a desktop is in several groups, the one that is best for the person counts.
pub fn of(request: &Request, desktop: Option<&Arc<Desktop>>) -> Role {
    let here = request.conf().vnc.role.as_ref();
    let there = desktop.and_then(|desktop| desktop.conf.role.as_ref());
    let role = || {
        let roles = here.into_iter().chain(there);
        roles.map(|roles| roles.role(request)).min()
    };
    let groups = desktop.map_or(&[][..], |desktop| &desktop.conf.groups);
    let role = match groups {
        [] | [_] => role(),
        groups => {
            let in_group = |group| {
                request.speak_of_group(group);
                role()
            };
            groups.iter().map(in_group).max().flatten()
        }
    };
    role.unwrap_or(DEFAULT)
}

/// The role where nobody says anything of roles.
const DEFAULT: Role = Role::Control;

/// The role of whoever sent the request; `otherwise` where nothing is said about roles.
pub fn role(request: &Request, otherwise: Role) -> Role {
    let roles = request.conf().vnc.role.as_ref();
    let role = roles.map_or(otherwise, |roles| roles.role(request));
    request.desktop.borrow_mut().get_or_insert_default().role = Some(role);
    role
}

/// `vnc_role`
pub fn vnc_role(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let text = item.text(0)?;
    let roles = match text.contains('$') {
        true => Roles::Of(cx.template(item, 0)?),
        false => Roles::All(text.parse().map_err(|error: vnc::UnknownRole| {
            item.invalid(&item.args[0]).help(error.to_string())
        })?),
    };
    item.once(&mut level.drafts.vnc.role, Some(roles))
}
