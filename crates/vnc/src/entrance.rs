//! A machine and how it is entered: who may not enter it so learns nothing that was learnt so.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use net::Resolver;

use crate::{Fence, Password, Policy, Target, Tls};

/// What is learnt of a machine belongs to whoever enters it in the same way.
#[derive(Debug, Clone)]
pub(crate) struct Entrance {
    pub(crate) target: Target,
    user: Option<String>,
    password: Option<Password>,
    plain_login: bool,
    tls: Option<Tls>,
    /// By the same name, others may reach other machines.
    fence: Option<Fence>,
    resolver: Option<Arc<Resolver>>,
}

impl Entrance {
    pub(crate) fn new(target: &Target, policy: &Policy) -> Self {
        Self {
            target: target.clone(),
            user: policy.user.clone(),
            password: policy.password.clone(),
            plain_login: policy.plain_login,
            tls: policy.tls.clone(),
            fence: policy.fence.clone(),
            resolver: policy.names.as_ref().map(|names| names.resolver.clone()),
        }
    }
}

impl PartialEq for Entrance {
    fn eq(&self, other: &Self) -> bool {
        let is_same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        let is_same_resolver = match (&self.resolver, &other.resolver) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        is_same_tls
            && is_same_resolver
            && self.fence == other.fence
            && self.target == other.target
            && self.user == other.user
            && self.password == other.password
            && self.plain_login == other.plain_login
    }
}

impl Eq for Entrance {}

impl Hash for Entrance {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.target.hash(state);
    }
}
