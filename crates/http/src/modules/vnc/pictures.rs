//! `vnc_screenshot`: pictures of desktops over HTTP, for whoever may see the desktop.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use net::log::Level;
use proto::h1::argument;
use vnc::{Policy, Refusal, Role, Shot, Target};

use super::desktops::Desktop;
use super::grant::{Goal, Subject, goal, shown};
use super::journal::note;
use super::pages::error;
use super::session::about;
use super::upgrade::is_of_allowed_page;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::{Body, Head, Response};

/// `api/screenshot`, with `width=N` for a smaller one.
pub async fn screenshot(request: &Request, subject: &Subject) -> Flow {
    let mut goal = goal(request, subject).await;
    if !is_of_allowed_page(request) {
        return error(403, &Refusal::ForeignPage.sentence());
    }
    // A look is a use of a token that has only one.
    let spending = goal.spend(request);
    let outcome = take(request, &goal).await;
    if let (Some(spending), Ok(_)) = (spending, &outcome) {
        spending.keep();
    }
    audit(request, &goal, outcome.as_deref());
    let shot = match outcome {
        Ok(shot) => shot,
        Err(refusal) => return error(status(&refusal), &refusal.sentence()),
    };
    let width_max = match width(request) {
        Ok(width_max) => width_max,
        Err(flow) => return flow,
    };
    match shot.png(width_max).await {
        Ok(png) => picture(png, Keep::Never),
        Err(unreachable) => {
            let refusal = unreachable.refusal;
            error(status(&refusal), &refusal.sentence())
        }
    }
}

/// Whether a desktop's screenshots may be had in a location: somebody must have said so, and
/// nobody the contrary.
pub fn has_screenshots(request: &Request, desktop: Option<&Desktop>) -> bool {
    let of_location = request.conf().vnc.screenshot;
    let of_desktop = desktop.and_then(|desktop| desktop.conf.screenshot);
    let said = [of_location, of_desktop];
    said.contains(&Some(true)) && !said.contains(&Some(false))
}

async fn take(request: &Request, goal: &Goal) -> Result<Arc<Shot>, Refusal> {
    let grant = goal.grant.as_ref().map_err(Refusal::clone)?;
    debug_assert_ne!(grant.role, Role::None);
    if !has_screenshots(request, grant.desktop.as_deref()) {
        return Err(Refusal::NoScreenshots);
    }
    note_target(request, &grant.target);
    ask(request, &grant.target, &grant.policy).await
}

/// Asks the machine, within the time that pictures have.
async fn ask(request: &Request, target: &Target, policy: &Policy) -> Result<Arc<Shot>, Refusal> {
    let shared = &request.generation.thread.shared;
    let shot = shared.pictures.screenshot(target, policy, &shared.sessions);
    shot.await.map_err(|unreachable| {
        let vnc::Unreachable { refusal, detail } = unreachable;
        let word = refusal.word();
        request.log(
            Level::Error,
            format_args!("no screenshot of {target}: reason={word} ({detail})"),
        );
        refusal
    })
}

/// For the access log.
fn note_target(request: &Request, target: &Target) {
    let target = shown(request, target);
    let mut seen = request.desktop.borrow_mut();
    seen.get_or_insert_default().target = Some(target);
}

/// Who saw what, in the logs where sessions stand.
fn audit(request: &Request, goal: &Goal, outcome: Result<&Shot, &Refusal>) {
    let about = about(request, goal);
    let target = &about.target;
    match &outcome {
        Ok(shot) => {
            let size = (shot.screen.width(), shot.screen.height());
            let (width, height) = size;
            let told = format_args!("desktop screenshot of {target}: {width}x{height}");
            request.log(Level::Info, told);
        }
        Err(refusal) => {
            let reason = refusal.word();
            let told = format_args!("desktop screenshot refused: reason={reason}");
            request.log(Level::Error, told);
        }
    }
    note(request, || vnc::screenshot_record(&about, outcome));
}

/// `width=N`; without, as wide as it is.
fn width(request: &Request) -> Result<Option<u16>, Flow> {
    let args = request.args();
    let Some(text) = argument(&args, b"width") else {
        return Ok(None);
    };
    let width = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    match width {
        Some(width @ 1..) => Ok(Some(width)),
        _ => Err(error(400, "A width is a number of pixels.")),
    }
}

/// Whether clients may keep a picture.
pub enum Keep {
    /// No.
    Never,
    /// Yes, but they ask whether it has changed since.
    Since(SystemTime),
}

/// A picture.
pub fn picture(png: Bytes, keep: Keep) -> Flow {
    let mut head = Head {
        content_type: Some(Bytes::from_static(b"image/png")),
        content_length: Some(png.len() as u64),
        ..Head::new(200)
    };
    match keep {
        Keep::Never => head.push("Cache-Control", "no-store"),
        Keep::Since(at) => {
            let since = at.duration_since(SystemTime::UNIX_EPOCH);
            head.last_modified = i64::try_from(since.unwrap_or_default().as_secs()).ok();
            head.push("Cache-Control", "private, no-cache");
        }
    }
    head.push("X-Content-Type-Options", "nosniff");
    Flow::Respond(Response {
        head: head.into(),
        body: Body::bytes(png),
    })
}

/// What a program is told in a number.
pub fn status(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::UnknownDesktop | Refusal::NoScreenshots => 404,
        Refusal::UnknownToken
        | Refusal::UsedUp
        | Refusal::NotYours
        | Refusal::ForeignPage
        | Refusal::NoRole
        | Refusal::FarRefused
        | Refusal::Cut(_)
        | Refusal::Removed => 403,
        Refusal::Busy | Refusal::Restart | Refusal::StoredPasswordRests(_) => 503,
        Refusal::Timeout => 504,
        Refusal::Internal => 500,
        _ => 502,
    }
}
