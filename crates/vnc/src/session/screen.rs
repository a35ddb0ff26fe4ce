//! The server's side of a session whose policy needs that it is read: what may pass of it, and
//! who else gets it.

use std::sync::Arc;

use proto::rfb::{ClientStream, HEAD_LEN_MAX, Passed, Rules, ServerFilter, ServerInit, Violation};

use super::ending::Failure;
use super::taps::Taps;
use crate::sessions::Entry;
use crate::{Refusal, TapSource};

/// A server's stream that is followed.
#[derive(Debug)]
pub(super) struct Screen {
    filter: ServerFilter,
    /// Bytes that say nothing before more of them come.
    carry: [u8; HEAD_LEN_MAX],
    /// `carry_len <= carry.len()`
    carry_len: usize,
    /// The desktop's, for the taps.
    name: Vec<u8>,
    taps: Taps,
}

impl Screen {
    pub(super) fn new(init: ServerInit, sources: Vec<Arc<dyn TapSource>>) -> Self {
        Self {
            filter: ServerFilter::new(&init),
            carry: [0; HEAD_LEN_MAX],
            carry_len: 0,
            name: init.name,
            taps: Taps::new(sources),
        }
    }

    pub(super) fn taps(&mut self) -> &mut Taps {
        &mut self.taps
    }

    pub(super) fn into_taps(self) -> Taps {
        self.taps
    }

    /// The size that the viewer knows.
    pub(super) fn size(&self) -> (u16, u16) {
        self.filter.stream().size()
    }

    /// Puts what was carried over to the front of a buffer; says how much that is.
    pub(super) fn put_carry(&self, buf: &mut [u8]) -> usize {
        let carry = &self.carry[..self.carry_len];
        buf[..carry.len()].copy_from_slice(carry);
        carry.len()
    }

    /// Follows the server's bytes, with those that were carried over before them. What may pass is
    /// moved to their front, or comes apart from them.
    pub(super) fn filter(
        &mut self,
        bytes: &mut [u8],
        client: &mut ClientStream,
        rules: &Rules,
    ) -> Result<Passed, Failure> {
        client.agree(&mut self.filter).map_err(not_followed)?;
        let taps = &mut self.taps;
        let give = |framed, bytes: &[u8]| taps.give(framed, bytes);
        let filtered = self
            .filter
            .filter(bytes, rules, give)
            .map_err(not_followed)?;
        client.agree(&mut self.filter).map_err(not_followed)?;
        let left = &bytes[filtered.used..];
        debug_assert!(left.len() < HEAD_LEN_MAX);
        self.carry[..left.len()].copy_from_slice(left);
        self.carry_len = left.len();
        self.taps.check()?;
        Ok(filtered.passed)
    }

    /// Takes over what the viewer's side has come to. What is due to the viewer is left to
    /// [`filter`](Self::filter).
    pub(super) fn note_input(
        &mut self,
        client: &mut ClientStream,
        entry: &Entry,
    ) -> Result<(), Failure> {
        client.agree(&mut self.filter).map_err(not_followed)?;
        if self.taps.wait()
            && let Some(format) = client.format_of_updates()
        {
            self.taps
                .begin(entry, &self.name, self.filter.stream().size(), format);
        }
        self.taps.check()
    }

    /// The viewer is owed something that can be sent now.
    pub(super) fn owes(&self) -> bool {
        self.filter.owes()
    }
}

fn not_followed(violation: Violation) -> Failure {
    Failure::told(Refusal::NotFollowed, violation.to_string())
}
