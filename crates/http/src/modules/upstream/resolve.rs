//! `resolver` inside of `upstream`, and the task that looks up the names behind `resolve`.

use std::sync::Arc;
use std::time::Duration;

use ::upstream::server::Supports;
use ::upstream::{Method, Resolving};
use conf::{Arity, Diagnostic, Directive, Span};
use net::Resolver;
use net::log::ErrorLog;
use tokio::task::JoinHandle;

use super::Block;
use crate::config::Config;
use crate::module::{Set, UPSTREAM, doc};
use crate::modules::core;

/// `resolver`
pub const RESOLVER: Directive<Set> = Directive::new(
    "resolver",
    UPSTREAM,
    Arity::AtLeast(1),
    Set::Group(|item, block, cx| {
        let resolver = core::resolver::parse(item, cx.bundle)?;
        item.once(&mut block.resolver, resolver)
    }),
    doc(
        "resolver address … [valid=time] [ipv4=on|off] [ipv6=on|off] [status_zone=zone];",
        "",
        "The name servers for the servers of the group that have resolve.",
    ),
);

/// `resolver_timeout`
pub const RESOLVER_TIMEOUT: Directive<Set> = Directive::new(
    "resolver_timeout",
    UPSTREAM,
    Arity::Exactly(1),
    Set::Group(|item, block, _| {
        let time = item.time(0)?;
        item.once(&mut block.resolver_timeout, time)
    }),
    doc(
        "resolver_timeout time;",
        "resolver_timeout 30s;",
        "How long a name may take.",
    ),
);

impl Block {
    /// The names among its servers, if there are some. `outer` is what holds in `http`, where
    /// nothing is said in the block.
    pub(super) fn resolving(
        &self,
        outer: &core::Conf,
        span: Span,
    ) -> Result<Option<Arc<Resolving>>, Diagnostic> {
        if self.servers.iter().all(|server| server.resolve.is_none()) {
            return Ok(None);
        }
        let name = &self.name;
        if self.zone.is_none() {
            let message = format!(
                "resolving names at run time requires upstream \"{name}\" to be in shared memory"
            );
            let error = Diagnostic::emerg(message).at(span);
            return Err(error.help(format!("add \"zone {name} 64k;\" to the block")));
        }
        let Some(resolver) = self.resolver.as_ref().or(outer.resolver.as_ref()) else {
            let message =
                format!("no resolver defined to resolve names at run time in upstream \"{name}\"");
            return Err(Diagnostic::emerg(message).at(span));
        };
        Ok(self.names(resolver, outer.resolver_timeout))
    }

    fn names(&self, resolver: &Arc<Resolver>, timeout: Duration) -> Option<Arc<Resolving>> {
        let timeout = self.resolver_timeout.unwrap_or(timeout);
        let has_backups = Supports::of(self.method.unwrap_or(Method::RoundRobin)).backup;
        Resolving::new(&self.servers, resolver, timeout, has_backups).map(Arc::new)
    }
}

/// The tasks that look names up for all threads; they end with it.
#[derive(Default)]
pub struct Names(Vec<JoinHandle<()>>);

impl Names {
    /// Looks up the names of a configuration from now on, on the current thread.
    pub fn of(config: &Config, log: &ErrorLog) -> Self {
        let mut tasks = Vec::new();
        for upstream in &config.upstreams {
            let Some(resolving) = &upstream.resolving else {
                continue;
            };
            let group = upstream.group();
            // A task of the configuration before may have said something since it was taken over.
            group.replace(&resolving.servers_now());
            for at in resolving.names() {
                let group = group.clone();
                let task = resolving.clone().keep(at, group, log.clone());
                tasks.push(tokio::task::spawn_local(task));
            }
        }
        Self(tasks)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
