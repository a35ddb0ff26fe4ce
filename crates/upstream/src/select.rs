//! The methods: which peer a request goes to.

use std::time::Instant;

use crate::group::PeerId;
use crate::method::{Better, Method};
use crate::search::{Search, TRIES};
use crate::server::Use;
use crate::table::Table;
use crate::wheel::{Best, Seat};

/// Which peers share in a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// All of them.
    All,
    /// The least loaded ones, if there are several.
    LeastLoaded,
}

/// A peer that is looked at one by one in a turn, and what it gets.
struct Share {
    at: u32,
    share: i64,
}

impl Table {
    /// Chooses a peer by the group's method.
    pub(crate) fn select(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        match self.method {
            Method::RoundRobin => self.round_robin(search, now),
            Method::LeastConn => self.least_conn(search, now),
            Method::IpHash => self.ip_hash(search, now),
            Method::Hash => self.hash(search, now),
            Method::ConsistentHash => self.consistent_hash(search, now),
            Method::Random => self.random_one(search, now),
            Method::RandomTwo(better) => self.random_two(better, search, now),
            Method::LeastTime(times) => self.least_time(times, search, now),
        }
    }

    /// `ngx_http_upstream_get_round_robin_peer`
    pub(crate) fn round_robin(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        if self.is_single() {
            return self.single(search, now);
        }
        loop {
            let tier = search.tier();
            let hinted = self.hinted(tier, search, now);
            if let Some(at) = hinted
                && self.is_overdrawn(tier, at)
            {
                return Some(self.choose(tier, at, search, now));
            }
            if let Some(at) = self.turn(tier, Turn::All, hinted, search, now) {
                return Some(self.choose(tier, at, search, now));
            }
            if !self.use_backups(search) {
                return None;
            }
        }
    }

    /// The only peer: its failures do not matter, since there is no other one.
    pub(crate) fn single(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        let slot = &self.slots[self.slot_at(0, 0) as usize];
        let free = slot.member.used == Use::Normal && slot.health.is_good() && !slot.is_full();
        let usable = free || self.hinted(0, search, now).is_some();
        usable.then(|| self.choose(0, 0, search, now))
    }

    /// Whether a peer that clients ask for got so much more than its share that it is no use to
    /// account for it: the others shall not starve when these clients have gone.
    fn is_overdrawn(&self, tier: usize, at: u32) -> bool {
        let slot = &self.slots[self.slot_at(tier, at) as usize];
        let low = -(self.tiers[tier].total_weight - slot.member.weight);
        self.tiers[tier].wheel.current(slot.seat) <= low
    }

    /// `ngx_http_upstream_get_least_conn_peer`
    fn least_conn(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        if self.is_single() {
            return self.single(search, now);
        }
        loop {
            let tier = search.tier();
            let at = match self.hinted(tier, search, now) {
                Some(at) => Some(at),
                None => self.turn(tier, Turn::LeastLoaded, None, search, now),
            };
            if let Some(at) = at {
                return Some(self.choose(tier, at, search, now));
            }
            if !self.use_backups(search) {
                return None;
            }
        }
    }

    /// One turn of the wheel without the peers that were tried. With `preferred`, that peer pays
    /// for the turn in place of the best.
    fn turn(
        &mut self,
        tier: usize,
        turn: Turn,
        preferred: Option<u32>,
        search: &Search,
        now: Instant,
    ) -> Option<u32> {
        self.wake(tier, now);
        let tried: Vec<u32> = search.tried.iter().map(|id| id.0).collect();
        tried.iter().for_each(|&slot| self.leave(slot));
        let chosen = match turn {
            Turn::All => self.turn_all(tier, preferred, now),
            Turn::LeastLoaded => self.turn_least_loaded(tier, now),
        };
        tried.iter().for_each(|&slot| self.refresh(slot, now));
        chosen
    }

    fn turn_all(&mut self, tier: usize, preferred: Option<u32>, now: Instant) -> Option<u32> {
        let slow = self.shares(tier, now);
        let (mut total, mut best) = self.tiers[tier].wheel.turn(None);
        total += self.give(tier, &slow, &mut best, now);
        let at = preferred
            .or(best.map(|best| best.at))
            .or_else(|| self.tiers[tier].wheel.slow().first().copied())?;
        self.pay(tier, at, total, now);
        Some(at)
    }

