//! `vnc_desktop`: machines by name, each with settings of its own, and `vnc_group`.

use std::collections::HashMap;
use std::sync::Arc;

use conf::{Contexts, Diagnostic, Item, Span};
use vnc::{Target, TargetError};

use super::{Conf, Pass};
use crate::compile::{Place, walk};
use crate::draft::{Draft, Level};
use crate::module::{Cx, DESKTOP, Done};
use crate::settings::{LevelKind, Written};

/// A machine with a name.
#[derive(Debug)]
pub struct Desktop {
    /// The name, which can stand in a path.
    pub name: Arc<str>,
    /// Where it is.
    pub target: Target,
    /// What holds for it: what its block says, otherwise `http`.
    pub conf: Arc<Conf>,
    /// What its block says.
    own: Option<Written<super::Draft>>,
}

/// The desktops of a configuration, in the order in which they stand there.
#[derive(Debug, Default)]
pub struct Desktops {
    all: Vec<Arc<Desktop>>,
    by_name: HashMap<Arc<str>, usize>,
}

impl Desktops {
    /// All of them.
    pub fn all(&self) -> &[Arc<Desktop>] {
        &self.all
    }

    /// The one of that name.
    pub fn find(&self, name: &str) -> Option<&Arc<Desktop>> {
        self.by_name.get(name).and_then(|&at| self.all.get(at))
    }

    /// What is wrong with a `vnc_pass` that is no address: no desktop has that name.
    pub fn lacks(&self, pass: Option<&Pass>) -> Option<Diagnostic> {
        let Some(Pass::Desktop { name, error, span }) = pass else {
            return None;
        };
        if self.find(name).is_some() {
            return None;
        }
        let message = format!("{error}, and no \"vnc_desktop\" has that name");
        Some(Diagnostic::emerg(message).at(*span))
    }
}

impl Desktop {
    /// Whether it belongs to a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.conf.groups.iter().any(|own| &**own == group)
    }

    /// What the block says where it says something, otherwise what holds at a location.
    pub fn over(&self, location: &Arc<Conf>) -> Arc<Conf> {
        match &self.own {
            Some(own) => own.clone().compile(location, LevelKind::Named),
            None => location.clone(),
        }
    }
}

/// Desktops as they were written.
#[derive(Debug, Default)]
pub struct Drafts {
    all: Vec<DesktopDraft>,
    spans: HashMap<Arc<str>, Span>,
}

#[derive(Debug)]
struct DesktopDraft {
    name: Arc<str>,
    target: Target,
    own: Option<Written<super::Draft>>,
}

impl Drafts {
    /// Compiles them inside `http`.
    pub fn compile(self, outer: &Arc<Conf>) -> Desktops {
        let compile = |draft: DesktopDraft| {
            let own = draft.own.clone().unwrap_or_default();
            Arc::new(Desktop {
                name: draft.name,
                target: draft.target,
                // One that says nothing shares what holds in `http`.
                conf: own.compile(outer, LevelKind::Unnamed),
                own: draft.own,
            })
        };
        let all: Vec<_> = self.all.into_iter().map(compile).collect();
        let names = all.iter().enumerate();
        Desktops {
            by_name: names.map(|(at, one)| (one.name.clone(), at)).collect(),
            all,
        }
    }
}

/// `vnc_desktop`
pub fn vnc_desktop(item: &Item, draft: &mut Draft, cx: &mut Cx<'_>) -> Done {
    let name = name(item)?;
    let target = item.text(1)?.parse();
    let target =
        target.map_err(|error: TargetError| item.error(error.to_string()).at(item.args[1].span))?;
    let known = &mut draft.desktops;
    if let Some(first) = known.spans.insert(name.clone(), item.span()) {
        let line = first.line;
        return Err(item
            .error(format!("duplicate desktop \"{name}\""))
            .help(format!("the other one is in line {line}")));
    }
    let own = item.block.as_ref().map(|entries| {
        let mut level = Level::default();
        walk(entries, DESKTOP, &mut Place::Level(&mut level), cx);
        level.drafts.vnc
    });
    known.all.push(DesktopDraft { name, target, own });
    Ok(())
}

/// Names that are something else in a desktop's folder or on the wall.
const RESERVED: [&str; 10] = [
    "api",
    "assets",
    "index.html",
    "login",
    "logout",
    "session",
    "vnc.html",
    "vnc_auto.html",
    "vnc_lite.html",
    "wall.html",
];

/// Also reserved: the path that links of noVNC's users have.
const ENDPOINT: &str = "websockify";

/// The longest name, in bytes: percent-encoded it still fits every browser's address.
const NAME_LEN_MAX: usize = 200;

/// The desktop's name, if it can be one.
fn name(item: &Item) -> Result<Arc<str>, Diagnostic> {
    let name = item.text(0)?;
    let wrong = |what: String| Err(item.error(what).at(item.args[0].span));
    if RESERVED.contains(&name) || name == ENDPOINT {
        return wrong(format!(
            "\"{name}\" cannot be a desktop's name: it has a meaning on the wall"
        ));
    }
    if name.is_empty() || name == "." || name == ".." {
        return wrong(format!(
            "\"{name}\" cannot be a desktop's name: it cannot stand in a path"
        ));
    }
    if name.len() > NAME_LEN_MAX {
        return wrong(format!(
            "a desktop's name may have {NAME_LEN_MAX} bytes, and this one has {}",
            name.len()
        ));
    }
    let bad = |char: &char| char.is_control() || matches!(char, '/' | '\\' | '$');
    if let Some(bad) = name.chars().find(bad) {
        return wrong(format!(
            "{bad:?} cannot stand in a desktop's name: the name is part of a path"
        ));
    }
    if name.parse::<Target>().is_ok() {
        return wrong(format!(
            "\"{name}\" cannot be a desktop's name: it is an address"
        ));
    }
    Ok(name.into())
}

/// `vnc_group`
pub fn vnc_group(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for index in 0..item.args.len() {
        let group = item.text(index)?;
        if group.is_empty() || group.chars().any(char::is_control) {
            return Err(item.invalid(&item.args[index]));
        }
        if !groups.iter().any(|known| &**known == group) {
            groups.push(group.into());
        }
    }
    item.once(&mut level.drafts.vnc.groups, groups)
}

/// Where settings of desktops may stand.
pub const LEVELS: Contexts = crate::module::ANY
    .or(crate::module::LOCATION_IF)
    .or(DESKTOP);
