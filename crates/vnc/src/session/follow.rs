//! What becomes of the viewer's bytes on their way to the server.

use proto::rfb::{ClientStream, Confirmations, Counts, Rules, ServerInit, Violation};

use crate::Policy;
use crate::policy::Terms;

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
    /// Made to follow the rules once the message that is under way has passed.
    Tighten {
        stream: ClientStream,
        rules: Box<Rules>,
    },
}

/// The session cannot be held to other terms.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct CannotChange(pub(super) &'static str);

impl Follow {
    pub(super) fn new(policy: &Policy) -> Self {
        let stream = ClientStream::default();
        match policy.rules() {
            Some(rules) => Self::Enforce(stream, Box::new(rules)),
            None if policy.title.is_some() => Self::HideName(stream),
            None => Self::Observe(stream),
        }
    }

    /// From here on the server's side is read too, if the rules need that.
    pub(super) fn beside_server(self, init: &ServerInit) -> Self {
        match self {
            Self::Enforce(_, rules) if rules.both_sides => {
                Self::Enforce(ClientStream::beside_server(init), rules)
            }
            other => other,
        }
    }

    /// From here on the server is heard until it has confirmed what lengths depend on.
    pub(super) fn beside_confirmations(self, init: &ServerInit) -> Self {
        let stream = ClientStream::beside_confirmations(init);
        match self {
            Self::Enforce(_, rules) => Self::Enforce(stream, rules),
            Self::HideName(_) => Self::HideName(stream),
            Self::Observe(_) => Self::Observe(stream),
            other @ (Self::Blind | Self::Tighten { .. }) => other,
        }
    }

    /// Hears what the server sends. `false` when there is no more to learn.
    pub(super) fn learn(&mut self, server: &mut Confirmations, bytes: &[u8]) -> bool {
        self.stream_mut()
            .is_some_and(|stream| stream.learn(server, bytes))
    }

    /// Appends to `out` what may pass of `payload`.
    pub(super) fn pass(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        match self {
            Self::Enforce(stream, rules) => return stream.enforce(payload, rules, out),
            Self::Tighten { .. } => return self.tighten(payload, out),
            Self::Observe(stream) => stream.observe(payload),
            Self::HideName(stream) => stream.observe_without_name(payload),
            Self::Blind => {}
        }
        out.extend_from_slice(payload);
        Ok(())
    }

    /// Lets the rest of a message pass, and enforces what follows it.
    fn tighten(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Violation> {
        let Self::Tighten { stream, rules } = self else {
            return Ok(());
        };
        let (rest, next) = payload.split_at_mut(stream.rest_of_message(payload));
        if rules.desktop_name {
            stream.observe(rest);
        } else {
            stream.observe_without_name(rest);
        }
        out.extend_from_slice(rest);
        if !stream.is_at_boundary() {
            return Ok(());
        }
        stream.enforce(next, rules, out)?;
        *self = Self::Enforce(std::mem::take(stream), rules.clone());
        Ok(())
    }

    /// Holds the viewer to other terms from the next message on.
    pub(super) fn change(&mut self, terms: &Terms) -> Result<(), CannotChange> {
        let is_tighter = terms.restrict();
        let concerns_server = terms.permissions.concern_the_server();
        match self {
            Self::Enforce(_, rules) | Self::Tighten { rules, .. } => {
                if concerns_server && !rules.both_sides {
                    return Err(CannotChange("the server's stream is not followed"));
                }
                **rules = Rules {
                    desktop_name: rules.desktop_name,
                    both_sides: rules.both_sides,
                    ..terms.rules()
                };
                Ok(())
            }
            Self::Blind | Self::Observe(_) | Self::HideName(_) if !is_tighter => Ok(()),
            Self::Blind => Err(CannotChange("the viewer's stream is not understood")),
            Self::Observe(_) | Self::HideName(_) if concerns_server => {
                Err(CannotChange("the server's stream is not followed"))
            }
            Self::Observe(stream) | Self::HideName(stream) if !stream.may_enforce() => Err(
                CannotChange("what the viewer sent cannot be told for certain"),
            ),
            Self::Observe(stream) => {
                let rules = Box::new(terms.rules());
                let stream = std::mem::take(stream);
                *self = Self::Tighten { stream, rules };
                Ok(())
            }
            Self::HideName(stream) => {
                let rules = Box::new(Rules {
                    desktop_name: false,
                    ..terms.rules()
                });
                let stream = std::mem::take(stream);
                *self = Self::Tighten { stream, rules };
                Ok(())
            }
        }
    }

    /// What is enforced, and the stream that it is enforced on.
    pub(super) fn enforced(&mut self) -> Option<(&mut ClientStream, &Rules)> {
        match self {
            Self::Enforce(stream, rules) => Some((stream, rules)),
            _ => None,
        }
    }

    /// What was seen; `None` when the stream cannot be followed.
    pub(super) fn counts(&self) -> Option<Counts> {
        self.stream()
            .filter(|stream| !stream.is_lost())
            .map(ClientStream::counts)
    }

    /// Messages of ours may be put in.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.stream().is_some_and(ClientStream::is_at_boundary)
    }

    /// Appends what releases the keys and buttons that are held down.
    pub(super) fn release_held(&mut self, out: &mut Vec<u8>) {
        if let Some(stream) = self.stream_mut() {
            stream.release_held(out);
        }
    }

    /// Appends the wish for another size that waits, if it may pass by now.
    pub(super) fn grant_size(&mut self, out: &mut Vec<u8>) {
        if let Some((stream, rules)) = self.enforced() {
            stream.grant_size(rules, out);
        }
    }

    fn stream_mut(&mut self) -> Option<&mut ClientStream> {
        match self {
            Self::Blind => None,
            Self::Observe(stream)
            | Self::HideName(stream)
            | Self::Enforce(stream, _)
            | Self::Tighten { stream, .. } => Some(stream),
        }
    }

    fn stream(&self) -> Option<&ClientStream> {
        match self {
            Self::Blind => None,
            Self::Observe(stream)
            | Self::HideName(stream)
            | Self::Enforce(stream, _)
            | Self::Tighten { stream, .. } => Some(stream),
        }
    }
}
