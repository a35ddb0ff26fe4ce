//! `vnc_thumbnail`: small pictures of desktops for the wall.

use std::sync::Arc;
use std::time::Duration;

use conf::{Item, value};
use net::log::Level;
use vnc::{Refusal, Shot};

use super::desktops::Desktop;
use super::grant::{Grant, Subject, goal};
use super::pages::error;
use super::pictures::{Keep, picture, status};
use super::tickets::Terms;
use super::upgrade::is_of_allowed_page;
use crate::draft;
use crate::module::{Cx, Done};
use crate::phases::Flow;
use crate::request::Request;

/// Where a desktop's small picture comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thumbnail {
    /// There is none.
    Off,
    /// From sessions that run anyway.
    Live,
    /// The gateway looks itself when somebody wants to see it, and not again for so long.
    Connect(Duration),
}

/// How long a picture is kept without another word.
const INTERVAL: Duration = Duration::from_secs(60);

/// The longest time that can be meant: it is kept in memory.
const INTERVAL_MAX: Duration = Duration::from_secs(24 * 3600);

impl Thumbnail {
    /// What holds where both were said: the stricter.
    fn strictest(self, other: Self) -> Self {
        match (self, other) {
            (Self::Off, _) | (_, Self::Off) => Self::Off,
            (Self::Live, _) | (_, Self::Live) => Self::Live,
            (Self::Connect(one), Self::Connect(other)) => Self::Connect(one.max(other)),
        }
    }
}

/// `vnc_thumbnail`
pub fn vnc_thumbnail(item: &Item, level: &mut draft::Level, _cx: &mut Cx<'_>) -> Done {
    let interval = match item.args.get(1) {
        None => None,
        Some(word) => {
            let time = word.text.strip_prefix(b"interval=").and_then(value::time);
            let time = time.filter(|time| !time.is_zero() && *time <= INTERVAL_MAX);
            Some(time.ok_or_else(|| item.invalid_parameter(word))?)
        }
    };
    let thumbnail = match (item.text(0)?, interval) {
        ("off", None) => Thumbnail::Off,
        ("live", None) => Thumbnail::Live,
        ("connect", interval) => Thumbnail::Connect(interval.unwrap_or(INTERVAL)),
        ("off" | "live", Some(_)) => return Err(item.invalid_parameter(&item.args[1])),
        _ => return Err(item.invalid(item.arg(0)?)),
    };
    item.once(&mut level.drafts.vnc.thumbnail, Some(thumbnail))
}

/// Where the picture of a desktop in a location comes from: somebody must have said it, and where
/// desktop and location disagree, the stricter counts.
pub fn thumbnail(request: &Request, desktop: Option<&Desktop>) -> Thumbnail {
    let of_location = request.conf().vnc.thumbnail;
    let of_desktop = desktop.and_then(|desktop| desktop.conf.thumbnail);
    let said = of_location.into_iter().chain(of_desktop);
    said.reduce(Thumbnail::strictest).unwrap_or(Thumbnail::Off)
}

/// `api/thumbnail`
pub async fn serve(request: &Request, subject: &Subject) -> Flow {
    let goal = goal(request, subject).await;
    if !is_of_allowed_page(request) {
        return error(403, &Refusal::ForeignPage.sentence());
    }
    let shot = match &goal.grant {
        // A page asks for it by itself: that must not use the token up, nor show without a use what
        // the token shows once.
        Ok(grant) if grant.terms.as_ref().is_some_and(Terms::is_once) => None,
        Ok(grant) => take(request, grant).await,
        Err(refusal) => return error(status(refusal), &refusal.sentence()),
    };
    let Some(shot) = shot else {
        return error(404, "There is no picture of this desktop now.");
    };
    let at = shot.at;
    match shot.png(None).await {
        Ok(png) => picture(png, Keep::Since(at)),
        Err(unreachable) => {
            let refusal = unreachable.refusal;
            error(status(&refusal), &refusal.sentence())
        }
    }
}

async fn take(request: &Request, grant: &Grant) -> Option<Arc<Shot>> {
    let pictures = &request.generation.thread.shared.pictures;
    let target = &grant.target;
    let thumbnail = thumbnail(request, grant.desktop.as_deref());
    if thumbnail == Thumbnail::Off {
        return None;
    }
    let live = pictures.live(target, &grant.policy).await;
    let Thumbnail::Connect(interval) = thumbnail else {
        return live;
    };
    if live.is_some() {
        return live;
    }
    let sessions = &request.generation.thread.shared.sessions;
    let taken = pictures.thumbnail(target, &grant.policy, sessions, interval);
    let failed = |unreachable: vnc::Unreachable| {
        let vnc::Unreachable { refusal, detail } = unreachable;
        let word = refusal.word();
        request.log(
            Level::Info,
            format_args!("no picture of {target}: reason={word} ({detail})"),
        );
    };
    taken.await.map_err(failed).ok()
}
