//! What a session was granted, and what is different from what it would be granted now.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use vnc::{Policy, Role, Target, Ticket, TokenSource};

use crate::modules::vnc::grant::Grant;
use crate::request::Request;

/// What a session was granted at last.
pub struct Granted {
    target: Target,
    role: Role,
    policy: Policy,
    /// How long the session goes on once its reason to be is gone.
    pub grace: Duration,
    /// The token that led there, if one did.
    pub token: Option<Token>,
}

/// A token, who vouches for it, and what it said at last.
#[derive(Clone)]
pub struct Token {
    /// Who vouches for it.
    pub source: Arc<TokenSource>,
    /// The token in the clear.
    pub text: Box<str>,
    /// What it said at last.
    pub ticket: Rc<Ticket>,
}

/// What is different from what was granted before.
pub enum Change {
    /// Nothing that a session which runs would notice.
    Unnoticed,
    /// What it may do.
    Policy(Box<Policy>),
    /// Where it leads, how it is entered or what records it: no session can change that.
    Other,
}

impl Granted {
    /// Of a request that was granted this; `token` is the one in the request.
    pub fn new(request: &Request, token: &str, grant: &Grant) -> Self {
        let conf = &request.conf().vnc;
        let of_desktop = grant
            .desktop
            .as_ref()
            .map(|desktop| desktop.conf.revoke_grace);
        let graces = [Some(conf.revoke_grace), of_desktop];
        let said = conf.source.as_ref().zip(grant.terms.as_ref());
        let token = said.map(|(source, terms)| Token {
            source: source.clone(),
            text: token.into(),
            ticket: Rc::new(terms.ticket().clone()),
        });
        Self {
            target: grant.target.clone(),
            role: grant.role,
            policy: grant.policy.clone(),
            grace: graces.into_iter().flatten().min().unwrap_or_default(),
            token,
        }
    }

    /// Takes the place of what was granted, as far as a session that runs can change.
    pub fn replace(&mut self, new: Self) -> Change {
        let is_less = self.role == Role::Admin && new.role < Role::Admin;
        // A recording begins with the screen, so that a session's own cannot begin later.
        let is_other = self.target != new.target
            || !self.policy.enters_as(&new.policy)
            || self.policy.is_recorded() != new.policy.is_recorded();
        if is_less || is_other {
            // What is compared with stays: a configuration that is taken back makes it good.
            self.grace = new.grace;
            return Change::Other;
        }
        let is_same = same_terms(&self.policy, &new.policy);
        *self = new;
        match is_same {
            true => Change::Unnoticed,
            false => Change::Policy(Box::new(self.policy.clone())),
        }
    }
}

/// Whether a session that runs would notice no difference.
fn same_terms(one: &Policy, other: &Policy) -> bool {
    let times = |policy: &Policy| (policy.idle, policy.session_max, policy.until);
    let terms = |policy: &Policy| (policy.permissions(), times(policy));
    terms(one) == terms(other)
}
