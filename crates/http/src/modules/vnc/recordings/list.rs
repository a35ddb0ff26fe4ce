//! The recordings of a folder, and one of them, as JSON.

use std::rc::Rc;

use net::log::Level;
use proto::h1::{Unescape, argument, unescape};
use recording::json::Object;
use recording::{Entry, Folder, FolderError, Id};
use vnc::Role;

use super::super::grant;
use super::super::pages::{error, json};
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
    let user = grant::user(request);
    // What the page offers depends on who asks.
    let asking = move || {
        let asking = Object::begin().text("role", role.word());
        asking.text_or_null("user", user.as_deref())
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
        Ok(object.plain("pointer", pointer).end())
    })
    .await;
    match flatten(request, told) {
        Ok(text) => json(text),
        Err(flow) => flow,
    }
}
