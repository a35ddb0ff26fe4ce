//! Health checks of upstream peers: one thread of the process asks, all threads see the verdicts.
//!
//! Each group that is checked has one task. It keeps a bounded number of checks under way, each
//! with a deadline, so that a peer that does not answer delays no other.

use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use net::log::Level;
use net::{Deadline, clock};
use tokio::task::{AbortHandle, Id, JoinSet};
use upstream::health::Verdict;
use upstream::server::Use;
use upstream::{Group, Watched};

use crate::config::{Config, Location, LocationId, UpstreamId};
use crate::modules::health_check::Spec;
use crate::modules::health_check::matching::Match;
use crate::modules::proxy::Pass;
use crate::proxy::target::Scheme;
use probe::Probe;

mod probe;

/// The checks of one group.
#[derive(Debug, Clone)]
pub struct Check {
    /// What `health_check` says.
    pub spec: Arc<Spec>,
    /// What answers have to fit, if that was said.
    pub rules: Option<Arc<Match>>,
    /// The location whose settings hold.
    pub location: LocationId,
}

/// Checks under way for one group at once.
const AT_ONCE: usize = 128;

/// Starts the checks of a configuration; they end when they are aborted.
pub fn start(config: &Arc<Config>) -> Vec<AbortHandle> {
    let checked = config.upstreams.iter().enumerate();
    let checked = checked.filter_map(|(at, upstream)| Some((at, upstream.check.clone()?)));
    checked
        .map(|(at, check)| {
            let group = config.upstream(UpstreamId(at as u32)).group().clone();
            let watch = Watch {
                config: config.clone(),
                group,
                check,
            };
            tokio::task::spawn_local(watch.run()).abort_handle()
        })
        .collect()
}

struct Watch {
    config: Arc<Config>,
    group: Arc<Group>,
    check: Check,
}

impl Watch {
    async fn run(self) {
        let me = Rc::new(self);
        let spec = &me.check.spec;
        let mut due: VecDeque<Watched> = VecDeque::new();
        let mut checks = Checks::default();
        let tick = Deadline::after(Duration::ZERO);
        loop {
            while checks.len() < AT_ONCE
                && let Some(peer) = due.pop_front()
            {
                let name = peer.member.peer.name.clone();
                checks.begin(name, me.clone().check(peer));
            }
            tokio::select! {
                () = tick.expired() => {
                    tick.set_after(spec.interval + some_of(spec.jitter));
                    due = me.group.watched().into();
                    due.retain(|peer| {
                        peer.member.used() != Use::Down
                            && !checks.has(&peer.member.peer.name)
                    });
                }
                () = checks.one_ended(), if checks.len() > 0 => {}
            }
        }
    }

    fn location(&self) -> &Location {
        self.config.location(self.check.location)
    }

    /// Checks a peer and notes the result.
    async fn check(self: Rc<Self>, peer: Watched) {
        let result = match self.probe() {
            Some(probe) => probe.run(&peer.member.peer).await,
            None => Ok(()),
        };
        let patience = self.check.spec.patience;
        let verdict = self.group.note_check(&peer, result.is_ok(), patience);
        let name = &peer.member.peer.name;
        let group = self.group.name();
        let rules = self.check.spec.match_name.as_deref().unwrap_or_default();
        let told = format!("health check \"{rules}\" of peer {name} in upstream \"{group}\"");
        let log = self.location().settings.core.error_logs.log();
        match (verdict, result) {
            (Some(Verdict::Good), _) => {
                log.log(Level::Notice, None, format_args!("peer is healthy, {told}"));
            }
            (Some(_), Err(reason)) => log.log(
                Level::Warn,
                None,
                format_args!("peer is unhealthy while {reason}, {told}"),
            ),
            _ => {}
        }
    }

    fn probe(&self) -> Option<Probe<'_>> {
        let settings = &self.location().settings;
        let proxy = &settings.proxy;
        let Some(Pass::Static { url, .. }) = &proxy.pass else {
            return None;
        };
        Some(Probe {
            spec: &self.check.spec,
            rules: self.check.rules.as_deref(),
            proxy,
            host: &url.host,
            client: match url.scheme {
                Scheme::Http => None,
                Scheme::Https => settings.proxy_ssl.client().map(|client| &**client),
            },
        })
    }
}

/// The checks that are under way, by the names of their peers.
#[derive(Default)]
struct Checks {
    tasks: JoinSet<()>,
    names: HashMap<Id, String>,
}

impl Checks {
    fn len(&self) -> usize {
        self.tasks.len()
    }

    fn has(&self, name: &str) -> bool {
        self.names.values().any(|known| known == name)
    }

    fn begin(&mut self, name: String, check: impl Future<Output = ()> + 'static) {
        let id = self.tasks.spawn_local(check).id();
        self.names.insert(id, name);
    }

    /// Waits until one has ended, be it by a panic, which was logged where it happened.
    /// Cancel-safe.
    async fn one_ended(&mut self) {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return,
        };
        self.names.remove(&id);
    }
}

/// A time by chance, up to a limit.
fn some_of(limit: Duration) -> Duration {
    let millis = limit.as_millis() as u64;
    let noise = u64::from(clock::now().elapsed().subsec_nanos()) ^ rapid();
    Duration::from_millis(noise.checked_rem(millis + 1).unwrap_or(0))
}

fn rapid() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_that_panics_leaves_its_peer_to_be_checked_again() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.build_local(Default::default()).expect("a runtime");
        runtime.block_on(async {
            let mut checks = Checks::default();
            checks.begin("fails".to_owned(), async { panic!("expected") });
            checks.begin("waits".to_owned(), std::future::pending());
            assert!(checks.has("fails") && checks.has("waits"));
            checks.one_ended().await;
            assert!(!checks.has("fails") && checks.has("waits"));
            assert_eq!(checks.len(), 1);
        });
    }
}