    fn turn_least_loaded(&mut self, tier: usize, now: Instant) -> Option<u32> {
        let mut slow = self.shares(tier, now);
        let least = self.tiers[tier].wheel.least();
        let key_of = |table: &Self, share: &Share| match table.seat(tier, share.at) {
            Seat::Slow(key, _) | Seat::In(key, _) => Some(key),
            Seat::Out(_) => None,
        };
        let keys = slow.iter().filter_map(|share| key_of(self, share));
        let Some(key) = keys.chain(least.map(|(key, _)| key)).min() else {
            return self.tiers[tier].wheel.slow().first().copied();
        };
        slow.retain(|share| key_of(self, share).is_some_and(|own| own.compare(&key).is_eq()));
        let least = least.filter(|(own, _)| own.compare(&key).is_eq());
        match (least, &slow[..]) {
            (Some((_, 1)), []) => self.tiers[tier].wheel.first_of_least(),
            (None, [one]) => Some(one.at),
            _ => {
                let (mut total, mut best) = match least {
                    Some(_) => self.tiers[tier].wheel.turn(Some(key)),
                    None => (0, None),
                };
                total += self.give(tier, &slow, &mut best, now);
                let at = best?.at;
                self.pay(tier, at, total, now);
                Some(at)
            }
        }
    }

    fn seat(&self, tier: usize, at: u32) -> Seat {
        self.slots[self.slot_at(tier, at) as usize].seat
    }

    /// What those get that are looked at one by one; who gets nothing yet is left out.
    fn shares(&mut self, tier: usize, now: Instant) -> Vec<Share> {
        if !self.tiers[tier].wheel.has_slow() {
            return Vec::new();
        }
        let mut shares = Vec::new();
        for at in self.tiers[tier].wheel.slow() {
            let slot = self.slot_at(tier, at);
            let slot = &mut self.slots[slot as usize];
            let share = slot.contribution(now);
            if slot.ramp.is_none() || share > 0 {
                shares.push(Share { at, share });
            }
        }
        shares
    }

    /// Gives them their shares; each recovers a bit by that.
    fn give(
        &mut self,
        tier: usize,
        shares: &[Share],
        best: &mut Option<Best>,
        now: Instant,
    ) -> i64 {
        let mut total = 0;
        for &Share { at, share } in shares {
            let slot = self.slot_at(tier, at);
            let entry = &mut self.slots[slot as usize];
            let Seat::Slow(key, current) = entry.seat else {
                continue;
            };
            let current = current + share;
            entry.seat = Seat::Slow(key, current);
            total += share;
            if entry.effective_weight < entry.member.weight {
                entry.effective_weight += 1;
            }
            *best = Some(Best::of(*best, Best { at, current }));
            self.refresh(slot, now);
        }
        total
    }

    /// Takes the sum of all shares from the one that was chosen.
    fn pay(&mut self, tier: usize, at: u32, total: i64, now: Instant) {
        let slot = self.slot_at(tier, at);
        self.leave(slot);
        let entry = &mut self.slots[slot as usize];
        if let Seat::Out(current) = entry.seat {
            entry.seat = Seat::Out(current - total);
        }
        self.refresh(slot, now);
    }

    /// `ngx_http_upstream_get_ip_hash_peer`
    fn ip_hash(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        let tier = search.tier();
        if search.tries > TRIES || self.tiers[tier].order.len() < 2 {
            return self.round_robin(search, now);
        }
        let mut hash = search.hash.unwrap_or(89);
        if let Some(at) = self.hinted(tier, search, now) {
            return Some(self.choose(tier, at, search, now));
        }
        loop {
            for &byte in &search.key {
                hash = (hash * 113 + u32::from(byte)) % 6271;
            }
            let at = self.at_hash(tier, hash);
            if self.is_free(tier, at, search, now) {
                search.hash = Some(hash);
                return Some(self.choose(tier, at, search, now));
            }
            search.tries += 1;
            if search.tries > TRIES {
                return self.round_robin(search, now);
            }
        }
    }

    /// `ngx_http_upstream_get_hash_peer`, compatible with Cache::Memcached:
    /// `((crc32([REHASH] KEY) >> 16) & 0x7fff) + PREVIOUS`
    fn hash(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        let tier = search.tier();
        if search.tries > TRIES || self.tiers[tier].order.len() < 2 || search.key.is_empty() {
            return self.round_robin(search, now);
        }
        if let Some(at) = self.hinted(tier, search, now) {
            return Some(self.choose(tier, at, search, now));
        }
        loop {
            let mut hasher = crc32fast::Hasher::new();
            if search.rehash > 0 {
                hasher.update(search.rehash.to_string().as_bytes());
            }
            hasher.update(&search.key);
            search.rehash += 1;
            let hash = search.hash.unwrap_or(0) + ((hasher.finalize() >> 16) & 0x7fff);
            search.hash = Some(hash);
            let at = self.at_hash(tier, hash);
            if self.is_free(tier, at, search, now) {
                return Some(self.choose(tier, at, search, now));
            }
            search.tries += 1;
            if search.tries > TRIES {
                return self.round_robin(search, now);
            }
        }
    }

