//! From the tree of directives to a [`Config`]: a pure function of the bundle.

use std::collections::HashMap;
use std::sync::Arc;

use conf::{Bundle, Contexts, Diagnostic, Item, Severity, Span, Support, directive};
use proto::h1::Method;
use script::Names;

use crate::config::{Config, Location, LocationId, Server, ServerId};
use crate::draft::{Draft, Level, ListenDraft, Matcher, NameDraft, ServerDraft, ServerLevel};
use crate::health::Check;
use crate::location_tree::LocationTree;
use crate::logs::ErrorTarget;
use crate::module::{Cx, HTTP, Set};
use crate::modules::core::Handler;
use crate::modules::health_check::matching::Match;
use crate::modules::proxy::Pass;
use crate::modules::rewrite::Op;
use crate::modules::upstream::Upstream;
use crate::modules::vnc::desktops::Desktops;
use crate::modules::{self, Settings, server, ssl};
use crate::server_names::ServerNames;
use crate::settings::LevelKind;

mod certificates;
mod listeners;

/// A place where directives stand, and the drafts that they may change.
pub(crate) enum Place<'a> {
    /// `http { … }`
    Http(&'a mut Draft),
    /// `server { … }`
    Server(&'a mut ServerDraft),
    /// `location { … }`, `if { … }`, `limit_except { … }`
    Level(&'a mut Level),
}

impl Place<'_> {
    fn server(&mut self) -> Option<&mut ServerLevel> {
        match self {
            Place::Http(draft) => Some(&mut draft.server),
            Place::Server(draft) => Some(&mut draft.server),
            Place::Level(_) => None,
        }
    }

    fn level(&mut self) -> &mut Level {
        match self {
            Place::Http(draft) => &mut draft.level,
            Place::Server(draft) => &mut draft.level,
            Place::Level(level) => level,
        }
    }
}

/// Compiles an `http` block. `error_logs` are those of the main context, which hold where none is
/// given here. A configuration comes back only if no diagnostic is an error.
pub fn compile(
    item: &Item,
    bundle: &Bundle,
    error_logs: Vec<ErrorTarget>,
) -> (Option<Config>, Vec<Diagnostic>) {
    let tables = modules::MODULES
        .iter()
        .map(|module| module.variables)
        .collect();
    let mut cx = Cx::new(bundle, Names::new(tables));
    let mut draft = Draft::default();
    draft.level.drafts.core.error_logs = Some(cx.logs.errors(error_logs));
    walk(item.entries(), HTTP, &mut Place::Http(&mut draft), &mut cx);
    let config = Compiler::new(&mut cx).http(draft);
    check_charsets(&config, item, &mut cx);
    let failed = |error: &Diagnostic| error.severity == Severity::Emerg;
    let mut diagnostics = std::mem::take(&mut cx.diagnostics);
    diagnostics.extend(cx.zones.finish());
    let config = match cx.names.finish() {
        Ok(variables) => Config {
            variables,
            logs: cx.logs,
            charsets: cx.charsets,
            zones: cx.zones,
            record_places: cx
                .record_places
                .into_values()
                .map(|(place, _)| place)
                .collect(),
            hostname: bundle.hostname.clone(),
            prefix: bundle.prefix.clone(),
            ..config
        },
        Err(message) => {
            diagnostics.push(Diagnostic::emerg(message).at(item.span()));
            return (None, diagnostics);
        }
    };
    let config = (!diagnostics.iter().any(failed)).then_some(config);
    (config, diagnostics)
}

/// Every pair of charsets that a location names needs a table, which may stand behind it.
fn check_charsets(config: &Config, item: &Item, cx: &mut Cx<'_>) {
    let mut pairs: Vec<_> = config
        .locations
        .iter()
        .filter_map(|location| location.settings.charset.needs_table())
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    for (from, to) in pairs {
        if let Some(error) = cx.charsets.check(from, to) {
            cx.diagnostics.push(error.at(item.span()));
        }
    }
}

/// Runs the setters of a block's directives; every error is kept and the next one goes on.
pub(crate) fn walk(items: &[Item], context: Contexts, place: &mut Place<'_>, cx: &mut Cx<'_>) {
    for item in items {
        cx.context = context;
        if let Err(error) = set(item, context, place, cx) {
            cx.diagnostics.push(error);
        }
    }
}

fn set(
    item: &Item,
    context: Contexts,
    place: &mut Place<'_>,
    cx: &mut Cx<'_>,
) -> Result<(), Diagnostic> {
    let entry = directive::find(modules::directives(item.name()), item, context)
        .map_err(|error| crate::missing::explain(error, item))?;
    if entry.support != Support::Full && cx.noticed.insert(entry.name) {
        cx.diagnostics.extend(entry.notice(item));
    }
    match (entry.set, place) {
        (Set::Main(set), Place::Http(draft)) => set(item, draft, cx),
        (Set::Server(set), place) => match place.server() {
            Some(server) => set(item, server, cx),
            None => Err(not_allowed(item)),
        },
        (Set::Level(set), place) => set(item, place.level(), cx),
        (Set::Nothing, _) => Ok(()),
        (Set::Main(_) | Set::Group(_), _) => Err(not_allowed(item)),
    }
}

fn not_allowed(item: &Item) -> Diagnostic {
    item.error(format!("\"{}\" directive is not allowed here", item.name()))
}

struct Compiler<'c, 'b> {
    cx: &'c mut Cx<'b>,
    locations: Vec<Option<Location>>,
    tls: ssl::Servers,
    desktops: Desktops,
    /// The server that is being compiled lets nobody in without one.
    asks_for_certificates: bool,
}

/// What `http` says of all servers.
struct OuterServer {
    settings: Arc<server::Conf>,
    ssl: Arc<ssl::Conf>,
}

impl<'c, 'b> Compiler<'c, 'b> {
    fn new(cx: &'c mut Cx<'b>) -> Self {
        Self {
            cx,
            locations: Vec::new(),
            tls: ssl::Servers::default(),
            desktops: Desktops::default(),
            asks_for_certificates: false,
        }
    }

    fn http(mut self, draft: Draft) -> Config {
        let outer_server = OuterServer {
            settings: draft
                .server
                .settings
                .compile(&Arc::default(), LevelKind::Named),
            ssl: draft.server.ssl.compile(&Arc::default(), LevelKind::Named),
        };
        let outer = draft
            .level
            .drafts
            .compile(&Settings::default(), draft.level.kind);
        self.desktops = draft.desktops.compile(&outer.vnc);
        self.cx.diagnostics.extend(outer.vnc.wrong_tls());
        for desktop in self.desktops.all() {
            self.cx.diagnostics.extend(desktop.conf.wrong_tls());
        }
        let mut servers = Vec::new();
        let mut listens: Vec<(ListenDraft, ServerId)> = Vec::new();
        let mut names = Vec::new();
        for (index, draft) in draft.servers.into_iter().enumerate() {
            let id = ServerId(index as u32);
            let (server, mut draft_listens, server_names) =
                self.server(id, draft, &outer_server, &outer);
            servers.push(server);
            if draft_listens.is_empty() {
                draft_listens.push(ListenDraft::default_for_this_user());
            }
            listens.extend(draft_listens.into_iter().map(|listen| (listen, id)));
            names.push(server_names);
        }
        let mut upstreams = self.upstreams(&outer);
        self.health_checks(&mut upstreams, &draft.matches);
        let listeners = self.listeners(&listens, &names);
        self.check_certificates(&listens, &listeners, &servers);
        Config {
            servers,
            locations: self.locations.into_iter().flatten().collect(),
            upstreams,
            upstream_names: self.cx.upstreams.names(),
            listeners,
            desktops: self.desktops,
            ..Config::empty()
        }
    }

    fn server(
        &mut self,
        id: ServerId,
        draft: ServerDraft,
        outer_server: &OuterServer,
        outer: &Settings,
    ) -> (Server, Vec<ListenDraft>, Vec<NameDraft>) {
        let settings = draft
            .server
            .settings
            .compile(&outer_server.settings, draft.level.kind);
        let ssl = draft
            .server
            .ssl
            .compile(&outer_server.ssl, draft.level.kind);
        self.asks_for_certificates = ssl.demands_certificates();
        let mut named = HashMap::new();
        let first = self.locations.len();
        let level = self.level(draft.level, outer, &mut named);
        let handled = |by: fn(Handler) -> bool| {
            let mut locations = self.locations[first..].iter().flatten();
            locations.any(|location| by(location.settings.core.handler))
        };
        let allows_connect = handled(|handler| handler == Handler::Tunnel);
        let has_desktops = handled(Handler::is_of_desktops);
        let core = self.locations[level.0 as usize]
            .as_ref()
            .map(|location| &location.settings.core);
        let resolver = core.and_then(|core| Some((core.resolver.clone()?, core.resolver_timeout)));
        let tls = self.tls.get(&ssl, &resolver, self.cx);
        let names = draft.server.names;
        let name = match names.first() {
            Some(first) if first.regex.is_some() => first.name.clone(),
            Some(first) => first
                .name
                .strip_prefix('.')
                .unwrap_or(&first.name)
                .to_owned(),
            None => String::new(),
        };
        (
            Server {
                settings,
                ssl,
                tls,
                name: name.into(),
                names: self.own_names(&names, id),
                level,
                allows_connect,
                has_desktops,
                named,
            },
            draft.server.listens,
            names,
        )
    }

    /// The server's names as a table, if somebody asks for it.
    fn own_names(&self, names: &[NameDraft], id: ServerId) -> ServerNames {
        let mut table = ServerNames::default();
        if self.cx.wants_server_names {
            names.iter().for_each(|name| {
                name.add_to(&mut table, id);
            });
        }
        table
    }

    /// What deserves a warning where requests are answered.
    fn warnings(&self, settings: &Settings, span: Span) -> Vec<Diagnostic> {
        let open = settings.open_to_all(&self.desktops);
        let open = open.filter(|_| !self.asks_for_certificates);
        let in_vain = settings.probes_in_vain(&self.desktops);
        let all = open.into_iter().chain(in_vain);
        all.map(|warning| warning.at(span)).collect()
    }

    fn level(
        &mut self,
        level: Level,
        outer: &Settings,
        named: &mut HashMap<Box<[u8]>, LocationId>,
    ) -> LocationId {
        let id = LocationId(self.locations.len() as u32);
        self.locations.push(None);
        let passes = level.drafts.vnc.pass.is_some();
        let settings = level.drafts.compile(outer, level.kind);
        if passes && let Some(error) = self.desktops.lacks(settings.vnc.pass.as_ref()) {
            self.cx.diagnostics.push(error);
        }
        let pass = settings.proxy.pass.as_ref();
        if let Err(error) = settings.proxy_ssl.prepare(pass, self.cx.bundle) {
            let span = error.span.unwrap_or(level.span);
            let error = error.at(span);
            self.cx.diagnostics.push(error);
        }
        let takes_over = settings.core.handler != outer.core.handler;
        if level.kind == LevelKind::Named || takes_over {
            let warnings = self.warnings(&settings, level.span);
            self.cx.diagnostics.extend(warnings);
        }
        if !Arc::ptr_eq(&settings.auth_jwt, &outer.auth_jwt)
            && let Some(warning) = settings.auth_jwt.lacks_keys()
        {
            self.cx.diagnostics.push(warning.at(level.span));
        }
        if !Arc::ptr_eq(&settings.vnc, &outer.vnc) {
            self.cx.diagnostics.extend(settings.vnc.wrong_tls());
        }
        if !Arc::ptr_eq(&settings.referer, &outer.referer)
            && let Some(error) = settings.referer.lacks_names()
        {
            self.cx.diagnostics.push(error.at(level.span));
        }
        let mut tree = LocationTree::default();
        let mut children = Vec::with_capacity(level.levels.len());
        for mut child in level.levels {
            let matcher = std::mem::take(&mut child.matcher);
            let name = child.name.clone();
            let span = child.span;
            let child_id = self.level(child, &settings, named);
            children.push(child_id);
            if let Err(error) = self.attach(&mut tree, named, matcher, &name, child_id) {
                self.cx.diagnostics.push(error.at(span));
            }
        }
        tree.finish();
        let limit_except = level
            .limit_except
            .map(|(methods, child)| (methods.into_boxed_slice() as Box<[Method]>, children[child]));
        let ops: Vec<Op> = level
            .ops
            .into_iter()
            .map(|op| op.resolve(&children))
            .collect();
        self.locations[id.0 as usize] = Some(Location {
            name: level.name.into(),
            by_regex: level.by_regex,
            settings,
            ops: ops.into(),
            tree: (!children.is_empty()).then(|| Box::new(tree)),
            limit_except,
        });
        id
    }

    fn attach(
        &mut self,
        tree: &mut LocationTree,
        named: &mut HashMap<Box<[u8]>, LocationId>,
        matcher: Matcher,
        name: &[u8],
        id: LocationId,
    ) -> Result<(), Diagnostic> {
        let fresh = match matcher {
            Matcher::None => true,
            Matcher::Exact => tree.add_exact(name, id),
            Matcher::Prefix { final_ } => tree.add_prefix(name, id, final_),
            Matcher::Regex(regex, names) => {
                tree.add_regex(regex, names, id);
                true
            }
            Matcher::Named => named.insert(name.into(), id).is_none(),
        };
        let location = self.locations[id.0 as usize].as_ref();
        let proxies = location.is_some_and(|location| location.settings.redirects_to_slash());
        if fresh && proxies && !name.is_empty() {
            tree.add_redirect(name, id);
        }
        match fresh {
            true => Ok(()),
            false => {
                let name = String::from_utf8_lossy(name);
                Err(Diagnostic::emerg(format!("duplicate location \"{name}\"")))
            }
        }
    }

    fn upstreams(&mut self, outer: &Settings) -> Vec<Upstream> {
        let (upstreams, errors) = self.cx.upstreams.compile(self.cx.bundle, &outer.core);
        self.cx.diagnostics.extend(errors);
        upstreams
    }

    /// Gives each group the health check of the first location that has one for it.
    fn health_checks(&mut self, upstreams: &mut [Upstream], matches: &HashMap<String, Arc<Match>>) {
        for (index, location) in self.locations.iter().flatten().enumerate() {
            let settings = &location.settings;
            let Some(spec) = &settings.health_check.check else {
                continue;
            };
            let rules = match &spec.match_name {
                None => None,
                Some(name) => match matches.get(name) {
                    Some(rules) => Some(rules.clone()),
                    None => {
                        let error = format!("match \"{name}\" is not found");
                        self.cx.diagnostics.push(Diagnostic::emerg(error));
                        continue;
                    }
                },
            };
            let Some(Pass::Static { upstream, .. }) = &settings.proxy.pass else {
                let error = "\"health_check\" needs a \"proxy_pass\" without variables";
                self.cx.diagnostics.push(Diagnostic::emerg(error));
                continue;
            };
            let upstream = &mut upstreams[upstream.0 as usize];
            let check = Check {
                spec: spec.clone(),
                rules,
                location: LocationId(index as u32),
            };
            if !upstream.set_check(check) {
                let name = upstream.group().name();
                let warning = format!("upstream \"{name}\" has a health check already");
                self.cx.diagnostics.push(Diagnostic::warn(warning));
            }
        }
    }
}

impl NameDraft {
    /// Adds it to the names of an address; false if another server has it there.
    fn add_to(&self, table: &mut ServerNames, id: ServerId) -> bool {
        match &self.regex {
            None => table.add(&self.name, id),
            Some(named) => {
                let (regex, groups) = &**named;
                table.add_regex(regex.clone(), groups.clone(), id);
                true
            }
        }
    }
}
