//! The shape of a module: one file with its directives, variables and settings.

use std::collections::{HashMap, HashSet};

use conf::{Arity, Bundle, Contexts, Diagnostic, Directive, Doc, Item};
use net::log::Level as LogLevel;
use script::{Builtin, Format, Names, Template};

use crate::draft::{Draft, Level, ServerLevel};
use crate::logs::LogTargets;
use crate::modules::charset::Charsets;
use crate::modules::upstream::{Block, Upstreams};
use crate::modules::vnc::record::Places;
use crate::request::Request;
use crate::zones::Zones;

/// `http { … }`.
pub const HTTP: Contexts = Contexts(1);
/// `server { … }`.
pub const SERVER: Contexts = Contexts(2);
/// `location { … }`.
pub const LOCATION: Contexts = Contexts(4);
/// `if { … }` in a server.
pub const SERVER_IF: Contexts = Contexts(8);
/// `if { … }` in a location.
pub const LOCATION_IF: Contexts = Contexts(16);
/// `limit_except { … }`.
pub const LIMIT_EXCEPT: Contexts = Contexts(32);
/// `upstream { … }`.
pub const UPSTREAM: Contexts = Contexts(64);
/// `match { … }`, for health checks.
pub const MATCH: Contexts = Contexts(128);
/// `vnc_desktop … { … }`.
pub const DESKTOP: Contexts = Contexts(256);
/// The usual three: `http`, `server`, `location`.
pub const ANY: Contexts = HTTP.or(SERVER).or(LOCATION);
/// `if` wherever it may stand.
pub const IF: Contexts = SERVER_IF.or(LOCATION_IF);

/// The names of the contexts, for the reference.
pub const CONTEXT_NAMES: [(Contexts, &str); 9] = [
    (HTTP, "http"),
    (SERVER, "server"),
    (LOCATION, "location"),
    (SERVER_IF, "if in server"),
    (LOCATION_IF, "if in location"),
    (LIMIT_EXCEPT, "limit_except"),
    (UPSTREAM, "upstream"),
    (MATCH, "match"),
    (DESKTOP, "vnc_desktop"),
];

/// What a setter gives back.
pub type Done = Result<(), Diagnostic>;

