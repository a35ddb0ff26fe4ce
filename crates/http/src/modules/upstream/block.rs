//! `upstream { }` blocks: what is read in them, and the groups that are made of them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ::upstream::health::Checked;
use ::upstream::keepalive::Limits;
use ::upstream::server::split_port;
use ::upstream::{Group, Method, Resolving, Search, Server};
use conf::{Bundle, Diagnostic, Item, Span};
use net::Resolver;
use script::Template;

use super::sticky::Sticky;
use super::zone::Groups;
use crate::config::{Config, UpstreamId};
use crate::health::Check;
use crate::module::{Cx, Done};
use crate::modules::core;
use crate::request::Request;
use crate::zones::{ZoneId, Zones};

/// What an `upstream` block says.
#[derive(Debug)]
pub struct Block {
    /// Its name.
    pub name: String,
    /// Its servers.
    pub servers: Vec<Server>,
    /// How one is chosen, if that was said.
    pub method: Option<Method>,
    /// What `hash` goes by.
    pub key: Option<Template>,
    /// What is said of kept connections.
    pub keepalive: Option<usize>,
    /// The other limits of them.
    pub limits: Limits,
    /// How clients stay with their peer.
    pub sticky: Option<Sticky>,
    /// The zone that lets its state outlive a reload.
    pub zone: Option<ZoneId<Groups>>,
    /// Who knows the names of servers that have `resolve`.
    pub resolver: Option<Arc<Resolver>>,
    /// How long such a name may take.
    pub resolver_timeout: Option<Duration>,
}

/// A group of the configuration, and what is done for a request to it.
#[derive(Debug)]
pub struct Upstream {
    group: Arc<Group>,
    /// The group of the configuration before, which goes on as this one.
    adopted: OnceLock<Arc<Group>>,
    servers: Vec<Server>,
    method: Method,
    zone: Option<ZoneId<Groups>>,
    /// How its peers are checked.
    pub check: Option<Check>,
    /// Those servers that are names.
    pub(super) resolving: Option<Arc<Resolving>>,
    /// How many idle connections a thread keeps.
    pub keepalive: Limits,
    /// What `hash` goes by.
    pub key: Option<Template>,
    /// How clients stay with their peer.
    pub sticky: Option<Sticky>,
    /// The port of a name without block that names none; 0 for a block.
    port: u16,
}

impl Block {
    /// A block in which nothing was said.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            servers: Vec::new(),
            method: None,
            key: None,
            keepalive: None,
            limits: Limits::default(),
            sticky: None,
            zone: None,
            resolver: None,
            resolver_timeout: None,
        }
    }

    /// Says how a peer is chosen. What was said before is overridden, with nginx's warning.
    pub fn set_method(&mut self, item: &Item, method: Method, cx: &mut Cx<'_>) -> Done {
        // DIFFERS: nginx forgets a "sticky" before the method, too.
        if self.method.is_some() || self.sticky.is_some() {
            let warning = Diagnostic::warn("load balancing method redefined");
            cx.diagnostics.push(warning.at(item.span()));
        }
        self.method = Some(method);
        Ok(())
    }

    /// Whether no server is left for the requests that come first.
    pub fn has_only_backups(&self) -> bool {
        self.servers.iter().all(|server| server.backup)
    }
}

impl Upstream {
    fn of_block(block: &Block) -> Self {
        let mut keepalive = block.limits;
        keepalive.connections = block.keepalive.unwrap_or(keepalive.connections);
        let method = block.method.unwrap_or_default();
        Self {
            group: Arc::new(Group::with_method(&block.name, &block.servers, method)),
            adopted: OnceLock::new(),
            servers: block.servers.clone(),
            method,
            zone: block.zone,
            check: None,
            resolving: None,
            keepalive,
            key: block.key.clone(),
            sticky: block.sticky.clone(),
            port: 0,
        }
    }

    /// The group of a name in `proxy_pass` that has no block.
    fn implicit(name: &str, servers: Vec<Server>) -> Self {
        let mut block = Block::new(name);
        // As nginx: connections are kept only to groups that have a block.
        block.keepalive = Some(0);
        block.servers = servers;
        Self::of_block(&block)
    }

    /// The peers.
    pub fn group(&self) -> &Arc<Group> {
        self.adopted.get().unwrap_or(&self.group)
    }

