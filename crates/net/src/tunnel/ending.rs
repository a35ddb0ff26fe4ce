//! Ending a tunnel that would go on: by order, or because a frame broke a rule.
//!
//! A WebSocket is told with a close frame at its next boundary. What its peers still send is read
//! and dropped for a while: closing a socket with unread bytes resets the connection, and a reset
//! may overtake the close frame.

use std::task::Context;
use std::time::{Duration, Instant};

use proto::ws::close;

use super::frames::Insert;
use super::{Action, Order, Phase, Reason, Side, Tunnel};
use crate::clock;

/// How long a WebSocket has to close in order once its client was told to come back.
const DRAIN_TIME: Duration = Duration::from_secs(10);

/// How long both sides have to read our close frame and close.
const CLOSE_TIME: Duration = Duration::from_secs(1);

impl Tunnel {
    pub(super) fn handle_order(&mut self, order: Order) {
        match (&self.phase, order.action) {
            (Phase::Closing(..) | Phase::Over, _) | (Phase::Draining(..), Action::Drain) => {}
            _ if order.at > clock::now() => self.phase = Phase::Ordered(order),
            _ => self.obey(order),
        }
    }

    /// Carries out an order whose time has come.
    pub(super) fn obey(&mut self, order: Order) {
        match order.action {
            Action::Cut => self.close(Reason::Ordered(order), order.code, order.code),
            Action::Drain if self.down.frames.is_some() => {
                self.down.request(Insert::Close(order.code));
                self.phase = Phase::Draining(order, clock::now() + DRAIN_TIME);
            }
            // Nothing in the protocol could say it.
            Action::Drain => self.phase = Phase::Open,
        }
    }

    /// Begins to close, with these codes for a WebSocket; at once for anything else.
    pub(super) fn close(&mut self, reason: Reason, downstream: u16, upstream: u16) {
        self.down.request(Insert::Close(downstream));
        self.up.request(Insert::Close(upstream));
        let wait = match self.down.frames {
            Some(_) => CLOSE_TIME,
            None => Duration::ZERO,
        };
        self.phase = Phase::Closing(Box::new(reason), clock::now() + wait);
    }

    /// Closes if a frame broke a rule.
    pub(super) fn handle_violation(&mut self, cx: &mut Context<'_>) {
        if matches!(self.phase, Phase::Closing(..)) {
            return;
        }
        if let Some(error) = self.up.violation() {
            let code = error.close_code();
            self.close(
                Reason::Frame(Side::Downstream, error),
                code,
                close::GOING_AWAY,
            );
        } else if let Some(error) = self.down.violation() {
            let code = error.close_code();
            self.close(
                Reason::Frame(Side::Upstream, error),
                close::GOING_AWAY,
                code,
            );
        } else {
            return;
        }
        cx.waker().wake_by_ref();
    }

    /// When the phase ends by itself.
    pub(super) fn phase_ends(&self) -> Option<Instant> {
        match &self.phase {
            Phase::Ordered(order) => Some(order.at),
            Phase::Draining(_, until) | Phase::Closing(_, until) => Some(*until),
            Phase::Open | Phase::Over => None,
        }
    }

    /// The phase's time has come. `Some` is the end.
    pub(super) fn end_phase(&mut self) -> Option<Reason> {
        match std::mem::replace(&mut self.phase, Phase::Over) {
            Phase::Ordered(order) => self.obey(order),
            Phase::Draining(order, _) => {
                self.close(Reason::Ordered(order), order.code, order.code);
            }
            Phase::Closing(reason, _) => return Some(*reason),
            phase @ (Phase::Open | Phase::Over) => self.phase = phase,
        }
        None
    }
}
