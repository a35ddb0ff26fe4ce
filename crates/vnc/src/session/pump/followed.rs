//! The pump of a session that is followed more closely than in passing: the server's side that is
//! read, and what changes while the session runs.

use std::task::Context;

use proto::rfb::{Counts, Passed};
use proto::ws::{FrameHeader, HEADER_LEN_MAX};

use super::output::Sent;
use super::{Pump, server_failed};
use crate::Refusal;
use crate::scratch::with_vec;
use crate::session::ending::{Failure, viewer_failed};
use crate::session::follow::CannotChange;

/// `FramebufferUpdateRequest`
const UPDATE_REQUEST: u8 = 3;

impl Pump {
    /// Passes what the server sent with its last message of the handshake.
    pub(super) fn begin_screen(&mut self, mut inbox: Vec<u8>) -> Result<(), Failure> {
        match self.filter(&mut inbox)? {
            Some(Passed::InPlace(n)) => inbox.truncate(n),
            Some(Passed::Apart(apart)) => inbox = apart,
            None => self.learn(&inbox),
        }
        let passed = &inbox[..];
        if !passed.is_empty() {
            let header = FrameHeader::binary(passed.len() as u64).encode();
            self.to_viewer.push(&header);
            self.to_viewer.push(passed);
            self.entry.add_out(passed.len() as u64);
        }
        Ok(())
    }

    /// Hears what the server confirms, for as long as there is something to learn.
    pub(super) fn learn(&mut self, bytes: &[u8]) {
        if let Some(server) = &mut self.confirmations
            && !self.follow.learn(server, bytes)
        {
            self.confirmations = None;
        }
    }

    /// Sends what may pass of `n` bytes that stand in the scratch buffer with room for a header
    /// before them.
    pub(super) fn send_followed(
        &mut self,
        cx: &mut Context<'_>,
        scratch: &mut [u8],
        n: usize,
    ) -> Result<Sent, Failure> {
        let payload = &mut scratch[HEADER_LEN_MAX..HEADER_LEN_MAX + n];
        match self.filter(payload)? {
            Some(Passed::InPlace(0)) => Ok(Sent::Wholly),
            Some(Passed::InPlace(passed)) => self.send_frame(cx, scratch, passed),
            Some(Passed::Apart(apart)) => self.send_apart(cx, &apart),
            None => self.send_frame(cx, scratch, n),
        }
    }

    /// Sends what the viewer is owed because of what it sent.
    pub(super) fn send_owed(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if !self.screen.as_ref().is_some_and(|screen| screen.owes()) {
            return Ok(());
        }
        match self.filter_nothing()? {
            Some(Passed::Apart(apart)) => self.send_apart(cx, &apart).map(drop),
            Some(Passed::InPlace(_)) | None => Ok(()),
        }
    }

    /// The rest of the pump's work on input: the other side learns of it, and so do taps.
    pub(super) fn note_input(&mut self, before: Option<Counts>) -> Result<(), Failure> {
        let (Some(screen), Some((client, _))) = (&mut self.screen, self.follow.enforced()) else {
            return Ok(());
        };
        let waited = screen.taps().wait();
        screen.note_input(client, &self.entry)?;
        if waited && !screen.taps().wait() {
            self.clock.refresh_every(screen.taps().refresh_every());
        }
        if before.is_some_and(|before| before.pointers != client.counts().pointers) {
            screen.taps().give_pointer(client.pointer());
        }
        screen.taps().check()
    }

    /// Lets taps know that this is all for the moment, and the page whether it is still recorded.
    pub(super) fn flush_taps(&mut self) -> Result<(), Failure> {
        let Some(screen) = &mut self.screen else {
            return Ok(());
        };
        screen.taps().flush();
        screen.taps().check()?;
        let recorded = screen.taps().are_recording();
        if self.entry.set_recorded(recorded) {
            // Where words wait, even a page that does not keep up finds them.
            let text = format!("{{\"type\":\"policy\",\"recorded\":{recorded}}}");
            self.entry.say(text);
        }
        Ok(())
    }

    /// Holds the session to what somebody changed, if somebody has.
    pub(super) fn apply_change(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        let Some(terms) = self.entry.live().take_change() else {
            return Ok(());
        };
        self.clock.change(&terms);
        let changed = self.follow.change(&terms);
        changed.map_err(|CannotChange(why)| Failure::told(Refusal::PolicyChanged, why))?;
        self.due.release |= !terms.controls || terms.permissions.view_only;
        self.due.size = true;
        self.tell_server_now(cx)?;
        self.say(cx, &terms.to_json())
    }

    /// Appends what is due to the server, if a message can begin here.
    pub(super) fn tell_server(&mut self, out: &mut Vec<u8>) {
        if !self.due.is_anything() || !self.follow.is_at_boundary() {
            return;
        }
        if std::mem::take(&mut self.due.size) {
            self.follow.grant_size(out);
        }
        if std::mem::take(&mut self.due.release) {
            self.follow.release_held(out);
        }
        if let (true, Some(screen)) = (std::mem::take(&mut self.due.refresh), &self.screen) {
            let (width, height) = screen.size();
            out.extend_from_slice(&[UPDATE_REQUEST, 0, 0, 0, 0, 0]);
            out.extend_from_slice(&width.to_be_bytes());
            out.extend_from_slice(&height.to_be_bytes());
        }
    }

    /// The same while nothing comes from the viewer.
    pub(super) fn tell_server_now(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        with_vec(|out| {
            self.tell_server(out);
            let sent = self.to_server.write(cx, &self.server, out);
            sent.map(drop).map_err(|error| server_failed(&error))
        })
    }

    /// What may pass of the server's bytes; `None` where nobody asks.
    fn filter(&mut self, bytes: &mut [u8]) -> Result<Option<Passed>, Failure> {
        let (Some(screen), Some((client, rules))) = (&mut self.screen, self.follow.enforced())
        else {
            return Ok(None);
        };
        screen.filter(bytes, client, rules).map(Some)
    }

    fn filter_nothing(&mut self) -> Result<Option<Passed>, Failure> {
        let (Some(screen), Some((client, rules))) = (&mut self.screen, self.follow.enforced())
        else {
            return Ok(None);
        };
        let mut carry = [0; proto::rfb::HEAD_LEN_MAX];
        let carried = screen.put_carry(&mut carry);
        screen
            .filter(&mut carry[..carried], client, rules)
            .map(Some)
    }

    /// Sends bytes that stand by themselves as one frame.
    fn send_apart(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Result<Sent, Failure> {
        let header = FrameHeader::binary(bytes.len() as u64).encode();
        let frame = [&header[..], bytes].concat();
        let sent = self.to_viewer.write(cx, &self.viewer, &frame);
        let sent = sent.map_err(viewer_failed)?;
        self.entry.add_out(bytes.len() as u64);
        Ok(Sent::of(sent == frame.len()))
    }
}
