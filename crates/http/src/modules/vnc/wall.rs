//! `vnc_wall`: many desktops below one location, each in a folder of its name.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use conf::Item;
use serde::Serialize;
use vnc::{Outcome, Role};

use super::desktops::{Desktop, Desktops};
use super::grant::{self, Subject};
use super::pages::{Place, json, path_inside, reads, serve};
use super::setters::one_way_only;
use super::thumbnails::{Thumbnail, thumbnail};
use super::{login, probe, role, upgrade};
use crate::draft::{Level, Matcher};
use crate::module::{Cx, Done};
use crate::modules::core::Handler;
use crate::phases::Flow;
use crate::request::Request;

/// Which desktops a wall has.
#[derive(Debug, Clone)]
pub enum Wall {
    /// Every one.
    All,
    /// Those that are in one of these groups.
    Groups(Vec<Box<str>>),
}

impl Wall {
    /// Whether a desktop is among them.
    pub fn has(&self, desktop: &Desktop) -> bool {
        match self {
            Self::All => true,
            Self::Groups(groups) => groups.iter().any(|group| desktop.is_in(group)),
        }
    }

    /// The groups of a desktop that this wall shows it in.
    fn groups<'d>(&self, desktop: &'d Desktop) -> Vec<&'d str> {
        let groups = desktop.conf.groups.iter().map(|group| &**group);
        match self {
            Self::All => groups.collect(),
            Self::Groups(own) => groups
                .filter(|group| own.iter().any(|own| **own == **group))
                .collect(),
        }
    }

    /// Its desktops.
    pub fn desktops<'d>(&self, all: &'d Desktops) -> impl Iterator<Item = &'d Arc<Desktop>> {
        all.all().iter().filter(|desktop| self.has(desktop))
    }
}

/// `vnc_wall`
pub fn vnc_wall(item: &Item, level: &mut Level, _cx: &mut Cx<'_>) -> Done {
    let is_folder = matches!(level.matcher, Matcher::Prefix { .. } | Matcher::None);
    if level.by_regex || !is_folder {
        return Err(item
            .error("\"vnc_wall\" needs a location that is chosen by the beginning of the path")
            .help("such as \"location /desktops/ { … }\": each desktop is a folder below it"));
    }
    let mut groups = Vec::new();
    let mut all = false;
    for word in &item.args {
        match (&word.text[..], word.text.strip_prefix(b"group=")) {
            (b"all", _) => all = true,
            (_, Some(group)) if !group.is_empty() => {
                let group = std::str::from_utf8(group).map_err(|_| item.invalid(word))?;
                groups.push(group.into());
            }
            _ => return Err(item.invalid_parameter(word)),
        }
    }
    let wall = match (all, groups.is_empty()) {
        (true, true) => Wall::All,
        (false, false) => Wall::Groups(groups),
        _ => return Err(item.error("\"vnc_wall\" takes either \"all\" or groups")),
    };
    let drafts = &mut level.drafts.vnc;
    if matches!(drafts.pass, Some(Some(_))) || drafts.source.is_some() {
        return Err(one_way_only(item));
    }
    drafts.pass = Some(None);
    level.drafts.core.handler = Some(Handler::Vnc);
    item.once(&mut level.drafts.vnc.wall, Some(wall))
}

/// The handler of a location with a wall.
pub async fn run(request: &Rc<Request>, wall: &Wall) -> Flow {
    let uri = request.uri();
    let path = match path_inside(request, &uri) {
        Ok(path) => path,
        Err(flow) => return flow,
    };
    let (subject, folder) = inside(request, wall, path);
    match path {
        _ if upgrade::is_asked_for(request) => upgrade::run(request, &subject).await,
        _ if matches!(subject, Subject::OnWall(_)) || !reads(request) => {
            super::folder(request, folder, &subject).await
        }
        "" | "index.html" | "wall.html" => serve(request, "wall.html"),
        "api/desktops" => json(list(request, wall).await),
        path if path.starts_with("assets/") => serve(request, path),
        // A folder that is not there has the viewer too, which says so in words; whoever may not
        // know of a desktop sees the same.
        _ => super::folder(request, folder, &subject).await,
    }
}

