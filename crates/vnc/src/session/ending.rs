//! How a session fails, on its way to the record of its end.

use std::io;

use super::EndReason;
use crate::Refusal;

/// A session cannot go on.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(super) reason: EndReason,
    /// For the log, not for the person.
    detail: String,
}

impl Failure {
    /// Something that the viewer is told.
    pub(crate) fn told(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self {
            reason: EndReason::Refused(refusal),
            detail: detail.into(),
        }
    }

    /// The viewer closed, as is its right.
    pub(super) fn closed(code: Option<u16>) -> Self {
        Self {
            reason: EndReason::ViewerClosed(code),
            detail: String::new(),
        }
    }

    /// The viewer does not answer.
    pub(super) fn silent() -> Self {
        Self {
            reason: EndReason::ViewerSilent,
            detail: String::new(),
        }
    }

    /// The viewer's connection ended.
    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self {
            reason: EndReason::ViewerGone,
            detail: detail.into(),
        }
    }

    /// The viewer broke the framing.
    pub(super) fn frames(error: proto::ws::Error) -> Self {
        Self::told(Refusal::BadFrames(error.close_code()), error.to_string())
    }

    /// Something that happened before, which the log should have too.
    pub(super) fn note(&mut self, what: &str) {
        if !self.detail.is_empty() {
            self.detail.push_str("; ");
        }
        self.detail.push_str(what);
    }

    /// What the viewer is to be told, if it is still there to hear it.
    pub(crate) fn refusal(&self) -> Option<&Refusal> {
        match &self.reason {
            EndReason::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(crate) fn into_parts(self) -> (EndReason, String) {
        (self.reason, self.detail)
    }
}

/// An event that the state does not allow.
pub(super) fn out_of_order() -> Failure {
    Failure::told(Refusal::Internal, "the handshake came out of order")
}

/// An error of the viewer's socket.
pub(super) fn viewer_failed(error: io::Error) -> Failure {
    Failure::gone(format!("viewer: {error}"))
}
