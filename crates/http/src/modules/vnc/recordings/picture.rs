//! `ID/picture`: a moment of a recording as PNG.

use std::rc::Rc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, Instant};

use picture::Framebuffer;
use recording::index::{Index, IndexError};
use recording::{Folder, FolderError, Id, Progress, Replay};

use super::stream::Slot;
use super::{busy, flatten, head, number};
use crate::helpers;
use crate::modules::vnc::pages::error;
use crate::phases::Flow;
use crate::request::Request;
use crate::response::{Body, Response};

/// Pictures that are made at a time: each holds a decoder and its screen.
const PICTURES_MAX: usize = 8;

/// How long a picture is looked for. With an index, it is found in a fraction of that.
const SEARCH_TIME: Duration = Duration::from_secs(5);

/// How long one piece of a helper's work takes, so that others have their turn in between.
const PIECE_TIME: Duration = Duration::from_millis(50);

/// The longest side of a picture. What is larger is scaled down, whoever asks, so that encoding
/// has an end in reach.
const SIDE_MAX: u16 = 8192;

static PICTURES: AtomicUsize = AtomicUsize::new(0);

/// `ID/picture`
pub async fn of_moment(request: &Rc<Request>, folder: Folder, id: Id) -> Flow {
    let (at, width) = match (number(request, "at_ms"), number(request, "width")) {
        (Ok(at), Ok(width)) => (at, width),
        (Err(flow), _) | (_, Err(flow)) => return flow,
    };
    let Some(_slot) = Slot::take(&PICTURES, PICTURES_MAX) else {
        return busy();
    };
    let replay = match find(request, folder, id, at).await {
        Ok(Some(replay)) => replay,
        Ok(None) => return too_far(),
        Err(flow) => return flow,
    };
    let width = u16::try_from(width).ok().filter(|&width| width > 0);
    let encoded = helpers::run(move || Ok(replay.screen().map(|screen| encode(screen, width))));
    match flatten(request, encoded.await) {
        Ok(Some(png)) => {
            let mut head = head("image/png");
            head.content_length = Some(png.len() as u64);
            Flow::Respond(Response {
                head: head.into(),
                body: Body::bytes(png),
            })
        }
        Ok(None) => too_far(),
        Err(flow) => flow,
    }
}

/// A replay that has come to the moment; `None` when that takes too long.
async fn find(
    request: &Request,
    folder: Folder,
    id: Id,
    at: u32,
) -> Result<Option<Box<Replay>>, Flow> {
    let begun = net::clock::now();
    let mut work: Box<dyn FnOnce() -> Result<Step, FolderError> + Send> =
        Box::new(move || Step::first(folder, id, at));
    loop {
        let step = flatten(request, helpers::run(work).await)?;
        match step.progress {
            Progress::Reached | Progress::End => return Ok(Some(step.replay)),
            Progress::Short if begun.elapsed() > SEARCH_TIME => return Ok(None),
            Progress::Short => work = Box::new(move || step.next(at)),
        }
    }
}

/// How far a search has come.
struct Step {
    folder: Folder,
    found: recording::Found,
    replay: Box<Replay>,
    progress: Progress,
}

impl Step {
    fn first(folder: Folder, id: Id, at: u32) -> Result<Self, FolderError> {
        let found = folder.find(id)?;
        match Index::replay(&folder, &found, at) {
            Ok(replay) => Ok(Self {
                folder,
                found,
                replay: Box::new(replay),
                progress: Progress::Short,
            }),
            Err(error) => Err(failed(&folder, &found, error)),
        }
    }

    fn next(mut self, at: u32) -> Result<Self, FolderError> {
        let until = Instant::now() + PIECE_TIME;
        let progress = loop {
            match self.replay.step_part(at) {
                Ok(Ok(_)) if Instant::now() < until => {}
                Ok(Ok(_)) => break Progress::Short,
                Ok(Err(progress)) => break progress,
                Err(error) => return Err(failed(&self.folder, &self.found, error.into())),
            }
        };
        Ok(Self { progress, ..self })
    }
}

fn failed(folder: &Folder, found: &recording::Found, error: IndexError) -> FolderError {
    FolderError::Show {
        path: folder.path_of(&found.name, recording::Part::Data),
        error: Box::new(error),
    }
}

fn encode(screen: &Framebuffer, width: Option<u16>) -> Vec<u8> {
    let width = width.unwrap_or(SIDE_MAX).min(SIDE_MAX);
    match screen.width() <= width && screen.height() <= SIDE_MAX {
        true => picture::encode_png(screen),
        false => picture::encode_png(&screen.scaled(width, SIDE_MAX)),
    }
}

fn too_far() -> Flow {
    error(
        503,
        "The recording is not indexed yet; try again in a while.",
    )
}