    /// What `hash` goes by, unless another method was set after it.
    pub(super) fn hash_key(&self) -> Option<&Template> {
        let hashes = matches!(self.method, Method::Hash | Method::ConsistentHash);
        self.key.as_ref().filter(|_| hashes)
    }

    /// What a request to it asks for.
    pub fn search(&self, request: &Request) -> Search {
        let mut search = match self.method.needs_key() {
            true => Search::by_key(self.key_of(request)),
            false => Search::default(),
        };
        if let Some(sticky) = &self.sticky {
            search.hint = sticky.hint(request);
        }
        search
    }

    /// Has its peers checked; false if they are already.
    pub fn set_check(&mut self, check: Check) -> bool {
        if self.check.is_some() {
            return false;
        }
        self.check = Some(check);
        let (servers, method) = (&self.servers, self.method);
        self.group.reconfigure(servers, method, self.checked());
        true
    }

    fn checked(&self) -> Checked {
        match &self.check {
            None => Checked::Never,
            Some(check) if check.spec.mandatory => Checked::First,
            Some(_) => Checked::Meanwhile,
        }
    }

    /// Whether it goes on as the group of that name in an older configuration: its zone does, or it
    /// has none and both are checked, whose verdicts stay.
    fn continues(&self, zones: &Zones, old: &Self, old_zones: &Zones) -> bool {
        match (self.zone, old.zone) {
            (Some(id), Some(old)) => Arc::ptr_eq(zones.get(id).state(), old_zones.get(old).state()),
            (None, None) => self.check.is_some() && old.check.is_some(),
            _ => false,
        }
    }

    /// Whether it can be one that goes on over a reload.
    fn may_go_on(&self) -> bool {
        self.zone.is_some() || self.check.is_some()
    }

    /// Goes on with the group that stands for it in an older configuration.
    fn take_over(&self, old: &Self) {
        let group = old.group();
        let checked = self.checked();
        match (&self.resolving, &old.resolving) {
            (Some(names), before) => {
                if let Some(before) = before {
                    names.inherit(before);
                }
                group.reconfigure(&names.servers_now(), self.method, checked);
            }
            (None, _) => group.reconfigure(&self.servers, self.method, checked),
        }
        // Set already only if requests were served, and then it is too late.
        let _ = self.adopted.set(group.clone());
    }
}

impl Config {
    /// The group of that name, if the configuration has one. The port is what the name means if
    /// it does not say one.
    pub(crate) fn find_upstream(&self, name: &str, default_port: u16) -> Option<UpstreamId> {
        let id = *self.upstream_names.get(&*caseless(name))?;
        let port = self.upstreams.get(id.0 as usize)?.port;
        if port == 0 || port == default_port || !lacks_port(name) {
            return Some(id);
        }
        let key = with_port(&caseless(name), default_port);
        self.upstream_names.get(&key).copied()
    }

    /// Goes on with the state of groups in zones that were taken over.
    pub(crate) fn take_over_groups(&self, old: &Config) {
        let lasting = |upstream: &&Upstream| upstream.may_go_on();
        for upstream in self.upstreams.iter().filter(lasting) {
            if let Some(id) = old.find_upstream(upstream.group.name(), upstream.port)
                && let before = old.upstream(id)
                && upstream.continues(&self.zones, before, &old.zones)
            {
                upstream.take_over(before);
            }
        }
    }
}

/// A name as names are compared: whatever its case, unless it is a path.
fn caseless(name: &str) -> Cow<'_, str> {
    match name.starts_with("unix:") || !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        true => Cow::Borrowed(name),
        false => Cow::Owned(name.to_ascii_lowercase()),
    }
}

/// The key of a name that has another port besides.
fn with_port(name: &str, port: u16) -> String {
    format!("{name}\0{port}")
}

/// The groups that a configuration names: by an `upstream` block, or by an address in `proxy_pass`.
#[derive(Default)]
pub struct Upstreams {
    by_name: HashMap<String, UpstreamId>,
    entries: Vec<Entry>,
}

struct Entry {
    name: String,
    default_port: u16,
    block: Option<Block>,
    used_at: Span,
}

