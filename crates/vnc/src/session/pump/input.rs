//! The viewer's direction: from its frames to what the server gets.

use std::task::{Context, Poll};

use proto::ws::{Event, Opcode};

use super::{Pump, Step, server_failed};
use crate::Refusal;
use crate::scratch::{with_scratch, with_vec};
use crate::session::Subprotocol;
use crate::session::ending::{Failure, viewer_failed};
use crate::session::viewer::text_refused;
use crate::sessions::control::Said;

/// Bytes that are read from the viewer at a time.
const INPUT_READ: usize = 64 * 1024;

impl Pump {
    /// One read from the viewer, unmasked where it lies.
    pub(super) fn carry_input(&mut self, cx: &mut Context<'_>) -> Step {
        let flushed = self.to_server.poll_flush(cx, &self.server);
        if flushed.map_err(|error| server_failed(&error))?.is_pending() {
            // The viewer may well have answered; it is only not listened to.
            self.clock.note_heard();
            return self.patience.wait(cx, self.to_server.len()).map(|()| 0);
        }
        self.patience.is_over();
        if let Some(since) = self.input_waits.take() {
            self.entry.note_taken_after(net::clock::now() - since);
        }
        with_scratch(|scratch| {
            let input = &mut scratch[..INPUT_READ];
            match self.viewer.poll_read(cx, input) {
                Poll::Pending => Ok(0),
                Poll::Ready(Ok(0)) => Err(Failure::gone("viewer: end of stream")),
                Poll::Ready(Ok(n)) => self.handle_input(cx, &mut scratch[..n]).map(|()| n),
                Poll::Ready(Err(error)) => Err(viewer_failed(error)),
            }
        })
    }

    fn handle_input(&mut self, cx: &mut Context<'_>, mut bytes: &mut [u8]) -> Result<(), Failure> {
        self.clock.note_heard();
        with_vec(|out| {
            let mut ended = None;
            while ended.is_none() {
                match self.receiver.handle(&mut bytes) {
                    Ok(Some(event)) => ended = self.handle_event(cx, event, out).err(),
                    Ok(None) => break,
                    Err(error) => ended = Some(Failure::frames(error)),
                }
            }
            // What came before the end still counts.
            let sent = self.to_server.write(cx, &self.server, out);
            match self.to_server.is_empty() {
                _ if out.is_empty() => {}
                true => self.entry.note_taken_at_once(),
                false => self.input_waits = Some(net::clock::now()),
            }
            match (ended, sent) {
                (Some(failure), _) => Err(failure),
                (None, sent) => sent.map(drop).map_err(|error| server_failed(&error)),
            }
        })?;
        self.send_owed(cx)
    }

    fn handle_event(
        &mut self,
        cx: &mut Context<'_>,
        event: Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Failure> {
        match event {
            Event::Data {
                text: false,
                payload,
                ..
            } => self.pass(payload, out),
            Event::Data { payload, last, .. } if self.protocol == Subprotocol::Portway => {
                let listener = self.listener.get_or_insert_default();
                if let Some(said) = listener.hear(payload, last, net::clock::now()) {
                    self.heed(said);
                }
                Ok(())
            }
            Event::Data { .. } => Err(text_refused()),
            Event::Ping(payload) => self.send_control(cx, Opcode::Pong, &payload),
            Event::Pong(payload) => {
                let Some(rtt) = self.clock.note_pong(&payload) else {
                    return Ok(());
                };
                self.entry.set_rtt(rtt);
                let rtt_ms = rtt.as_micros() as f64 / 1000.0;
                self.say(cx, &format!("{{\"type\":\"quality\",\"rtt_ms\":{rtt_ms}}}"))
            }
            Event::Close(close) => Err(Failure::closed(close.code)),
        }
    }

    /// Takes RFB bytes of the viewer: notes them, and appends what may pass to `out`.
    pub(super) fn pass(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let start = out.len();
        let taps_wait = self
            .screen
            .as_mut()
            .is_some_and(|screen| screen.taps().wait());
        let passed = self.pass_noted(payload, out);
        // The request that a recording should have begun with, and what came behind it, do not
        // reach the machine when the recording could not begin.
        if passed.is_err() && taps_wait {
            out.truncate(start);
        }
        passed
    }

    fn pass_noted(&mut self, payload: &mut [u8], out: &mut Vec<u8>) -> Result<(), Failure> {
        let before = self.follow.counts();
        self.entry.add_in(payload.len() as u64);
        let passed = self.follow.pass(payload, out);
        let counts = self.follow.counts();
        // Where nothing can be told apart, everything is input.
        if counts.map(|counts| counts.inputs()) != before.map(|counts| counts.inputs())
            || counts.is_none()
        {
            self.entry.note_input(self.clock.note_input());
        }
        if let Some(counts) = counts {
            self.entry.set_messages_in(counts.messages);
        }
        passed.map_err(|violation| Failure::told(Refusal::Violation, violation.to_string()))?;
        self.tell_server(out);
        self.note_input(before)
    }

    /// Does what the page said.
    fn heed(&mut self, said: Said) {
        match said {
            Said::Here => self.entry.note_input(self.clock.note_input()),
            Said::Wish(wish) => self.entry.wish(wish),
        }
    }
}
