//! What a recording of a desktop session is on disk: what a VNC server sent, when, and who looked.
//! Knows no socket and no session.
//!
//! A recording is a few files with a common name in a [`Folder`]:
//!
//! - `….fbs.zst`: FBS 001.001 ([`fbs`]) in frames that are compressed and chained ([`frame`]);
//!   written by a [`Writer`], read by a [`Reader`];
//! - `….pointer`: where the viewer's pointer was ([`mod@pointer`]);
//! - `….json`: who, where, when, and the seal ([`sidecar`]);
//! - `….index`: where a replay can begin, and how lively it was ([`index`]).
//!
//! A [`Replay`] decodes a recording, an [`Excerpt`] tells it from some moment on.
//! [`verify()`] says whether they are as they were written. A [`Recorder`] has threads that write.

#![forbid(unsafe_code)]

mod excerpt;
pub mod fbs;
mod folder;
pub mod frame;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod gathered;
pub mod index;
pub mod json;
mod name;
pub mod pointer;
mod reader;
mod recorder;
mod replay;
pub mod sidecar;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use excerpt::Excerpt;
pub use fbs::Screen;
pub use folder::{Entry, Folder, FolderError, Found, Limits, Pruned, Recovered, State};
pub use frame::Press;
pub use name::{BadId, Id, Name, Part, Utc};
pub use pointer::Position;
pub use reader::{Blocks, Frame, Place, ReadError, Reader};
pub use recorder::{Counts, Grade, Plan, Recorder, Tell, Track, Trouble};
pub use replay::{Progress, Replay, ReplayError};
pub use sidecar::{Ending, Facts, Sidecar};
pub use verify::{Verdict, verify};
pub use writer::{End, FRAME_MS, Writer};