impl Upstreams {
    /// The group of that name, which may be defined later.
    pub fn use_name(&mut self, name: &str, default_port: u16, used_at: Span) -> UpstreamId {
        let mut key = caseless(name).into_owned();
        if let Some(&id) = self.by_name.get(&key) {
            let entry = &self.entries[id.0 as usize];
            if entry.block.is_some() || entry.default_port == default_port || !lacks_port(name) {
                return id;
            }
            // The same host, by http and by https: other ports.
            key = with_port(&key, default_port);
            if let Some(&id) = self.by_name.get(&key) {
                return id;
            }
        }
        let id = UpstreamId(self.entries.len() as u32);
        self.entries.push(Entry {
            name: name.to_owned(),
            default_port,
            block: None,
            used_at,
        });
        self.by_name.insert(key, id);
        id
    }

    /// The group that a block defines.
    pub fn define(&mut self, item: &Item, name: &str) -> Result<UpstreamId, Diagnostic> {
        let named = self.by_name.get(&*caseless(name)).copied();
        let id = named.unwrap_or_else(|| self.use_name(name, 80, item.span()));
        match self.entries[id.0 as usize].block {
            Some(_) => Err(item.error(format!("duplicate upstream \"{name}\""))),
            None => {
                // What is wrong with it is told where the block is, not where it is used.
                self.entries[id.0 as usize].used_at = item.span();
                Ok(id)
            }
        }
    }

    /// Sets what a block says.
    pub fn set(&mut self, id: UpstreamId, block: Block) {
        self.entries[id.0 as usize].block = Some(block);
    }

    /// The groups by name.
    pub fn names(&self) -> HashMap<String, UpstreamId> {
        self.by_name.clone()
    }

    /// What is wrong with a port behind the name of a block.
    fn needless_port(&self, name: &str) -> Option<String> {
        let (host, port) = split_port(name).ok()?;
        let id = self.by_name.get(&*caseless(host))?;
        let is_block = self.entries[id.0 as usize].block.is_some();
        let port = port.filter(|_| is_block)?;
        Some(format!("upstream \"{host}\" may not have port {port}"))
    }

    /// Makes groups of all of them.
    /// `outer` is what holds in `http`.
    pub fn compile(
        &mut self,
        bundle: &Bundle,
        outer: &core::Conf,
    ) -> (Vec<Upstream>, Vec<Diagnostic>) {
        let mut errors = Vec::new();
        let mut make = |entry: &Entry| {
            if let Some(block) = &entry.block {
                let mut upstream = Upstream::of_block(block);
                match block.resolving(outer, entry.used_at) {
                    Ok(resolving) => upstream.resolving = resolving,
                    Err(error) => errors.push(error),
                }
                return upstream;
            }
            if let Some(message) = self.needless_port(&entry.name) {
                errors.push(Diagnostic::emerg(message).at(entry.used_at));
                return Upstream::implicit(&entry.name, Vec::new());
            }
            if entry.default_port == 0 && lacks_port(&entry.name) {
                let message = format!("no port in upstream \"{}\"", entry.name);
                errors.push(Diagnostic::emerg(message).at(entry.used_at));
            }
            let peers = ::upstream::server::peers(&entry.name, bundle, entry.default_port);
            let peers = peers.unwrap_or_else(|message| {
                errors.push(Diagnostic::emerg(message).at(entry.used_at));
                Vec::new()
            });
            let mut upstream =
                Upstream::implicit(&entry.name, vec![Server::new(&entry.name, peers)]);
            upstream.port = entry.default_port;
            upstream
        };
        let mut upstreams: Vec<Upstream> = Vec::with_capacity(self.entries.len());
        for (index, entry) in self.entries.iter().enumerate() {
            // A name that was used with several ports before its block came means the block.
            let first = self.by_name.get(&*caseless(&entry.name));
            let first = first.filter(|id| id.0 as usize != index);
            let first = first.map(|id| id.0 as usize);
            let block = first.and_then(|at| self.entries[at].block.as_ref());
            let upstream = match (block, first.and_then(|at| upstreams.get(at))) {
                (Some(block), Some(first)) => Upstream {
                    group: first.group.clone(),
                    ..Upstream::of_block(block)
                },
                _ => make(entry),
            };
            upstreams.push(upstream);
        }
        (upstreams, errors)
    }
}

fn lacks_port(name: &str) -> bool {
    !name.starts_with("unix:") && matches!(split_port(name), Ok((_, None)))
}
