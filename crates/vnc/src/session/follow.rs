//! What becomes of the viewer's bytes on their way to the server.

use proto::rfb::{ClientStream, Counts, Rules, Violation};

use crate::Policy;

/// How closely the viewer's stream is followed.
#[derive(Debug)]
pub(super) enum Follow {
    /// Not at all: the login is one that only viewer and server understand, and where it ends
    /// is not known.
    Blind,
    /// Noted as it passes.
    Observe(ClientStream),
    /// The same, but the server is not asked for its desktop's name.
    HideName(ClientStream),
    /// Made to follow the rules.
    Enforce(ClientStream, Box<Rules>),
}

impl Follow {
    pub(super) fn new(policy: &Policy) -> Self {
        let stream = ClientStream::default();
        match policy.rules() {
            Some(rules) => Self::Enforce(stream, Box::new(rules)),
            None if policy.title.is_some() => Self::HideName(stream),
            None => Self::Observe(stream),
        }
    }

    /// Appends to `out` what may pass of `payload`.
    pub(super) fn pass(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        match self {
            Self::Enforce(stream, rules) => return stream.enforce(payload, rules, out),
            Self::Observe(stream) => stream.observe(payload),
            Self::HideName(stream) => stream.observe_without_name(payload),
            Self::Blind => {}
        }
        out.extend_from_slice(payload);
        Ok(())
    }

    /// What was seen; `None` when the stream cannot be followed.
    pub(super) fn counts(&self) -> Option<Counts> {
        match self {
            Self::Blind => None,
            Self::Observe(stream) | Self::HideName(stream) if stream.is_lost() => None,
            Self::Observe(stream) | Self::HideName(stream) | Self::Enforce(stream, _) => {
                Some(stream.counts())
            }
        }
    }

    /// Appends what releases the keys and buttons that are held down.
    pub(super) fn release_held(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Blind => {}
            Self::Observe(stream) | Self::HideName(stream) | Self::Enforce(stream, _) => {
                stream.release_held(out)
            }
        }
    }
}
