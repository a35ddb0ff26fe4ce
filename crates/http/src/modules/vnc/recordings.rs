//! `vnc_recordings`: the recordings of a folder as a page, as JSON, and as what a player needs.
//!
//! Files are read and pictures decoded by the helpers' threads.

mod list;
mod picture;
mod stream;

use std::path::PathBuf;
use std::rc::Rc;

use bytes::Bytes;
use conf::{Arity, Directive, Item};
use net::log::Level as LogLevel;
use proto::h1::{Method, argument};
use recording::{Folder, FolderError, Id};
use vnc::Role;

use self::stream::{Part, Produced, Whole};
use super::form::Form;
use super::pages::{error, json, path_inside, reads, serve};
use super::role::role;
use super::setters::HERE;
use crate::draft::Level;
use crate::helpers;
use crate::module::{Cx, Done, Module, Set, doc};
use crate::modules::core::Handler;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::{Body, Chunk, FileSlice, Head, Response};

/// The module.
pub const MODULE: Module = Module {
    name: "portway_vnc_recordings_module",
    directives: &[Directive::new(
        "vnc_recordings",
        HERE,
        Arity::Exactly(1),
        Set::Level(vnc_recordings),
        doc(
            "vnc_recordings directory;",
            "",
            "A page of the recordings in a directory of vnc_record, with a player, and what programs may ask of them. vnc_role says who may delete: admin.",
        ),
    )],
    variables: &[],
};

/// `vnc_recordings`
fn vnc_recordings(item: &Item, level: &mut Level, cx: &mut Cx<'_>) -> Done {
    let path = cx.bundle.prefix_path(&item.arg(0)?.text);
    level.drafts.core.handler = Some(Handler::VncRecordings);
    item.once(&mut level.drafts.vnc.recordings, Some(path.into()))
}

/// The handler.
pub async fn run(request: &Rc<Request>) -> Flow {
    let uri = request.uri();
    let path = match path_inside(request, &uri) {
        Ok(path) => path,
        Err(flow) => return flow,
    };
    // The location itself says who comes in; where it says nothing of roles, they may do all.
    let role = role(request, Role::Admin);
    if role == Role::None {
        return Flow::Status(403);
    }
    let Some(folder) = request.conf().vnc.recordings.clone() else {
        return Flow::Status(404);
    };
    let folder = Folder::new(PathBuf::from(&*folder));
    let one = Asked::parse(path);
    match (path, one) {
        (
            _,
            Some(Asked {
                id,
                what: What::Delete,
            }),
        ) => delete(request, role, folder, id).await,
        _ if !reads(request) => Flow::Status(405),
        (_, Some(asked)) => asked.answer(request, role, folder).await,
        ("recordings.json", None) => list::all(request, role, folder).await,
        ("" | "index.html" | "recordings.html", None) => serve(request, "recordings.html"),
        (path, None) if path.starts_with("assets/") => serve(request, path),
        _ => Flow::Status(404),
    }
}

/// What is asked of one recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Asked {
    id: Id,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Info,
    Data,
    Pointer,
    Picture,
    Download,
    Delete,
}

impl Asked {
    /// Reads an address; an id that is not one names nothing.
    fn parse(path: &str) -> Option<Self> {
        if let Some(id) = path.strip_suffix(".fbs") {
            let (id, what) = (id.parse().ok()?, What::Download);
            return Some(Self { id, what });
        }
        let (id, what) = path.split_once('/')?;
        let what = match what {
            "info.json" => What::Info,
            "data" => What::Data,
            "pointer" => What::Pointer,
            "picture" => What::Picture,
            "delete" => What::Delete,
            _ => return None,
        };
        let id = id.parse().ok()?;
        Some(Self { id, what })
    }

    async fn answer(self, request: &Rc<Request>, role: Role, folder: Folder) -> Flow {
        let id = self.id;
        match self.what {
            What::Info => list::one(request, role, folder, id).await,
            What::Pointer => pointer(request, folder, id).await,
            What::Download => whole(request, folder, id, true).await,
            What::Picture => picture::of_moment(request, folder, id).await,
            What::Data | What::Delete => data(request, folder, id).await,
        }
    }
}

/// The number that an argument is; 0 if it is not there.
fn number(request: &Request, name: &str) -> Result<u32, Flow> {
    let args = request.args();
    let Some(text) = argument(&args, name.as_bytes()) else {
        return Ok(0);
    };
    let number = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok());
    number.ok_or_else(|| error(400, &format!("{name} must be a number of milliseconds.")))
}

/// `ID/data`
async fn data(request: &Rc<Request>, folder: Folder, id: Id) -> Flow {
    let from = match number(request, "from_ms") {
        Ok(0) => return whole(request, folder, id, false).await,
        Ok(from) => from,
        Err(flow) => return flow,
    };
    let opened = helpers::run(move || Part::open(&folder, id, from)).await;
    let part = match flatten(request, opened) {
        Ok(part) => part,
        Err(flow) => return flow,
    };
    match Produced::decoding(Box::new(part)) {
        Some(produced) => Flow::Respond(Response {
            head: head("application/octet-stream").into(),
            body: Body::Source(Box::new(produced)),
        }),
        None => busy(),
    }
}