/// A setter, by the level whose draft it changes.
#[derive(Clone, Copy)]
pub enum Set {
    /// The whole `http` block.
    Main(fn(&Item, &mut Draft, &mut Cx<'_>) -> Done),
    /// What holds for a server; in `http`, for all that do not say otherwise.
    Server(fn(&Item, &mut ServerLevel, &mut Cx<'_>) -> Done),
    /// What holds for a location; in `http` and `server`, for all inside.
    Level(fn(&Item, &mut Level, &mut Cx<'_>) -> Done),
    /// An `upstream` block.
    Group(fn(&Item, &mut Block, &mut Cx<'_>) -> Done),
    /// Checked for form, otherwise without meaning here.
    Nothing,
}

/// What setters need beside their draft.
pub struct Cx<'a> {
    /// Files, addresses and environment of the configuration.
    pub bundle: &'a Bundle,
    /// The variables named so far.
    pub names: Names<Request>,
    /// What is wrong, and what deserves attention.
    pub diagnostics: Vec<Diagnostic>,
    /// The directives of which it was said that they are not as with nginx.
    pub noticed: HashSet<&'static str>,
    /// The context of the directive that is being set.
    pub context: Contexts,
    /// The upstream groups named so far.
    pub upstreams: Upstreams,
    /// The log formats defined so far.
    pub formats: HashMap<String, Format>,
    /// The charsets named so far, and the tables between them.
    pub charsets: Charsets,
    /// The logs named so far.
    pub logs: LogTargets,
    /// Whether locations ask for the names of their server.
    pub wants_server_names: bool,
    /// The zones named so far.
    pub zones: Zones,
    /// The folders of recordings named so far.
    pub record_places: Places,
}

impl<'a> Cx<'a> {
    /// At the beginning of a configuration.
    pub fn new(bundle: &'a Bundle, names: Names<Request>) -> Self {
        let mut cx = Self {
            bundle,
            names,
            diagnostics: Vec::new(),
            noticed: HashSet::new(),
            context: HTTP,
            upstreams: Upstreams::default(),
            formats: HashMap::new(),
            charsets: Charsets::default(),
            logs: LogTargets::default(),
            wants_server_names: false,
            zones: Zones::default(),
            record_places: Places::default(),
        };
        crate::modules::log::define_combined(&mut cx);
        cx
    }

    /// Compiles a value that may have variables.
    pub fn template(&mut self, item: &Item, index: usize) -> Result<Template, Diagnostic> {
        let word = item.arg(index)?;
        self.template_of(item, &word.text)
    }

    /// Compiles a text that may have variables.
    pub fn template_of(&mut self, item: &Item, text: &[u8]) -> Result<Template, Diagnostic> {
        Template::compile(text, &mut self.names).map_err(|message| item.error(message))
    }

    /// A variable that the configuration defines.
    pub fn define(&mut self, item: &Item, name: &str) -> Result<script::VarId, Diagnostic> {
        self.names
            .define(name)
            .map_err(|message| item.error(message))
    }
}

/// A module: one file of `modules/`, and its line in the lists that decide about order.
pub struct Module {
    /// nginx's name of it.
    pub name: &'static str,
    /// Its directives.
    pub directives: &'static [Directive<Set>],
    /// Its variables.
    pub variables: &'static [Builtin<Request>],
}

/// The name in `$name`, in lower case.
pub fn variable_name(item: &Item, index: usize) -> Result<String, Diagnostic> {
    let word = item.arg(index)?;
    let name = word.text.strip_prefix(b"$").filter(|name| !name.is_empty());
    match name {
        Some(name) => Ok(String::from_utf8_lossy(name).to_ascii_lowercase()),
        None => Err(item.error(format!("invalid variable name \"{}\"", word.display()))),
    }
}

/// The level at which refusals are logged, one of the four that nginx has for it.
pub fn refusal_log_level(item: &Item) -> Result<LogLevel, Diagnostic> {
    match item.text(0)? {
        "info" => Ok(LogLevel::Info),
        "notice" => Ok(LogLevel::Notice),
        "warn" => Ok(LogLevel::Warn),
        "error" => Ok(LogLevel::Error),
        _ => Err(item.invalid(item.arg(0)?)),
    }
}

/// The status of a refusal, 400 to 599.
pub fn refusal_status(item: &Item) -> Result<u16, Diagnostic> {
    match item.number(0)? {
        status @ 400..=599 => Ok(status as u16),
        _ => {
            let name = item.name();
            let message = format!("\"{name}\" directive value must be between 400 and 599");
            Err(item.error(message))
        }
    }
}

/// An entry of the reference.
pub const fn doc(syntax: &'static str, default: &'static str, text: &'static str) -> Doc {
    Doc {
        syntax,
        default,
        text,
    }
}

/// A directive of nginx that is accepted and does nothing here; `reason` says why nobody misses it.
pub const fn inert(
    name: &'static str,
    contexts: Contexts,
    arity: Arity,
    syntax: &'static str,
    reason: &'static str,
) -> Directive<Set> {
    Directive::inert(
        name,
        contexts,
        arity,
        Set::Nothing,
        doc(syntax, "", "No effect."),
        reason,
    )
}

/// A setter that stores one argument of a usual kind in a field of a module's draft, once.
macro_rules! store {
    (flag $module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, _| {
            let value = item.flag()?;
            item.once(&mut level.drafts.$module.$field, value)
        })
    };
    (word $module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, _| {
            let value = bytes::Bytes::copy_from_slice(&item.arg(0)?.text);
            item.once(&mut level.drafts.$module.$field, value)
        })
    };
    (template $module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, cx| {
            let value = cx.template(item, 0)?;
            item.once(&mut level.drafts.$module.$field, value)
        })
    };
    (template of size $module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, cx| {
            let value = cx.template(item, 0)?;
            // What has no variables is known to be right or wrong at once.
            if value.as_constant().is_some() {
                item.size(0)?;
            }
            item.once(&mut level.drafts.$module.$field, value)
        })
    };
    (optional template $module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, cx| {
            let value = cx.template(item, 0)?;
            item.once(&mut level.drafts.$module.$field, Some(value))
        })
    };
    ($kind:ident $module:ident . $field:ident) => {
        $crate::module::Set::Level(|item, level, _| {
            let value = item.$kind(0)?;
            item.once(&mut level.drafts.$module.$field, value)
        })
    };
}

pub(crate) use store;
