//! What is learned of a server whose stream is passed on as it comes: which of the extensions that
//! change the length of the viewer's messages it has confirmed. Servers tell that at the beginning,
//! so that the rest of the session costs nothing.

use super::ClientStream;
use crate::rfb::encoding::Extensions;
use crate::rfb::message::Head;
use crate::rfb::pixels::Pixels;
use crate::rfb::server_stream::{HEAD_LEN_MAX, ServerStream, kind};
use crate::rfb::{ServerInit, ServerMessage, Violation};

/// Updates that are heard. Servers confirm what they know in answer to the list of encodings or
/// with the update that follows it.
const UPDATES_HEARD_MAX: u8 = 8;

/// The beginning of a server's stream, heard while it passes.
#[derive(Debug, Clone)]
pub struct Confirmations {
    stream: ServerStream,
    updates_left: u8,
    /// Bytes that say nothing before more of them come.
    carry: [u8; HEAD_LEN_MAX],
    /// `carry_len < carry.len()`
    carry_len: usize,
}

impl Confirmations {
    /// For the stream that follows a screen's announcement.
    pub fn new(init: &ServerInit) -> Self {
        Self {
            stream: ServerStream::new(init),
            updates_left: UPDATES_HEARD_MAX,
            carry: [0; HEAD_LEN_MAX],
            carry_len: 0,
        }
    }

    fn hear(&mut self, mut bytes: &[u8]) -> Result<(), Violation> {
        if self.carry_len > 0 {
            // Heads are shorter than the carry, so that as much again completes any.
            let mut joined = [0; HEAD_LEN_MAX * 2];
            let taken = bytes.len().min(HEAD_LEN_MAX);
            let len = self.carry_len + taken;
            joined[..self.carry_len].copy_from_slice(&self.carry[..self.carry_len]);
            joined[self.carry_len..len].copy_from_slice(&bytes[..taken]);
            let used = self.follow(&joined[..len])?;
            let Some(used) = used.checked_sub(self.carry_len) else {
                self.keep(&joined[used..len]);
                return Ok(());
            };
            bytes = &bytes[used..];
        }
        let used = self.follow(bytes)?;
        self.keep(&bytes[used..]);
        Ok(())
    }

    /// Says how many bytes are done with; the others are to be offered again.
    fn follow(&mut self, bytes: &[u8]) -> Result<usize, Violation> {
        let mut used = 0;
        while self.updates_left > 0 {
            let Some(framed) = self.stream.next(&bytes[used..])? else {
                return Ok(used);
            };
            used += framed.len;
            if framed.ends && framed.message == ServerMessage::Other(kind::UPDATE) {
                self.updates_left -= 1;
            }
        }
        // Nobody listens to what follows.
        Ok(bytes.len())
    }

    fn keep(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() < HEAD_LEN_MAX);
        self.carry[..bytes.len()].copy_from_slice(bytes);
        self.carry_len = bytes.len();
    }
}

impl ClientStream {
    /// The stream of a viewer whose server is heard at first.
    pub fn beside_confirmations(init: &ServerInit) -> Self {
        Self {
            pixel_format: init.pixel_format,
            learns: true,
            ..Self::default()
        }
    }

    /// Hears what the server sends to the viewer. `false` when there is no more to learn.
    pub fn learn(&mut self, server: &mut Confirmations, bytes: &[u8]) -> bool {
        if !self.learns
            || !Pixels::are_spelled(&self.pixel_format)
            || self.tell(&mut server.stream).is_err()
        {
            return self.stop_learning();
        }
        let is_understood = server.hear(bytes).is_ok();
        let agreed = self.framer.asked.and(server.stream.confirmed());
        self.learned.insert(agreed.and(Extensions::LENGTHS));
        if !is_understood || server.updates_left == 0 || self.learned == Extensions::LENGTHS {
            return self.stop_learning();
        }
        true
    }

    /// There may be more to learn.
    #[cfg(any(test, feature = "fuzz"))]
    pub(in crate::rfb) fn learns(&self) -> bool {
        self.learns
    }

    /// Another stream has come to the same.
    #[cfg(any(test, feature = "fuzz"))]
    pub(in crate::rfb) fn has_learned_as(&self, other: &Self) -> bool {
        self.learned == other.learned
    }

    pub(super) fn stop_learning(&mut self) -> bool {
        self.learns = false;
        false
    }

    /// A list of encodings begins.
    pub(super) fn begin_list(&mut self, head: &Head) {
        self.listed = Extensions::default();
        if head.body_len == 0 {
            self.end_list();
        }
    }

    /// It has passed as it was. A server may forget what it is not asked for any more, and when it
    /// does is not known.
    pub(super) fn end_list(&mut self) {
        if !self
            .listed
            .contains(self.framer.asked.and(Extensions::LENGTHS))
        {
            self.learned = Extensions::default();
            self.stop_learning();
        }
    }
}