    fn at_hash(&self, tier: usize, hash: u32) -> u32 {
        let tier = &self.tiers[tier];
        tier.at_weight(i64::from(hash) % tier.total_weight.max(1))
    }

    /// `ngx_http_upstream_get_chash_peer`
    fn consistent_hash(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        if search.tries > TRIES || self.is_single() || search.key.is_empty() {
            return self.round_robin(search, now);
        }
        let tier = search.tier();
        if self.tiers[tier].order.is_empty() {
            return None;
        }
        let mut point = match search.hash {
            Some(point) => point,
            None => self.ring.find(crc32fast::hash(&search.key)) as u32,
        };
        search.hash = Some(point);
        if let Some(at) = self.hinted(tier, search, now) {
            return Some(self.choose(tier, at, search, now));
        }
        loop {
            if let Some(at) = self.turn_server(tier, point, search, now) {
                return Some(self.choose(tier, at, search, now));
            }
            point += 1;
            search.hash = Some(point);
            search.tries += 1;
            if search.tries > TRIES {
                return self.round_robin(search, now);
            }
        }
    }

    /// Round robin among the addresses of the server of a point.
    fn turn_server(
        &mut self,
        tier: usize,
        point: u32,
        search: &Search,
        now: Instant,
    ) -> Option<u32> {
        let server = self.ring.server(point as usize)?;
        let peers: Vec<u32> = self.tiers[tier].of_server(server).to_vec();
        let mut total = 0;
        let mut best: Option<Best> = None;
        for at in peers {
            if !self.is_free(tier, at, search, now) {
                continue;
            }
            let slot = self.slot_at(tier, at);
            self.leave(slot);
            let entry = &mut self.slots[slot as usize];
            let Seat::Out(mut current) = entry.seat else {
                continue;
            };
            current += entry.effective_weight;
            total += entry.effective_weight;
            entry.seat = Seat::Out(current);
            if entry.effective_weight < entry.member.weight {
                entry.effective_weight += 1;
            }
            best = Some(Best::of(best, Best { at, current }));
            self.refresh(slot, now);
        }
        let at = best?.at;
        self.pay(tier, at, total, now);
        Some(at)
    }

    /// `ngx_http_upstream_get_random_peer`
    fn random_one(&mut self, search: &mut Search, now: Instant) -> Option<PeerId> {
        let tier = search.tier();
        if search.tries > TRIES || self.tiers[tier].order.len() < 2 {
            return self.round_robin(search, now);
        }
        if let Some(at) = self.hinted(tier, search, now) {
            return Some(self.choose(tier, at, search, now));
        }
        loop {
            let at = self.at_random(tier);
            if self.is_free(tier, at, search, now) {
                return Some(self.choose(tier, at, search, now));
            }
            search.tries += 1;
            if search.tries > TRIES {
                return self.round_robin(search, now);
            }
        }
    }

    /// `ngx_http_upstream_get_random2_peer`
    fn random_two(&mut self, better: Better, search: &mut Search, now: Instant) -> Option<PeerId> {
        let tier = search.tier();
        if search.tries > TRIES || self.tiers[tier].order.len() < 2 {
            return self.round_robin(search, now);
        }
        if let Some(at) = self.hinted(tier, search, now) {
            return Some(self.choose(tier, at, search, now));
        }
        let mut first: Option<u32> = None;
        loop {
            let at = self.at_random(tier);
            if first != Some(at) && self.is_free(tier, at, search, now) {
                if let Some(first) = first {
                    let at = self.better_of(better, tier, [first, at], now);
                    return Some(self.choose(tier, at, search, now));
                }
                first = Some(at);
            }
            search.tries += 1;
            if search.tries > TRIES {
                return self.round_robin(search, now);
            }
        }
    }

    fn at_random(&mut self, tier: usize) -> u32 {
        let random = (self.random() >> 33) as i64;
        let tier = &self.tiers[tier];
        tier.at_weight(random % tier.total_weight.max(1))
    }

    /// The second of two unless the first is better.
    fn better_of(&self, better: Better, tier: usize, two: [u32; 2], now: Instant) -> u32 {
        let cost = |at: u32| {
            let slot = &self.slots[self.slot_at(tier, at) as usize];
            let cost = match better {
                Better::LeastConn => u64::from(slot.conns),
                Better::LeastTime(until) => self.expected(slot, until, now),
            };
            (u128::from(cost), slot.member.weight as u128)
        };
        let ((first, first_weight), (second, second_weight)) = (cost(two[0]), cost(two[1]));
        match second * first_weight > first * second_weight {
            true => two[0],
            false => two[1],
        }
    }
}
