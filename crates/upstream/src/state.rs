//! What becomes of a peer's state: after a request, after a check.

use std::sync::Arc;
use std::time::Instant;

use crate::group::{Outcome, PeerId, Watched};
use crate::health::{Patience, Verdict};
use crate::member::Slot;
use crate::table::Table;

impl Table {
    /// `ngx_http_upstream_free_round_robin_peer`. True if this took the peer out of use.
    pub(crate) fn release(&mut self, id: PeerId, outcome: Outcome, now: Instant) -> bool {
        let single = self.is_single();
        let slot = &mut self.slots[id.0 as usize];
        slot.conns = slot.conns.saturating_sub(1);
        let disabled = slot.note(outcome, single, now);
        self.refresh(id.0, now);
        self.free_if_unused(id.0);
        disabled
    }

    pub(crate) fn note_check(
        &mut self,
        peer: &Watched,
        passed: bool,
        patience: Patience,
    ) -> Option<Verdict> {
        let now = Instant::now();
        let slot = self.slots.get_mut(peer.slot())?;
        // The slot may be another peer's by now.
        if !Arc::ptr_eq(&slot.member, &peer.member) || slot.place.is_none() {
            return None;
        }
        let awaited = slot.health.verdict == Verdict::Awaited;
        let verdict = slot.health.note(passed, patience)?;
        if verdict == Verdict::Good && !awaited {
            slot.fails = 0;
            slot.ramp_up(now);
        }
        self.refresh(peer.slot() as u32, now);
        Some(verdict)
    }
}

impl Slot {
    fn note(&mut self, outcome: Outcome, single: bool, now: Instant) -> bool {
        if single {
            self.fails = 0;
            return false;
        }
        if outcome != Outcome::Failed {
            if self.accessed < self.checked {
                self.fails = 0;
            }
            return false;
        }
        self.fails += 1;
        self.accessed = Some(now);
        self.checked = Some(now);
        if self.member.max_fails == 0 {
            return false;
        }
        let less = self.member.weight / i64::from(self.member.max_fails);
        self.effective_weight = (self.effective_weight - less).max(0);
        self.fails >= self.member.max_fails
    }
}
