//! What is known of a recording without reading its frames, and as JSON.

use crate::json::Object;
use crate::sidecar::{Sidecar, hex};

/// What is going on with a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It is being written.
    Live,
    /// All of it is there.
    Whole,
    /// Its writer died, or could not write any more.
    CutShort,
}

impl State {
    /// As lists say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Whole => "whole",
            Self::CutShort => "cut-short",
        }
    }
}

/// What is known of a recording without reading its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its sidecar.
    pub sidecar: Sidecar,
    /// What is going on with it.
    pub state: State,
    /// Up to the last byte that can be read.
    pub duration_ms: u32,
    /// Bytes of all of its files.
    pub bytes: u64,
    /// Whether a replay can begin in its middle without reading all before.
    pub seekable: bool,
}

impl Entry {
    /// All that is known.
    pub fn to_json(&self) -> String {
        self.write_all(Object::begin()).end()
    }

    /// What everybody may know who may see it.
    pub fn to_public_json(&self) -> String {
        self.write_public(Object::begin()).end()
    }

    /// All that is known, for whoever has more to say.
    pub fn write_all(&self, object: Object) -> Object {
        let facts = &self.sidecar.facts;
        let outcome = self.sidecar.outcome.as_ref();
        let seal = outcome.map(|outcome| hex(&outcome.seal()));
        self.write_public(object)
            .text("target", &facts.target)
            .text_or_null("token", facts.token.as_deref())
            .text("software", &facts.software)
            .text_or_null("seal", seal.as_deref())
    }

    /// What everybody may know who may see it, for whoever has more to say.
    pub fn write_public(&self, object: Object) -> Object {
        let facts = &self.sidecar.facts;
        let outcome = self.sidecar.outcome.as_ref();
        let or_null = |number: Option<u16>| number.map_or("null".into(), |n| n.to_string());
        object
            .text("id", &facts.id.to_string())
            .text_or_null("user", facts.user.as_deref())
            .text("client", &facts.client)
            .text("desktop", &facts.desktop)
            .text_or_null("title", facts.title.as_deref())
            .plain("started", facts.started_ms / 1000)
            .plain("started_ms", facts.started_ms)
            .plain("duration_s", f64::from(self.duration_ms) / 1000.0)
            .plain("bytes", self.bytes)
            .plain("width", or_null(outcome.map(|outcome| outcome.width)))
            .plain("height", or_null(outcome.map(|outcome| outcome.height)))
            .text("state", self.state.word())
            .text_or_null("reason", outcome.map(|outcome| outcome.reason.as_str()))
            .plain("seekable", self.seekable)
    }
}
