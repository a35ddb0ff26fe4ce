//! `least_time`: the peer that is expected to be done first
//! (`ngx_http_upstream_least_time_module`).
//!
//! What is expected of a peer changes with time alone, so every peer is looked at for each request.

use std::time::{Duration, Instant};

use crate::group::PeerId;
use crate::member::{Slot, Times};
use crate::method::{LeastTime, Until};
use crate::search::Search;
use crate::table::Table;
use crate::wheel::{Best, Seat};

/// Slower than this is as slow as any, in milliseconds.
const SLOWEST: u64 = 5000;
/// Times closer than this are taken as equal, in milliseconds.
const GRAIN: u64 = 20;

/// How long an answer took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Took {
    /// Until its head was there.
    pub header: Duration,
    /// Until all of it was there.
    pub response: Duration,
}

impl Table {
    /// `ngx_http_upstream_get_least_time_peer`
    pub(crate) fn least_time(
        &mut self,
        times: LeastTime,
        search: &mut Search,
        now: Instant,
    ) -> Option<PeerId> {
        let id = self.least_time_of(times, search, now)?;
        if times.inflight {
            let now = self.millis(now);
            let times = &mut self.slots[id.0 as usize].times;
            times.inflight_last += (now - times.inflight_changed) * times.inflight_requests;
            times.inflight_changed = now;
            times.inflight_requests += 1;
        }
        Some(id)
    }

    fn least_time_of(
        &mut self,
        times: LeastTime,
        search: &mut Search,
        now: Instant,
    ) -> Option<PeerId> {
        if self.is_single() {
            return self.single(search, now);
        }
        loop {
            let tier = search.tier();
            if let Some(at) = self.hinted(tier, search, now) {
                return Some(self.choose(tier, at, search, now));
            }
            if let Some(at) = self.soonest(times.until, tier, search, now) {
                return Some(self.choose(tier, at, search, now));
            }
            if !self.use_backups(search) {
                return None;
            }
        }
    }

    fn soonest(&mut self, until: Until, tier: usize, search: &Search, now: Instant) -> Option<u32> {
        let millis = self.millis(now);
        let free: Vec<u32> = (0..self.tiers[tier].order.len() as u32)
            .filter(|&at| self.is_free(tier, at, search, now))
            .collect();
        let mut expected = Vec::with_capacity(free.len());
        for at in free {
            let slot = self.slot_at(tier, at);
            let slot = &mut self.slots[slot as usize];
            slot.times.watch_inflight(millis);
            let weight = slot.member.weight as u128;
            let slot = &self.slots[self.slot_at(tier, at) as usize];
            expected.push((at, u128::from(self.expected(slot, until, now)), weight));
        }
        let earlier = |a: &(u32, u128, u128), b: &(u32, u128, u128)| (a.1 * b.2).cmp(&(b.1 * a.2));
        let &first = expected.iter().min_by(|a, b| earlier(a, b))?;
        expected.retain(|one| earlier(one, &first).is_eq());
        if expected.len() == 1 {
            return Some(first.0);
        }
        self.round_among(tier, &expected)
    }

    /// Round robin among those that are expected to be done at the same time.
    fn round_among(&mut self, tier: usize, equal: &[(u32, u128, u128)]) -> Option<u32> {
        let mut total = 0;
        let mut best: Option<Best> = None;
        for &(at, ..) in equal {
            let slot = self.slot_at(tier, at);
            let entry = &mut self.slots[slot as usize];
            let Seat::Out(current) = entry.seat else {
                continue;
            };
            let current = current + entry.effective_weight;
            total += entry.effective_weight;
            entry.seat = Seat::Out(current);
            if entry.effective_weight < entry.member.weight {
                entry.effective_weight += 1;
            }
            best = Some(Best::of(best, Best { at, current }));
        }
        let Best { at, current } = best?;
        let slot = self.slot_at(tier, at);
        self.slots[slot as usize].seat = Seat::Out(current - total);
        Some(at)
    }

    /// Milliseconds that a peer is expected to need for what it has to do and one request more.
    pub(crate) fn expected(&self, slot: &Slot, until: Until, now: Instant) -> u64 {
        let times = &slot.times;
        let mut time = match until {
            Until::Header => times.header,
            Until::LastByte => times.response,
        };
        let unused = slot.checked.map_or(Duration::MAX, |checked| now - checked);
        if unused > slot.member.fail_timeout {
            // As nginx: a peer that was not asked for long is thought to be faster by half each
            // `fail_timeout`, so that it gets another chance.
            let halvings = unused.as_secs() / (slot.member.fail_timeout.as_secs() + 1);
            time = time.checked_shr(halvings.min(63) as u32).unwrap_or(0);
        }
        if times.inflight_requests > 0 {
            time = time.max(times.inflight);
        }
        let time = match time > SLOWEST {
            true => SLOWEST,
            false => time + GRAIN - time % GRAIN,
        };
        time * (1 + u64::from(slot.conns))
    }

    /// Notes that the head of an answer is there, where that is what is waited for; true if the
    /// request is not in flight any more.
    pub(crate) fn note_header(&mut self, id: PeerId, took: Duration, now: Instant) -> bool {
        let Some(LeastTime {
            until: Until::Header,
            inflight: true,
        }) = self.method.times()
        else {
            return false;
        };
        let now = self.millis(now);
        let times = &mut self.slots[id.0 as usize].times;
        let took = took.as_millis() as u64;
        average(&mut times.header, took);
        times.land(took, now);
        true
    }

    /// Notes how long an answer took; `None` if there was none.
    pub(crate) fn note_times(
        &mut self,
        id: PeerId,
        took: Option<Took>,
        inflight: Option<Duration>,
        now: Instant,
    ) {
        let Some(method) = self.method.times() else {
            return;
        };
        let now = self.millis(now);
        let times = &mut self.slots[id.0 as usize].times;
        if let Some(elapsed) = inflight.filter(|_| method.inflight) {
            times.land(elapsed.as_millis() as u64, now);
        }
        let Some(took) = took else { return };
        average(&mut times.response, took.response.as_millis() as u64);
        if !(method.inflight && method.until == Until::Header) {
            average(&mut times.header, took.header.as_millis() as u64);
        }
    }

    fn millis(&self, now: Instant) -> u64 {
        (now - self.epoch).as_millis() as u64
    }
}

impl Times {
    /// Takes the age of what is in flight into its average.
    fn watch_inflight(&mut self, now: u64) {
        if let Some(mean) = self.inflight_last.checked_div(self.inflight_requests) {
            average(&mut self.inflight, mean + now - self.inflight_changed);
        }
    }

    /// A request that took `took` is not in flight any more.
    fn land(&mut self, took: u64, now: u64) {
        if self.inflight_requests <= 1 {
            self.inflight_last = 0;
        } else {
            let spent = (now - self.inflight_changed) * self.inflight_requests;
            self.inflight_last = (self.inflight_last + spent).saturating_sub(took);
            self.inflight_changed = now;
        }
        self.inflight_requests = self.inflight_requests.saturating_sub(1);
    }
}

/// Exponential moving average, rounded.
fn average(average: &mut u64, value: u64) {
    *average = match *average {
        0 => value,
        old => (0.5 + value as f64 * 0.05 + old as f64 * 0.95) as u64,
    };
}
