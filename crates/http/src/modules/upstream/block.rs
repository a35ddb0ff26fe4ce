//! `upstream { }` blocks: what is read in them, and the groups that are made of them.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use ::upstream::keepalive::Limits;
use ::upstream::{Group, Method, Search, Server};
use conf::{Bundle, Diagnostic, Item, Span};
use script::Template;

use super::sticky::Sticky;
use super::zone::Groups;
use crate::config::{Config, UpstreamId};
use crate::module::{Cx, Done};
use crate::request::Request;
use crate::zones::ZoneId;

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
    /// How many idle connections a thread keeps.
    pub keepalive: Limits,
    /// What `hash` goes by.
    pub key: Option<Template>,
    /// How clients stay with their peer.
    pub sticky: Option<Sticky>,
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
            keepalive,
            key: block.key.clone(),
            sticky: block.sticky.clone(),
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

    /// Goes on with the group that stands for it in an older configuration.
    fn take_over(&self, old: &Self) {
        let group = old.group();
        group.reconfigure(&self.servers, self.method);
        // Set already only if requests were served, and then it is too late.
        let _ = self.adopted.set(group.clone());
    }
}

impl Config {
    /// The group of that name, if the configuration has one.
    pub(crate) fn find_upstream(&self, name: &str) -> Option<UpstreamId> {
        let at = self
            .upstreams
            .iter()
            .position(|upstream| upstream.group.name() == name)?;
        Some(UpstreamId(at as u32))
    }

    /// Goes on with the state of groups in zones that were taken over.
    pub(crate) fn take_over_groups(&self, old: &Config) {
        for upstream in &self.upstreams {
            let before = old
                .upstreams
                .iter()
                .find(|before| before.group.name() == upstream.group.name());
            if let (Some(id), Some(before)) = (upstream.zone, before)
                && let Some(old_id) = before.zone
                && Arc::ptr_eq(self.zones.get(id).state(), old.zones.get(old_id).state())
            {
                upstream.take_over(before);
            }
        }
    }
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
        if let Some(&id) = self.by_name.get(name) {
            return id;
        }
        let id = UpstreamId(self.entries.len() as u32);
        self.entries.push(Entry {
            name: name.to_owned(),
            default_port,
            block: None,
            used_at,
        });
        self.by_name.insert(name.to_owned(), id);
        id
    }

    /// The group that a block defines.
    pub fn define(&mut self, item: &Item, name: &str) -> Result<UpstreamId, Diagnostic> {
        let id = self.use_name(name, 80, item.span());
        match self.entries[id.0 as usize].block {
            Some(_) => Err(item.error(format!("duplicate upstream \"{name}\""))),
            None => Ok(id),
        }
    }

    /// Sets what a block says.
    pub fn set(&mut self, id: UpstreamId, block: Block) {
        self.entries[id.0 as usize].block = Some(block);
    }

    /// Makes groups of all of them.
    pub fn compile(&mut self, bundle: &Bundle) -> (Vec<Upstream>, Vec<Diagnostic>) {
        let mut errors = Vec::new();
        let mut make = |entry: &Entry| {
            if let Some(block) = &entry.block {
                return Upstream::of_block(block);
            }
            let peers = ::upstream::server::peers(&entry.name, bundle, entry.default_port);
            let peers = peers.unwrap_or_else(|message| {
                errors.push(Diagnostic::emerg(message).at(entry.used_at));
                Vec::new()
            });
            Upstream::implicit(&entry.name, vec![Server::new(&entry.name, peers)])
        };
        let upstreams = self.entries.iter().map(&mut make).collect();
        (upstreams, errors)
    }
}
