//! The compiled configuration: what requests see. Shared by all threads, never changed.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use net::listen::Listen;
use net::log::Files;
use proto::h1::Method;
use script::Variables;

use crate::location_tree::LocationTree;
use crate::logs::LogTargets;
use crate::modules::charset::Charsets;
use crate::modules::rewrite::Op;
use crate::modules::upstream::Upstream;
use crate::modules::vnc::desktops::Desktops;
use crate::modules::vnc::record;
use crate::modules::{Settings, server, ssl};
use crate::request::Request;
use crate::server_names::ServerNames;
use crate::zones::Zones;

/// A server of the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerId(pub u32);

/// A location of the configuration, or a level that acts as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocationId(pub u32);

/// A group of upstream peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UpstreamId(pub u32);

/// A compiled `http` block.
#[derive(Debug)]
pub struct Config {
    pub(crate) servers: Vec<Server>,
    pub(crate) locations: Vec<Location>,
    pub(crate) upstreams: Vec<Upstream>,
    pub(crate) upstream_names: HashMap<String, UpstreamId>,
    pub(crate) variables: Variables<Request>,
    pub(crate) listeners: Vec<ListenerConf>,
    pub(crate) logs: LogTargets,
    pub(crate) charsets: Charsets,
    pub(crate) zones: Zones,
    pub(crate) record_places: Vec<Arc<record::Place>>,
    pub(crate) desktops: Desktops,
    pub(crate) hostname: String,
    pub(crate) prefix: PathBuf,
}

/// A compiled `server` block.
#[derive(Debug)]
pub struct Server {
    /// Settings that only servers have.
    pub settings: Arc<server::Conf>,
    /// What it says of TLS.
    pub ssl: Arc<ssl::Conf>,
    /// Its TLS, if it has a certificate or refuses handshakes.
    pub tls: Option<Arc<ssl::ServerTls>>,
    /// The first name, which `$server_name` shows.
    pub name: Bytes,
    /// The level of the server itself.
    pub level: LocationId,
    /// Whether a CONNECT has anywhere to go (`tunnel_pass`).
    pub allows_connect: bool,
    /// Whether some location is of desktops, where names give roles.
    pub has_desktops: bool,
    /// All of its names, where some location asks for them (`valid_referers server_names`).
    pub names: ServerNames,
    /// `location @name`.
    pub named: HashMap<Box<[u8]>, LocationId>,
}

/// A compiled location.
#[derive(Debug)]
pub struct Location {
    /// Its name: the URI of a prefix or exact location.
    pub name: Bytes,
    /// Whether it was chosen by an expression, or has no name of its own.
    pub by_regex: bool,
    /// What each module holds here.
    pub settings: Settings,
    /// What the rewrite module runs.
    pub ops: Box<[Op]>,
    /// The locations inside, if there are any.
    pub tree: Option<Box<LocationTree>>,
    /// Methods that `limit_except` leaves alone, and the level for the others.
    pub limit_except: Option<(Box<[Method]>, LocationId)>,
}

/// One listening socket.
#[derive(Debug)]
pub struct ListenerConf {
    /// Where and how to listen.
    pub listen: Listen,
    /// The servers of the socket's own address.
    pub servers: Option<AddrConf>,
    /// Other addresses whose connections this wildcard socket takes.
    pub others: HashMap<net::Addr, AddrConf>,
}

/// The servers of one address.
#[derive(Debug)]
pub struct AddrConf {
    /// Which one answers when no name fits.
    pub default_server: ServerId,
    /// Whether connections are TLS.
    pub ssl: bool,
    /// Which one answers to which name.
    pub names: ServerNames,
    /// Whether connections begin with the header of a proxy in front.
    pub proxy_protocol: bool,
}

impl Config {
    /// A configuration without anything, for the compiler to fill.
    pub(crate) fn empty() -> Self {
        Self {
            servers: Vec::new(),
            locations: Vec::new(),
            upstreams: Vec::new(),
            upstream_names: HashMap::new(),
            variables: Variables::default(),
            listeners: Vec::new(),
            logs: LogTargets::default(),
            charsets: Charsets::default(),
            zones: Zones::default(),
            record_places: Vec::new(),
            desktops: Desktops::default(),
            hostname: String::new(),
            prefix: PathBuf::new(),
        }
    }

    /// The sockets that this configuration listens on.
    pub fn listens(&self) -> Vec<Listen> {
        self.listeners
            .iter()
            .map(|listener| listener.listen.clone())
            .collect()
    }

    /// The log files that it writes.
    pub fn log_paths(&self) -> Vec<PathBuf> {
        self.logs.paths()
    }

    /// The folders of temporary files.
    pub fn temp_folders(&self) -> BTreeSet<PathBuf> {
        let of = |location: &Location| {
            let settings = &location.settings;
            let paths = [
                &settings.core.client_body_temp_path,
                &settings.proxy.temp_path,
            ];
            paths.map(|path| self.prefix.join(&path.folder))
        };
        self.locations.iter().flat_map(of).collect()
    }

    /// The folders that sessions are recorded in.
    pub fn record_folders(&self) -> impl Iterator<Item = &std::path::Path> {
        self.record_places.iter().map(|place| place.folder())
    }

    /// How the recordings of each folder are kept; what happens to them is told to `log`.
    pub fn record_plans(&self, log: &net::log::ErrorLog) -> Vec<recording::Plan> {
        let places = self.record_places.iter();
        places.map(|place| place.plan(log.clone())).collect()
    }

    /// Whether connections to upstreams may come from addresses that are not ours
    /// (`proxy_bind … transparent`), for which a worker needs a power of root.
    pub fn binds_transparently(&self) -> bool {
        let of = |location: &Location| {
            let settings = &location.settings;
            let binds = [&settings.proxy.bind, &settings.tunnel.bind];
            binds.into_iter().flatten().any(|bind| bind.transparent)
        };
        self.locations.iter().any(of)
    }

    /// Whether any server lets the kernel do TLS (`ssl_conf_command Options KTLS`).
    pub fn wants_kernel_tls(&self) -> bool {
        self.servers.iter().any(|server| server.ssl.kernel)
    }

    /// Connects the logs with their open files; called once, before the first request.
    pub fn attach_logs(&self, files: &Files) {
        self.logs.attach(files);
    }

    /// Goes on with the shared state of an older configuration; called once, before the first
    /// request.
    pub fn take_over(&self, old: &Config) {
        self.zones.take_over(&old.zones);
        self.take_over_groups(old);
    }

    /// Why it cannot go on with the shared state of an older configuration.
    pub fn conflict(&self, old: &Config) -> Option<String> {
        self.zones.conflict(&old.zones)
    }

    /// Writes what waits in the buffers of access logs.
    pub fn flush_logs(&self) {
        self.locations
            .iter()
            .for_each(|location| location.settings.log.flush());
    }

    pub(crate) fn server(&self, id: ServerId) -> &Server {
        &self.servers[id.0 as usize]
    }

    pub(crate) fn location(&self, id: LocationId) -> &Location {
        &self.locations[id.0 as usize]
    }

    pub(crate) fn upstream(&self, id: UpstreamId) -> &Upstream {
        &self.upstreams[id.0 as usize]
    }
}

impl ListenerConf {
    /// The servers for a connection that came in at `local`.
    pub(crate) fn addr_conf(&self, local: impl FnOnce() -> Option<net::Addr>) -> Option<&AddrConf> {
        if self.others.is_empty() {
            return self.servers.as_ref();
        }
        local()
            .and_then(|addr| self.others.get(&addr))
            .or(self.servers.as_ref())
    }
}
