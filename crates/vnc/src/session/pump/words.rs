//! What the gateway itself says to a viewer in the middle of a session: words for pages of ours,
//! and the control frames of every WebSocket.

use std::task::Context;

use proto::ws::{self, FrameHeader, Opcode, Sender};

use net::splice::FILL_MAX;

use super::Pump;
use crate::session::Subprotocol;
use crate::session::ending::{Failure, viewer_failed};

/// Beyond what is owed to a viewer at most after one read, answers to its pings are left out.
const PONG_OWED_MAX: usize = FILL_MAX + 4096;

impl Pump {
    /// Shows the page what others have for it, once it keeps up.
    pub(super) fn pass_words_on(&mut self, cx: &mut Context<'_>) -> Result<(), Failure> {
        if self.to_viewer.len() > PONG_OWED_MAX {
            return Ok(());
        }
        for words in self.entry.words() {
            self.say(cx, &words)?;
        }
        Ok(())
    }

    pub(super) fn send_control(
        &mut self,
        cx: &mut Context<'_>,
        opcode: Opcode,
        payload: &[u8],
    ) -> Result<(), Failure> {
        // RFC 6455 §5.5.3: not every ping needs an answer of its own.
        if self.to_viewer.len() > PONG_OWED_MAX {
            return Ok(());
        }
        let mut frame = Vec::new();
        ws::encode_control(Sender::Server, opcode, payload, &mut frame);
        self.to_viewer
            .write(cx, &self.viewer, &frame)
            .map(drop)
            .map_err(viewer_failed)
    }

    /// Tells the page that the session is about to end; other pages cannot show it.
    pub(super) fn warn(
        &mut self,
        cx: &mut Context<'_>,
        reason: &str,
        seconds: u64,
    ) -> Result<(), Failure> {
        let text =
            format!("{{\"type\":\"warning\",\"reason\":\"{reason}\",\"seconds\":{seconds}}}");
        self.say(cx, &text)
    }

    /// Tells the page that it is not.
    pub(super) fn unwarn(&mut self, cx: &mut Context<'_>, reason: &str) -> Result<(), Failure> {
        let text = format!("{{\"type\":\"warning\",\"reason\":\"{reason}\",\"over\":true}}");
        self.say(cx, &text)
    }

    /// Sends JSON to a page of ours; others would not understand it. To one that does not keep up
    /// it is left out.
    pub(super) fn say(&mut self, cx: &mut Context<'_>, text: &str) -> Result<(), Failure> {
        if self.protocol != Subprotocol::Portway || self.to_viewer.len() > PONG_OWED_MAX {
            return Ok(());
        }
        let header = FrameHeader {
            opcode: Opcode::Text,
            ..FrameHeader::binary(text.len() as u64)
        };
        let frame = [&header.encode()[..], text.as_bytes()].concat();
        self.to_viewer
            .write(cx, &self.viewer, &frame)
            .map(drop)
            .map_err(viewer_failed)
    }
}
