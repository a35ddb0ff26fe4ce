//! The configuration as it was written: levels inside levels, before anything is inherited.

use std::collections::HashMap;
use std::sync::Arc;

use conf::Span;
use net::listen::ListenOptions;
use script::Regex;

use crate::logs::ErrorTarget;
use crate::modules::health_check::matching::Match;
use crate::modules::rewrite::Op;
use crate::modules::{Drafts, server, ssl, vnc};
use crate::settings::{LevelKind, Written};

/// The `http` block.
#[derive(Default)]
pub struct Draft {
    /// What holds for all servers.
    pub server: ServerLevel,
    /// What holds for all locations.
    pub level: Level,
    /// The `match` blocks.
    pub matches: HashMap<String, Arc<Match>>,
    /// The `vnc_desktop`s.
    pub desktops: vnc::desktops::Drafts,
    /// The `server` blocks.
    pub servers: Vec<ServerDraft>,
}

/// A `server` block.
#[derive(Default)]
pub struct ServerDraft {
    /// Its own settings.
    pub server: ServerLevel,
    /// What holds for its locations.
    pub level: Level,
}

/// What is said of a server as a whole.
#[derive(Default)]
pub struct ServerLevel {
    /// Settings that only servers have.
    pub settings: Written<server::Draft>,
    /// What it says of TLS.
    pub ssl: Written<ssl::Draft>,
    /// Its `listen` lines.
    pub listens: Vec<ListenDraft>,
    /// Its `server_name`s.
    pub names: Vec<NameDraft>,
}

/// One address of a `listen` line.
#[derive(Debug, Clone)]
pub struct ListenDraft {
    /// The address.
    pub addr: net::Addr,
    /// Parameters of the socket.
    pub options: ListenOptions,
    /// Whether any parameter of the socket was given.
    pub sets_options: bool,
    /// `bind`: a socket of its own beside the wildcard's.
    pub bind: bool,
    /// `default_server`.
    pub default_server: bool,
    /// `proxy_protocol`
    pub proxy_protocol: bool,
    /// `ssl`: connections are TLS.
    pub ssl: bool,
    /// Where it stands.
    pub span: Span,
}

/// One name of a `server_name` line.
#[derive(Debug)]
pub struct NameDraft {
    /// As it was written, lower-case unless it is an expression.
    pub name: String,
    /// The expression, if it is one.
    pub regex: Option<Box<NameRegex>>,
    /// Where it stands.
    pub span: Span,
}

/// An expression that is a server's name, and its named groups.
pub type NameRegex = (Arc<Regex>, Vec<(script::VarId, usize)>);

/// How a location is chosen.
#[derive(Debug, Default)]
pub enum Matcher {
    /// Not by its URI: `http`, `server`, `if`, `limit_except`.
    #[default]
    None,
    /// `= uri`
    Exact,
    /// `uri`, or `^~ uri` which keeps expressions from being tried.
    Prefix {
        /// `^~`
        final_: bool,
    },
    /// `~` and `~*`.
    Regex(Regex, Vec<(script::VarId, usize)>),
    /// `@name`
    Named,
}

/// A level of locations: `http`, `server`, `location`, `if` or `limit_except`.
pub struct Level {
    /// Whether it has a name of its own.
    pub kind: LevelKind,
    /// How it is chosen.
    pub matcher: Matcher,
    /// Whether an expression chose it, or the location that it is in.
    pub by_regex: bool,
    /// Its name: the URI, the expression, or that of the location around an `if`.
    pub name: Vec<u8>,
    /// What each module read.
    pub drafts: Drafts,
    /// Its `error_log` lines.
    pub error_logs: Vec<ErrorTarget>,
    /// What the rewrite module runs, in its order.
    pub ops: Vec<Op>,
    /// Levels inside this one.
    pub levels: Vec<Level>,
    /// The `limit_except` inside: which methods it leaves alone, and the level for the others.
    pub limit_except: Option<(Vec<proto::h1::Method>, usize)>,
    /// Where it begins.
    pub span: Span,
}

impl Default for Level {
    fn default() -> Self {
        Self {
            kind: LevelKind::Named,
            matcher: Matcher::None,
            by_regex: false,
            name: Vec::new(),
            drafts: Drafts::default(),
            error_logs: Vec::new(),
            ops: Vec::new(),
            levels: Vec::new(),
            limit_except: None,
            span: Span::default(),
        }
    }
}
