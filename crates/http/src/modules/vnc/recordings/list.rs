//! The recordings of a folder, and one of them, as JSON.

use std::rc::Rc;

use net::log::Level;
use proto::h1::{Unescape, argument, unescape};
use recording::index::{Index, SLICE_MS};
use recording::json::Object;
use recording::{Entry, Folder, FolderError, Id};
use vnc::Role;

use super::super::pages::{error, json};
use super::super::{grant, login};
use super::flatten;
use crate::helpers;
use crate::phases::Flow;
use crate::request::Request;

/// Recordings in one answer, unless fewer are asked for.
const LIMIT: usize = 100;

/// Recordings in one answer at most.
const LIMIT_MAX: usize = 500;

/// What is asked for.
#[derive(Debug, Default)]
struct Filter {
    /// Those that began before, in seconds since 1970.
    before: Option<u64>,
    limit: usize,
    user: Option<String>,
    desktop: Option<String>,
}

impl Filter {
    fn of(request: &Request) -> Result<Self, Flow> {
        let args = request.args();
        let text = |name: &str| {
            let value = argument(&args, name.as_bytes())?;
            let value = unescape(value, Unescape::All);
            Some(String::from_utf8_lossy(&value).into_owned()).filter(|text| !text.is_empty())
        };
        let number = |name: &str| match text(name) {
            None => Ok(None),
            Some(text) => match text.parse::<u64>() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(error(400, &format!("{name} must be a number."))),
            },
        };
        let limit = number("limit")?.map(|limit| usize::try_from(limit).unwrap_or(LIMIT_MAX));
        Ok(Self {
            before: number("before")?,
            limit: limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX),
            user: text("user"),
            desktop: text("desktop"),
        })
    }

    fn admits(&self, entry: &Entry) -> bool {
        let facts = &entry.sidecar.facts;
        let (user, desktop) = (facts.user.as_ref(), &facts.desktop);
        self.user.as_ref().is_none_or(|asked| user == Some(asked))
            && self.desktop.as_ref().is_none_or(|asked| desktop == asked)
    }
}

/// `recordings.json`
pub async fn all(request: &Rc<Request>, role: Role, folder: Folder) -> Flow {
    let filter = match Filter::of(request) {
        Ok(filter) => filter,
        Err(flow) => return flow,
    };
    let (user, sign_out) = (grant::user(request), login::may_sign_out(request));
    // What the page offers depends on who asks.
    let asking = move || {
        let asking = Object::begin().text("role", role.word());
        asking
            .text_or_null("user", user.as_deref())
            .plain("sign_out", sign_out)
    };
    let listed = helpers::run(move || list(&folder, &filter, asking())).await;
    match flatten(request, listed) {
        Ok((text, unreadable)) => {
            for failed in unreadable {
                request.log(Level::Error, format_args!("recordings: {failed}"));
            }
            json(text)
        }
        Err(flow) => flow,
    }
}

/// The answer, and what could not be read; that must not hide the others.
fn list(
    folder: &Folder,
    filter: &Filter,
    asking: Object,
) -> Result<(String, Vec<FolderError>), FolderError> {
    let (mut total, mut bytes) = (0_u64, 0_u64);
    let (mut shown, mut unreadable) = (Vec::new(), Vec::new());
    for found in folder.recordings()? {
        let entry = match folder.entry(&found) {
            Ok(entry) => entry,
            Err(failed) => {
                unreadable.push(failed);
                continue;
            }
        };
        if !filter.admits(&entry) {
            continue;
        }
        total += 1;
        bytes += entry.bytes;
        let is_before = filter
            .before
            .is_none_or(|before| entry.sidecar.facts.started_ms / 1000 < before);
        if is_before && shown.len() < filter.limit {
            shown.push(entry.to_public_json());
        }
    }
    let text = asking
        .plain("recordings", format_args!("[{}]", shown.join(",")))
        .plain("total", total)
        .plain("bytes", bytes)
        .end();
    Ok((text, unreadable))
}

/// `ID/info.json`
pub async fn one(request: &Rc<Request>, role: Role, folder: Folder, id: Id) -> Flow {
    let told = helpers::run(move || {
        let found = folder.find(id)?;
        let entry = folder.entry(&found)?;
        let object = match role {
            // Where machines are is for those who run the place.
            Role::Admin => entry.write_all(Object::begin()),
            _ => entry.write_public(Object::begin()),
        };
        let pointer = folder
            .pointer(&found.name)
            .is_ok_and(|track| !track.is_empty());
        let object = object.plain("pointer", pointer);
        let index = Index::open(&folder, &found.name).ok().flatten();
        Ok(liveliness(object, &entry, index.as_ref()).end())
    })
    .await;
    match flatten(request, told) {
        Ok(text) => json(text),
        Err(flow) => flow,
    }
}

/// Slices that a timeline is told in at most.
const TIMELINE_MAX: usize = 600;

/// How lively it was, from 0 to 1 for each slice of the timeline, and when the screen's size
/// changed. Without an index, nobody knows yet.
fn liveliness(object: Object, entry: &Entry, index: Option<&Index>) -> Object {
    let known = index.map_or(&[][..], Index::activity);
    let slices = (entry.duration_ms / SLICE_MS) as usize + 1;
    let joined = slices.div_ceil(TIMELINE_MAX).max(1);
    let sums: Vec<u64> = known
        .chunks(joined)
        .map(|slices| slices.iter().map(|&value| u64::from(value)).sum())
        .collect();
    let most = sums.iter().copied().max().unwrap_or_default();
    // What is ten times as lively is seen as twice as lively or so: otherwise one film would make
    // everything else look quiet.
    let scaled = |sum: u64| (sum as f64 + 1.0).ln() / (most as f64 + 1.0).ln().max(1.0);
    let activity: Vec<String> = sums
        .iter()
        .map(|&sum| format!("{:.2}", scaled(sum)))
        .collect();
    let sizes = index.map_or(&[][..], Index::sizes);
    let marks: Vec<String> = sizes
        .iter()
        .skip(1)
        .map(|size| {
            Object::begin()
                .plain("at_ms", size.ms)
                .text("kind", "resize")
                .plain("width", size.width)
                .plain("height", size.height)
                .end()
        })
        .collect();
    object
        .plain("activity", format_args!("[{}]", activity.join(",")))
        .plain("slice_ms", joined as u64 * u64::from(SLICE_MS))
        .plain("marks", format_args!("[{}]", marks.join(",")))
}