/// Which desktop a path below a wall is for, and where in its folder it is.
pub fn inside<'p>(request: &Request, wall: &Wall, path: &'p str) -> (Subject, Place<'p>) {
    let (name, folder) = match path.split_once('/') {
        Some((name, inside)) => (name, Place::Inside(inside)),
        None => (path, Place::Folder),
    };
    let desktop = request.config().desktops.find(name);
    let desktop = desktop.filter(|desktop| wall.has(desktop));
    let subject = desktop.map_or(Subject::Missing, |desktop| Subject::OnWall(desktop.clone()));
    (subject, folder)
}

/// What the page of a wall shows.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    sign_out: bool,
    desktops: Vec<Tile<'a>>,
}

/// One desktop of it.
#[derive(Serialize)]
struct Tile<'a> {
    name: &'a str,
    title: String,
    group: Option<&'a str>,
    groups: Vec<&'a str>,
    role: &'static str,
    state: &'static str,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    sessions: &'a [Viewer],
    thumbnail: bool,
    recorded: bool,
}

/// Somebody who is at a desktop.
#[derive(Serialize)]
struct Viewer {
    user: Option<String>,
    since: u64,
    view_only: bool,
    #[serde(skip)]
    recorded: bool,
}

/// Desktops that are looked at before others of the thread have their turn.
const TURN: usize = 200;

/// `api/desktops`: those that the person has a role for.
async fn list(request: &Request, wall: &Wall) -> String {
    let user = grant::user(request);
    let viewers = viewers(request);
    let outcomes = &request.generation.thread.shared.outcomes;
    let mut desktops = Vec::new();
    for (at, desktop) in wall.desktops(&request.config().desktops).enumerate() {
        if at % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        request.speak_of(Some(desktop));
        let role = role::of(request, Some(desktop));
        if role == Role::None {
            continue;
        }
        let title = grant::title(request, &desktop.over(&request.conf().vnc));
        let viewers = viewers
            .get(&*desktop.name)
            .map_or(&[][..], |viewers| viewers);
        let known = outcomes.last(&desktop.name, &desktop.target);
        if viewers.is_empty() {
            probe::refresh(request, desktop, known.as_ref());
        }
        let (state, reason) = match (viewers, known.map(|known| known.outcome)) {
            ([_, ..], _) => ("in-use", None),
            ([], Some(Outcome::Reached)) => ("free", None),
            ([], Some(Outcome::Failed(refusal))) => ("failed", Some(refusal)),
            ([], None) => ("unknown", None),
        };
        let reason = reason.map(|refusal| refusal.sentence().into_owned());
        let groups = wall.groups(desktop);
        desktops.push(Tile {
            name: &desktop.name,
            title: title.unwrap_or_else(|| desktop.name.to_string()),
            group: groups.first().copied(),
            groups,
            role: role.word(),
            state,
            reason,
            sessions: viewers,
            thumbnail: thumbnail(request, Some(desktop)) != Thumbnail::Off,
            recorded: viewers.iter().any(|viewer| viewer.recorded),
        });
    }
    let listed = Listed {
        user: user.as_deref(),
        sign_out: login::may_sign_out(request),
        desktops,
    };
    // Texts and numbers can always be written.
    serde_json::to_string(&listed).unwrap_or_default()
}

/// Who is at which desktop, by its name.
fn viewers(request: &Request) -> HashMap<String, Vec<Viewer>> {
    let mut viewers: HashMap<String, Vec<Viewer>> = HashMap::new();
    for session in request.generation.thread.shared.sessions.list() {
        if !session.connected || session.ending {
            continue;
        }
        let since = session.start.duration_since(SystemTime::UNIX_EPOCH);
        viewers
            .entry(session.about.desktop)
            .or_default()
            .push(Viewer {
                user: session.about.user,
                since: since.unwrap_or_default().as_secs(),
                view_only: session.view_only,
                recorded: session.recorded,
            });
    }
    viewers
}
