//! A compiled configuration: what a bundle means to the processes.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

use conf::{Bundle, Diagnostic, Diagnostics, Item, Severity, Span, Tree, Word};
use net::listen::Listen;
use net::log::{ErrorLog, Files, Level, Target};

use crate::core::{self, Core};
use crate::invocation::Invocation;
use crate::loader;

/// A configuration that can be run.
#[derive(Debug)]
pub struct Setup {
    /// The main and `events` contexts.
    pub core: Core,
    /// The `http` block.
    pub http: Arc<http::Config>,
    /// What it was compiled from.
    pub bundle: Bundle,
}

/// What came of compiling a bundle.
#[derive(Debug)]
pub struct Compiled {
    /// The contexts, if nothing is wrong.
    parts: Option<(Core, http::Config)>,
    /// What is wrong, and what deserves attention.
    pub diagnostics: Diagnostics,
    /// What is not as with nginx, each directive once.
    pub notices: Diagnostics,
    /// What was read.
    pub tree: Tree,
}

/// Compiles a bundle: a pure function, the same in master and worker.
pub fn compile(bundle: &Bundle, default_log: &Target) -> Compiled {
    let mut tree = conf::parse(bundle);
    let mut diagnostics = std::mem::take(&mut tree.errors);
    let is_http = |item: &Item| item.name() == "http" && item.block.is_some();
    tree.items.sort_by_key(is_http);
    let first_http = tree.items.partition_point(|item| !is_http(item));
    let (main, http) = tree.items.split_at(first_http);
    let core = core::compile(main, bundle, default_log, &mut diagnostics);
    // What is missing will be there the next time; the work on the rest would be in vain.
    if bundle.is_incomplete() {
        return Compiled {
            parts: None,
            diagnostics,
            notices: Diagnostics::new(),
            tree,
        };
    }
    if let Some(again) = http.get(1) {
        diagnostics.push(again.duplicate());
    }
    // Without an http block nothing is served, which is as valid as with an empty one.
    let nothing = Item {
        name: Word {
            text: b"http"[..].into(),
            span: Span::default(),
        },
        args: Box::default(),
        block: Some(Box::default()),
    };
    let item = http.first().unwrap_or(&nothing);
    let (config, found) = http::compile(item, bundle, core.error_log.clone());
    diagnostics.extend(found);
    let failed = diagnostics.iter().any(is_error);
    let is_notice = |found: &Diagnostic| found.severity == Severity::Notice;
    let (notices, diagnostics) = diagnostics.into_iter().partition(is_notice);
    Compiled {
        parts: config.filter(|_| !failed).map(|config| (core, config)),
        diagnostics,
        notices,
        tree,
    }
}

fn is_error(diagnostic: &Diagnostic) -> bool {
    diagnostic.severity == Severity::Emerg
}

/// Loads the configuration and tells what is wrong with it; `None` if that is too much.
pub fn load(invocation: &Invocation, log: &ErrorLog) -> Option<Setup> {
    load_and_compare(invocation, log, |_| {}).0
}

/// The same, and what was read; `tell` gets every line about what is not as with nginx.
pub fn load_and_compare(
    invocation: &Invocation,
    log: &ErrorLog,
    tell: impl FnMut(String),
) -> (Option<Setup>, Tree) {
    let (bundle, compiled) =
        loader::load(invocation, |bundle| compile(bundle, &invocation.error_log));
    compiled.tell(log);
    let lines = compiled.notices.iter();
    lines
        .map(|notice| notice.one_line(&compiled.tree.sources))
        .for_each(tell);
    let setup = compiled.parts.map(|(core, http)| Setup {
        core,
        http: Arc::new(http),
        bundle,
    });
    (setup, compiled.tree)
}

/// Compiles a bundle with files of its own in place of those that were loaded; in an error, what
/// is wrong with them, on a line.
pub fn compile_renewed(bundle: Bundle, invocation: &Invocation) -> Result<Setup, String> {
    let compile = |bundle: &Bundle| compile(bundle, &invocation.error_log);
    let (bundle, compiled) = loader::complete(bundle, compile);
    let wrong = compiled.diagnostics.iter().find(|found| is_error(found));
    let wrong = wrong.map(|found| found.line(&compiled.tree.sources).to_string());
    match (compiled.parts, wrong) {
        (Some((core, http)), None) => Ok(Setup {
            core,
            http: Arc::new(http),
            bundle,
        }),
        (_, wrong) => Err(wrong.unwrap_or_default()),
    }
}

/// Compiles a bundle that was loaded elsewhere.
pub fn compile_loaded(bundle: Bundle, invocation: &Invocation, log: &ErrorLog) -> Option<Setup> {
    let compiled = compile(&bundle, &invocation.error_log);
    if compiled.parts.is_none() {
        compiled.tell(log);
    }
    let (core, http) = compiled.parts?;
    Some(Setup {
        core,
        http: Arc::new(http),
        bundle,
    })
}

impl Compiled {
    /// Logs every diagnostic on a line; a person at a terminal also sees the place.
    fn tell(&self, log: &ErrorLog) {
        let person = std::io::stderr().is_terminal();
        for diagnostic in &self.diagnostics {
            let level = match diagnostic.severity {
                Severity::Emerg => Level::Emerg,
                Severity::Warn => Level::Warn,
                Severity::Notice => Level::Notice,
            };
            log.log(
                level,
                None,
                format_args!("{}", diagnostic.line(&self.tree.sources)),
            );
            if person {
                eprint!("{}", diagnostic.snippet(&self.tree.sources));
            }
        }
    }
}

impl Setup {
    /// The sockets to listen on.
    pub fn listens(&self) -> Vec<Listen> {
        self.http.listens()
    }

    /// The log files to open.
    pub fn log_paths(&self) -> Vec<PathBuf> {
        let main = self
            .core
            .error_log
            .iter()
            .filter_map(|(_, target)| match target {
                Target::File(path) => Some(path.clone()),
                Target::Stderr | Target::Syslog(..) => None,
            });
        let mut paths: Vec<_> = main.chain(self.http.log_paths()).collect();
        paths.sort();
        paths.dedup();
        paths
    }

    /// The error log of the main context, once the files are open.
    pub fn open_log(&self, files: &Files) -> std::io::Result<ErrorLog> {
        ErrorLog::open(&self.core.error_log, files)
    }
}
