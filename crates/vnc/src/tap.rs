//! The tap: where a recorder or a live picture gets what a server sends to one viewer.
//!
//! A [`TapSource`] stands in a session's [`Policy`](crate::Policy) and opens a [`Tap`] when the
//! viewer first asks for a picture: from then on the pixel format is fixed, so that what the tap
//! is given is a stream that somebody who starts with [`TapStart`] can decode to the end. A tap
//! gets what the viewer gets, after the policy took out what may not pass.
//!
//! ```text
//! open ─► message, pointer, … ─► flush ─► message, … ─► flush ─► end
//! ```
//!
//! Nothing here may block: a tap copies what it wants into a bounded queue of its own, and says
//! what is to become of the session when that is full ([`Taken`]).

use std::fmt;
use std::task::Waker;
use std::time::{Duration, SystemTime};

use crate::{About, SessionId};

/// Makes taps, one for each session that has it in its policy. Shared by threads.
pub trait TapSource: fmt::Debug + Send + Sync {
    /// The tap of a session whose screen begins; or why there is none, as an answer that a tap
    /// itself could give.
    fn open(&self, start: &TapStart<'_>) -> Result<Box<dyn Tap>, Taken>;

    /// Whether what it gets is kept, which the person is told.
    fn is_recording(&self) -> bool {
        false
    }
}

/// A session at the moment when its screen begins.
#[derive(Debug, Clone, Copy)]
pub struct TapStart<'a> {
    /// Its name.
    pub id: SessionId,
    /// Who and where to.
    pub about: &'a About,
    /// The time that the times of the tap count from.
    pub at: SystemTime,
    /// Pixels in a row.
    pub width: u16,
    /// Rows.
    pub height: u16,
    /// The `PIXEL_FORMAT` structure that all pixels have from here on.
    pub pixel_format: [u8; 16],
    /// The desktop's name as the viewer was told it: text of a stranger.
    pub name: &'a [u8],
    /// Wakes the session's task, which then [checks](Tap::check) its taps.
    pub alarm: &'a Waker,
}

/// A piece of one message of the server (RFC 6143 §7.6). Pieces come in order and without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece<'a> {
    /// The message's type: 0 is a `FramebufferUpdate`.
    pub kind: u8,
    /// The message begins with this piece.
    pub begins: bool,
    /// The message ends with this piece.
    pub ends: bool,
    /// As sent.
    pub bytes: &'a [u8],
}

/// Where the viewer's pointer is, and which of its buttons are down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pointer {
    /// From the left.
    pub x: u16,
    /// From the top.
    pub y: u16,
    /// As in a `PointerEvent`.
    pub buttons: u8,
}

/// What a tap says to what it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// Go on.
    Yes,
    /// Give me no more; the session goes on without me, and the log says why.
    Stop(String),
    /// The session must not go on without me, and I cannot; the log says why.
    EndSession(String),
}

/// Gets what one server sends to one viewer. Called on the session's thread; must not block.
pub trait Tap: fmt::Debug + Send {
    /// A piece of a message, `at` after the start.
    fn message(&mut self, at: Duration, piece: Piece<'_>) -> Taken;

    /// The viewer moved the pointer or pressed a button, and the machine gets to know it.
    fn pointer(&mut self, at: Duration, pointer: Pointer) -> Taken {
        let _ = (at, pointer);
        Taken::Yes
    }

    /// There is nothing more for the moment: what was gathered should go on its way.
    fn flush(&mut self) -> Taken {
        Taken::Yes
    }

    /// Nothing was given since the last flush; is all well nevertheless?
    fn check(&mut self) -> Taken {
        Taken::Yes
    }

    /// Whether what it gets is kept.
    fn is_recording(&self) -> bool {
        false
    }

    /// How often the whole screen is to be asked for, beyond what the viewer asks.
    fn refresh_every(&self) -> Option<Duration> {
        None
    }

    /// The session is over; `reason` is the word of its end. Not called for a tap that said
    /// [`Taken::Stop`] or [`Taken::EndSession`].
    fn end(self: Box<Self>, at: Duration, reason: &str);
}