/// The bytes as they were recorded.
async fn whole(request: &Rc<Request>, folder: Folder, id: Id, download: bool) -> Flow {
    let opened = helpers::run(move || Whole::open(&folder, id)).await;
    let (whole, len) = match flatten(request, opened) {
        Ok(opened) => opened,
        Err(flow) => return flow,
    };
    let Some(produced) = Produced::new(Box::new(whole)) else {
        return busy();
    };
    let mut head = head("application/octet-stream");
    head.content_length = len;
    if download {
        let name = format!("attachment; filename=\"{id}.fbs\"");
        head.push("Content-Disposition", name);
    }
    Flow::Respond(Response {
        head: head.into(),
        body: Body::Source(Box::new(produced)),
    })
}

/// Where the pointer was, from a moment on.
async fn pointer(request: &Rc<Request>, folder: Folder, id: Id) -> Flow {
    let from = match number(request, "from_ms") {
        Ok(from) => from,
        Err(flow) => return flow,
    };
    let found = helpers::run(move || {
        let found = folder.find(id)?;
        let track = folder.pointer(&found.name)?;
        let failed = |error| FolderError::Io {
            path: folder.path_of(&found.name, recording::Part::Pointer),
            error,
        };
        let start = track.find(from).map_err(failed)?;
        let end = track.len();
        Ok((track.into_file(), start, end))
    })
    .await;
    let (file, start, end) = match flatten(request, found) {
        Ok(found) => found,
        Err(flow) => return flow,
    };
    let mut head = head("application/octet-stream");
    head.content_length = Some(end - start);
    let slice = FileSlice {
        file: Rc::new(file.into()),
        start,
        end,
    };
    Flow::Respond(Response {
        head: head.into(),
        body: Body::Chunks([Chunk::File(slice)].into()),
    })
}

/// `POST ID/delete`
async fn delete(request: &Rc<Request>, role: Role, folder: Folder, id: Id) -> Flow {
    if request.method.get() != Method::Post {
        return Flow::Status(405);
    }
    if role < Role::Admin {
        return error(403, "Your role does not allow that.");
    }
    if let Err(flow) = Form::of(request).await {
        return flow;
    }
    let deleted = helpers::run(move || folder.find(id).and_then(|found| folder.delete(&found)));
    if let Err(flow) = flatten(request, deleted.await) {
        return flow;
    }
    let user = super::grant::user(request).unwrap_or_else(|| request.client_text());
    request.log(
        LogLevel::Notice,
        format_args!("recording of session {id} is deleted by {user}"),
    );
    json("{\"status\":\"ok\"}".to_owned())
}

/// What came of work on a folder, or what is answered instead.
fn flatten<T>(
    request: &Request,
    done: Result<Result<T, FolderError>, helpers::Busy>,
) -> Result<T, Flow> {
    let Ok(done) = done else {
        return Err(busy());
    };
    done.map_err(|failed| match failed {
        FolderError::Unknown(_) => error(404, "There is no such recording."),
        FolderError::Live(_) => error(409, "The recording is still being written."),
        failed => {
            request.log(LogLevel::Error, format_args!("recordings: {failed}"));
            error(500, "The recording cannot be read; the log says more.")
        }
    })
}

fn busy() -> Flow {
    error(503, "Too many recordings are being read; try again soon.")
}

/// The head of something that nobody keeps.
fn head(content_type: &'static str) -> Head {
    let mut head = Head {
        content_type: Some(Bytes::from_static(content_type.as_bytes())),
        ..Head::new(200)
    };
    head.push("Cache-Control", "no-store");
    head.push("X-Content-Type-Options", "nosniff");
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_one_recording_and_nothing_else() {
        let id = "0123456789abcdef0123456789abcdef";
        let asked = |path: &str| Asked::parse(&path.replace("ID", id)).map(|asked| asked.what);
        for (path, what) in [
            ("ID/info.json", What::Info),
            ("ID/data", What::Data),
            ("ID/pointer", What::Pointer),
            ("ID/picture", What::Picture),
            ("ID.fbs", What::Download),
            ("ID/delete", What::Delete),
        ] {
            assert_eq!(asked(path), Some(what), "{path}");
        }
        for path in [
            "ID",
            "ID/",
            "ID/x",
            "ID/data/",
            "../ID/data",
            "x/ID/data",
            "ID.fbs/",
            "ID0.fbs",
            "ID/../ID/data",
            ".fbs",
            "%2e%2e/data",
        ] {
            assert_eq!(asked(path), None, "{path}");
        }
    }
}
